"""A second clinician: never who asked, about exactly what was shown, and of two at once only the first counts."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from mappings.model.identifiers import CaptureId, ImageId, PatientId, Reference
from mappings.model.people import User
from mappings.model.work import WorkKind
from tests.capture.bench import PATIENT, SESSION, Bench, launched

OTHER = launched("l2", user=User(Reference("Practitioner/np"), "Nurse Oak"))
THIRD = launched("l3", user=User(Reference("Practitioner/dr3"), "Dr Elm"))
CHILD = {**PATIENT, "birthDate": "2016-01-01"}
"""Ten years old, and does not want it; the parent agrees."""
SAID = {
    "gillick": "no",
    "gillick_words": "Is ten and could not say what it is for",
    "giver": "parent",
    "giver_name": "Ann Example",
    "giver_relationship": "mother",
    "child_view": "objects",
    "child_words": "Shook her head",
    "override_reason": "Suspected meningitis, no other way tonight",
    "safeguarding_advice": "The safeguarding lead agrees",
    "keep_best_interests": "Shows whether the rash spreads",
    "only_area": "yes",
    "concern": "no",
    "speaks_freely": "yes",
}


def asked(bench: Bench) -> tuple[CaptureId, ImageId]:
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"}, **SAID)
    bench.captures.answer(SESSION, capture, {})
    view = bench.captures.assess(SESSION, capture)
    assert view.second_person and not view.may_file and view.missing == {}, (view.missing, view.holds)
    bench.captures.ask_second_person(SESSION, capture)
    return capture, images[0]


def reply(bench: Bench, capture: CaptureId, agrees: bool = True, session: object = OTHER) -> None:
    about = bench.captures.second_person_case(OTHER, capture).about
    bench.captures.answer_second_person(session, capture, agrees, "I have looked at it", about=about)  # type: ignore[arg-type]  # a session


def test_agreed_by_another_it_goes_on_and_the_record_says_who() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    (item,) = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (item.kind, item.subject, item.not_by, item.owner) == (
        WorkKind.SECOND_PERSON,
        capture,
        SESSION.user.reference,
        None,
    )
    case = bench.captures.second_person_case(OTHER, capture)
    assert case.asked_by == SESSION.user.reference and case.reasons and not case.revealed
    assert ("What did they say or show?", "Shook her head") in case.answers
    assert ("What does the child or young person think about it?", "Does not want it") in case.answers
    reply(bench, capture)
    assert bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    receipt = bench.file(capture)
    assert receipt.state == "filed"
    assert "Second clinician, Nurse Oak, agreed: I have looked at it" in receipt.note_text


def test_refused_it_stops() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    reply(bench, capture, agrees=False)
    view = bench.captures.assess(SESSION, capture)
    assert "second-person-refused" in {reason.code for reason in view.holds}
    with pytest.raises(Incomplete):
        bench.file(capture)
    with pytest.raises(Refused):
        bench.captures.ask_second_person(SESSION, capture)


def test_an_agreement_is_about_what_was_shown() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    about = bench.captures.second_person_case(OTHER, capture).about
    bench.captures.answer(SESSION, capture, {"override_reason": "Something else altogether"})
    with pytest.raises(Refused) as changed:
        bench.captures.answer_second_person(OTHER, capture, True, "Fine", about=about)
    assert changed.value.code == "case-changed"
    reply(bench, capture)
    assert bench.captures.assess(SESSION, capture).may_file
    bench.captures.answer(SESSION, capture, {"findings": "More of it"})
    assert bench.captures.assess(SESSION, capture).may_file, "the clinician's own words are no ground"
    bench.captures.answer(SESSION, capture, {"child_words": "Cried"})
    assert not bench.captures.assess(SESSION, capture).may_file


def test_of_two_at_once_the_first_counts_and_the_second_is_told() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    about = bench.captures.second_person_case(THIRD, capture).about
    reply(bench, capture, agrees=False)
    with pytest.raises(Refused) as late:
        bench.captures.answer_second_person(THIRD, capture, True, "I agree", about=about)
    assert late.value.code == "already-answered"
    second = bench.draft(capture).second
    assert second is not None and (second.by, second.agrees) == (OTHER.user.reference, False)


def test_never_who_asked_never_elsewhere_never_unasked() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    with pytest.raises(NotAllowed):
        bench.captures.second_person_case(SESSION, capture)
    with pytest.raises(NotAllowed):
        bench.captures.answer_second_person(SESSION, capture, True, "I agree with myself", about="")
    elsewhere = launched("l4", user=OTHER.user, patient_id=PatientId("p2"))
    with pytest.raises(NotFound):
        bench.captures.answer_second_person(elsewhere, capture, True, "I agree", about="")
    plain, _ = bench.add()
    with pytest.raises(NotFound):
        bench.captures.second_person_case(OTHER, plain)


def test_pictures_open_only_with_a_reason_and_words_are_needed() -> None:
    bench = Bench(patient=CHILD)
    capture, image = asked(bench)
    with pytest.raises(NotFound):
        bench.captures.second_person_picture(OTHER, capture, image)
    with pytest.raises(Refused):
        bench.captures.second_person_reveal(OTHER, capture, "because")
    bench.captures.second_person_reveal(OTHER, capture, bench.policy.reveal_reasons[0])
    assert bench.captures.second_person_picture(OTHER, capture, image)[0]
    with pytest.raises(NotFound):
        bench.captures.second_person_picture(THIRD, capture, image)
    for words in ("", " ", "x" * 2001):
        with pytest.raises(Incomplete):
            bench.captures.answer_second_person(OTHER, capture, True, words, about="")
    assert "Shook" not in repr(bench.audit.entries())


def test_what_cannot_wait_goes_on_and_is_reviewed_within_a_day() -> None:
    bench = Bench(patient=CHILD)
    capture, _ = asked(bench)
    bench.captures.answer(SESSION, capture, {"urgent_reason": "Nobody else is here tonight"})
    assert bench.file(capture).state == "filed"
    kinds = {item.kind: item for item in bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)}
    review = kinds[WorkKind.URGENT_REVIEW]
    assert review.not_by == SESSION.user.reference and review.owner is None
    assert (review.due - review.created).total_seconds() == 24 * 3600
