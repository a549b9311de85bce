"""Carrying an order out: what the ledger's engine runs for a capture, and what we say once it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from fhir_plugin.capability import Capability
from fhir_plugin.capture.afterwards import keep_register, open_source_item, shut_if_taken_back
from fhir_plugin.capture.chart_copy import copies_of, copy_of
from fhir_plugin.capture.cleaning import destroy_image
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.filing import FilingOrder, OrderedImage, order_from_json
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.place import asked_of, place_in
from fhir_plugin.capture.receipt import result_of
from fhir_plugin.capture.requests.back import destroy_not_filed
from fhir_plugin.capture.requests.decided import decided
from fhir_plugin.capture.sealed import bare, kept_sealed
from fhir_plugin.capture.write import Copying, FilePlan
from fhir_plugin.errors import Incomplete
from fhir_plugin.ledger.copies_in_charts import remind
from fhir_plugin.ledger.intents import Evidence, Intent, Plan
from fhir_plugin.policy.choices import KeepOriginal
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.identifiers import CaptureId, ImageId, PatientId, Reference, VaultId
from mappings.model.writeback import CopyState


class CarryOut:
    """Plans for intents of kind `capture`."""

    def __init__(self, parts: CaptureParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        """The steps of one filing, from the order that was fixed when it began."""
        parts = self._parts
        draft = parts.drafts.get(CaptureId(intent.subject))
        if draft.filing is None:
            raise Incomplete("This capture has no order to carry out.")
        order = order_from_json(dict(draft.filing))
        record = parts.records(intent.launch)
        capability = record.capability()

        def settle(ended: Intent, evidence: Mapping[str, Evidence]) -> None:
            self._settle(ended, order, capability, evidence)

        return FilePlan(
            order=order,
            draft=draft,
            record=record,
            vault=parts.vault,
            signer=parts.signer,
            done=parts.ledger.steps(intent.id),
            asked=asked_of(order, draft, parts.policy),
            copying=Copying(self._organisation, parts.sheets, partial(self._left_in_chart, intent, order)),
            on_settle=settle,
            on_abandon=self._abandon,
        )

    def _settle(
        self, intent: Intent, order: FilingOrder, capability: Capability, evidence: Mapping[str, Evidence]
    ) -> None:
        parts = self._parts
        draft = parts.drafts.get(CaptureId(intent.subject), for_change=True)
        proven = {image.image_id for image in order.images if self._is_proven(draft, image.image_id, evidence)}
        result = result_of(draft, order, evidence, capability, proven=proven)
        held = parts.held(intent.fhir_base, PatientId(intent.patient))
        stored_ids = {stored.image_id for stored in order.images}
        sealed = {*order.described, *order.discarded} if held else set()
        for image in draft.images:
            if image.image_id in stored_ids:
                self._keep_beside_record(
                    image, kept_under(intent.fhir_base, evidence[f"image-{image.image_id}"]["reference"])
                )
            if image.image_id not in sealed:
                destroy_image(parts, image)
        images = tuple(image if image.image_id in sealed else bare(image) for image in draft.images)
        if any(image.received is not None for image in images):
            result |= kept_sealed(held)
        thrown_away = order.discarded and not order.described
        without_pictures = DraftState.DISCARDED if thrown_away else DraftState.DESCRIBED
        state = DraftState.FILED if order.images else without_pictures
        now = parts.clock.now()
        ended = replace(draft, state=state, images=images, result=result, filing=None, updated=now)
        parts.drafts.save(ended)
        decided(parts, ended)
        keep_register(parts, intent, order, evidence)
        self._keep_copies(intent, order, evidence)
        shut_if_taken_back(parts, draft, order)
        open_source_item(parts, intent, order)
        for stored in order.images:
            self._audit(intent, "image.filed", evidence[f"image-{stored.image_id}"]["reference"], order)
        left = len(parts.vault.items(owner=draft.capture_id))  # none: what is destroyed is looked for once more
        gone = {image.image_id for image in images if image.received is None}
        for described in order.described:
            if described in gone:
                self._audit(intent, "image.described", draft.capture_id, order, image=described, left=left)
        for discarded in order.discarded:
            if discarded in gone:
                reason = draft.answers.per_image.get(discarded, {}).get("discard_reason", "")
                self._audit(
                    intent, "image.discarded", draft.capture_id, order, image=discarded, reason=reason, left=left
                )

    def _is_proven(self, draft: Draft, image_id: ImageId, evidence: Mapping[str, Evidence]) -> bool:
        """Whether the bytes that were read back are those of the clean image: the ledger holds a keyed digest only."""
        clean = draft.image(image_id).sha256_clean or ""
        return evidence["verify"][f"digest-{image_id}"] == self._parts.vault.keyed_digest(clean.encode())

    def _keep_beside_record(self, image: DraftImage, owner: str) -> None:
        """The thumbnail goes on living in the vault; the original only where policy keeps it (X23)."""
        kept: list[tuple[VaultId | None, Compartment]] = [(image.thumbnail, Compartment.THUMBNAIL)]
        if self._parts.policy.keep_original is KeepOriginal.AUDIT_VAULT:
            kept.append((image.received, Compartment.AUDIT_COPY))
        for item, compartment in kept:
            if item is not None:
                self._parts.vault.put(self._parts.vault.get(item), compartment=compartment, owner=owner)

    def _keep_copies(self, intent: Intent, order: FilingOrder, evidence: Mapping[str, Evidence]) -> None:
        """What the chart got in the place of images, or is still to get by hand: the register is the truth about it."""
        terms = place_in(evidence["place"]).copied(self._organisation)
        for each in copies_of(intent, order, terms, evidence):
            self._parts.copies.save(each)
            remind(self._parts, each, by=intent.user)
            detail = {"rung": each.rung.value, "state": each.state.value, "copy": each.document or ""}
            self._audit(intent, "image.copied", each.image, order, **detail)

    def _left_in_chart(
        self, intent: Intent, order: FilingOrder, image: OrderedImage, evidence: Evidence, state: CopyState
    ) -> None:
        """Nothing was filed, and the EHR did not let its copy go: the register knows of it all the same."""
        parts = self._parts
        held = Reference(f"Media/{order.resource_id(f'image-{image.image_id}')}")
        with parts.work.transaction():
            copy = copy_of(intent, order, image, held, evidence, state)
            parts.copies.save(copy)
            remind(parts, copy, by=intent.user)

    @property
    def _organisation(self) -> str:
        named = self._parts.policy.organisation
        return named if named != "any" else "the practice"

    def _abandon(self, intent: Intent) -> None:
        parts = self._parts
        draft = parts.drafts.get(CaptureId(intent.subject), for_change=True)
        opened = replace(draft, state=DraftState.OPEN, filing=None, updated=parts.clock.now())
        parts.drafts.save(opened)
        parts.audit.append(
            intent.entry(
                "capture.undone",
                {"reason": intent.reason, "residue": len(intent.residue)},
                policy=parts.policy.reference,
                subject=draft.capture_id,
                outcome="failure",
            )
        )
        if draft.filing is not None:
            destroy_not_filed(parts, opened, intent, order_from_json(dict(draft.filing)).recorded_at)

    def _audit(self, intent: Intent, action: str, subject: str, order: FilingOrder, **detail: str | int) -> None:
        self._parts.audit.append(
            intent.entry(
                action,
                {"capture": order.capture_id, **detail},
                policy=order.consent.policy_version,
                subject=subject,
            )
        )
