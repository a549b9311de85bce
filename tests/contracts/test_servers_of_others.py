"""Every promise of `ClinicalRecord` and of `RecordPurge`, and a conformance run, on servers that need more than Python:
a module of its own, so that each is started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_purge import FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.conformance.recording import RecordingTransport
from fhir_plugin.conformance.results import Verdict
from fhir_plugin.conformance.run import run
from mappings.model.identifiers import FhirBase, PatientId
from smart_launch.transport import Transport
from tests.conformance.servers_table import seen
from tests.conftest import OwnStores
from tests.contracts import purge_promises
from tests.contracts.record_places import Place, Promise, deviations_of
from tests.contracts.record_promises import PROMISES
from tests.servers.hapi_server import running_hapi
from tests.servers.medplum_router import running_medplum_router

SERVERS: Final[dict[str, Callable[[], AbstractContextManager[FhirBase]]]] = {
    "hapi": running_hapi,
    "medplum-router": running_medplum_router,
}
NEEDS: Final = {"hapi": ("javac", "mvn"), "medplum-router": ("node", "npm")}


def server(name: str) -> object:
    """The parameter of one server, with what the machine must have for it."""
    return pytest.param(name, marks=[pytest.mark.needs(tool) for tool in NEEDS[name]])


@pytest.fixture(scope="module")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=60, total_timeout=120)
    yield transport
    transport.close()


@pytest.fixture(scope="module", params=[server(name) for name in SERVERS])
def base(request: pytest.FixtureRequest) -> Iterator[tuple[str, FhirBase]]:
    with SERVERS[request.param]() as started:
        yield request.param, started


@pytest.fixture
def place(base: tuple[str, FhirBase], transport: Transport) -> Place:
    name, address = base
    record = FhirServerRecord(transport, address, binary_forms=BinaryForms())
    patients = [record.create({"resourceType": "Patient"}).reference for _ in range(2)]
    return Place(name, record, patients[0], patients[1], deviations_of(name))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(promise: Promise, place: Place) -> None:
    promise(place)


@pytest.fixture
def purging(base: tuple[str, FhirBase], transport: Transport, own: OwnStores) -> purge_promises.Place:
    _name, address = base
    ehr = FhirServerRecord(transport, address, binary_forms=BinaryForms())
    patient = PatientId(ehr.create({"resourceType": "Patient"}).id)
    companion = CompanionRecord(own.database, own.masters, address, own.clock)
    return purge_promises.Place(ehr, FhirPurge(ehr, companion, patient), patient, "expunge", "gone")


# The router's repository in memory keeps no history of what is deleted: there is nothing to purge.
@pytest.mark.parametrize("base", [server("hapi")], indirect=True, scope="module")
@pytest.mark.parametrize("promise", purge_promises.PROMISES, ids=lambda promise: promise.__name__)
def test_purging(promise: purge_promises.Promise, purging: purge_promises.Place) -> None:
    promise(purging)


def test_a_conformance_run(base: tuple[str, FhirBase]) -> None:
    """HAPI does what it says. The router says that it transacts, and leaves half of it."""
    name, address = base
    report = run(RecordingTransport(), address)
    failed = {each.name for each in report.results if each.verdict is Verdict.FAILED}
    assert failed == ({"transaction"} if name == "medplum-router" else set())
    assert not any(each.verdict is Verdict.NOT_RUN for each in report.results)
    assert report.left_behind == ()
    known = {"hapi": "HAPI FHIR JPA", "medplum-router": "Medplum router"}
    documented = {check["name"]: check["verdict"] for check in seen()[known[name]]["checks"]}
    assert {each.name: each.verdict.value for each in report.results} == documented, "docs/servers.md"
