"""Carrying out one act of hiding or restoring, and what our register says afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_plugin import VERSION
from fhir_plugin.delete.hidden_kept import HiddenKept, Whose, forget_thumbnails
from fhir_plugin.delete.hidden_words import NOT_TAKEN, what_remains
from fhir_plugin.delete.hide_copies import CopiesStep, words_about_copies
from fhir_plugin.delete.hide_steps import (
    BytesBackStep,
    ImageBackStep,
    KeepStep,
    OverwriteStep,
    StubStep,
    VerifyStep,
)
from fhir_plugin.delete.hiding_order import KIND, HidingOrder, order_from_bytes, order_to_bytes
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ledger.intents import Evidence, Intent, Plan, Step
from fhir_plugin.ledger.record_steps import SignedOnce
from fhir_plugin.ports import Compartment, Json
from mappings.model.hiding import HiddenImage, HidingState
from mappings.model.identifiers import IntentId, Reference, WorkId
from mappings.model.work import WorkItem, WorkKind
from mappings.r4 import elements
from mappings.r4.hidden_stub import Form
from mappings.r4.hiding_provenance import HidingAct, HidingTold, hiding_statement, to_hiding_provenance
from mappings.terminology import systems

NOT_BACK = "A hidden picture could not be put back into the record exactly as it was. It stays hidden."
NOT_SAID = (
    "The EHR did not take it that a picture is hidden. This app hides it all the same; other systems may show it. Ask "
    "whoever runs the EHR to hide it there."
)


class HidingActs:
    """Plans for intents of kind `hiding`."""

    def __init__(self, parts: DeleteParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        if intent.plan is None:
            raise RecordRefused("there is nothing to write", status=422)
        return _HidingPlan(self._parts, order_from_bytes(self._parts.vault.get(intent.plan)), intent)


def order_in(parts: DeleteParts, intent: Intent, order: HidingOrder) -> None:
    """Writes down what is intended, in the open transaction."""
    kept = parts.vault.put(order_to_bytes(order), compartment=Compartment.DRAFT, owner=intent.id)
    parts.ledger.add(replace(intent, plan=kept))


class _HidingPlan:
    def __init__(self, parts: DeleteParts, order: HidingOrder, intent: Intent) -> None:
        self._parts = parts
        self._order = order
        self._intent = intent
        self._record = parts.records(intent.launch)
        self._kept = HiddenKept(parts, self._record, Whose(intent.fhir_base, intent.patient, order.target))

    def steps(self) -> Sequence[Step]:
        order, kept = self._order, self._kept
        statement = self._statement_step()
        verify = VerifyStep(order, kept, self._parts.signer, self._written)
        stub = StubStep(order, self._intent.id, kept)
        overwrite = OverwriteStep(kept)
        copies = CopiesStep(order, self._parts, self._record, self._intent)
        if order.restores:
            return [BytesBackStep(kept, overwrite), ImageBackStep(kept, stub), statement, verify, copies]
        return [KeepStep(order, kept), stub, overwrite, statement, verify, copies]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """Our register says it too; what was put back is kept no more."""
        parts, order = self._parts, self._order
        self._forget(intent)
        row = parts.hidden.find(intent.fhir_base, order.target, for_change=True)
        if row is None or row.pending != intent.id:
            return
        forget_thumbnails(parts.vault, intent.fhir_base, order.target)
        if order.restores:
            self._kept.forget()
            parts.hidden.forget(intent.fhir_base, order.target)
            self._audit(intent, "hiding.restored", "success", provenance=evidence["provenance"]["reference"])
            return
        form, how, looked = evidence["image"]["form"], evidence["bytes"]["how"], evidence["verify"]
        earlier = looked["earlier"]
        if self._parts.copies.of_image(intent.fhir_base, order.target):  # the image was never at the EHR
            remains = words_about_copies(evidence)
        else:
            keeps, keeps_files = bool(looked["keeps"]), bool(looked["keeps_files"])
            remains = what_remains(form=form, how=how, earlier=earlier, keeps=keeps, keeps_files=keeps_files)
        state = HidingState.HIDDEN_HERE_ONLY if form == Form.MARKED else HidingState.HIDDEN
        parts.hidden.keep(replace(row, state=state, remains=remains, pending=""))
        self._audit(
            intent,
            "hiding.told",
            "success",
            provenance=evidence["provenance"]["reference"],
            form=form,
            bytes=how,
            earlier=earlier,
        )
        if row.wrong_patient and not evidence["image"]["wrong"]:
            self._say_wrong(intent, row, state)

    def abandon(self, intent: Intent) -> None:
        """The record is as it was: it stays hidden here. What was put back in the undoing is kept no more."""
        parts, order = self._parts, self._order
        self._forget(intent)
        row = parts.hidden.find(intent.fhir_base, order.target, for_change=True)
        if row is None or row.pending != intent.id:
            return
        if order.before is None:
            self._kept.forget()
            fresh = replace(row, content=None, resource=None, digest="")
            parts.hidden.keep(replace(fresh, state=HidingState.HIDDEN_HERE_ONLY, remains=(NOT_TAKEN,), pending=""))
        else:
            parts.hidden.keep(replace(row, state=order.before, pending=""))
        self._tell(intent, NOT_BACK if order.restores else NOT_SAID)
        action = "hiding.restored" if order.restores else "hiding.told"
        self._audit(intent, action, "failure", reason=intent.reason)

    # ------------------------------------------------------------------------------------------ inside

    def _statement_step(self) -> SignedOnce:
        capability = self._record.capability()
        ours = not capability.holds("Provenance") or capability.takes_our_id("Provenance")
        return SignedOnce(
            name="provenance",
            resource_type="Provenance",
            our_id=self._order.provenance if ours else None,
            search={"target": self._order.target},
            is_ours=self._is_ours,
            build=self._provenance,
            record=self._record,
        )

    def _provenance(self, id: str | None) -> Json:
        order = self._order
        told = HidingTold(
            target=order.target,
            patient=order.patient,
            act=order.act,
            reason=order.reason,
            at=order.at,
            by=order.by,
            by_name=order.by_name,
            digest=self._kept.row().digest,
            policy_version=order.policy,
        )
        statement = hiding_statement(told)
        jws = self._parts.signer.sign(statement)
        return to_hiding_provenance(
            told, statement=statement, jws=jws, software_version=VERSION, act=self._intent.id, id=id
        )

    def _is_ours(self, resource: Json) -> bool:
        tags = elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))
        return any(tag.get("system") == systems.ACT and tag.get("code") == self._intent.id for tag in tags)

    def _written(self) -> Reference:
        return Reference(self._parts.ledger.steps(self._intent.id)["provenance"].evidence["reference"])

    def _say_wrong(self, intent: Intent, row: HiddenImage, state: HidingState) -> None:
        """While this was under way somebody found that it is of another patient: the record is told that, too."""
        parts, id = self._parts, IntentId(self._parts.new_id())
        now = parts.clock.now()
        parts.hidden.keep(replace(row, state=HidingState.HIDING, pending=id))
        order = replace(
            self._order,
            act=HidingAct.WRONG_PATIENT,
            reason=row.reason,
            at=now,
            by=row.by,
            by_name=row.by_name,
            provenance=parts.new_id(),
            before=state,
        )
        order_in(
            parts,
            Intent(
                id=id,
                kind=KIND,
                subject=order.target,
                fhir_base=intent.fhir_base,
                patient=intent.patient,
                user=intent.user,
                launch=intent.launch,
                created=now,
            ),
            order,
        )
        parts.queue.wake(after_seconds=1)

    def _forget(self, intent: Intent) -> None:
        if intent.plan is not None:
            self._parts.vault.destroy(intent.plan)

    def _tell(self, intent: Intent, line: str) -> None:
        parts, order, now = self._parts, self._order, self._parts.clock.now()
        kept = parts.kept.of_patient(intent.fhir_base, intent.patient)
        item = parts.worklist.add(
            WorkItem(
                id=WorkId(parts.new_id()),
                kind=WorkKind.FOLLOW_UP,
                fhir_base=intent.fhir_base,
                patient=intent.patient,
                subject=order.target,
                created=now,
                due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.FOLLOW_UP]),
                owner=order.by,
                owner_name=order.by_name,
                patient_name=next((each.patient_name for each in kept), ""),
            )
        )
        if line not in item.words:
            held = parts.worklist.get(item.id, for_change=True)
            parts.worklist.save(replace(held, words="\n".join(each for each in (held.words, line) if each)))

    def _audit(self, intent: Intent, action: str, outcome: str, **detail: str) -> None:
        said = {"act": self._order.act.value, "why": self._order.reason.value, **detail}
        self._parts.audit.append(
            intent.entry(action, said, policy=self._parts.policy.reference, subject=self._order.target, outcome=outcome)
        )
