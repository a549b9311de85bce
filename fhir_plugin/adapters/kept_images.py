"""The register of what we filed and when it is reviewed, sealed in our database: implements `ports.KeptImages`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows, upsert
from fhir_plugin.adapters.tables import kept_images
from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import NotFound
from mappings.model.consent import ConsentScope
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference
from mappings.model.kept import KeptImage, OwnConsent

_DAYS = (kept_images.c.review_at_16, kept_images.c.review_at_18, kept_images.c.retention_review)


class DatabaseKeptImages:
    """One row for each image; who it is of, how old they are and what they said is sealed."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._rows = SealedRows(database, masters, kept_images, _binding)

    def keep(self, image: KeptImage) -> None:
        with self._database.writing() as connection:
            self._database.lock(f"kept {image.fhir_base} {image.reference}")
            upsert(connection, kept_images, self._row(image))

    def get(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> KeptImage:
        query = sa.select(kept_images).where(kept_images.c.fhir_base == fhir_base, kept_images.c.reference == reference)
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        if row is None:
            raise NotFound(f"{reference} is not in the register of kept images", status=404)
        return self._open(row)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[KeptImage]:
        query = (
            sa.select(kept_images)
            .where(kept_images.c.fhir_base == fhir_base, kept_images.c.patient == patient)
            .order_by(kept_images.c.filed, kept_images.c.reference)
        )
        return self._readable(query, for_change=for_change)

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        query = sa.select(sa.func.count()).where(kept_images.c.fhir_base == fhir_base, kept_images.c.patient == patient)
        with self._database.connection() as connection:
            kept = connection.execute(query).scalar_one()
        return max(0, kept - len(self.of_patient(fhir_base, patient)))

    def due(self, today: dt.date) -> list[KeptImage]:
        return self._readable(
            sa.select(kept_images)
            .where(sa.or_(*(day <= today for day in _DAYS)))
            .order_by(kept_images.c.filed, kept_images.c.reference)
        )

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        with self._database.writing() as connection:
            connection.execute(
                kept_images.delete().where(kept_images.c.fhir_base == fhir_base, kept_images.c.reference == reference)
            )

    def rotate_master(self) -> int:
        """Seals every row again under the current master key; returns how many."""
        return self._rows.rotate_master()

    def _readable(self, query: sa.Select[Any], *, for_change: bool = False) -> list[KeptImage]:
        with self._database.connection(for_change=for_change) as connection:
            rows = connection.execute(query.with_for_update() if for_change else query).all()
        found = [unless_damaged("kept-image", partial(self._open, row), None) for row in rows]
        return [image for image in found if image is not None]

    def _row(self, image: KeptImage) -> dict[str, Any]:
        words = {
            "consent": image.consent,
            "owner": image.owner,
            "owner_name": image.owner_name,
            "patient_name": image.patient_name,
            "birth_date": image.birth_date.isoformat() if image.birth_date else None,
            "adult": image.adult,
            "own_consent": image.own_consent.value,
            "retention_due": image.retention_due,
            "withdrawn": sorted(image.withdrawn),
            "a_parents": sorted(image.a_parents),
            "untold": sorted(image.untold),
            "known_wishes": image.known_wishes,
        }
        return {
            "fhir_base": image.fhir_base,
            "reference": image.reference,
            "patient": image.patient,
            "capture_id": image.capture_id,
            "filed": image.filed,
            "review_at_16": image.review_at_16,
            "review_at_18": image.review_at_18,
            "retention_review": image.retention_review,
            "sealed": self._rows.seal(image, words),
        }

    def _open(self, row: Any) -> KeptImage:
        words = self._rows.open(row)
        born, own_consent = words.pop("birth_date"), words.pop("own_consent")
        withdrawn = frozenset(ConsentScope(scope) for scope in words.pop("withdrawn"))
        untold = frozenset(ConsentScope(scope) for scope in words.pop("untold", ()))
        a_parents = frozenset(ConsentScope(scope) for scope in words.pop("a_parents", ()))
        return KeptImage(
            fhir_base=FhirBase(row.fhir_base),
            reference=Reference(row.reference),
            patient=PatientId(row.patient),
            capture_id=CaptureId(row.capture_id),
            filed=row.filed,
            review_at_16=row.review_at_16,
            review_at_18=row.review_at_18,
            retention_review=row.retention_review,
            birth_date=dt.date.fromisoformat(born) if born else None,
            own_consent=OwnConsent(own_consent),
            withdrawn=withdrawn,
            untold=untold,
            a_parents=a_parents,
            **words,
        )


def _binding(row: Any) -> list[str]:
    days = [day.isoformat() if day else "" for day in (row.review_at_16, row.review_at_18, row.retention_review)]
    return ["kept-image", row.fhir_base, row.reference, row.patient, row.capture_id, row.filed.isoformat(), *days]
