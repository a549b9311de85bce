"""The note that goes with a capture, drafted in plain words; the clinician sees it before it is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fhir_plugin.capture.answers import Answers, read_own
from fhir_plugin.capture.circumstances import HOW, ON, circumstances
from fhir_plugin.capture.draft import SecondAnswer
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Store, Verdict
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, BodySite, Laterality, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import DiscardReason, Identity, Situation

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


BECAUSE: Mapping[DiscardReason, str] = {
    DiscardReason.DUPLICATE: "a duplicate",
    DiscardReason.UNUSABLE: "not usable",
    DiscardReason.SENT_IN_ERROR: "sent in error",
    DiscardReason.NOT_NEEDED: "not needed for this patient's care",
}


@dataclass(frozen=True)
class NotedImage:
    """One picture as the note tells it. `purpose`: where it differs from that of the whole set (G-R51)."""

    image_id: ImageId
    site: BodySite | None
    laterality: Laterality | None
    verdict: Verdict
    purpose: str = ""
    justification: str = ""
    """Why it is kept, in the clinician's words (G-R156, G-R157)."""
    because: DiscardReason | None = None


def draft_note(
    answers: Answers,
    situation: Situation,
    images: Sequence[NotedImage],
    *,
    asked: Collection[str],
    now: dt.datetime,
    patient_wrote: str = "",
    second: SecondAnswer | None = None,
    refused: Sequence[SecondAnswer] = (),
) -> str:
    """The whole note as it will be written. What was not asked is said to be not asked (G-R282 to G-R298).

    `situation`: what the pictures share. `asked`: the questions that this capture needs; nothing else is told.
    `patient_wrote`: at our link, in their own words.
    `refused`: who had said no before `second` answered.
    """
    own = read_own(answers)
    lines = [f"Clinical photography, {now:%-d %B %Y}"]
    if patient_wrote:
        lines.append(f"The patient wrote: “{' '.join(patient_wrote.split())}”")
    if all(isinstance(image.verdict, Discard) for image in images) and images:
        return "\n".join([*lines, *_decisions(images), *_words(situation)])
    if situation.purpose:
        lines.append(f"Reason for image: {situation.purpose}")
    lines += [f"Reason for {_site(image)}: {image.purpose}" for image in images if image.purpose]
    how = [ARRIVED[situation.arrival]] if situation.arrival else []
    if situation.photographer:
        how.append(f"picture taken by {TAKEN_BY[situation.photographer]}")
    if situation.device and "device" in asked:
        how.append(f"on {ON[situation.device]}")
    if own.taken_on and situation.arrival is not Arrival.TAKEN_NOW:
        how.append(f"on {own.taken_on:%-d %B %Y}")
    if how:
        lines.append(_sentence(", ".join(how)))
    if situation.identity:
        why = f" ({situation.identity_reason})" if situation.identity_reason else ""
        lines.append(f"Identity: {CONFIRMED[situation.identity]}{why}.")
    lines.append(_consent(situation, asked))
    if situation.intimacy is Intimacy.PRIVATE or situation.patient_says_private:
        lines.append("The patient asked for this to be kept private.")
    if situation.intimacy is Intimacy.INTIMATE:
        lines.append("An intimate image.")
    lines += circumstances(situation, asked)
    for each in (*refused, *((second,) if second is not None else ())):
        words = f": {each.words}" if each.words else "."
        lines.append(f"Second clinician, {each.name or each.by}, {'agreed' if each.agrees else 'refused'}{words}")
    if situation.only_area is False and situation.uncropped_reason:
        lines.append(f"Shows more than the area asked for, not cropped: {situation.uncropped_reason}")
    lines += _decisions(images)
    if not images and ConsentAnswer.WITHDRAWN in (situation.patient_receive, situation.patient_store):
        lines.append("The patient took their pictures back before they were filed. None was kept.")
    return "\n".join([*lines, *_words(situation)])


def _words(situation: Situation) -> list[str]:
    lines = [f"Findings: {situation.findings}"] if situation.findings else []
    if situation.advice:
        lines.append(f"Advice: {situation.advice}")
    if situation.note_elsewhere:
        lines.append("Findings and advice are in today's consultation note.")
    return lines


def _consent(situation: Situation, asked: Collection[str]) -> str:
    receive = SAID[situation.consent_receive or ConsentAnswer.NOT_ASKED]
    store = SAID[situation.consent_store or ConsentAnswer.NOT_ASKED]
    parts = [f"Consent to receive: {receive}; to store: {store}"]
    if situation.consent_form and "consent_form" in asked:
        parts.append(HOW[situation.consent_form])
    if situation.understood is not None and "understood" in asked:
        parts.append("understanding checked" if situation.understood else "understanding not checked")
    return ", ".join(parts) + "."


def _decisions(images: Sequence[NotedImage]) -> list[str]:
    lines: list[str] = []
    stored = [image for image in images if isinstance(image.verdict, Store)]
    described = [image for image in images if isinstance(image.verdict, DescribeOnly)]
    discarded = [image for image in images if isinstance(image.verdict, Discard)]
    if stored:
        lines.append(f"Stored in the record: {_sites(stored)}. It would have been kept face to face.")
        lines += dict.fromkeys(f"Kept because: {image.justification}" for image in stored if image.justification)
    if described:
        lines.append(f"Seen, described and not kept: {_sites(described)}. A written description is enough.")
    if discarded:
        count = "1 picture" if len(discarded) == 1 else f"{len(discarded)} pictures"
        why = list(dict.fromkeys(BECAUSE[image.because] for image in discarded if image.because))
        lines.append(f"Received, not kept and destroyed: {count}{' (' + ', '.join(why) + ')' if why else ''}.")
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
