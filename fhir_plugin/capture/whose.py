"""Whose record it is: the patient as the EHR names them now."""

from __future__ import annotations

import json

from fhir_plugin.errors import RecordRefused, WrongPatient
from fhir_plugin.ports import ClinicalRecord, Vault
from mappings.model.identifiers import PatientId
from mappings.model.people import Patient
from mappings.r4.patient import from_patient

_NO_PATIENT = {403: "patient-forbidden", 404: "patient-unknown", 410: "patient-unknown"}
"""What a refused reading of the patient means, by the EHR's status."""


def patient_now(record: ClinicalRecord, patient_id: PatientId) -> Patient:
    """Refuses a record that was merged into another, and says so when the EHR will not show this one."""
    try:
        resource = record.read("Patient", patient_id)
    except RecordRefused as refused:
        code = _NO_PATIENT.get(refused.status)
        if code is None:
            raise
        raise type(refused)(refused.message, status=refused.status, code=code) from refused
    links = resource.get("link")
    if isinstance(links, list) and any(isinstance(link, dict) and link.get("type") == "replaced-by" for link in links):
        raise WrongPatient(
            "This record has been merged into another. Open the patient's current record and launch from there.",
            code="patient-merged",
        )
    return from_patient(resource)


def identity_of(vault: Vault, patient: Patient) -> str:
    """Changes when anything by which a person recognises the patient does. Says nothing about them."""
    shown = [patient.id, patient.name, str(patient.birth_date), patient.nhs_number, patient.deceased]
    return vault.keyed_digest(json.dumps(shown).encode())[:32]
