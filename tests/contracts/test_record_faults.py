"""The FHIR record when the network and the server misbehave, over real HTTP: what surely did not happen is told
from what nobody knows, and what nobody knows can be asked of the record afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import AnswerLost, NotFound, RecordRefused, RecordUnavailable, SignInNeeded
from fhir_plugin.ports import TransactionEntry
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.faults import Fault, Kind, Match
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from mappings.model.identifiers import FhirBase, Reference
from smart_launch.transport import Transport
from tests.conftest import OwnStores
from tests.contracts.record_places import Place, our_id

Write = Callable[[FhirServerRecord, Place, str], object]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(open=True)) as running:
        yield running


@pytest.fixture
def record(sandbox: RunningSandbox) -> Iterator[FhirServerRecord]:
    transport = Transport(read_timeout=1, total_timeout=20)
    yield FhirServerRecord(transport, FhirBase(sandbox.fhir_base))
    transport.close()


@pytest.fixture
def place(record: FhirServerRecord) -> Place:
    patient = record.create({"resourceType": "Patient"}).reference
    return Place("sandbox", record, patient, Reference("Patient/nobody"))


def strike(sandbox: RunningSandbox, kind: Kind, method: str, **more: float) -> None:
    fault = {"kind": kind, "match": Match(method=method, path="^/fhir"), "seconds": 3, **more}
    sandbox.faults.add(Fault.model_validate(fault))


def put(record: FhirServerRecord, place: Place, id: str) -> object:
    return record.put(place.media(id=id))


def transact(record: FhirServerRecord, place: Place, id: str) -> object:
    return record.transact([TransactionEntry("PUT", f"Media/{id}", place.media(id=id))])


WRITES = pytest.mark.parametrize(("method", "write"), [("PUT", put), ("POST", transact)], ids=["put", "transact"])


@WRITES
@pytest.mark.parametrize("kind", ["timeout-after-write", "error-after-write", "cut"])
def test_an_answer_that_was_lost_after_the_write(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, method: str, write: Write, kind: Kind
) -> None:
    id = our_id()
    strike(sandbox, kind, method)
    with pytest.raises(AnswerLost):
        write(record, place, id)
    assert record.read("Media", id)["status"] == "completed"


@WRITES
@pytest.mark.parametrize(
    ("kind", "expected"), [("too-many-requests", RecordUnavailable), ("unauthorised", SignInNeeded)]
)
def test_a_refusal_before_the_write(
    sandbox: RunningSandbox,
    record: FhirServerRecord,
    place: Place,
    method: str,
    write: Write,
    kind: Kind,
    expected: type[Exception],
) -> None:
    id = our_id()
    strike(sandbox, kind, method, retry_after=7)
    with pytest.raises(expected) as raised:
        write(record, place, id)
    if isinstance(raised.value, RecordUnavailable):
        assert raised.value.retry_after == 7
        with pytest.raises(RecordUnavailable) as waiting:
            write(record, place, id)  # the fault is spent: it is we who wait
        assert waiting.value.retry_after is not None and 0 < waiting.value.retry_after <= 7
    somebody_else = Transport()
    with pytest.raises(NotFound):
        FhirServerRecord(somebody_else, record.base).read("Media", id)
    somebody_else.close()


@WRITES
def test_a_503_that_gives_no_time_leaves_it_open(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, method: str, write: Write
) -> None:
    """A gateway says 503 when the server behind it broke off, too: it may have written."""
    strike(sandbox, "error-before-write", method)
    with pytest.raises(AnswerLost):
        write(record, place, our_id())


@WRITES
def test_a_write_that_was_never_stored_is_seen_by_reading_back(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, method: str, write: Write
) -> None:
    id = our_id()
    strike(sandbox, "not-stored", method)
    write(record, place, id)
    with pytest.raises(NotFound):
        record.read("Media", id)


def test_bytes_that_were_changed_are_seen_by_reading_back(sandbox: RunningSandbox, record: FhirServerRecord) -> None:
    content = bytes(range(256)) * 40
    stored = record.create_binary(content, "image/jpeg", id=our_id(), security_context=None)
    strike(sandbox, "corrupt", "GET")
    assert record.read_binary(stored.reference).content != content
    assert record.read_binary(stored.reference).content == content


@pytest.mark.parametrize("kind", ["timeout-after-write", "error-after-write", "cut", "error-before-write"])
def test_a_reading_that_failed_may_be_tried_again(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, kind: Kind
) -> None:
    stored, _ = place.make()
    strike(sandbox, kind, "GET")
    with pytest.raises(RecordUnavailable):
        record.read("Media", stored.id)
    assert record.read("Media", stored.id)["id"] == stored.id


def test_a_server_that_is_not_there_is_unavailable_even_for_a_write(place: Place) -> None:
    with running_sandbox(SandboxConfig(open=True)) as gone:
        base = FhirBase(gone.fhir_base)
    transport = Transport()
    record = FhirServerRecord(transport, base)
    for act in (lambda: record.read("Media", "m"), lambda: record.put(place.media(id="m")), record.capability):
        with pytest.raises(RecordUnavailable):
            act()
    transport.close()


def test_a_hosted_ehr_that_takes_documents_only_is_complemented(own: OwnStores) -> None:
    """One that never heard of Media and neither updates nor deletes: the rest is kept in the companion store."""
    transport = Transport()
    with running_sandbox(SandboxConfig(open=True, personality="documents-only")) as hosted:
        base = FhirBase(hosted.fhir_base)
        ehr = FhirServerRecord(transport, base)
        both = CompositeRecord(ehr, CompanionRecord(own.database, own.masters, base, own.clock))
        homes = {t: both.home(t) for t in ("DocumentReference", "Binary", "Consent", "Provenance", "Task")}
        assert homes == {
            "DocumentReference": "ehr",
            "Binary": "ehr",
            "Consent": "companion",
            "Provenance": "companion",
            "Task": "companion",
        }
        assert not both.capability().holds("Media")
        assert not both.capability().takes_our_id("DocumentReference")
        assert not both.capability().may_transact
        with pytest.raises(RecordRefused):
            ehr.put({"resourceType": "Consent", "id": our_id()})
        id = our_id()
        both.put({"resourceType": "Consent", "id": id, "patient": {"reference": "Patient/p"}})
        assert [found["id"] for found in both.search("Consent", {"patient": "p"})] == [id]
        assert both.read("Consent", id)["meta"]["versionId"] == "1"
        both.delete("Consent", id)
        assert both.search("Consent", {"patient": "p"}) == []
        transport.close()
