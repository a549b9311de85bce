"""What the companion store keeps of one patient, and of everybody, by its clear columns; the two places of a launch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import companion_resources
from fhir_plugin.ports import ClinicalRecord
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.r4 import elements

_rows = companion_resources


@dataclass(frozen=True)
class LaunchPlaces:
    """`TwoPlaces` of one launch."""

    there: ClinicalRecord = field(repr=False)
    here: CompanionRecord = field(repr=False)
    patient: PatientId
    database: Database = field(repr=False)

    def kept(self, known: Collection[Reference] | None = None) -> list[Reference]:
        own = self._named()
        return own if known is None else [*own, *self._about({*own, *known})]

    def _about(self, mine: set[Reference]) -> list[Reference]:
        """Provenances that name nobody, of which one target is among these."""
        query = sa.select(_rows.c.id).where(
            _rows.c.fhir_base == self.here.base,
            _rows.c.type == "Provenance",
            _rows.c.patient.is_(None),
            _rows.c.deleted.is_(False),
        )
        with self.database.connection() as connection:
            ids = list(connection.execute(query.order_by(_rows.c.last_updated, _rows.c.id)).scalars())
        return [Reference(f"Provenance/{id}") for id in ids if self._targets(id) & mine]

    def _targets(self, id: str) -> set[Reference]:
        targets = elements.objects_of(self.here.read("Provenance", id).get("target"))
        found = (elements.reference_of(each) for each in targets)
        return {Reference(each.split("/_history/")[0]) for each in found if each is not None}

    def _named(self) -> list[Reference]:
        query = (
            sa.select(_rows.c.type, _rows.c.id)
            .where(_rows.c.fhir_base == self.here.base, _rows.c.patient == self.patient, _rows.c.deleted.is_(False))
            .order_by(_rows.c.type, _rows.c.last_updated, _rows.c.id)
        )
        with self.database.connection() as connection:
            return [Reference(f"{row.type}/{row.id}") for row in connection.execute(query).all()]

    def purge(self, reference: Reference) -> int:
        return self.here.purge(reference)


def counted(database: Database) -> list[tuple[FhirBase, str, int, int]]:
    """Of each EHR and type: how many resources are kept, and of how many patients. Nobody is named."""
    patients = sa.func.count(sa.distinct(_rows.c.patient))
    query = (
        sa.select(_rows.c.fhir_base, _rows.c.type, sa.func.count(), patients)
        .where(_rows.c.deleted.is_(False))
        .group_by(_rows.c.fhir_base, _rows.c.type)
        .order_by(_rows.c.fhir_base, _rows.c.type)
    )
    with database.connection() as connection:
        return [(FhirBase(base), kind, number, of) for base, kind, number, of in connection.execute(query).all()]


def patients_kept(database: Database) -> list[tuple[FhirBase, PatientId]]:
    """Everybody of whom something is kept, in a stable order."""
    query = (
        sa.select(_rows.c.fhir_base, _rows.c.patient)
        .where(_rows.c.deleted.is_(False), _rows.c.patient.is_not(None))
        .distinct()
        .order_by(_rows.c.fhir_base, _rows.c.patient)
    )
    with database.connection() as connection:
        return [(FhirBase(base), PatientId(patient)) for base, patient in connection.execute(query).all()]
