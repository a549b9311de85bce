"""Intimate images: necessity, another way first, why keep it, and exceptional assessments (G-R42, G-R50, X4, X25)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, USING, Case
from fhir_plugin.policy.choices import IntimateDefault, SexualHealthUnder16
from fhir_plugin.policy.findings import Ask, Finding, Flagged, Second, Stop, Warn
from fhir_plugin.policy.ruling import Reason

NO_REMOTE = Reason(
    "no-remote-intimate",
    "This organisation does not assess intimate images from a distance.",
    "See the patient in person, or refer.",
    "G-R178, X4",
)
NOT_NECESSARY = Reason(
    "not-necessary",
    "An intimate image is used only where it is necessary and an examination in person is not reasonable.",
    "See the patient in person. Discard the image.",
    "G-R42",
)
SEXUAL_HEALTH_BLOCKED = Reason(
    "sexual-health-blocked",
    "Sexual health of somebody under 16 or vulnerable is not assessed from a distance here.",
    "See the patient in person, with a chaperone.",
    "G-R50, X25",
)
EXCEPTIONAL_SECOND = Reason(
    "second-person-for-exception",
    "An exception for sexual health under 16 or of somebody vulnerable needs a second clinician.",
    "Ask a colleague to look at it, or say why it cannot wait.",
    "G-R50, X25",
)


def intimate(case: Case) -> Iterator[Finding]:
    if not case.intimate:
        return
    said = case.said
    yield Flagged("intimate")
    yield Ask("store_justification", "Keeping an intimate image needs its own reason.", KEEPING)
    if case.pack.intimate_default is IntimateDefault.DESCRIBE_AND_DISCARD:
        text = "Here intimate images are described and not kept, unless there is a clear reason."
        yield Warn(Reason("describe-by-default", text, source="G-R179, X4"))
    if not case.remote:
        return
    if case.pack.intimate_default is IntimateDefault.NO_REMOTE_INTIMATE:
        yield Stop(USING, NO_REMOTE)
    yield Ask("intimate_necessary", "An intimate image from a distance must be necessary.", USING)
    if said.intimate_necessary is False:
        yield Stop(USING, NOT_NECESSARY)
    yield Ask("can_wait", "Being seen in person is often better.", USING)
    if said.can_wait:
        yield Ask("alternative_offered", "It can wait, so another way is offered first.", USING)


def sexual_health(case: Case) -> Iterator[Finding]:
    """Only exceptionally, and never where the pack forbids it (X25)."""
    if case.intimate or case.pack.sexual_health or case.said.sexual_health:
        yield Ask(
            "sexual_health", "Sexual health has its own rule for young and vulnerable people.", USING, optional=True
        )
        yield Ask("vulnerable", "More care is taken of people who are vulnerable.", USING, optional=True)
    if not case.exceptional_only:
        return
    if case.pack.sexual_health_under_16 is SexualHealthUnder16.BLOCKED:
        yield Stop(USING, SEXUAL_HEALTH_BLOCKED)
        return
    yield Ask("exceptional_reason", "This is done only in exceptional circumstances.", USING)
    yield Second(USING, EXCEPTIONAL_SECOND)


RULES = (intimate, sexual_health)
