"""An image that nobody asked for: held unseen until somebody has been reached, and every touch of it written down.

From the moment that anybody says so, no pixel is served (G-R116) until contact, capacity and consent are recorded, or
somebody opens it in an emergency with a reason. The log of handling protects patient and clinician (G-R121).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.due import put_on_list, take_off_list
from fhir_plugin.capture.order import assess_draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import NotAllowed
from fhir_plugin.policy.ruling import WorkDue
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.images import Arrival
from mappings.model.people import ClinicalSession, Patient
from mappings.model.situation import ContactOutcome
from mappings.model.work import WorkKind

WORDS = "Somebody sent a picture that nobody asked for. Reach them today: whether they can decide, and what they want."
OPENED = "image.opened"

HANDLED: Mapping[str, str] = {
    "capture.begun": "Begun",
    "capture.unasked": "Said to be an image that nobody asked for; held unseen from here on",
    "capture.asked-for": "Said to be asked for after all",
    "image.received": "Received and sealed, unseen",
    "image.cleaned": "Checked and rebuilt by a program; nobody looked",
    "image.refused": "Refused by a program: not a picture that can be used",
    "capture.contact": "Contact with the patient recorded",
    "capture.emergency": "Opened as an emergency, with a reason",
    OPENED: "Opened, after the warning",
    "image.discard-marked": "Discarded, never filed",
    "image.discard-undone": "Discarding taken back",
    "image.discarded": "Destroyed",
    "second-person.asked": "A second clinician was asked",
    "second-person.revealed": "Opened by the second clinician, with a reason",
    "second-person.agreed": "The second clinician agreed",
    "second-person.refused": "The second clinician refused",
    "capture.filing": "Decision carried out",
}
"""What the log says of each audit entry; others are not about the handling of pictures."""


@dataclass(frozen=True)
class Handled:
    """One line of the log: when, what, by whom (`system` for the app itself)."""

    at: dt.datetime
    words: str
    actor: Reference
    mine: bool
    """By the person who looks at the log."""


def handling(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId) -> list[Handled]:
    """Everything that happened to the pictures of a capture, from the first receipt on."""
    return [
        Handled(
            each.at, HANDLED[each.entry.action], Reference(each.entry.actor), each.entry.actor == session.user.reference
        )
        for each in parts.audit.entries(subject=capture_id)
        if each.entry.action in HANDLED
    ]


def is_unasked(draft: Draft) -> bool:
    """Whether somebody said so."""
    return draft.answers.said("arrival") == Arrival.UNASKED


def is_unsolicited(parts: CaptureParts, draft: Draft) -> bool:
    """Whether nobody asked for it, said or not: by our link without a request of ours, or private beyond what the
    request allowed, too (G-R116, G-R122, G-R182). Who the patient is makes no difference to that."""
    if is_unasked(draft):
        return True
    assessment = assess_draft(parts, draft, Patient(draft.patient, ""))
    before_any = not assessment.rulings and draft.answers.said("arrival") == Arrival.OUR_LINK and draft.request is None
    return before_any or any("unsolicited" in ruling.flags for ruling in assessment.rulings.values())


def _contact(parts: CaptureParts) -> WorkDue:
    return WorkDue(WorkKind.UNSOLICITED, parts.policy.work_hours[WorkKind.UNSOLICITED], WORDS, "G-R116")


def note_changes(
    parts: CaptureParts, session: ClinicalSession, before: Draft, after: Draft, *, patient_name: str
) -> None:
    """What an answer changes about an unasked image, on the list and in the log. Joins the open transaction."""
    was, now = is_unsolicited(parts, before), is_unsolicited(parts, after)
    if now and not was:
        parts.note(session, "capture.unasked", after.capture_id)
    elif was and not now:
        take_off_list(parts, session, after, WorkKind.UNSOLICITED, outcome="asked-for")
        parts.note(session, "capture.asked-for", after.capture_id)
    if not now:
        return
    contact = after.answers.said("contact")
    changed = (contact, now) != (before.answers.said("contact"), was)
    if contact != ContactOutcome.REACHED:
        put_on_list(parts, session, after, _contact(parts), patient_name=patient_name)
    elif changed:
        take_off_list(parts, session, after, WorkKind.UNSOLICITED, outcome="reached")
        parts.note(session, "capture.contact", after.capture_id)


def note_opening(parts: CaptureParts, session: ClinicalSession, draft: Draft, image_id: ImageId) -> None:
    """Writes down, once for each launch and picture, that somebody looked at an unasked image."""
    if not is_unsolicited(parts, draft):
        return
    with parts.work.transaction():
        seen = any(
            each.entry.launch == session.launch_id and each.entry.detail.get("image") == image_id
            for each in parts.audit.entries(subject=draft.capture_id, action=OPENED)
        )
        if seen:
            return
        emergency = draft.answers.said("contact") == ContactOutcome.EMERGENCY
        if emergency:
            parts.note(session, "capture.emergency", draft.capture_id, image=image_id)
        parts.note(session, OPENED, draft.capture_id, image=image_id, warned=True, emergency=emergency)


def unseen() -> NotAllowed:
    """Why no pixel is served."""
    return NotAllowed(
        "Nobody asked for this picture, so nobody looks at it until the patient was reached, or it is an emergency. "
        "Answer the questions about it first.",
        code="held-unseen",
    )
