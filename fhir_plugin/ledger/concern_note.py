"""The note of a safeguarding concern, written into the record once, wherever in the app it was raised (ADR 19)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhir_plugin.ledger.intents import Evidence, Intent, LedgerStore, Plan, Step
from fhir_plugin.ledger.record_steps import WriteOnce
from fhir_plugin.ports import AuditTrail, ClinicalRecord, Holds
from mappings.model.identifiers import IntentId, LaunchId, Reference
from mappings.model.practice import Hold
from mappings.r4.concern import is_concern, to_concern
from mappings.terminology import systems

KIND: Final = "concern"
_NAMESPACE: Final = uuid.UUID("5d1f0a1e-3c53-4a57-9d6a-5c0d2a3d9b11")


def intend_note(ledger: LedgerStore, hold: Hold, *, id: IntentId, launch: LaunchId) -> IntentId:
    """Writes down that the record gets the note of this concern; joins the open transaction that adds the hold."""
    ledger.add(
        Intent(
            id=id,
            kind=KIND,
            subject=hold.id,
            fhir_base=hold.fhir_base,
            patient=hold.patient,
            user=hold.by,
            launch=launch,
            created=hold.since,
        )
    )
    return id


@dataclass(frozen=True)
class ConcernNotes:
    """Plans for the ledger's engine."""

    holds: Holds
    audit: AuditTrail
    records: Callable[[LaunchId], ClinicalRecord]

    def __call__(self, intent: Intent) -> Plan:
        return _NotePlan(self, self.holds.get(intent.subject), self.records(intent.launch))


class _NotePlan:
    """One document; once it is there, the hold says where."""

    def __init__(self, notes: ConcernNotes, hold: Hold, record: ClinicalRecord) -> None:
        self._notes = notes
        self._hold = hold
        self._record = record

    def steps(self) -> Sequence[Step]:
        hold, capability = self._hold, self._record.capability()
        ours = capability.takes_our_id("DocumentReference") or not capability.holds("DocumentReference")
        return [
            WriteOnce(
                name="note",
                resource_type="DocumentReference",
                our_id=str(uuid.uuid5(_NAMESPACE, hold.id)) if ours else None,
                search={"patient": hold.patient, "identifier": f"{systems.CONCERN}|{hold.id}"},
                is_ours=lambda found: is_concern(found, hold.id),
                build=lambda id: to_concern(hold, id=id),
                record=self._record,
            )
        ]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        hold = self._notes.holds.get(intent.subject, for_change=True)
        self._notes.holds.save(replace(hold, note=Reference(evidence["note"]["reference"])))
        self._audit(intent, "concern.noted", evidence["note"]["reference"])

    def abandon(self, intent: Intent) -> None:
        """The EHR would not take the note: the concern, its hold and its item stand; the page says so."""
        self._audit(intent, "concern.not-noted", intent.subject, reason=intent.reason)

    def _audit(self, intent: Intent, action: str, subject: str, **detail: str) -> None:
        self._notes.audit.append(intent.entry(action, detail, policy=self._hold.policy, subject=subject))
