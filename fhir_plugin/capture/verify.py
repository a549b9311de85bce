"""Looking at what the record now holds, through the stored image's own address. Only this may say "filed"."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.steps import Found, ResourceStep
from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, Json, StatementSigner, Vault
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import ImageId, Sha256
from mappings.r4.attachment import inline_content
from mappings.r4.consent import from_consent
from mappings.r4.document_reference import from_document_reference
from mappings.r4.elements import labels_of
from mappings.r4.errors import MappingError
from mappings.r4.media import from_media
from mappings.r4.note import from_note
from mappings.r4.provenance import from_provenance


@dataclass
class VerifyStep:
    """Everything that people rely on, read back: images (subject, labels, bytes, signed statement), consent and note.

    Changes nothing. `beside` are the consent and the note; `proven` is filled with the images as they were read.
    """

    order: FilingOrder
    image_type: str
    clean: Mapping[ImageId, Sha256]
    record: ClinicalRecord = field(repr=False)
    vault: Vault = field(repr=False)
    signer: StatementSigner = field(repr=False)
    found: Found = field(repr=False)
    beside: Sequence[ResourceStep] = field(repr=False)
    proven: dict[str, Json] = field(repr=False)
    name: str = "verify"

    def happened(self) -> Evidence | None:
        return None  # looking again costs little, and only looking proves anything

    def do(self) -> Evidence:
        try:
            digests = {f"digest-{image.image_id}": self._look(image) for image in self.order.images}
            for part in self.beside:
                self._look_beside(part)
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        except MappingError as error:
            raise ReadBackMismatch(f"what the EHR stored cannot be read ({error.code})") from error
        return digests

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _look(self, image: OrderedImage) -> str:
        reference = self.found.reference(f"image-{image.image_id}")
        stored = self.record.read(*reference.split("/"))
        recorded = from_media(stored) if self.image_type == "Media" else from_document_reference(stored)
        _need(_subject(stored) == self.order.patient, f"{reference} names another patient")
        _need(set(image.labels) <= set(recorded.labels), f"{reference} has lost a security label")
        self._look_at_bytes(image, recorded, stored)
        self._look_at_provenance(image, reference)
        self.proven[f"image-{image.image_id}"] = stored
        return self.vault.keyed_digest(self.clean[image.image_id].encode())

    def _look_beside(self, part: ResourceStep) -> None:
        capability = self.record.capability()
        if capability.holds(part.resource_type) and not capability.may(part.resource_type, "read"):
            return  # written where this launch may not look: the server's answer is all there is
        reference = self.found.reference(part.role)
        stored = self.record.read(*reference.split("/"))
        _need(set(self.order.labels) <= set(labels_of(stored)), f"{reference} has lost a security label")
        if part.resource_type == "Consent":
            consent, said = from_consent(stored), self.order.consent
            same = (consent.patient, consent.receive, consent.store) == (said.patient, said.receive, said.store)
        else:
            note = from_note(stored)
            same = (note.patient, note.text) == (self.order.patient, self.order.note)
        _need(same, f"{reference} does not say what was sent")

    def _look_at_bytes(self, image: OrderedImage, recorded: RecordedImage, stored: Json) -> None:
        if recorded.inline:
            content = inline_content(stored)
        else:
            _need(recorded.content_url is not None, f"{recorded.reference} has lost the address of its image")
            content = self.record.read_binary(recorded.content_url or "").content
        same = hashlib.sha256(content).hexdigest() == self.clean[image.image_id]
        _need(same, f"the image behind {recorded.reference} is not the one that was sent")

    def _look_at_provenance(self, image: OrderedImage, reference: str) -> None:
        where = self.found.reference(f"provenance-{image.image_id}")
        provenance = from_provenance(self.record.read(*where.split("/")))
        _need(reference in provenance.targets, f"{where} does not point to {reference}")
        signed = provenance.statement is not None and provenance.jws is not None
        _need(
            signed
            and provenance.jws == image.jws
            and self.signer.verify(provenance.statement or {}, provenance.jws or ""),
            f"the signature in {where} does not verify",
        )


def _subject(resource: Json) -> str:
    subject = resource.get("subject")
    reference = subject.get("reference", "") if isinstance(subject, dict) else ""
    return "/".join(str(reference).split("/_history")[0].split("/")[-2:])


def _need(true: bool, message: str) -> None:
    if not true:
        raise ReadBackMismatch(message)
