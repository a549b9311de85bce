"""Whether an image may be stored, described or discarded: answers in, verdicts out. No clock, no store.

This version knows the fast path (guidance section Z). What the fast path does not cover is held: under 18,
intimate, doubtful capacity, unsolicited, deceased. The policy engine will open their own questions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fhir_plugin.capture.answers import LONGEST, Answers, Choice, Identity, SharedAnswers, read_image, read_shared
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Reason, Store, Verdict
from fhir_plugin.policy.choices import CareworkerCapture
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import ImageId
from mappings.model.images import Arrival, BodySite, Photographer
from mappings.model.labels import Intimacy
from mappings.model.people import Patient


@dataclass(frozen=True)
class ImageFacts:
    """What is known of one image besides the answers. `camera_day`: the camera's own claim, if it made one."""

    image_id: ImageId
    camera_day: dt.date | None
    site: BodySite | None
    discarded: bool = False


@dataclass(frozen=True)
class Assessment:
    """Where a capture stands. `missing` maps a form field to what to do; `verdicts` has one verdict per image."""

    verdicts: Mapping[ImageId, Verdict]
    missing: Mapping[str, str] = field(default_factory=dict)
    holds: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()

    @property
    def may_file(self) -> bool:
        return bool(self.verdicts) and not self.missing and not self.holds


def captured_day(shared: SharedAnswers, camera_day: dt.date | None, today: dt.date) -> dt.date | None:
    """The earliest day that anybody claims, so that a child's image is never taken for an adult's. None: unknown.

    Never after today: nothing has been taken in the future, whatever a camera's clock or a slip of the pen says.
    """
    claims = [day for day in (shared.taken_on, camera_day) if day is not None]
    if shared.arrival is Arrival.TAKEN_NOW:
        claims.append(today)
    return min(*claims, today) if claims and not shared.taken_unknown else None


def assess(
    answers: Answers,
    images: Sequence[ImageFacts],
    patient: Patient,
    *,
    today: dt.date,
    policy: PolicyPack,
) -> Assessment:
    """Every verdict so far, what is missing, and what stops."""
    shared = read_shared(answers)
    kept = [image for image in images if not image.discarded]
    choices = {image.image_id: read_image(answers, image.image_id).choice for image in kept}
    missing: dict[str, str] = {}
    if not images:
        missing["images"] = "Add at least one picture."
    wanted = [image for image in kept if choices[image.image_id] is not Choice.DISCARD]
    if wanted:
        storing = Choice.STORE in choices.values()
        missing |= _missing_shared(shared, wanted, storing=storing, today=today, policy=policy)
        if shared.taken_on is None and not shared.taken_unknown and answers.shared.get("taken_on", "").strip():
            missing["taken_on"] = "This is not a day of the calendar. Say when it was taken, or that this is not known."
    for image in kept:
        missing |= _missing_for_image(answers, image)

    holds: dict[str, Reason] = {}
    for image in wanted:
        for reason in _holds(shared, image, patient, today=today, policy=policy):
            holds.setdefault(reason.code, reason)
    forbidden = _missing_to_store(shared, policy) if Choice.STORE in choices.values() else {}
    verdicts = {
        image.image_id: _verdict(
            Choice.DISCARD if image.discarded else choices.get(image.image_id), holds, forbidden, policy
        )
        for image in images
    }
    if not holds:
        missing |= {name: text for name, text in forbidden.items() if name not in missing}
    return Assessment(
        verdicts=verdicts,
        missing=missing,
        holds=tuple(holds.values()),
        warnings=tuple(_warnings(shared, wanted, answers, today)),
    )


def _verdict(
    choice: Choice | None, holds: Mapping[str, Reason], forbidden: Mapping[str, str], policy: PolicyPack
) -> Verdict:
    reference = policy.reference
    match choice:
        case Choice.DISCARD:
            return Discard((Reason("discarded", "Not needed; never filed.", source="G-R270"),), reference)
        case _ if holds:
            return Hold(tuple(holds.values()), reference)
        case Choice.STORE if forbidden:
            return Hold(
                tuple(Reason("may-not-store", text, source="X1, X2, G-R155") for text in forbidden.values()), reference
            )
        case Choice.STORE:
            return Store(
                (Reason("face-to-face-parity", "It would have been kept face to face.", source="G-R155"),),
                reference,
            )
        case Choice.DESCRIBE:
            return DescribeOnly(
                (Reason("description-suffices", "A written description is enough.", source="G-R154"),), reference
            )
        case _:
            undecided = Reason("undecided", "Nobody has decided about this picture yet.", source="G-R171")
            return Hold((undecided,), reference)


def _missing_shared(
    shared: SharedAnswers, images: Sequence[ImageFacts], *, storing: bool, today: dt.date, policy: PolicyPack
) -> dict[str, str]:
    missing: dict[str, str] = {}
    if len(shared.purpose) < policy.shortest_purpose:
        missing["purpose"] = "Say why this image is needed."
    if shared.arrival is None:
        missing["arrival"] = "Choose how the image reached you."
    elif (
        shared.arrival is not Arrival.TAKEN_NOW
        and not shared.taken_unknown
        and shared.taken_on is None
        and any(image.camera_day is None for image in images)
    ):
        missing["taken_on"] = "Say when it was taken, or that this is not known."
    if shared.taken_on is not None and shared.taken_on > today:
        missing["taken_on"] = "This day lies in the future. Say when it was taken, or that this is not known."
    if shared.consent_receive is None:
        missing["consent_receive"] = "Say whether the patient agreed to the image being sent or taken."
    if shared.consent_store is None:
        missing["consent_store"] = "Say whether the patient agreed to the image being stored."
    if ConsentAnswer.GIVEN in (shared.consent_receive, shared.consent_store):
        if shared.consent_form is None:
            missing["consent_form"] = "Choose how consent was given."
        if shared.understood is None:
            missing["understood"] = "Say whether you checked that the patient understood."
    if shared.photographer is None:
        missing["photographer"] = "Choose who took the picture."
    if shared.identity is None:
        missing["identity"] = "Choose how you confirmed who this is."
    if shared.intimacy is None:
        missing["intimacy"] = "Say whether it is intimate, or private to the patient."
    if storing and shared.face_to_face is None:
        missing["face_to_face"] = "Say whether you would keep it after seeing the patient face to face."
    if not shared.note_elsewhere:
        if not shared.findings:
            missing["findings"] = "Write what you found, or tick that it is in today's note."
        if not shared.advice:
            missing["advice"] = "Write what you advised, or tick that it is in today's note."
    for name, text in (("purpose", shared.purpose), ("findings", shared.findings), ("advice", shared.advice)):
        if len(text) > LONGEST[name]:
            missing[name] = f"Shorten this to {LONGEST[name]} characters. It has {len(text)}."
    return missing


def _missing_for_image(answers: Answers, image: ImageFacts) -> dict[str, str]:
    said = read_image(answers, image.image_id)
    missing: dict[str, str] = {}
    if said.choice is None:
        missing[f"decision-{image.image_id}"] = "Choose Store, Describe only or Discard for this picture."
    if said.choice in (Choice.STORE, Choice.DESCRIBE):
        if image.site is None:
            missing[f"site-{image.image_id}"] = "Choose the part of the body."
        elif image.site.paired and said.laterality is None:
            missing[f"laterality-{image.image_id}"] = "Choose left, right or both."
    return missing


def _missing_to_store(shared: SharedAnswers, policy: PolicyPack) -> dict[str, str]:
    """What forbids storing, by field: an answer that says no, or one that nobody has given (X1, X2, G-R155, G-R170)."""
    missing: dict[str, str] = {}
    if shared.face_to_face is not True:
        missing["face_to_face"] = (
            "Keep an image only if you would have kept it face to face. Choose Describe only instead."
        )
    if shared.consent_store is ConsentAnswer.REFUSED:
        missing["consent_store"] = "The patient refused storage. Choose Describe only or Discard instead."
    elif shared.consent_store is None or (
        policy.consent_store_required and shared.consent_store is ConsentAnswer.NOT_ASKED
    ):
        missing["consent_store"] = "Ask the patient before storing, or choose Describe only."
    if shared.consent_receive is ConsentAnswer.REFUSED:
        missing["consent_receive"] = "The patient refused this image. Choose Discard."
    elif shared.consent_receive is None or (
        policy.consent_receive_required and shared.consent_receive is ConsentAnswer.NOT_ASKED
    ):
        missing["consent_receive"] = "Ask the patient before storing, or choose Describe only."
    if shared.understood is not True and ConsentAnswer.GIVEN in (shared.consent_receive, shared.consent_store):
        missing["understood"] = "Check that the patient understood before storing, or choose Describe only."
    return missing


NOTHING_LOST = "The picture waits safely and nothing has been filed."


def _holds(
    shared: SharedAnswers, image: ImageFacts, patient: Patient, *, today: dt.date, policy: PolicyPack
) -> list[Reason]:
    holds: list[Reason] = []
    if patient.deceased:
        text = "The record says that this patient has died."
        holds.append(Reason("deceased", text, f"{NOTHING_LOST} Ask your records lead.", "G-R92"))
    if reason := _child(shared, image, patient, today, policy):
        holds.append(reason)
    if shared.intimacy is Intimacy.INTIMATE or (image.site is not None and image.site.private):
        text = "This is an intimate image. It needs its own decisions before it may be stored or described."
        holds.append(Reason("intimate", text, f"{NOTHING_LOST} Ask a senior colleague.", "G-R172, X4"))
    if shared.capacity_doubt:
        text = "The patient may not be able to decide about this image themselves."
        action = f"{NOTHING_LOST} A best-interests decision, and a search for an attorney or deputy, come first."
        holds.append(Reason("no-capacity", text, action, "G-R84 to G-R88, X9"))
    if shared.arrival is Arrival.UNASKED:
        text = "Nobody asked for this image. Contact the patient and confirm capacity and consent first."
        holds.append(Reason("unsolicited", text, NOTHING_LOST, "G-R116, X14"))
    if shared.photographer is Photographer.CARE_WORKER and policy.careworker_capture is CareworkerCapture.OFF:
        text = "Care staff may take pictures only under a local agreement with their provider."
        holds.append(Reason("care-worker", text, NOTHING_LOST, "G-R324, X24"))
    return holds


def _child(
    shared: SharedAnswers, image: ImageFacts, patient: Patient, today: dt.date, policy: PolicyPack
) -> Reason | None:
    action = f"{NOTHING_LOST} Images of children need the child's view and their own decision to keep."
    source = "G-R111, G-R115, X12"
    if patient.birth_date is None:
        text = "The record has no full date of birth, so the patient counts as under 18."
        return Reason("under-18", text, f"{NOTHING_LOST} Correct the date of birth in the record.", source)
    answered = shared.arrival is not None or image.camera_day is not None or shared.taken_unknown
    day = captured_day(shared, image.camera_day, today)
    if day is None and answered and (shared.taken_unknown or shared.taken_on is None):
        if not shared.taken_unknown:
            return None  # still being asked: `missing` says so
        text = "Nobody knows when this was taken, so it counts as an image of a child."
        return Reason("under-18", text, action, source)
    age = patient.age_on(day if day is not None else today)
    if age is not None and age < policy.child_image_age:
        when = "was" if day is not None and day < today else "is"
        text = f"The patient {when} under {policy.child_image_age} when this was taken."
        return Reason("under-18", text, action, source)
    return None


def _warnings(shared: SharedAnswers, images: Sequence[ImageFacts], answers: Answers, today: dt.date) -> list[Reason]:
    warnings: list[Reason] = []
    sides = any(read_image(answers, image.image_id).laterality for image in images)
    if sides and shared.photographer is Photographer.PATIENT:
        text = "Pictures that people take of themselves are often mirrored. Check left and right."
        warnings.append(Reason("mirrored", text))
    if shared.identity is Identity.NOT_POSSIBLE:
        text = "You could not confirm who this is. Look again whether it is this patient's, and write down why."
        warnings.append(Reason("identity-not-confirmed", text, source="G-R123, G-R126"))
    if shared.arrival in (Arrival.EMAIL, Arrival.OTHER):
        text = "After filing, delete the e-mail or message and the picture from the mailbox and the device."
        warnings.append(Reason("empty-mailbox", text, source="G-R130, G-R275"))
    if shared.arrival is Arrival.TAKEN_NOW and any(
        image.camera_day is not None and abs((image.camera_day - today).days) > 1 for image in images
    ):
        text = "The camera says that this was taken on another day. Check that it is the right picture."
        warnings.append(Reason("camera-date", text, source="G-R126"))
    if any(image.camera_day is not None and image.camera_day > today + dt.timedelta(days=1) for image in images):
        warnings.append(Reason("camera-clock", "The camera's clock is in the future; its date is not reliable."))
    return warnings
