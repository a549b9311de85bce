"""What of a capture a patient may take back, and what becomes of it where a filing ends without effect."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.cleaning import destroy_image
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.patient_said import taken_back, taken_back_since
from fhir_plugin.capture.requests.decided import decided
from fhir_plugin.ledger.intents import Intent
from fhir_plugin.ports import AuditEntry
from mappings.model.work import WorkKind

STILL_THERE: Final = (
    "They were being filed then. That was undone, and they are destroyed here. The EHR may still keep old versions: "
    "ask its administrators to remove them."
)


def pictures_sent(draft: Draft) -> tuple[DraftImage, ...]:
    """What came by the link. A clinician's own pictures in the same capture are not the patient's to take back here."""
    if draft.state is DraftState.SENDING or not draft.from_patient:
        return draft.images
    return tuple(image for image in draft.images if image.image_id in draft.from_patient)


def without(draft: Draft, gone: tuple[DraftImage, ...], now: dt.datetime) -> Draft:
    """Ended, unless a clinician has added pictures or written what they found: that is theirs, and stays."""
    own = tuple(image for image in draft.images if image not in gone)
    written = draft.state is DraftState.OPEN and any(draft.answers.said(name) for name in ("findings", "advice"))
    if not own and not written:
        return replace(draft, images=(), answers=Answers(), state=DraftState.DISCARDED, updated=now)
    left = {image.image_id: draft.answers.per_image.get(image.image_id, {}) for image in own}
    return replace(taken_back(draft, now), images=own, answers=Answers(draft.answers.shared, left))


def destroy_not_filed(parts: CaptureParts, draft: Draft, intent: Intent, begun: dt.datetime) -> None:
    """A filing that was ordered at `begun` ended without effect. What the patient took back meanwhile goes now, as it
    would have gone had nobody pressed *File* (G-R30, G-R242); joins the open transaction that opened `draft` again.

    While something holds it, it stays, shut to everybody. Where undoing left something in the record, the item of the
    withdrawal stays too, and says so.
    """
    if draft.request is None or not taken_back_since(draft, begun) or parts.held(draft.fhir_base, draft.patient):
        return
    now, sent = parts.clock.now(), pictures_sent(draft)
    for image in sent:
        destroy_image(parts, image)
    left = without(draft, sent, now)
    parts.drafts.save(left)
    decided(parts, left)
    for item in parts.worklist.of_patient(draft.fhir_base, draft.patient):
        if (item.kind, item.subject) == (WorkKind.WITHDRAWAL, draft.capture_id):
            held = parts.worklist.get(item.id, for_change=True)
            if intent.residue:
                parts.worklist.save(replace(held, words=f"{held.words}\n{STILL_THERE}"))
            elif held.done_at is None:
                parts.worklist.save(replace(held, done_at=now, outcome="never-filed"))
    parts.audit.append(
        AuditEntry(
            action="capture.discarded",
            actor="system",
            patient=f"Patient/{draft.patient}",
            launch=intent.launch,
            subject=draft.capture_id,
            policy=parts.policy.reference,
            detail={"why": "withdrawn", "pictures": len(sent), "intent": intent.id},
        )
    )
