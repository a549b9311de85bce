"""Copies that are kept for the audit alone (G-R260): nobody sees them in the record, and a request reaches them.

Where policy keeps originals (X23), the vault holds each picture as it was received, beside what was filed. Such a copy
becomes an item of what was read, under a name that says what it is: the officer hears of "1 hidden item", the privacy
officer decides, and what they let out goes out like any other picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.reading import KeptBytes, Read
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Compartment, Json, kept_under
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.terminology.labels import UNREADABLE as UNREADABLE_LABEL

PREFIX: Final = "hidden-copy-"
"""Whatever has an id like this is hidden, whoever gave it."""
UNREADABLE: Final = "kept-unreadable"
_WHAT: Final = (
    "The picture as it was received, kept for audit only. What the record shows is the picture that was made of it."
)
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"heif")


def add_hidden_copies(
    parts: DeskParts,
    read: Read,
    fhir_base: FhirBase,
    patient: PatientId,
    keep: Callable[[bytes, str], KeptBytes],
) -> None:
    """Puts every hidden copy of this patient's images among what was read; `keep` seals its bytes."""
    if parts.kept.unreadable(fhir_base, patient):
        read.not_read["kept-for-audit"] = UNREADABLE
    for image in parts.kept.of_patient(fhir_base, patient):
        owner = kept_under(fhir_base, image.reference)
        for item in parts.vault.items(compartment=Compartment.AUDIT_COPY, owner=owner):
            try:
                content = parts.vault.get(item.vault_id)
            except NotFound:
                continue  # destroyed meanwhile
            id = f"{PREFIX}{hashlib.sha256(item.vault_id.encode()).hexdigest()[:16]}"
            type_ = _type_of(content)
            read.pictures[f"Binary/{id}"] = keep(content, type_)
            read.resources[f"Binary/{id}"] = {"resourceType": "Binary", "id": id, "contentType": type_}
            filed = image.filed.date().isoformat()
            read.resources[f"Media/{id}"] = {
                "resourceType": "Media",
                "id": id,
                "meta": {"security": _labels(parts, read, fhir_base, patient, image.reference)},
                "status": "completed",
                "subject": {"reference": f"Patient/{patient}"},
                "createdDateTime": filed,
                "note": [{"text": _WHAT}],
                "content": {"contentType": type_, "url": f"Binary/{id}"},
            }


def is_hidden_copy(key: str) -> bool:
    """Whether `Type/id` is one of these."""
    return key.partition("/")[2].startswith(PREFIX)


def _labels(parts: DeskParts, read: Read, fhir_base: FhirBase, patient: PatientId, reference: Reference) -> list[Json]:
    """Those of the picture that it is a copy of; where nobody knows them, or one cannot be read, it is restricted."""
    shown = read.resources.get(reference)
    known = [each for each in parts.labels.of_patient(fhir_base, patient) if each.reference == reference]
    labels = dict.fromkeys(elements.labels_of(shown) if shown else ())
    labels.update(dict.fromkeys(label for each in known for label in each.labels))
    readable = [label for label in labels if label.system and label.code and label != UNREADABLE_LABEL]
    if len(readable) < len(labels) or not readable:
        readable = [*(label for label in readable if label != RESTRICTED), RESTRICTED]
    return elements.security(readable)


def _type_of(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    if content[:4] == b"RIFF":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return "image/heic" if content[8:12] in _HEIF_BRANDS else "video/mp4"
    return "video/webm" if content.startswith(b"\x1a\x45\xdf\xa3") else "image/jpeg"
