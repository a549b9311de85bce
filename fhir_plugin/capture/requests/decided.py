"""When the pictures that came back have been decided on, nobody has to look at them any more."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.parts import CaptureParts
from mappings.model.work import WorkKind

DECIDED = (DraftState.FILED, DraftState.DESCRIBED, DraftState.DISCARDED)


def decided(parts: CaptureParts, draft: Draft) -> None:
    """Ends the item of a capture that answers a request, once it is decided on; joins the open transaction."""
    if draft.request is None or draft.state not in DECIDED:
        return
    for item in parts.worklist.of_patient(draft.fhir_base, draft.patient):
        if item.kind is WorkKind.CAME_BACK and item.subject == draft.capture_id:
            ended = replace(item, done_at=parts.clock.now(), done_by=draft.user, outcome=draft.state.value)
            parts.worklist.save(ended)
