"""What ordinary view does not show, sealed in our database: implements `ports.HiddenImages`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows, upsert
from fhir_plugin.adapters.tables import hidden_images
from fhir_plugin.damage import unless_damaged
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId


class DatabaseHiddenImages:
    """One row for each hidden image. That it is hidden needs no key: a row that nobody can read still hides."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, hidden_images, _binding, use=KeyUse.DELETIONS)

    def keep(self, image: HiddenImage) -> None:
        with self._database.writing() as connection:
            self._database.lock(f"hidden {image.fhir_base} {image.reference}")
            upsert(connection, hidden_images, self._row(image))

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> HiddenImage | None:
        query = sa.select(hidden_images).where(
            hidden_images.c.fhir_base == fhir_base, hidden_images.c.reference == reference
        )
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        return None if row is None else self._open(row)

    def references(self, fhir_base: FhirBase, patient: PatientId) -> frozenset[Reference]:
        query = sa.select(hidden_images.c.reference).where(
            hidden_images.c.fhir_base == fhir_base, hidden_images.c.patient == patient
        )
        with self._database.connection() as connection:
            return frozenset(Reference(each) for each in connection.execute(query).scalars())

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[HiddenImage]:
        return self._all(hidden_images.c.fhir_base == fhir_base, hidden_images.c.patient == patient)

    def at(self, fhir_base: FhirBase) -> list[HiddenImage]:
        return self._all(hidden_images.c.fhir_base == fhir_base)

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        with self._database.writing() as connection:
            connection.execute(
                hidden_images.delete().where(
                    hidden_images.c.fhir_base == fhir_base, hidden_images.c.reference == reference
                )
            )

    def rotate_master(self) -> int:
        """Seals every row again under the current master key; returns how many."""
        return self._rows.rotate_master()

    # ------------------------------------------------------------------------------------------ inside

    def _all(self, *where: sa.ColumnElement[bool]) -> list[HiddenImage]:
        query = sa.select(hidden_images).where(*where).order_by(hidden_images.c.since.desc(), hidden_images.c.reference)
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("hidden-image", partial(self._open, row), None) for row in rows]
        return [each for each in found if each is not None]

    def _row(self, image: HiddenImage) -> dict[str, Any]:
        clear = {
            "fhir_base": image.fhir_base,
            "reference": image.reference,
            "patient": image.patient,
            "state": image.state.value,
            "since": image.since.astimezone(dt.UTC),
        }
        words = {
            "reason": image.reason.value,
            "by": image.by,
            "by_name": image.by_name,
            "words": image.words,
            "content": image.content,
            "resource": image.resource,
            "digest": image.digest,
            "remains": list(image.remains),
            "pending": image.pending,
            "policy": image.policy,
            "looks": list(image.looks),
        }
        return {**clear, "sealed": self._rows.seal(_Clear(clear), words)}

    def _open(self, row: Any) -> HiddenImage:
        words = self._rows.open(row)
        return HiddenImage(
            fhir_base=FhirBase(row.fhir_base),
            reference=Reference(row.reference),
            patient=PatientId(row.patient),
            since=row.since,
            state=HidingState(row.state),
            reason=HidingReason(words["reason"]),
            by=Reference(words["by"]),
            by_name=words["by_name"],
            words=words["words"],
            content=VaultId(words["content"]) if words["content"] else None,
            resource=VaultId(words["resource"]) if words["resource"] else None,
            digest=words["digest"],
            remains=tuple(words["remains"]),
            pending=words["pending"],
            policy=words["policy"],
            looks=tuple(words.get("looks", ())),
        )


class _Clear:
    """The clear columns of a row that is about to be written."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.__dict__.update(columns)


def _binding(row: Any) -> list[str]:
    return ["hidden-image", row.fhir_base, row.reference, row.patient, row.state, row.since.isoformat()]
