"""Colleagues, absences and holds, sealed in our database: implements the stores of `work.stores` and `ports.Holds`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows, upsert
from fhir_plugin.adapters.tables import absences, colleagues, drafts, holds, intents
from fhir_plugin.errors import NotFound
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import Role
from mappings.model.practice import Absence, Colleague, Hold, HoldKind


def anybody_worked_at(database: Database, fhir_bases: Collection[str]) -> bool:
    """Whether anybody has ever launched this app from one of these EHRs.

    What they did counts, too: the first release wrote down no colleagues.
    """
    with database.connection() as connection:
        for table in (colleagues, drafts, intents):
            found = sa.select(sa.literal(1)).select_from(table).where(table.c.fhir_base.in_(fhir_bases)).limit(1)
            if connection.execute(found).first() is not None:
                return True
    return False


class DatabaseColleagues:
    """One row for each person at each EHR; name and roles are sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, colleagues, lambda row: ["colleague", row.fhir_base, row.user])

    def seen(self, colleague: Colleague) -> None:
        words = {"name": colleague.name, "roles": sorted(colleague.roles)}
        with self._database.writing() as connection:
            self._database.lock(f"colleague {colleague.fhir_base} {colleague.user}")
            values = {
                "fhir_base": colleague.fhir_base,
                "user": colleague.user,
                "last_seen": colleague.last_seen,
                "sealed": self._rows.seal(colleague, words),
            }
            upsert(connection, colleagues, values)

    def at(self, fhir_base: FhirBase, *, since: dt.datetime) -> list[Colleague]:
        query = sa.select(colleagues).where(colleagues.c.fhir_base == fhir_base, colleagues.c.last_seen >= since)
        with self._database.connection() as connection:
            found = [self._open(row) for row in connection.execute(query)]
        return sorted(found, key=lambda each: (each.name, each.user))

    def rotate_master(self) -> int:
        return self._rows.rotate_master()

    def _open(self, row: Any) -> Colleague:
        words = self._rows.open(row)
        roles = frozenset(Role(role) for role in words["roles"])
        return Colleague(FhirBase(row.fhir_base), Reference(row.user), row.last_seen, words["name"], roles)


class DatabaseAbsences:
    """One row for each person who is or will be away; the names are sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, absences, _absence_binding)

    def set(self, absence: Absence) -> None:
        words = {"user_name": absence.user_name, "cover_name": absence.cover_name}
        with self._database.writing() as connection:
            self._database.lock(f"absence {absence.fhir_base} {absence.user}")
            values = {
                "fhir_base": absence.fhir_base,
                "user": absence.user,
                "cover": absence.cover,
                "first_day": absence.first_day,
                "last_day": absence.last_day,
                "sealed": self._rows.seal(absence, words),
            }
            upsert(connection, absences, values)

    def end(self, fhir_base: FhirBase, user: Reference) -> None:
        with self._database.writing() as connection:
            connection.execute(absences.delete().where(absences.c.fhir_base == fhir_base, absences.c.user == user))

    def at(self, fhir_base: FhirBase) -> list[Absence]:
        query = sa.select(absences).where(absences.c.fhir_base == fhir_base).order_by(absences.c.first_day)
        with self._database.connection() as connection:
            return [
                Absence(
                    FhirBase(row.fhir_base),
                    Reference(row.user),
                    Reference(row.cover),
                    row.first_day,
                    row.last_day,
                    **self._rows.open(row),
                )
                for row in connection.execute(query)
            ]

    def rotate_master(self) -> int:
        return self._rows.rotate_master()


class DatabaseHolds:
    """One row for each hold, kept when it has been lifted; everything that was said is sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, holds, _hold_binding)

    def add(self, hold: Hold) -> None:
        with self._database.writing() as connection:
            connection.execute(holds.insert().values(**self._row(hold)))

    def get(self, id: str, *, for_change: bool = False) -> Hold:
        query = sa.select(holds).where(holds.c.id == id)
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        if row is None:
            raise NotFound(f"there is no hold {id}", status=404)
        return self._open(row)

    def save(self, hold: Hold) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(holds.update().where(holds.c.id == hold.id).values(**self._row(hold)))
        if changed.rowcount != 1:
            raise NotFound(f"there is no hold {hold.id}", status=404)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, lifted: bool = False) -> list[Hold]:
        wanted = () if lifted else (holds.c.lifted.is_(None),)
        query = (
            sa.select(holds)
            .where(holds.c.fhir_base == fhir_base, holds.c.patient == patient, *wanted)
            .order_by(holds.c.since, holds.c.id)
        )
        with self._database.connection() as connection:
            return [self._open(row) for row in connection.execute(query)]

    def rotate_master(self) -> int:
        return self._rows.rotate_master()

    def _row(self, hold: Hold) -> dict[str, Any]:
        words = {
            "by": hold.by,
            "by_name": hold.by_name,
            "words": hold.words,
            "about": hold.about,
            "told": hold.told,
            "policy": hold.policy,
            "note": hold.note,
            "lifted_by": hold.lifted_by,
            "lifted_by_name": hold.lifted_by_name,
            "lifted_because": hold.lifted_because,
            "follows": hold.follows,
        }
        return {
            "id": hold.id,
            "fhir_base": hold.fhir_base,
            "patient": hold.patient,
            "kind": hold.kind.value,
            "since": hold.since,
            "lifted": hold.lifted,
            "sealed": self._rows.seal(hold, words),
        }

    def _open(self, row: Any) -> Hold:
        return Hold(
            id=row.id,
            kind=HoldKind(row.kind),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            since=row.since,
            lifted=row.lifted,
            **self._rows.open(row),
        )


def _absence_binding(row: Any) -> list[str]:
    return ["absence", row.fhir_base, row.user, row.cover, row.first_day.isoformat(), row.last_day.isoformat()]


def _hold_binding(row: Any) -> list[str]:
    lifted = "" if row.lifted is None else row.lifted.isoformat()
    return ["hold", row.id, row.fhir_base, row.patient, row.kind, row.since.isoformat(), lifted]
