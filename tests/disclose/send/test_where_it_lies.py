"""The same over our own stores and over servers of every kind: what lies where, and that none of it is in clear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.disclosure_requests import DatabaseDisclosureRequests
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.adapters.ledger_store import DatabaseLedger
from fhir_plugin.adapters.practice import DatabaseHolds
from fhir_plugin.disclose.send import pieces_of, resume_for, tidy
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ledger.intents import IntentState
from fhir_plugin.ports import ClinicalRecord
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.fhir.personality import personality_names
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.disclosure_request import RequestState
from mappings.model.identifiers import FhirBase, PatientId
from smart_launch.transport import Transport
from tests.conftest import OwnStores
from tests.disclose.send.bench import HERE, PIXELS, SEEN, SendBench, Stores, at_the_desk, photo, signed_request
from tests.disclose.send.test_sent import is_truthful, now
from tests.fakes.record import TYPES, FakeRecord


def over(own: OwnStores, record: ClinicalRecord, base: FhirBase = HERE) -> SendBench:
    stores = Stores(
        work=own.database,
        vault=own.vault,
        requests=DatabaseDisclosureRequests(own.database, own.masters),
        audit=own.audit,
        ledger=DatabaseLedger(own.database, own.clock),
        holds=DatabaseHolds(own.database, own.masters),
        signer=own.signer,
    )
    composite = CompositeRecord(record, CompanionRecord(own.database, own.masters, base, own.clock))
    return SendBench(record=composite, clock=own.clock, stores=stores)


def test_sent_from_our_own_stores_with_nothing_in_clear_on_the_disk(own: OwnStores) -> None:
    bench = over(own, FakeRecord())
    bench.writer.stored = True
    intent = bench.send()
    is_truthful(bench, intent)
    assert now(bench).state is RequestState.SENT
    files = [each for each in own.state.rglob("*") if each.is_file()]
    assert len(files) > 3
    for each in files:
        content = each.read_bytes()
        for clear in (PIXELS[SEEN][:24], b"canary", b"PK\x03\x04", b"record.ndjson"):
            assert clear not in content, f"{clear!r} in {each.name}"
    assert own.audit.verify().intact


def test_an_ehr_that_holds_neither_type_is_told_in_the_companion_store(own: OwnStores) -> None:
    ehr = FakeRecord(types=TYPES - {"AuditEvent", "Provenance"})
    bench = over(own, ehr)
    is_truthful(bench, bench.send())
    assert now(bench).state is RequestState.SENT and ehr.writes == 0


def test_destroyed_when_its_time_is_over_it_is_in_no_file_any_more(own: OwnStores) -> None:
    bench = over(own, FakeRecord())
    bench.send()
    b"".join(pieces_of(bench.parts, at_the_desk(), now(bench)))
    assert tidy(bench.parts) == 0
    own.clock.advance(hours=25)
    assert (tidy(bench.parts), tidy(bench.parts)) == (1, 0)
    assert [each for each in (own.state / "vault").rglob("*") if each.is_file()] == []
    request = now(bench)
    assert request.package is not None and request.package.vault_id is None and request.package.images == (SEEN,)


@pytest.fixture(scope="module")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=30, total_timeout=60)
    yield transport
    transport.close()


@pytest.mark.parametrize("personality", personality_names())
def test_every_personality_of_the_sandbox_is_told_or_the_companion_is(
    personality: str, own: OwnStores, transport: Transport
) -> None:
    with running_sandbox(SandboxConfig(personality=personality, open=True)) as sandbox:
        base = FhirBase(sandbox.fhir_base)
        ehr = FhirServerRecord(transport, base)
        bench = over(own, ehr, base)
        bench.patient = PatientId(sandbox.store.create({"resourceType": "Patient"})["id"])
        subject = {"reference": f"Patient/{bench.patient}"}
        for there in (
            photo(subject=subject, content={"contentType": "image/jpeg"}),
            {"resourceType": "Practitioner", "id": "officer"},
        ):
            sandbox.store.put(there)  # HAPI refuses what refers to nothing
        request = signed_request(fhir_base=base, patient=bench.patient)
        intent = bench.engine.run(bench.sign(request))
        assert intent.message == ""
        is_truthful(bench, intent)
        assert now(bench).state is RequestState.SENT


@pytest.mark.parametrize("refused", ["AuditEvent", "Provenance"])
def test_an_ehr_that_forbids_it_at_the_moment_of_writing_is_told_here(refused: str, own: OwnStores) -> None:
    """Its CapabilityStatement promises the type; then it says 403."""
    ehr = FakeRecord(refuses={refused: RecordRefused("no", status=403, code="forbidden")})
    bench = over(own, ehr)
    is_truthful(bench, bench.send())
    assert now(bench).state is RequestState.SENT
    assert ehr.stored(refused) == [] and ehr.writes == 1


def test_signed_out_the_request_waits_with_its_package_made_or_not(own: OwnStores) -> None:
    bench = over(own, FakeRecord())
    intent = bench.sign()
    bench.signed_out.add("launch-1")
    assert bench.engine.run(intent).state is IntentState.WAITING_FOR_SIGN_IN
    resume_for(bench.parts, at_the_desk(launch="launch-2"))
    assert now(bench).state is RequestState.SENT
