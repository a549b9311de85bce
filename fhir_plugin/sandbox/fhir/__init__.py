"""An independent FHIR R4 (4.0.1) server on SQLite: the record half of the sandbox EHR."""

from fhir_plugin.sandbox.fhir.access import OPEN_ACCESS, Access, AccessDenied, OpenAccess
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.personality import Personality, load_personality, personality_names
from fhir_plugin.sandbox.fhir.routes import create_fhir_blueprint
from fhir_plugin.sandbox.fhir.store import FhirStore

__all__ = [
    "OPEN_ACCESS",
    "Access",
    "AccessDenied",
    "FhirError",
    "FhirStore",
    "OpenAccess",
    "Personality",
    "create_fhir_blueprint",
    "load_personality",
    "personality_names",
]
