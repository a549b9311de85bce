"""Filing: from an order to the record, in steps that survive crashes, lost answers and expired tokens.

Where the server takes our ids and says that it transacts, consent, decision, images, provenance and note go in one
transaction behind the bytes. Elsewhere, and where it refuses the transaction, they go in order: the image is
written as in preparation and becomes current only after it has been read back and proven. Either way nothing
counts as filed before `verify`, and no picture is destroyed before the words that replace it have been read back.

Where a chart takes no image, the same steps file it beside the chart (`place.beside`), and a copy for reading follows
(`capture.chart_copy`), after all of that has been read back. What some EHRs let nobody take back comes last: the copy,
then the note; then the image becomes current.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fhir_plugin import VERSION
from fhir_plugin.capture.chart_copy import copy_steps
from fhir_plugin.capture.draft import Draft, DraftImage
from fhir_plugin.capture.filing import FilingOrder, OrderedImage
from fhir_plugin.capture.label import label
from fhir_plugin.capture.place import Asked, PlaceStep, place_at, place_in
from fhir_plugin.capture.steps import BinaryStep, CurrentStep, Found, ResourceStep, TransactionStep
from fhir_plugin.capture.verify import VerifyStep
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.ledger.intents import Evidence, Intent, Step, StepRecord, StepState
from fhir_plugin.ports import ClinicalRecord, CopySheets, Json, StatementSigner, Vault
from mappings.model.filing import LabelledImage
from mappings.model.identifiers import ImageId, Reference, Sha256
from mappings.model.images import CleanImage
from mappings.model.writeback import CopyState
from mappings.r4.attachment import with_inline_content
from mappings.r4.audit_event import AuditedObject, to_audit_event
from mappings.r4.consent import to_consent
from mappings.r4.document_reference import to_document_reference
from mappings.r4.media import to_media
from mappings.r4.note import to_note
from mappings.r4.provenance import RestsOn, to_provenance
from mappings.r4.questionnaire_response import to_questionnaire_response
from mappings.r4.statement import statement
from mappings.terminology import systems
from mappings.terminology.audit import Lifecycle, Operation, Outcome

KIND = "capture"
SHARED = ("consent", "decision", "note")
"""Roles of what all images of one capture share."""
NOTE_VERIFIED = "verify-note"
"""Where the note is read back by itself: in a chart that takes no images."""

Settle = Callable[[Intent, Mapping[str, Evidence]], None]
Abandon = Callable[[Intent], None]


@dataclass(frozen=True)
class Copying:
    """What the copies of an order are made with, where the chart takes no image. `left` is told what an undo could not
    take out of the chart."""

    organisation: str
    sheets: CopySheets
    left: Callable[[OrderedImage, Evidence, CopyState], None]


@dataclass
class FilePlan:
    """The steps of one filing, built anew at every run from the order, the draft and what the ledger holds."""

    order: FilingOrder
    draft: Draft
    record: ClinicalRecord
    vault: Vault
    signer: StatementSigner
    done: Mapping[str, StepRecord]
    asked: Asked
    """What of it decides where it goes, if that has not been written down yet."""
    copying: Copying
    on_settle: Settle
    on_abandon: Abandon

    def __post_init__(self) -> None:
        placed = self.done.get("place")
        known = placed is not None and placed.state is StepState.DONE
        capability = self.record.capability()
        self._place = place_in(placed.evidence) if placed and known else place_at(capability, self.asked)
        self._kept = self.record.beside(self._place.beside)
        """The record, in which what the EHR takes none of goes to the companion store."""
        self._image_type = self._place.image_type
        self._final_status = "completed" if self._image_type == "Media" else "current"
        self._proven: dict[str, Json] = {}
        self._found = Found({name: step.evidence for name, step in self.done.items() if step.state is StepState.DONE})
        self._bundled: dict[str, Evidence] = {}

    def steps(self) -> Sequence[Step]:
        order, parts = self.order, self._parts()
        steps: list[Step] = [PlaceStep(self._place)]
        if not self._place.inline:
            steps += [self._binary(image) for image in order.images]
        note = self._note_step()
        if self._place.rung.whole or not order.images:
            parts.append(note)
        together = [part for part in parts if part.resource_type in self._place.together and part.record is self._kept]
        if len(together) > 1:
            steps.append(TransactionStep(together, self._kept, self._bundled))
        steps += parts
        steps.append(self._verify(order, [part for part in parts if part.role in SHARED]))
        if note not in parts:
            steps += [*self._copies(), note, self._verify(replace(order, images=()), [note], name=NOTE_VERIFIED)]
        if not self._place.at_once:
            steps += [self._current(image) for image in order.images]
        steps.append(self._audit_event())
        return steps

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        self.on_settle(intent, evidence)

    def abandon(self, intent: Intent) -> None:
        self.on_abandon(intent)

    # ------------------------------------------------------------------------------------ which steps

    def _parts(self) -> list[ResourceStep]:
        order, parts = self.order, []
        if self._something_was_said:
            parts.append(self._resource("consent", "Consent", self._consent, f"{systems.CONSENT}|{order.capture_id}"))
        parts.append(
            self._resource(
                "decision", "QuestionnaireResponse", self._decision, f"{systems.DECISION}|{order.capture_id}"
            )
        )
        for image in order.images:
            role = f"image-{image.image_id}"
            parts.append(
                self._resource(role, self._image_type, self._image(image), f"{systems.IMAGE}|{image.image_id}")
            )
        for image in order.images:
            role = f"provenance-{image.image_id}"
            parts.append(self._resource(role, "Provenance", self._provenance(image), None))
        return parts

    def _note_step(self) -> ResourceStep:
        return self._resource("note", "DocumentReference", self._note, f"{systems.NOTE}|{self.order.capture_id}")

    @property
    def _something_was_said(self) -> bool:
        return bool(self.order.consent.decisions)

    def _names_literally(self, resource_type: str, target_type: str) -> bool:
        """Whether one type may point to another by its id: not from the EHR to what is kept beside it."""
        return target_type not in self._place.beside or resource_type in self._place.beside

    def _copies(self) -> Sequence[Step]:
        return copy_steps(
            self.order,
            self._place.copied(self.copying.organisation),
            record=self.record,
            found=self._found,
            clean=lambda image: self._clean(self.draft.image(image.image_id)),
            sheets=self.copying.sheets,
            digest=self.vault.keyed_digest,
            left=self.copying.left,
        )

    def _our_id(self, resource_type: str, role: str) -> str | None:
        return self.order.resource_id(role) if resource_type in self._place.ours else None

    def _resource(
        self, role: str, resource_type: str, build: Callable[[str | None], Json], identifier: str | None
    ) -> ResourceStep:
        beside = role == "note" and self._place.note_beside
        return ResourceStep(
            role=role,
            resource_type=resource_type,
            capture_id=self.order.capture_id,
            our_id=self.order.resource_id(role) if beside else self._our_id(resource_type, role),
            identifier=identifier,
            build=build,
            record=self.record.beside(self._place.beside | {resource_type}) if beside else self._kept,
            found=self._found,
            bundled=self._bundled,
            final_status=self._final_status if role.startswith("image-") else None,
        )

    # ------------------------------------------------------------------------------------ what they write

    def _binary(self, image: OrderedImage) -> BinaryStep:
        drafted = self.draft.image(image.image_id)
        image_id = self._our_id(self._image_type, f"image-{image.image_id}")
        return BinaryStep(
            role=f"binary-{image.image_id}",
            capture_id=self.order.capture_id,
            our_id=self._our_id("Binary", f"binary-{image.image_id}"),
            content_type=drafted.content_type,
            security_context=Reference(f"{self._image_type}/{image_id}") if image_id else None,
            fallback_context=self.order.patient,
            load=lambda: self._clean(drafted).content,
            record=self._kept,
            found=self._found,
        )

    def _clean(self, drafted: DraftImage) -> CleanImage:
        return load_clean(drafted, self.vault)

    def _labelled(self, image: OrderedImage) -> LabelledImage:
        return label(self._clean(self.draft.image(image.image_id)), image, self.order)

    def _consent(self, id: str | None) -> Json:
        order, type_ = self.order, self._image_type
        described = [(type_, image_id) for image_id in order.described]  # without a name, a rule is about everything
        if type_ in self._place.ours and self._names_literally("Consent", type_):
            known = [Reference(f"{type_}/{order.resource_id(f'image-{image.image_id}')}") for image in order.images]
            return to_consent(order.consent, images=known, named=described, id=id, labels=order.labels)
        named = [(type_, image.image_id) for image in order.images] + described
        return to_consent(order.consent, images=(), named=named, id=id, labels=order.labels)

    def _decision(self, id: str | None) -> Json:
        order = self.order
        return to_questionnaire_response(
            order.decision, order.consent, labels=order.labels, encounter=order.encounter, id=id
        )

    def _image(self, image: OrderedImage) -> Callable[[str | None], Json]:
        def build(id: str | None) -> Json:
            labelled = self._labelled(image)
            inline = self._place.inline
            address = "" if inline else self._found.reference(f"binary-{image.image_id}")
            if self._image_type == "Media":
                status = "completed" if self._place.at_once else "preparation"
                resource = to_media(labelled, binary_url=address, id=id, status=status)
            else:
                # DocumentReference has no status for "not yet": it is superseded in name until it is proven.
                status = "current" if self._place.at_once else "superseded"
                resource = to_document_reference(labelled, binary_url=address, id=id, status=status)
            return with_inline_content(resource, labelled.image.content) if inline else resource

        return build

    def _provenance(self, image: OrderedImage) -> Callable[[str | None], Json]:
        def build(id: str | None) -> Json:
            labelled = self._labelled(image)
            role = f"image-{image.image_id}"
            our_id = self._our_id(self._image_type, role)
            target = Reference(f"{self._image_type}/{our_id}") if our_id else self._found.reference(role)
            return to_provenance(
                labelled,
                targets=[target],
                software_version=VERSION,
                statement=image_statement(labelled),
                jws=image.jws,
                grounds=self._grounds,
                id=id,
            )

        return build

    @property
    def _grounds(self) -> list[RestsOn]:
        return [RestsOn.CONSENT, RestsOn.DECISION] if self._something_was_said else [RestsOn.DECISION]

    def _note(self, id: str | None) -> Json:
        order = self.order
        return to_note(
            order.consultation_note,
            needs=() if self._place.note_beside else self.record.capability().vendor.document_needs,
            id=id,
        )

    def _current(self, image: OrderedImage) -> CurrentStep:
        return CurrentStep(
            role=f"current-{image.image_id}",
            image_role=f"image-{image.image_id}",
            final_status=self._final_status,
            record=self._kept,
            found=self._found,
            proven=self._proven,
        )

    def _verify(self, order: FilingOrder, beside: Sequence[ResourceStep], name: str = "verify") -> VerifyStep:
        return VerifyStep(
            order=order,
            image_type=self._image_type,
            clean={image.image_id: _known(self.draft.image(image.image_id).sha256_clean) for image in order.images},
            record=self._kept,
            kept_here=self._place.beside,
            vault=self.vault,
            signer=self.signer,
            found=self._found,
            beside=beside,
            grounds=self._grounds,
            proven=self._proven,
            unlabelled=name == NOTE_VERIFIED,
            name=name,
        )

    def _audit_event(self) -> ResourceStep:
        def build(id: str | None) -> Json:
            order = self.order
            written = sorted(
                role for role in self._found.by_role if role.startswith(("image-", "provenance-")) or role in SHARED
            )
            return to_audit_event(
                action="image.filed" if order.images else "image.described",
                operation=Operation.CREATE,
                at=order.recorded_at,
                user=order.user,
                patient=order.patient,
                objects=[self._audited(role) for role in written],
                purpose="TREAT",
                outcome=Outcome.SUCCESS,
                software_version=VERSION,
                capture_id=order.capture_id,
                id=id,
            )

        return self._resource("audit-event", "AuditEvent", build, None)

    def _audited(self, role: str) -> AuditedObject:
        reference, beside = self._found.reference(role), self._place.beside
        here = reference.partition("/")[0] in beside or (role == "note" and self._place.note_beside)
        elsewhere = here and "AuditEvent" not in beside
        return AuditedObject(reference, self.order.labels, Lifecycle.ORIGINATION, elsewhere=elsewhere)


def image_statement(labelled: LabelledImage) -> Json:
    """What is signed about one image. The consent is named by our identifier, which is known before any server's id."""
    return statement(labelled, consent=f"{systems.CONSENT}|{labelled.capture_id}")


def load_clean(drafted: DraftImage, vault: Vault) -> CleanImage:
    """The clean image out of the vault."""
    if drafted.clean is None or drafted.thumbnail is None or drafted.sha256_clean is None:
        raise UnacceptableImage("This picture has not been cleaned yet. Add it again.", code="not-clean")
    return CleanImage(
        image_id=ImageId(drafted.image_id),
        content=vault.get(drafted.clean),
        content_type=drafted.content_type,
        width=drafted.width,
        height=drafted.height,
        sha256=drafted.sha256_clean,
        sha256_received=drafted.sha256_received,
        thumbnail=b"",
        removed=drafted.removed,
        captured_at=drafted.captured_at,
        captured_at_has_offset=drafted.captured_at_has_offset,
        lossless=drafted.lossless,
        geometry=drafted.geometry,
        seconds=drafted.seconds,
        sound=drafted.sound,
    )


def _known(sha256: Sha256 | None) -> Sha256:
    if sha256 is None:
        raise UnacceptableImage("This picture has not been cleaned yet. Add it again.", code="not-clean")
    return sha256
