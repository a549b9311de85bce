"""What the ledger writes down before anything happens outside our own database.

An intent names one effect (file this capture); its steps are single acts upon the world. A row never proves
that something happened: after a doubt, the step asks the world.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fhir_plugin.ports import AuditEntry
from mappings.model.identifiers import FhirBase, IntentId, LaunchId, PatientId, Reference, VaultId
from mappings.model.people import ClinicalSession

Evidence = Mapping[str, str]
"""Ids, versions and keyed digests of what a step left in the world. Never content."""


class IntentState(StrEnum):
    """Where an intent stands. Only `ended` is for ever."""

    OPEN = "open"
    WAITING_FOR_SIGN_IN = "waiting-for-sign-in"
    UNRESOLVED = "unresolved"
    ENDED = "ended"


class Outcome(StrEnum):
    """How an intent ended."""

    DONE = "done"
    NOTHING_CURRENT = "nothing-current"


class Direction(StrEnum):
    """Written down before the first undoing act, so that a crash never turns an undo back into a do."""

    FORWARD = "forward"
    UNDOING = "undoing"


class StepState(StrEnum):
    TRYING = "trying"
    """Begun; whether it happened, only the world knows."""
    DONE = "done"
    UNDONE = "undone"


@dataclass(frozen=True)
class Intent:
    """One intended effect, for one launch, one patient, one EHR."""

    id: IntentId
    kind: str
    subject: str
    fhir_base: FhirBase
    patient: PatientId
    user: Reference
    launch: LaunchId
    created: dt.datetime
    state: IntentState = IntentState.OPEN
    outcome: Outcome | None = None
    direction: Direction = Direction.FORWARD
    plan: VaultId | None = None
    attempts: int = 0
    next_attempt: dt.datetime | None = None
    reason: str = ""
    """The code of the error that turned it round or holds it up."""
    message: str = ""
    """The same for people; ids and codes only."""
    residue: tuple[str, ...] = ()
    """What an undo could not remove, in words: references and versions."""

    @property
    def ended(self) -> bool:
        return self.state is IntentState.ENDED

    def entry(
        self,
        action: str,
        detail: Mapping[str, str | int | bool],
        *,
        policy: str,
        subject: str = "",
        outcome: str = "success",
    ) -> AuditEntry:
        """What became of it, for the audit trail. `subject`: its own, unless said otherwise."""
        return AuditEntry(
            action=action,
            actor=self.user,
            patient=f"Patient/{self.patient}",
            launch=self.launch,
            subject=subject or self.subject,
            policy=policy,
            outcome=outcome,
            detail={"intent": self.id, **detail},
        )


def intended_by(
    session: ClinicalSession,
    *,
    id: IntentId,
    kind: str,
    subject: str,
    created: dt.datetime,
    plan: VaultId | None = None,
) -> Intent:
    """What somebody intends for the patient of their launch."""
    return Intent(
        id=id,
        kind=kind,
        subject=subject,
        fhir_base=session.fhir_base,
        patient=session.patient_id,
        user=session.user.reference,
        launch=session.launch_id,
        created=created,
        plan=plan,
    )


def acted(
    session: ClinicalSession, action: str, subject: str, detail: Mapping[str, str | int | bool], *, policy: str
) -> AuditEntry:
    """What somebody did for the patient of their launch, for the audit trail."""
    return AuditEntry(
        action=action,
        actor=session.user.reference,
        patient=f"Patient/{session.patient_id}",
        launch=session.launch_id,
        subject=subject,
        policy=policy,
        detail=detail,
    )


@dataclass(frozen=True)
class StepRecord:
    name: str
    state: StepState
    evidence: Evidence = field(default_factory=dict)


class Step(Protocol):
    """One act upon the world that can be asked whether it happened."""

    @property
    def name(self) -> str: ...

    def happened(self) -> Evidence | None:
        """Ask the world. None: surely not. Raises `AnswerLost` when the world cannot tell."""

    def do(self) -> Evidence: ...

    def undo(self, evidence: Evidence) -> Sequence[str]:
        """Make it not current; returns what remains, in words. Idempotent."""


class Plan(Protocol):
    """The steps of one intent, and what our own database says once it has ended.

    A plan is built anew from the intent at every run: it holds nothing that a crash could lose.
    """

    def steps(self) -> Sequence[Step]: ...

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """Called inside the transaction that ends the intent as done."""

    def abandon(self, intent: Intent) -> None:
        """Called inside the transaction that ends the intent as nothing-current."""


class LedgerStore(Protocol):
    """Rows. Every method joins the open transaction."""

    def add(self, intent: Intent) -> None: ...

    def get(self, intent_id: IntentId) -> Intent:
        """Raises `NotFound`."""

    def save(self, intent: Intent) -> None:
        """Everything but the lease. Refuses (raises `VersionConflict`) to change an ended intent."""

    def for_subject(self, subject: str) -> list[Intent]: ...

    def due(self, now: dt.datetime) -> list[IntentId]:
        """Open intents whose time has come, oldest first; unresolved ones too, for a re-check."""

    def waiting(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference) -> list[Intent]:
        """Those that wait for this user to sign in again for this patient."""

    def unsettled(self) -> list[Intent]:
        """All that have not ended."""

    def lease(self, intent_id: IntentId, owner: str, *, now: dt.datetime, seconds: float) -> bool:
        """Compare-and-swap: taken when free, expired or already ours. Renewing is leasing again."""

    def release(self, intent_id: IntentId, owner: str) -> None: ...

    def steps(self, intent_id: IntentId) -> dict[str, StepRecord]: ...

    def save_step(self, intent_id: IntentId, position: int, step: StepRecord) -> None: ...
