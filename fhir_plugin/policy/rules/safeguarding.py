"""Pressure, concerns, and what may not be destroyed while one is open (G-R48, G-R311 to G-R321); the dead (G-R92)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import DESTROYING, KEEPING, USING, Case
from fhir_plugin.policy.findings import Ask, Due, Finding, Flagged, Stop, Warn
from fhir_plugin.policy.ruling import Reason, WorkDue
from mappings.model.consent import ChildView, Grantor
from mappings.model.work import WorkKind

OPEN_CONCERN = Reason(
    "open-concern",
    "A safeguarding concern, a complaint or an access request is open, so nothing is destroyed.",
    "Store it, or leave it waiting until the concern is closed.",
    "G-R278, G-R312",
)


def pressure(case: Case) -> Iterator[Finding]:
    """Could they speak freely? Asked where somebody may be pressed (G-R48, G-R315, G-R316)."""
    said = case.said
    if said.vulnerable or (case.intimate and (case.remote or case.child_image)):
        yield Ask("speaks_freely", "Nobody should be pressed into sending an image.", USING)
    if said.speaks_freely is False:
        text = "The patient could not speak freely."
        yield Warn(Reason("not-free", text, "Think about whether somebody presses them.", "G-R48, G-R316"))
        yield Ask("safeguarding_advice", "The patient could not speak freely.", USING)


def concern(case: Case) -> Iterator[Finding]:
    said = case.said
    watchful = case.child_image or case.minor or said.vulnerable or said.speaks_freely is False
    yield Ask("concern", "A concern can be raised at any time.", USING, optional=not watchful)
    if said.concern:
        text = "You have a concern. See the patient in person unless something compels you not to."
        pathway = case.pack.wording.safeguarding_pathway.strip()
        action = f"Follow the pathway: {_sentence(pathway)}" if pathway else "Follow the safeguarding pathway."
        yield Warn(Reason("concern", text, action, "G-R312, G-R313"))
        yield Ask("alternative_offered", "Say when they are seen in person, or what compels you not to.", KEEPING)
        yield Ask("safeguarding_advice", "Advice may be taken from the safeguarding lead.", KEEPING, optional=True)
        hours = case.pack.work_hours[WorkKind.SAFEGUARDING]
        words = "A safeguarding concern was raised about an image: follow the pathway."
        yield Due(WorkDue(WorkKind.SAFEGUARDING, hours, words, "G-R312, G-R313"))
    if said.concern or said.open_concern:
        yield Stop(DESTROYING, OPEN_CONCERN)


def lead(case: Case) -> Iterator[Finding]:
    """Whom to ask, wherever advice is to be taken (G-R112, G-R318)."""
    said = case.said
    without_parents = case.minor and said.giver is Grantor.BEST_INTERESTS
    against = case.minor and said.child_view is ChildView.OBJECTS
    if said.concern or said.speaks_freely is False or without_parents or against:
        who = case.pack.wording.safeguarding_lead.strip()
        text = f"Your safeguarding lead: {_sentence(who)}" if who else "Your organisation has not named its lead here."
        yield Warn(Reason("safeguarding-lead", text, source="G-R112, G-R318"))


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def deceased(case: Case) -> Iterator[Finding]:
    """Known wishes are followed (G-R92)."""
    if case.said.deceased:
        yield Flagged("deceased")
        yield Ask("known_wishes", "The patient has died. Their known wishes are followed.", USING)


RULES = (pressure, concern, lead, deceased)
