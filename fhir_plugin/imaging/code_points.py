"""Colour spaces by their code points (ITU-T H.273), as HEIC (`nclx`) and PNG (`cICP`) name them."""

from __future__ import annotations

from fhir_plugin.imaging.anatomy import Primaries
from fhir_plugin.imaging.colour import BT2020, DCI_P3, DISPLAY_P3
from fhir_plugin.imaging.refusals import refuse

_HDR_TRANSFERS = frozenset({16, 18})
_BY_CODE = {9: BT2020, 11: DCI_P3, 12: DISPLAY_P3}


def primaries_of_code(primaries: int, transfer: int) -> Primaries | None:
    """None where it is sRGB or as good as sRGB. Raises `UnacceptableImage` hdr-colours for PQ and HLG."""
    if transfer in _HDR_TRANSFERS:
        raise refuse("hdr-colours")
    return _BY_CODE.get(primaries)
