"""Joins hiding and permanent deletion: a part of `app`, which is long enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from fhir_plugin.adapters.certificate_sheet import certificate_pdf
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.delete import again, execute, standing, tell
from fhir_plugin.delete.break_glass import BreakGlass
from fhir_plugin.delete.certificate import signed_file
from fhir_plugin.delete.decide import Decisions
from fhir_plugin.delete.destroying import Elsewhere
from fhir_plugin.delete.guardians import Guardians
from fhir_plugin.delete.hide import Hiding
from fhir_plugin.delete.look import Looks
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.register import Register
from fhir_plugin.delete.request import Requests
from fhir_plugin.delete.wrong_patient import HandOvers
from fhir_plugin.disclose.contents import named
from fhir_plugin.disclose.desk.days_off import bank_holidays
from fhir_plugin.hiding import JoinedHiding
from fhir_plugin.ledger.engine import PlanFor
from fhir_plugin.ports import Clock, DeletionCases, DestructionLog, Json, RecordPurge, Traces
from fhir_plugin.web.deleting.guardian_words import LOOK_REASONS
from fhir_plugin.work.stores import Colleagues
from mappings.model.deletion import TERMINAL, Certificate, DeletionCase, DeletionState, ItemId
from mappings.model.hiding import HidingReason
from mappings.model.identifiers import FhirBase, LaunchId, Reference
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.work import WorkKind

_HIDDEN_BY_REVIEW: Final = {
    WorkKind.WITHDRAWAL: HidingReason.WITHDRAWN,
    WorkKind.RETENTION: HidingReason.NOT_NEEDED,
    WorkKind.MATURITY: HidingReason.PATIENT_ASKED,
}
KNOWN_FOR: Final = dt.timedelta(days=400)
"""Somebody who has not been here for longer has no role that this app knows of."""


class Appointed(Protocol):
    """One appointment (`adapters.appointments.Appointment`)."""

    @property
    def fhir_base(self) -> FhirBase: ...
    @property
    def user(self) -> Reference: ...
    @property
    def role(self) -> Role: ...
    @property
    def name(self) -> str: ...
    @property
    def until(self) -> dt.datetime: ...
    @property
    def ended(self) -> dt.datetime | None: ...
    def holds(self, on: dt.date) -> bool: ...


@dataclass(frozen=True)
class KnownRoles:
    """Who has which role at an EHR, as this app knows it now (G-R305): of the last launch, and of appointments.

    What somebody had at their last launch by an appointment that has ended since, they have no more.
    """

    colleagues: Colleagues
    appointments: Callable[[], Sequence[Appointed]]
    clock: Clock

    def of(self, fhir_base: FhirBase, login: Reference) -> frozenset[Role]:
        """Nothing for somebody who was never here, or not for long."""
        now = self.clock.now()
        theirs = [each for each in self.appointments() if (each.fhir_base, each.user) == (fhir_base, login)]
        given = {each.role for each in theirs if each.holds(now.date())}
        for person in self.colleagues.at(fhir_base, since=now - KNOWN_FOR):
            if person.user == login:
                lost = {each.role for each in theirs if person.last_seen <= (each.ended or each.until) <= now}
                return frozenset((person.roles - lost) | given)
        return frozenset(given)

    def name_of(self, fhir_base: FhirBase, login: str) -> str:
        """Empty for somebody who was not here for long."""
        people = self.colleagues.at(fhir_base, since=self.clock.now() - KNOWN_FOR)
        return next((each.name for each in people if each.user == login), "")

    def guardians(self, session: ClinicalSession) -> Iterable[tuple[Reference, str]]:
        """Everybody who is a Guardian at the EHR of this launch, with a name."""
        base, now = session.fhir_base, self.clock.now()
        people = [(each.user, each.name) for each in self.colleagues.at(base, since=now - KNOWN_FOR)]
        people += [(each.user, each.name) for each in self.appointments() if each.fhir_base == base]
        return [each for each in people if Role.CALDICOTT_GUARDIAN in self.of(base, each[0])]


@dataclass(frozen=True)
class Deletion:
    """Hiding and permanent deletion, joined."""

    parts: DeleteParts
    requests: Requests
    decisions: Decisions
    looks: Looks
    guardians: Guardians
    register: Register
    hiding: Hiding
    break_glass: BreakGlass
    hand_overs: HandOvers

    def tidy(self) -> int:
        """What time and holds do by themselves, to requests and to what waits to be filed again; returns how many
        changed."""
        return standing.tidy(self.parts) + self.hand_overs.tidy()

    def certificate_pdf(self, certificate: Certificate) -> bytes:
        """To be printed and filed on paper; content-free as the certificate is."""
        return certificate_pdf(certificate, named(self.parts.policy.organisation), self.parts.signer.public_jwks())

    def certificate_file(self, certificate: Certificate) -> Json:
        """What `fhir-plugin verify-certificate` checks: the statement, its signature, and the public keys."""
        return signed_file(certificate, self.parts.signer.public_jwks())

    def hide_for_review(self, session: ClinicalSession, reference: Reference, kind: WorkKind, words: str) -> None:
        """What a review decided. Raises `NotFound` for what the record shows no more."""
        self.hiding.hide(session, self.parts.patient(session), reference, _HIDDEN_BY_REVIEW[kind], words)

    def asked_to_destroy(self, session: ClinicalSession) -> frozenset[Reference]:
        """Of which pictures of this patient permanent deletion is asked for, or done."""
        cases = self.requests.of_patient(session)
        return frozenset(
            item.image.reference
            for case in cases
            for item in case.items
            if item.state not in TERMINAL or item.state is DeletionState.COMPLETED
        )

    def under_way(self, item: ItemId) -> bool:
        """Whether carrying it out has been begun and has not ended: it goes on by itself."""
        with self.parts.work.transaction():
            return any(each.kind == execute.KIND and not each.ended for each in self.parts.ledger.for_subject(item))

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch of this patient: who it is now, and what waited for a sign-in goes on."""
        if session.requests_only:
            return
        standing.patient_seen(self.parts, session)
        self.hiding.resume_for(session)
        tell.resume_for(self.parts, session)
        execute.resume_for(self.parts, session)
        again.look_again_for(self.parts, session)


def join_deletion(
    capture: CaptureParts,
    cases: DeletionCases,
    *,
    patient: Callable[[ClinicalSession], Patient],
    purges: Callable[[LaunchId], RecordPurge],
    traces: Traces,
    destroyed: DestructionLog,
    known: KnownRoles,
    elsewhere: Elsewhere,
    hiding: Callable[[DeleteParts], JoinedHiding],
    after_commit: Callable[[Callable[[], None]], None],
    plans: MutableMapping[str, PlanFor],
) -> Deletion:
    """Over the same ports as filing; how it is carried out joins `plans`."""
    bare = DeleteParts(
        work=capture.work,
        cases=cases,
        hidden=capture.hidden,
        copies=capture.copies,
        vault=capture.vault,
        audit=capture.audit,
        signer=capture.signer,
        worker=capture.worker,
        ledger=capture.ledger,
        engine=capture.engine,
        queue=capture.queue,
        clock=capture.clock,
        policy=capture.policy,
        records=capture.records,
        purges=purges,
        patient=patient,
        new_id=capture.new_id,
        worklist=capture.worklist,
        holds=capture.holds,
        kept=capture.kept,
        labels=capture.labels,
        background=capture.background,
        traces=traces,
        destroyed=destroyed,
        roles=known.of,
        days_off=bank_holidays().of(capture.policy.jurisdiction),
    )
    parts = replace(bare, told=_Telling(bare, after_commit))
    hides = hiding(parts)
    plans[tell.KIND] = tell.Tellings(parts)
    plans[execute.KIND] = execute.Destructions(parts, elsewhere)
    return Deletion(
        parts=parts,
        requests=Requests(parts, seen_by=hides.seen_by, begin=partial(execute.order, parts)),
        decisions=Decisions(parts, at_once=partial(execute.at_once, parts)),
        looks=Looks(parts, LOOK_REASONS),
        guardians=Guardians(known.guardians),
        register=Register(parts),
        hiding=hides.hiding,
        break_glass=hides.break_glass,
        hand_overs=hides.hand_overs,
    )


@dataclass(frozen=True)
class _Telling:
    """What is told is told under a launch of that patient: this one, or the one under which it was told last, until
    somebody opens that chart again."""

    parts: DeleteParts
    after_commit: Callable[[Callable[[], None]], None]

    def __call__(self, case: DeletionCase, session: ClinicalSession | None) -> None:
        if session is not None and session.patient_id == case.patient:
            launch, user = session.launch_id, session.user.reference
        else:
            before = [each for each in self.parts.ledger.for_subject(case.id) if each.kind == tell.KIND]
            if not before:
                return  # it was never told: nobody at that chart has done anything yet
            launch, user = before[-1].launch, before[-1].user
        tell.tell(self.parts, case, launch=launch, user=user)
        self.after_commit(self.parts.queue.wake)
