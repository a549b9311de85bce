"""What each kind of situation needs beyond the fast path, question by question: no more, and no less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.policy.choices import CareworkerCapture, EmailChannel
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act
from mappings.model.consent import Grantor
from mappings.model.work import WorkKind
from tests.policy import situations as of

PACK = replace(
    shipped_pack("strict"),
    careworker_capture=CareworkerCapture.PER_PROVIDER_AGREEMENT,
    email_channel=EmailChannel.FALLBACK_WITH_WARNING,
    **of.NAMED,
)
SITUATIONS = {**of.COMPLETE, "emailed": of.EMAILED, "care-worker": of.CARE_WORKER}

INTIMATE = (
    "only_area intimate_necessary can_wait store_justification chaperone chaperone_name chaperone_designation "
    "chaperone_family chaperone_trained chaperone_extent chaperone_with_clinician chaperone_with_patient speaks_freely"
)
CHILD = "only_area child_view keep_best_interests concern"
PARENT = "giver giver_name giver_relationship gillick"
COMPETENT = "gillick gillick_words child_asked_for_care parents_discussed"
CAPACITY = "device lacks_capacity capacity_words best_interests less_restrictive"

# Name: (flags, questions needed to store beyond the fast path, a second person, work that is due).
NEEDS: dict[str, tuple[str, str, bool, tuple[WorkKind, ...]]] = {
    "adult": ("", "", False, ()),
    "taken-now": ("", "device", False, ()),
    "emailed": ("", "mailbox email_reason", False, (WorkKind.SOURCE,)),
    "unasked": ("unsolicited", "lacks_capacity contact contact_words consent_view", False, ()),
    "intimate": ("intimate", INTIMATE, False, ()),
    "child": ("under-18", f"{CHILD} {PARENT}", False, ()),
    "without-parents": (
        "under-18",
        f"{CHILD} giver gillick best_interests override_reason safeguarding_advice",
        True,
        (),
    ),
    "competent": ("under-18", f"{CHILD} {COMPETENT}", False, ()),
    "seventeen": ("under-18", CHILD, False, ()),
    "child-intimate": ("intimate under-18", f"{CHILD} {PARENT} {INTIMATE} legitimate_reason", True, ()),
    "fifteen-unasked": (
        "intimate under-18 unsolicited",
        f"{CHILD} {COMPETENT} {INTIMATE} legitimate_reason contact contact_words consent_view",
        True,
        (),
    ),
    "no-capacity": ("no-capacity", f"{CAPACITY} authority", False, ()),
    "with-attorney": (
        "no-capacity",
        f"{CAPACITY} authority authority_covers authority_evidence authority_answer giver_name",
        False,
        (),
    ),
    "sixteen-no-capacity": (
        "no-capacity under-18",
        f"{CAPACITY} {CHILD} giver giver_name giver_relationship child_words",
        False,
        (),
    ),
    "video": ("video", "device recording_reason consent_record_video recording_confirmed", False, ()),
    "care-worker": (
        "carer",
        "device helper_agreed helper_burden provider_agreement provider_exceptional care_setting provider_trained",
        False,
        (),
    ),
}
NOT_CONSENTED = {"consent_receive", "consent_store", "consent_form", "understood"}
"""A best-interests decision stands in their place (G-R82)."""


def test_every_situation_has_its_needs() -> None:
    assert set(NEEDS) == set(SITUATIONS)


@pytest.mark.parametrize("name", NEEDS)
def test_exactly_these_questions(name: str) -> None:
    flags, beyond, second, work = NEEDS[name]
    fast = {each.id for each in rule(of.ADULT, PACK).questions if Act.STORE in each.needed_for}
    ruling = rule(SITUATIONS[name], PACK)
    expected = fast | set(beyond.split())
    if name in ("no-capacity", "without-parents"):
        expected -= NOT_CONSENTED
    assert {each.id for each in ruling.questions if Act.STORE in each.needed_for} == expected
    assert ruling.flags == set(flags.split())
    assert ruling.second_person is second
    assert tuple(due.kind for due in ruling.work) == work


WRONG_GIVERS: list[tuple[str, Grantor, str]] = [
    ("competent", Grantor.PARENT, "A competent child decides for themselves."),
    ("child", Grantor.PATIENT, "A child under 16 decides only if competent."),
    ("child", Grantor.ATTORNEY, "Nobody under 18 has an attorney or a deputy."),
    ("sixteen-no-capacity", Grantor.DEPUTY, "Nobody under 18 has an attorney or a deputy."),
    ("no-capacity", Grantor.PATIENT, "You say that the patient lacks capacity"),
    ("with-attorney", Grantor.BEST_INTERESTS, "Somebody with legal authority decides this"),
    ("no-capacity", Grantor.PARENT, "This person has no authority for this decision."),
    ("adult", Grantor.PARENT, "Somebody of 16 or more who has capacity decides for themselves."),
]


@pytest.mark.parametrize(("name", "chosen", "words"), WRONG_GIVERS)
def test_why_somebody_cannot_decide_is_said_in_the_right_words(name: str, chosen: Grantor, words: str) -> None:
    ruling = rule(replace(SITUATIONS[name], giver=chosen), PACK)
    (problem,) = [each.problem for each in ruling.open if each.id == "giver"]
    assert problem.startswith(words)


@pytest.mark.parametrize("right", [Grantor.DELEGATED, Grantor.GUARDIAN, Grantor.COURT_ORDER])
def test_parental_responsibility_that_is_not_a_parents_needs_its_evidence(right: Grantor) -> None:
    """G-R103: held by others, it is delegated, a guardian's or a court's, and the record says how that is known."""
    ruling = rule(replace(of.CHILD, giver=right), PACK)
    assert [each.id for each in ruling.open] == ["giver_evidence"]
    seen = rule(replace(of.CHILD, giver=right, giver_evidence="Saw the order"), PACK)
    assert seen.open == ()
