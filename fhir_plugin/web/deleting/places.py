"""The blueprint of those who decide about permanent deletion and watch over it, and what their pages share.

Their pages are about a case, whichever patient the launch is about: the banner names the case's patient, every form
says whose case it was made for, and nothing is read with the launch's access.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final, cast

from flask import Blueprint, current_app, request

from fhir_plugin.errors import WrongPatient
from fhir_plugin.web.asking import own_page, parts, show
from fhir_plugin.web.deleting.guarded import Offices
from fhir_plugin.web.words import local
from mappings.model.deletion import DeletionCase
from mappings.model.identifiers import FhirBase, PatientId
from mappings.model.people import NOBODY, ClinicalSession, Patient, Role

guarding = Blueprint("guarding", __name__, url_prefix="/l/<launch>")
"""Addresses below `guardian`, `register` and `certificates`."""

GUARDIAN: Final = (Role.CALDICOTT_GUARDIAN,)
EVERYBODY: Final = Patient(NOBODY, "All patients")
"""Whom a page across patients is about."""
WATCHERS: Final = (Role.PRIVACY_OFFICER, Role.AUDITOR)
"""Who sees the register. An auditor changes nothing."""


def offices() -> Offices:
    """The services behind these pages."""
    return cast(Offices, current_app.extensions["fhir_plugin"].deletion)


def today() -> dt.date:
    """On a UK calendar."""
    return local(parts().clock.now()).date()


def whose(fhir_base: FhirBase, patient: PatientId) -> str:
    """What a form says about whose case it is."""
    return f"{fhir_base}/Patient/{patient}"


def of_a_case(session: ClinicalSession) -> None:
    """The page that sends this was made in this launch, and for a case: looked at before any case is. Raises
    `WrongPatient`."""
    own_page(session)
    if not request.form.get("about", ""):
        raise WrongPatient("The page was made for another patient's request than this one.")


def about(session: ClinicalSession, case: DeletionCase) -> None:
    """It was made for exactly this case's patient, as the page named them. Raises `WrongPatient`."""
    of_a_case(session)
    if request.form["about"] != whose(case.fhir_base, case.patient) or not _names(patient_of(case)):
        raise WrongPatient("The page was made for another patient's request than this one.")


def of_a_list(session: ClinicalSession) -> None:
    """The page that sends this was made in this launch, across patients. Raises `WrongPatient`."""
    own_page(session)
    if not _names(EVERYBODY):
        raise WrongPatient("The page was made for another patient, not for a list of all.")


def _names(patient: Patient) -> bool:
    """Whether the page that sends this named exactly this patient."""
    return request.form.get("identity_seen", "") == parts().captures.identity_digest(patient)


def patient_of(case: DeletionCase) -> Patient:
    """The case's patient, as they were known when it was asked for."""
    return Patient(case.patient, case.patient_name or "Name not kept", nhs_number=case.nhs_number or None)


def case_page(template: str, session: ClinicalSession, case: DeletionCase, **values: Any) -> str:
    """A page about one case, which names that case's patient, whatever the EHR shows around it."""
    return _page(template, session, patient_of(case), case=case, about=whose(case.fhir_base, case.patient), **values)


def list_page(template: str, session: ClinicalSession, **values: Any) -> str:
    """A page across patients: it names none of them as the one that it is about."""
    return _page(template, session, EVERYBODY, case=None, about="", **values)


def _page(template: str, session: ClinicalSession, patient: Patient, **values: Any) -> str:
    return show(f"deleting/{template}", replace(session, need_patient_banner=True), patient, **values)
