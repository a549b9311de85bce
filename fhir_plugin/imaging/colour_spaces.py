"""Colour spaces by their chromaticities, and by the code points (ITU-T H.273) of HEIC's `nclx` and PNG's `cICP`."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_plugin.imaging.refusals import refuse


@dataclass(frozen=True)
class Primaries:
    """An RGB colour space by its chromaticities (x, y) and transfer: a gamma, or None for the sRGB curve."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    gamma: float | None = None


_D65 = (0.3127, 0.3290)
ADOBE_RGB = Primaries(_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06), gamma=563 / 256)
DISPLAY_P3 = Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BT2020 = Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046), gamma=2.4)
_DCI_P3 = Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060), gamma=2.6)

_HDR_TRANSFERS = frozenset({16, 18})
_BY_CODE = {9: _BT2020, 11: _DCI_P3, 12: DISPLAY_P3}


def primaries_of_code(primaries: int, transfer: int) -> Primaries | None:
    """None where it is sRGB or as good as sRGB. Raises `UnacceptableImage` hdr-colours for PQ and HLG."""
    if transfer in _HDR_TRANSFERS:
        raise refuse("hdr-colours")
    return _BY_CODE.get(primaries)
