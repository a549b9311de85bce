"""Captures in the making, sealed in our database: implements `capture.draft.DraftStore`."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import drafts
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import NotFound
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference


class DatabaseDrafts:
    """One row per capture; what was typed and what was found out about the images is sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._masters = masters

    def add(self, draft: Draft) -> None:
        with self._database.writing() as connection:
            connection.execute(drafts.insert().values(version=1, **self._row(draft)))

    def get(self, capture_id: CaptureId, *, for_change: bool = False) -> Draft:
        query = sa.select(drafts.c.sealed, drafts.c.capture_id).where(drafts.c.capture_id == capture_id)
        if for_change:
            query = query.with_for_update()
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no capture {capture_id}", status=404)
        return self._open(row)

    def save(self, draft: Draft) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                drafts.update()
                .where(drafts.c.capture_id == draft.capture_id)
                .values(version=drafts.c.version + 1, **self._row(draft))
            )
        if changed.rowcount != 1:
            raise NotFound(f"there is no capture {draft.capture_id}", status=404)

    def of(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference | None) -> list[Draft]:
        whose = () if user is None else (drafts.c.user == user,)
        return self._all(
            sa.select(drafts.c.sealed, drafts.c.capture_id)
            .where(drafts.c.fhir_base == fhir_base, drafts.c.patient == patient, *whose)
            .order_by(drafts.c.created.desc())
        )

    def unfinished(self) -> list[Draft]:
        query = (
            sa.select(drafts.c.sealed, drafts.c.capture_id)
            .where(drafts.c.state.in_([DraftState.OPEN, DraftState.FILING]))
            .order_by(drafts.c.created)
        )
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("draft", partial(self._open, row), None) for row in rows]
        return [draft for draft in found if draft is not None]

    def rotate_master(self) -> int:
        """Seals every draft again under the current master key; returns how many."""
        count = 0
        with self._database.writing() as connection:
            rows = sa.select(drafts.c.sealed, drafts.c.capture_id).order_by(drafts.c.capture_id)
            for row in connection.execute(rows.with_for_update()).all():
                if not self._masters.is_current(row.sealed):
                    fresh = self._masters.seal_again(KeyUse.DRAFTS, row.sealed, bound_to=["draft", row.capture_id])
                    connection.execute(
                        drafts.update().where(drafts.c.capture_id == row.capture_id).values(sealed=fresh)
                    )
                    count += 1
        return count

    def _all(self, query: sa.Select[Any]) -> list[Draft]:
        with self._database.connection() as connection:
            return [self._open(row) for row in connection.execute(query)]

    def _row(self, draft: Draft) -> dict[str, Any]:
        text = json.dumps(draft_to_json(draft), ensure_ascii=False, separators=(",", ":"))
        return {
            "capture_id": draft.capture_id,
            "launch": draft.launch,
            "fhir_base": draft.fhir_base,
            "patient": draft.patient,
            "user": draft.user,
            "state": draft.state,
            "created": draft.created,
            "updated": draft.updated,
            "sealed": self._masters.seal(KeyUse.DRAFTS, text.encode(), bound_to=["draft", draft.capture_id]),
        }

    def _open(self, row: Any) -> Draft:
        text = self._masters.open(KeyUse.DRAFTS, row.sealed, bound_to=["draft", row.capture_id])
        return draft_from_json(json.loads(text))
