"""From answers to an order: what will be written, word for word, if the clinician presses *File* now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import replace

from fhir_plugin.capture.answers import OwnAnswers, read_image, read_own
from fhir_plugin.capture.consented import consent_of
from fhir_plugin.capture.decide import Assessment, CaptureFacts, ImageFacts, assess, situation_of
from fhir_plugin.capture.decided import decision_of
from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.label import label, labels_for
from fhir_plugin.capture.note import NotedImage, draft_note
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.patient_said import NOTES
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Store
from fhir_plugin.capture.write import image_statement, load_clean
from fhir_plugin.errors import Incomplete
from fhir_plugin.policy.case import STAFF
from fhir_plugin.policy.clock_times import LONGEST, UK, clock_time, recorded_from_to
from fhir_plugin.policy.rules.deciding import REFUSALS
from fhir_plugin.policy.rules.other_uses import ANSWERED_IN
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import ImageId, IntentId
from mappings.model.images import Arrival, BodySite, Photographer
from mappings.model.labels import (
    NORMAL,
    RESTRICTED,
    VERY_RESTRICTED,
    Intimacy,
    Label,
    Source,
    image_labels,
    is_restricted,
)
from mappings.model.people import ClinicalSession, Patient
from mappings.model.situation import Identity, Made, Modality, Situation, Wish
from mappings.terminology.body_sites import site_with_code


def facts(draft: Draft, intimate: Collection[str]) -> list[ImageFacts]:
    """What the decision needs to know of each image. `intimate`: the policy's list of body sites (X11)."""
    return [
        ImageFacts(
            image_id=image.image_id,
            camera_day=None if is_copy(draft, image) else image.camera_day,
            site=site(draft, image.image_id, intimate),
            discarded=image.discarded_at is not None,
            modality=Modality.VIDEO if image.is_video else Modality.PHOTO,
            screen_like=image.screen_like,
        )
        for image in draft.images
        if image.is_clean or image.is_video or image.discarded_at is not None
    ]


def is_copy(draft: Draft, image: DraftImage) -> bool:
    """Whether it was said to be a copy of another picture: its file tells the time of the copying. Asked of what
    looks like a screenshot, and of what staff took of somebody on video (`Case.maybe_screen`)."""
    said = draft.answers.said
    on_video = said("identity") == Identity.VIDEO.value and said("photographer") in {each.value for each in STAFF}
    return (image.screen_like or on_video) and not image.is_video and said("made") == Made.SCREEN.value


def site(draft: Draft, image_id: ImageId, intimate: Collection[str]) -> BodySite | None:
    """Where on the body, as chosen; private if it is on the policy's list, whatever the terminology proposes (X11)."""
    chosen = _chosen_site(draft, image_id)
    return replace(chosen, private=chosen.code in intimate) if chosen else None


def _chosen_site(draft: Draft, image_id: ImageId) -> BodySite | None:
    code = read_image(draft.answers, image_id).site
    return site_with_code(code) if code else None


def standing_of(parts: CaptureParts, draft: Draft, *, identity: str = "") -> CaptureFacts:
    """What is known of a capture besides its answers. `identity`: how the record names the patient now, as a digest."""
    second = draft.second_under(parts.policy.reference)
    return CaptureFacts(
        requested=draft.request is not None,
        preauthorised_private=draft.preauthorised_private,
        open_concern=bool(parts.held(draft.fhir_base, draft.patient)),
        second_person=second.agrees if second is not None else None,
        record_changed=bool(identity and draft.identity and identity != draft.identity),
        said_intimate_before=draft.was_intimate,
        patient_said=draft.patient_said,
        only_words=draft.only_words,
    )


def assess_draft(parts: CaptureParts, draft: Draft, patient: Patient, *, identity: str = "") -> Assessment:
    return assess(
        draft.answers,
        facts(draft, parts.policy.intimate_sites),
        patient,
        today=parts.today,
        policy=parts.policy,
        standing=standing_of(parts, draft, identity=identity),
    )


def situation_in(draft: Draft, assessment: Assessment, patient: Patient, *, today: dt.date) -> Situation:
    """What the pictures of a capture share: the situation of the first that is not thrown away."""
    kept = [each for each in assessment.situations.values() if each.wish is not Wish.DISCARD]
    if not kept:
        said = CaptureFacts(requested=draft.request is not None, patient_said=draft.patient_said)
        return situation_of(draft.answers, None, patient, today=today, standing=said)
    shared = draft.answers.said("purpose") or kept[0].purpose
    return replace(kept[0], private_site=any(each.private_site for each in kept), purpose=shared)


def note_text(draft: Draft, assessment: Assessment, patient: Patient, *, now: dt.datetime, pack: str) -> str:
    """The note as it will be written. `pack`: the one in force."""
    second = draft.second_under(pack)
    situation = situation_in(draft, assessment, patient, today=now.date())
    noted = [_noted(draft, assessment, image_id) for image_id in assessment.verdicts]
    return draft_note(
        draft.answers,
        situation,
        noted,
        asked=_told(assessment, situation),
        now=now,
        patient_wrote=draft.patient_said.get(NOTES, ""),
        second=second,
        refused=tuple(each for each in draft.refusals if each != second),
    )


def _told(assessment: Assessment, situation: Situation) -> set[str]:
    """The questions whose answers note and Consent tell: those asked; besides, no to another use stays where it may not
    be asked any more (G-R72, G-R231), and yes to one is about a picture in the record or about nothing."""
    names = {question.id for question in assessment.questions}
    answers = {name: getattr(situation, name) for name in ANSWERED_IN.values()}
    if not any(isinstance(each, Store) for each in assessment.verdicts.values()):
        names -= {name for name, answer in answers.items() if answer is ConsentAnswer.GIVEN}
    return names | {name for name, answer in answers.items() if answer in REFUSALS}


def _noted(draft: Draft, assessment: Assessment, image_id: ImageId) -> NotedImage:
    own = draft.answers.per_image.get(image_id, {})
    verdict = assessment.verdicts[image_id]
    return NotedImage(
        image_id=image_id,
        site=_chosen_site(draft, image_id),
        laterality=read_image(draft.answers, image_id).laterality,
        verdict=verdict,
        purpose=own.get("purpose", "").strip(),
        justification=own.get("store_justification", "").strip() if isinstance(verdict, Store) else "",
        because=assessment.situations[image_id].discard_reason,
    )


def online_default(labels: Sequence[Label], parts: CaptureParts) -> bool:
    """What policy proposes for "show in the patient's online record" (default: not for private images)."""
    policy = parts.policy
    return policy.online_default_private if is_restricted(list(labels)) else policy.online_default_ordinary


def draft_labels(situation: Situation, flags: Collection[str]) -> tuple[Label, ...]:
    """The labels that an image would get by the answers so far; restricted while nobody has said."""
    return labels_for(
        intimacy=situation.intimacy or Intimacy.PRIVATE,
        private_site=situation.private_site,
        photographer=situation.photographer or Photographer.OTHER,
        patient_says_private=situation.patient_says_private,
        child="under-18" in flags,
    )


def labels_of(assessment: Assessment, image_id: ImageId) -> tuple[Label, ...]:
    return draft_labels(assessment.situations[image_id], assessment.rulings[image_id].flags)


def make_order(
    parts: CaptureParts,
    session: ClinicalSession,
    draft: Draft,
    patient: Patient,
    intent_id: IntentId,
    assessment: Assessment,
) -> FilingOrder:
    """Everything fixed and signed. Raises `Incomplete` while something is missing or held."""
    _need_complete(draft, assessment)
    situation = situation_in(draft, assessment, patient, today=parts.today)
    own = read_own(draft.answers)
    now = parts.clock.now()
    stored = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, Store)]
    described = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, DescribeOnly)]
    discarded = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, Discard)]
    labels = {each: labels_of(assessment, each) for each in (*stored, *described)}
    marked = list(labels.values()) or _labels_of_words(draft, assessment, situation)
    images = tuple(_ordered(parts, draft, draft.image(each), own, labels[each], assessment) for each in stored)
    order = FilingOrder(
        intent_id=intent_id,
        capture_id=draft.capture_id,
        patient=patient.reference,
        encounter=session.encounter,
        user=session.user.reference,
        user_display=session.user.display,
        recorded_at=now,
        purpose=situation.purpose,
        arrival=situation.arrival or Arrival.OTHER,
        photographer=situation.photographer or Photographer.OTHER,
        consent=consent_of(
            draft,
            situation,
            asked=_told(assessment, situation),
            patient=patient.reference,
            recorded_by=session.user.reference,
            recorded_at=now,
            policy=parts.policy,
            private=any(is_restricted(each) for each in marked),
            needs_second=assessment.second_person,
            stores=bool(stored),
            keeps=bool(stored or described),
        ),
        decision=decision_of(draft, assessment, pack=parts.policy.reference),
        note=note_text(draft, assessment, patient, now=now, pack=parts.policy.reference),
        labels=highest(marked),
        images=images,
        described=tuple(described),
        discarded=tuple(discarded),
        patient_name=patient.name,
        birth_date=patient.birth_date,
    )
    return replace(order, images=tuple(_signed(parts, draft, order, image) for image in images))


def _labels_of_words(draft: Draft, assessment: Assessment, situation: Situation) -> list[tuple[Label, ...]]:
    """Where no picture is kept or described: those of what was written about them all the same."""
    if not any(draft.answers.said(name) for name in ("findings", "advice")):
        return []
    return [labels_of(assessment, each) for each in assessment.verdicts] or [draft_labels(situation, assessment.flags)]


def highest(sets: Sequence[tuple[Label, ...]]) -> tuple[Label, ...]:
    """The high-water mark: the most restricted set, with one confidentiality. Without the reporter, who differs by
    image."""
    restricted = [labels for labels in sets if is_restricted(list(labels))]
    if not restricted:
        return (NORMAL,)
    reporters = {
        label for source in Source for label in image_labels(intimacy=Intimacy.NO, private_site=False, source=source)
    } - {NORMAL}
    union = dict.fromkeys(label for labels in restricted for label in labels if label not in reporters)
    if VERY_RESTRICTED in union:
        union = dict.fromkeys([VERY_RESTRICTED, *(label for label in union if label != RESTRICTED)])
    return tuple(union)


def _ordered(
    parts: CaptureParts,
    draft: Draft,
    image: DraftImage,
    own: OwnAnswers,
    labels: tuple[Label, ...],
    assessment: Assessment,
) -> OrderedImage:
    where = site(draft, image.image_id, parts.policy.intimate_sites)
    if where is None:
        raise Incomplete("Choose the part of the body.", fields={f"site-{image.image_id}": "Choose one."})
    show: bool | None = None
    if parts.policy.ask_online_record:
        show = own.show_online if own.show_online is not None else online_default(labels, parts)
    asked = {question.id for question in assessment.rulings[image.image_id].questions}
    taken = captured(replace(image, captured_at=None) if is_copy(draft, image) else image, own, parts.today)
    began, ended = _recorded(draft, image, taken, assessment, now=parts.clock.now())
    return OrderedImage(
        image_id=image.image_id,
        site=where,
        laterality=read_image(draft.answers, image.image_id).laterality if where.paired else None,
        labels=labels,
        captured=began or taken,
        show_online=show,
        ended=ended,
        made=(assessment.situations[image.image_id].made if "made" in asked else None) or Made.CAMERA,
        purpose=draft.answers.per_image.get(image.image_id, {}).get("purpose", "").strip(),
    )


def _recorded(
    draft: Draft,
    image: DraftImage,
    taken: dt.datetime | dt.date | None,
    assessment: Assessment,
    *,
    now: dt.datetime,
) -> tuple[dt.datetime, dt.datetime] | tuple[None, None]:
    """When a recording began and ended, where somebody wrote it down (G-R208). Of several videos in one set nobody said
    which they meant: then it stands in the note and the decision alone."""
    asked = {question.id for question in assessment.rulings[image.image_id].questions}
    began = clock_time(draft.answers.said("recording_began")) if "recording_began" in asked else None
    videos = [each for each in draft.images if each.is_video and each.discarded_at is None]
    if began is None or taken is None or len(videos) != 1 or image.seconds is None:
        return None, None
    just_now = read_own(draft.answers).arrival is Arrival.TAKEN_NOW
    if isinstance(taken, dt.datetime):
        day = taken.astimezone(UK).date()
    else:  # what counts as today ends with the day in UTC, an hour later than a summer's day in the room
        day = now.astimezone(UK).date() if just_now and taken == now.date() else taken
    ended = clock_time(draft.answers.said("recording_ended"))
    recorded = recorded_from_to(day, began, ended, image.seconds)
    if recorded[1] > now + dt.timedelta(minutes=1):
        before = recorded_from_to(day - dt.timedelta(days=1), began, ended, image.seconds)
        if just_now and now - before[1] <= LONGEST:
            return before  # taken before midnight, and filed after it
        text = "The recording cannot have ended yet. Write down when it began and ended, or leave both empty."
        raise Incomplete(text, fields={"recording_began": text})
    return recorded


def captured(image: DraftImage, own: OwnAnswers, today: dt.date) -> dt.datetime | dt.date | None:
    """When it was taken: what a person said, else the camera's own claim, else today if it was taken now.

    A camera's time without an offset is only good for its day.
    """
    if own.taken_unknown:
        return None
    if own.taken_on is not None and own.arrival is not Arrival.TAKEN_NOW:
        return own.taken_on
    if image.captured_at is not None and image.captured_at.date() <= today:
        return image.captured_at if image.captured_at_has_offset else image.captured_at.date()
    return today if own.arrival is Arrival.TAKEN_NOW else None


def _signed(parts: CaptureParts, draft: Draft, order: FilingOrder, image: OrderedImage) -> OrderedImage:
    labelled = label(load_clean(draft.image(image.image_id), parts.vault), image, order)
    return replace(image, jws=parts.signer.sign(image_statement(labelled)))


def need_clean(draft: Draft) -> None:
    """Raises `Incomplete` while a picture that nobody discarded is not clean: nobody has seen it, so nobody decided."""
    if text := still_cleaning(draft):
        raise Incomplete(text, fields={"images": text})


def still_cleaning(draft: Draft) -> str:
    """What filing waits for, in words; empty when every picture that nobody discarded is made."""
    left = [image for image in draft.images if not image.is_made and image.discarded_at is None]
    if any(image.unreadable for image in left):
        return "What came of one picture or video cannot be opened any more. Discard it, then file the others."
    if any(image.is_video for image in left):
        return "A video is still being cleaned. You can go on answering, and file once it is ready."
    return "A picture is still being cleaned. Wait a moment, then try again." if left else ""


def _need_complete(draft: Draft, assessment: Assessment) -> None:
    need_clean(draft)
    if assessment.holds:
        first = assessment.holds[0]
        fields = {reason.code: reason.text for reason in assessment.holds}
        raise Incomplete(f"More is needed before this may be filed: {first.text} {first.action}", fields=fields)
    if assessment.missing:
        raise Incomplete("Some answers are missing.", fields=dict(assessment.missing))
