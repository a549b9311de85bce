"""What filing leaves for later: the register of what is kept, and mailboxes and devices that still hold a picture.

Called in the transaction that ends a filing, so that nothing is filed and forgotten.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.filing import FilingOrder
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.patient_said import taken_back_since
from fhir_plugin.capture.receipt import still_to_do
from fhir_plugin.ledger.intents import Evidence, Intent
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.review_days import with_review_days
from mappings.model.consent import ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference, WorkId
from mappings.model.kept import KeptImage
from mappings.model.label_change import ImageLabel
from mappings.model.labels import is_restricted
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkItem, WorkKind


def keep_register(parts: CaptureParts, intent: Intent, order: FilingOrder, evidence: Mapping[str, Evidence]) -> None:
    """Every image that was filed, with the days on which somebody looks again (G-R169, G-R245, G-R248)."""
    consent = evidence.get("consent")
    filed = order.recorded_at.astimezone(UK).date()
    for image in order.images:
        plain = KeptImage(
            fhir_base=FhirBase(intent.fhir_base),
            reference=Reference(evidence[f"image-{image.image_id}"]["reference"]),
            patient=intent.patient,
            capture_id=order.capture_id,
            filed=order.recorded_at,
            consent=Reference(consent["reference"]) if consent else None,
            owner=order.user,
            owner_name=order.user_display,
            patient_name=order.patient_name,
            birth_date=order.birth_date,
        )
        private = is_restricted(list(image.labels))
        parts.kept.keep(with_review_days(plain, parts.policy, filed, private=private))
        parts.labels.keep(
            ImageLabel(
                fhir_base=plain.fhir_base,
                reference=plain.reference,
                patient=plain.patient,
                labels=image.labels,
                since=order.recorded_at,
                by=order.user,
                by_name=order.user_display,
                statement=Reference(evidence[f"provenance-{image.image_id}"]["reference"]),
            )
        )


def shut_kept(
    parts: CaptureParts,
    fhir_base: FhirBase,
    patient: PatientId,
    capture_id: CaptureId,
    scopes: frozenset[ConsentScope],
) -> None:
    """What was taken back about pictures that are in the record: shut now, and the record is to be told (G-R238)."""
    for each in parts.kept.of_patient(fhir_base, patient, for_change=True):
        if each.capture_id == capture_id:
            fresh = scopes - each.withdrawn
            parts.kept.keep(replace(each.shut(scopes, Grantor.PATIENT), untold=each.untold | fresh))


def shut_if_taken_back(parts: CaptureParts, draft: Draft, order: FilingOrder) -> None:
    """The patient took them back while they were being filed: they are in the record, and shut (G-R30, G-R242)."""
    if not taken_back_since(draft, order.recorded_at):
        return
    scopes = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})
    shut_kept(parts, draft.fhir_base, draft.patient, draft.capture_id, scopes)
    for item in parts.worklist.of_patient(draft.fhir_base, draft.patient):
        if (item.kind, item.subject) == (WorkKind.WITHDRAWAL, draft.capture_id):
            held = parts.worklist.get(item.id, for_change=True)
            words = f"{held.words}\nThey were being filed then: see what is there now."
            parts.worklist.save(replace(held, words=words))


def open_source_item(parts: CaptureParts, intent: Intent, order: FilingOrder) -> None:
    """A mailbox or device still holds it: on the list until somebody says that it is gone (G-R130, G-R275)."""
    to_do = still_to_do(order)
    if not to_do:
        return
    now = parts.clock.now()
    parts.worklist.add(
        WorkItem(
            id=WorkId(parts.new_id()),
            kind=WorkKind.SOURCE,
            fhir_base=intent.fhir_base,
            patient=intent.patient,
            subject=order.capture_id,
            created=now,
            due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.SOURCE]),
            owner=order.user,
            owner_name=order.user_display,
            patient_name=order.patient_name,
            words=to_do[0],
        )
    )


def end_source_item(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId) -> None:
    """Somebody said that it is gone: in their transaction. Nothing to do where there is no such item."""
    for item in parts.worklist.of_patient(session.fhir_base, session.patient_id):
        if (item.kind, item.subject) == (WorkKind.SOURCE, capture_id):
            held = parts.worklist.get(item.id, for_change=True)
            if held.done_at is None:
                done = replace(held, done_at=parts.clock.now(), done_by=session.user.reference, outcome="emptied")
                parts.worklist.save(done)
