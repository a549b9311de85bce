"""The note that goes with a capture, drafted in plain words; the clinician sees it before it is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_plugin.capture.answers import Identity, SharedAnswers
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Store, Verdict
from mappings.model.consent import ConsentAnswer, ConsentForm
from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, BodySite, Laterality, Photographer
from mappings.model.labels import Intimacy

ARRIVED: Mapping[Arrival, str] = {
    Arrival.TAKEN_NOW: "taken during this consultation",
    Arrival.OUR_LINK: "sent through our secure link",
    Arrival.EMAIL: "sent by e-mail",
    Arrival.OTHER: "received another way",
    Arrival.UNASKED: "sent without being asked for",
}
TAKEN_BY: Mapping[Photographer, str] = {
    Photographer.PATIENT: "the patient",
    Photographer.CLINICIAN: "me",
    Photographer.COLLEAGUE: "a colleague",
    Photographer.PARENT: "a parent",
    Photographer.FAMILY_CARER: "a family carer",
    Photographer.CARE_WORKER: "a care worker",
    Photographer.OTHER: "somebody else",
}
CONFIRMED: Mapping[Identity, str] = {
    Identity.IN_PERSON: "seen in person",
    Identity.KNOWN: "known to me",
    Identity.DATE_OF_BIRTH: "date of birth confirmed",
    Identity.VIDEO: "recognised on video",
    Identity.NHS_LOGIN: "NHS login",
    Identity.NOT_POSSIBLE: "not possible to confirm",
}
SAID: Mapping[ConsentAnswer, str] = {
    ConsentAnswer.GIVEN: "given",
    ConsentAnswer.REFUSED: "refused",
    ConsentAnswer.WITHDRAWN: "withdrawn",
    ConsentAnswer.NOT_ASKED: "not asked",
}
HOW: Mapping[ConsentForm, str] = {
    ConsentForm.VERBAL: "in conversation",
    ConsentForm.ELECTRONIC: "electronically",
    ConsentForm.WRITTEN: "in writing",
}


@dataclass(frozen=True)
class NotedImage:
    image_id: ImageId
    site: BodySite | None
    laterality: Laterality | None
    verdict: Verdict


def draft_note(shared: SharedAnswers, images: Sequence[NotedImage], *, now: dt.datetime) -> str:
    """The whole note as it will be written. What was not asked is said to be not asked (G-R282 to G-R298)."""
    lines = [f"Clinical photography, {now:%-d %B %Y}"]
    if shared.purpose:
        lines.append(f"Reason for image: {shared.purpose}")
    how = [ARRIVED[shared.arrival]] if shared.arrival else []
    if shared.photographer:
        how.append(f"picture taken by {TAKEN_BY[shared.photographer]}")
    if shared.taken_on and shared.arrival is not Arrival.TAKEN_NOW:
        how.append(f"on {shared.taken_on:%-d %B %Y}")
    if how:
        lines.append(_sentence(", ".join(how)))
    if shared.identity:
        lines.append(f"Identity: {CONFIRMED[shared.identity]}.")
    lines.append(_consent(shared))
    if shared.intimacy is Intimacy.PRIVATE:
        lines.append("The patient asked for this to be kept private.")
    lines += _decisions(images)
    if shared.findings:
        lines.append(f"Findings: {shared.findings}")
    if shared.advice:
        lines.append(f"Advice: {shared.advice}")
    if shared.note_elsewhere:
        lines.append("Findings and advice are in today's consultation note.")
    return "\n".join(lines)


def _consent(shared: SharedAnswers) -> str:
    receive = SAID[shared.consent_receive or ConsentAnswer.NOT_ASKED]
    store = SAID[shared.consent_store or ConsentAnswer.NOT_ASKED]
    parts = [f"Consent to receive: {receive}; to store: {store}"]
    if shared.consent_form:
        parts.append(HOW[shared.consent_form])
    if shared.understood is not None:
        parts.append("understanding checked" if shared.understood else "understanding not checked")
    return ", ".join(parts) + "."


def _decisions(images: Sequence[NotedImage]) -> list[str]:
    lines: list[str] = []
    stored = [image for image in images if isinstance(image.verdict, Store)]
    described = [image for image in images if isinstance(image.verdict, DescribeOnly)]
    discarded = sum(isinstance(image.verdict, Discard) for image in images)
    if stored:
        lines.append(f"Stored in the record: {_sites(stored)}. It would have been kept face to face.")
    if described:
        lines.append(f"Seen, described and not kept: {_sites(described)}. A written description is enough.")
    if discarded:
        lines.append(f"Not needed and discarded: {discarded} {'picture' if discarded == 1 else 'pictures'}.")
    return lines


def _sites(images: Sequence[NotedImage]) -> str:
    words = [_site(image) for image in images]
    counted = {word: words.count(word) for word in words}
    return ", ".join(f"{word} ({count} pictures)" if count > 1 else word for word, count in counted.items())


def _site(image: NotedImage) -> str:
    if image.site is None:
        return "site not given"
    side = {Laterality.LEFT: "left", Laterality.RIGHT: "right", Laterality.BOTH: "both sides"}
    return f"{image.site.display}, {side[image.laterality]}" if image.laterality else image.site.display


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
