"""What was left in charts that take no images, sealed in our database: implements `ports.ChartCopies`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows, upsert
from fhir_plugin.adapters.tables import chart_copies
from fhir_plugin.damage import unless_damaged
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId, Reference
from mappings.model.writeback import ChartCopy, CopyState, Rung

_WAITING = (CopyState.TO_FILE, CopyState.REMOVE_BY_HAND)


class DatabaseChartCopies:
    """One row a copy. In the clear: whose, of which image, where it lies in the chart, and where it stands.

    A row that nobody can read stops whoever asks about its image, its document or its patient (`Tampered`): a copy
    that is not known of would be given out, or left behind by a destruction.
    """

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, chart_copies, _binding, use=KeyUse.COPIES)

    def save(self, copy: ChartCopy) -> None:
        with self._database.writing() as connection:
            self._database.lock(f"chart copy {copy.id}")
            upsert(connection, chart_copies, self._row(copy))

    def of_image(self, fhir_base: FhirBase, image: Reference) -> list[ChartCopy]:
        return self._all(chart_copies.c.fhir_base == fhir_base, chart_copies.c.image == image)

    def of_document(self, fhir_base: FhirBase, document: Reference) -> list[ChartCopy]:
        here = sa.or_(chart_copies.c.document == document, chart_copies.c.binary == document)
        return self._all(chart_copies.c.fhir_base == fhir_base, here)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[ChartCopy]:
        return self._all(chart_copies.c.fhir_base == fhir_base, chart_copies.c.patient == patient)

    def waiting(self) -> list[ChartCopy]:
        rows = self._select(chart_copies.c.state.in_([state.value for state in _WAITING]))
        found = [unless_damaged("chart-copy", partial(self._open, row), None) for row in rows]
        return [copy for copy in found if copy is not None]

    def rotate_master(self) -> int:
        """Seals every row again under the current master key; returns how many."""
        return self._rows.rotate_master()

    # ------------------------------------------------------------------------------------------ inside

    def _all(self, *where: sa.ColumnElement[bool]) -> list[ChartCopy]:
        return [self._open(row) for row in self._select(*where)]

    def _select(self, *where: sa.ColumnElement[bool]) -> list[Any]:
        query = sa.select(chart_copies).where(*where).order_by(chart_copies.c.since, chart_copies.c.id)
        with self._database.connection() as connection:
            return list(connection.execute(query).all())

    def _row(self, copy: ChartCopy) -> dict[str, Any]:
        clear = {
            "id": copy.id,
            "fhir_base": copy.fhir_base,
            "patient": copy.patient,
            "image": copy.image,
            "document": copy.document,
            "binary": copy.binary,
            "state": copy.state.value,
            "since": copy.since.astimezone(dt.UTC),
        }
        words = {
            "image_id": copy.image_id,
            "capture_id": copy.capture_id,
            "rung": copy.rung.value,
            "content_type": copy.content_type,
            "digest": copy.digest,
            "reduced": copy.reduced,
        }
        return {**clear, "sealed": self._rows.seal(_Clear(clear), words)}

    def _open(self, row: Any) -> ChartCopy:
        words = self._rows.open(row)
        return ChartCopy(
            id=row.id,
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            image=Reference(row.image),
            image_id=ImageId(words["image_id"]),
            capture_id=CaptureId(words["capture_id"]),
            rung=Rung(words["rung"]),
            state=CopyState(row.state),
            since=row.since,
            document=Reference(row.document) if row.document else None,
            binary=Reference(row.binary) if row.binary else None,
            content_type=words["content_type"],
            digest=words["digest"],
            reduced=words["reduced"],
        )


class _Clear:
    """The clear columns of a row that is about to be written."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.__dict__.update(columns)


def _binding(row: Any) -> list[str]:
    """Everything in the clear, so that no copy is moved to another image, or said to be gone, past the app."""
    places = [row.document or "", row.binary or ""]
    return ["chart-copy", row.id, row.fhir_base, row.patient, row.image, *places, row.state, row.since.isoformat()]
