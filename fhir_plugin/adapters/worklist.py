"""What waits for people, sealed in our database: implements `ports.Worklist`.

That there is one open item for each kind and subject is a partial unique index: of two who add at once, the second
gets the first one's item.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import work_items
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import Json
from mappings.model.identifiers import FhirBase, PatientId, WorkId
from mappings.model.work import WorkItem, WorkKind

log = structlog.get_logger(__name__)

_OPEN = work_items.c.done_at.is_(None)


class DatabaseWorklist:
    """One row an item. The row says what it is about and when it is due; names, words and who did it are sealed.

    A row that was changed past the app does not open: asked for by its id it raises `Tampered`; in a list it is
    left out and logged, so that one damaged row does not take everybody's list away.
    """

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._masters = masters

    def add(self, item: WorkItem) -> WorkItem:
        values = self._row(item)
        with self._database.writing() as connection:
            while True:
                insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
                added = connection.execute(
                    insert(work_items)
                    .values(**values)
                    .on_conflict_do_nothing(
                        index_elements=["fhir_base", "kind", "subject"], index_where=sa.text("done_at IS NULL")
                    )
                    .returning(work_items.c.id)
                ).one_or_none()
                if added is not None:
                    return item
                row = connection.execute(
                    sa.select(work_items).where(
                        _OPEN,
                        work_items.c.fhir_base == item.fhir_base,
                        work_items.c.kind == item.kind,
                        work_items.c.subject == item.subject,
                    )
                ).one_or_none()
                if row is not None:  # else it was finished between the two statements: there is room again
                    return self._open(row)

    def get(self, id: WorkId, *, for_change: bool = False) -> WorkItem:
        query = sa.select(work_items).where(work_items.c.id == id)
        if for_change:
            query = query.with_for_update()
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no work item {id}", status=404)
        return self._open(row)

    def save(self, item: WorkItem) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                work_items.update().where(work_items.c.id == item.id).values(**self._row(item))
            )
        if changed.rowcount != 1:
            raise NotFound(f"there is no work item {item.id}", status=404)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, done: bool = False) -> list[WorkItem]:
        wanted = () if done else (_OPEN,)
        return self._all(
            sa.select(work_items)
            .where(work_items.c.fhir_base == fhir_base, work_items.c.patient == patient, *wanted)
            .order_by(work_items.c.created, work_items.c.id)
        )

    def of_practice(self, fhir_base: FhirBase, *, kind: WorkKind | None = None) -> list[WorkItem]:
        wanted = () if kind is None else (work_items.c.kind == kind,)
        return self._all(
            sa.select(work_items)
            .where(_OPEN, work_items.c.fhir_base == fhir_base, *wanted)
            .order_by(work_items.c.due, work_items.c.id)
        )

    def late(self, now: dt.datetime) -> list[WorkItem]:
        return self._all(
            sa.select(work_items).where(_OPEN, work_items.c.due < now).order_by(work_items.c.due, work_items.c.id)
        )

    def rotate_master(self) -> int:
        """Seals every item again under the current master key, one at a time; returns how many."""
        with self._database.connection() as connection:
            rows = connection.execute(sa.select(work_items)).all()
        return sum(self._seal_again(row.id) for row in rows if not self._masters.is_current(row.sealed))

    def _seal_again(self, id: str) -> bool:
        same = work_items.c.id == id
        with self._database.writing() as connection:
            row = connection.execute(sa.select(work_items).where(same).with_for_update()).one_or_none()
            if row is None or self._masters.is_current(row.sealed):
                return False
            fresh = self._masters.seal_again(KeyUse.WORK, row.sealed, bound_to=_binding(row))
            connection.execute(work_items.update().where(same).values(sealed=fresh))
        return True

    def _all(self, query: sa.Select[Any]) -> list[WorkItem]:
        found = []
        with self._database.connection() as connection:
            for row in connection.execute(query):
                try:
                    found.append(self._open(row))
                except Tampered as error:
                    log.error("work-item-damaged", item=row.id, code=error.code)
        return found

    def _row(self, item: WorkItem) -> dict[str, Any]:
        sealed = {
            "owner_name": item.owner_name,
            "cover": item.cover,
            "cover_name": item.cover_name,
            "patient_name": item.patient_name,
            "words": item.words,
            "not_by": item.not_by,
            "done_by": item.done_by,
            "outcome": item.outcome,
        }
        text = json.dumps(sealed, ensure_ascii=False, separators=(",", ":"))
        return {
            "id": item.id,
            "kind": item.kind.value,
            "fhir_base": item.fhir_base,
            "patient": item.patient,
            "subject": item.subject,
            "owner": item.owner,
            "created": item.created,
            "due": item.due,
            "done_at": item.done_at,
            "sealed": self._masters.seal(KeyUse.WORK, text.encode(), bound_to=_binding(item)),
        }

    def _open(self, row: Any) -> WorkItem:
        sealed: Json = json.loads(self._masters.open(KeyUse.WORK, row.sealed, bound_to=_binding(row)))
        return WorkItem(
            id=WorkId(row.id),
            kind=WorkKind(row.kind),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            subject=row.subject,
            created=row.created,
            due=row.due,
            owner=row.owner,
            done_at=row.done_at,
            **sealed,
        )


def _binding(item: Any) -> list[str]:
    """Everything in the clear, so that nobody moves an item to another patient, owner or day past the app."""
    done = "" if item.done_at is None else item.done_at.isoformat()
    times = [item.created.isoformat(), item.due.isoformat(), done]
    return ["work", item.id, item.kind, item.fhir_base, item.patient, item.subject, item.owner or "", *times]
