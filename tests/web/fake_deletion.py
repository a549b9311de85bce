"""Hiding and permanent deletion in memory: what `web.deleting.contract` asks, stepping by the real table."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_plugin.delete.clock import reply_due
from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.waiting import MORE_ASKED
from fhir_plugin.errors import AnswersChanged, Incomplete, NotFound, PluginError, Refused
from fhir_plugin.web.deleting.contract import Asked, HandOver
from mappings.model.deletion import (
    WITH_A_REPLY,
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    Happened,
    ItemId,
    Signed,
)
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import CaptureId, LaunchId, Reference, VaultId
from mappings.model.people import ClinicalSession, Patient
from tests.fakes.clock import FakeClock
from tests.web.fake_guardian import FakeOffices

GUARDIAN = (Reference("Practitioner/guardian"), "Dr Omar Haddad")
HISTORY = "Whoever may open this record in the EHR can still ask for its earlier versions, by address."


class FakeHiding:
    """Hidden pictures in a dict. `trouble` is raised by the next write."""

    def __init__(self, clock: FakeClock, gallery: Any, requests: FakeRequests) -> None:
        self.clock, self.gallery, self.requests = clock, gallery, requests
        self.kept: dict[Reference, HiddenImage] = {}
        self.people: Mapping[Reference, Sequence[str]] = {}
        self.trouble: PluginError | None = None

    def hide(
        self, session: ClinicalSession, patient: Patient, reference: Reference, reason: HidingReason | None, words: str
    ) -> HiddenImage:
        self._stumble()
        if reason is None:
            raise Incomplete("no reason", fields={"reason": "Choose why it should be hidden."})
        if reason is HidingReason.OTHER and not words.strip():
            raise Incomplete("no words", fields={"words": "Say why, in your own words."})
        return self._keep(session, reference, reason, words)

    def wrong_patient(
        self, session: ClinicalSession, patient: Patient, reference: Reference, words: str
    ) -> HiddenImage:
        self._stumble()
        if not words.strip():
            raise Incomplete("no words", fields={"words": "Say how you know that it is of somebody else."})
        kept = self._keep(session, reference, HidingReason.WRONG_PATIENT, words)
        self.requests.raise_one(session, reference)
        return kept

    def restore(self, session: ClinicalSession, patient: Patient, reference: Reference, words: str) -> HiddenImage:
        self._stumble()
        if not words.strip():
            raise Incomplete("no words", fields={"words": "Say why it may be seen again."})
        self.kept[reference] = replace(self.kept[reference], state=HidingState.RESTORING)
        return self.kept[reference]

    def of_patient(self, session: ClinicalSession) -> Sequence[HiddenImage]:
        return sorted(
            (each for each in self.kept.values() if each.patient == session.patient_id), key=lambda each: each.since
        )

    def seen_by(self, session: ClinicalSession, reference: Reference) -> Sequence[str]:
        return self.people.get(reference, ())

    def _keep(self, session: ClinicalSession, reference: Reference, reason: HidingReason, words: str) -> HiddenImage:
        self.kept[reference] = HiddenImage(
            fhir_base=session.fhir_base,
            reference=reference,
            patient=session.patient_id,
            since=self.clock.now(),
            state=HidingState.HIDDEN,
            reason=reason,
            by=session.user.person,
            by_name=session.user.display,
            words=words.strip(),
            remains=(HISTORY,),
            policy="strict/1",
        )
        self.gallery.items = [each for each in self.gallery.items if each.entry.reference != reference]
        return self.kept[reference]

    def _stumble(self) -> None:
        if self.trouble:
            raise self.trouble


class FakeHandOvers:
    """What waits, by the launch in which it was offered; `taken` says what was taken by which launch."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.offered: dict[VaultId, LaunchId] = {}
        self.taken: list[tuple[LaunchId, VaultId]] = []
        self.trouble: PluginError | None = None

    def offer(self, session: ClinicalSession, reference: Reference) -> HandOver:
        if self.trouble:
            raise self.trouble
        self.offered[VaultId("handed-1")] = session.launch_id
        return self._made(VaultId("handed-1"))

    def waiting(self, session: ClinicalSession) -> Sequence[HandOver]:
        return [self._made(id) for id, launch in self.offered.items() if launch != session.launch_id]

    def take(self, session: ClinicalSession, id: VaultId) -> CaptureId:
        if self.offered.get(id) in (None, session.launch_id):
            raise NotFound("no picture waits here for you", status=404)
        del self.offered[id]
        self.taken.append((session.launch_id, id))
        return CaptureId("capture-9")

    def _made(self, id: VaultId) -> HandOver:
        return HandOver(id, self.clock.now(), self.clock.now() + dt.timedelta(hours=8))


class FakeRequests:
    """Requests in a dict, by the real table of steps. `trouble` is raised by the next write."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.cases: dict[CaseId, DeletionCase] = {}
        self.by_page: dict[str, CaseId] = {}
        self.trouble: PluginError | None = None
        self._numbers = itertools.count(1)

    def ask(self, session: ClinicalSession, patient: Patient, asked: Asked, *, once: str) -> DeletionCase:
        self._stumble()
        if once and once in self.by_page:
            return self.cases[self.by_page[once]]
        _need_all(asked)
        case = self._new(session, asked)
        self.by_page[once] = case.id
        return case

    def raise_one(self, session: ClinicalSession, reference: Reference) -> DeletionCase:
        return self._new(session, Asked({reference: "1"}, DeletionReason.WRONG_PATIENT))

    def of_patient(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        found = [each for each in self.cases.values() if each.patient == session.patient_id]
        return sorted(found, key=lambda each: each.created, reverse=True)

    def get(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        if id not in self.cases or self.cases[id].patient != session.patient_id:
            raise NotFound("no such request", status=404)
        return self.cases[id]

    def answer(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        return self._step(session, id, item, Event.ANSWERED, words, revision, "Answer the question.")

    def cancel(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        return self._step(session, id, item, Event.CANCELLED, words, revision, "Say why it is taken back.")

    def in_error(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        return self._step(session, id, item, Event.IN_ERROR, words, revision, "Say why it is taken back.")

    def replied(self, session: ClinicalSession, id: CaseId, *, revision: int) -> DeletionCase:
        self._stumble()
        return self.change(id, lambda case: replace(case, replied=self.clock.now()), revision)

    def carry_out(self, session: ClinicalSession, id: CaseId, item: ItemId, *, revision: int) -> DeletionCase:
        return self._step(session, id, item, Event.BEGUN, "", revision)

    # ------------------------------------------------------------------------------ what a Guardian or the app does

    def step(self, id: CaseId, item: int, event: Event, words: str = "", **changes: Any) -> DeletionCase:
        """`item`: from 1."""
        by, name = GUARDIAN
        at = self.clock.now()
        if event is Event.APPROVED:
            changes = {"approval": Signed(by, name, at), "expires": at + dt.timedelta(days=30), **changes}
        if event is Event.MORE_ASKED:
            changes = {"why": MORE_ASKED, **changes}
        if event is Event.REJECTED:
            changes = {"rejection": Signed(by, name, at, words=words), **changes}

        def stepped(case: DeletionCase) -> DeletionCase:
            old = case.items[item - 1]
            new = moved(old, event, at=at, by=by, by_name=name, words=words, **changes)
            return replace(case, items=tuple(new if each is old else each for each in case.items))

        return self.change(id, stepped)

    def change(
        self, id: CaseId, how: Callable[[DeletionCase], DeletionCase], revision: int | None = None
    ) -> DeletionCase:
        old = self.cases[id]
        if revision is not None and revision != old.revision:
            raise AnswersChanged("changed since")
        self.cases[id] = replace(how(old), revision=old.revision + 1)
        return self.cases[id]

    def _step(
        self,
        session: ClinicalSession,
        id: CaseId,
        item: ItemId,
        event: Event,
        words: str,
        revision: int,
        missing: str = "",
    ) -> DeletionCase:
        self._stumble()
        if missing and not words.strip():
            raise Incomplete("no words", fields={"words": missing})
        user = session.user

        def stepped(case: DeletionCase) -> DeletionCase:
            old = case.item(item)
            new = moved(old, event, at=self.clock.now(), by=user.person, by_name=user.display, words=words.strip())
            return replace(case, items=tuple(new if each is old else each for each in case.items))

        return self.change(id, stepped, revision)

    def _new(self, session: ClinicalSession, asked: Asked) -> DeletionCase:
        if asked.reason is None:
            raise Refused("no reason")
        now, number = self.clock.now(), next(self._numbers)
        line = Happened(Event.ASKED, now, session.user.person, session.user.display)
        case = DeletionCase(
            id=CaseId(f"case-{number}"),
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            revision=1,
            created=now,
            due=now.date() + dt.timedelta(days=28),
            reason=asked.reason,
            items=tuple(
                DeletionItem(
                    ItemId(f"item-{number}-{each}"),
                    BoundImage(reference, version, "digest"),
                    timeline=(line,),
                )
                for each, (reference, version) in enumerate(asked.images.items(), 1)
            ),
            requested_by=session.user.person,
            requested_by_name=session.user.display,
            words=asked.words,
            described=asked.described,
            gmc_looked_at=asked.gmc_looked_at,
            instead=asked.instead,
            policy="strict/1",
            asked_by_patient=asked.asked_by_patient,
            reply_due=reply_due(asked.asked_by_patient, frozenset()) if asked.asked_by_patient else None,
        )
        self.cases[case.id] = case
        return case

    def _stumble(self) -> None:
        if self.trouble:
            raise self.trouble


class FakeDeletion(FakeOffices):
    """Everything together."""

    def __init__(self, clock: FakeClock, gallery: Any) -> None:
        super().__init__(clock)
        self.requests = FakeRequests(clock)
        self.begun: set[ItemId] = set()
        self.hand_overs = FakeHandOvers(clock)
        self.hiding = FakeHiding(clock, gallery, self.requests)

    def under_way(self, item: ItemId) -> bool:
        return item in self.begun


def _need_all(asked: Asked) -> None:
    """What the flow itself asks for (`delete.request`), as far as the pages have to show it."""
    said = {
        "images": bool(asked.images),
        "reason": asked.reason is not None,
        "words": bool(asked.words.strip()) or asked.reason is not DeletionReason.OTHER,
        "described": bool(asked.described.strip()),
        "instead": bool(asked.instead.strip()),
        "gmc_looked_at": asked.gmc_looked_at,
        "asked_by_patient": asked.asked_by_patient is not None or asked.reason not in WITH_A_REPLY,
    }
    if missing := {name: f"Missing: {name}." for name, given in said.items() if not given}:
        raise Incomplete("Not asked yet.", fields=missing)
