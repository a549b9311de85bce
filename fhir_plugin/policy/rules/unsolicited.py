"""What nobody asked for stays shut until the sender was reached; an emergency opens it, and nothing more (G-R116 to
G-R122, X14)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import EVERYTHING, USING, Case
from fhir_plugin.policy.findings import Ask, Due, Finding, Flagged, Wait, Warn
from fhir_plugin.policy.ruling import Act, Reason, WorkDue
from mappings.model.situation import ContactOutcome
from mappings.model.work import WorkKind

NOT_REACHED = Reason(
    "not-reached",
    "Nobody asked for this image, and the sender has not been reached.",
    "It waits safely and unseen. Try again today; if somebody may be in danger or in pain, say so.",
    "G-R116",
)
AFTER_EMERGENCY = Reason(
    "emergency-only",
    "It was opened in an emergency. Before anything else is done with it, reach the sender.",
    "Reach the patient or somebody who may decide for them today.",
    "G-R116, G-R121",
)
_SAME_DAY = "Reach whoever sent an image unasked, the same day."


def contact(case: Case) -> Iterator[Finding]:
    if not case.unsolicited:
        return
    said = case.said
    yield Flagged("unsolicited")
    if not case.to_be_reached:
        text = "Sent unasked. Here an ordinary image may be looked at; storing it is decided on its own."
        yield Warn(Reason("implied-by-sending", text, source="G-R118, X14"))
        return
    acts = EVERYTHING if case.sealed else USING  # what was seen and is of no use may go
    why = (
        "Nobody asked for it. Reach the sender first." if case.came_unasked else "The request allowed no private image."
    )
    yield Ask("contact", why, acts)
    if said.contact is ContactOutcome.REACHED:
        yield Ask("contact_words", "The record says what came of it.", acts)
        return
    yield Due(WorkDue(WorkKind.UNSOLICITED, case.pack.work_hours[WorkKind.UNSOLICITED], _SAME_DAY, "G-R116"))
    if said.contact is ContactOutcome.NOT_REACHED:
        yield Wait(acts, NOT_REACHED)
    elif case.emergency:
        yield Ask("emergency_reason", "It is opened before anybody was reached.", acts)
        yield Wait(acts - {Act.REVEAL}, AFTER_EMERGENCY)


def wider_concern(case: Case) -> Iterator[Finding]:
    """Unasked and without capacity: safeguarding cannot be skipped (G-R117, G-R317)."""
    if case.unsolicited and (case.lacks_capacity or (case.below_consent_age and not case.competent_child)):
        yield Ask("concern", "It came unasked, and the patient cannot decide for themselves.", USING)
        yield Ask("speaks_freely", "It came unasked, and the patient cannot decide for themselves.", USING)


RULES = (contact, wider_concern)
