"""Requests for a copy of a record, sealed in our database: implements `ports.DisclosureRequests`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows
from fhir_plugin.adapters.tables import disclosure_requests
from fhir_plugin.damage import unless_damaged
from fhir_plugin.disclose.desk.request_json import request_from_json, request_to_json
from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState
from mappings.model.identifiers import FhirBase, PatientId

_OPEN = (RequestState.OPEN, RequestState.WAITS_FOR_SECOND, RequestState.MAKING)


class DatabaseDisclosureRequests:
    """One row a request. In the clear: whose, where it stands, how often it changed; everything else is sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, disclosure_requests, _binding, use=KeyUse.DISCLOSURES)

    def add(self, request: DisclosureRequest) -> None:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        row = insert(disclosure_requests).values(**self._row(request)).on_conflict_do_nothing(index_elements=["id"])
        with self._database.writing() as connection:
            if connection.execute(row.returning(disclosure_requests.c.id)).one_or_none() is None:
                raise AlreadyThere("This request is there already.")

    def get(self, id: DisclosureId, *, for_change: bool = False) -> DisclosureRequest:
        query = sa.select(disclosure_requests).where(disclosure_requests.c.id == id)
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        if row is None:
            raise NotFound("There is no such request.", status=404)
        return self._open(row)

    def save(self, request: DisclosureRequest) -> None:
        before = (
            disclosure_requests.c.id == request.id,
            disclosure_requests.c.revision == request.revision - 1,
        )
        with self._database.writing() as connection:
            changed = connection.execute(disclosure_requests.update().where(*before).values(**self._row(request)))
        if changed.rowcount != 1:
            raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DisclosureRequest]:
        query = (
            sa.select(disclosure_requests)
            .where(disclosure_requests.c.fhir_base == fhir_base, disclosure_requests.c.patient == patient)
            .order_by(disclosure_requests.c.created.desc(), disclosure_requests.c.id.desc())
        )
        return self._all(query)

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        query = sa.select(sa.func.count()).where(
            disclosure_requests.c.fhir_base == fhir_base, disclosure_requests.c.patient == patient
        )
        with self._database.connection() as connection:
            kept = connection.execute(query).scalar_one()
        return max(0, kept - len(self.of_patient(fhir_base, patient)))

    def open_at(self, fhir_base: FhirBase) -> list[DisclosureRequest]:
        query = (
            sa.select(disclosure_requests)
            .where(
                disclosure_requests.c.fhir_base == fhir_base,
                disclosure_requests.c.state.in_([state.value for state in _OPEN]),
            )
            .order_by(disclosure_requests.c.created, disclosure_requests.c.id)
        )
        return self._all(query)

    def tell_reading(self, id: DisclosureId, share: float | None, at: dt.datetime) -> None:
        with self._database.writing() as connection:
            connection.execute(
                disclosure_requests.update()
                .where(disclosure_requests.c.id == id)
                .values(reading=share, reading_at=None if share is None else at)
            )

    def reading(self, id: DisclosureId) -> tuple[float, dt.datetime] | None:
        query = sa.select(disclosure_requests.c.reading, disclosure_requests.c.reading_at).where(
            disclosure_requests.c.id == id
        )
        with self._database.connection() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or row.reading is None else (row.reading, row.reading_at)

    def rotate_master(self) -> int:
        """Seals every request again under the current master key; returns how many."""
        return self._rows.rotate_master()

    def _all(self, query: sa.Select[Any]) -> list[DisclosureRequest]:
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("disclosure-request-row", partial(self._open, row), None) for row in rows]
        return [request for request in found if request is not None]

    def _row(self, request: DisclosureRequest) -> dict[str, Any]:
        return {
            "id": request.id,
            "fhir_base": request.fhir_base,
            "patient": request.patient,
            "state": request.state.value,
            "revision": request.revision,
            "created": request.created,
            "sealed": self._rows.seal(request, request_to_json(request)),
        }

    def _open(self, row: Any) -> DisclosureRequest:
        return request_from_json(
            self._rows.open(row),
            id=DisclosureId(row.id),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            state=RequestState(row.state),
            revision=row.revision,
            created=row.created,
        )


def _binding(row: Any) -> list[str]:
    """Everything in the clear that a request says, so that nobody moves it to another patient or state past the app."""
    return [
        "disclosure-request",
        row.id,
        row.fhir_base,
        row.patient,
        str(row.state),
        str(row.revision),
        row.created.isoformat(),
    ]
