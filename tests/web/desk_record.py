"""A record at the disclosure desk: twenty images and a letter, each with what is proposed for it and why."""

from __future__ import annotations

from typing import Any

from mappings.model.disclosure import Reason, Redact, Release, Review, Reviewer, Verdict, Withhold
from mappings.model.disclosure_request import DeskItem, ItemKey

OWN = Reason("own", "It is theirs.", "UK GDPR Article 15")
PRIVATE = Reason("private", "It is private, and this recipient has no consent that names it.", "G-R258")
LOOK = Reason("looks-private", "Nobody has marked it as sensitive, but it may be: a person has to look.", "G-R172")
WORDS = Reason("free-text-names-withheld", "Its free text names something that is not included.", "DS4P IG 1.0.0")
HIDDEN = Reason("hidden-patient", "One hidden item. The privacy officer decides.", "G-R260")
ABOUT = Reason("about-withheld-only", "It says nothing but what concerns something that is not included.", "DS4P")


def an_item(number: int, verdict: Verdict, **more: Any) -> DeskItem:
    """One image of the record."""
    asks = verdict.by if isinstance(verdict, Review) else None
    known = {"type": "Media", "title": f"Picture of the forearm {number}", "words": "Photograph", "is_image": True}
    return DeskItem(
        key=ItemKey(f"Media/m{number}"),
        when=f"{number} March 2026",
        proposed=verdict,
        decided=verdict,
        asks=asks,
        **{**known, **more},
    )


def a_record() -> list[DeskItem]:
    """Twenty images and a letter: most go out, some are masked, some wait."""
    private = {"sensitive": True, "category": "Private area"}
    items = [an_item(n, Release(OWN), sent_before=3 if n == 1 else 0) for n in range(1, 13)]
    items += [an_item(n, Redact(PRIVATE), **private) for n in range(13, 17)]
    items += [an_item(n, Review(LOOK, Reviewer.OFFICER)) for n in range(17, 19)]
    items += [an_item(19, Withhold(ABOUT)), an_item(20, Review(HIDDEN, Reviewer.PRIVACY_OFFICER), hidden=True)]
    letter = DeskItem(
        key=ItemKey("DocumentReference/d1"),
        type="DocumentReference",
        title="Letter to dermatology",
        words="Letter",
        when="20 March 2026",
        proposed=Release(OWN),
        decided=Review(WORDS, Reviewer.OFFICER),
        asks=Reviewer.OFFICER,
        consequence=WORDS,
        cuts=2,
    )
    return [*items, letter]
