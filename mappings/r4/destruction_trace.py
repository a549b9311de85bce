"""What a permanent deletion leaves in the record: Provenance of the removal, AuditEvents of it and of its proof (R4).

Content-free (G-R279, HL7 EHR-S FM RI.1.1.16.1): ids, times, codes, who asked and who decided, and a keyed digest to
match bytes that turn up later. No title, site, picture, or hash that anybody could compute. The AuditEvent of the
logical deletion (life cycle 14) is written when the record has let go of it; that of the erasure (15) only when it is
proven.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from mappings.model.deletion import (
    BoundImage,
    CaseId,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    ItemId,
    Signed,
)
from mappings.model.identifiers import PatientId, Reference
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.r4.audit_event import to_audit_event
from mappings.r4.deletion_task import destroyed, in_record, who
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.r4.provenance import jws_in, signed_over, software
from mappings.terminology import audit, systems
from mappings.terminology.audit import Lifecycle, Operation, Outcome

DELETED: Final = "image.deleted"
"""Our word for the logical deletion, in the audit chain and in its AuditEvent."""
ERASED: Final = "image.destroyed"
"""Our word for the erasure, once it is proven."""
STATEMENT_VERSION: Final = "destruction-1"
PURPOSE: Final = "RECORDMGT"

_TEXTS: Final = (
    "version",
    "case",
    "item",
    "patient",
    "image",
    "image_version",
    "keyed_digest",
    "reason",
    "requested_by",
    "approved_by",
    "approved_at",
    "cosigned_by",
    "at",
    "policy_version",
)
_MAY_BE_EMPTY: Final = frozenset({"image_version", "keyed_digest", "cosigned_by", "policy_version"})
"""A string of R4 is never empty: these are left out where they say nothing."""


@dataclass(frozen=True)
class Destruction:
    """One image that was permanently deleted, as it is told. `stands`: a tombstone of ours still lies at its place, so
    that a reference to it leads somewhere."""

    case: CaseId
    item: ItemId
    patient: PatientId
    image: BoundImage
    reason: DeletionReason
    requested_by: Reference
    approval: Signed
    cosigned: Signed | None
    at: dt.datetime
    policy_version: str
    certificate: CertificateNumber | None = None
    stands: bool = False


def destruction_of(case: DeletionCase, item: DeletionItem, *, at: dt.datetime, stands: bool = False) -> Destruction:
    """What is told of one item. Raises `NotMappable` (not-approved) for one that nobody has approved: that cannot have
    been destroyed."""
    if item.approval is None:
        raise NotMappable("what nobody approved was not destroyed", code="not-approved")
    return Destruction(
        case=case.id,
        item=item.id,
        patient=case.patient,
        image=item.image,
        reason=case.reason,
        requested_by=case.requested_by,
        approval=item.approval,
        cosigned=item.cosigned,
        at=at,
        policy_version=case.policy,
        certificate=item.certificate,
        stands=stands,
    )


def to_destruction_provenance(
    told: Destruction, *, act: str, software_version: str, jws: str, id: str | None = None
) -> Json:
    """The Provenance of one removal, over `destruction_statement(told)`, which `jws` signs. `act`: its tag.

    The patient is among its targets, as whose record something was removed from: without it nobody who may see this
    patient's record alone could read it back. Raises `NotMappable` for an instant without an offset.
    """
    recorded = elements.instant(told.at)
    provenance: Json = {"resourceType": "Provenance"}
    if id is not None:
        provenance["id"] = id
    provenance["meta"] = _meta(act)
    provenance["target"] = [
        _what(told, told.image.reference, told.image.version),
        elements.reference(Reference(f"Patient/{told.patient}"), "The record that it was removed from"),
    ]
    provenance["recorded"] = recorded
    provenance["policy"] = [elements.policy_uri(told.policy_version)] if told.policy_version else []
    provenance["reason"] = [
        elements.concept(systems.ACT_REASON, PURPOSE, audit.PURPOSE_DISPLAYS[PURPOSE]),
        elements.concept(systems.DELETION_REASON, told.reason.value),
    ]
    provenance["activity"] = {
        "coding": [
            elements.coding(systems.DATA_OPERATION, "DELETE", "delete"),
            elements.coding(systems.ISO_21089_LIFECYCLE, *audit.DESTROY),
        ]
    }
    provenance["agent"] = [
        _agent("author", "Author", who(told.requested_by)),
        _agent("verifier", "Verifier", who(told.approval.by)),
        *([_agent("verifier", "Verifier", who(told.cosigned.by))] if told.cosigned else []),
        _agent("assembler", "Assembler", software(software_version)),
    ]
    provenance["entity"] = [
        {"role": "removal", "what": _what(told, told.image.reference, told.image.version)},
        *({"role": "removal", "what": destroyed(each)} for each in told.image.binaries),
        *([_digest(told.image.digest)] if told.image.digest else []),
    ]
    provenance["signature"] = [_signature(destruction_statement(told), jws, recorded, software_version)]
    return {name: value for name, value in provenance.items() if value != []}


def to_destruction_event(
    told: Destruction, *, erased: bool, act: str, software_version: str, id: str | None = None
) -> Json:
    """The AuditEvent of the logical deletion, or with `erased` of the permanent erasure: only what is proven is told
    so. `act`: what it is found by (`act_in`). Raises `NotMappable` for an instant without an offset."""
    event = to_audit_event(
        action=ERASED if erased else DELETED,
        operation=Operation.DELETE,
        at=told.at,
        user=told.approval.by if in_record(told.approval.by) else None,
        patient=Reference(f"Patient/{told.patient}"),
        objects=[],
        purpose=PURPOSE,
        outcome=Outcome.SUCCESS,
        software_version=software_version,
        also=[each for each in (told.requested_by, *((told.cosigned.by,) if told.cosigned else ())) if in_record(each)],
        act=act,
        id=id,
    )
    event["meta"]["security"] = elements.security((RESTRICTED,))
    if erased:
        event["subtype"].insert(0, elements.coding(systems.ISO_21089_LIFECYCLE, *audit.DESTROY))
    lifecycle = Lifecycle.ERASURE if erased else Lifecycle.LOGICAL_DELETION
    event["entity"] += [
        {
            "what": what,
            "type": elements.coding(systems.AUDIT_ENTITY_TYPE, *audit.SYSTEM_OBJECT),
            "role": elements.coding(systems.OBJECT_ROLE, *audit.DOMAIN_RESOURCE_ROLE),
            "lifecycle": elements.coding(systems.DICOM_LIFECYCLE, lifecycle.value, audit.LIFECYCLE_DISPLAYS[lifecycle]),
        }
        for what in (
            _what(told, told.image.reference, told.image.version),
            *(destroyed(each) for each in told.image.binaries),
        )
    ]
    event["entity"].append(_job(systems.DELETION_ITEM, told.item))
    if told.certificate is not None and erased:
        event["entity"].append(_job(systems.CERTIFICATE, told.certificate))
    return event


def destruction_statement(told: Destruction) -> Json:
    """What our signature covers: always the same keys, all strings. Another key or meaning needs a new `version`."""
    return {
        "version": STATEMENT_VERSION,
        "case": told.case,
        "item": told.item,
        "patient": f"Patient/{told.patient}",
        "image": told.image.reference,
        "image_version": told.image.version,
        "keyed_digest": told.image.digest,
        "reason": told.reason.value,
        "requested_by": told.requested_by,
        "approved_by": told.approval.by,
        "approved_at": elements.instant(told.approval.at),
        "cosigned_by": told.cosigned.by if told.cosigned is not None else "",
        "at": elements.instant(told.at),
        "policy_version": elements.string(told.policy_version),
    }


def signed_destruction_in(provenance: Json) -> tuple[Json, str] | None:
    """The statement and the JWS of a Provenance of ours about a destruction, exactly as signed; None where it has none
    that is whole. A part that is there twice makes it unreadable: nobody could say which one was signed."""
    for each in elements.objects_of(provenance.get("signature")):
        found = list(elements.extensions_of(each, systems.DESTRUCTION_STATEMENT_EXTENSION))
        if len(found) != 1:
            continue
        statement, jws = _statement_of(found[0]), jws_in(each)
        if statement is not None and jws is not None:
            return statement, jws
    return None


def destroyed_in(event: Json) -> frozenset[str]:
    """What an AuditEvent of ours says was erased for good: references as they were, with versions where known."""
    return frozenset(
        value
        for entity in elements.objects_of(event.get("entity"))
        if elements.object_of(entity.get("lifecycle")).get("code") == Lifecycle.ERASURE
        and (
            value := elements.identifier_in(elements.object_of(entity.get("what")), systems.DESTROYED)
            or elements.reference_of(entity.get("what"))
        )
        is not None
    )


# ------------------------------------------------------------------------------------------ parts


def _meta(act: str) -> Json:
    return {"security": elements.security((RESTRICTED,)), "tag": [elements.coding(systems.ACT, act)]}


def _what(told: Destruction, reference: Reference, version: str) -> Json:
    return elements.reference(reference) if told.stands else destroyed(reference, version)


def _digest(digest: str) -> Json:
    return {
        "role": "removal",
        "what": {
            "identifier": {"system": systems.KEYED_DIGEST, "value": digest},
            "display": "Keyed digest of its bytes",
        },
    }


def _agent(code: str, display: str, who: Json) -> Json:
    return {"type": elements.concept(systems.PARTICIPANT_TYPE, code, display), "who": who}


def _job(system: str, value: str) -> Json:
    return {
        "what": {"identifier": {"system": system, "value": value}},
        "type": elements.coding(systems.AUDIT_ENTITY_TYPE, *audit.SYSTEM_OBJECT),
        "role": elements.coding(systems.OBJECT_ROLE, *audit.JOB_ROLE),
    }


def _signature(statement: Json, jws: str, when: str, software_version: str) -> Json:
    parts = [{"url": key, "valueString": statement[key]} for key in _TEXTS if statement[key]]
    extension = {"url": systems.DESTRUCTION_STATEMENT_EXTENSION, "extension": parts}
    return signed_over(extension, jws, when, software_version)


def _statement_of(extension: Json) -> Json | None:
    read: Json = dict.fromkeys(_TEXTS)
    for part in elements.objects_of(extension.get("extension")):
        key, value = part.get("url"), part.get("valueString")
        if key not in _TEXTS or not isinstance(value, str) or read[key] is not None:
            return None
        read[key] = value
    for key in _MAY_BE_EMPTY:
        read[key] = read[key] or ""
    return None if any(read[key] is None for key in _TEXTS) else read
