"""Where the parts of one order go at one EHR: decided once, written down first, the same at every resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_plugin.capability import Capability
from fhir_plugin.errors import RecordRefused, TooLarge
from fhir_plugin.ledger.intents import Evidence

INLINE_BYTES = 700 * 1024
"""The largest image that goes inside its resource, where a server has no Binary: servers refuse strings above 1 MB."""

TYPES = frozenset({"Binary", "Consent", "QuestionnaireResponse", "Provenance", "DocumentReference", "AuditEvent"})
"""What every order may write, besides its images."""


@dataclass(frozen=True)
class Place:
    """Fixed by the first run of an order: every later one asks for the same."""

    image_type: str
    """Media, or DocumentReference where there is no Media; empty where an image has no place at all."""
    ours: frozenset[str]
    """Types that are written under ids of ours."""
    together: frozenset[str]
    """Types that one transaction carries; empty where there is none."""
    inline: bool = False
    """No Binary here: the bytes go inside the image's resource."""
    at_once: bool = False
    """The image cannot be changed once written, so it is current from the start and undone if it does not verify."""


def place_at(capability: Capability) -> Place:
    """Where the parts of an order go at this server: what it takes under our ids, and what in one transaction.

    A transaction carries all that the EHR holds, and only if it takes our ids for every type.
    """
    image_type = next((each for each in ("Media", "DocumentReference") if capability.holds(each)), "")
    types = {*TYPES, image_type} - {""}
    ours = frozenset(each for each in types if not capability.holds(each) or capability.takes_our_id(each))
    bundled = frozenset(each for each in types - {"Binary", "AuditEvent"} if capability.holds(each))
    together = bundled if capability.may_transact and bundled <= ours else frozenset[str]()
    return Place(
        image_type,
        ours,
        together,
        inline=bool(image_type) and not capability.holds("Binary"),
        at_once=bool(image_type) and not capability.may(image_type, "update"),
    )


def place_in(evidence: Evidence) -> Place:
    """The place that an earlier run wrote down."""
    return Place(
        evidence["image_type"],
        frozenset(evidence["ours"].split()),
        frozenset(evidence["together"].split()),
        inline=evidence["inline"] == "yes",
        at_once=evidence["at_once"] == "yes",
    )


@dataclass
class PlaceStep:
    """Writes down where everything will go, before anything is written; refuses an image that has no place.

    `largest`: bytes of the largest image of the order, 0 where none is stored.
    """

    place: Place
    largest: int
    name: str = "place"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        if self.largest and not self.place.image_type:
            raise RecordRefused(
                "This EHR takes neither Media nor DocumentReference from this launch: no image can be filed here.",
                status=403,
                code="no-place-for-images",
            )
        if self.place.inline and self.largest > INLINE_BYTES:
            raise TooLarge(
                f"This EHR takes images only inside a document, up to {INLINE_BYTES // 1024} kB. Crop it first.",
                status=413,
            )
        return {
            "image_type": self.place.image_type,
            "ours": " ".join(sorted(self.place.ours)),
            "together": " ".join(sorted(self.place.together)),
            "inline": "yes" if self.place.inline else "no",
            "at_once": "yes" if self.place.at_once else "no",
        }

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()
