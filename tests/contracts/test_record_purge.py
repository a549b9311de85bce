"""Every promise of `RecordPurge`: on the fake, on the sandbox as each kind of server, on one written by others.

The table says of each place by which means it gets rid of versions and what comes of it; a server that is mended makes
its line fail.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_purge import FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import NotFound, RecordRefused
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase, PatientId, Reference
from smart_launch.transport import Transport
from tests.conftest import OwnStores
from tests.contracts.purge_promises import PROMISES, Place, Promise
from tests.contracts.sekmet_server import running_sekmet
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge, PurgeLie

Json = dict[str, Any]

PLACES: Mapping[str, tuple[str, str]] = {
    "fake": ("expunge", "gone"),
    "fake-none": ("none", "kept"),
    "fake-lies": ("expunge", "kept"),
    "fake-half": ("expunge", "half"),
    "fake-forbidden": ("expunge", "forbidden"),
    "sandbox-default": ("expunge", "gone"),
    "sandbox-hapi": ("expunge", "gone"),
    "sandbox-medplum": ("medplum-expunge", "gone"),
    "sandbox-erase": ("erase", "gone"),
    "sandbox-google-purge": ("google-purge", "gone"),
    "sandbox-purge-history": ("purge-history", "gone"),
    "sandbox-delete-history": ("delete-history", "gone"),
    "sandbox-no-purge": ("none", "kept"),
    "sandbox-purge-lies": ("expunge", "kept"),
    "sandbox-purge-half": ("expunge", "half"),
    "sandbox-purge-forbidden": ("expunge", "forbidden"),
    "sekmet": ("none", "kept"),
}
"""Place -> its means, and what is left of a deleted resource after a purge."""


@pytest.fixture(scope="session")
def bases() -> Iterator[Mapping[str, FhirBase]]:
    with contextlib.ExitStack() as running:
        found = {"sekmet": running.enter_context(running_sekmet())}
        for name in PLACES:
            kind, _, personality = name.partition("-")
            if kind == "sandbox":
                config = SandboxConfig(personality=personality, open=True)
                found[name] = FhirBase(running.enter_context(running_sandbox(config)).fhir_base)
        yield found


@pytest.fixture(scope="session")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=30, total_timeout=60)
    yield transport
    transport.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    name: str = request.param
    means, outcome = PLACES[name]
    if name.startswith("fake"):
        lies = {"lies": {PurgeLie.KEEPS}, "half": {PurgeLie.HALF}, "forbidden": {PurgeLie.FORBIDDEN}}
        record = FakeRecord()
        record.put({"resourceType": "Patient", "id": "a"})
        told = frozenset(lies.get(name.partition("-")[2], ()))
        return Place(record, FakeRecordPurge(record, means=means, lies=told), PatientId("a"), means, outcome)
    own: OwnStores = request.getfixturevalue("own")
    base: FhirBase = request.getfixturevalue("bases")[name]
    ehr = FhirServerRecord(request.getfixturevalue("transport"), base, binary_forms=BinaryForms())
    patient = PatientId(ehr.create({"resourceType": "Patient"}).id)
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    return Place(ehr, FhirPurge(ehr, companion, patient), patient, means, outcome)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(promise: Promise, place: Place) -> None:
    promise(place)


# ------------------------------------------------------------------------------------------ our own store


@pytest.mark.parametrize("kind", ["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def test_the_rows_of_the_companion_store_are_gone(kind: str, request: pytest.FixtureRequest) -> None:
    own: OwnStores = request.getfixturevalue(kind)
    base = FhirBase("https://ehr.example/fhir")
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    consent = {"resourceType": "Consent", "id": "c1", "patient": {"reference": "Patient/a"}}
    for status in ("draft", "active"):
        companion.put({**consent, "status": status})
    companion.put({**consent, "id": "c2"})
    companion.delete("Consent", "c1")
    assert companion.purge(Reference("Consent/c1")) == 3
    assert companion.purge(Reference("Consent/c1")) == 0
    with pytest.raises(NotFound):
        companion.history("Consent", "c1")
    with pytest.raises(NotFound):
        companion.read("Consent", "c1")
    assert companion.read("Consent", "c2")["id"] == "c2"
    assert companion.put({**consent, "status": "draft"}).version == "1"


def test_our_store_is_emptied_even_where_the_ehr_refuses(
    own: OwnStores, bases: Mapping[str, FhirBase], transport: Transport
) -> None:
    base = bases["sandbox-purge-forbidden"]
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    ehr = FhirServerRecord(transport, base)
    purge = FhirPurge(ehr, companion, None)
    companion.put({"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order"})
    assert list(purge.versions(Reference("Task/t1"))) == ["companion/1"]
    with pytest.raises(RecordRefused):
        purge.purge(Reference("Task/t1"))
    assert purge.versions(Reference("Task/t1")) == {}
