"""Launches under way and launch sessions, sealed in our own database.

A row shows ids and times; endpoints, verifier, names, scopes and context are sealed, and bound to the row.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
import structlog

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import launch_sessions, pending_launches, tokens
from fhir_plugin.errors import SignInNeeded, Tampered
from fhir_plugin.ports import Clock, Json
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from smart_launch.authorize import PendingLaunch
from smart_launch.errors import LaunchExpired, StateMismatch

log = structlog.get_logger(__name__)

IDLE = dt.timedelta(minutes=30)
"""How long a launch session lasts without a request, unless the settings say otherwise."""

TOUCH_EVERY = dt.timedelta(seconds=30)
"""`last_seen` is not written more often than this, nor than a tenth of the idle time."""

WARN_BEFORE = dt.timedelta(minutes=2)
"""How long before a session ends its person is warned, or a quarter of the idle time where that is shorter
(WCAG 2.2, 2.2.1: at least 20 seconds to extend)."""

KEEP_ENDED = dt.timedelta(days=1)
"""How long the tokens of a session that ran out stay for work in flight, at most."""


class PendingLaunches:
    """Launches whose person is signing in at the EHR. Each can be taken once."""

    def __init__(self, database: Database, masters: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock

    def save(self, pending: PendingLaunch) -> None:
        """Keeps it under the digest of its state until it expires."""
        record = json.dumps(pending.as_record()).encode("utf-8")
        sealed = self._masters.seal(KeyUse.SESSIONS, record, bound_to=["pending", pending.key])
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(pending_launches).values(state_digest=pending.key, sealed=sealed, expires=pending.expires_at)
            )

    def take(self, key: str) -> PendingLaunch:
        """The launch under this key (`smart_launch.callback.pending_key`), which is gone from now on.

        Raises `StateMismatch` when there is none or it was taken before, `LaunchExpired` when it took too long.
        """
        with self._database.writing() as connection:
            sealed = connection.execute(
                sa.delete(pending_launches)
                .where(pending_launches.c.state_digest == key)
                .returning(pending_launches.c.sealed)
            ).scalar_one_or_none()
        if sealed is None:
            raise StateMismatch("This sign-in is not known, or was used before. Launch again from the chart.")
        record = self._masters.open(KeyUse.SESSIONS, sealed, bound_to=["pending", key])
        pending = PendingLaunch.from_record(json.loads(record))
        if pending.is_expired(self._clock.now()):
            raise LaunchExpired("This sign-in took too long. Launch again from the chart.")
        return pending

    def purge(self) -> int:
        """Forgets those that nobody came back to; returns how many."""
        with self._database.writing() as connection:
            return connection.execute(
                sa.delete(pending_launches).where(pending_launches.c.expires < self._clock.now())
            ).rowcount

    def rotate_master(self) -> int:
        """Seals every pending launch again under the current master; returns how many."""
        count = 0
        with self._database.writing() as connection:
            for row in connection.execute(sa.select(pending_launches)).all():
                if not self._masters.is_current(row.sealed):
                    fresh = self._masters.seal_again(
                        KeyUse.SESSIONS, row.sealed, bound_to=["pending", row.state_digest]
                    )
                    connection.execute(
                        sa.update(pending_launches)
                        .where(pending_launches.c.state_digest == row.state_digest)
                        .values(sealed=fresh)
                    )
                    count += 1
        return count


@dataclass(frozen=True)
class LaunchSession:
    """One launch: one user, one patient, one EHR, one browser. Names and context do not show in `repr`."""

    launch_id: LaunchId
    browser_binding_hash: str = field(repr=False)
    fhir_base: FhirBase
    issuer: str
    """The name of the EHR's entry in the registry."""
    patient: PatientId | None
    encounter: str | None
    user: Reference | None
    """Practitioner/..., from the verified id_token; None when the EHR did not say who is there."""
    user_display: str = field(repr=False)
    scopes: str = field(repr=False)
    context: Json = field(repr=False)
    """What else the launch said, JSON-ready."""
    created: dt.datetime
    last_seen: dt.datetime
    ends: dt.datetime
    """The latest moment, however busy the session is."""


@dataclass(frozen=True)
class TimeLeft:
    """Whole seconds, rounded down, that a session still has."""

    idle_seconds: int
    """Until it ends because nobody uses it; use starts this anew."""
    absolute_seconds: int
    """Until it ends however busy it is."""
    warn_seconds: int
    """How long before either its person is told."""


def remember_nothing() -> dict[LaunchId, LaunchSession]:
    """Outside a request every look reads the row."""
    return {}


_SEALED_FIELDS = ("browser_binding_hash", "issuer", "encounter", "user_display", "scopes", "context")


class LaunchSessions:
    """The sessions that may be used. One that ended, ran out, idled or never was: `SignInNeeded`, all alike.

    `remembered` gives the rows already read for the request that is being answered, so that a page reads its
    session once, not at every step. Whether its time is over is asked of the clock every time.
    """

    def __init__(
        self,
        database: Database,
        masters: MasterKeys,
        clock: Clock,
        *,
        idle: dt.timedelta = IDLE,
        remembered: Callable[[], dict[LaunchId, LaunchSession]] = remember_nothing,
    ) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock
        self._idle = idle
        self._remembered = remembered

    def create(self, session: LaunchSession) -> None:
        """Keeps a new session."""
        with self._database.writing() as connection:
            connection.execute(sa.insert(launch_sessions).values(**self._row(session)))

    def get(self, launch_id: LaunchId) -> LaunchSession:
        """The session. Raises `SignInNeeded`, or `Tampered` when its row is not what it was."""
        session = self._read(launch_id)
        if session is None or self._over(session):
            raise SignInNeeded("This session has ended: launch again from the chart.", code="session-ended")
        return session

    def touch(self, launch_id: LaunchId) -> LaunchSession:
        """The session, which somebody has just used. Raises as `get` does."""
        session, now = self.get(launch_id), self._clock.now()
        if now - session.last_seen < min(TOUCH_EVERY, self._idle / 10):
            return session
        with self._database.writing() as connection:
            connection.execute(
                sa.update(launch_sessions).where(launch_sessions.c.launch_id == launch_id).values(last_seen=now)
            )
        session = replace(session, last_seen=now)
        self._remembered()[launch_id] = session
        return session

    def time_left(self, launch_id: LaunchId) -> TimeLeft:
        """How long the session lasts if nobody uses it from now on. Not a use itself. Raises as `get` does."""
        session, now = self.get(launch_id), self._clock.now()
        return TimeLeft(
            idle_seconds=int((session.last_seen + self._idle - now).total_seconds()),
            absolute_seconds=int((session.ends - now).total_seconds()),
            warn_seconds=int(min(WARN_BEFORE, self._idle / 4).total_seconds()),
        )

    def of_others(self, session: LaunchSession) -> list[LaunchSession]:
        """The live sessions that other people of the same EHR began in this session's browser, oldest first.

        A row that does not verify belongs to no browser: nobody can work in it, and it must not stop this launch.
        """
        alike = (
            (launch_sessions.c.ends > self._clock.now())
            & (launch_sessions.c.fhir_base == session.fhir_base)
            & (launch_sessions.c.user != session.user)
        )
        with self._database.connection() as connection:
            rows = connection.execute(sa.select(launch_sessions).where(alike).order_by(launch_sessions.c.created)).all()
        found = [self._readable(row) for row in rows if not self._over(row)]
        return [each for each in found if each and each.browser_binding_hash == session.browser_binding_hash]

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[LaunchSession]:
        """The live sessions at this patient's chart, newest first. A row that does not verify is nobody's."""
        theirs = (
            (launch_sessions.c.ends > self._clock.now())
            & (launch_sessions.c.fhir_base == fhir_base)
            & (launch_sessions.c.patient == patient)
        )
        newest = launch_sessions.c.created.desc()
        with self._database.connection() as connection:
            rows = connection.execute(sa.select(launch_sessions).where(theirs).order_by(newest)).all()
        found = [self._readable(row) for row in rows if not self._over(row)]
        return [each for each in found if each is not None]

    def end(self, launch_id: LaunchId) -> None:
        """Forgets the session and its tokens. Idempotent."""
        self._remembered().pop(launch_id, None)
        with self._database.writing() as connection:
            for table in (tokens, launch_sessions):
                connection.execute(sa.delete(table).where(table.c.launch_id == launch_id))
        self._database.after_commit(self._scrub)

    def purge(self) -> int:
        """Forgets sessions that ran out long ago, with their tokens; returns how many."""
        over = launch_sessions.c.ends < self._clock.now() - KEEP_ENDED
        with self._database.connection() as connection:
            ids = connection.execute(sa.select(launch_sessions.c.launch_id).where(over)).scalars().all()
        for launch_id in ids:
            self.end(LaunchId(launch_id))
        return len(ids)

    def rotate_master(self) -> int:
        """Seals every session again under the current master; returns how many."""
        count = 0
        with self._database.writing() as connection:
            for row in connection.execute(sa.select(launch_sessions).with_for_update()).all():
                if not self._masters.is_current(row.sealed):
                    connection.execute(
                        sa.update(launch_sessions)
                        .where(launch_sessions.c.launch_id == row.launch_id)
                        .values(sealed=self._row(self._session(row))["sealed"])
                    )
                    count += 1
        return count

    def _read(self, launch_id: LaunchId) -> LaunchSession | None:
        remembered = self._remembered()
        if launch_id not in remembered:
            with self._database.connection() as connection:
                row = connection.execute(
                    sa.select(launch_sessions).where(launch_sessions.c.launch_id == launch_id)
                ).one_or_none()
            if row is None or self._over(row):
                return None
            remembered[launch_id] = self._session(row)
        return remembered[launch_id]

    def _over(self, session: Any) -> bool:
        now = self._clock.now()
        return bool(now >= session.ends or now >= session.last_seen + self._idle)

    def _scrub(self) -> None:
        self._database.scrub()

    def _row(self, session: LaunchSession) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "launch_id": session.launch_id,
            "fhir_base": session.fhir_base,
            "patient": session.patient,
            "user": session.user,
            "created": session.created,
            "ends": session.ends,
        }
        hidden = {name: getattr(session, name) for name in _SEALED_FIELDS}
        sealed = self._masters.seal(
            KeyUse.SESSIONS, json.dumps(hidden).encode("utf-8"), bound_to=_session_binding(shown)
        )
        return {**shown, "last_seen": session.last_seen, "sealed": sealed}

    def _readable(self, row: Any) -> LaunchSession | None:
        try:
            return self._session(row)
        except Tampered as error:
            log.warning("session.unreadable", code=error.code)
            return None

    def _session(self, row: Any) -> LaunchSession:
        shown = {name: getattr(row, name) for name in ("launch_id", "fhir_base", "patient", "user", "created", "ends")}
        hidden = self._masters.open(KeyUse.SESSIONS, row.sealed, bound_to=_session_binding(shown))
        return LaunchSession(**shown, last_seen=row.last_seen, **json.loads(hidden))


def _session_binding(shown: dict[str, Any]) -> list[str]:
    return [
        "session",
        shown["launch_id"],
        shown["fhir_base"],
        shown["patient"] or "",
        shown["user"] or "",
        shown["created"].astimezone(dt.UTC).isoformat(),
        shown["ends"].astimezone(dt.UTC).isoformat(),
    ]
