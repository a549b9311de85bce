"""What a person who is no programmer calls each type of resource (FHIR R4), one at a time."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = {
    "Account": "Account",
    "AdverseEvent": "Adverse event",
    "AllergyIntolerance": "Allergy or intolerance",
    "Appointment": "Appointment",
    "AppointmentResponse": "Reply to an appointment",
    "Basic": "Other entry",
    "Binary": "File",
    "BodyStructure": "Place on the body",
    "CarePlan": "Care plan",
    "CareTeam": "Care team",
    "ChargeItem": "Charge",
    "ClinicalImpression": "Clinical impression",
    "Communication": "Message",
    "CommunicationRequest": "Request for pictures or a message",
    "Composition": "Document",
    "Condition": "Condition",
    "Consent": "Consent",
    "Coverage": "Insurance",
    "DetectedIssue": "Warning",
    "DeviceRequest": "Request for a device",
    "DeviceUseStatement": "Use of a device",
    "DiagnosticReport": "Report",
    "DocumentManifest": "Set of documents",
    "DocumentReference": "Document",
    "Encounter": "Contact with the practice",
    "EpisodeOfCare": "Episode of care",
    "FamilyMemberHistory": "Family history",
    "Flag": "Alert",
    "Goal": "Goal",
    "ImagingStudy": "Imaging",
    "Immunization": "Vaccination",
    "List": "List",
    "Media": "Picture",
    "MedicationAdministration": "Medicine given",
    "MedicationDispense": "Medicine handed out",
    "MedicationRequest": "Prescription",
    "MedicationStatement": "Medicine taken",
    "MolecularSequence": "Genetic sequence",
    "NutritionOrder": "Diet",
    "Observation": "Measurement or finding",
    "Patient": "Who the patient is",
    "Person": "Person",
    "Procedure": "Procedure",
    "Provenance": "Who entered something, and when",
    "QuestionnaireResponse": "Answers to questions",
    "RelatedPerson": "Relative or carer",
    "RiskAssessment": "Assessment of risk",
    "ServiceRequest": "Request or referral",
    "Specimen": "Specimen",
    "Task": "Task",
    "VisionPrescription": "Prescription for glasses",
}


def plain_type(resource_type: str) -> str:
    """`Allergy or intolerance` for `AllergyIntolerance`; a type without words of ours keeps its own, apart."""
    known = _WORDS.get(resource_type)
    return known or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource_type).capitalize()
