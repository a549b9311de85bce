"""Requests for permanent deletion and certificates, sealed in our database: implements `ports.DeletionCases`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.deletion_json import case_from_json, case_to_json
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.sealed_rows import SealedRows
from fhir_plugin.adapters.tables import deletion_cases, deletion_certificates
from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound
from mappings.model.deletion import (
    CaseId,
    Certificate,
    CertificateNumber,
    DeletionCase,
    ItemId,
    look_at,
)
from mappings.model.identifiers import FhirBase, PatientId


class DatabaseDeletionCases:
    """One row a request, one a certificate. In the clear: whose, when, whether open, when to look again, how often it
    changed, and a keyed digest to be found by; everything else is sealed. `digest`: `Vault.keyed_digest`."""

    def __init__(self, database: Database, masters: MasterKeys, digest: Callable[[bytes], str]) -> None:
        self._database = database
        self._digest = digest
        self._cases = SealedRows(database, masters, deletion_cases, _case_binding, use=KeyUse.DELETIONS)
        self._certificates = SealedRows(
            database, masters, deletion_certificates, _certificate_binding, use=KeyUse.DELETIONS
        )

    def add(self, case: DeletionCase) -> None:
        row = self._insert(deletion_cases).values(**self._row(case)).on_conflict_do_nothing(index_elements=["id"])
        with self._database.writing() as connection:
            if connection.execute(row.returning(deletion_cases.c.id)).one_or_none() is None:
                raise AlreadyThere("This request is there already.")

    def get(self, id: CaseId, *, for_change: bool = False) -> DeletionCase:
        query = sa.select(deletion_cases).where(deletion_cases.c.id == id)
        with self._database.connection(for_change=for_change) as connection:
            row = connection.execute(query.with_for_update() if for_change else query).one_or_none()
        if row is None:
            raise NotFound("There is no such request.", status=404)
        return self._open(row)

    def save(self, case: DeletionCase) -> None:
        before = (deletion_cases.c.id == case.id, deletion_cases.c.revision == case.revision - 1)
        with self._database.writing() as connection:
            changed = connection.execute(deletion_cases.update().where(*before).values(**self._row(case)))
        if changed.rowcount != 1:
            raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DeletionCase]:
        return self._newest_first(deletion_cases.c.fhir_base == fhir_base, deletion_cases.c.patient == patient)

    def open_at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        query = (
            sa.select(deletion_cases)
            .where(deletion_cases.c.fhir_base == fhir_base, deletion_cases.c.is_open)
            .order_by(deletion_cases.c.created, deletion_cases.c.id)
        )
        return self._all(query)

    def at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        return self._newest_first(deletion_cases.c.fhir_base == fhir_base)

    def bases(self) -> list[FhirBase]:
        query = sa.select(deletion_cases.c.fhir_base).distinct().order_by(deletion_cases.c.fhir_base)
        with self._database.connection() as connection:
            return [FhirBase(each) for each in connection.execute(query).scalars()]

    def of_nhs_number(self, fhir_base: FhirBase, nhs_number: str) -> list[DeletionCase]:
        digest = self._nhs_digest(nhs_number)
        if digest is None:
            return []
        return self._newest_first(deletion_cases.c.fhir_base == fhir_base, deletion_cases.c.nhs_digest == digest)

    def due(self, now: dt.datetime) -> list[CaseId]:
        query = sa.select(deletion_cases.c.id).where(deletion_cases.c.look_at <= now)
        with self._database.connection() as connection:
            ids = connection.execute(query.order_by(deletion_cases.c.created, deletion_cases.c.id)).scalars()
            return [CaseId(each) for each in ids]

    def certify(self, certificate: Certificate) -> None:
        clear = {
            "number": certificate.number,
            "fhir_base": certificate.fhir_base,
            "patient": certificate.patient,
            "case_id": certificate.case,
            "item_id": certificate.item,
            "at": certificate.at.astimezone(dt.UTC),
        }
        words = {"statement": certificate.statement, "jws": certificate.jws}
        sealed = self._certificates.seal(SimpleNamespace(**clear), words)
        insert = self._insert(deletion_certificates).values(**clear, sealed=sealed)
        with self._database.writing() as connection:
            connection.execute(insert.on_conflict_do_nothing(index_elements=["number"]))

    def certificate(self, number: CertificateNumber) -> Certificate:
        query = sa.select(deletion_certificates).where(deletion_certificates.c.number == number)
        with self._database.connection() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such certificate.", status=404)
        return self._open_certificate(row)

    def certificates(self, fhir_base: FhirBase, patient: PatientId) -> list[Certificate]:
        query = (
            sa.select(deletion_certificates)
            .where(deletion_certificates.c.fhir_base == fhir_base, deletion_certificates.c.patient == patient)
            .order_by(deletion_certificates.c.at, deletion_certificates.c.number)
        )
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("certificate", partial(self._open_certificate, row), None) for row in rows]
        return [each for each in found if each is not None]

    def rotate_master(self) -> int:
        """Seals every request and certificate again under the current master key; returns how many."""
        return self._cases.rotate_master() + self._certificates.rotate_master()

    # ------------------------------------------------------------------------------------------ inside

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite.insert if self._database.is_sqlite else postgresql.insert)(table)

    def _newest_first(self, *where: sa.ColumnElement[bool]) -> list[DeletionCase]:
        query = sa.select(deletion_cases).where(*where)
        return self._all(query.order_by(deletion_cases.c.created.desc(), deletion_cases.c.id.desc()))

    def _all(self, query: sa.Select[Any]) -> list[DeletionCase]:
        with self._database.connection() as connection:
            rows = connection.execute(query).all()
        found = [unless_damaged("deletion-case", partial(self._open, row), None) for row in rows]
        return [each for each in found if each is not None]

    def _nhs_digest(self, nhs_number: str) -> str | None:
        digits = "".join(nhs_number.split())
        return self._digest(f"nhs-number {digits}".encode()) if digits else None

    def _row(self, case: DeletionCase) -> dict[str, Any]:
        looked_at = look_at(case)
        clear = {
            "id": case.id,
            "fhir_base": case.fhir_base,
            "patient": case.patient,
            "nhs_digest": self._nhs_digest(case.nhs_number),
            "is_open": case.open,
            "revision": case.revision,
            "created": case.created.astimezone(dt.UTC),
            "look_at": looked_at.astimezone(dt.UTC) if looked_at else None,
        }
        return {**clear, "sealed": self._cases.seal(SimpleNamespace(**clear), case_to_json(case))}

    def _open(self, row: Any) -> DeletionCase:
        return case_from_json(
            self._cases.open(row),
            id=CaseId(row.id),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            revision=row.revision,
            created=row.created,
        )

    def _open_certificate(self, row: Any) -> Certificate:
        words = self._certificates.open(row)
        return Certificate(
            number=CertificateNumber(row.number),
            fhir_base=FhirBase(row.fhir_base),
            patient=PatientId(row.patient),
            case=CaseId(row.case_id),
            item=ItemId(row.item_id),
            at=row.at,
            statement=words["statement"],
            jws=words["jws"],
        )


def _case_binding(row: Any) -> list[str]:
    """Everything that a row says in the clear, so that nobody moves it to another patient or hides it from a list."""
    return [
        "deletion-case",
        row.id,
        row.fhir_base,
        row.patient,
        row.nhs_digest or "",
        "open" if row.is_open else "ended",
        str(row.revision),
        row.created.isoformat(),
        row.look_at.isoformat() if row.look_at else "",
    ]


def _certificate_binding(row: Any) -> list[str]:
    return [
        "deletion-certificate",
        row.number,
        row.fhir_base,
        row.patient,
        row.case_id,
        row.item_id,
        row.at.isoformat(),
    ]
