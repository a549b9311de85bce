"""The people of a capture, without FHIR."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference


class Role(StrEnum):
    """What the app lets somebody do: drawn from the EHR's job roles, or given by the organisation's appointment."""

    CLINICIAN = "clinician"
    TRIAGE = "triage"
    DISCLOSURE_OFFICER = "disclosure-officer"
    CALDICOTT_GUARDIAN = "caldicott-guardian"
    PRIVACY_OFFICER = "privacy-officer"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Patient:
    """The patient as the EHR names them. `birth_date` is None when missing or partial: age then counts as unknown."""

    id: PatientId
    name: str = field(repr=False)
    birth_date: dt.date | None = field(default=None, repr=False)
    nhs_number: str | None = field(default=None, repr=False)
    gender: str | None = field(default=None, repr=False)
    deceased: bool = False

    @property
    def reference(self) -> Reference:
        return Reference(f"Patient/{self.id}")

    def age_on(self, day: dt.date) -> int | None:
        """Whole years on `day`; born on 29 February, a birthday falls on 1 March. None when unknown."""
        if self.birth_date is None:
            return None
        years = day.year - self.birth_date.year
        return years - ((day.month, day.day) < (self.birth_date.month, self.birth_date.day))


@dataclass(frozen=True)
class User:
    """Who is signed in at the EHR. `reference` is fhirUser relative to the FHIR base."""

    reference: Reference
    display: str = field(repr=False)
    roles: frozenset[Role] = frozenset()
    practitioner: Reference | None = field(default=None, compare=False)
    """The Practitioner behind a login as a PractitionerRole, where the EHR says who it is."""

    @property
    def person(self) -> Reference:
        """Who it is, whatever the login: two roles of one person are not two people."""
        return self.practitioner or self.reference


@dataclass(frozen=True)
class JobNamed:
    """One job that the EHR names for somebody: in words, as a code, and what it gives here."""

    words: str
    system: str
    code: str
    counts: bool
    """Whether it is in force today, at this organisation."""
    role: Role | None = None


NOBODY = PatientId("")
"""Whom a session is about that is about no patient: no id that a server may give."""


@dataclass(frozen=True)
class ClinicalSession:
    """One launch: one user, one patient, one EHR. Everything a page or a write does is done for exactly these."""

    launch_id: LaunchId
    fhir_base: FhirBase
    issuer: str
    patient_id: PatientId
    user: User
    encounter: Reference | None = None
    need_patient_banner: bool = True
    requests_only: bool = False
    """Came in by the Guardian's own way: about no patient (`NOBODY`), with access that opens no record."""

    @property
    def patient_url(self) -> str:
        """The patient's absolute URL: two EHRs may give the same id to two people."""
        return f"{self.fhir_base}/Patient/{self.patient_id}"
