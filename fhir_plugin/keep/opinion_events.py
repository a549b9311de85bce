"""What happened to a second opinion, as AuditEvents in the record of the patient whose picture it is (G-R224).

A colleague answers at another patient's chart, and that launch writes nothing about this one: what they did is kept
with the opinion until a clinician is at this patient's chart, and is written then, with who did it and when.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from fhir_plugin import VERSION
from fhir_plugin.errors import Gone, NotFound, RecordRefused
from fhir_plugin.keep.opinion import OpinionAct, SecondOpinions, act_from_json, act_to_json
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, Plan, Step, intended_by
from fhir_plugin.ledger.record_steps import WriteOnce
from fhir_plugin.ports import ClinicalRecord, Compartment, Json
from mappings.model.identifiers import IntentId, Reference
from mappings.model.labels import RESTRICTED, Label
from mappings.model.people import ClinicalSession, Role
from mappings.r4 import elements
from mappings.r4.audit_event import AuditedObject, act_in, to_audit_event
from mappings.terminology import systems
from mappings.terminology.audit import Lifecycle, Operation, Outcome

KIND = "opinion-act"
_NAMESPACE = uuid.UUID("5b0f7f0e-6a0c-4e55-9d0e-2f6f0b9f2f6a")
OPENED: Final = "opinion.opened"


def begin_to_tell(parts: KeepParts, opinions: SecondOpinions, session: ClinicalSession) -> list[IntentId]:
    """Writes down that the record is to learn of every act that it does not know, with nothing done twice."""
    begun: list[IntentId] = []
    for opinion in opinions.of_patient(session.fhir_base, session.patient_id):
        if not opinion.untold:
            continue
        with parts.work.transaction():
            held = opinions.get(opinion.id, for_change=True)
            for act in held.untold:
                intent = IntentId(parts.new_id())
                words = {"image": held.image, "recipient": held.recipient, "act": act_to_json(act)}
                plan = parts.vault.put(json.dumps(words).encode(), compartment=Compartment.DRAFT, owner=intent)
                parts.ledger.add(
                    intended_by(session, id=intent, kind=KIND, subject=held.id, created=parts.clock.now(), plan=plan)
                )
                begun.append(intent)
            opinions.save(replace(held, untold=()))
    return begun


def tell(parts: KeepParts, opinions: SecondOpinions, session: ClinicalSession) -> None:
    """At this patient's chart: the record learns what happened. What an EHR does not take now goes on by itself."""
    if Role.CLINICIAN not in session.user.roles:
        return
    for intent in begin_to_tell(parts, opinions, session):
        if not parts.engine.run(intent).ended:
            parts.queue.wake(after_seconds=5)


def resume_for(parts: KeepParts, opinions: SecondOpinions, session: ClinicalSession) -> None:
    """After a launch of this patient by any clinician: what waits for a sign-in goes on under this one."""
    if Role.CLINICIAN not in session.user.roles:
        return
    for opinion in opinions.of_patient(session.fhir_base, session.patient_id):
        for intent in parts.ledger.for_subject(opinion.id):
            waits = intent.kind == KIND and intent.state is IntentState.WAITING_FOR_SIGN_IN
            if waits and parts.engine.adopt(intent, session.launch_id):
                parts.engine.run(intent.id)
    tell(parts, opinions, session)


class OpinionActs:
    """Plans for intents of kind `opinion-act`."""

    def __init__(self, parts: KeepParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        if intent.plan is None:
            raise RecordRefused("there is nothing to write", status=422)
        return _Plan(self._parts, json.loads(self._parts.vault.get(intent.plan)), intent)


class _Plan:
    """One AuditEvent. It names people by reference only, and says nothing of what was asked or answered."""

    def __init__(self, parts: KeepParts, words: Json, intent: Intent) -> None:
        self._parts = parts
        self._image = Reference(words["image"])
        self._recipient = Reference(words["recipient"])
        self._act: OpinionAct = act_from_json(words["act"])
        self._intent = intent
        self._record: ClinicalRecord = parts.records(intent.launch)

    def steps(self) -> Sequence[Step]:
        intent, capability = self._intent, self._record.capability()
        ours = capability.takes_our_id("AuditEvent") or not capability.holds("AuditEvent")
        return [
            WriteOnce(
                name="audit-event",
                resource_type="AuditEvent",
                our_id=str(uuid.uuid5(_NAMESPACE, intent.id)) if ours else None,
                search={"patient": intent.patient, "_tag": f"{systems.ACT}|{intent.id}"},
                is_ours=lambda found: act_in(found) == intent.id,
                build=self._build,
                record=self._record,
            )
        ]

    def _build(self, id: str | None) -> Json:
        opened = self._act.action == OPENED
        return to_audit_event(
            action=self._act.action,
            operation=Operation.READ if opened else Operation.EXECUTE,
            at=self._act.at,
            user=self._act.by,
            patient=Reference(f"Patient/{self._intent.patient}"),
            objects=[AuditedObject(self._image, self._labels(), Lifecycle.DISCLOSURE if opened else None)],
            purpose="TREAT",
            outcome=Outcome.SUCCESS,
            software_version=VERSION,
            also=() if self._act.by == self._recipient else (self._recipient,),
            act=self._intent.id,
            id=id,
        )

    def _labels(self) -> tuple[Label, ...]:
        """The picture's, as they are now; of one that cannot be read, restricted."""
        try:
            return elements.labels_of(self._record.read(*self._image.split("/")))
        except (NotFound, Gone, RecordRefused):
            return (RESTRICTED,)

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        self._forget(intent)
        self._audit(intent, "success", event=evidence["audit-event"]["reference"])

    def abandon(self, intent: Intent) -> None:
        """The EHR would not take it: what happened stands in the audit trail of this app."""
        self._forget(intent)
        self._audit(intent, "failure", reason=intent.reason)

    def _forget(self, intent: Intent) -> None:
        if intent.plan is not None:
            self._parts.vault.destroy(intent.plan)

    def _audit(self, intent: Intent, outcome: str, **detail: str) -> None:
        self._parts.audit.append(
            intent.entry(
                "opinion.recorded",
                {"act": self._act.action, **detail},
                policy=self._parts.policy.reference,
                outcome=outcome,
            )
        )
