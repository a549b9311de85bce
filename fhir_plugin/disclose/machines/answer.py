"""Answering another system: may it ask for this, redact, prove, write down that it happened; then only give it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.decide import Rules, on_their_word
from fhir_plugin.disclose.machines.order import Caller, Order
from fhir_plugin.disclose.proven import redact_and_prove
from fhir_plugin.disclose.redact import Finding
from fhir_plugin.disclose.redact.places import places
from fhir_plugin.disclose.redact.strict import Json, is_object
from fhir_plugin.errors import NotAllowed, Refused
from fhir_plugin.ports import AuditEntry, AuditTrail, Clock, UnitOfWork
from mappings.model.disclosure import Mode, RequesterRow

ACTION: Final = "record.redacted"
_OWNER: Final = ("subject", "patient", "for", "beneficiary")
_PATIENT: Final = re.compile(r"(?:^|/)Patient/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")


class TwoPatients(Refused):
    """The document holds the records of more than one patient, and this caller sends one at a time."""

    code = "two-patients"


@dataclass(frozen=True)
class Redacted:
    """What goes out; None where nothing may. `findings`: what became of each resource; never content."""

    document: bytes | None = field(repr=False)
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    row: RequesterRow
    mode: Mode
    recipient: str = field(repr=False)

    @property
    def waiting(self) -> tuple[Finding, ...]:
        """What a person has to look at first. It is not in the document."""
        return tuple(each for each in self.findings if each.word == "review")


@dataclass(frozen=True)
class RedactsForMachines:
    """`digest`: keyed, for what the log may match but not tell."""

    rules: Rules
    work: UnitOfWork
    audit: AuditTrail
    clock: Clock
    digest: Callable[[bytes], str]

    def answer(self, caller: Caller, order: Order) -> Redacted:
        """Raises `UnknownPurpose`, `NotAllowed`, `SilenceNotAllowed`, `TwoPatients`, `UnreadableRecord`,
        `CannotLook`, `NotProven`. Every answer, and every request that goes beyond what is allowed, is written down."""
        row = self.rules.row(order.purpose)
        if row.requester not in caller.requesters:
            self._refused(caller, row, order, "purpose-not-allowed")
            raise NotAllowed("This client may not ask for that purpose.", code="purpose-not-allowed")
        if order.mode not in caller.modes:
            self._refused(caller, row, order, "mode-not-allowed")
            raise NotAllowed("This client may not ask for that mode.", code="mode-not-allowed")
        mode = self.rules.mode_for(row.requester, order.mode)
        patients = patients_in(order.resource)
        if len(patients) > 1 and not caller.several_patients:
            self._refused(caller, row, order, TwoPatients.code)
            raise TwoPatients("The document holds the records of more than one patient: send one at a time.")
        asked = on_their_word(row.requester, self.clock.now().date())
        proven = redact_and_prove([order.document], asked, mode, rules=self.rules)
        record = proven.record
        detail: dict[str, str | int | bool] = {
            "purpose": row.purpose,
            "requester": row.requester.value,
            "mode": mode.value,
            "patients": len(patients),
            "bytes": len(order.document.data),
            **record.counts,
        }
        if order.recipient:
            detail["recipient"] = self.digest(order.recipient.encode())
        self._note(caller, "success", detail, subject=_subject(patients))
        return Redacted(
            record.parts[0].data if record.parts else None, record.findings, record.counts, row, mode, order.recipient
        )

    def _refused(self, caller: Caller, row: RequesterRow, order: Order, why: str) -> None:
        said: dict[str, str | int | bool] = {"requester": row.requester.value, "mode": order.mode.value, "why": why}
        self._note(caller, "refused", said)

    def _note(
        self, caller: Caller, outcome: str, detail: dict[str, str | int | bool], subject: str | None = None
    ) -> None:
        entry = AuditEntry(
            action=ACTION,
            actor=f"client:{caller.id}",
            subject=subject,
            policy=f"disclosure {self.rules.version}",
            outcome=outcome,
            detail=detail,
        )
        with self.work.transaction():
            self.audit.append(entry)


def _subject(patients: frozenset[str]) -> str | None:
    """For the log: an id of FHIR's form, or nothing."""
    ids = [each for each in patients if _ID.fullmatch(each)]
    return f"Patient/{ids[0]}" if len(patients) == len(ids) == 1 else None


def patients_in(resource: Json) -> frozenset[str]:
    """Whose record this is: every Patient in it, and everybody whom a resource names as its patient.

    By id; by how its entry names it, for a Patient that has no id yet.
    """
    found: set[str] = set()
    named: set[str] = set()
    ids: dict[str, str] = {}
    for place in places(resource, ""):
        if place.contained:
            continue
        id_ = place.resource.get("id")
        if place.resource["resourceType"] == "Patient":
            own = id_ if isinstance(id_, str) and _ID.fullmatch(id_) else place.full_url or ""
            ids[place.full_url or own] = own
            found.add(own)
        for name in _OWNER:
            owners = place.resource.get(name)
            named.update(_references(owners if isinstance(owners, list) else [owners]))
    for reference in named:
        by_id = _PATIENT.search(reference)
        if reference in ids:
            found.add(ids[reference])
        elif by_id:
            found.add(by_id[1])
        elif reference.startswith(("urn:", "Patient?")):
            found.add(reference)
    return frozenset(found - {""})


def _references(owners: list[object]) -> Iterator[str]:
    for owner in owners:
        reference = owner.get("reference") if is_object(owner) else None
        if isinstance(reference, str):
            yield reference
