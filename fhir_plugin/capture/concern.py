"""A concern said at a capture holds the patient's images from that moment, as one raised on its own page does."""

from __future__ import annotations

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.due import put_on_list
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.ledger.concern_note import intend_note
from fhir_plugin.policy.ruling import WorkDue
from mappings.model.identifiers import IntentId
from mappings.model.people import ClinicalSession
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkKind

HELD = "capture.concern"
WORDS = "Raised while deciding about an image of this patient. What was done about the image is in its own note."
_LISTED = "A safeguarding concern was raised about an image: follow the pathway."


def note_concern(parts: CaptureParts, session: ClinicalSession, after: Draft, *, patient_name: str) -> IntentId | None:
    """Once for each capture, as soon as `concern` is yes: the hold, its item, and the intent of its note in the record
    (G-R259, G-R289, G-R312), which is returned. Joins the open transaction.

    Taking the answer back lifts nothing: somebody closes a concern with a reason.
    """
    if after.answers.said("concern") != "yes" or is_held(parts, after):
        return None
    hold = Hold(
        id=parts.new_id(),
        kind=HoldKind.SAFEGUARDING,
        fhir_base=session.fhir_base,
        patient=session.patient_id,
        since=parts.clock.now(),
        by=session.user.reference,
        by_name=session.user.display,
        words=WORDS,
        policy=parts.policy.reference,
    )
    parts.holds.add(hold)
    due = WorkDue(WorkKind.SAFEGUARDING, parts.policy.work_hours[WorkKind.SAFEGUARDING], _LISTED, "G-R312, G-R313")
    put_on_list(parts, session, after, due, patient_name=patient_name, owned=False, subject=hold.id)
    parts.note(session, HELD, after.capture_id, hold=hold.id)
    return intend_note(parts.ledger, hold, id=IntentId(parts.new_id()), launch=session.launch_id)


def is_held(parts: CaptureParts, draft: Draft) -> bool:
    """Whether this capture has raised its concern."""
    return bool(parts.audit.entries(subject=draft.capture_id, action=HELD))
