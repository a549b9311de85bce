"""A filing from *File* to its end: written down with its order, run, and taken up again after a wait."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.filing import FilingOrder, order_to_json
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.write import KIND
from fhir_plugin.ledger.intents import intended_by
from mappings.model.identifiers import CaptureId, IntentId
from mappings.model.people import ClinicalSession


def begin_filing(parts: CaptureParts, session: ClinicalSession, draft: Draft, order: FilingOrder) -> None:
    """The intent and the order that every run carries out; joins the open transaction."""
    now = parts.clock.now()
    parts.ledger.add(intended_by(session, id=order.intent_id, kind=KIND, subject=draft.capture_id, created=now))
    parts.drafts.save(
        replace(
            draft,
            state=DraftState.FILING,
            launch=session.launch_id,
            intent=order.intent_id,
            filing=order_to_json(order),
            updated=now,
        )
    )
    parts.note(session, "capture.filing", draft.capture_id, images=len(order.images), intent=order.intent_id)


def go_on(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId) -> None:
    """Takes a filing that waits as far as it goes now, under this launch."""
    draft = parts.draft(session, capture_id)
    if draft.intent is None or draft.state is not DraftState.FILING:
        return
    intent = parts.ledger.get(draft.intent)
    due = intent.next_attempt is None or intent.next_attempt <= parts.clock.now()
    if parts.engine.adopt(intent, session.launch_id) or due:
        run(parts, intent.id)
    if parts.engine.adopt(intent, session.launch_id):  # that run found out that the old sign-in has ended
        run(parts, intent.id)


def run(parts: CaptureParts, intent_id: IntentId) -> None:
    """Once, now; whatever is left then, the queue wakes."""
    if not parts.engine.run(intent_id).ended:
        parts.queue.wake(after_seconds=5)
