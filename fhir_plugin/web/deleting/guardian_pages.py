"""All pages of those who decide and watch: importing this puts every route on the blueprint."""

from fhir_plugin.web.deleting import cosigning, deciding, legal_holds, opening, queue, watching
from fhir_plugin.web.deleting.places import guarding

__all__ = ["cosigning", "deciding", "guarding", "legal_holds", "opening", "queue", "watching"]
