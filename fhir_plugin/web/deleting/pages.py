"""All pages of hiding and permanent deletion: importing this puts every route on the blueprint."""

from fhir_plugin.web.deleting import following, hiding, requesting
from fhir_plugin.web.deleting.blueprint import deleting

__all__ = ["deleting", "following", "hiding", "requesting"]
