"""Recordings: never without a reason and their own consent; start and stop said aloud; sound only for a reason (G-R206
to G-R218); and pictures that may be of a screen."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.policy.case import KEEPING, USING, Case
from fhir_plugin.policy.clock_times import between, clock_time
from fhir_plugin.policy.findings import Ask, Finding, Flagged, Stop, Warn
from fhir_plugin.policy.rules.deciding import REFUSALS
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.images import Arrival
from mappings.model.situation import Made, Modality, Situation

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


NO_TIME = "Write it as hours and minutes, for example 14:05."
COPIED = Reason(
    "copied-from-screen",
    "It is a copy of another picture. Whom that shows, and when it was taken, the file does not say.",
    "Ask for the picture itself, or make sure of both.",
    "G-R126, G-R174",
)


def recording(case: Case) -> Iterator[Finding]:
    said = case.said
    if case.modality is Modality.PHOTO:
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
        elif said.recording_confirmed:
            yield from _times(said)


def _times(said: Situation) -> Iterator[Finding]:
    """When it began and ended: whoever has them at hand writes them down, and nothing waits for them (G-R208)."""
    began, ended = clock_time(said.recording_began), clock_time(said.recording_ended)
    problem = NO_TIME if said.recording_began.strip() and began is None else ""
    yield Ask("recording_began", "The record says when.", KEEPING, problem, optional=not problem)
    if not said.recording_began.strip() and not said.recording_ended.strip():
        return
    problem = NO_TIME if said.recording_ended.strip() and ended is None else ""
    if began is not None and ended is not None and between(began, ended) is None:
        problem = "The end lies before the beginning."
    yield Ask("recording_ended", "The record says when.", KEEPING, problem, optional=not problem)


def screen(case: Case) -> Iterator[Finding]:
    """A screenshot says less than a picture of the patient: of whom and of when it is (G-R63, G-R126)."""
    if not case.maybe_screen:
        return
    why = "It has no camera’s data and looks like a screenshot."
    if not case.said.looks_like_screen:
        why = "Staff took it, and the patient was on video."
    yield Ask("made", why, USING)
    if case.said.made is Made.SCREEN:
        yield Flagged("screen")
        yield Warn(COPIED)
        if case.said.arrival is Arrival.TAKEN_NOW:
            problem = "A copy of another picture was not taken now. Choose how that picture reached you."
            yield Ask("arrival", "What is copied was taken at another time.", USING, problem)


def _form(case: Case) -> Iterator[Finding]:
    wrong = ConsentScope.RECORD_VIDEO in case.pack.written_for and case.said.consent_form is not ConsentForm.WRITTEN
    problem = "This organisation asks for this consent in writing." if wrong and case.said.consent_form else ""
    yield Ask("consent_form", "The record says how it was given.", USING, problem)


RULES = (recording, screen)
