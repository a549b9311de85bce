"""AuditEvent: made from the audit chain, entry by entry, never beside it (R4, shapes B6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import NORMAL, RESTRICTED, Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.provenance import software
from mappings.terminology import audit, systems
from mappings.terminology.audit import Lifecycle, Operation, Outcome
from mappings.terminology.labels import UNREADABLE


@dataclass(frozen=True)
class AuditedObject:
    """One resource that was acted on, with its labels as they were and what happened to it. `elsewhere`: it is not kept
    where this event is, and a literal reference to it would point nowhere: it is named."""

    reference: Reference
    labels: tuple[Label, ...] = ()
    lifecycle: Lifecycle | None = None
    elsewhere: bool = False


@dataclass(frozen=True)
class RecordedAuditEvent:
    """What an AuditEvent says. `action` is our word, None where another system wrote it."""

    action: str | None
    operation: Operation | None
    at: dt.datetime | None
    user: Reference | None
    patient: Reference | None
    objects: tuple[AuditedObject, ...]
    purpose: str | None
    outcome: Outcome | None
    labels: tuple[Label, ...]
    capture_id: CaptureId | None


def to_audit_event(
    *,
    action: str,
    operation: Operation,
    at: dt.datetime,
    user: Reference | None,
    patient: Reference | None,
    objects: Sequence[AuditedObject],
    purpose: str,
    outcome: Outcome,
    software_version: str,
    capture_id: CaptureId | None = None,
    also: Sequence[Reference] = (),
    act: str | None = None,
    id: str | None = None,
) -> Json:
    """The AuditEvent of one act. `action` is our word (`image.filed`), `purpose` a v3-ActReason code.

    `user` None: the app did it by itself. `also`: who else took part. `act`: what it is known by without a capture. It
    carries the labels of everything that it names, as it reveals as much. No free text goes in. Raises `NotMappable`
    for an instant without an offset.
    """
    recorded = elements.instant(at)
    labels = elements.merged_labels(copied_labels(each.labels) for each in objects) or (NORMAL,)
    event: Json = {"resourceType": "AuditEvent"}
    if id is not None:
        event["id"] = id
    event["meta"] = {"security": elements.security(labels)}
    if capture_id is not None:
        event["meta"]["tag"] = [elements.capture_tag(capture_id)]
    elif act is not None:
        event["meta"]["tag"] = [elements.coding(systems.ACT, act)]
    event["type"] = elements.coding(systems.DICOM, *audit.PATIENT_RECORD)
    event["subtype"] = [elements.coding(systems.AUDIT_ACTION, action)]
    event["action"] = operation.value
    event["recorded"] = recorded
    event["outcome"] = outcome.value
    event["purposeOfEvent"] = [elements.concept(systems.ACT_REASON, purpose, audit.PURPOSE_DISPLAYS.get(purpose))]
    people = [] if user is None else [{"who": elements.reference(user), "requestor": True}]
    event["agent"] = [
        *people,
        *({"who": elements.reference(each), "requestor": False} for each in also),
        {"who": software(software_version), "requestor": user is None},
    ]
    event["source"] = {
        "observer": software(software_version),
        "type": [elements.coding(systems.SECURITY_SOURCE_TYPE, *audit.APPLICATION_SERVER)],
    }
    entities = [_patient_entity(patient)] if patient is not None else []
    entities.extend(_entity(each) for each in objects)
    if entities:
        event["entity"] = entities
    return event


def act_in(json: Json) -> str | None:
    """What the AuditEvent of an act without a capture is known by, from its tag."""
    for tag in elements.objects_of(elements.object_of(json.get("meta")).get("tag")):
        if tag.get("system") == systems.ACT:
            return elements.text_of(tag.get("code")) or None
    return None


def from_audit_event(json: object) -> RecordedAuditEvent:
    """Any AuditEvent; what is not there or cannot be read is None or empty. Raises `NotReadable` for another type."""
    event = elements.resource_of_type(json, "AuditEvent")
    patient = None
    objects = []
    for entity in elements.objects_of(event.get("entity")):
        what = elements.reference_of(entity.get("what"))
        if what is None:
            continue
        if elements.object_of(entity.get("role")).get("code") == audit.PATIENT_ROLE[0]:
            patient = patient or what
        else:
            objects.append(AuditedObject(what, elements.labels_in(entity.get("securityLabel")), _lifecycle(entity)))
    operation, outcome = elements.text_of(event.get("action")), elements.text_of(event.get("outcome"))
    return RecordedAuditEvent(
        action=elements.code_in({"coding": event.get("subtype")}, systems.AUDIT_ACTION),
        operation=Operation(operation) if operation in {one.value for one in Operation} else None,
        at=elements.parse_instant(event.get("recorded")),
        user=next(
            (
                elements.reference_of(agent.get("who"))
                for agent in elements.objects_of(event.get("agent"))
                if agent.get("requestor") is True
            ),
            None,
        ),
        patient=patient,
        objects=tuple(objects),
        purpose=elements.code_in(event.get("purposeOfEvent"), systems.ACT_REASON),
        outcome=Outcome(outcome) if outcome in {one.value for one in Outcome} else None,
        labels=elements.labels_of(event),
        capture_id=elements.capture_of(event),
    )


def _patient_entity(patient: Reference) -> Json:
    return {
        "what": elements.reference(patient),
        "type": elements.coding(systems.AUDIT_ENTITY_TYPE, *audit.PERSON),
        "role": elements.coding(systems.OBJECT_ROLE, *audit.PATIENT_ROLE),
    }


def _entity(audited: AuditedObject) -> Json:
    entity: Json = {
        "what": _named(audited.reference) if audited.elsewhere else elements.reference(audited.reference),
        "type": elements.coding(systems.AUDIT_ENTITY_TYPE, *audit.SYSTEM_OBJECT),
        "role": elements.coding(systems.OBJECT_ROLE, *audit.DOMAIN_RESOURCE_ROLE),
    }
    if audited.lifecycle is not None:
        entity["lifecycle"] = elements.coding(
            systems.DICOM_LIFECYCLE, audited.lifecycle.value, audit.LIFECYCLE_DISPLAYS[audited.lifecycle]
        )
    if audited.labels:
        entity["securityLabel"] = elements.security(copied_labels(audited.labels))
    return entity


def _named(reference: Reference) -> Json:
    resource_type, _, id = reference.partition("/")
    return {"type": resource_type, "identifier": {"system": systems.URI, "value": f"urn:uuid:{id}"}}


def copied_labels(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Labels as another resource had them. One that could not be read stands as restricted: the audit must not fail."""
    return elements.merged_labels([tuple(RESTRICTED if label == UNREADABLE else label for label in labels)])


def _lifecycle(entity: Json) -> Lifecycle | None:
    lifecycle = elements.object_of(entity.get("lifecycle"))
    code = elements.text_of(lifecycle.get("code"))
    known = lifecycle.get("system") == systems.DICOM_LIFECYCLE and code in {one.value for one in Lifecycle}
    return Lifecycle(code) if known else None
