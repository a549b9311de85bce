"""From answers to an order: what will be written, word for word, if the clinician presses *File* now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from fhir_plugin.capture.answers import SharedAnswers, read_image, read_shared
from fhir_plugin.capture.decide import Assessment, ImageFacts, assess
from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.label import label, labels_for
from fhir_plugin.capture.note import NotedImage, draft_note
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Reason, Store
from fhir_plugin.capture.write import image_statement, load_clean
from fhir_plugin.errors import Incomplete
from mappings.model.consent import ConsentAnswer, ConsentScope, PhotoConsent, ScopeDecision
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import ImageId, IntentId
from mappings.model.images import Arrival, BodySite, Photographer
from mappings.model.labels import NORMAL, Intimacy, Label, Source, image_labels, is_restricted
from mappings.model.people import ClinicalSession, Patient
from mappings.terminology.body_sites import site_with_code


def facts(draft: Draft) -> list[ImageFacts]:
    """What the decision needs to know of each image."""
    return [
        ImageFacts(
            image_id=image.image_id,
            camera_day=image.captured_at.date() if image.captured_at else None,
            site=site(draft, image.image_id),
            discarded=image.discarded_at is not None,
        )
        for image in draft.images
        if image.is_clean or image.discarded_at is not None
    ]


def site(draft: Draft, image_id: ImageId) -> BodySite | None:
    code = read_image(draft.answers, image_id).site
    return site_with_code(code) if code else None


def assess_draft(parts: CaptureParts, draft: Draft, patient: Patient) -> Assessment:
    return assess(draft.answers, facts(draft), patient, today=parts.today, policy=parts.policy)


def note_text(draft: Draft, assessment: Assessment, *, now: dt.datetime) -> str:
    """The note as it will be written."""
    noted = [
        NotedImage(
            image_id=image_id,
            site=site(draft, image_id),
            laterality=read_image(draft.answers, image_id).laterality,
            verdict=verdict,
        )
        for image_id, verdict in assessment.verdicts.items()
    ]
    return draft_note(read_shared(draft.answers), noted, now=now)


def online_default(labels: Sequence[Label], parts: CaptureParts) -> bool:
    """What policy proposes for "show in the patient's online record" (default: not for private images)."""
    policy = parts.policy
    return policy.online_default_private if is_restricted(list(labels)) else policy.online_default_ordinary


def draft_labels(draft: Draft, image_id: ImageId) -> tuple[Label, ...]:
    """The labels that an image would get by the answers so far; restricted while nobody has said."""
    shared = read_shared(draft.answers)
    where = site(draft, image_id)
    return labels_for(
        intimacy=shared.intimacy or Intimacy.PRIVATE,
        private_site=where is not None and where.private,
        photographer=shared.photographer or Photographer.OTHER,
    )


def make_order(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, patient: Patient, intent_id: IntentId
) -> FilingOrder:
    """Everything fixed and signed. Raises `Incomplete` while something is missing or held."""
    assessment = assess_draft(parts, draft, patient)
    _need_complete(draft, assessment)
    shared = read_shared(draft.answers)
    now = parts.clock.now()
    stored = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, Store)]
    described = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, DescribeOnly)]
    discarded = [each for each, verdict in assessment.verdicts.items() if isinstance(verdict, Discard)]
    images = tuple(_ordered(parts, draft, draft.image(each), shared) for each in stored)
    kept = [draft_labels(draft, each) for each in (*stored, *described)]
    order = FilingOrder(
        intent_id=intent_id,
        capture_id=draft.capture_id,
        patient=patient.reference,
        encounter=session.encounter,
        user=session.user.reference,
        user_display=session.user.display,
        recorded_at=now,
        purpose=shared.purpose,
        arrival=shared.arrival or Arrival.OTHER,
        photographer=shared.photographer or Photographer.OTHER,
        consent=PhotoConsent(
            capture_id=draft.capture_id,
            patient=patient.reference,
            recorded_by=session.user.reference,
            recorded_at=now,
            decisions=_decisions(shared, now),
            form=shared.consent_form,
            understood=shared.understood is True,
            policy_version=parts.policy.reference,
            private=any(is_restricted(list(labels)) for labels in kept),
        ),
        decision=_decision(parts, draft, assessment),
        note=note_text(draft, assessment, now=now),
        labels=highest(kept),
        images=images,
        described=tuple(described),
        discarded=tuple(discarded),
        patient_name=patient.name,
        birth_date=patient.birth_date,
    )
    return replace(order, images=tuple(_signed(parts, draft, order, image) for image in images))


def _decision(parts: CaptureParts, draft: Draft, assessment: Assessment) -> DecisionRecord:
    """Pack, verdicts with their grounds and every answer, as they stood when *File* was pressed."""
    words = {Store: "store", DescribeOnly: "describe", Discard: "discard"}
    shared = (Answered(question, value) for question, value in draft.answers.shared.items() if value)
    by_image = (
        Answered(question, value, image_id)
        for image_id, answers in draft.answers.per_image.items()
        for question, value in answers.items()
        if value
    )
    return DecisionRecord(
        pack=parts.policy.reference,
        images=tuple(
            DecidedImage(image_id, words[type(verdict)], _grounds(verdict.reasons))
            for image_id, verdict in assessment.verdicts.items()
            if type(verdict) in words
        ),
        answers=(*shared, *by_image),
        warnings=_grounds(assessment.warnings),
    )


def _grounds(reasons: Sequence[Reason]) -> tuple[Ground, ...]:
    return tuple(Ground(reason.code, reason.text, reason.source) for reason in reasons)


def _decisions(shared: SharedAnswers, now: dt.datetime) -> tuple[ScopeDecision, ...]:
    asked = ((ConsentScope.RECEIVE, shared.consent_receive), (ConsentScope.STORE, shared.consent_store))
    return tuple(
        ScopeDecision(scope, answer, now)
        for scope, answer in asked
        if answer is not None and answer is not ConsentAnswer.NOT_ASKED
    )


def highest(sets: Sequence[tuple[Label, ...]]) -> tuple[Label, ...]:
    """The high-water mark: the most restricted set. A mark without the reporter, who differs by image."""
    restricted = [labels for labels in sets if is_restricted(list(labels))]
    if not restricted:
        return (NORMAL,)
    reporters = {
        label for source in Source for label in image_labels(intimacy=Intimacy.NO, private_site=False, source=source)
    } - {NORMAL}
    union = dict.fromkeys(label for labels in restricted for label in labels if label not in reporters)
    return tuple(union)


def _ordered(parts: CaptureParts, draft: Draft, image: DraftImage, shared: SharedAnswers) -> OrderedImage:
    where = site(draft, image.image_id)
    if where is None:
        raise Incomplete("Choose the part of the body.", fields={f"site-{image.image_id}": "Choose one."})
    labels = draft_labels(draft, image.image_id)
    show: bool | None = None
    if parts.policy.ask_online_record:
        show = shared.show_online if shared.show_online is not None else online_default(labels, parts)
    return OrderedImage(
        image_id=image.image_id,
        site=where,
        laterality=read_image(draft.answers, image.image_id).laterality if where.paired else None,
        labels=labels,
        captured=captured(image, shared, parts.today),
        show_online=show,
    )


def captured(image: DraftImage, shared: SharedAnswers, today: dt.date) -> dt.datetime | dt.date | None:
    """When it was taken: what a person said, else the camera's own claim, else today if it was taken now.

    A camera's time without an offset is only good for its day.
    """
    if shared.taken_unknown:
        return None
    if shared.taken_on is not None and shared.arrival is not Arrival.TAKEN_NOW:
        return shared.taken_on
    if image.captured_at is not None and image.captured_at.date() <= today:
        return image.captured_at if image.captured_at_has_offset else image.captured_at.date()
    return today if shared.arrival is Arrival.TAKEN_NOW else None


def _signed(parts: CaptureParts, draft: Draft, order: FilingOrder, image: OrderedImage) -> OrderedImage:
    labelled = label(load_clean(draft.image(image.image_id), parts.vault), image, order)
    return replace(image, jws=parts.signer.sign(image_statement(labelled)))


def need_clean(draft: Draft) -> None:
    """Raises `Incomplete` while a picture that nobody discarded is not clean: nobody has seen it, so nobody decided."""
    if any(not image.is_clean and image.discarded_at is None for image in draft.images):
        text = "A picture is still being cleaned. Wait a moment, then try again."
        raise Incomplete(text, fields={"images": text})


def _need_complete(draft: Draft, assessment: Assessment) -> None:
    need_clean(draft)
    if assessment.holds:
        first = assessment.holds[0]
        fields = {reason.code: reason.text for reason in assessment.holds}
        raise Incomplete(f"More is needed before this may be filed: {first.text} {first.action}", fields=fields)
    if assessment.missing:
        raise Incomplete("Some answers are missing.", fields=dict(assessment.missing))
