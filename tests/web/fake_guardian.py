"""What those who decide and watch ask, in memory: the real look and the real register over fakes, stepping by the
real table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from fhir_plugin.delete.guardians import Guardians
from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.look import Looks
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.register import Register
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound
from fhir_plugin.ports import Compartment
from fhir_plugin.web.deleting.guardian_words import LOOK_REASONS
from mappings.model.deletion import (
    BoundImage,
    CaseId,
    Certificate,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    Happened,
    ItemId,
    Principle,
    Signed,
)
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Patient
from mappings.model.practice import Hold
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.clock import FakeClock
from tests.fakes.deletion_cases import FakeDeletionCases
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault
from tests.web.people import AMY, BASE, DOCTOR

PIXELS = b"\xff\xd8\xff the marked copy \xff\xd9"


class FakeDecisions:
    """Decides by the table, without policy. `stopping`: what holds everything."""

    def __init__(self, clock: FakeClock, cases: FakeDeletionCases) -> None:
        self.clock, self.cases = clock, cases
        self.stopping: list[Hold] = []

    def queue(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        return self.cases.open_at(session.fhir_base)

    def case(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        found = self.cases.get(id)
        if found.fhir_base != session.fhir_base:
            raise NotFound("no such request here", status=404)
        return found

    def holds(self, session: ClinicalSession, case: DeletionCase) -> Sequence[Hold]:
        return self.stopping

    def opened(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        return self.cases.get(id)

    def approve(
        self,
        session: ClinicalSession,
        id: CaseId,
        item: ItemId,
        principles: Collection[Principle],
        words: str,
        *,
        revision: int,
    ) -> DeletionCase:
        missing = {} if words else {"words": "Give your reason."}
        if set(principles) != set(Principle):
            missing["principles"] = "Tick all eight, or reject it."
        signed = Signed(session.user.person, session.user.display, self.clock.now(), frozenset(principles), words)
        expires = self.clock.now() + dt.timedelta(days=14)
        return self._step(session, id, item, Event.APPROVED, revision, missing, approval=signed, expires=expires)

    def reject(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        missing = {} if words else {"words": "Give your reason."}
        signed = Signed(session.user.person, session.user.display, self.clock.now(), words=words)
        return self._step(session, id, item, Event.REJECTED, revision, missing, rejection=signed)

    def ask_more(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        return self._step(session, id, item, Event.MORE_ASKED, revision, {} if words else {"words": "Say what."})

    def take_back(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        return self._step(session, id, item, Event.VOIDED, revision, {} if words else {"words": "Say why."})

    def cosign(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        missing = {} if words else {"words": "Say why, in a sentence."}
        signed = Signed(session.user.person, session.user.display, self.clock.now(), words=words)
        return self._step(session, id, item, Event.COSIGNED, revision, missing, cosigned=signed)

    def _step(
        self,
        session: ClinicalSession,
        id: CaseId,
        item: ItemId,
        event: Event,
        revision: int,
        missing: dict[str, str],
        **changes: Any,
    ) -> DeletionCase:
        case = self.case(session, id)
        if case.requested_by == session.user.person:
            raise NotAllowed("Nobody decides about what they asked for.", code="own-request")
        if missing:
            raise Incomplete("not complete", fields=missing)
        if revision != case.revision:
            raise AnswersChanged("changed since")
        user = session.user
        new = moved(case.item(item), event, at=self.clock.now(), by=user.person, by_name=user.display, **changes)
        items = tuple(new if each.id == item else each for each in case.items)
        self.cases.save(replace(case, items=items, revision=case.revision + 1))
        return self.cases.get(id)


class FakeBreakGlass:
    """Opens with a reason, once."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.open_for: set[tuple[str, Reference]] = set()

    def open(self, session: ClinicalSession, reference: Reference, reason: str) -> str:
        if not reason:
            raise Incomplete("no reason", fields={"reason": "Say why you have to see it."})
        self.reasons.append(reason)
        self.open_for.add((session.launch_id, reference))
        return "ticket"

    def picture(self, session: ClinicalSession, reference: Reference, ticket: str) -> tuple[bytes, str]:
        if (session.launch_id, reference) not in self.open_for or ticket != "ticket":
            raise NotAllowed("This look is over.", code="look-over")
        self.open_for.clear()
        return PIXELS, "image/jpeg"


class FakeOffices:
    """What `web.deleting.guarded.Offices` asks."""

    def __init__(self, clock: FakeClock) -> None:
        work = FakeUnitOfWork()
        self.asked = 0
        self.pixels = PIXELS
        self.clock, self.cases, self.hidden = clock, FakeDeletionCases(work), FakeHiddenImages(work)
        self.vault, self.audit = FakeVault(clock, work), FakeAuditTrail(clock, work)
        self.signer = FakeStatementSigner()
        known = SimpleNamespace(
            work=work,
            cases=self.cases,
            hidden=self.hidden,
            vault=self.vault,
            audit=self.audit,
            clock=clock,
            signer=self.signer,
            policy=SimpleNamespace(reference="strict/1"),
        )
        parts = cast(DeleteParts, known)
        self.decisions = FakeDecisions(clock, self.cases)
        self.looks = Looks(parts, LOOK_REASONS)
        self.guardians = Guardians(lambda _session: [(Reference("Practitioner/g2"), "Dr Omar Haddad")])
        self.register = Register(parts)
        self.break_glass = FakeBreakGlass()

    def certificate_file(self, certificate: Certificate) -> dict[str, object]:
        return {"statement": certificate.statement, "jws": certificate.jws, "keys": []}

    def certificate_pdf(self, certificate: Certificate) -> bytes:
        return b"%PDF-1.4 " + certificate.number.encode()

    def ask(self, images: int = 1, patient: Patient = AMY, **changed: Any) -> DeletionCase:
        """A request of so many images, each with a marked copy."""
        self.asked += 1
        number = self.asked
        now = self.clock.now()
        items = tuple(
            DeletionItem(
                ItemId(f"item-{number}-{each}"),
                BoundImage(Reference(f"Media/m{number}-{each}"), "3", "digest"),
                title=f"Forearm, left, {each}",
                picture=self.vault.put(self.pixels, compartment=Compartment.CASE, owner=f"item-{number}-{each}"),
                timeline=(Happened("asked", now, DOCTOR.reference, DOCTOR.display),),
            )
            for each in range(1, images + 1)
        )
        case = DeletionCase(
            id=CaseId(f"case-{number}"),
            fhir_base=BASE,
            patient=patient.id,
            revision=1,
            created=now,
            due=now.date() + dt.timedelta(days=28),
            reason=DeletionReason.WITHDRAWN,
            items=items,
            requested_by=DOCTOR.reference,
            requested_by_name=DOCTOR.display,
            words="She no longer wants it kept",
            described="In the note of 3 March",
            gmc_looked_at=True,
            instead="She wants it gone, not hidden",
            policy="strict/1",
            patient_name=patient.name,
            nhs_number=patient.nhs_number or "",
            seen_by=("Dr Priya Shah looked at it, 3 March 2026", "Acme Insurance received a copy, 5 March 2026"),
        )
        self.cases.add(replace(case, **changed))
        return self.cases.get(case.id)
