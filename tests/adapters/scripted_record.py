"""A record over a transport that answers as it is told."""

from __future__ import annotations

from typing import Any

from fhir_plugin.adapters.fhir_record import FhirServerRecord
from mappings.model.identifiers import FhirBase
from smart_launch import errors as smart
from tests.fakes.transport import Answer, ScriptedTransport

BASE = FhirBase("https://ehr.example/r4/fhir")
CANARY = "Jane Canary 999 000 0001"
MEDIA = {"resourceType": "Media", "id": "m1", "meta": {"versionId": "3"}, "status": "completed"}
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "rest": [{"mode": "server", "resource": [{"type": "Binary", "interaction": [{"code": "create"}]}]}],
}


def record(*script: Answer | smart.TransportError, **options: Any) -> tuple[FhirServerRecord, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    return FhirServerRecord(transport, BASE, **options), transport


def outcome(code: str = "invalid", severity: str = "error", diagnostics: str = CANARY) -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics, "details": {"text": CANARY}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
