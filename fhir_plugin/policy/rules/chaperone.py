"""The offer of a chaperone and what came of it: six facts, at both ends; family does not count (G-R193 to G-R204)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import USING, Case
from fhir_plugin.policy.choices import RemoteChaperone
from fhir_plugin.policy.findings import Ask, Finding, Stop, Warn
from fhir_plugin.policy.ruling import Reason
from mappings.model.situation import ChaperoneOutcome, Modality

REQUIRED = Reason(
    "chaperone-required",
    "A trained chaperone must be there for this.",
    "Do it again with one, or see the patient in person.",
    "G-R90, G-R195, G-R204, X19",
)
_FACTS = (
    ("chaperone_name", "The record says who it was."),
    ("chaperone_designation", "The record says what their job is."),
    ("chaperone_extent", "The record says how much they witnessed."),
    ("chaperone_with_clinician", "The record says where they were at your end."),
    ("chaperone_with_patient", "The record says where they were at the patient’s end."),
)


def chaperone(case: Case) -> Iterator[Finding]:
    """For every intimate image; on video also of somebody vulnerable or without capacity (G-R90, G-R195)."""
    said = case.said
    fragile = said.vulnerable or case.lacks_capacity
    on_video = said.modality is Modality.VIDEO
    if not (case.intimate or (on_video and fragile)):
        return
    problem = ""
    if said.chaperone is ChaperoneOutcome.NOT_OFFERED:
        problem = "Offer a chaperone, then say what came of it."
    yield Ask("chaperone", "A chaperone is offered as it would be in person.", USING, problem)
    present = said.chaperone is ChaperoneOutcome.PRESENT
    counts = present and not (case.remote and case.pack.remote_chaperone is RemoteChaperone.F2F_ONLY)
    if present:
        yield Warn(Reason("tell-chaperone", case.pack.wording.chaperone_role, source="G-R199"))
        for name, why in _FACTS:
            yield Ask(name, why, USING)
        problem = "Family may be there as well, but is not a chaperone." if said.chaperone_family else ""
        yield Ask("chaperone_family", "Family is not a chaperone.", USING, problem)
        problem = "Only a trained chaperone who is at ease with it counts." if said.chaperone_trained is False else ""
        yield Ask("chaperone_trained", "A chaperone is trained.", USING, problem)
    if said.chaperone is None or counts:
        return
    if on_video and (fragile or case.exceptional_only):
        yield Stop(USING, REQUIRED)
    if present:
        text = "Here a chaperone counts only where they are in the room with the patient."
        yield Warn(Reason("chaperone-not-in-the-room", text, source="G-R177, X19"))
    elif said.chaperone is not ChaperoneOutcome.NOT_OFFERED:
        text = "There was no chaperone. Think about whether to go on."
        yield Warn(Reason("no-chaperone", text, source="G-R202"))
    yield Ask("chaperone_reason", "Going on without a chaperone needs a reason.", USING)


RULES = (chaperone,)
