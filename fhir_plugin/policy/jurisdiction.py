"""Where in the United Kingdom a pack is for, and the ages that law draws there (G-R343, X12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Jurisdiction(StrEnum):
    """Whose law decides about capacity. The guidance is written for England and expected to hold elsewhere."""

    ENGLAND = "england"
    WALES = "wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"


@dataclass(frozen=True)
class Law:
    """`consent_age`: from here on capacity is presumed. `child_image_age`: below, an image is a child's.

    `attorney_age`: nobody younger has an attorney or deputy for this decision, whatever a document says.
    """

    consent_age: int
    child_image_age: int
    attorney_age: int
    capacity: str
    child_images: str


_PROTECTION = "Protection of Children Act 1978"

LAWS: Mapping[Jurisdiction, Law] = MappingProxyType(
    {
        Jurisdiction.ENGLAND: Law(16, 18, 18, "Mental Capacity Act 2005", _PROTECTION),
        Jurisdiction.WALES: Law(16, 18, 18, "Mental Capacity Act 2005", _PROTECTION),
        Jurisdiction.SCOTLAND: Law(
            16, 18, 18, "Adults with Incapacity (Scotland) Act 2000", "Civic Government (Scotland) Act 1982"
        ),
        Jurisdiction.NORTHERN_IRELAND: Law(
            16,
            18,
            18,
            "Mental Capacity Act (Northern Ireland) 2016",
            "Protection of Children (Northern Ireland) Order 1978",
        ),
    }
)
