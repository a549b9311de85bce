"""All of the patient's pages: importing this puts every route on the blueprint."""

from fhir_plugin.web.patient import endings, pictures, routes, steps
from fhir_plugin.web.patient.blueprint import patient

__all__ = ["endings", "patient", "pictures", "routes", "steps"]
