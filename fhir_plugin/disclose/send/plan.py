"""From the last signature to SENT: the ledger's plan of one disclosure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from fhir_plugin import VERSION
from fhir_plugin.disclose import course
from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.send.making import Contents, MakePackage, ProvePackage, whole_of
from fhir_plugin.disclose.send.parts import Making, SendParts
from fhir_plugin.disclose.send.spool import Spooled, forget, read_whole
from fhir_plugin.errors import ReadBackMismatch, Refused, WrongPatient
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, LedgerStore, Plan, Step, intended_by
from fhir_plugin.ledger.record_steps import WriteOnce
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.disclosed import Disclosed
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, MadePackage, RequestState
from mappings.model.identifiers import IntentId, Reference, VaultId
from mappings.model.people import ClinicalSession, Role
from mappings.r4.audit_event import act_in
from mappings.r4.disclosure_event import (
    ACTION,
    disclosure_in,
    disclosure_statement,
    images_sent_in,
    signed_disclosure_in,
    to_disclosure_event,
    to_disclosure_provenance,
)
from mappings.terminology import systems

KIND: Final = "disclosure"
_NAMESPACE: Final = uuid.UUID("0f5d8c0a-93a6-4b5e-8b57-3c5b6a3b7d25")
MAY_CARRY_ON: Final = frozenset({Role.DISCLOSURE_OFFICER, Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN})
PROVENANCE: Final = "provenance"
EVENT: Final = "audit-event"


class Starting(Protocol):
    """What beginning needs: less than carrying out."""

    @property
    def ledger(self) -> LedgerStore: ...


def start(parts: Starting, session: ClinicalSession, request: DisclosureRequest) -> IntentId:
    """Writes down, in the open transaction, that this signed request is to be made, proven and written down.

    Called with the request as it is saved, in state MAKING. Called twice it begins once. Raises `Refused` for a
    request that nobody signed, `WrongPatient` for one of another patient than the launch's.
    """
    if (request.fhir_base, request.patient) != (session.fhir_base, session.patient_id):
        raise WrongPatient("This request is about another patient.")
    if request.state is not RequestState.MAKING or request.first is None:
        raise Refused("This request has not been signed.", code="not-signed")
    for begun in parts.ledger.for_subject(request.id):
        if begun.kind == KIND and not begun.ended:
            return begun.id
    intent = IntentId(str(uuid.uuid5(_NAMESPACE, f"{request.id}/{request.revision}")))
    signed = request.second or request.first
    parts.ledger.add(intended_by(session, id=intent, kind=KIND, subject=request.id, created=signed.at))
    return intent


def carry_out(parts: SendParts, intent: IntentId) -> None:
    """Takes it as far as it goes now; what the EHR or anything else does not allow now goes on by itself."""
    if not parts.engine.run(intent).ended:
        parts.queue.wake(after_seconds=5)


def resume_for(parts: SendParts, session: ClinicalSession) -> None:
    """After a launch of this patient by whoever may sign: what waits for a sign-in goes on under this one. It tells
    the record who signed, not who came back."""
    if not session.user.roles & MAY_CARRY_ON:
        return
    for request in parts.requests.of_patient(session.fhir_base, session.patient_id):
        if request.state is not RequestState.MAKING:
            continue
        for intent in parts.ledger.for_subject(request.id):
            waits = intent.kind == KIND and intent.state is IntentState.WAITING_FOR_SIGN_IN
            if waits and parts.engine.adopt(intent, session.launch_id):
                parts.background.begin(f"disclosure {request.id}", partial(carry_out, parts, intent.id))


@dataclass(frozen=True)
class Disclosures:
    """Plans for intents of kind `disclosure`."""

    parts: SendParts
    making: Making
    rules: Rules

    def __call__(self, intent: Intent) -> Plan:
        request = self.parts.requests.get(DisclosureId(intent.subject))
        return _Sending(self, request, intent)


class _Sending:
    """Package, proof, Provenance, AuditEvent, and a look at both: the event last, for what it says cannot be unsaid."""

    def __init__(self, disclosures: Disclosures, request: DisclosureRequest, intent: Intent) -> None:
        self._parts = disclosures.parts
        self._making = disclosures.making
        self._rules = disclosures.rules
        self._request = request
        self._intent = intent

    def steps(self) -> Sequence[Step]:
        request, intent, making = self._request, self._intent, self._making
        contents = Contents(request, intent.id, lambda: making.prepare(request, intent.launch))
        record = self._parts.records(intent.launch)
        return [
            MakePackage(contents, self._parts, making.write),
            ProvePackage(contents, self._parts),
            self._written(PROVENANCE, "Provenance", record),
            self._written(EVENT, "AuditEvent", record),
            _ReadBack(self, record),
        ]

    def _written(self, name: str, resource_type: str, record: ClinicalRecord) -> WriteOnce:
        capability, intent = record.capability(), self._intent
        ours = capability.takes_our_id(resource_type) or not capability.holds(resource_type)
        search = {"_tag": f"{systems.ACT}|{intent.id}"}
        if resource_type == "AuditEvent":
            search["patient"] = intent.patient
        return WriteOnce(
            name=name,
            resource_type=resource_type,
            our_id=our_id(intent.id, resource_type) if ours else None,
            search=search,
            is_ours=lambda found: act_in(found) == intent.id,
            build=lambda id: self._provenance(id) if resource_type == "Provenance" else self._event(id),
            record=record,
        )

    def _provenance(self, id: str | None) -> Json:
        sent = self.disclosed()
        jws = self._parts.signer.sign(disclosure_statement(sent))
        return to_disclosure_provenance(sent, act=self._intent.id, software_version=VERSION, jws=jws, id=id)

    def _event(self, id: str | None) -> Json:
        return to_disclosure_event(self.disclosed(), act=self._intent.id, software_version=VERSION, id=id)

    def disclosed(self) -> Disclosed:
        """What the record is told. Raises `Refused` where the package is gone."""
        _whole, spooled = whole_of(self._parts, self._intent.id)
        request = self._request
        signed = [each for each in (request.first, request.second) if each is not None]
        return Disclosed(
            id=request.id,
            patient=request.patient,
            requester=request.requester,
            purpose=self._rules.rows[request.requester].purpose,
            at=spooled.at,
            signed_by=tuple(each.by for each in signed),
            images=spooled.images,
            package=spooled.sha256,
            manifest=spooled.manifest,
            decided=signed[0].about,
            policy_version=f"{self._parts.policy.reference} {self._rules.version}",
        )

    def vouches(self, provenance: Json) -> bool:
        """Whether this says what we signed, under a key of ours."""
        found = signed_disclosure_in(provenance)
        statement = disclosure_statement(self.disclosed())
        return found is not None and found[0] == statement and self._parts.signer.verify(*found)

    def tells(self, event: Json) -> bool:
        """Whether this says which release it was, and of which images."""
        sent = self.disclosed()
        return disclosure_in(event) == sent.id and images_sent_in(event) == {each.reference for each in sent.images}

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """Only now, with everything written down, is there a package to fetch."""
        parts, whole = self._parts, VaultId(evidence["package"]["vault"])
        request = parts.requests.get(self._request.id, for_change=True)
        spooled = read_whole(parts.vault, whole)
        parts.requests.save(course.sent(request, _made(whole, spooled, evidence)))
        self._lift_the_hold(intent)
        self._audit(
            intent,
            ACTION,
            "success",
            package=spooled.sha256,
            images=len(spooled.images),
            event=evidence[EVENT]["reference"],
            provenance=evidence[PROVENANCE]["reference"],
        )

    def abandon(self, intent: Intent) -> None:
        """Nothing is released. The request is open again, unsigned, with why; what was made of it is destroyed."""
        parts = self._parts
        forget(parts.vault, intent.id)
        request = parts.requests.get(self._request.id, for_change=True)
        if request.state is RequestState.MAKING:
            why = " ".join((intent.message or "It could not be made.", *intent.residue))
            parts.requests.save(course.not_made(request, why))
        self._audit(intent, "disclosure.not-sent", "failure", reason=intent.reason, residue=len(intent.residue))

    def _lift_the_hold(self, intent: Intent) -> None:
        holds, now = self._parts.holds, self._parts.clock.now()
        for hold in holds.of_patient(intent.fhir_base, intent.patient):
            if hold.id == intent.subject:
                lifted = replace(hold, lifted=now, lifted_by=intent.user, lifted_because="The request was answered.")
                holds.save(lifted)

    def _audit(self, intent: Intent, action: str, outcome: str, **detail: str | int) -> None:
        self._parts.audit.append(
            intent.entry(
                action,
                {"requester": self._request.requester.value, **detail},
                policy=f"{self._parts.policy.reference} {self._rules.version}",
                outcome=outcome,
            )
        )


@dataclass
class _ReadBack:
    """What the record holds now says what we wrote: all of it, under our signature."""

    plan: _Sending
    record: ClinicalRecord
    name: str = "read-back"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        done = self.plan._parts.ledger.steps(self.plan._intent.id)
        provenance, event = (Reference(done[name].evidence["reference"]) for name in (PROVENANCE, EVENT))
        if not self.plan.vouches(self.record.read(*provenance.split("/"))):
            raise ReadBackMismatch(f"{provenance} does not say what was written")
        if not self.plan.tells(self.record.read(*event.split("/"))):
            raise ReadBackMismatch(f"{event} does not say what was written")
        return {"provenance": provenance, "event": event}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()


def our_id(intent: IntentId, resource_type: str) -> str:
    """The id under which a record that takes ours holds what it is told of this disclosure."""
    return str(uuid.uuid5(_NAMESPACE, f"{intent}/{resource_type}"))


def _made(whole: VaultId, spooled: Spooled, evidence: Mapping[str, Evidence]) -> MadePackage:
    return MadePackage(
        vault_id=whole,
        sha256=spooled.sha256,
        size=spooled.size,
        counts=spooled.counts,
        images=tuple(each.reference for each in spooled.images),
        at=spooled.at,
        digests=spooled.digests,
        manifest=spooled.manifest,
        key_check=spooled.key_check,
        event=Reference(evidence[EVENT]["reference"]),
        provenance=Reference(evidence[PROVENANCE]["reference"]),
    )
