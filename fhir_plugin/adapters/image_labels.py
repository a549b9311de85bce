"""What we say about the labels of images, sealed in our database: implements `ports.ImageLabels`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows, upsert
from fhir_plugin.adapters.tables import image_labels
from fhir_plugin.damage import unless_damaged
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.label_change import ImageLabel
from mappings.model.labels import Label
from mappings.terminology.labels import UNREADABLE


class DatabaseImageLabels:
    """One row for each image about whose label anything was said."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, image_labels, _binding)

    def keep(self, label: ImageLabel) -> None:
        with self._database.writing() as connection:
            self._database.lock(f"label {label.fhir_base} {label.reference}")
            upsert(connection, image_labels, self._row(label))

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> ImageLabel | None:
        query = sa.select(image_labels).where(
            image_labels.c.fhir_base == fhir_base, image_labels.c.reference == reference
        )
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        return None if row is None else self._open(row)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[ImageLabel]:
        query = (
            sa.select(image_labels)
            .where(image_labels.c.fhir_base == fhir_base, image_labels.c.patient == patient)
            .order_by(image_labels.c.reference)
        )
        with self._database.connection(for_change=for_change) as connection:
            rows = connection.execute(query.with_for_update() if for_change else query).all()
        return [self._open(row) for row in rows]

    def rotate_master(self) -> int:
        """Seals every row again under the current master key; returns how many."""
        return self._rows.rotate_master()

    def _row(self, label: ImageLabel) -> dict[str, Any]:
        words = {
            "labels": [[each.system, each.code] for each in label.labels],
            "since": _text(label.since),
            "by": label.by,
            "by_name": label.by_name,
            "statement": label.statement,
            "hidden_since": _text(label.hidden_since),
            "untold": label.untold,
            "pending": label.pending,
            "found_ordinary": label.found_ordinary,
            "ordinary_words": label.ordinary_words,
        }
        return {
            "fhir_base": label.fhir_base,
            "reference": label.reference,
            "patient": label.patient,
            "sealed": self._rows.seal(label, words),
        }

    def _open(self, row: Any) -> ImageLabel:
        """What cannot be read is not nothing: somebody had said something, and until it is known it restricts."""
        whose = (FhirBase(row.fhir_base), Reference(row.reference), PatientId(row.patient))
        words = unless_damaged("image-label", partial(self._rows.open, row), None)
        if words is None:
            return ImageLabel(*whose, labels=(UNREADABLE,))
        labels = tuple(Label(system, code) for system, code in words.pop("labels"))
        since, hidden_since = _instant(words.pop("since")), _instant(words.pop("hidden_since"))
        return ImageLabel(*whose, labels=labels, since=since, hidden_since=hidden_since, **words)


def _text(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _binding(row: Any) -> list[str]:
    return ["image-label", row.fhir_base, row.reference, row.patient]
