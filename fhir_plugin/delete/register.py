"""The privacy officer's register: what is hidden, destroyed and proven, destroyed and not proven, or held.

Of every patient at one EHR. It reads our own rows and nothing of the record; each look at it, and each search, is in
the audit chain, without what was searched for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotAllowed, NotFound
from fhir_plugin.ports import AuditEntry, ChainReport
from mappings.model.deletion import Certificate, CertificateNumber, DeletionCase, DeletionItem, DeletionState
from mappings.model.hiding import HiddenImage
from mappings.model.people import ClinicalSession, Role

READERS = frozenset({Role.PRIVACY_OFFICER, Role.AUDITOR})


class Part(StrEnum):
    """The parts of the register."""

    HIDDEN = "hidden"
    PROVEN = "proven"
    NOT_PROVEN = "not-proven"
    HELD = "held"
    UNDER_WAY = "under-way"
    """Asked for, approved, or being destroyed now."""
    NOT_DESTROYED = "not-destroyed"
    """Refused, taken back, or asked for by mistake."""


@dataclass(frozen=True)
class Entry:
    """One image of a request."""

    case: DeletionCase
    item: DeletionItem

    @property
    def part(self) -> Part:
        match self.item.state:
            case DeletionState.COMPLETED:
                return Part.PROVEN
            case DeletionState.FAILED:
                return Part.NOT_PROVEN
            case DeletionState.ON_HOLD:
                return Part.HELD
            case DeletionState.REJECTED | DeletionState.CANCELLED | DeletionState.ENTERED_IN_ERROR:
                return Part.NOT_DESTROYED
            case _:
                return Part.UNDER_WAY

    @property
    def last(self) -> dt.datetime:
        """When something last happened to it."""
        return max((each.at for each in self.item.timeline), default=self.case.created)


@dataclass(frozen=True)
class Found:
    """What the register holds, newest first."""

    entries: tuple[Entry, ...] = field(repr=False)
    hidden: tuple[HiddenImage, ...] = field(repr=False)

    def of(self, part: Part) -> tuple[Entry, ...]:
        return tuple(each for each in self.entries if each.part is part)

    def count(self, part: Part) -> int:
        return len(self.hidden) if part is Part.HIDDEN else len(self.of(part))


class Register:
    """For privacy officers and auditors; everything of it is read only."""

    def __init__(self, parts: DeleteParts) -> None:
        self._parts = parts

    def whole(self, session: ClinicalSession) -> Found:
        """Everything at this EHR."""
        self._may(session)
        with self._parts.work.transaction():
            cases = self._parts.cases.at(session.fhir_base)
            hidden = self._parts.hidden.at(session.fhir_base)
            self._note(session, "register.read")
        return _found(cases, hidden)

    def of_nhs_number(self, session: ClinicalSession, number: str) -> Found:
        """Of one patient: their requests, and what is hidden of those whom the requests are about."""
        self._may(session)
        with self._parts.work.transaction():
            cases = self._parts.cases.of_nhs_number(session.fhir_base, number)
            patients = {each.patient for each in cases}
            hidden = [each for each in self._parts.hidden.at(session.fhir_base) if each.patient in patients]
            self._note(session, "register.searched", by="nhs-number")
        return _found(cases, hidden)

    def on(self, session: ClinicalSession, day: dt.date) -> Found:
        """What was asked for, hidden, or happened otherwise on one day (UTC)."""
        self._may(session)
        with self._parts.work.transaction():
            whole = _found(self._parts.cases.at(session.fhir_base), self._parts.hidden.at(session.fhir_base))
            self._note(session, "register.searched", by="day")
        entries = tuple(each for each in whole.entries if day in _days(each))
        return Found(entries, tuple(each for each in whole.hidden if each.since.date() == day))

    def certificate(self, session: ClinicalSession, number: CertificateNumber) -> Certificate:
        """One of this EHR. Raises `NotFound`."""
        self._may(session)
        with self._parts.work.transaction():
            found = self._parts.cases.certificate(number)
            if found.fhir_base != session.fhir_base:
                raise NotFound("there is no such certificate at this EHR", status=404)
            self._note(session, "certificate.read", subject=number)
        return found

    def signed(self, certificate: Certificate) -> bool:
        """Whether this installation signed exactly this."""
        return self._parts.signer.verify(certificate.statement, certificate.jws)

    def chain(self, session: ClinicalSession) -> ChainReport:
        """Whether the whole audit chain is what it was: every entry is looked at."""
        self._may(session)
        report = self._parts.audit.verify()
        with self._parts.work.transaction():
            self._note(session, "audit.checked", intact=report.intact)
        return report

    def _may(self, session: ClinicalSession) -> None:
        if not session.user.roles & READERS:
            raise NotAllowed("The register is the privacy officer's and the auditor's.", code="role")

    def _note(self, session: ClinicalSession, action: str, *, subject: str = "", **detail: str | bool) -> None:
        self._parts.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                launch=session.launch_id,
                subject=subject or None,
                policy=self._parts.policy.reference,
                detail=detail,
            )
        )


def _found(cases: Sequence[DeletionCase], hidden: Sequence[HiddenImage]) -> Found:
    entries = [Entry(case, item) for case in cases for item in case.items]
    return Found(
        tuple(sorted(entries, key=lambda each: each.last, reverse=True)),
        tuple(sorted(hidden, key=lambda each: each.since, reverse=True)),
    )


def _days(entry: Entry) -> set[dt.date]:
    return {entry.case.created.date(), *(each.at.date() for each in entry.item.timeline)}
