"""Whose record it is: the patient as the EHR names them now."""

from __future__ import annotations

import datetime as dt
import json

from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import RecordRefused, Unavailable, WrongPatient
from fhir_plugin.ports import ClinicalRecord, Vault
from mappings.model.identifiers import LaunchId, PatientId
from mappings.model.people import ClinicalSession, Patient
from mappings.r4.patient import from_patient

PATIENT_IS_FRESH = dt.timedelta(seconds=60)
"""How long a page may show the patient's details without asking the EHR again."""

KNOWN_FOR = dt.timedelta(hours=12)
"""How long a launch remembers what the EHR said: longer than any launch lasts."""

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


class KnownPatients:
    """The patients of the launches of one process, as the EHR last named them."""

    def __init__(self, parts: CaptureParts) -> None:
        self._parts = parts
        self._named: dict[LaunchId, tuple[dt.datetime, Patient]] = {}

    def now(self, session: ClinicalSession) -> Patient:
        """Asked of the EHR, whatever was known."""
        return patient_now(self._parts.records(session.launch_id), session.patient_id)

    def lately(self, session: ClinicalSession) -> Patient:
        """As the EHR named them a moment ago."""
        now = self._parts.clock.now()
        named = self._named.get(session.launch_id)
        if named is None or now - named[0] > PATIENT_IS_FRESH:
            named = (now, self.now(session))
            self._named = {key: kept for key, kept in self._named.items() if now - kept[0] <= KNOWN_FOR}
            self._named[session.launch_id] = named
        return named[1]

    def known(self, session: ClinicalSession) -> Patient:
        """As the EHR last named them in this launch, however long ago: looking at a picture waits for no EHR."""
        named = self._named.get(session.launch_id)
        return named[1] if named is not None else self.lately(session)

    def name(self, session: ClinicalSession) -> str:
        """Their name for a list; empty while the EHR cannot be asked, because words are kept all the same."""
        try:
            return self.known(session).name
        except Unavailable:
            return ""

    def forget(self) -> None:
        """The next page asks the EHR again."""
        self._named.clear()
