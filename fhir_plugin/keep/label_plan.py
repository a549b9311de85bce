"""Carrying out a change of label: image, bytes, signed Provenance, proof; and what this app says of it afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fhir_plugin import VERSION
from fhir_plugin.errors import NotFound, RecordRefused
from fhir_plugin.keep.label_copies import CopiesLabelStep
from fhir_plugin.keep.label_order import LabelOrder, from_bytes, to_bytes, untold_under
from fhir_plugin.keep.label_steps import BytesLabelStep, ImageLabelStep, VerifyLabelStep
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ledger.intents import Evidence, Intent, Plan, Step
from fhir_plugin.ledger.record_steps import SignedOnce
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.review_days import with_review_days
from fhir_plugin.ports import AuditEntry, Compartment, Json, kept_under
from mappings.model.identifiers import Reference, WorkId
from mappings.model.labels import is_restricted
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkItem, WorkKind
from mappings.r4 import elements
from mappings.r4.label_provenance import to_label_provenance
from mappings.r4.relabelled import binaries_of
from mappings.terminology import systems

NOT_TAKEN = (
    "The EHR did not take the stricter label of a picture. This app hides it all the same; other systems may show it. "
    "It is tried again whenever a clinician opens this patient."
)
NOT_LOWERED = "The label of a picture could not be made less strict, and is as it was."


def seen_to(parts: KeepParts, session: ClinicalSession, reference: Reference) -> bool:
    """Whether somebody has ended the item that said that the EHR did not take it: then it is not tried again."""
    of_it = [
        item
        for item in parts.worklist.of_patient(session.fhir_base, session.patient_id, done=True)
        if item.kind is WorkKind.FOLLOW_UP and item.subject == reference and NOT_TAKEN in item.words
    ]
    return bool(of_it) and all(item.done_at is not None for item in of_it)


class LabelChanges:
    """Plans for intents of kind `label-change`."""

    def __init__(self, parts: KeepParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        if intent.plan is None:
            raise RecordRefused("there is nothing to write", status=422)
        return _LabelPlan(self._parts, from_bytes(self._parts.vault.get(intent.plan)), intent)


class _LabelPlan:
    def __init__(self, parts: KeepParts, order: LabelOrder, intent: Intent) -> None:
        self._parts = parts
        self._order = order
        self._intent = intent
        self._record = parts.records(intent.launch)

    def steps(self) -> Sequence[Step]:
        order, record, capability = self._order, self._record, self._record.capability()
        ours = not capability.holds("Provenance") or capability.takes_our_id("Provenance")
        provenance = SignedOnce(
            name="provenance",
            resource_type="Provenance",
            our_id=order.provenance if ours else None,
            search={"target": order.reference},
            is_ours=self._is_ours,
            build=self._provenance,
            record=record,
        )
        return [
            ImageLabelStep(order, record),
            BytesLabelStep(order, record, self._binaries),
            provenance,
            VerifyLabelStep(order, record, self._parts.signer, self._written),
            CopiesLabelStep(order, self._parts, record, self._intent),
        ]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """Our own register says it too; what stands on a label follows it."""
        parts, order = self._parts, self._order
        provenance = Reference(evidence["provenance"]["reference"])
        self._forget(intent)
        known = parts.labels.find(intent.fhir_base, order.reference, for_change=True)
        if known is not None and known.pending == intent.id:
            parts.labels.keep(
                replace(
                    known,
                    labels=order.change.after,
                    since=order.change.at,
                    by=order.change.by,
                    by_name=order.change.by_name,
                    statement=provenance,
                    hidden_since=None if order.lowers else known.hidden_since,
                    untold=False,
                    pending="",
                    found_ordinary="",
                    ordinary_words="",
                )
            )
        self._thumbnails(intent)
        self._retention(intent)
        self._taken(intent)
        self._audit(intent, "success", provenance=provenance, version=evidence["image"]["version"])

    def abandon(self, intent: Intent) -> None:
        """A raise stays in force here, and is told to the EHR again at the next launch; a lowering did not happen."""
        parts, order = self._parts, self._order
        self._forget(intent)
        known = parts.labels.find(intent.fhir_base, order.reference, for_change=True)
        if known is not None and known.pending == intent.id:
            parts.labels.keep(replace(known, pending="", untold=not order.lowers or known.untold))
            if not order.lowers:
                owner = untold_under(intent.fhir_base, order.reference)
                parts.vault.put(to_bytes(order), compartment=Compartment.DRAFT, owner=owner)
        self._tell(intent)
        self._audit(intent, "failure", reason=intent.reason)

    # ------------------------------------------------------------------------------------------ inside

    def _provenance(self, id: str | None) -> Json:
        order = self._order
        return to_label_provenance(
            order.change,
            statement=order.statement or {},
            jws=order.jws,
            software_version=VERSION,
            act=self._intent.id,
            id=id,
        )

    def _is_ours(self, resource: Json) -> bool:
        tags = elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))
        return any(tag.get("system") == systems.ACT and tag.get("code") == self._intent.id for tag in tags)

    def _written(self) -> Reference:
        return Reference(self._parts.ledger.steps(self._intent.id)["provenance"].evidence["reference"])

    def _binaries(self) -> Sequence[Reference]:
        return binaries_of(self._record.read(*self._order.reference.split("/")), base=self._record.base)

    def _thumbnails(self, intent: Intent) -> None:
        """One of before is not kept under another label: the next is made after whoever sees it gave a reason."""
        owner = kept_under(intent.fhir_base, self._order.reference)
        for kept in self._parts.vault.items(compartment=Compartment.THUMBNAIL, owner=owner):
            self._parts.vault.destroy(kept.vault_id)

    def _retention(self, intent: Intent) -> None:
        """One that is private is looked at as often as private ones are (G-R169); never later than it was to be."""
        parts = self._parts
        if not is_restricted(list(self._order.change.after)):
            return
        with suppress(NotFound):
            kept = parts.kept.get(intent.fhir_base, self._order.reference, for_change=True)
            filed = kept.filed.astimezone(UK).date()
            day = with_review_days(kept, parts.policy, filed, private=True).retention_review
            if day is not None and kept.retention_review is not None and day < kept.retention_review:
                parts.kept.keep(replace(kept, retention_review=day))

    def _forget(self, intent: Intent) -> None:
        if intent.plan is not None:
            self._parts.vault.destroy(intent.plan)

    def _tell(self, intent: Intent) -> None:
        parts, order, now = self._parts, self._order, self._parts.clock.now()
        line = NOT_LOWERED if order.lowers else NOT_TAKEN
        kept = parts.kept.of_patient(intent.fhir_base, intent.patient)
        item = parts.worklist.add(
            WorkItem(
                id=WorkId(parts.new_id()),
                kind=WorkKind.FOLLOW_UP,
                fhir_base=intent.fhir_base,
                patient=intent.patient,
                subject=order.reference,
                created=now,
                due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.FOLLOW_UP]),
                owner=order.change.by,
                owner_name=order.change.by_name,
                patient_name=next((each.patient_name for each in kept), ""),
            )
        )
        if line not in item.words:
            held = parts.worklist.get(item.id, for_change=True)
            words = "\n".join(each for each in (held.words, line) if each)
            parts.worklist.save(replace(held, words=words))

    def _taken(self, intent: Intent) -> None:
        for item in self._parts.worklist.of_patient(intent.fhir_base, intent.patient):
            if item.kind is WorkKind.FOLLOW_UP and item.subject == self._order.reference:
                held = self._parts.worklist.get(item.id, for_change=True)
                now = self._parts.clock.now()
                self._parts.worklist.save(replace(held, done_at=now, done_by=intent.user, outcome="written"))

    def _audit(self, intent: Intent, outcome: str, **detail: str) -> None:
        change = self._order.change
        said: dict[str, str | int | bool] = {"intent": intent.id, "why": change.reason, **detail}
        if change.second is not None:
            said["second"] = change.second
        self._parts.audit.append(
            AuditEntry(
                action="label.lowered" if self._order.lowers else "label.raised",
                actor=change.by,
                patient=f"Patient/{intent.patient}",
                launch=intent.launch,
                subject=change.target,
                policy=self._parts.policy.reference,
                outcome=outcome,
                detail=said,
            )
        )
