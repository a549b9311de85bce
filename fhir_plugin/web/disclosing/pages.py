"""All pages of the disclosure desk: importing this puts every route on the blueprint."""

from fhir_plugin.web.disclosing import arriving, deciding, opinions, pixels, sending
from fhir_plugin.web.disclosing.blueprint import disclosing

__all__ = ["arriving", "deciding", "disclosing", "opinions", "pixels", "sending"]
