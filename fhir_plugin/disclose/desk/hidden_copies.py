"""Copies that nobody sees in the record, and that a request reaches all the same (G-R260).

Where policy keeps originals (X23), the vault holds each picture as it was received, beside what was filed. Of one that
was hidden from the record it holds the picture as it was, while the record holds a note in its place. Such a copy
becomes an item of what was read, under a name that says what it is: the officer hears of "1 hidden item", the privacy
officer decides, and what they let out goes out like any other picture. One of another patient is no part of this
record, and stays where it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Final

from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.reading import KeptBytes, Read
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Compartment, Json, kept_under
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.terminology.labels import UNREADABLE as UNREADABLE_LABEL

PREFIX: Final = "hidden-copy-"
"""Whatever has an id like this is hidden, whoever gave it."""
UNREADABLE: Final = "kept-unreadable"
_RECEIVED: Final = (
    "The picture as it was received, kept for audit only. What the record shows is the picture that was made of it."
)
_HIDDEN: Final = "A picture that was hidden from the record, as it was before."
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
    hidden = parts.hidden.of_patient(fhir_base, patient)
    references = parts.hidden.references(fhir_base, patient)
    if len(hidden) < len(references):
        read.not_read["hidden"] = UNREADABLE
    wrong = references - {each.reference for each in hidden if not each.wrong_patient}
    for image in parts.kept.of_patient(fhir_base, patient):
        if image.reference in wrong:
            continue
        owner = kept_under(fhir_base, image.reference)
        for item in parts.vault.items(compartment=Compartment.AUDIT_COPY, owner=owner):
            labels = _labels(parts, read, fhir_base, patient, image.reference)
            _add(parts, read, patient, item.vault_id, labels, image.filed.date().isoformat(), _RECEIVED, keep)
    for each in hidden:
        if each.content is None or each.wrong_patient:
            continue
        labels = _labels(parts, read, fhir_base, patient, each.reference, as_it_was=_as_it_was(parts, each))
        _add(parts, read, patient, each.content, labels, each.since.date().isoformat(), _HIDDEN, keep)


def _add(
    parts: DeskParts,
    read: Read,
    patient: PatientId,
    kept: VaultId,
    labels: list[Json],
    day: str,
    what: str,
    keep: Callable[[bytes, str], KeptBytes],
) -> None:
    try:
        content = parts.vault.get(kept)
    except NotFound:
        return  # destroyed meanwhile
    id = f"{PREFIX}{hashlib.sha256(kept.encode()).hexdigest()[:16]}"
    type_ = _type_of(content)
    read.pictures[f"Binary/{id}"] = keep(content, type_)
    read.resources[f"Binary/{id}"] = {"resourceType": "Binary", "id": id, "contentType": type_}
    read.resources[f"Media/{id}"] = {
        "resourceType": "Media",
        "id": id,
        "meta": {"security": labels},
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "createdDateTime": day,
        "note": [{"text": what}],
        "content": {"contentType": type_, "url": f"Binary/{id}"},
    }


def is_hidden_copy(key: str) -> bool:
    """Whether `Type/id` is one of these."""
    return key.partition("/")[2].startswith(PREFIX)


def _as_it_was(parts: DeskParts, image: HiddenImage) -> Json | None:
    """The resource that was kept of a hidden picture: what stands in its place does not say why it is sensitive."""
    try:
        kept = json.loads(parts.vault.get(image.resource)) if image.resource is not None else {}
    except NotFound:
        return None
    found = kept.get("resource")
    return found if isinstance(found, dict) else None


def _labels(
    parts: DeskParts,
    read: Read,
    fhir_base: FhirBase,
    patient: PatientId,
    reference: Reference,
    *,
    as_it_was: Json | None = None,
) -> list[Json]:
    """Those of the picture that it is a copy of; where nobody knows them, or one cannot be read, it is restricted."""
    shown = as_it_was or read.resources.get(reference)
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
