"""Body sites and sides as CodeableConcepts.

R4 Media.bodySite has no element for the side. The first coding is the plain site, so that searching by site works;
where the side is known the second says both as one SNOMED CT expression (site : laterality = side). FHIR's
datatypes page allows the same concept in several forms of one code system, and SNOMED's FHIR page expressions in
`code`; "left" alone as a second coding would be a different concept and wrong.
"""

from __future__ import annotations

import re
from typing import Final

from mappings.model.images import BodySite, Laterality
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems
from mappings.terminology.body_sites import body_sites
from mappings.terminology.photographs import LATERALITY_WORDS

LATERALITY_ATTRIBUTE: Final = "272741003"
"""SNOMED CT |Laterality (attribute)|."""

LATERALITY_CODES: Final[dict[Laterality, str]] = {
    Laterality.LEFT: "7771000",
    Laterality.RIGHT: "24028007",
    Laterality.BOTH: "51440002",
}
"""SNOMED CT qualifier values |Left|, |Right|, |Right and left|."""

_SIDES: Final = {code: side for side, code in LATERALITY_CODES.items()}
_CODE = re.compile(r"\d{6,18}", re.ASCII)
_EXPRESSION = re.compile(rf"\s*\d{{6,18}}\s*:\s*{LATERALITY_ATTRIBUTE}\s*=\s*(\d{{6,18}})\s*", re.ASCII)
_TERMS = re.compile(r"\|[^|]*\|")


def body_site_concept(site: BodySite, laterality: Laterality | None) -> Json:
    """A site with its side; only words where the site has no code."""
    words = elements.string(site_words(site, laterality))
    if not site.code:
        return {"text": words}
    listed = body_sites().get(site.code)
    codings = [elements.coding(systems.SNOMED_CT, site.code, listed.term if listed else elements.string(site.display))]
    if laterality is not None:
        expression = f"{site.code}:{LATERALITY_ATTRIBUTE}={LATERALITY_CODES[laterality]}"
        codings.append(elements.coding(systems.SNOMED_CT, expression))
    return {"coding": codings, "text": words}


def site_words(site: BodySite, laterality: Laterality | None) -> str:
    """What people read, e.g. "Forearm (left)"."""
    return f"{site.display} ({LATERALITY_WORDS[laterality]})" if laterality else site.display


def site_code(concept: object) -> str | None:
    """The SNOMED CT code of the site, without its side; None when it has none."""
    for each in elements.codings_of(concept):
        code = elements.text_of(each.get("code"))
        if each.get("system") == systems.SNOMED_CT and _CODE.fullmatch(code) and code not in _SIDES:
            return code
    return None


def site_laterality(concept: object) -> Laterality | None:
    """The side: from our expression, or from a bare qualifier as other systems write it. Two that differ: None."""
    found = set()
    for each in elements.codings_of(concept):
        if each.get("system") != systems.SNOMED_CT:
            continue
        code = _TERMS.sub("", elements.text_of(each.get("code")))
        match = _EXPRESSION.fullmatch(code)
        side = _SIDES.get(match[1] if match else code.strip())
        if side is not None:
            found.add(side)
    return found.pop() if len(found) == 1 else None
