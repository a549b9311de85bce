"""The note word for word, and words for every answer and every state of a receipt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.circumstances import CARED_FOR, CONTACTED, DECIDED, FOUND, HOW, OFFERED, ON, RIGHT, VIEW
from fhir_plugin.capture.decide import situation_of
from fhir_plugin.capture.draft import DraftState, SecondAnswer
from fhir_plugin.capture.label import VOUCHED_FOR_BY
from fhir_plugin.capture.note import ARRIVED, BECAUSE, CONFIRMED, SAID, TAKEN_BY, NotedImage, draft_note
from fhir_plugin.capture.receipt import MESSAGES
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Store
from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, Grantor
from mappings.model.identifiers import (
    ImageId,
    PatientId,
    Reference,
)
from mappings.model.images import Arrival, BodySite, Laterality, Photographer
from mappings.model.people import Patient
from mappings.model.situation import (
    Authority,
    CareSetting,
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    DiscardReason,
    Identity,
    Made,
)
from mappings.terminology.photographs import MADE_WORDS
from tests.capture.bench import SHARED
from tests.fakes.clock import START

FOREARM = BodySite("14975008", "Forearm", paired=True)
BACK = BodySite("77568009", "Back")


def noted(site: BodySite | None, side: Laterality | None, verdict: Any, **more: Any) -> NotedImage:
    return NotedImage(ImageId("i"), site, side, verdict((), "strict/1"), **more)


ASKED = ("device", "consent_form", "understood")


def told(said: dict[str, str], images: list[NotedImage], asked: Collection[str] = ASKED, **more: Any) -> str:
    answers = Answers(said)
    situation = situation_of(answers, None, PATIENT, today=START.date())
    return draft_note(answers, situation, images, asked=asked, now=START, **more)


PATIENT = Patient(PatientId("p1"), "Amy Example", birth_date=dt.date(1980, 5, 1))


def test_the_note_word_for_word() -> None:
    images = [
        noted(FOREARM, Laterality.LEFT, Store, justification="To compare."),
        noted(FOREARM, Laterality.LEFT, Store, justification="To compare."),
        noted(BACK, None, Store, purpose="A mole"),
        noted(FOREARM, Laterality.BOTH, DescribeOnly),
        noted(None, None, Discard, because=DiscardReason.DUPLICATE),
        noted(BACK, None, Hold),
    ]
    said = {**SHARED, "arrival": "email", "taken_on": "2026-03-01", "photographer": "parent", "findings": "Red plaque."}
    assert told({**said, "device": "patient"}, images) == (
        "Clinical photography, 2 March 2026\n"
        "Reason for image: Rash, to compare\n"
        "Reason for Back: A mole\n"
        "Sent by e-mail, picture taken by a parent, on the patient's or their family's device, on 1 March 2026.\n"
        "Identity: seen in person.\n"
        "Consent to receive: given; to store: given, in conversation, understanding checked.\n"
        "Stored in the record: Forearm, left (2 pictures), Back. It would have been kept face to face.\n"
        "Kept because: To compare.\n"
        "Seen, described and not kept: Forearm, both sides. A written description is enough.\n"
        "Received, not kept and destroyed: 1 picture (a duplicate).\n"
        "Findings: Red plaque.\n"
        "Advice: Emollient."
    )


def test_what_was_not_asked_is_said_to_be_not_asked() -> None:
    said = {"consent_receive": "refused", "consent_store": "not-asked", "understood": "no", "note_elsewhere": "yes"}
    assert told({**said, "intimacy": "private"}, []) == (
        "Clinical photography, 2 March 2026\n"
        "Consent to receive: refused; to store: not asked, understanding not checked.\n"
        "The patient asked for this to be kept private.\n"
        "Findings and advice are in today's consultation note."
    )


def test_a_set_of_which_nothing_is_kept_says_that_and_why_and_what_was_found() -> None:
    gone = noted(None, None, Discard, because=DiscardReason.SENT_IN_ERROR)
    only = "Clinical photography, 2 March 2026\nReceived, not kept and destroyed: 2 pictures (sent in error)."
    wordless = {name: said for name, said in SHARED.items() if name not in ("findings", "advice")}
    assert told(wordless, [gone, gone]) == only
    assert told(SHARED, [gone, gone]) == f"{only}\nFindings: {SHARED['findings']}\nAdvice: {SHARED['advice']}"


FLAGGED = {
    "giver": "parent",
    "giver_name": "Ann Example",
    "giver_relationship": "mother",
    "child_view": "agrees",
    "child_words": "He nodded.",
    "gillick": "no",
    "gillick_words": "Is five.",
    "keep_best_interests": "To see whether it grows.",
    "chaperone": "present",
    "chaperone_name": "Sister Lee",
    "chaperone_designation": "nurse",
    "chaperone_trained": "yes",
    "chaperone_extent": "all of it",
    "chaperone_with_clinician": "in the room",
    "chaperone_with_patient": "on the screen",
    "lacks_capacity": "yes",
    "capacity_words": "Could not weigh it up.",
    "authority": "attorney",
    "authority_covers": "yes",
    "authority_answer": "given",
    "alternative_offered": "Seen tomorrow",
    "urgent_reason": "Sepsis.",
}


def test_who_decided_and_on_what_grounds_is_told_and_only_what_was_asked() -> None:
    note = told({**SHARED, **FLAGGED}, [], asked=FLAGGED)
    for line in (
        "Decided by: a person with parental responsibility (Ann Example, mother).",
        "The child's or young person's own view: agrees. He nodded.",
        "Not Gillick competent for this decision.",
        "Keeping it is in their best interests: To see whether it grows.",
        "Chaperone: offered and present.",
        "Chaperone present: Sister Lee, nurse.",
        "At the patient's end: on the screen",
        "Lacks capacity for this decision.",
        "Search for legal authority: an attorney for health and welfare, which covers this decision; they agreed.",
        "Offered instead: Seen tomorrow",
        "Could not wait for a second person: Sepsis. To be reviewed within 24 hours.",
    ):
        assert line in note.splitlines()
    assert set(told({**SHARED, **FLAGGED}, [], asked=()).splitlines()) < set(note.splitlines())
    for name, said in FLAGGED.items():
        if " " in said:
            assert said not in told({**SHARED, **FLAGGED}, [], asked=set(FLAGGED) - {name})


def test_what_a_second_clinician_said_is_told() -> None:
    second = SecondAnswer(Reference("Practitioner/np"), "Nurse Oak", False, "Not today.", START)
    assert "Second clinician, Nurse Oak, refused: Not today." in told(SHARED, [], second=second)


def test_every_answer_has_words() -> None:
    for words, kind in (
        (ARRIVED, Arrival),
        (TAKEN_BY, Photographer),
        (CONFIRMED, Identity),
        (SAID, ConsentAnswer),
        (BECAUSE, DiscardReason),
        (RIGHT, Grantor),
        (VIEW, ChildView),
        (FOUND, Authority),
        (OFFERED, ChaperoneOutcome),
        (CONTACTED, ContactOutcome),
        (ON, Device),
        (CARED_FOR, CareSetting),
        (MADE_WORDS, Made),
        (DECIDED, ConsentAnswer),
    ):
        assert set(words) == set(kind)
        assert len(set(words.values())) == len(words)
    assert set(HOW) == set(ConsentForm)
    assert set(VOUCHED_FOR_BY) == set(Photographer)


def test_every_state_of_a_receipt_has_a_message_that_says_where_the_pictures_are() -> None:
    assert set(MESSAGES) == {*DraftState, "waiting-for-sign-in", "unresolved", "nothing-current"}
    for state in ("filing", "waiting-for-sign-in", "unresolved", "nothing-current"):
        assert "are safe" in MESSAGES[state]
    assert "SEX" not in repr(MESSAGES)
