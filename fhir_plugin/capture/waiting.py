"""What is not finished: shown to the person it belongs to, mended after a crash, escalated when it waits too long.

Nothing here destroys what nobody decided about: only what a person discarded, once the undo has lapsed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial

from fhir_plugin.capture.afterwards import end_source_item
from fhir_plugin.capture.cleaning import clean_into, content_of, destroy_image, take_up, tell_unreadable
from fhir_plugin.capture.discarding import may_discard
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.order import assess_draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.sealed import destroy_sealed
from fhir_plugin.capture.whose import identity_of, patient_now
from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import NotFound, PluginError, RecordRefused, Refused, Tampered, UnacceptableImage, Unavailable
from fhir_plugin.ledger.intents import IntentState
from fhir_plugin.ports import AuditEntry
from mappings.model.identifiers import CaptureId, FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Patient, User

CLEANING = dt.timedelta(minutes=2)
"""An upload older than this that is not clean was cut off by a crash: nobody is cleaning it any more."""


@dataclass(frozen=True)
class WaitingItem:
    """`kind`: unfinished, filing, waiting-for-sign-in, unresolved or source-to-empty."""

    capture_id: CaptureId
    kind: str
    message: str
    since: dt.datetime
    user: Reference
    fhir_base: FhirBase
    patient: PatientId


def waiting(parts: CaptureParts, session: ClinicalSession) -> list[WaitingItem]:
    """What waits for this user and patient, newest first."""
    mine = parts.drafts.of(fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference)
    return [item for draft in mine if (item := _item(parts, draft)) is not None]


def waiting_too_long(parts: CaptureParts) -> list[WaitingItem]:
    """Everybody's captures that have waited longer than policy allows: for a person to look at (G-R149)."""
    before = parts.clock.now() - parts.policy.waiting_alert
    return [
        item
        for draft in parts.drafts.unfinished()
        if draft.images and draft.updated < before and (item := _item(parts, draft)) is not None
    ]


def mark_source_emptied(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, own: bool = True
) -> Draft:
    """Somebody says that the e-mail or the picture on the device is gone (G-R130, G-R275); its item ends with that.

    Not `own`: said by somebody who covers, at the same patient's chart.
    """
    with parts.work.transaction():
        if own:
            draft = parts.draft(session, capture_id, for_change=True)
        else:
            draft = parts.drafts.get(capture_id, for_change=True)
            if (draft.fhir_base, draft.patient) != (session.fhir_base, session.patient_id):
                raise NotFound(f"there is no capture {capture_id}", status=404)
        changed = replace(draft, source_emptied_at=parts.clock.now())
        parts.drafts.save(changed)
        end_source_item(parts, session, capture_id)
        parts.note(session, "capture.source-emptied", capture_id)
    return changed


def mend(parts: CaptureParts) -> int:
    """After a crash, and from time to time: cleans what was cut off, destroys lapsed discards; returns how many."""
    mended = 0
    for draft in parts.drafts.unfinished():
        if draft.state is DraftState.OPEN:
            for step in (_clean_cut_off, _take_up, _destroy_lapsed):  # what fails for one stops no other
                mended += unless_damaged("capture", partial(step, parts, draft), 0)
    return mended + destroy_sealed(parts) + parts.vault.sweep()


def _take_up(parts: CaptureParts, draft: Draft) -> int:
    return take_up(parts, session_of(draft), draft)


def _item(parts: CaptureParts, draft: Draft) -> WaitingItem | None:
    kind, message = _kind(parts, draft)
    if not kind:
        return None
    return WaitingItem(draft.capture_id, kind, message, draft.updated, draft.user, draft.fhir_base, draft.patient)


def _kind(parts: CaptureParts, draft: Draft) -> tuple[str, str]:
    if draft.state is DraftState.OPEN:
        count = sum(1 for image in draft.images if image.discarded_at is None)
        if not count:
            if draft.images:
                return "unfinished", "What was discarded waits for its note."
            if draft.only_words:
                return "unfinished", "The patient took their pictures back. What you wrote waits for its note."
            written = any(said.strip() for said in draft.answers.shared.values())
            return ("unfinished", "What you wrote waits for its pictures.") if written else ("", "")
        pictures = "1 picture waits" if count == 1 else f"{count} pictures wait"
        return "unfinished", f"{pictures} for your decision."
    if draft.state is DraftState.FILING and draft.intent is not None:
        intent = parts.ledger.get(draft.intent)
        if intent.state is IntentState.WAITING_FOR_SIGN_IN:
            return "waiting-for-sign-in", "Filing goes on once you have opened this patient again from the EHR."
        if intent.state is IntentState.UNRESOLVED:
            return "unresolved", "The EHR did not say whether everything was written. We keep checking."
        return "filing", "Still being filed."
    to_do = (draft.result or {}).get("still_to_do")
    if isinstance(to_do, list) and to_do and draft.source_emptied_at is None:
        return "source-to-empty", str(to_do[0])
    return "", ""


def _clean_cut_off(parts: CaptureParts, draft: Draft) -> int:
    now = parts.clock.now()
    cut_off = [
        image
        for image in draft.images
        if not image.is_clean
        and image.making is None
        and not image.unreadable
        and image.discarded_at is None
        and image.received
        and image.received_at
        and now - image.received_at > CLEANING
    ]
    session = session_of(draft)
    for image in cut_off:
        if image.received is None:
            continue
        try:
            content = content_of(parts, image)
        except (NotFound, Tampered):
            tell_unreadable(parts, session, draft.capture_id, image)
            continue
        except Unavailable:
            continue
        try:
            clean_into(
                parts, session, draft.capture_id, image, content, geometry=image.geometry, lossless=image.lossless
            )
        except UnacceptableImage as refusal:
            _drop(parts, draft, image, "image.refused", code=refusal.code)
        except (Unavailable, Refused, RecordRefused, Tampered):
            continue  # busy, decided meanwhile, or unreadable: its bytes stay sealed, the others are not kept waiting
    return len(cut_off)


def session_of(draft: Draft) -> ClinicalSession:
    """Who a draft belongs to, for work that goes on without them."""
    return ClinicalSession(
        launch_id=LaunchId(draft.launch),
        fhir_base=draft.fhir_base,
        issuer=draft.fhir_base,
        patient_id=draft.patient,
        user=User(draft.user, ""),
        encounter=draft.encounter,
    )


def _destroy_lapsed(parts: CaptureParts, draft: Draft) -> int:
    now = parts.clock.now()
    lapsed = [
        image
        for image in draft.images
        if image.discarded_at is not None
        and image.received is not None
        and now - image.discarded_at > parts.policy.discard_undo
    ]
    if not lapsed or parts.held(draft.fhir_base, draft.patient):
        return 0  # a concern, a complaint or a request for the record came up meanwhile: nothing goes
    try:
        patient = patient_now(parts.records(LaunchId(draft.launch)), draft.patient)
    except PluginError:
        return 0  # who it is cannot be asked: it stays sealed until somebody opens the chart again
    return sum(_empty(parts, draft, image, patient) for image in lapsed)


def _empty(parts: CaptureParts, draft: Draft, image: DraftImage, patient: Patient) -> bool:
    """Destroys the bytes of a discarded picture; that it came, and why it was not kept, stays for the note.

    The rules are asked once more: what was said since the discard, or a hold, may forbid it now.
    """
    with parts.work.transaction():
        current = parts.drafts.get(draft.capture_id, for_change=True)
        if current.state is not DraftState.OPEN or current.image(image.image_id).discarded_at is None:
            return False
        assessment = assess_draft(parts, current, patient, identity=identity_of(parts.vault, patient))
        if parts.held(draft.fhir_base, draft.patient) or not may_discard(assessment, image.image_id):
            return False
        destroy_image(parts, current.image(image.image_id))
        bare = replace(current.image(image.image_id), received=None, clean=None, thumbnail=None)
        parts.drafts.save(replace(current.with_image(bare), updated=parts.clock.now()))
        reason = draft.answers.per_image.get(image.image_id, {}).get("discard_reason", "")
        _note(parts, draft, "image.discarded", image=image.image_id, reason=reason)
    return True


def _drop(parts: CaptureParts, draft: Draft, image: DraftImage, action: str, **detail: str | int | bool) -> None:
    with parts.work.transaction():
        current = parts.drafts.get(draft.capture_id, for_change=True)
        kept = tuple(each for each in current.images if each.image_id != image.image_id)
        if current.state is not DraftState.OPEN or len(kept) == len(current.images):
            return
        destroy_image(parts, current.image(image.image_id))
        parts.drafts.save(replace(current, images=kept, updated=parts.clock.now()))
        _note(parts, draft, action, image=image.image_id, **detail)


def _note(parts: CaptureParts, draft: Draft, action: str, **detail: str | int | bool) -> None:
    parts.audit.append(
        AuditEntry(
            action=action,
            actor="system",
            patient=f"Patient/{draft.patient}",
            launch=draft.launch,
            subject=draft.capture_id,
            policy=parts.policy.reference,
            detail=detail,
        )
    )
