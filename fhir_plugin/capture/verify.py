"""Looking at what the record now holds, through the stored image's own address. Only this may say "filed"."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace

from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.steps import Found, ResourceStep
from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, Json, StatementSigner, Vault
from mappings.model.consent import PhotoConsent
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of, inline_content
from mappings.r4.consent import consented_images, from_consent, named_images
from mappings.r4.document_reference import document_labels, from_document_reference
from mappings.r4.elements import labels_of
from mappings.r4.errors import MappingError
from mappings.r4.media import from_media
from mappings.r4.note import words_in
from mappings.r4.provenance import RestsOn, from_provenance
from mappings.r4.questionnaire_response import from_questionnaire_response, with_conversation

PRECISION = dt.timedelta(seconds=1)
"""How exactly an EHR keeps a moment at least: some cut fractions, some round them."""


def _consent_says(stored: Json, _about: PhotoConsent) -> object:
    said = replace(from_consent(stored), private=False)  # that is its labels, which may only grow
    return (said, consented_images(stored), named_images(stored))


def _decision_says(stored: Json, about: PhotoConsent) -> object:
    return (replace(from_questionnaire_response(stored), labels=()), with_conversation(about, stored))


SAYS: Mapping[str, Callable[[Json, PhotoConsent], object]] = {
    "consent": _consent_says,
    "decision": _decision_says,
}
"""What people rely on in each shared resource but the note, by role: all of it but what a server may add."""


def agree(one: object, other: object) -> bool:
    """Whether two values say the same, with moments as exact as an EHR keeps them, and however it spaces words."""
    if isinstance(one, str) and isinstance(other, str):
        return one.split() == other.split()
    if isinstance(one, dt.datetime) and isinstance(other, dt.datetime):
        return abs(one - other) <= PRECISION
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(agree, one, other))
    if is_dataclass(one) and type(one) is type(other):
        return all(agree(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return one == other


@dataclass
class VerifyStep:
    """Everything that people rely on, read back: images (subject, labels, bytes, signed statement), consent, decision
    and note.

    Changes nothing. `beside` are the consent, the decision and the note; `grounds` what each provenance names;
    `proven` is filled with the images as they were read.
    """

    order: FilingOrder
    image_type: str
    clean: Mapping[ImageId, Sha256]
    record: ClinicalRecord = field(repr=False)
    vault: Vault = field(repr=False)
    signer: StatementSigner = field(repr=False)
    found: Found = field(repr=False)
    beside: Sequence[ResourceStep] = field(repr=False)
    grounds: Sequence[RestsOn]
    proven: dict[str, Json] = field(repr=False)
    kept_here: frozenset[str] = frozenset()
    """Types that the companion store keeps of this order: they can be read, whatever this launch may at the EHR."""
    unlabelled: bool = False
    """The chart need not keep labels on what stands `beside`: of a note in a chart that takes no images, what counts is
    what it says. Whether it kept them is in the evidence."""
    name: str = "verify"

    def happened(self) -> Evidence | None:
        return None  # looking again costs little, and only looking proves anything

    def do(self) -> Evidence:
        try:
            digests = {f"digest-{image.image_id}": self._look(image) for image in self.order.images}
            kept = [self._look_beside(part) for part in self.beside]
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        except MappingError as error:
            raise ReadBackMismatch(f"what the EHR stored cannot be read ({error.code})") from error
        return digests | ({"labels": "yes" if all(kept) else "no"} if self.unlabelled else {})

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _look(self, image: OrderedImage) -> str:
        reference = self.found.reference(f"image-{image.image_id}")
        stored = self.record.read(*reference.split("/"))
        recorded = from_media(stored) if self.image_type == "Media" else from_document_reference(stored)
        _need(_subject(stored) == self.order.patient, f"{reference} names another patient")
        _need(set(image.labels) <= set(recorded.labels), f"{reference} has lost a security label")
        if image.ended is not None:
            kept = agree((recorded.taken, recorded.ended), (image.captured, image.ended))
            _need(kept, f"{reference} has lost when it was recorded")
        self._look_at_bytes(image, recorded, stored)
        self._look_at_provenance(image, reference)
        self.proven[f"image-{image.image_id}"] = stored
        return self.vault.keyed_digest(self.clean[image.image_id].encode())

    def _look_beside(self, part: ResourceStep) -> bool:
        """Whether it has kept its labels."""
        capability = self.record.capability()
        there = capability.holds(part.resource_type) and part.resource_type not in self.kept_here
        if there and not capability.may(part.resource_type, "read"):
            return False  # written where this launch may not look: the server's answer is all there is
        reference = self.found.reference(part.role)
        stored = self.record.read(*reference.split("/"))
        sent = part.build(part.our_id)
        labelled = set(_labels(sent)) <= set(_labels(stored))
        _need(labelled or self.unlabelled, f"{reference} has lost a security label")
        about = self.order.consent
        if part.role == "note":
            same = self._says_the_note(stored, sent)
        else:
            same = agree(SAYS[part.role](stored, about), SAYS[part.role](sent, about))
        _need(same, f"{reference} does not say what was sent")
        return labelled

    def _says_the_note(self, stored: Json, sent: Json) -> bool:
        """Word for word; in a chart that takes no images, with whatever that puts around and between the words."""
        if "entered-in-error" in (stored.get("status"), stored.get("docStatus")) or _subject(stored) != _subject(sent):
            return False
        words, url = words_in(stored), elements.text_of(attachment_of(stored).get("url"))
        if words is None and url:  # some charts make a Binary of what a document held
            words = self.record.read_binary(url).content.decode("utf-8", "replace")
        wanted = words_in(sent) or ""
        if words is None or not self.unlabelled:
            return words == wanted
        return " ".join(wanted.split()) in " ".join(words.split())

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
        _need(set(self.grounds) <= set(provenance.grounds), f"{where} no longer names what it rests on")
        signed = provenance.statement is not None and provenance.jws is not None
        _need(
            signed
            and provenance.jws == image.jws
            and self.signer.verify(provenance.statement or {}, provenance.jws or ""),
            f"the signature in {where} does not verify",
        )


def _labels(resource: Json) -> tuple[Label, ...]:
    """A document has them in a place of its own, too, which servers that drop `meta` keep."""
    return document_labels(resource) if resource["resourceType"] == "DocumentReference" else labels_of(resource)


def _subject(resource: Json) -> str:
    subject = resource.get("subject")
    reference = subject.get("reference", "") if isinstance(subject, dict) else ""
    return "/".join(str(reference).split("/_history")[0].split("/")[-2:])


def _need(true: bool, message: str) -> None:
    if not true:
        raise ReadBackMismatch(message)
