"""Body sites for the search box and the outline: what people call the regions of the body."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.model.images import BodySite
from mappings.terminology.body_sites import body_sites, find_sites, sites_in

REGION_NAMES: dict[str, str] = {
    "head": "Head",
    "face": "Face",
    "mouth": "Mouth",
    "neck": "Neck",
    "chest": "Chest",
    "abdomen": "Abdomen",
    "back": "Back",
    "pelvis": "Pelvis, groin and buttocks",
    "arm": "Arm",
    "hand": "Hand",
    "leg": "Leg",
    "foot": "Foot",
    "whole": "Whole body",
}
"""Every region of the terminology's list, as a person reads it."""


def every_site() -> tuple[BodySite, ...]:
    """All sites from head to foot, for a page without scripts."""
    return tuple(listed.site for listed in body_sites().values())


def search(query: str, *, region: str = "") -> Sequence[BodySite]:
    """Sites that fit what was typed; else those of a region of the outline; else all."""
    if query.strip():
        return find_sites(query)
    return sites_in(region) if region else every_site()
