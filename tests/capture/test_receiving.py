"""Pictures come, go, are turned, discarded and brought back; what crashes or waits is mended or shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.receipt import Receipt
from fhir_plugin.capture.waiting import CLEANING, mend, waiting_too_long
from fhir_plugin.errors import (
    Incomplete,
    NotFound,
    RecordRefused,
    Refused,
    Tampered,
    UnacceptableImage,
    Unavailable,
)
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId, Reference, VaultId
from mappings.model.images import Geometry, ReceivedImage
from mappings.model.people import ClinicalSession, User
from mappings.model.practice import Hold, HoldKind
from mappings.r4.note import from_note
from tests.capture.bench import SESSION, Bench, launched
from tests.fakes.record import FakeRecord
from tests.fakes.worker import picture


def test_a_received_picture_is_sealed_before_it_is_decoded() -> None:
    bench = Bench()
    capture = bench.captures.begin(SESSION)
    at_the_worker: list[list[Compartment]] = []
    bench.worker.on_clean = lambda _: at_the_worker.append([each.compartment for each in bench.vault.items()])
    image = bench.captures.receive(SESSION, capture, picture(), "image/jpeg")
    assert at_the_worker == [[Compartment.QUARANTINE]]
    assert bench.captures.picture(SESSION, capture, image.image_id)[0].startswith(b"clean ")
    assert bench.captures.thumbnail(SESSION, capture, image.image_id)[1] == "image/jpeg"
    assert bench.owned(capture) == 3
    assert bench.audit.actions == ["capture.begun", "image.received", "image.cleaned"]
    assert image.sha256_received not in repr(bench.audit.entries()), "the audit holds keyed digests only"


def test_a_refused_picture_leaves_nothing_but_its_entry() -> None:
    bench = Bench()
    capture = bench.captures.begin(SESSION)
    with pytest.raises(UnacceptableImage):
        bench.captures.receive(SESSION, capture, b"MZ executable", "image/jpeg")
    assert bench.vault.items() == []
    assert bench.draft(capture).images == ()
    assert bench.audit.entries()[-1].entry.detail["code"] == "not-an-image"


def test_too_many_too_large_and_twice_the_same() -> None:
    bench = Bench(policy=replace(shipped_pack(), most_images=2, most_bytes_per_image=40))
    capture, _ = bench.add("one")
    for content, code in ((picture("one"), "duplicate-image"), (picture("x" * 40), "too-large")):
        with pytest.raises(Refused) as raised:
            bench.captures.receive(SESSION, capture, content, "image/jpeg")
        assert raised.value.code == code
    bench.captures.receive(SESSION, capture, picture("two"), "image/jpeg")
    with pytest.raises(Refused) as raised:
        bench.captures.receive(SESSION, capture, picture("three"), "image/jpeg")
    assert raised.value.code == "too-many-images"
    assert len(bench.draft(capture).images) == 2
    assert bench.owned(capture) == 6


def test_an_edit_begins_from_what_was_received_and_replaces_what_was_there() -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    before = {item.vault_id for item in bench.vault.items()}
    bench.captures.edit(SESSION, capture, image, Geometry(quarter_turns=1))
    edited = bench.captures.edit(SESSION, capture, image, Geometry(quarter_turns=2), lossless=True)
    assert bench.worker.cleaned[-1].content == picture()
    assert (edited.geometry.quarter_turns, edited.lossless) == (2, True)
    after = {item.vault_id for item in bench.vault.items()}
    assert len(after) == 3 and len(before & after) == 1
    assert bench.captures.preview(SESSION, capture, image, quarter_turns=3).startswith(b"preview 3")


def test_an_edit_that_is_refused_leaves_the_picture_as_it_was() -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    before = bench.draft(capture)

    def refuse(_: ReceivedImage) -> None:
        raise UnacceptableImage("no", code="too-small")

    bench.worker.on_clean = refuse
    with pytest.raises(UnacceptableImage):
        bench.captures.edit(SESSION, capture, image, Geometry(quarter_turns=1))
    assert bench.draft(capture) == before


def test_lossless_only_where_the_policy_allows_it() -> None:
    bench = Bench(policy=replace(shipped_pack(), lossless_when_asked=False))
    capture, (image,) = bench.add()
    with pytest.raises(Refused) as raised:
        bench.captures.edit(SESSION, capture, image, Geometry(), lossless=True)
    assert raised.value.code == "lossless-off"


def test_a_discard_can_be_undone_for_a_while_and_is_then_final() -> None:
    bench = Bench()
    capture, (image, other) = bench.add("one", "two")
    bench.captures.discard(SESSION, capture, image, reason="duplicate")
    bench.clock.advance(minutes=10)
    back = bench.captures.undo_discard(SESSION, capture, image)
    assert back.image(image).discarded_at is None
    assert not any(back.answers.per_image[image].values()), "nothing of the discard is left among the answers"
    bench.captures.discard(SESSION, capture, image, reason="duplicate")
    mend(bench.parts)
    assert bench.owned(capture) == 6, "the undo has not lapsed"
    bench.clock.advance(minutes=10, seconds=1)
    with pytest.raises(Refused) as raised:
        bench.captures.undo_discard(SESSION, capture, image)
    assert raised.value.code == "undo-lapsed"
    assert mend(bench.parts) == 1
    assert bench.draft(capture).image(other).is_clean
    assert bench.draft(capture).image(image).received is None, "that it came stays, for the note; no byte does"
    assert bench.owned(capture) == 3
    assert mend(bench.parts) == 0
    assert bench.audit.entries(subject=capture)[-1].entry.detail["reason"] == "duplicate"


@pytest.mark.parametrize("reason", ["", "because", "Duplicate"])
def test_without_a_reason_nothing_is_discarded(reason: str) -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    before = bench.draft(capture)
    with pytest.raises(Refused) as raised:
        bench.captures.discard(SESSION, capture, image, reason=reason)
    assert raised.value.code == "discard-reason" and "Describe only" in raised.value.message
    assert bench.draft(capture) == before


HOLDS = list(HoldKind)
CODES = {HoldKind.SAFEGUARDING: "open-concern", HoldKind.LEGAL: "legal-hold"}


def hold(bench: Bench, kind: HoldKind) -> Hold:
    made = Hold(f"h-{kind}", kind, SESSION.fhir_base, SESSION.patient_id, bench.clock.now(), SESSION.user.reference)
    bench.holds.add(made)
    return made


@pytest.mark.parametrize("kind", HOLDS)
def test_nothing_is_destroyed_while_something_forbids_it(kind: HoldKind) -> None:
    """A safeguarding concern, a complaint, a request for the record (issue 4, 8)."""
    bench = Bench()
    capture, (image, late) = bench.add("one", "two")
    bench.captures.discard(SESSION, capture, late, reason="unusable")
    made = hold(bench, kind)
    for act in (
        lambda: bench.captures.discard(SESSION, capture, image, reason="duplicate"),
        lambda: discard_all(bench, capture),
    ):
        with pytest.raises(Refused) as raised:
            act()
        assert raised.value.code == CODES.get(kind, f"open-{kind.value}")
    bench.clock.advance(hours=1)
    assert mend(bench.parts) == 0 and bench.owned(capture) == 6, "the lapsed undo destroys nothing either"
    assert bench.captures.undo_discard(SESSION, capture, late).image(late).is_clean
    bench.answer(capture, {image: "describe", late: "describe"})
    with pytest.raises(Incomplete):
        bench.file(capture)
    assert bench.owned(capture) == 6
    bench.holds.save(replace(made, lifted=bench.clock.now()))
    assert bench.file(capture).state == "described"
    assert bench.vault.items() == []


def discard_all(bench: Bench, capture: CaptureId, session: ClinicalSession = SESSION) -> Receipt | None:
    digest = bench.captures.identity_digest(bench.captures.patient(session))
    said = {"patient_id": str(session.patient_id), "identity_digest": digest}
    return bench.captures.discard_all(session, capture, reason="sent-in-error", **said)


def test_discarding_all_writes_why_and_destroys_every_byte() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, _ = bench.add("one", "two")
    receipt = discard_all(bench, capture)
    assert receipt is not None and receipt.state == "discarded"
    assert bench.vault.items() == []
    assert bench.draft(capture).state is DraftState.DISCARDED
    assert [each["resourceType"] for each in record.stored() if each["resourceType"] in ("Media", "Consent")] == []
    (note,) = record.stored("DocumentReference")
    assert "not kept and destroyed: 2 pictures (sent in error)." in from_note(note).text
    gone = [each.entry for each in bench.audit.entries(action="image.discarded")]
    assert [(each.detail["reason"], each.detail["left"]) for each in gone] == [("sent-in-error", 0)] * 2
    with pytest.raises(Refused):
        discard_all(bench, capture)


def test_what_is_discarded_stays_sealed_until_the_record_says_why() -> None:
    bench = Bench(FakeRecord(refuses={"DocumentReference": RecordRefused("no", status=422)}))
    capture, _ = bench.add("one")
    receipt = discard_all(bench, capture)
    assert receipt is not None and receipt.state == "nothing-current"
    assert bench.owned(capture) == 3


def test_an_empty_capture_ends_without_a_note() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture = bench.captures.begin(SESSION)
    assert discard_all(bench, capture) is None
    assert (record.writes, bench.draft(capture).state) == (0, DraftState.DISCARDED)


STRANGERS = {
    "another user": launched("l2", user=User(Reference("Practitioner/np"), "Nurse")),
    "another patient": launched("l3", patient_id=PatientId("p2")),
    "another EHR": launched("l4", fhir_base=FhirBase("https://other.example/fhir")),
}
Door = Callable[[Bench, ClinicalSession, CaptureId, ImageId], object]
DOORS: dict[str, Door] = {
    "receive": lambda b, s, c, _: b.captures.receive(s, c, picture("x"), "image/jpeg"),
    "edit": lambda b, s, c, i: b.captures.edit(s, c, i, Geometry()),
    "preview": lambda b, s, c, i: b.captures.preview(s, c, i, quarter_turns=0),
    "picture": lambda b, s, c, i: b.captures.picture(s, c, i),
    "thumbnail": lambda b, s, c, i: b.captures.thumbnail(s, c, i),
    "draft": lambda b, s, c, _: b.captures.draft(s, c),
    "answer": lambda b, s, c, _: b.captures.answer(s, c, {"purpose": "x"}),
    "assess": lambda b, s, c, _: b.captures.assess(s, c),
    "discard": lambda b, s, c, i: b.captures.discard(s, c, i, reason="duplicate"),
    "undo_discard": lambda b, s, c, i: b.captures.undo_discard(s, c, i),
    "discard_all": lambda b, s, c, _: b.captures.discard_all(
        s, c, reason="duplicate", patient_id=str(s.patient_id), identity_digest=""
    ),
    "confirm_patient": lambda b, s, c, _: b.captures.confirm_patient(s, c, identity="x"),
    "handling": lambda b, s, c, _: b.captures.handling(s, c),
    "ask_second_person": lambda b, s, c, _: b.captures.ask_second_person(s, c),
    "second_person_case": lambda b, s, c, _: b.captures.second_person_case(s, c),
    "second_person_reveal": lambda b, s, c, _: b.captures.second_person_reveal(s, c, b.policy.reveal_reasons[0]),
    "second_person_picture": lambda b, s, c, i: b.captures.second_person_picture(s, c, i),
    "answer_second_person": lambda b, s, c, _: b.captures.answer_second_person(s, c, True, "I agree", about=""),
    "file": lambda b, s, c, _: b.captures.file(s, c, patient_id=s.patient_id, identity_digest=""),
    "resume": lambda b, s, c, _: b.captures.resume(s, c),
    "receipt": lambda b, s, c, _: b.captures.receipt(s, c),
    "mark_source_emptied": lambda b, s, c, _: b.captures.mark_source_emptied(s, c),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_for_anybody_else_a_capture_does_not_exist(door: str, stranger: str) -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    before, items = bench.draft(capture), bench.vault.items()
    with pytest.raises(NotFound) as there:
        DOORS[door](bench, STRANGERS[stranger], capture, image)
    with pytest.raises(NotFound) as nowhere:
        DOORS[door](bench, STRANGERS[stranger], CaptureId("nowhere"), image)
    assert there.value.message.replace(capture, "") == nowhere.value.message.replace("nowhere", "")
    assert (bench.draft(capture), bench.vault.items()) == (before, items)
    assert bench.captures.waiting(STRANGERS[stranger]) == []
    assert [each.capture_id for each in bench.captures.waiting(launched("l9"))] == [capture]


# --------------------------------------------------------------------------------- after a crash


def cut_off(bench: Bench) -> CaptureId:
    """An upload that was received and never cleaned."""

    def busy(_: ReceivedImage) -> None:
        raise Unavailable("busy")

    capture = bench.captures.begin(SESSION)
    bench.worker.on_clean = busy
    with pytest.raises(Unavailable):
        bench.captures.receive(SESSION, capture, picture(), "image/jpeg")
    bench.worker.on_clean = lambda _: None
    return capture


def test_a_cut_off_upload_is_cleaned_later_and_not_while_somebody_may_still_be_at_it() -> None:
    bench = Bench()
    capture = cut_off(bench)
    assert (mend(bench.parts), bench.draft(capture).images[0].is_clean) == (0, False)
    bench.clock.advance(seconds=CLEANING.total_seconds() + 1)
    assert (mend(bench.parts), bench.draft(capture).images[0].is_clean) == (1, True)
    assert bench.owned(capture) == 3
    assert mend(bench.parts) == 0


def test_words_without_a_picture_are_offered_again_and_an_empty_page_is_not() -> None:
    bench = Bench()
    capture = bench.captures.begin(SESSION)
    bench.captures.answer(SESSION, capture, {"purpose": " ", "consent_store": ""})
    assert bench.captures.waiting(SESSION) == []
    bench.captures.answer(SESSION, capture, {"purpose": "Rash"})
    (item,) = bench.captures.waiting(SESSION)
    assert (item.capture_id, item.kind) == (capture, "unfinished")


def test_one_draft_that_cannot_be_mended_does_not_keep_the_others_waiting() -> None:
    bench = Bench()
    broken, whole = cut_off(bench), cut_off(bench)
    (item,) = bench.vault.items(owner=broken)
    real = bench.vault.get

    def tampered(vault_id: VaultId) -> bytes:
        if vault_id == item.vault_id:
            raise Tampered("it does not verify")
        return real(vault_id)

    bench.vault.get = tampered  # type: ignore[method-assign]  # one item that was tampered with
    bench.clock.advance(hours=1)
    mend(bench.parts)
    assert bench.draft(whole).images[0].is_clean
    assert bench.owned(broken) == 1, "what cannot be read is still not thrown away"


def test_nothing_undecided_is_ever_destroyed_by_waiting_and_a_person_is_told() -> None:
    bench = Bench()
    capture, _ = bench.add("one", "two")
    bench.captures.discard(SESSION, capture, bench.draft(capture).images[1].image_id, reason="duplicate")
    for _ in range(40):
        bench.clock.advance(days=1)
        mend(bench.parts)
    assert bench.owned(capture) == 3
    (item,) = waiting_too_long(bench.parts)
    assert (item.capture_id, item.kind, item.message) == (capture, "unfinished", "1 picture waits for your decision.")
    assert bench.captures.waiting(SESSION) == [item]


def test_a_person_is_told_after_the_time_that_policy_says_and_not_before() -> None:
    bench = Bench()
    bench.add()
    bench.clock.advance(hours=24)
    assert waiting_too_long(bench.parts) == []
    bench.clock.advance(seconds=1)
    assert len(waiting_too_long(bench.parts)) == 1
    assert bench.clock.now() - waiting_too_long(bench.parts)[0].since > dt.timedelta(hours=24)


def test_a_capture_discarded_while_a_picture_was_being_cleaned_keeps_no_byte() -> None:
    bench = Bench()
    capture = bench.captures.begin(SESSION)

    def thrown_away(_received: ReceivedImage) -> None:
        discard_all(bench, capture)

    bench.worker.on_clean = thrown_away
    with pytest.raises(Refused):
        bench.captures.receive(SESSION, capture, picture(), "image/jpeg")
    assert bench.vault.items() == []
