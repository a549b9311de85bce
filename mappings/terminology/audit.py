"""Codes that AuditEvents use, with their displays.

Sources: DICOM PS3.15 A.5 / PS3.16 CID 400, R4 audit-event-outcome, dicom-audit-lifecycle, object-role,
audit-entity-type, security-source-type, v3-ActReason (purpose of use).
"""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """R4 AuditEvent.action."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """R4 AuditEvent.outcome."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"
    MAJOR_FAILURE = "12"


class Lifecycle(StrEnum):
    """DICOM audit life cycle: what happened to the object."""

    ORIGINATION = "1"
    IMPORT = "2"
    AMENDMENT = "3"
    VERIFICATION = "4"
    ACCESS = "6"
    DEIDENTIFICATION = "7"
    EXPORT = "10"
    DISCLOSURE = "11"
    LOGICAL_DELETION = "14"
    ERASURE = "15"


LIFECYCLE_DISPLAYS: dict[Lifecycle, str] = {
    Lifecycle.ORIGINATION: "Origination / Creation",
    Lifecycle.IMPORT: "Import / Copy",
    Lifecycle.AMENDMENT: "Amendment",
    Lifecycle.VERIFICATION: "Verification",
    Lifecycle.ACCESS: "Access / Use",
    Lifecycle.DEIDENTIFICATION: "De-identification",
    Lifecycle.EXPORT: "Export",
    Lifecycle.DISCLOSURE: "Disclosure",
    Lifecycle.LOGICAL_DELETION: "Logical deletion",
    Lifecycle.ERASURE: "Permanent erasure / Physical destruction",
}

PURPOSE_DISPLAYS: dict[str, str] = {
    "TREAT": "treatment",
    "TRAIN": "training",
    "HRESCH": "healthcare research",
    "PATRQT": "patient requested",
    "FAMRQT": "family requested",
    "PWATRNY": "power of attorney",
    "HLEGAL": "legal",
    "PUBHLTH": "public health",
    "COVERAGE": "coverage under policy or program",
    "RECORDMGT": "records management",
    "LABELING": "labeling",
    "HOPERAT": "healthcare operations",
    "HTEST": "test health data",
    "BTG": "break the glass",
}
"""Purposes of use (v3-ActReason) that this project states."""

PATIENT_RECORD = ("110110", "Patient Record")
"""DICOM: a patient record was created, read, updated or deleted."""

EXPORT = ("110106", "Export")
"""DICOM: data left the system."""
DISCLOSE = ("disclose", "Disclose Record Lifecycle Event")
"""ISO 21089: a record was released outward."""
DESTROY = ("destroy", "Destroy/Delete Record Lifecycle Event")
"""ISO 21089: a record was destroyed."""
SOURCE_ROLE = ("110153", "Source Role ID")
DESTINATION_ROLE = ("110152", "Destination Role ID")

APPLICATION_SERVER = ("4", "Application Server")
PERSON = ("1", "Person")
SYSTEM_OBJECT = ("2", "System Object")
PATIENT_ROLE = ("1", "Patient")
REPORT_ROLE = ("3", "Report")
JOB_ROLE = ("20", "Job")
DOMAIN_RESOURCE_ROLE = ("4", "Domain Resource")
