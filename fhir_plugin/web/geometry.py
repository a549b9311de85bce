"""What a clinician did to a picture, as a form says it and as the flow takes it.

Regions travel as percentages of the turned, uncropped picture, because people type them; one region a field,
`left top right bottom`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fhir_plugin.errors import Refused
from mappings.model.images import Geometry, Region

MOST_BLACK_OUTS = 40


def region_as_text(region: Region) -> str:
    """`12.5 0 60 100`: percentages from the left and top edges."""
    edges = (region.left, region.top, region.right, region.bottom)
    return " ".join(f"{edge * 100:.4f}".rstrip("0").rstrip(".") for edge in edges)


def _percentages(parts: Sequence[str]) -> Region:
    try:
        edges = [float(part) for part in parts]
    except ValueError as error:
        raise _refused() from error
    if len(edges) != 4 or not all(math.isfinite(edge) for edge in edges):
        raise _refused()
    left, top, right, bottom = (min(max(edge / 100, 0.0), 1.0) for edge in edges)
    try:
        return Region(left=left, top=top, right=right, bottom=bottom)
    except ValueError as error:
        raise _refused() from error


def _refused() -> Refused:
    return Refused(
        "A region needs four numbers from 0 to 100: left, top, right and bottom, the second pair larger.",
        code="bad-region",
    )


def read_geometry(form: Mapping[str, str], black_outs: Sequence[str]) -> Geometry:
    """The geometry of an editor form: `quarter_turns`, `crop` (empty: none), and each `black_out`.

    Raises `Refused` for anything that is not a region inside the picture: a black-out is never quietly dropped.
    """
    turns = form.get("quarter_turns", "0")
    if turns not in ("0", "1", "2", "3"):
        raise Refused("A picture can be turned by 0, 1, 2 or 3 quarters.", code="bad-turn")
    boxes = [text.split() for text in black_outs if text.strip()]
    if len(boxes) > MOST_BLACK_OUTS:
        raise Refused(f"A picture can have up to {MOST_BLACK_OUTS} blacked-out boxes.", code="too-many-regions")
    crop = form.get("crop", "").split()
    return Geometry(
        quarter_turns=int(turns),
        crop=_percentages(crop) if crop else None,
        black_out=tuple(_percentages(box) for box in boxes),
    )
