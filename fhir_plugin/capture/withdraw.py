"""Taking back what a filing has written: deleted, or marked as entered in error where a server will not delete."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch, RecordRefused
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import Reference
from mappings.r4 import elements

IDENTIFIED = frozenset({"Media", "Consent", "DocumentReference", "QuestionnaireResponse"})
"""Types that carry our identifier; Binary, Provenance and AuditEvent have none in R4 and are known by tag."""
CORRECTED = dict.fromkeys(IDENTIFIED, "entered-in-error")
"""What `status` says where a server will not delete."""


def withdraw(record: ClinicalRecord, reference: Reference) -> Sequence[str]:
    """Deletes a resource of ours, or marks it entered in error where the server will not delete. Says what remains.

    Only looking proves that it is gone. Raises `ReadBackMismatch` when it is still current after both.
    """
    resource_type, id = reference.split("/")
    try:
        if _read_if_there(record, resource_type, id) is None:
            return ()
    except Gone:  # an earlier run took it back, and died before it could write that down
        return _old_version(record, reference)
    except RecordRefused:
        return _withdraw_unseen(record, reference)
    with contextlib.suppress(RecordRefused):  # what is still there is seen below
        record.delete(resource_type, id)
    try:
        remaining = _read_if_there(record, resource_type, id)
    except Gone:
        remaining = None
    if remaining is None:
        return _old_version(record, reference)
    if resource_type not in CORRECTED:
        return (f"{reference} remains: this server does not delete it",)
    if remaining.get("status") != CORRECTED[resource_type]:
        version = str(elements.version_of(remaining) or "") or None
        record.put({**remaining, "status": CORRECTED[resource_type]}, version=version)
        corrected = record.read(resource_type, id)
        if corrected.get("status") != CORRECTED[resource_type]:
            raise ReadBackMismatch(f"{reference} can be neither deleted nor marked as entered in error")
    return (f"{reference} remains, marked as entered in error",)


def _withdraw_unseen(record: ClinicalRecord, reference: Reference) -> Sequence[str]:
    """Where this launch may write and not read. What people would see as current is never left to hope."""
    resource_type, id = reference.split("/")
    try:
        record.delete(resource_type, id)
    except RecordRefused:
        if resource_type in CORRECTED:
            raise
        return (f"{reference} remains: this server does not delete it",)
    return (f"{reference} was deleted; this server does not let us look whether it is gone",)


def _read_if_there(record: ClinicalRecord, resource_type: str, id: str) -> Json | None:
    try:
        if resource_type == "Binary":  # as its bytes: not every server gives a Binary as JSON
            record.read_binary(f"Binary/{id}")
            return {"resourceType": "Binary", "id": id}
        return record.read(resource_type, id)
    except NotFound:
        return None


def _old_version(record: ClinicalRecord, reference: Reference) -> Sequence[str]:
    capability, resource_type = record.capability(), reference.split("/")[0]
    if capability.may(resource_type, "vread") or capability.may(resource_type, "history-instance"):
        return (f"{reference} was deleted; this server may still show its old version to those who ask for it",)
    return ()
