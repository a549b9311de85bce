"""The life of a launch session: begun, refused or ended, each with its entry in the audit chain, and its access given
back to the EHR when it is over.

A computer on a ward is used by one person after another. When somebody launches in a browser in which another person
of the same EHR has launches open, those end: what is done from now on must not carry the name of who was there before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import structlog

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.ehr_records import LaunchRecords
from fhir_plugin.adapters.sessions import LaunchSession, LaunchSessions
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.errors import PluginError, SignInNeeded, Tampered
from fhir_plugin.ports import AuditEntry, AuditTrail
from mappings.model.identifiers import LaunchId
from smart_launch import CompletedLaunch, Grant, SmartClient, SmartError

log = structlog.get_logger(__name__)

PATIENT, HURRIED = 5.0, 2.0
"""Seconds that each request of a revocation may take: when somebody asked for it, and when somebody waits for more."""


def _access(session: LaunchSession) -> dict[str, str]:
    """What the chain says of access that is not the usual."""
    if session.context.get("desk"):
        return {"access": "whole record"}
    return {"access": "requests only"} if session.context.get("requests_only") else {}


class Launches:
    """What happens to launch sessions and their tokens together."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: LaunchSessions,
        tokens: Tokens,
        records: LaunchRecords,
        audit: AuditTrail,
        smart: SmartClient,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._tokens = tokens
        self._records = records
        self._audit = audit
        self._smart = smart

    def begin(self, session: LaunchSession, grant: Grant) -> None:
        """Keeps a new session with its tokens, and ends those of whoever used this browser before."""
        with self._database.transaction():
            # Of two people who arrive in one browser at once, the second must see the first.
            self._database.lock(f"browser/{session.browser_binding_hash}")
            others = self._sessions.of_others(session)
            grants = [self._end(other, "another-person") for other in others]
            self._sessions.create(session)
            self._tokens.save(session.launch_id, grant)
            self._note("launch.completed", session, **_access(session))
        self._give_all_back([other.launch_id for other in others], grants, seconds=HURRIED)

    def end(self, launch_id: LaunchId) -> bool:
        """Ends a session here, then at the EHR; True when the EHR has confirmed it. Raises `SignInNeeded`."""
        session = self._sessions.get(launch_id)
        with self._database.transaction():
            grant = self._end(session, "signed-out")
        self._records.forget(launch_id)
        return self._give_back(grant)

    def end_all(self, launches: Sequence[LaunchId], why: str) -> int:
        """Ends them, those too that idled or do not verify; returns how many.

        Joins the open transaction: their access is given back once that is durable, and not at all if it is undone.
        """
        with self._database.transaction():
            grants = [self._end_by_id(launch, why) for launch in launches]
            self._database.after_commit(partial(self._give_all_back, launches, grants, seconds=PATIENT))
        return len(launches)

    def refuse(self, done: CompletedLaunch, error: PluginError) -> None:
        """Writes down a launch that the EHR granted and we did not take up, and gives its access back."""
        person = done.context.fhir_user
        self._audit.append(
            AuditEntry(
                action="launch.refused",
                actor=person.reference if person else "unknown",
                patient=f"Patient/{done.context.patient}" if done.context.patient else None,
                subject=done.issuer.name,
                outcome=error.code,
            )
        )
        self._give_back(done.grant)

    def _end(self, session: LaunchSession, why: str) -> Grant | None:
        """Inside a transaction; returns the access that is to be given back after it."""
        grant = self._forget(session.launch_id)
        self._note("launch.ended", session, why=why)
        return grant

    def _end_by_id(self, launch: LaunchId, why: str) -> Grant | None:
        try:
            return self._end(self._sessions.get(launch), why)
        except (SignInNeeded, Tampered):  # nobody can say whose it was, and it goes all the same
            grant = self._forget(launch)
        self._audit.append(AuditEntry(action="launch.ended", actor="unknown", launch=launch, detail={"why": why}))
        return grant

    def _forget(self, launch: LaunchId) -> Grant | None:
        try:
            grant = self._tokens.get(launch).grant
        except (SignInNeeded, Tampered):
            grant = None
        self._sessions.end(launch)
        return grant

    def _give_all_back(self, launches: Sequence[LaunchId], grants: Sequence[Grant | None], *, seconds: float) -> None:
        """However many there are, whoever waits for it waits no longer than for one."""
        for launch in launches:
            self._records.forget(launch)
        until = time.monotonic() + 2 * seconds
        wanted = [grant for grant in grants if grant is not None]
        for number, grant in enumerate(wanted):
            left = until - time.monotonic()
            if left <= 0:
                log.info("launch.not_revoked", kind="OutOfTime", left=len(wanted) - number)
                return
            self._give_back(grant, seconds=min(seconds, left / 2))  # a revocation is up to two requests

    def _give_back(self, grant: Grant | None, *, seconds: float = PATIENT) -> bool:
        if grant is None:
            return False
        try:
            return self._smart.sign_out(grant, seconds=seconds)
        except (SmartError, PluginError) as error:  # it runs out by itself, and nobody can use what we have forgotten
            log.info("launch.not_revoked", kind=type(error).__name__, code=error.code)
            return False

    def _note(self, action: str, session: LaunchSession, **detail: str) -> None:
        self._audit.append(
            AuditEntry(
                action=action,
                actor=session.user or "unknown",
                patient=f"Patient/{session.patient}" if session.patient else None,
                launch=session.launch_id,
                subject=session.issuer,
                detail=detail,
            )
        )
