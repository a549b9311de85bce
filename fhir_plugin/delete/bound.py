"""Exactly which image somebody decides about: its version and its bytes, read from the record as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fhir_plugin.delete.hiding_order import kept_from_bytes
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.errors import Gone, NotFound, RecordRefused, WrongPatient
from fhir_plugin.ports import ClinicalRecord, HiddenImages, Json, Vault
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.r4 import elements
from mappings.r4.attachment import inline_content
from mappings.r4.errors import NotReadable
from mappings.r4.relabelled import binaries_of


@dataclass(frozen=True)
class Content:
    """What one image shows, in one place. `binary`: None where it stands in the resource, or only in our vault."""

    binary: Reference | None
    content: bytes = field(repr=False)


def bound_now(
    record: ClinicalRecord,
    vault: Vault,
    hidden: HiddenImages,
    *,
    fhir_base: FhirBase,
    patient: PatientId,
    reference: Reference,
) -> tuple[BoundImage, tuple[Content, ...]]:
    """The image as the record holds it now, with its bytes; of one that is hidden, the bytes that were kept of it.

    Raises `WrongPatient` for an image of somebody else, `NotFound` or `Gone` where there is none, `RecordRefused` where
    its bytes cannot be read: nobody approves what nobody can name.
    """
    resource = record.read(*reference.split("/"))
    need_of(resource, fhir_base, patient)
    contents = contents_of(record, resource)
    known = hidden.find(fhir_base, reference)
    if known is not None and known.content is not None:
        kept = vault.get(known.content)
        if all(kept != each.content for each in contents):
            contents = (*contents, Content(None, kept))
    if not contents:
        raise RecordRefused("this entry of the record holds no picture", status=422, code="no-picture")
    digest = " ".join(sorted({vault.keyed_digest(each.content) for each in contents}))
    shown = binaries_of(resource, base=fhir_base)
    if known is not None and known.resource is not None:  # what stands in its place does not name them any more
        shown += [file.binary for file in kept_from_bytes(vault.get(known.resource)).files]
    binaries = tuple(dict.fromkeys(shown))
    return BoundImage(reference, elements.version_of(resource) or "", digest, binaries), contents


def need_of(resource: Json, fhir_base: FhirBase, patient: PatientId) -> None:
    """Raises `WrongPatient` unless its subject is this patient of this EHR."""
    subject = elements.text_of(elements.object_of(resource.get("subject")).get("reference"))
    relative = subject.split("/_history/")[0].removeprefix(f"{fhir_base}/")
    if relative != f"Patient/{patient}":
        raise WrongPatient("This picture is not in this patient's record.")


def contents_of(record: ClinicalRecord, resource: Json) -> tuple[Content, ...]:
    """The bytes that a resource shows: of its Binaries, and those inside. A Binary that is gone shows nothing, nor does
    the picture that says that one is hidden."""
    found = [Content(None, each) for each in _inside(resource)]
    for binary in dict.fromkeys(binaries_of(resource, base=record.base)):
        try:
            found.append(Content(binary, record.read_binary(binary).content))
        except (NotFound, Gone):
            continue
    return tuple(each for each in found if each.content != neutral_picture())


def _inside(resource: Json) -> Sequence[bytes]:
    found = []
    if resource.get("resourceType") == "DocumentReference":
        attachments = [
            elements.object_of(each.get("attachment")) for each in elements.objects_of(resource.get("content"))
        ]
    else:
        attachments = [elements.object_of(resource.get("content"))]
    for attachment in attachments:
        if attachment.get("data"):
            try:
                found.append(inline_content({"content": attachment}))
            except NotReadable as error:
                raise RecordRefused("this entry of the record holds a broken picture", status=422) from error
    return found
