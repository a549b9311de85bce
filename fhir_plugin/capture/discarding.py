"""Discard (never filed): only with a reason, with a short undo, and never while something forbids destroying.

What was described goes by *Describe only*; a duplicate, an unusable or a wrongly sent picture needs only its reason
(G-R161, G-R270, G-R278).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Refused
from fhir_plugin.policy.ruling import Act, May
from mappings.model.identifiers import ImageId
from mappings.model.people import ClinicalSession
from mappings.model.situation import DiscardReason, Wish


def thrown_away(draft: Draft, image_ids: tuple[ImageId, ...], reason: str, *, now: dt.datetime) -> Draft:
    """The draft with these pictures discarded for this reason; nothing is saved yet. Raises `Refused` without one."""
    form: dict[str, str] = {}
    for image_id in image_ids:
        said = reason or draft.answers.per_image.get(image_id, {}).get("discard_reason", "")
        if said not in set(DiscardReason):
            raise Refused(
                "Say why it is not needed: a duplicate, not usable, sent in error, or not needed. To keep what it "
                "shows in words, choose Describe only.",
                code="discard-reason",
            )
        form |= {f"discard_reason-{image_id}": said, f"decision-{image_id}": Wish.DISCARD.value}
        draft = draft.with_image(replace(draft.image(image_id), discarded_at=now))
    answers = draft.answers.with_form(form, tuple(image.image_id for image in draft.images))
    return replace(draft, answers=answers, updated=now)


def need_allowed(parts: CaptureParts, draft: Draft, assessment: Assessment, image_ids: tuple[ImageId, ...]) -> None:
    """Raises `Refused` while destroying is forbidden or the engine still needs something for it."""
    for held in parts.held(draft.fhir_base, draft.patient):
        raise Refused(f"{held.text} {held.action}", code=held.code)
    for image_id in image_ids:
        ruling = assessment.rulings.get(image_id)
        if ruling is None or may_discard(assessment, image_id):
            continue
        reasons = [*ruling.reasons.get(Act.DISCARD, ())]
        needed = [each.problem or each.why for each in ruling.open if Act.DISCARD in each.needed_for]
        said = [f"{each.text} {each.action}".strip() for each in reasons] or needed
        raise Refused(" ".join(said) or "It may not be discarded as it stands.", code="may-not-discard")


def may_discard(assessment: Assessment, image_id: ImageId) -> bool:
    """Whether the rules allow destroying this picture now. What they do not know is not destroyed."""
    ruling = assessment.rulings.get(image_id)
    return ruling is not None and ruling.acts.get(Act.DISCARD) is May.YES


def mark(parts: CaptureParts, session: ClinicalSession, draft: Draft, image_ids: tuple[ImageId, ...]) -> Draft:
    """Out of the set at once, destroyed on filing or when the undo has lapsed. Joins the open transaction."""
    parts.drafts.save(draft)
    for image_id in image_ids:
        reason = draft.answers.per_image[image_id]["discard_reason"]
        parts.note(session, "image.discard-marked", draft.capture_id, image=image_id, reason=reason)
    return draft


def bring_back(parts: CaptureParts, session: ClinicalSession, draft: Draft, image_id: ImageId) -> Draft:
    """The undo. Raises `Refused` undo-lapsed once its time is over or its bytes are gone."""
    now = parts.clock.now()
    image = draft.image(image_id)
    if image.discarded_at is None:
        return draft
    lapsed = now - image.discarded_at > parts.policy.discard_undo
    if image.received is None or (lapsed and not parts.held(draft.fhir_base, draft.patient)):
        raise Refused("This picture was discarded too long ago to be brought back.", code="undo-lapsed")
    images = tuple(each.image_id for each in draft.images)
    answers = draft.answers.with_form({f"decision-{image_id}": "", f"discard_reason-{image_id}": ""}, images)
    draft = replace(draft.with_image(replace(image, discarded_at=None)), answers=answers, updated=now)
    parts.drafts.save(draft)
    parts.note(session, "image.discard-undone", draft.capture_id, image=image_id)
    return draft
