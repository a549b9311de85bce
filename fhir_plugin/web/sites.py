"""Body sites for the search box and the outline: what people call the regions of the body."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


SIDES = {
    "left": ("left", "l", "lt"),
    "right": ("right", "r", "rt"),
    "both": ("both", "bilateral"),
}
"""A side as people type it before or after the name of a site."""


def with_sides(found: Sequence[BodySite], query: str, *, intimate: Collection[str]) -> list[dict[str, str | bool]]:
    """What the list offers: each site, and where a side was typed ("left knee") the site with that side already chosen.

    Nobody who types no side gets one: then it is asked. `intimate`: codes of the pack in force (X11).
    """
    typed = query.lower().split()
    sides = [side for side, words in SIDES.items() if any(word in typed for word in words)]
    side = sides[0] if len(sides) == 1 else ""
    return [
        {
            "code": site.code,
            "display": site.display,
            "paired": site.paired,
            "private": site.code in intimate,
            "side": side if site.paired else "",
        }
        for site in found
    ]
