"""Whether an image may be stored, described or discarded: answers in, verdicts out. No clock, no store.

The rules are the policy engine's (`fhir_plugin.policy.engine`); here the answers of a form become its situations, one
for each picture, and its rulings become what the screen, the order and the worklist need.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.capture.answers import (
    FORM_NAMES,
    LONGEST,
    LONGEST_WORDS,
    PER_IMAGE,
    SHARED_FIELDS,
    Answers,
    OwnAnswers,
    read_image,
    read_own,
    read_situation,
)
from fhir_plugin.capture.patient_said import with_facts
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Store, Verdict
from fhir_plugin.policy.case import Case
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.policy.rules.fast_path import RECORD_CHANGED
from fhir_plugin.policy.rules.other_uses import may_be_asked
from fhir_plugin.policy.ruling import Act, May, OpenQuestion, Reason, Ruling, WorkDue
from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, BodySite, Photographer
from mappings.model.people import Patient
from mappings.model.situation import Identity, Modality, Situation, Wish

WORTH_KEEPING: Final = (
    "The picture helps to follow the course and to understand the advice later; this outweighs possible distress."
)
"""The risk and benefit of keeping an ordinary picture (G-R157), offered with *Store*, to be edited. Never enough for
one that needs its own justification."""

ACTS: Final[Mapping[Wish, Act]] = {
    Wish.STORE: Act.STORE,
    Wish.DESCRIBE: Act.DESCRIBE,
    Wish.DISCARD: Act.DISCARD,
}

ASK: Final[Mapping[str, str]] = {
    "purpose": "Say why this image is needed.",
    "arrival": "Choose how the image reached you.",
    "device": "Choose on whose device it was taken.",
    "made": "Say what kind of picture it is.",
    "consent_receive": "Say whether the patient agreed to the image being sent or taken.",
    "consent_store": "Say whether the patient agreed to the image being stored.",
    "consent_form": "Choose how consent was given.",
    "understood": "Say whether you checked that the patient understood.",
    "photographer": "Choose who took the picture.",
    "identity": "Choose how you confirmed who this is.",
    "intimacy": "Say whether it is intimate, or private to the patient.",
    "only_area": "Say whether it shows only the area asked for, and nobody else.",
    "face_to_face": "Say whether you would keep it after seeing the patient face to face.",
    "findings": "Write what you found, or tick that it is in today's note.",
    "advice": "Write what you advised, or tick that it is in today's note.",
    "site_known": "Choose the part of the body.",
    "wish": "Choose Store, Describe only or Discard for this picture.",
    "discard_reason": "Choose why this picture is not needed.",
}
"""What to do about a question that nobody has answered yet, where its own words would be too long for a list."""


@dataclass(frozen=True)
class ImageFacts:
    """What is known of one image besides the answers. `camera_day`: the camera's own claim, if it made one."""

    image_id: ImageId
    camera_day: dt.date | None
    site: BodySite | None
    discarded: bool = False
    modality: Modality = Modality.PHOTO
    screen_like: bool = False


@dataclass(frozen=True)
class CaptureFacts:
    """What is known of the capture besides patient, pictures and answers; see the fields of `Situation`."""

    requested: bool = False
    preauthorised_private: bool = False
    open_concern: bool = False
    second_person: bool | None = None
    record_changed: bool = False
    said_intimate_before: bool = False
    patient_said: Mapping[str, str] = field(default_factory=dict, repr=False)
    only_words: bool = False
    """No picture is left, and what was written about them gets its note."""


PLAIN: Final = CaptureFacts()


@dataclass(frozen=True)
class Assessment:
    """Where a capture stands. `missing` maps a form field to what to do; `verdicts` has one verdict per image.

    `questions`: what the whole capture is asked, answered or not, in the order to ask. `rulings` and `situations`
    have one entry for each image; `capture` is that of no image in particular, before there is one.
    """

    verdicts: Mapping[ImageId, Verdict]
    missing: Mapping[str, str] = field(default_factory=dict)
    holds: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    rulings: Mapping[ImageId, Ruling] = field(default_factory=dict)
    situations: Mapping[ImageId, Situation] = field(default_factory=dict, repr=False)
    questions: tuple[OpenQuestion, ...] = ()
    flags: frozenset[str] = frozenset()
    work: tuple[WorkDue, ...] = ()
    second_person: bool = False
    only_words: bool = False

    @property
    def may_file(self) -> bool:
        undecided = any(isinstance(verdict, Hold) for verdict in self.verdicts.values())
        return bool(self.verdicts or self.only_words) and not undecided and not self.missing and not self.holds

    def may_reveal(self, image: ImageId) -> bool:
        """Whether the pixels of this picture may be shown to the person who decides."""
        ruling = self.rulings.get(image)
        return ruling is not None and may_look(ruling)


def may_look(ruling: Ruling) -> bool:
    """Whether the person who decides may look. Until somebody says how it came, whoever added it may see what they
    added: only saying that nobody asked for it, or that it was refused, shuts it."""
    if ruling.acts.get(Act.REVEAL) is May.YES:
        return True
    if ruling.acts.get(Act.REVEAL) is May.NO or ruling.reasons.get(Act.REVEAL):
        return False
    return {each.id for each in ruling.open if Act.REVEAL in each.needed_for} == {"arrival"}


def believed(camera_day: dt.date | None, today: dt.date) -> dt.date | None:
    """A camera's day, unless its clock is wrong: one that lies further ahead than any time zone says nothing at all,
    and least of all that it was taken today."""
    return camera_day if camera_day is not None and camera_day <= today + dt.timedelta(days=1) else None


def captured_day(own: OwnAnswers, camera_day: dt.date | None, today: dt.date) -> dt.date | None:
    """The earliest day that anybody claims, so that a child's image is never taken for an adult's. None: unknown.

    Never after today: nothing has been taken in the future, whatever a camera's clock or a slip of the pen says.
    """
    claims = [day for day in (own.taken_on, believed(camera_day, today)) if day is not None]
    if own.arrival is Arrival.TAKEN_NOW:
        claims.append(today)
    return min(*claims, today) if claims and not own.taken_unknown else None


def situation_of(
    answers: Answers, image: ImageFacts | None, patient: Patient, *, today: dt.date, standing: CaptureFacts = PLAIN
) -> Situation:
    """The situation of one picture; of the capture before it has one, when `image` is None."""
    said = with_facts(standing.patient_said, read_situation(answers, image.image_id if image else None))
    own = read_own(answers)
    captured = captured_day(own, image.camera_day if image else None, today)
    if captured is None and not own.taken_unknown and own.arrival is None:
        captured = today  # nobody counts as a child because of an empty page: `arrival` is still missing
    if image is not None and image.discarded:
        said["wish"] = Wish.DISCARD
    if said["store_justification"] == WORTH_KEEPING:
        said["store_justification"] = ""
    return Situation(
        **said,
        birth_date=patient.birth_date,
        today=today,
        deceased=patient.deceased,
        captured_on=captured,
        modality=image.modality if image else Modality.PHOTO,
        looks_like_screen=image is not None and image.screen_like,
        requested=standing.requested,
        preauthorised_private=standing.preauthorised_private,
        private_site=image is not None and image.site is not None and image.site.private,
        open_concern=standing.open_concern,
        second_person=standing.second_person,
        record_changed=standing.record_changed,
        said_intimate_before=standing.said_intimate_before,
        site_known=image is not None and image.site is not None,
    )


def assess(
    answers: Answers,
    images: Sequence[ImageFacts],
    patient: Patient,
    *,
    today: dt.date,
    policy: PolicyPack,
    standing: CaptureFacts = PLAIN,
) -> Assessment:
    """Every verdict so far, what is missing, and what stops."""
    situations = {
        image.image_id: situation_of(answers, image, patient, today=today, standing=standing) for image in images
    }
    used = [each for each in situations.values() if each.wish is not Wish.DISCARD]
    if not all(may_be_asked(Case(each, policy)) for each in used):
        situations = {image: replace(each, other_uses_shut=True) for image, each in situations.items()}
    if len(used) > 1:  # one answer cannot say of every picture that it is no photograph (X16)
        situations = {image: replace(each, image_kind=None) for image, each in situations.items()}
    rulings = {image: rule(situation, policy) for image, situation in situations.items()}
    kept = [image for image in images if situations[image.image_id].wish is not Wish.DISCARD]
    words = standing.only_words and not images
    missing: dict[str, str] = {} if images or words else {"images": "Add at least one picture."}
    if kept:
        missing |= _missing_own(answers, kept, today=today)
    holds: dict[str, Reason] = {}
    for image in images:
        wish = situations[image.image_id].wish
        ruling = rulings[image.image_id]
        missing |= _missing_for(ruling, image, wish, but=missing)
        for reason in _stopped(ruling, wish):
            holds.setdefault(reason.code, reason)
    every = list(rulings.values()) or [
        rule(situation_of(answers, None, patient, today=today, standing=standing), policy)
    ]
    if words:
        missing |= _missing_own(answers, (), today=today)
        holds = {each.code: each for each in every[0].stops if each is RECORD_CHANGED}
    counted = [rulings[image.image_id] for image in kept] or ([] if images else every)
    return Assessment(
        verdicts={image: _verdict(situations[image].wish, ruling) for image, ruling in rulings.items()},
        missing=missing,
        holds=tuple(holds.values()),
        warnings=tuple(_warnings(answers, situations, kept, counted, today)),
        rulings=rulings,
        situations=situations,
        questions=_shared_questions(counted),
        flags=frozenset().union(*(ruling.flags for ruling in counted)),
        work=_work(every if images else ()),
        second_person=any(ruling.second_person for ruling in counted) and not words,
        only_words=words,
    )


def field_of(question: str, image: ImageId | None) -> str:
    """The form field in which a question is answered."""
    name = FORM_NAMES.get(question, question)
    return f"{name}-{image}" if question in PER_IMAGE and image is not None else name


def _verdict(wish: Wish | None, ruling: Ruling) -> Verdict:
    if wish is None:
        undecided = Reason("undecided", "Nobody has decided about this picture yet.", source="G-R171")
        return Hold((undecided,), ruling.pack)
    act = ACTS[wish]
    reasons = ruling.reasons.get(act, ())
    if ruling.acts.get(act) is not May.YES:
        return Hold(reasons or ruling.stops, ruling.pack)
    if wish is Wish.STORE:
        grounds = (Reason("face-to-face-parity", "It would have been kept face to face.", source="G-R155"),)
        return Store(reasons or grounds, ruling.pack)
    if wish is Wish.DESCRIBE:
        grounds = (Reason("description-suffices", "A written description is enough.", source="G-R154"),)
        return DescribeOnly(reasons or grounds, ruling.pack)
    return Discard(reasons or (Reason("discarded", "Not needed; never filed.", source="G-R270"),), ruling.pack)


def _stopped(ruling: Ruling, wish: Wish | None) -> Iterable[Reason]:
    """What stops what is wished for, or keeps it waiting; while nothing is wished for, what stops describing."""
    act = ACTS[wish] if wish is not None else Act.DESCRIBE
    if ruling.acts.get(act) is not May.YES:
        yield from ruling.reasons.get(act, ())
    if ruling.acts.get(Act.REVEAL) is May.NO and wish is not Wish.DISCARD:
        yield from ruling.reasons.get(Act.REVEAL, ())


def _missing_own(answers: Answers, images: Sequence[ImageFacts], *, today: dt.date) -> dict[str, str]:
    """What only the capture asks: a day, a side, and words that fit."""
    own = read_own(answers)
    missing: dict[str, str] = {}
    asked = own.arrival is not None and own.arrival is not Arrival.TAKEN_NOW
    if own.taken_on is None and not own.taken_unknown:
        if answers.said("taken_on"):
            missing["taken_on"] = "This is not a day of the calendar. Say when it was taken, or that this is not known."
        elif asked and any(believed(image.camera_day, today) is None for image in images):
            missing["taken_on"] = "Say when it was taken, or that this is not known."
    if own.taken_on is not None and own.taken_on > today:
        missing["taken_on"] = "This day lies in the future. Say when it was taken, or that this is not known."
    for image in images:
        if image.site is not None and image.site.paired and read_image(answers, image.image_id).laterality is None:
            missing[f"laterality-{image.image_id}"] = "Choose left, right or both."
    for name in SHARED_FIELDS:
        most = LONGEST.get(name, LONGEST_WORDS)
        if len(text := answers.said(name)) > most:
            missing[name] = f"Shorten this to {most} characters. It has {len(text)}."
    return missing


def _missing_for(ruling: Ruling, image: ImageFacts, wish: Wish | None, *, but: Mapping[str, str]) -> dict[str, str]:
    """What this picture's questions still need before its wish may be carried out."""
    wanted = {ACTS[wish]} if wish is not None else {Act.DESCRIBE}
    missing: dict[str, str] = {}
    if wish is None:
        missing[field_of("wish", image.image_id)] = ASK["wish"]
    for question in ruling.open:
        name = field_of(question.id, image.image_id)
        if name in but or not question.needed_for & wanted:
            continue
        missing[name] = question.problem or ASK.get(question.id, question.why)
    return missing


def _shared_questions(rulings: Sequence[Ruling]) -> tuple[OpenQuestion, ...]:
    """What is asked once for all pictures: open while it is open for any of them."""
    found: dict[str, OpenQuestion] = {}
    for question in (each for ruling in rulings for each in ruling.questions if each.id not in PER_IMAGE):
        known = found.get(question.id)
        found[question.id] = (
            question
            if known is None
            else replace(
                known,
                needed_for=known.needed_for | question.needed_for,
                answered=known.answered and question.answered,
                problem=known.problem or question.problem,
            )
        )
    return tuple(found.values())


def _work(rulings: Iterable[Ruling]) -> tuple[WorkDue, ...]:
    """What carrying it out puts on somebody's list: each kind once, by the earliest time that any picture asks for."""
    due: dict[str, WorkDue] = {}
    for work in (each for ruling in rulings for each in ruling.work):
        known = due.get(work.kind)
        if known is None or work.hours < known.hours:
            due[work.kind] = work
    return tuple(due.values())


def _warnings(
    answers: Answers,
    situations: Mapping[ImageId, Situation],
    images: Sequence[ImageFacts],
    rulings: Sequence[Ruling],
    today: dt.date,
) -> list[Reason]:
    warnings = {reason.code: reason for ruling in rulings for reason in ruling.warnings}
    for reason in _own_warnings(answers, [situations[image.image_id] for image in images], images, today):
        warnings.setdefault(reason.code, reason)
    return list(warnings.values())


def _own_warnings(
    answers: Answers, situations: Sequence[Situation], images: Sequence[ImageFacts], today: dt.date
) -> Iterable[Reason]:
    if not situations:
        return
    said = situations[0]
    sides = any(read_image(answers, image.image_id).laterality for image in images)
    if sides and said.photographer is Photographer.PATIENT:
        yield Reason("mirrored", "Pictures that people take of themselves are often mirrored. Check left and right.")
    if said.identity is Identity.NOT_POSSIBLE:
        text = "You could not confirm who this is. Look again whether it is this patient's, and write down why."
        yield Reason("identity-not-confirmed", text, source="G-R123, G-R126")
    if said.arrival in (Arrival.EMAIL, Arrival.OTHER):
        text = "After filing, delete the e-mail or message and the picture from the mailbox and the device."
        yield Reason("empty-mailbox", text, source="G-R130, G-R275")
    if said.arrival is Arrival.TAKEN_NOW and any(
        image.camera_day is not None and abs((image.camera_day - today).days) > 1 for image in images
    ):
        text = "The camera says that this was taken on another day. Check that it is the right picture."
        yield Reason("camera-date", text, source="G-R126")
    if any(image.camera_day is not None and image.camera_day > today + dt.timedelta(days=1) for image in images):
        yield Reason("camera-clock", "The camera's clock is in the future; its date is not reliable.")
