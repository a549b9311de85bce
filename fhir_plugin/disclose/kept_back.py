"""What a proof has to look for, gathered while a record of any size is redacted: names only, never the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from fhir_plugin.disclose.prove import Kind, Needle, Needles, what_to_look_for
from fhir_plugin.disclose.redact.places import Place

_SHORT_TITLE: Final = 8
"""Shorter titles ("My arm") are not looked for by the redactor: they stand in every record."""


class KeptBack:
    """`add` everything that stays; then `needles` says what must not be found."""

    def __init__(self) -> None:
        self._needles: dict[tuple[Kind, bytes, bool, bool, bytes], Needle] = {}

    def add(self, places: Iterable[Place]) -> None:
        """These resources do not go out."""
        for place in places:
            of = f"{place.resource['resourceType']}/{place.resource.get('id')}"
            urls = [(of, place.full_url)] if place.full_url is not None else []
            for each in what_to_look_for([alone(place)], full_urls=urls).needles:
                self._needles.setdefault((each.kind, each.text, each.whole, each.fold, each.near), each)

    def needles(self, common: Collection[str] = ()) -> Needles:
        """`common`: ids and titles that something that goes out bears in its own right, and which tell of nothing."""
        ids = {each.encode("utf-8", "surrogatepass") for each in common}
        titles = " \n ".join(_words(each) for each in ids)
        return Needles(
            tuple(
                each
                for each in self._needles.values()
                if not (each.kind is Kind.ID and each.text in ids)
                and not (each.kind is Kind.TITLE and (len(each.text) < _SHORT_TITLE or _words(each.text) in titles))
            )
        )


def alone(place: Place) -> dict[str, object]:
    """Without the resources that it holds, which are judged for themselves, and without an id that means nothing."""
    left_out = ("entry", "parameter", "contained", "id") if place.contained else ("entry", "parameter", "contained")
    return {name: value for name, value in place.resource.items() if name not in left_out}


def _words(title: bytes) -> str:
    return " ".join(title.decode("utf-8", "replace").casefold().split())
