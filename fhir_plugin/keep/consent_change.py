"""One change of a Consent that is in the record already: through the ledger, over the version that was read.

What was said is sealed in the vault until the record says it too: a crash neither loses nor doubles it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import RecordRefused
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ledger.intents import Evidence, Intent, Plan, Step, intended_by
from fhir_plugin.ledger.record_steps import ChangeOnce
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.ports import Compartment, Json
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor, PhotoConsent, ScopeDecision, withdrawn
from mappings.model.identifiers import IntentId, Reference, VaultId, WorkId
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkItem, WorkKind
from mappings.r4.consent import changed, from_consent
from mappings.r4.errors import NotReadable
from mappings.terminology.photographs import CONSENT_SCOPE_WORDS

KIND = "consent-change"
NOT_TAKEN = (
    "The EHR did not take this change of the consent. It counts in this app, and is tried again whenever a clinician "
    "opens this patient; until the EHR takes it, write it into the record yourself."
)
_SAID = {
    ConsentAnswer.GIVEN: "Agreed",
    ConsentAnswer.REFUSED: "Refused",
    ConsentAnswer.WITHDRAWN: "Withdrawn",
    ConsentAnswer.NOT_ASKED: "Not asked",
}


@dataclass(frozen=True)
class ConsentChange:
    """What was said: `scopes` taken back, or given anew by somebody who is now asked themselves."""

    consent: Reference
    scopes: tuple[ConsentScope, ...]
    answer: ConsentAnswer
    by: Reference
    right: Grantor
    at: dt.datetime
    item: WorkId | None = None
    """The item that tells people, should the EHR refuse; without one that is open, an item is made."""
    by_name: str = field(default="", repr=False)

    def applied(self, before: PhotoConsent) -> PhotoConsent:
        """The consent after it; applied twice, as once. What was said later about a scope stands."""
        scopes = [scope for scope in self.scopes if not self._overtaken(before, scope)]
        if self.answer is ConsentAnswer.WITHDRAWN:
            return withdrawn(before, scopes, self.by, self.at, right=self.right)
        added = tuple(
            ScopeDecision(scope, self.answer, self.at, self.by, self.right)
            for scope in scopes
            if not self._said(before, scope)
        )
        return replace(before, decisions=(*before.decisions, *added))

    def is_in(self, consent: PhotoConsent) -> bool:
        """Whether the record says it, or something that was said later."""
        scopes = [scope for scope in self.scopes if not self._overtaken(consent, scope)]
        if self.answer is ConsentAnswer.WITHDRAWN:
            ended = (ConsentAnswer.WITHDRAWN, ConsentAnswer.REFUSED)
            return all(consent.answer(scope) in ended for scope in scopes)
        return all(self._said(consent, scope) for scope in scopes)

    def _overtaken(self, consent: PhotoConsent, scope: ConsentScope) -> bool:
        """Whether somebody said otherwise after this: an EHR that was away for days learns of both, in any order."""
        return any(
            each.scope is scope and each.answer is not self.answer and each.at is not None and each.at > self.at
            for each in consent.decisions
        )

    def _said(self, consent: PhotoConsent, scope: ConsentScope) -> bool:
        return any(
            each.scope is scope
            and each.answer is self.answer
            and each.at is not None
            and abs(each.at - self.at) < dt.timedelta(seconds=1)
            for each in consent.decisions
        )


def begin(parts: KeepParts, session: ClinicalSession, change: ConsentChange) -> IntentId:
    """Writes down what is intended, in the open transaction."""
    intent = IntentId(parts.new_id())
    kept = parts.vault.put(json.dumps(_to_json(change)).encode(), compartment=Compartment.DRAFT, owner=intent)
    parts.ledger.add(intended_by(session, id=intent, kind=KIND, subject=change.consent, created=change.at, plan=kept))
    return intent


def read_consent(parts: KeepParts, session: ClinicalSession, reference: Reference) -> PhotoConsent:
    """A Consent of ours about the patient of this launch. Raises `RecordRefused` when it is not readable as one."""
    resource = parts.records(session.launch_id).read(*reference.split("/"))
    consent = _read(resource)
    if consent.patient != f"Patient/{session.patient_id}":
        raise RecordRefused("this Consent is about somebody else", status=404, code="not-found")
    return consent


def try_again(parts: KeepParts, session: ClinicalSession) -> list[IntentId]:
    """In the open transaction: what an EHR refused is intended once more, under this launch. Where somebody has ended
    the item meanwhile, they have seen to it, and it is forgotten."""
    begun = []
    for item in parts.worklist.of_patient(session.fhir_base, session.patient_id, done=True):
        if NOT_TAKEN in item.words:
            for kept in parts.vault.items(compartment=Compartment.DRAFT, owner=item.id):
                if item.done_at is None:
                    change = unless_damaged("consent-change", partial(_read_kept, parts, kept.vault_id), None)
                    if change is None:
                        continue  # the item goes on saying it; what else the record is to learn does not wait for it
                    begun.append(begin(parts, session, change))
                parts.vault.destroy(kept.vault_id)
    return begun


def _read_kept(parts: KeepParts, kept: VaultId) -> ConsentChange:
    return _from_json(json.loads(parts.vault.get(kept)))


class ConsentChanges:
    """Plans for intents of kind `consent-change`."""

    def __init__(self, parts: KeepParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        if intent.plan is None:
            raise RecordRefused("there is nothing to write", status=422)
        change = _from_json(json.loads(self._parts.vault.get(intent.plan)))
        return _ChangePlan(self._parts, change, intent)


class _ChangePlan:
    def __init__(self, parts: KeepParts, change: ConsentChange, intent: Intent) -> None:
        self._parts = parts
        self._change = change
        self._record = parts.records(intent.launch)

    def steps(self) -> Sequence[Step]:
        change = self._change

        def apply(resource: Json) -> Json:
            try:
                return changed(resource, change.applied(_read(resource)))
            except NotReadable as error:
                raise RecordRefused("this Consent is not one of ours", status=422, code=error.code) from error

        return [
            ChangeOnce(
                name="consent",
                reference=change.consent,
                change=apply,
                changed=lambda resource: change.is_in(_read(resource)),
                record=self._record,
            )
        ]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        self._forget(intent)
        item = None if self._change.item is None else self._parts.worklist.get(self._change.item, for_change=True)
        if item is not None and item.done_at is None:
            if item.kind is WorkKind.FOLLOW_UP:
                now = self._parts.clock.now()
                self._parts.worklist.save(replace(item, done_at=now, done_by=intent.user, outcome="written"))
            elif NOT_TAKEN in item.words:
                self._parts.worklist.save(replace(item, words=f"{item.words}\nThe EHR has taken it since."))
        self._audit(intent, "success", version=evidence["consent"]["version"])

    def abandon(self, intent: Intent) -> None:
        """The EHR refused: what was said stands here and in what we let be done, an item says so, and it is kept for
        another try at the next launch."""
        parts, item = self._parts, self._told(intent)
        again = json.dumps(_to_json(replace(self._change, item=item.id))).encode()
        parts.vault.put(again, compartment=Compartment.DRAFT, owner=item.id)
        self._forget(intent)
        self._audit(intent, "failure", reason=intent.reason)

    def _told(self, intent: Intent) -> WorkItem:
        """The open item that says that the EHR did not take it."""
        parts, change = self._parts, self._change
        item = None if change.item is None else parts.worklist.get(change.item, for_change=True)
        if item is None or item.done_at is not None:
            now = parts.clock.now()
            about = next(
                (e for e in parts.kept.of_patient(intent.fhir_base, intent.patient) if e.consent == change.consent),
                None,
            )
            added = parts.worklist.add(
                WorkItem(
                    id=WorkId(parts.new_id()),
                    kind=WorkKind.FOLLOW_UP,
                    fhir_base=intent.fhir_base,
                    patient=intent.patient,
                    subject=f"{change.consent}#{'-'.join(sorted(change.scopes))}-{change.answer}",
                    created=now,
                    due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.FOLLOW_UP]),
                    owner=change.by if change.by.startswith("Practitioner") else intent.user,
                    owner_name=change.by_name,
                    patient_name=about.patient_name if about else "",
                )
            )
            item = parts.worklist.get(added.id, for_change=True)
        said = "; ".join(f"“{CONSENT_SCOPE_WORDS[scope]}”" for scope in change.scopes)
        line = f"{_SAID[change.answer]} on {change.at.astimezone(UK):%-d %B %Y}: {said}. {NOT_TAKEN}"
        if line not in item.words:
            item = replace(item, words="\n".join(each for each in (item.words, line) if each))
            parts.worklist.save(item)
        return item

    def _forget(self, intent: Intent) -> None:
        if intent.plan is not None:
            self._parts.vault.destroy(intent.plan)

    def _audit(self, intent: Intent, outcome: str, **detail: str) -> None:
        scopes = " ".join(sorted(self._change.scopes))
        self._parts.audit.append(
            intent.entry(
                "consent.changed",
                {"answer": self._change.answer, "scopes": scopes, **detail},
                policy=self._parts.policy.reference,
                outcome=outcome,
            )
        )


def _read(resource: Json) -> PhotoConsent:
    try:
        return from_consent(resource)
    except NotReadable as error:
        raise RecordRefused("this Consent cannot be read as one of ours", status=422, code=error.code) from error


def _to_json(change: ConsentChange) -> Json:
    return {
        "consent": change.consent,
        "scopes": list(change.scopes),
        "answer": change.answer,
        "by": change.by,
        "right": change.right,
        "at": change.at.isoformat(),
        "item": change.item,
        "by_name": change.by_name,
    }


def _from_json(value: Json) -> ConsentChange:
    return ConsentChange(
        consent=Reference(value["consent"]),
        scopes=tuple(ConsentScope(scope) for scope in value["scopes"]),
        answer=ConsentAnswer(value["answer"]),
        by=Reference(value["by"]),
        right=Grantor(value["right"]),
        at=dt.datetime.fromisoformat(value["at"]),
        item=WorkId(value["item"]) if value["item"] else None,
        by_name=value.get("by_name", ""),
    )
