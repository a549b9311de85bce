"""Images of people under 18: their own view, objection, keeping apart from taking (G-R105 to G-R115, G-R185 on)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, USING, Case
from fhir_plugin.policy.choices import ParentalOverride
from fhir_plugin.policy.findings import Ask, Finding, Flagged, Second, Stop, Warn
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import ChildView

OBJECTS = Reason(
    "child-objects",
    "The child or young person does not want it.",
    "Stop here and offer another way of being assessed.",
    "G-R107, G-R109",
)
OBJECTION_SECOND = Reason(
    "second-person-for-objection",
    "Going on against a child’s wish needs a second person.",
    "Ask a colleague to look at it, or say why it cannot wait.",
    "G-R110, X10",
)
CHILD_INTIMATE_SECOND = Reason(
    "second-person-for-child-intimate",
    "Keeping an intimate image of somebody under 18 needs a second person.",
    "Ask a colleague to look at it, or say why it cannot wait.",
    "G-R185, G-R188",
)
UNKNOWN_DAY = Reason(
    "unknown-day",
    "Nobody knows when it was taken, so it counts as an image of a child.",
    "Say when it was taken, if somebody knows.",
    "G-R115, X12",
)


def view(case: Case) -> Iterator[Finding]:
    """What somebody under 18 thinks about it is always asked; a no stops (G-R105, G-R107, G-R110)."""
    if not case.minor:
        return
    said = case.said
    problem = ""
    if said.child_view is ChildView.NOT_ASKED:
        problem = "Ask. If that cannot be done, choose Not clear and say why."
    elif said.child_view is ChildView.TOO_YOUNG and not case.below_consent_age:
        problem = "Somebody of 16 or more is not too young to say."
    yield Ask("child_view", "Their own view is always asked.", case.deciding, problem)
    if said.child_view in (ChildView.UNCLEAR, ChildView.OBJECTS):
        yield Ask("child_words", "The record says what they said or showed.", case.deciding)
    if said.child_view is not ChildView.OBJECTS:
        return
    if case.decider is None or case.decides_alone or case.pack.parental_override is ParentalOverride.NEVER:
        yield Stop(case.deciding, OBJECTS)
        return
    yield Warn(OBJECTS)
    yield Ask("override_reason", "They do not want it. Only exceptional reasons weigh more.", case.deciding)
    yield Ask("safeguarding_advice", "Going on against their wish needs advice.", case.deciding)
    yield Second(case.deciding, OBJECTION_SECOND)


def image(case: Case) -> Iterator[Finding]:
    """Whatever the age today, an image from before 18 is a child's (G-R111, G-R113, G-R115, G-R187)."""
    if not case.child_image:
        return
    yield Flagged("under-18")
    if case.said.captured_on is None and case.said.birth_date is not None and not case.minor:
        yield Warn(UNKNOWN_DAY)
    yield Ask("keep_best_interests", "Keeping a child’s image is decided apart from taking it.", KEEPING)
    if case.intimate:
        yield Ask("legitimate_reason", "The law asks for a legitimate reason.", USING | case.deciding)
        text = "An intimate image of somebody under 18: holding it without a clinical reason may be a crime."
        action = "Go on only if it is clinically necessary, and record why."
        yield Warn(Reason("child-intimate", text, action, "G-R185, G-R187"))
        yield Second(KEEPING, CHILD_INTIMATE_SECOND)


RULES = (view, image)
