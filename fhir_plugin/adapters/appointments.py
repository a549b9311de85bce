"""Roles that this organisation gives somebody itself, beside the job roles of the EHR, sealed in our own database.

A Caldicott Guardian may work elsewhere, and a small practice's privacy officer has no such job role: somebody of the
organisation appoints them, says why, and for how long (at most a year). What is sealed binds every column of the row,
and the audit chain must have seen the row begin and not end: one that was written, changed or put back past the app
gives nobody anything.
"""

from __future__ import annotations

import calendar
import datetime as dt
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import sqlalchemy as sa
import structlog

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import appointments, launch_sessions
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.ports import AuditEntry, AuditTrail, Clock
from mappings.model.identifiers import FhirBase, LaunchId, Reference
from mappings.model.people import Role
from smart_launch import Issuer, IssuerRegistry, UnknownIssuer

log = structlog.get_logger(__name__)

LONGEST_MONTHS: Final = 12
"""After this an appointment has to be thought about again."""

APPOINTED, WITHDRAWN = "role.appointed", "role.withdrawn"
"""What the audit chain calls the two changes."""

_USER: Final = re.compile(r"(?:https?://[!-~]{1,300}/)?(?:Practitioner|PractitionerRole|Person)/[A-Za-z0-9.-]{1,64}")
_MOST_WORDS: Final = 500


@dataclass(frozen=True)
class Appointment:
    """One role of one person at one EHR, from one day to another. Names and reasons do not show in `repr`."""

    id: str
    issuer: str
    """The EHR's name in the registry."""
    fhir_base: FhirBase
    """What that name meant when they were appointed: a name that is used again for another EHR means nobody."""
    user: Reference
    """As fhirUser names them: relative, or the absolute URL of another server."""
    role: Role
    name: str = field(repr=False)
    by: str = field(repr=False)
    """Who decided."""
    reason: str = field(repr=False)
    since: dt.datetime
    until: dt.datetime
    """The first moment at which it no longer holds: the midnight (UTC) after its last day."""
    ended: dt.datetime | None = None
    """When it was withdrawn or replaced."""
    ended_by: str = field(default="", repr=False)
    ended_reason: str = field(default="", repr=False)

    @property
    def last_day(self) -> dt.date:
        return self.until.date() - dt.timedelta(days=1)

    def holds(self, on: dt.date) -> bool:
        """Whether it gives its role on that day."""
        return self.ended is None and self.since.date() <= on <= self.last_day


def latest_end(today: dt.date) -> dt.date:
    """The last day that an appointment made today may name: the same day in twelve months."""
    year = today.year + LONGEST_MONTHS // 12
    return today.replace(year=year, day=min(today.day, calendar.monthrange(year, today.month)[1]))


class Appointments:
    """The appointments of this installation. Each change and its audit entry stand or fall together."""

    def __init__(self, database: Database, masters: MasterKeys, audit: AuditTrail, clock: Clock) -> None:
        self._database = database
        self._masters = masters
        self._audit = audit
        self._clock = clock

    def appoint(
        self,
        issuer: Issuer,
        user: str,
        role: Role,
        *,
        name: str,
        by: str,
        reason: str,
        until: dt.date | None = None,
        operator: str = "",
    ) -> Appointment:
        """Gives `user` (Practitioner/1, or the absolute URL of another server) a role until that day, at most twelve
        months ahead, which is what `until` is unless given. One that they already have is replaced. `operator`: the
        account that asks, for the audit entry; who decided (`by`) and why is sealed.

        Raises `Refused` when something is missing, or the day is past or too far away.
        """
        now = self._clock.now()
        last = latest_end(now.date()) if until is None else until
        reference = _reference(user, issuer)
        if not now.date() <= last <= latest_end(now.date()):
            raise Refused(
                f"The last day must be between today and {latest_end(now.date()).isoformat()}: twelve months at most, "
                "then appoint again.",
                code="until",
            )
        made = Appointment(
            id=secrets.token_hex(8),
            issuer=issuer.name,
            fhir_base=FhirBase(issuer.fhir_base),
            user=reference,
            role=role,
            name=_words("name", name),
            by=_words("by", by),
            reason=_words("reason", reason),
            since=now,
            until=dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC),
        )
        with self._database.writing() as connection:
            self._database.lock("appointments")
            for old in self._all(appointments.c.issuer == issuer.name, appointments.c.user == reference):
                if old.role is role and old.ended is None:
                    self._end(old, by=made.by, reason=made.reason, operator=operator, replaced_by=made.id)
            connection.execute(sa.insert(appointments).values(**self._columns(made)))
            self._note(APPOINTED, made, operator=operator, until=last.isoformat())
        return made

    def withdraw(self, id: str, *, by: str, reason: str, operator: str = "") -> Appointment:
        """Takes it away from now on. Raises `Refused` when there is none or it has ended already, and `Tampered`."""
        with self._database.writing() as connection:
            self._database.lock("appointments")
            if not _ids(connection, appointments.c.id == id):
                raise Refused("There is no such appointment.", code="unknown-appointment")
            current = self._opened(_row(connection, id))
            if current.ended is not None:
                raise Refused("This appointment has ended already.", code="ended")
            return self._end(current, by=_words("by", by), reason=_words("reason", reason), operator=operator)

    def roles_of(self, issuer: Issuer, user: Reference, on: dt.date) -> frozenset[Role]:
        """The roles that somebody was appointed to at this EHR and has on that day."""
        return frozenset(each.role for each in self.in_force(issuer, user, on))

    def in_force(self, issuer: Issuer, user: Reference, on: dt.date) -> list[Appointment]:
        """The appointments behind `roles_of`, oldest first."""
        same = appointments.c.issuer == issuer.name, appointments.c.user == user
        return [
            each
            for each in self._all(*same)
            if each.holds(on) and _same_ehr(each, issuer) and self._is_in_the_chain(each)
        ]

    def listed(self) -> list[Appointment]:
        """Every appointment there ever was, oldest first, but for rows that are not what they were."""
        return self._all()

    def damaged(self) -> list[str]:
        """The ids of rows that were written, changed or put back past the app: they give nobody anything."""
        with self._database.connection() as connection:
            ids = _ids(connection)
        sound = {each.id for each in self._all() if each.ended is not None or self._is_in_the_chain(each)}
        return [id for id in ids if id not in sound]

    def sessions_of(self, appointment: Appointment, registry: IssuerRegistry) -> list[LaunchId]:
        """The launches of that person at that EHR that may still be open: for ending them with the appointment."""
        mine = launch_sessions.c.user == appointment.user, launch_sessions.c.ends > self._clock.now()
        query = sa.select(launch_sessions.c.launch_id, launch_sessions.c.fhir_base).where(*mine)
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        return [LaunchId(row.launch_id) for row in rows if _is_there(appointment, row.fhir_base, registry)]

    def rotate_master(self) -> int:
        """Seals every appointment again under the current master; returns how many. One that does not verify stays
        as it is: it gives nobody anything, and must not hold up the others."""
        count = 0
        with self._database.writing() as connection:
            self._database.lock("appointments")  # a row that ends meanwhile must not be sealed as it was
            for id in _ids(connection):
                try:
                    row = _row(connection, id)
                    if self._masters.is_current(row.sealed):
                        continue
                    fresh = self._masters.seal_again(KeyUse.APPOINTMENTS, row.sealed, bound_to=_binding(row))
                except Tampered:
                    continue
                connection.execute(sa.update(appointments).where(appointments.c.id == id).values(sealed=fresh))
                count += 1
        return count

    def _end(self, current: Appointment, *, by: str, reason: str, operator: str, replaced_by: str = "") -> Appointment:
        ended = replace(current, ended=self._clock.now(), ended_by=by, ended_reason=reason)
        with self._database.writing() as connection:
            connection.execute(
                sa.update(appointments).where(appointments.c.id == current.id).values(**self._columns(ended))
            )
            self._note(WITHDRAWN, ended, operator=operator, replaced_by=replaced_by)
        return ended

    def _note(self, action: str, about: Appointment, **detail: str) -> None:
        said = {"issuer": about.issuer, "user": about.user, "role": about.role.value}
        more = {name: value for name, value in detail.items() if value}
        self._audit.append(AuditEntry(action=action, actor="system", subject=about.id, detail={**said, **more}))

    def _is_in_the_chain(self, appointment: Appointment) -> bool:
        """Whether the audit chain saw it begin, and not end: an old row put back over a withdrawn one is in neither."""
        seen = [each.entry.action for each in self._audit.entries(subject=appointment.id)]
        if seen == [APPOINTED]:
            return True
        log.warning("appointment.ignored", appointment=appointment.id, reason="not in the audit chain")
        return False

    def _all(self, *conditions: sa.ColumnElement[bool]) -> list[Appointment]:
        """Those that verify, oldest first; a row that does not is left out, and said so in the log."""
        found = []
        with self._database.connection() as connection:
            for id in _ids(connection, *conditions):
                try:
                    found.append(self._opened(_row(connection, id)))
                except Tampered as error:
                    log.warning("appointment.ignored", appointment=id, reason=error.code)
        return found

    def _columns(self, appointment: Appointment) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": appointment.id,
            "issuer": appointment.issuer,
            "user": appointment.user,
            "role": appointment.role.value,
            "since": appointment.since,
            "until": appointment.until,
            "ended": appointment.ended,
        }
        hidden = {name: getattr(appointment, name) for name in _SEALED}
        binding = _binding(_Shown(**shown))
        sealed = self._masters.seal(KeyUse.APPOINTMENTS, json.dumps(hidden).encode("utf-8"), bound_to=binding)
        return {**shown, "sealed": sealed}

    def _opened(self, row: Any) -> Appointment:
        hidden = json.loads(self._masters.open(KeyUse.APPOINTMENTS, row.sealed, bound_to=_binding(row)))
        return Appointment(
            id=row.id,
            issuer=row.issuer,
            user=Reference(row.user),
            role=Role(row.role),
            since=row.since,
            until=row.until,
            ended=row.ended,
            **hidden,
        )


_SEALED: Final = ("fhir_base", "name", "by", "reason", "ended_by", "ended_reason")


@dataclass(frozen=True)
class _Shown:
    """The columns of a row that anybody with the database can read, and none can change unseen."""

    id: str
    issuer: str
    user: str
    role: str
    since: dt.datetime
    until: dt.datetime | None
    ended: dt.datetime | None


def _ids(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Sequence[str]:
    query = sa.select(appointments.c.id).where(*conditions).order_by(appointments.c.since, appointments.c.id)
    return connection.execute(query).scalars().all()


def _row(connection: sa.Connection, id: str) -> Any:
    """One row by itself, so that one which cannot even be read (SQLite keeps any text as a date) is only itself."""
    try:
        return connection.execute(sa.select(appointments).where(appointments.c.id == id)).one()
    except ValueError:
        raise Tampered("This appointment is not what it was.", code="appointment-damaged") from None


def _binding(row: Any) -> list[str]:
    moments = [_instant_text(moment) for moment in (row.since, row.until, row.ended)]
    return ["appointment", row.id, row.issuer, row.user, row.role, *moments]


def _instant_text(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _same_ehr(appointment: Appointment, issuer: Issuer) -> bool:
    if issuer.prefix:  # a sandbox of many simulations: its entry stands for all of them
        return issuer.fhir_base.startswith(appointment.fhir_base)
    return issuer.fhir_base == appointment.fhir_base


def _is_there(appointment: Appointment, base: str, registry: IssuerRegistry) -> bool:
    """Whether a session at that FHIR base is at the appointment's EHR, though its entry may be gone by now."""
    if base == appointment.fhir_base:
        return True
    try:
        issuer = registry.find(base)
    except UnknownIssuer:
        return False
    return issuer.name == appointment.issuer and _same_ehr(appointment, issuer)


def _reference(user: str, issuer: Issuer) -> Reference:
    """As fhirUser is kept: relative where the person lives at this EHR."""
    relative = user.removeprefix(f"{issuer.fhir_base}/")
    if not _USER.fullmatch(relative):
        raise Refused(
            "Name the person as the EHR does: Practitioner/123, or the whole URL if they live on another server.",
            code="user",
        )
    return Reference(relative)


def _words(what: str, text: str) -> str:
    words = " ".join(text.split())
    if not words or not words.isprintable() or len(words) > _MOST_WORDS:
        raise Refused(f"{what} must be said, in one line of at most {_MOST_WORDS} characters.", code=what)
    return words
