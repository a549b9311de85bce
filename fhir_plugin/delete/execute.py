"""From the approval to the proof: the ledger's plan of destroying one image, and what the item says afterwards.

Nothing here can be undone. It is written down first; it stops at the first place that fails; what it says then is what
was destroyed and where it stopped; and it goes on from there later, under the same approval.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from fhir_plugin import VERSION
from fhir_plugin.delete import before_destroying, destroy_steps
from fhir_plugin.delete.certificate import certify
from fhir_plugin.delete.clock import next_look
from fhir_plugin.delete.copies import copies
from fhir_plugin.delete.destroying import HOW, Careful, Destroying, Elsewhere, find_item, stop_in
from fhir_plugin.delete.lifecycle import Event, may
from fhir_plugin.delete.needles import forget_needles, kept_needles
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.prove import prove
from fhir_plugin.errors import Refused, WrongPatient
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, Plan, Step, intended_by
from fhir_plugin.ledger.record_steps import WriteOnce
from fhir_plugin.ports import Json
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionState
from mappings.model.identifiers import IntentId
from mappings.model.people import ClinicalSession, Role
from mappings.r4.audit_event import act_in
from mappings.r4.destruction_trace import (
    DELETED,
    ERASED,
    Destruction,
    destruction_of,
    destruction_statement,
    signed_destruction_in,
    to_destruction_event,
    to_destruction_provenance,
)
from mappings.terminology import systems

KIND: Final = "destruction"
MAY_CARRY_ON: Final = frozenset({Role.CLINICIAN, Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN})
TO_CARRY_OUT: Final = frozenset({DeletionState.ACCEPTED, DeletionState.IN_PROGRESS, DeletionState.FAILED})
_NAMESPACE: Final = uuid.UUID("8c2f6a53-0a94-4a41-8b7e-6b0d7d3f5c19")


def begin(parts: DeleteParts, session: ClinicalSession, case: DeletionCase, item: DeletionItem) -> IntentId:
    """Writes down, in the open transaction, that this approved image is to be destroyed under this launch.

    Called twice it begins once. The item goes to IN_PROGRESS once everything has been checked against the record.
    Raises `WrongPatient` for another patient than the launch's, `Refused` for what is not approved.
    """
    if (case.fhir_base, case.patient) != (session.fhir_base, session.patient_id):
        raise WrongPatient("This request is about another patient.")
    if item.state not in TO_CARRY_OUT or item.approval is None:
        raise Refused("Nobody has approved that this image is permanently deleted.", code="not-approved")
    tried = [each for each in parts.ledger.for_subject(item.id) if each.kind == KIND]
    for begun in tried:
        if not begun.ended:
            return begun.id
    intent = IntentId(str(uuid.uuid5(_NAMESPACE, f"{item.id}/{len(tried)}")))
    parts.ledger.add(intended_by(session, id=intent, kind=KIND, subject=item.id, created=parts.clock.now()))
    parts.note(session, "destruction.ordered", item.id, intent=intent)
    return intent


def carry_out(parts: DeleteParts, intent: IntentId) -> None:
    """Takes it as far as it goes now; what the EHR or anything else does not allow now goes on by itself."""
    if not parts.engine.run(intent).ended:
        parts.queue.wake(after_seconds=5)


def order(parts: DeleteParts, session: ClinicalSession, case: DeletionCase, item: DeletionItem) -> None:
    """Begins it and carries it out behind the request. Raises as `begin`."""
    with parts.work.transaction():
        fresh = parts.cases.get(case.id, for_change=True)
        intent = begin(parts, session, fresh, fresh.item(item.id))
    parts.background.begin(f"destruction {item.id}", partial(carry_out, parts, intent))


def at_once(parts: DeleteParts, session: ClinicalSession, case: DeletionCase, item: DeletionItem) -> None:
    """After an approval at that patient's own chart. Elsewhere somebody at the chart carries it out."""
    if session.requests_only or (session.fhir_base, session.patient_id) != (case.fhir_base, case.patient):
        return
    if item.state is DeletionState.ACCEPTED:
        order(parts, session, case, item)


def resume_for(parts: DeleteParts, session: ClinicalSession) -> None:
    """After a launch of this patient: what had begun and waits for a sign-in, or had been held, goes on under it."""
    if not session.user.roles & MAY_CARRY_ON:
        return
    for case in parts.cases.of_patient(session.fhir_base, session.patient_id):
        for item in case.items:
            intent = _goes_on(parts, session, case, item)
            if intent is not None:
                parts.background.begin(f"destruction {item.id}", partial(carry_out, parts, intent))


def _goes_on(parts: DeleteParts, session: ClinicalSession, case: DeletionCase, item: DeletionItem) -> IntentId | None:
    open_ones = [each for each in parts.ledger.for_subject(item.id) if each.kind == KIND and not each.ended]
    for each in open_ones:
        if each.state is IntentState.WAITING_FOR_SIGN_IN and parts.engine.adopt(each, session.launch_id):
            return each.id
    if open_ones or item.state is not DeletionState.IN_PROGRESS:
        return None
    with parts.work.transaction():  # held after it had begun, and held no more
        return begin(parts, session, case, item)


@dataclass(frozen=True)
class Destructions:
    """Plans for intents of kind `destruction`."""

    parts: DeleteParts
    elsewhere: Elsewhere

    def __call__(self, intent: Intent) -> Plan:
        find_item(self.parts, intent.fhir_base, intent.patient, intent.subject)
        return _Destruction(Destroying(self.parts, self.elsewhere, intent))


class _Destruction:
    def __init__(self, doing: Destroying) -> None:
        self._doing = doing
        self._parts = doing.parts

    def steps(self) -> Sequence[Step]:
        doing = self._doing

        def act(
            do: Callable[[Destroying], Evidence], asked: Callable[[Destroying], Evidence | None] | None = None
        ) -> Careful:
            step = Careful(do.__name__, doing, partial(do, doing))
            return step if asked is None else replace(step, asked=partial(asked, doing))

        return [
            act(before_destroying.check),
            act(before_destroying.needles),
            act(before_destroying.begun),
            act(before_destroying.references),
            act(before_destroying.log, before_destroying.logged),
            act(destroy_steps.vault),
            act(copies),
            act(destroy_steps.binary, destroy_steps.bytes_gone),
            act(destroy_steps.image, destroy_steps.image_gone),
            act(destroy_steps.history, destroy_steps.history_gone),
            act(destroy_steps.registers),
            Careful("prove", doing, self._prove, even_stopped=self._some_destroyed),
            self._written("provenance", "Provenance", "", even_stopped=self._image_gone),
            self._written("deleted", "AuditEvent", DELETED, even_stopped=self._image_gone),
            Careful("certificate", doing, self._certify),
            self._written("erased", "AuditEvent", ERASED, only_if=self._proven),
        ]

    # ------------------------------------------------------------------------------------------ proof and trace

    def _some_destroyed(self) -> bool:
        """What remains is told wherever it stopped, unless somebody holds it: then it only waits."""
        steps = self._parts.ledger.steps(self._doing.intent.id)
        held = any(each.evidence.get(HOW) == Event.HELD for each in steps.values())
        return self._doing.begun_before() and not held

    def _image_gone(self) -> bool:
        """Whether the record has let go of it, in this run or an earlier one: that is written down in any case."""
        return "image" in self._doing.now()[1].purged

    def _proven(self) -> bool:
        proof = self._doing.now()[1].proof
        return proof is not None and proof.proven and not self._doing.stopped()

    def _prove(self) -> Evidence:
        doing, parts = self._doing, self._parts
        case, item = doing.now()
        proof = prove(parts, doing.intent.launch, case, item, kept_needles(parts, item.id))
        doing.save(lambda now: replace(now, proof=proof))
        left = [place.place for place in proof.places if not place.clean]
        return {"proven": "yes" if proof.proven else "no", "remains": " ".join(left)}

    def _certify(self) -> Evidence:
        """Only of what is proven; once."""
        if not self._proven():
            return {"number": ""}
        case, item = self._doing.now()
        if item.certificate is not None:
            return {"number": item.certificate}
        with self._parts.work.transaction():
            made = certify(self._parts, case, item)
            self._parts.cases.certify(made)
            self._doing.save(lambda now: replace(now, certificate=made.number))
        return {"number": made.number}

    def _written(self, name: str, resource_type: str, action: str, **when: Any) -> Step:
        doing = self._doing
        capability = doing.record.capability()
        ours = capability.takes_our_id(resource_type) or not capability.holds(resource_type)
        act = f"{doing.intent.subject}/{name}"
        tag = str(uuid.uuid5(_NAMESPACE, act))
        search = {"_tag": f"{systems.ACT}|{tag}"}
        if resource_type == "AuditEvent":
            search["patient"] = doing.intent.patient
        write = WriteOnce(
            name=name,
            resource_type=resource_type,
            our_id=tag if ours else None,
            search=search,
            is_ours=lambda found: self._says(found, tag),
            build=lambda id: self._trace(resource_type, action, tag, id),
            record=doing.record,
        )
        only_if = when.pop("only_if", lambda: True)

        def do() -> Evidence:
            return write.do() if only_if() else {"reference": ""}

        def asked() -> Evidence | None:
            return write.happened() if only_if() else {"reference": ""}

        return Careful(name, doing, do, asked, **when)

    def _trace(self, resource_type: str, action: str, tag: str, id: str | None) -> Json:
        told = self._destruction()
        if resource_type == "Provenance":
            jws = self._parts.signer.sign(destruction_statement(told))
            return to_destruction_provenance(told, act=tag, software_version=VERSION, jws=jws, id=id)
        return to_destruction_event(told, erased=action == ERASED, act=tag, software_version=VERSION, id=id)

    def _destruction(self) -> Destruction:
        case, item = self._doing.now()
        stands = (self._doing.evidence("image") or {}).get("stands") == "yes"
        return destruction_of(case, item, at=self._parts.clock.now(), stands=stands)

    def _says(self, found: Json, tag: str) -> bool:
        if act_in(found) != tag:
            return False
        if found.get("resourceType") != "Provenance":
            return True
        signed = signed_destruction_in(found)
        return signed is not None and self._parts.signer.verify(*signed)

    # ------------------------------------------------------------------------------------------ the end

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """What the item says from now on: proven and certified, or where it stopped and what remains."""
        stop = stop_in(evidence)
        _case, item = self._doing.now()
        if stop is None and self._proven() and item.certificate is not None:
            self._destroyed(intent, item)
        elif stop is None:
            self._stop(Event.STOPPED, "not-proven")
            self._audit(intent, "destruction.not-proven", "failure", remains=evidence["prove"].get("remains", ""))
        else:
            name, how, why = stop
            self._stop(how, why)
            self._audit(intent, "destruction.stopped", "failure", at=name, why=why, how=how.value)

    def abandon(self, intent: Intent) -> None:
        """Nothing comes back. It stopped, and says so."""
        self._stop(Event.STOPPED, intent.reason)
        self._audit(intent, "destruction.stopped", "failure", why=intent.reason)

    def _destroyed(self, intent: Intent, item: DeletionItem) -> None:
        """Proven: nothing that speaks stays, nor what it was looked for with."""
        parts = self._parts
        forget_needles(parts, item.id)
        self._doing.move(Event.PROVEN, look_again=None)
        self._audit(intent, ERASED, "success", certificate=item.certificate or "", purged=" ".join(item.purged))

    def _stop(self, how: Event, why: str) -> None:
        """Where it stands, as far as that can follow: what failed and is tried in vain has failed, as before."""
        doing, parts = self._doing, self._parts
        _case, item = doing.now()
        if how is Event.STOPPED and item.state is DeletionState.ACCEPTED:
            how = Event.VOIDED  # nothing has begun: a person looks, and decides again
        vain = sum(each.event == Event.STOPPED for each in item.timeline)
        later = next_look(parts.clock.now(), parts.policy.deletion_look_again, vain)
        again = later if how is Event.STOPPED else None
        if may(item, how):
            doing.move(how, why=why, look_again=again)
        elif item.state is DeletionState.FAILED:
            doing.save(lambda now: replace(now, why=why, look_again=again))

    def _audit(self, intent: Intent, action: str, outcome: str, **detail: str | int) -> None:
        self._parts.audit.append(intent.entry(action, detail, policy=self._parts.policy.reference, outcome=outcome))
