"""Requests to patients, sealed in our database, and how often an address tried links that do not exist.

Implements `capture.requests.parts.PhotoRequestStore` and `LinkTries`. A link is found by the keyed digest of its
secret through a unique index; a database that was stolen opens none.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows
from fhir_plugin.adapters.tables import link_tries, photo_requests
from fhir_plugin.capture.requests.request import LIVE, PhotoRequest
from fhir_plugin.capture.requests.request_json import request_from_json, request_to_json
from fhir_plugin.errors import NotFound, Tampered
from mappings.model.identifiers import FhirBase, PatientId, RequestId

log = structlog.get_logger(__name__)

REDUCED = "reduced"
"""Stands in the column of the link, so that what was reduced is not looked at again."""


class DatabasePhotoRequests:
    """One row a request. In the clear: whose, where it stands, when it ends; everything else is sealed.

    A row that was changed past the app does not open: alone it raises `Tampered`, in a list it is left out and logged.
    """

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, photo_requests, _binding, use=KeyUse.REQUESTS)

    def add(self, request: PhotoRequest) -> None:
        with self._database.writing() as connection:
            connection.execute(photo_requests.insert().values(**self._row(request)))

    def get(self, request_id: RequestId, *, for_change: bool = False) -> PhotoRequest:
        found = self._one(photo_requests.c.id == request_id, for_change=for_change)
        if found is None:
            raise NotFound(f"there is no request {request_id}", status=404)
        return found

    def by_link(self, link_digest: str, *, for_change: bool = False) -> PhotoRequest | None:
        return self._one(photo_requests.c.link_digest == link_digest, for_change=for_change) if link_digest else None

    def save(self, request: PhotoRequest) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                photo_requests.update().where(photo_requests.c.id == request.request_id).values(**self._row(request))
            )
        if changed.rowcount != 1:
            raise NotFound(f"there is no request {request.request_id}", status=404)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[PhotoRequest]:
        return self._all(
            sa.select(photo_requests)
            .where(photo_requests.c.fhir_base == fhir_base, photo_requests.c.patient == patient)
            .order_by(photo_requests.c.created.desc(), photo_requests.c.id.desc())
        )

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        query = sa.select(sa.func.count()).where(
            photo_requests.c.fhir_base == fhir_base, photo_requests.c.patient == patient
        )
        with self._database.connection() as connection:
            kept = connection.execute(query).scalar_one()
        return max(0, kept - len(self.of_patient(fhir_base, patient)))

    def last_practice(self, fhir_base: FhirBase) -> tuple[str, str]:
        newest = self._all(
            sa.select(photo_requests)
            .where(photo_requests.c.fhir_base == fhir_base)
            .order_by(photo_requests.c.created.desc())
            .limit(1)
        )
        return (newest[0].practice, newest[0].practice_phone) if newest else ("", "")

    def lapsed(self, now: dt.datetime) -> list[RequestId]:
        query = (
            sa.select(photo_requests.c.id)
            .where(photo_requests.c.state.in_([state.value for state in LIVE]), photo_requests.c.expires <= now)
            .order_by(photo_requests.c.expires)
        )
        with self._database.connection() as connection:
            return [RequestId(row.id) for row in connection.execute(query)]

    def old(self, before: dt.datetime) -> list[RequestId]:
        query = sa.select(photo_requests.c.id).where(
            photo_requests.c.state.not_in([state.value for state in LIVE]),
            photo_requests.c.created <= before,
            photo_requests.c.link_digest.not_like(f"{REDUCED}/%"),
        )
        with self._database.connection() as connection:
            return [RequestId(row.id) for row in connection.execute(query)]

    def rotate_master(self) -> int:
        """Seals every request again under the current master key; returns how many."""
        return self._rows.rotate_master()

    def _one(self, where: sa.ColumnElement[bool], *, for_change: bool) -> PhotoRequest | None:
        query = sa.select(photo_requests).where(where)
        if for_change:
            query = query.with_for_update()
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else self._open(row)

    def _all(self, query: sa.Select[Any]) -> list[PhotoRequest]:
        found = []
        with self._database.connection() as connection:
            for row in connection.execute(query):
                try:
                    found.append(self._open(row))
                except Tampered as error:
                    log.error("photo-request-damaged", request=row.id, code=error.code)
        return found

    def _row(self, request: PhotoRequest) -> dict[str, Any]:
        clear = {
            "id": request.request_id,
            "link_digest": request.link_digest or f"{_without_link(request)}/{request.request_id}",
            "fhir_base": request.fhir_base,
            "patient": request.patient,
            "state": request.state.value,
            "created": request.created,
            "expires": request.expires,
        }
        return {**clear, "sealed": self._rows.seal(_Clear(clear), request_to_json(request))}

    def _open(self, row: Any) -> PhotoRequest:
        try:
            return request_from_json(self._rows.open(row))
        except (ValueError, KeyError, TypeError) as error:  # its words would be the patient's: only its kind is told
            kind = type(error).__name__
            raise Tampered(f"the request {row.id} cannot be read ({kind})", code="unreadable-request") from None


class DatabaseLinkTries:
    """One row for each address that guessed lately, under a keyed digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, who: str, *, since: dt.datetime) -> int:
        query = sa.select(link_tries.c.count).where(link_tries.c.who == who, link_tries.c.since > since)
        with self._database.connection() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def add(self, who: str, *, now: dt.datetime, since: dt.datetime) -> int:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        over = link_tries.c.since <= since
        with self._database.writing() as connection:
            return int(
                connection.execute(
                    insert(link_tries)
                    .values(who=who, since=now, count=1)
                    .on_conflict_do_update(
                        index_elements=["who"],
                        set_={
                            "since": sa.case((over, now), else_=link_tries.c.since),
                            "count": sa.case((over, 1), else_=link_tries.c.count + 1),
                        },
                    )
                    .returning(link_tries.c.count)
                ).scalar_one()
            )

    def forget(self, before: dt.datetime) -> int:
        old = sa.select(sa.literal(1)).where(link_tries.c.since <= before).limit(1)
        with self._database.connection() as connection:
            if connection.execute(old).first() is None:  # nearly always: then nothing is written
                return 0
        with self._database.writing() as connection:
            return connection.execute(link_tries.delete().where(link_tries.c.since <= before)).rowcount


def _without_link(request: PhotoRequest) -> str:
    return REDUCED if request.reduced else "none"


class _Clear:
    """A row that is not written yet, as its binding reads it."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _binding(row: Any) -> list[str]:
    """Everything in the clear, so that nobody moves a link to another patient or a later day past the app."""
    times = [row.created.isoformat(), row.expires.isoformat()]
    return ["photo-request", row.id, row.link_digest, row.fhir_base, row.patient, row.state, *times]
