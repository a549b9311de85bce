"""Recordings: never without a reason and their own consent; start and stop said aloud; sound only for a reason (G-R206
to G-R218)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, USING, Case
from fhir_plugin.policy.findings import Ask, Finding, Flagged, Stop
from fhir_plugin.policy.rules.deciding import REFUSALS
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.situation import Modality

RECORDING_REFUSED = Reason(
    "recording-refused",
    "Whoever decides said no to being recorded.",
    "Discard the recording.",
    "G-R206, G-R216",
)
NOT_ANNOUNCED = Reason(
    "recording-not-announced",
    "The recording began or ended without being said aloud, so it is not kept.",
    "Choose Describe only or Discard, and tell the patient.",
    "G-R208",
)


def recording(case: Case) -> Iterator[Finding]:
    said = case.said
    if said.modality is Modality.PHOTO:
        return
    yield Flagged("video")
    if said.modality is Modality.VIDEO:
        yield Ask("sound_reason", "Sound is dropped unless it is needed.", KEEPING, optional=True)
    if not case.recorded_by_us:
        return
    yield Ask("recording_reason", "A recording needs a reason of its own.", USING)
    answer, problem = said.consent_record_video, ""
    if case.nobody_consents:
        if answer is not None and answer is not ConsentAnswer.NOT_ASKED:
            problem = "Nobody can agree for them: the best-interests decision stands in its place. Choose Not asked."
            yield Ask("consent_record_video", "A best-interests decision is made instead.", USING, problem)
    else:
        if answer in REFUSALS:
            yield Stop(USING, RECORDING_REFUSED)
        elif answer is ConsentAnswer.NOT_ASKED:
            problem = "Ask before you use it."
        yield Ask("consent_record_video", "Being recorded is a decision of its own.", USING, problem)
        if answer is ConsentAnswer.GIVEN:
            yield from _form(case)
    if said.modality is Modality.VIDEO:
        yield Ask("recording_confirmed", "The start and the stop are said aloud.", KEEPING)
        if said.recording_confirmed is False:
            yield Stop(KEEPING, NOT_ANNOUNCED)


def _form(case: Case) -> Iterator[Finding]:
    wrong = ConsentScope.RECORD_VIDEO in case.pack.written_for and case.said.consent_form is not ConsentForm.WRITTEN
    problem = "This organisation asks for this consent in writing." if wrong and case.said.consent_form else ""
    yield Ask("consent_form", "The record says how it was given.", USING, problem)


RULES = (recording,)
