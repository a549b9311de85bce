"""A capture passes from one clinician to another at the same chart: nothing that was agreed for the one passes on."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.due import take_off_list
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.identifiers import CaptureId
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkItem, WorkKind


def take_over(parts: CaptureParts, session: ClinicalSession, draft: Draft, **about: str) -> Draft:
    """The draft is this clinician's from now on. Joins the open transaction; audited.

    A second clinician agreed with whom they saw asking: they are asked again. A refusal stays.
    """
    agreed = draft.second is not None and draft.second.agrees
    refusals = draft.refusals
    taken = replace(
        draft,
        user=session.user.reference,
        launch=session.launch_id,
        encounter=session.encounter,
        second_asked_at=None,
        second_asked_by=None,
        second=(refusals[-1] if refusals else None) if agreed else draft.second,
        refusals=refusals[:-1] if agreed else refusals,
        updated=parts.clock.now(),
    )
    parts.drafts.save(taken)
    take_off_list(parts, session, draft, WorkKind.SECOND_PERSON, outcome="taken-over")
    parts.note(session, "capture.taken", draft.capture_id, taken_from=draft.user, **about)
    return taken


def take_unsolicited(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, owner_seen: str) -> Draft:
    """A clinician at this chart takes a capture whose sender is still to be reached: whoever began it may be away, and
    the patient is reached today all the same (G-R116). `owner_seen`: who had its item on the page.

    Raises `NotFound` for what is not of this chart or does not wait for that, `Refused` (taken) when somebody else was
    quicker or it is being filed.
    """
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only a clinician takes over what nobody asked for.", code="role")
    with parts.work.transaction():
        draft = parts.drafts.get(capture_id, for_change=True)
        here = (draft.fhir_base, draft.patient) == (session.fhir_base, session.patient_id)
        item = _waiting_item(parts, draft)
        if not here or draft.state is DraftState.SENDING or item is None:
            raise NotFound(f"there is no capture {capture_id}", status=404)
        if draft.user == session.user.reference:
            return draft
        if draft.state is not DraftState.OPEN or (item.owner or "") != owner_seen:
            raise Refused("Somebody else has taken these pictures. Look again.", code="taken")
        user = session.user
        parts.worklist.save(replace(item, owner=user.reference, owner_name=user.display, cover=None, cover_name=""))
        return take_over(parts, session, draft)


def _waiting_item(parts: CaptureParts, draft: Draft) -> WorkItem | None:
    """The item that says that whoever sent it is still to be reached."""
    items = parts.worklist.of_patient(draft.fhir_base, draft.patient)
    wanted = (WorkKind.UNSOLICITED, draft.capture_id)
    return next((item for item in items if (item.kind, item.subject) == wanted), None)
