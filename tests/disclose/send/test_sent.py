"""SENT if, and only if, there is a whole proven package and the record says so; else open again, with why."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from fhir_plugin.disclose.prove import what_to_look_for
from fhir_plugin.disclose.send import ToSend, pieces_of, resume_for, start
from fhir_plugin.disclose.send import spool as spooling
from fhir_plugin.errors import RecordRefused, Refused, SignInNeeded, UnacceptableImage, WrongPatient
from fhir_plugin.ledger.engine import BACKOFF_SECONDS
from fhir_plugin.ledger.intents import Intent, IntentState, Outcome, StepRecord, StepState
from fhir_plugin.ports import Compartment, Json
from mappings.model.disclosure_request import DisclosureRequest, RequestState, Signature
from mappings.model.identifiers import FhirBase, LaunchId, Reference, VaultId
from mappings.model.people import Role, User
from mappings.r4.audit_event import from_audit_event
from mappings.r4.disclosure_event import disclosure_in, images_sent_in, signed_disclosure_in
from tests.definitions.validator import issues
from tests.disclose.send.bench import (
    DIGEST,
    GUARDIAN,
    KEPT_BACK,
    OFFICER,
    PIXELS,
    RECIPIENT,
    SEEN,
    SendBench,
    at_the_desk,
    photo,
    signed_request,
)
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord, Lie


@pytest.fixture
def bench() -> SendBench:
    return SendBench()


def now(bench: SendBench) -> DisclosureRequest:
    return bench.requests.get(signed_request().id)


def is_truthful(bench: SendBench, intent: Intent) -> None:
    """The property: sent with everything, or not sent with nothing that says otherwise."""
    request = now(bench)
    if request.state is RequestState.SENT:
        assert intent.outcome is Outcome.DONE and request.package is not None
        content = b"".join(pieces_of(bench.parts, at_the_desk(), request))
        assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
        (event,), (provenance,) = bench.events(), bench.provenances()
        assert disclosure_in(event) == request.id and images_sent_in(event) == set(request.package.images)
        signed = signed_disclosure_in(provenance)
        assert signed is not None and bench.parts.signer.verify(*signed)
        assert signed[0]["sha256_package"] == request.package.sha256 == spooled_sha(content)
        assert not bench.held()
        return
    with pytest.raises(Refused, match="not been made"):
        pieces_of(bench.parts, at_the_desk(), request)
    assert request.package is None and bench.held()
    if intent.ended:
        assert request.state is RequestState.OPEN and request.why_not
        assert (request.first, request.second) == (None, None), "to be signed again"
        assert bench.vault.items() == [] and bench.events() == [] and bench.provenances() == []
    else:
        assert request.state is RequestState.MAKING


def spooled_sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_signed_request_is_made_proven_written_down_and_sent(bench: SendBench) -> None:
    intent = bench.send(signed_request(second=Signature(GUARDIAN, "canary guardian", START, DIGEST)))
    is_truthful(bench, intent)
    request = now(bench)
    assert request.state is RequestState.SENT and request.revision == 5 and request.package is not None
    assert request.package.images == (SEEN,) and request.package.counts == {"release": 1, "redact": 1}
    assert request.package.digests == {SEEN: bench.vault.keyed_digest(PIXELS[SEEN])}
    event = from_audit_event(bench.events()[0])
    assert (event.user, event.purpose, event.action) == (OFFICER, "COVERAGE", "disclosure.sent")
    assert "SEX" in {label.code for label in event.labels}, "as restricted as the picture that it names"
    assert f"AuditEvent/{bench.events()[0]['id']}" == request.package.event
    assert f"Provenance/{bench.provenances()[0]['id']}" == request.package.provenance
    for written in (*bench.events(), *bench.provenances()):
        assert issues(written) == []
        assert "canary" not in repr(written) and KEPT_BACK not in repr(written) and RECIPIENT not in repr(written)
    (said,) = bench.audit.entries(action="disclosure.sent")
    assert said.entry.subject == request.id and "canary" not in repr(said)


def test_a_picture_that_stands_in_a_resource_itself_is_told_too(bench: SendBench) -> None:
    """An EHR without Binary: what went out is no file of its own in the package."""
    picture = {"contentType": "image/png", "data": base64.b64encode(b"pixels").decode()}
    media = photo(Reference("Media/inline"), content=picture)
    document = photo(Reference("DocumentReference/d"), content=[{"attachment": picture}, {"attachment": {"data": "!"}}])
    letter = photo(Reference("DocumentReference/letter"), content=[{"attachment": {"contentType": "text/plain"}}])
    bench.more = [{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": media}]}, document, letter]
    intent = bench.send()
    is_truthful(bench, intent)
    package = now(bench).package
    assert package is not None and set(package.images) == {SEEN, "Media/inline", "DocumentReference/d"}
    assert package.digests[Reference("Media/inline")] == bench.vault.keyed_digest(b"pixels")


def test_nothing_is_done_before_the_last_signature_and_begun_twice_it_is_begun_once(bench: SendBench) -> None:
    for unsigned in (signed_request(state=RequestState.OPEN), signed_request(first=None)):
        with pytest.raises(Refused, match="not been signed"):
            start(bench.parts, at_the_desk(), unsigned)
    intent = bench.sign()
    with pytest.raises(WrongPatient):
        start(bench.parts, at_the_desk(patient="somebody-else"), now(bench))
    assert start(bench.parts, at_the_desk(), now(bench)) == intent
    assert now(bench).state is RequestState.MAKING and bench.vault.items() == []


def test_run_again_after_its_end_nothing_changes(bench: SendBench) -> None:
    intent = bench.send()
    before = (now(bench), bench.events(), bench.provenances(), len(bench.audit.entries()))
    assert bench.engine.run(intent.id) == bench.ledger.get(intent.id)
    bench.clock.advance(hours=3)
    bench.engine.run_due()
    assert (now(bench), bench.events(), bench.provenances(), len(bench.audit.entries())) == before


@pytest.mark.parametrize("second", [None, Signature(GUARDIAN, "", START, "another digest")])
def test_what_is_not_what_was_signed_is_not_made(bench: SendBench, second: Signature | None) -> None:
    bench.digest = DIGEST if second else "decided otherwise meanwhile"
    intent = bench.send(signed_request(second=second))
    assert (intent.reason, bench.writer.written) == ("not-as-signed", 0)
    is_truthful(bench, intent)
    assert "sign it anew" in now(bench).why_not


def test_a_package_in_which_something_that_stays_is_found_is_not_sent(bench: SendBench) -> None:
    bench.writer.leak = f"see Media/{KEPT_BACK} as well".encode()
    intent = bench.send()
    assert intent.reason == "package-not-clean"
    is_truthful(bench, intent)
    assert KEPT_BACK in now(bench).why_not, "the officer learns which"
    (said,) = bench.audit.entries(action="disclosure.not-sent")
    assert said.entry.outcome == "failure" and said.entry.detail["reason"] == "package-not-clean"


def test_what_nobody_can_look_into_stops_a_package_only_where_something_stays(bench: SendBench) -> None:
    """An encrypted letter goes to the patient whose whole record it is; beside something that stays it may hold it."""
    bench.writer.leak = b"%PDF-1.4\n1 0 obj << /Encrypt 2 0 R >>\n%%EOF"
    assert bench.send().reason == "package-not-clean"
    whole = SendBench()
    whole.writer.leak = bench.writer.leak
    whole.plan_anew(lambda request, launch: replace(whole.prepare(request, launch), needles=what_to_look_for([])))
    is_truthful(whole, whole.send())
    assert now(whole).state is RequestState.SENT


def test_what_is_found_while_it_is_written_stops_it_too(bench: SendBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "PIECE", 64)  # with pieces in the vault already
    bench.writer.found = "Something that must stay back is in record.ndjson."
    intent = bench.send()
    assert intent.reason == "package-not-clean"
    is_truthful(bench, intent)


def test_a_picture_that_cannot_go_out_opens_the_request_again(bench: SendBench) -> None:
    def unreadable() -> bytes:
        raise UnacceptableImage("This picture cannot be decoded.", code="broken")

    def prepare(request: DisclosureRequest, launch: LaunchId) -> ToSend:
        found = bench.prepare(request, launch)
        images = tuple(replace(each, read=unreadable) for each in found.contents.images)
        return replace(found, contents=replace(found.contents, images=images))

    bench.plan_anew(prepare)
    intent = bench.send()
    assert intent.reason == "broken"
    is_truthful(bench, intent)


def test_an_ehr_that_is_away_is_waited_for_and_nothing_is_offered_meanwhile(bench: SendBench) -> None:
    assert isinstance(bench.record, FakeRecord)
    bench.record.go_down()
    intent = bench.send()
    assert (intent.state, intent.reason) == (IntentState.OPEN, "record-unavailable")
    assert now(bench).state is RequestState.MAKING and now(bench).package is None and bench.held()
    bench.record.on_call = lambda _call, _what: None
    bench.clock.advance(seconds=max(BACKOFF_SECONDS))
    bench.engine.run_due()
    is_truthful(bench, bench.ledger.get(intent.id))
    assert now(bench).state is RequestState.SENT
    assert bench.writer.written == 1, "what was made is not made again"


@pytest.mark.parametrize("our_ids", [True, False])
@pytest.mark.parametrize("lost", [(1,), (2,), (1, 2)])
def test_an_answer_that_is_lost_is_asked_after_and_nothing_is_written_twice(
    our_ids: bool, lost: tuple[int, ...]
) -> None:
    record = FakeRecord(our_ids=our_ids)
    bench = SendBench(record=record)
    record.lose_answer(*lost)
    intent = bench.send()
    is_truthful(bench, intent)
    assert now(bench).state is RequestState.SENT


def test_signed_out_it_waits_and_goes_on_at_the_next_launch_of_somebody_who_may_sign(bench: SendBench) -> None:
    intent_id = bench.sign()
    bench.signed_out.add("launch-1")
    assert bench.engine.run(intent_id).state is IntentState.WAITING_FOR_SIGN_IN
    clinician = replace(at_the_desk(), user=User(OFFICER, "", frozenset({Role.CLINICIAN})), launch_id=LaunchId("l2"))
    for other in (clinician, at_the_desk(OFFICER, "launch-3", "somebody-else")):
        resume_for(bench.parts, other)
        assert now(bench).state is RequestState.MAKING
    resume_for(bench.parts, at_the_desk(GUARDIAN, "launch-4"))
    is_truthful(bench, bench.ledger.get(intent_id))
    assert now(bench).state is RequestState.SENT
    assert from_audit_event(bench.events()[0]).user == OFFICER, "who signed"


def test_the_token_ends_half_way(bench: SendBench) -> None:
    """Made and proven; the record cannot be told. Nothing is offered until it was."""
    assert isinstance(bench.record, FakeRecord)

    def token_ends(call: str, _what: str) -> None:
        if call == "put":
            raise SignInNeeded("launch again")

    bench.record.on_call = token_ends
    intent = bench.send()
    assert intent.state is IntentState.WAITING_FOR_SIGN_IN and bench.vault.items() != []
    assert now(bench).package is None
    bench.record.on_call = lambda _call, _what: None
    resume_for(bench.parts, at_the_desk(OFFICER, "launch-2"))
    assert now(bench).state is RequestState.SENT and bench.writer.written == 1


@pytest.mark.parametrize("refused", ["AuditEvent", "Provenance"])
def test_a_record_that_takes_no_word_of_it_gets_nothing_and_nothing_is_sent(refused: str) -> None:
    bench = SendBench(record=FakeRecord(refuses={refused: RecordRefused("no", status=422, code="bad-event")}))
    intent = bench.send()
    assert intent.outcome is Outcome.NOTHING_CURRENT
    is_truthful(bench, intent)


@pytest.mark.parametrize("lie", [Lie.STORES_NOTHING, Lie.NEW_IDS, Lie.DOUBLES, Lie.FINDS_NOTHING, Lie.FINDS_EVERYTHING])
@pytest.mark.parametrize("our_ids", [True, False])
def test_whatever_a_server_says_what_is_sent_is_in_the_record(lie: Lie, our_ids: bool) -> None:
    record = FakeRecord(lies=frozenset({lie}), our_ids=our_ids)
    bench = SendBench(record=record)
    intent = bench.send()
    record.lies = frozenset()
    request = now(bench)
    if request.state is RequestState.SENT:
        is_truthful(bench, intent)
    else:
        assert request.package is None and request.state in (RequestState.OPEN, RequestState.MAKING)


@pytest.mark.parametrize("trimmed", ["signature", "entity"])
def test_a_record_that_changes_what_it_was_told_is_not_believed(trimmed: str) -> None:
    class Trimming(FakeRecord):
        def read(self, resource_type: str, id: str) -> Json:
            found = super().read(resource_type, id)
            found.pop(trimmed, None)
            return found

    bench = SendBench(record=Trimming())
    intent = bench.send()
    assert intent.reason == "read-back-mismatch"
    is_truthful(bench, intent)


def test_a_record_that_lets_nothing_be_deleted_says_what_remains() -> None:
    class Keeping(FakeRecord):
        def delete(self, resource_type: str, id: str) -> None:
            raise RecordRefused("no deletes", status=405)

    bench = SendBench(record=Keeping(refuses={"AuditEvent": RecordRefused("no", status=422)}))
    intent = bench.send()
    assert intent.outcome is Outcome.NOTHING_CURRENT and len(intent.residue) == 1
    assert "Provenance/" in now(bench).why_not and now(bench).state is RequestState.OPEN
    assert now(bench).package is None and "status" not in bench.provenances()[0], "R4 has none"


def test_signed_again_after_it_failed_it_is_another_disclosure_of_the_same_request(bench: SendBench) -> None:
    bench.writer.leak = KEPT_BACK.encode()
    failed = bench.send()
    bench.writer.leak = b""
    again = replace(
        now(bench), state=RequestState.MAKING, revision=6, first=Signature(OFFICER, "canary", START, DIGEST)
    )
    bench.requests.save(again)
    intent = start(bench.parts, at_the_desk(), again)
    assert intent != failed.id
    bench.engine.run(intent)
    is_truthful(bench, bench.ledger.get(intent))
    assert now(bench).state is RequestState.SENT and now(bench).why_not == ""


def test_a_package_of_which_a_piece_is_gone_is_made_again(bench: SendBench) -> None:
    assert isinstance(bench.record, FakeRecord)
    bench.record.go_down()
    intent = bench.send()
    for piece in bench.vault.items(compartment=Compartment.PACKAGE_PART, owner=intent.id):
        bench.vault.destroy(piece.vault_id)
    bench.ledger.save_step(intent.id, 0, StepRecord("package", StepState.TRYING))
    bench.record.on_call = lambda _call, _what: None
    bench.clock.advance(seconds=max(BACKOFF_SECONDS))
    bench.engine.run_due()
    is_truthful(bench, bench.ledger.get(intent.id))
    assert now(bench).state is RequestState.SENT and bench.writer.written == 2


def test_what_lies_in_the_vault_is_what_was_proven_or_nothing_is_sent(bench: SendBench) -> None:
    bench.writer.proves_another = True
    intent = bench.send()
    assert intent.reason == "package-not-clean"
    is_truthful(bench, intent)


def test_a_large_package_lies_in_pieces_and_never_whole(bench: SendBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "PIECE", 100)
    intent = bench.send()
    is_truthful(bench, intent)
    pieces = bench.vault.items(compartment=Compartment.PACKAGE_PART, owner=intent.id)
    assert len(pieces) > 3 and max(each.size for each in pieces) == 100


def test_a_worker_that_lost_its_lease_stops_and_leaves_the_other_s_pieces_alone(
    bench: SendBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package takes longer than a lease: who lost it notices at the next piece."""
    monkeypatch.setattr(spooling, "PIECE", 64)
    intent_id = bench.sign()
    ran: list[Intent] = []
    put = bench.vault.put

    def slow_put(content: bytes, *, compartment: Compartment, owner: str) -> VaultId:
        if not ran and owner == intent_id:
            ran.append(bench.ledger.get(intent_id))
            bench.clock.advance(minutes=10)
            ran.append(bench.engine.run(intent_id))  # another worker, to the end
        return put(content, compartment=compartment, owner=owner)

    monkeypatch.setattr(bench.vault, "put", slow_put)
    intent = bench.engine.run(intent_id)
    is_truthful(bench, intent)
    assert now(bench).state is RequestState.SENT


def test_the_lease_is_kept_while_a_package_is_written(bench: SendBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "PIECE", 64)
    intent_id = bench.sign()
    put, taken = bench.vault.put, []

    def slow_put(content: bytes, *, compartment: Compartment, owner: str) -> VaultId:
        bench.clock.advance(seconds=50)  # many pieces: far longer than a lease in all
        taken.append(bench.ledger.lease(intent_id, "somebody else", now=bench.clock.now(), seconds=1))
        return put(content, compartment=compartment, owner=owner)

    monkeypatch.setattr(bench.vault, "put", slow_put)
    bench.engine.run(intent_id)
    assert len(taken) > 3 and not any(taken)
    assert now(bench).state is RequestState.SENT


def test_the_moment_that_is_told_is_that_of_the_package_however_late_the_record_learns_of_it() -> None:
    record = FakeRecord()
    bench = SendBench(record=record)
    record.go_down()
    bench.send()
    record.on_call = lambda _call, _what: None
    bench.clock.advance(days=2)
    bench.engine.run_due()
    assert from_audit_event(bench.events()[0]).at == START


def test_a_session_elsewhere_never_carries_on(bench: SendBench) -> None:
    elsewhere = replace(at_the_desk(OFFICER, "launch-9"), fhir_base=FhirBase("https://other.example/fhir"))
    intent_id = bench.sign()
    bench.signed_out.add("launch-1")
    bench.engine.run(intent_id)
    resume_for(bench.parts, elsewhere)
    assert bench.ledger.get(intent_id).state is IntentState.WAITING_FOR_SIGN_IN
