"""Who the tests are about, and their launches."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from fhir_plugin.errors import SignInNeeded
from fhir_plugin.ports import Json
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Patient, Role, User
from smart_launch import binding_of

AMY = Patient(PatientId("amy"), "Amy LEE", dt.date(1984, 6, 21), "9990000018", "female")
SAM = Patient(PatientId("sam"), "Samira O’NEILL-CHATTERJEE", dt.date(1979, 2, 3), "9990000026", "female")
DOCTOR = User(Reference("Practitioner/dr"), "Dr Priya Shah", frozenset({Role.CLINICIAN}))
BASE = FhirBase("https://ehr.example/fhir")


def session(launch: str = "launch-1", patient: Patient = AMY, *, banner: bool = True) -> ClinicalSession:
    return ClinicalSession(
        launch_id=LaunchId(launch),
        fhir_base=BASE,
        issuer=BASE,
        patient_id=patient.id,
        user=DOCTOR,
        need_patient_banner=banner,
    )


BROWSER = "the secret of the browser that launched"


@dataclass(frozen=True)
class Kept:
    """A launch session as the store keeps it."""

    launch_id: LaunchId
    patient: PatientId | None
    context: Json
    browser_binding_hash: str = binding_of(BROWSER)
    fhir_base: FhirBase = BASE
    issuer: str = BASE
    encounter: str | None = None
    user: Reference | None = DOCTOR.reference
    user_display: str = DOCTOR.display


def kept(session: ClinicalSession) -> Kept:
    roles = sorted(role.value for role in session.user.roles)
    context: Json = {"roles": roles, "need_patient_banner": session.need_patient_banner}
    if session.requests_only:
        context["requests_only"] = True
    user = session.user
    return Kept(
        session.launch_id,
        session.patient_id or None,
        context,
        fhir_base=session.fhir_base,
        user=user.reference,
        user_display=user.display,
    )


@dataclass
class Left:
    """How long a session lasts from the moment it is asked."""

    idle_seconds: int = 1800
    absolute_seconds: int = 28_800
    warn_seconds: int = 120


class FakeSessions:
    """Three launches. `left` is what they say of their time; `touched` counts uses."""

    def __init__(self) -> None:
        self.left = Left()
        self.touched: list[LaunchId] = []
        self.known: dict[str, ClinicalSession] = {
            "amy": session("amy", AMY),
            "sam": session("sam", SAM),
            "framed": session("framed", AMY, banner=False),
        }

    def time_left(self, launch_id: LaunchId) -> Left:
        self.get(launch_id)
        return self.left

    def touch(self, launch_id: LaunchId) -> Kept:
        kept = self.get(launch_id)
        self.touched.append(launch_id)
        return kept

    def get(self, launch_id: LaunchId) -> Kept:
        if launch_id not in self.known:
            raise SignInNeeded("This session has ended: launch again from the chart.", code="session-expired")
        return kept(self.known[launch_id])
