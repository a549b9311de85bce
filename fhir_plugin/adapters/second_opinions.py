"""Second opinions, sealed in our database: implements `keep.opinion.SecondOpinions`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows
from fhir_plugin.adapters.tables import second_opinions
from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import NotFound
from fhir_plugin.keep.opinion import LIVE, OpinionState, SecondOpinion, opinion_from_json, opinion_to_json
from mappings.model.identifiers import FhirBase, OpinionId, PatientId, Reference


class DatabaseSecondOpinions:
    """One row an opinion. In the clear: whose, with whom, where it stands, when it ends; everything else is sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, second_opinions, _binding, use=KeyUse.OPINIONS)

    def add(self, opinion: SecondOpinion) -> None:
        with self._database.writing() as connection:
            connection.execute(second_opinions.insert().values(**self._row(opinion)))

    def get(self, id: OpinionId, *, for_change: bool = False) -> SecondOpinion:
        query = sa.select(second_opinions).where(second_opinions.c.id == id)
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        if row is None:
            raise NotFound(f"there is no second opinion {id}", status=404)
        return self._open(row)

    def save(self, opinion: SecondOpinion) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                second_opinions.update().where(second_opinions.c.id == opinion.id).values(**self._row(opinion))
            )
        if changed.rowcount != 1:
            raise NotFound(f"there is no second opinion {opinion.id}", status=404)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[SecondOpinion]:
        query = (
            sa.select(second_opinions)
            .where(second_opinions.c.fhir_base == fhir_base, second_opinions.c.patient == patient)
            .order_by(second_opinions.c.created.desc(), second_opinions.c.id.desc())
        )
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("opinion-row", partial(self._open, row), None) for row in rows]
        return [opinion for opinion in found if opinion is not None]

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        query = sa.select(sa.func.count()).where(
            second_opinions.c.fhir_base == fhir_base, second_opinions.c.patient == patient
        )
        with self._database.connection() as connection:
            kept = connection.execute(query).scalar_one()
        return max(0, kept - len(self.of_patient(fhir_base, patient)))

    def live(self) -> list[OpinionId]:
        return self._ids(second_opinions.c.state.in_([state.value for state in LIVE]))

    def overdue(self, now: dt.datetime) -> list[OpinionId]:
        live = second_opinions.c.state.in_([state.value for state in LIVE])
        return self._ids(sa.and_(live, second_opinions.c.expires <= now))

    def _ids(self, where: sa.ColumnElement[bool]) -> list[OpinionId]:
        query = sa.select(second_opinions.c.id).where(where).order_by(second_opinions.c.expires, second_opinions.c.id)
        with self._database.connection() as connection:
            return [OpinionId(row.id) for row in connection.execute(query)]

    def rotate_master(self) -> int:
        """Seals every opinion again under the current master key; returns how many."""
        return self._rows.rotate_master()

    def _row(self, opinion: SecondOpinion) -> dict[str, Any]:
        return {
            "id": opinion.id,
            "fhir_base": opinion.fhir_base,
            "patient": opinion.patient,
            "state": opinion.state.value,
            "recipient": opinion.recipient,
            "created": opinion.created,
            "expires": opinion.expires,
            "sealed": self._rows.seal(opinion, opinion_to_json(opinion)),
        }

    def _open(self, row: Any) -> SecondOpinion:
        return opinion_from_json(
            self._rows.open(row),
            id=OpinionId(row.id),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            state=OpinionState(row.state),
            recipient=Reference(row.recipient),
            created=row.created,
            expires=row.expires,
        )


def _binding(row: Any) -> list[str]:
    """Everything in the clear, so that nobody becomes the recipient, or gets more time, past the app."""
    times = [row.created.isoformat(), row.expires.isoformat()]
    return ["second-opinion", row.id, row.fhir_base, row.patient, str(row.state), row.recipient, *times]
