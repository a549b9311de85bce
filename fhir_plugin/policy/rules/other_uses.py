"""Teaching, research and publication: asked apart, never needed, and not asked where the rules forbid them (G-R229 to
G-R237, X13)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, Case
from fhir_plugin.policy.choices import SecondaryUse
from fhir_plugin.policy.findings import Ask, Finding
from mappings.model.consent import SECONDARY_USES, ConsentAnswer, ConsentForm, ConsentScope, Grantor

ANSWERED_IN = {
    ConsentScope.TEACHING: "consent_teaching",
    ConsentScope.RESEARCH: "consent_research",
    ConsentScope.PUBLICATION: "consent_publication",
}
"""The question of each use."""


def may_be_asked(case: Case) -> bool:
    """Whether other uses may be asked for at all.

    Only of an adult who decides for themselves about an ordinary picture of an adult. A represented person's is for
    their care alone (G-R56, G-R234); a child is asked once grown up (G-R246); teaching lies outside the pathway of
    intimate images (G-R228); what came unasked was sent for care; somebody who has died left wishes or not (G-R237).
    """
    forbidden = (
        case.pack.secondary_use is SecondaryUse.NEVER,
        case.decider is not Grantor.PATIENT,
        case.minor,
        case.child_image,
        case.intimate or case.flagged_intimate,
        case.unsolicited,
        case.said.deceased,
        case.said.vulnerable,
        case.said.other_uses_shut,
    )
    return not any(forbidden)


def uses(case: Case) -> Iterator[Finding]:
    """Each use is its own decision; a yes counts with its explanation, and in writing where the pack asks (X15)."""
    if not may_be_asked(case):
        return
    said = case.said
    given = [scope for scope in SECONDARY_USES if getattr(said, ANSWERED_IN[scope]) is ConsentAnswer.GIVEN]
    for name in ANSWERED_IN.values():
        yield Ask(name, "No other use without a clear yes to exactly this.", KEEPING, optional=True)
    problem = ""
    if given and said.uses_explained is False:
        problem = "Explain these uses, then choose Yes. Or choose Not asked for each."
    yield Ask("uses_explained", "Agreeing counts only with understanding.", KEEPING, problem, optional=not given)
    problem = ""
    if case.pack.written_for.intersection(given) and said.uses_form not in (None, ConsentForm.WRITTEN):
        problem = "This organisation asks for this consent in writing."
    yield Ask("uses_form", "The record says how it was given.", KEEPING, problem, optional=not given)


RULES = (uses,)
