"""placeholder"""

from fhir_plugin.imaging.anatomy import Anatomy
from fhir_plugin.imaging.refusals import refuse


def look_at_heic(content: bytes) -> Anatomy:
    raise refuse("unsupported-format")
