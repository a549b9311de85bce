"""What comparing vault, database and record has to know of the rows, without opening any: names, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import (
    chart_copies,
    companion_resources,
    deletion_cases,
    disclosure_requests,
    drafts,
    hidden_images,
    holds,
    image_labels,
    intents,
    kept_images,
    launch_sessions,
    photo_requests,
    second_opinions,
    tokens,
    work_items,
)
from fhir_plugin.delete.hidden_kept import owners_of_copy
from fhir_plugin.ports import Clock, kept_under
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference

_IDS = (
    drafts.c.capture_id,
    intents.c.id,
    work_items.c.id,
    second_opinions.c.id,
    disclosure_requests.c.id,
    photo_requests.c.id,
    holds.c.id,
    deletion_cases.c.id,
)
_IMAGES = (kept_images, hidden_images, image_labels)
_OF_PATIENTS = (kept_images, hidden_images, deletion_cases, launch_sessions, chart_copies, companion_resources)


@dataclass(frozen=True)
class Rows:
    """Clear columns alone: a row that cannot be opened still owns what is kept under its name."""

    database: Database
    clock: Clock

    def owners(self) -> frozenset[str]:
        """Every name under which something may lie in the vault, as far as the database knows it."""
        with self.database.connection() as connection:
            names = {str(id) for column in _IDS for id in connection.execute(sa.select(column)).scalars()}
            for table in _IMAGES:
                rows = connection.execute(sa.select(table.c.fhir_base, table.c.reference)).all()
                names |= {kept_under(row.fhir_base, row.reference) for row in rows}
            names |= self._beside(connection)
        return frozenset(names)

    def _beside(self, connection: sa.Connection) -> set[str]:
        """The bytes of what is kept beside a chart, and what hidden copies in charts were."""
        held = sa.select(companion_resources.c.fhir_base, companion_resources.c.id)
        held = held.where(companion_resources.c.type == "Binary", companion_resources.c.deleted.is_(False))
        names = {kept_under(row.fhir_base, f"Binary/{row.id}") for row in connection.execute(held).all()}
        copies = sa.select(chart_copies.c.fhir_base, chart_copies.c.document).where(
            chart_copies.c.document.is_not(None)
        )
        for row in connection.execute(copies).all():
            names.update(owners_of_copy(FhirBase(row.fhir_base), Reference(row.document)))
        return names

    def patients(self) -> list[tuple[FhirBase, PatientId]]:
        """Everybody of whom a register, a request or a launch speaks, in a stable order."""
        found: set[tuple[str, str]] = set()
        with self.database.connection() as connection:
            for table in _OF_PATIENTS:
                query = sa.select(table.c.fhir_base, table.c.patient).where(table.c.patient.is_not(None)).distinct()
                found |= {(row.fhir_base, row.patient) for row in connection.execute(query).all()}
        return [(FhirBase(base), PatientId(patient)) for base, patient in sorted(found)]

    def launches(self, fhir_base: FhirBase, patient: PatientId) -> Sequence[LaunchId]:
        """Those of a patient that have a token and are not over, the newest first."""
        query = (
            sa.select(launch_sessions.c.launch_id)
            .join(tokens, tokens.c.launch_id == launch_sessions.c.launch_id)
            .where(
                launch_sessions.c.fhir_base == fhir_base,
                launch_sessions.c.patient == patient,
                launch_sessions.c.ends > self.clock.now(),
            )
            .order_by(launch_sessions.c.created.desc())
        )
        with self.database.connection() as connection:
            return [LaunchId(id) for id in connection.execute(query).scalars()]

    def cases(self, fhir_base: FhirBase) -> int:
        """How many requests for permanent deletion there are at an EHR, those that cannot be opened among them."""
        query = sa.select(sa.func.count()).select_from(deletion_cases).where(deletion_cases.c.fhir_base == fhir_base)
        with self.database.connection() as connection:
            return int(connection.execute(query).scalar_one())
