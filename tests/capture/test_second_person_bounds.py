"""What a second clinician can never be made to see, to have agreed to, or to have unsaid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.capture.taking import take_over
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, PluginError, Refused
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.people import User
from mappings.model.work import WorkKind
from tests.capture.bench import FOREARM, SESSION, Bench, launched
from tests.capture.test_second_person import CHILD, OTHER, SAID, THIRD, asked, reply
from tests.capture.test_unasked import UNASKED, held
from tests.fakes.worker import picture

URGENT = {"urgent_reason": "Nobody else is here tonight"}


def shut(bench: Bench, capture: CaptureId, image: ImageId) -> bool:
    """Whether neither the reason nor the picture itself is to be had."""
    refused = 0
    for way in (
        lambda: bench.captures.second_person_reveal(OTHER, capture, bench.policy.reveal_reasons[0]),
        lambda: bench.captures.second_person_picture(OTHER, capture, image),
    ):
        try:
            way()
        except (NotAllowed, NotFound):
            refused += 1
    return refused == 2


@pytest.mark.parametrize("said", [{**UNASKED, "contact": "not-reached"}, {"consent_receive": "refused"}])
def test_what_the_rules_shut_is_shut_for_the_second_clinician_too(said: dict[str, str]) -> None:
    bench = Bench(patient=CHILD)
    capture, image = asked(bench)
    bench.captures.second_person_reveal(OTHER, capture, bench.policy.reveal_reasons[0])
    assert bench.captures.second_person_picture(OTHER, capture, image)[0]
    bench.captures.answer(SESSION, capture, said)
    assert shut(bench, capture, image)
    assert bench.captures.second_person_case(OTHER, capture).pictures == ()


def test_nobody_is_asked_about_what_nobody_may_see() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = held(bench)
    bench.captures.answer(SESSION, capture, {**SAID, "contact": "not-reached"})
    with pytest.raises(Refused):
        bench.captures.ask_second_person(SESSION, capture)
    assert not bench.captures.assess(SESSION, capture).second_may_ask


def test_a_discarded_an_added_and_an_ended_picture_are_not_open() -> None:
    bench = Bench(patient=CHILD)
    capture, image = asked(bench)
    bench.captures.second_person_reveal(OTHER, capture, bench.policy.reveal_reasons[0])
    added = bench.captures.receive(SESSION, capture, picture("late"), "image/jpeg").image_id
    form = {f"site-{added}": FOREARM, f"laterality-{added}": "left", f"decision-{added}": "store"}
    bench.captures.answer(SESSION, capture, form)
    with pytest.raises(NotFound):
        bench.captures.second_person_picture(OTHER, capture, added)
    assert not bench.captures.second_person_case(OTHER, capture).revealed
    bench.captures.discard(SESSION, capture, image, reason="duplicate")
    with pytest.raises(NotFound):
        bench.captures.second_person_picture(OTHER, capture, image)
    bench.captures.second_person_reveal(OTHER, capture, bench.policy.reveal_reasons[0])
    assert bench.captures.second_person_picture(OTHER, capture, added)[0]
    change(bench, capture, state=DraftState.FILING)
    assert shut(bench, capture, added)


def change(bench: Bench, capture: CaptureId, **changed: object) -> Draft:
    draft = replace(bench.draft(capture), **changed)  # type: ignore[arg-type]  # fields of a draft
    with bench.work.transaction():
        bench.drafts.save(draft)
    return draft


def test_no_edit_and_no_urgency_unsays_a_no_and_the_record_names_it() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    reply(bench, capture, agrees=False)
    bench.captures.answer(SESSION, capture, {"purpose": "Rash, to compare ", **URGENT})
    with pytest.raises(Refused):
        bench.captures.ask_second_person(SESSION, capture)  # a blank is no change
    bench.captures.answer(SESSION, capture, {"child_words": "Cried"})
    with pytest.raises(Incomplete):
        bench.file(capture)
    with pytest.raises(Refused):
        about = bench.captures.second_person_case(THIRD, capture).about
        bench.captures.answer_second_person(THIRD, capture, True, "I agree", about=about)
    bench.captures.ask_second_person(SESSION, capture)
    assert bench.captures.assess(SESSION, capture).second_asked
    with pytest.raises(Incomplete):
        bench.file(capture)
    bench.clock.advance(minutes=1)
    reply(bench, capture, session=THIRD)
    bench.captures.answer(SESSION, capture, {"child_words": "Cried a lot", **URGENT})
    with pytest.raises(Incomplete):
        bench.file(capture)  # the agreement has lapsed, the refusal has not
    bench.captures.ask_second_person(SESSION, capture)
    bench.clock.advance(minutes=1)
    reply(bench, capture, session=THIRD)
    assert draft_from_json(draft_to_json(bench.draft(capture))) == bench.draft(capture)
    receipt = bench.file(capture)
    assert "Second clinician, Nurse Oak, refused" in receipt.note_text
    assert "Second clinician, Dr Elm, agreed" in receipt.note_text
    assert receipt.decision is not None
    assert "Nurse Oak, did not agree" in repr(bench.record.read(*receipt.decision.split("/")))


def test_who_takes_it_over_takes_no_agreement_with_it_and_keeps_the_refusal() -> None:
    for agrees in (True, False):
        bench = Bench(patient=CHILD)
        capture, _ = asked(bench)
        reply(bench, capture, agrees=agrees)
        with bench.work.transaction():
            taken = take_over(bench.parts, OTHER, bench.draft(capture))
        stands = taken.second_under(bench.policy.reference)
        assert (stands is None) if agrees else (stands is not None and not stands.agrees)
        with pytest.raises(Incomplete):
            bench.file(capture, session=OTHER)
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    with bench.work.transaction():
        take_over(bench.parts, OTHER, bench.draft(capture))
    kinds = [item.kind for item in bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)]
    assert WorkKind.SECOND_PERSON not in kinds


def test_two_logins_of_one_person_are_one_person() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    again = User(Reference("PractitionerRole/9"), "Dr Grey", SESSION.user.roles, SESSION.user.reference)
    with pytest.raises(NotAllowed):
        bench.captures.second_person_case(launched("l8", user=again), capture)
    reply(bench, capture)
    draft = bench.draft(capture)
    assert draft.second is not None
    own = replace(draft, second=replace(draft.second, by=again.reference, person=again.person))
    assert own.second_under(bench.policy.reference) is None


def test_an_agreement_is_about_this_patient_under_this_policy() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    assert bench.draft(capture).identity, "asked about somebody"
    reply(bench, capture)
    draft, pack = bench.draft(capture), bench.policy.reference
    assert draft.second_under(pack) is not None
    assert draft.second_under("another pack") is None
    assert replace(draft, preauthorised_private=True).second_under(pack) is None
    bench.patient["birthDate"] = "2014-01-01"
    bench.clock.advance(minutes=5)
    named = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.captures.confirm_patient(SESSION, capture, identity=named)
    assert not bench.captures.assess(SESSION, capture).may_file
    with pytest.raises(PluginError):
        bench.file(capture)
