"""Every promise of `ClinicalRecord`, on servers that need more than Python: a module of its own, so that each is
started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from mappings.model.identifiers import FhirBase
from smart_launch.transport import Transport
from tests.contracts.record_places import Place, Promise, deviations_of
from tests.contracts.record_promises import PROMISES
from tests.servers.hapi_server import running_hapi

pytestmark = [pytest.mark.needs("javac"), pytest.mark.needs("mvn")]


@pytest.fixture(scope="module")
def hapi() -> Iterator[FhirBase]:
    with running_hapi() as base:
        yield base


@pytest.fixture(scope="module")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=60, total_timeout=120)
    yield transport
    transport.close()


@pytest.fixture
def place(hapi: FhirBase, transport: Transport) -> Place:
    record = FhirServerRecord(transport, hapi, binary_forms=BinaryForms())
    patients = [record.create({"resourceType": "Patient"}).reference for _ in range(2)]
    return Place("hapi", record, patients[0], patients[1], deviations_of("hapi"))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(promise: Promise, place: Place) -> None:
    promise(place)
