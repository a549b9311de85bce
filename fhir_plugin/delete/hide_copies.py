"""Copies in a chart that takes no images: hidden with their image, and put back with it.

What is kept of a copy lies in the vault, as what is kept of a hidden image does. A copy that the EHR lets nobody write
over is deleted, as it can be filed again; one that it does not delete either is for a person to take out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.delete.bound import need_of
from fhir_plugin.delete.hidden_kept import forget_hidden_copy, owners_of_copy, same_as_before
from fhir_plugin.delete.hiding_order import HidingOrder, KeptFile, KeptResource, kept_from_bytes, kept_to_bytes
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import Gone, NotFound, RecordRefused
from fhir_plugin.ledger.copies_in_charts import InChart, in_charts, looked_at, stands, take_out
from fhir_plugin.ledger.intents import Evidence, Intent
from fhir_plugin.ports import ClinicalRecord, Compartment, Json, VaultItem, kept_under
from mappings.model.identifiers import Reference
from mappings.model.writeback import ChartCopy, CopyState
from mappings.r4 import elements
from mappings.r4.hidden_stub import ENTERED_IN_ERROR, Form, hidden_stub
from mappings.r4.hiding_provenance import HidingAct
from mappings.r4.relabelled import binaries_of

BY_HAND: Final = (
    "A copy of it is in the chart, and this EHR lets no app take it out: it can be seen there until somebody takes it "
    "out by hand. It is on the practice’s list."
)


@dataclass
class CopiesStep:
    """Every copy of the image out of the chart's sight; where the act restores, back again. A refusal is no reason to
    show the image again: it is told."""

    order: HidingOrder
    parts: DeleteParts = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    intent: Intent
    name: str = "copies"

    def happened(self) -> Evidence | None:
        return None  # each looks before it acts

    def do(self) -> Evidence:
        act = self._back if self.order.restores else self._hide
        return {copy.id: act(copy).value for copy in self._copies()}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        for copy in self._copies():
            _ = self._hide(copy) if self.order.restores else self._back(copy)
        return ()

    def _copies(self) -> list[ChartCopy]:
        return in_charts(self.parts.copies.of_image(self.intent.fhir_base, self.order.target))

    # ------------------------------------------------------------------------------------------ hiding

    def _hide(self, copy: ChartCopy) -> CopyState:
        if copy.document is None:  # a file that waits stays where it is; one that was filed is for a person
            filed = copy.state is CopyState.FILED_BY_HAND
            return self._stands(copy, CopyState.REMOVE_BY_HAND if filed else copy.state)
        if self._kept(copy.document):
            found = looked_at(self.record, copy)
            if found is InChart.GONE or self._is_stub(copy.document):
                return self._stands(copy, CopyState.TAKEN_BACK)
        else:
            found = looked_at(self.record, copy)
            if found is InChart.GONE:
                return self._stands(copy, CopyState.GONE)
            if found is InChart.UNSEEN or not self._keep(copy.document):
                return self._stands(copy, CopyState.REMOVE_BY_HAND)
        if self._stub(copy.document):
            return self._stands(copy, CopyState.TAKEN_BACK)
        state = take_out(self.record, copy)
        return self._stands(copy, CopyState.TAKEN_BACK if state is CopyState.GONE else state)

    def _stub(self, document: Reference) -> bool:
        """Whether something that says nothing stands there now. A mark alone would leave the page to be read."""
        if not self.record.capability_of(document).may("DocumentReference", "update"):
            return False
        with suppress(RecordRefused):
            current = self.record.read(*document.split("/"))
            kept = self._kept_of(document)
            stub = hidden_stub(
                kept.resource, act=self.intent.id, form=Form.EMPTY, picture=neutral_picture(), wrong_patient=self._wrong
            )
            self.record.put(stub, version=elements.version_of(current))
            for file in kept.files:
                with suppress(RecordRefused):
                    self.record.delete(*file.binary.split("/"))
            return self._is_stub(document)
        return False

    def _is_stub(self, document: Reference) -> bool:
        try:
            current = self.record.read(*document.split("/"))
        except RecordRefused:
            return False
        attachments = [elements.object_of(each.get("attachment")) for each in elements.objects_of(current["content"])]
        silent = not any("data" in each or "url" in each for each in attachments)
        marked = current.get("status") == ENTERED_IN_ERROR or not self._wrong
        return silent and marked and "description" not in current

    @property
    def _wrong(self) -> bool:
        return self.order.act is HidingAct.WRONG_PATIENT

    # ------------------------------------------------------------------------------------------ putting back

    def _back(self, copy: ChartCopy) -> CopyState:
        if copy.document is None:
            waits = copy.state is CopyState.REMOVE_BY_HAND
            return self._stands(copy, CopyState.FILED_BY_HAND if waits else copy.state)
        if not self._kept(copy.document):
            found = looked_at(self.record, copy)
            if copy.state is CopyState.REMOVE_BY_HAND and found in (InChart.SHOWN, InChart.UNSEEN):
                return self._stands(copy, CopyState.IN_CHART)  # nobody has taken it out meanwhile
            return self._stands(copy, CopyState.GONE if found is InChart.GONE else copy.state)
        kept = self._kept_of(copy.document)
        stored = self._put_back(copy.document, kept)
        if stored is None:
            return self._stands(copy, copy.state)
        self._forget(copy.document)
        return self._stands(replace(copy, document=stored), CopyState.IN_CHART)

    def _put_back(self, document: Reference, kept: KeptResource) -> Reference | None:
        """Where it stands now, exactly as it was; None where the EHR does not take it."""
        try:
            for file in kept.files:
                self.record.create_binary(
                    self.parts.vault.get(file.vault_id),
                    file.content_type,
                    id=file.binary.split("/")[1],
                    security_context=document,
                )
            bare = _writable(kept.resource)
            try:
                current: Json | None = self.record.read(*document.split("/"))
            except (NotFound, Gone):
                current = None
            if current is not None and same_as_before(current, kept.resource):
                return document
            if current is not None or self.record.capability().takes_our_id("DocumentReference"):
                version = elements.version_of(current) if current is not None else None
                stored = self.record.put(bare, version=version)
            elif (before := self._filed_again(kept)) is not None:
                return before  # by a run that died before it could say so
            else:
                stored = self.record.create({name: each for name, each in bare.items() if name != "id"})
            back = self.record.read(stored.resource_type, stored.id)
            same = same_as_before({**back, "id": kept.resource["id"]}, kept.resource)
            return stored.reference if same else None
        except RecordRefused:
            return None

    def _filed_again(self, kept: KeptResource) -> Reference | None:
        for each in self.record.search("DocumentReference", {"patient": self.intent.patient}):
            if same_as_before({**each, "id": kept.resource["id"]}, kept.resource):
                return Reference(f"DocumentReference/{each['id']}")
        return None

    # ------------------------------------------------------------------------------------------ what is kept

    def _keep(self, document: Reference) -> bool:
        """Whether everything that it shows is in the vault now."""
        parts, (owner, bytes_of) = self.parts, owners_of_copy(self.intent.fhir_base, document)
        try:
            resource = self.record.read(*document.split("/"))
            need_of(resource, self.intent.fhir_base, self.intent.patient)
            contents = {
                each: self.record.read_binary(each)
                for each in dict.fromkeys(binaries_of(resource, base=self.record.base))
            }
        except RecordRefused:
            return False
        with parts.work.transaction():
            files = tuple(
                KeptFile(
                    binary,
                    parts.vault.put(held.content, compartment=Compartment.HIDDEN, owner=bytes_of),
                    held.content_type,
                    parts.vault.keyed_digest(held.content),
                )
                for binary, held in contents.items()
            )
            parts.vault.put(kept_to_bytes(KeptResource(resource, files)), compartment=Compartment.HIDDEN, owner=owner)
        return True

    def _kept(self, document: Reference) -> list[VaultItem]:
        owner = kept_under(self.intent.fhir_base, document)
        return list(self.parts.vault.items(compartment=Compartment.HIDDEN, owner=owner))

    def _kept_of(self, document: Reference) -> KeptResource:
        return kept_from_bytes(self.parts.vault.get(self._kept(document)[0].vault_id))

    def _forget(self, document: Reference) -> None:
        with self.parts.work.transaction():
            forget_hidden_copy(self.parts, self.intent.fhir_base, document)

    def _stands(self, copy: ChartCopy, state: CopyState) -> CopyState:
        with self.parts.work.transaction():
            return stands(self.parts, copy, state, by=self.intent.user).state


def words_about_copies(evidence: Mapping[str, Evidence]) -> tuple[str, ...]:
    """What of a hidden image can still be seen in the chart."""
    return (BY_HAND,) if CopyState.REMOVE_BY_HAND in evidence.get("copies", {}).values() else ()


def _writable(resource: Json) -> Json:
    meta = {
        name: value
        for name, value in elements.object_of(resource.get("meta")).items()
        if name not in ("versionId", "lastUpdated")
    }
    return {**resource, "meta": meta}
