"""Which types of resource a patient's record is made of, and by which search parameter each is found (R4 4.0.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_plugin.capability import Capability

_NAMES: Final = """
Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse Basic BodyStructure CarePlan CareTeam
ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition Condition Consent
Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue DeviceRequest DeviceUseStatement
DiagnosticReport DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare ExplanationOfBenefit
FamilyMemberHistory Flag Goal Group ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation
Invoice List MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement
MolecularSequence NutritionOrder Observation Person Procedure Provenance QuestionnaireResponse RelatedPerson
RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest Specimen SupplyDelivery SupplyRequest
VisionPrescription
"""
COMPARTMENT: Final = frozenset(_NAMES.split())
"""Of the Patient compartment (CompartmentDefinition/patient) what can be a part of a record that is given out. Who
used the record (AuditEvent) is never given out with it."""

BESIDE: Final = (
    "CommunicationRequest",
    "Consent",
    "DocumentReference",
    "Media",
    "Provenance",
    "QuestionnaireResponse",
    "Task",
)
"""Types that our own companion store may hold whatever the EHR knows."""

NEVER: Final = frozenset({"AuditEvent", "Binary", "Bundle", "Patient", "Subscription"})
"""Not looked for by type: the patient is read by id, bytes by what points to them."""

PARAMETERS: Final = ("patient", "subject", "individual", "beneficiary", "member", "actor")
"""In the order in which they are tried: the first that the server knows for the type."""


def to_ask(capability: Capability) -> Iterator[tuple[str, str | None, str]]:
    """Each type with the parameter to search by and why it cannot be read (empty when it can).

    What the server holds, but this launch was not given, is told, too: nobody shall take a part for the whole.
    """
    for type_ in sorted({*capability.interactions, *BESIDE} - NEVER):
        told = "search-type" in capability.interactions.get(type_, frozenset())
        known = capability.search_params.get(type_, frozenset())
        parameter = next((each for each in PARAMETERS if each in known), None)
        if parameter is None and type_ not in COMPARTMENT and type_ not in BESIDE:
            continue  # about nobody: organisations, code systems
        if not capability.interactions.get(type_):
            yield type_, "patient", ""  # ours alone
        elif not told:
            yield type_, "patient" if type_ in BESIDE else None, "not-searchable"
        elif not capability.may(type_, "search-type"):
            yield type_, "patient" if type_ in BESIDE else None, "not-granted"
        else:
            yield type_, parameter or "patient", ""
