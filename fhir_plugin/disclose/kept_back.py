"""What a proof has to look for, gathered while a record of any size is redacted: names only, never the record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Final

from fhir_plugin.disclose.prove import Kind, Letters, Needle, Needles, of_letters, what_to_look_for
from fhir_plugin.disclose.prove.matching import Matcher
from fhir_plugin.disclose.redact import Part, read_part
from fhir_plugin.disclose.redact.places import Place, places

_SHORT_TITLE: Final = 8
"""Shorter titles ("My arm") are not looked for by the redactor: they stand in every record."""


class KeptBack:
    """`add` everything that stays, then name what is `beside` it; `needles` says what must not be found."""

    def __init__(self) -> None:
        self._letters = Letters()
        self._paths: set[str] = set()
        self._needles: dict[tuple[Kind, bytes, bool, bool, bytes], Needle] = {}

    def add(self, places: Iterable[Place]) -> None:
        """These resources do not go out."""
        for place in places:
            of = f"{place.resource['resourceType']}/{place.resource.get('id')}"
            self._paths.add(place.path)
            urls = [(of, place.full_url)] if place.full_url is not None else []
            found = what_to_look_for([alone(place)], full_urls=urls, letters=self._letters)
            for each in found.needles:
                self._needles.setdefault((each.kind, each.text, each.whole, each.fold, each.near), each)

    def beside(self, parts: Iterable[Part]) -> None:
        """The record as it was read: a sentence of a letter that stays is common where something bears it that goes
        out in its own right."""
        if not self._letters:
            return
        pieces = self._letters.all_pieces().items()
        sought = Matcher(tuple(Needle(Kind.BYTES, of, piece, whole=False, fold=False) for piece, of in pieces))
        for part in parts:
            if _is_any_in(part.data, sought):
                for place in places(read_part(part), part.place):
                    if place.path not in self._paths:
                        self._letters.beside(alone(place))

    def needles(self, common: Collection[str] = ()) -> Needles:
        """`common`: ids and titles that something that goes out bears in its own right, and which tell of nothing."""
        ids = {each.encode("utf-8", "surrogatepass") for each in common}
        titles = " \n ".join(_words(each) for each in ids)
        named = (
            each
            for each in self._needles.values()
            if not (each.kind is Kind.ID and each.text in ids)
            and not (each.kind is Kind.TITLE and (len(each.text) < _SHORT_TITLE or _words(each.text) in titles))
        )
        return Needles((*named, *of_letters(self._letters)))


def _is_any_in(data: bytes, sought: Matcher) -> bool:
    """Whether it is worth reading: most of a record bears no sentence of a letter."""
    plain = data.replace(b'\\"', b'"').replace(b"\\/", b"/") if b"\\" in data else data
    found = chain(sought.find(plain, first=True, last=True), sought.find_base64(data))
    return next(found, None) is not None


def alone(place: Place) -> dict[str, object]:
    """Without the resources that it holds, which are judged for themselves, and without an id that means nothing."""
    left_out = ("entry", "parameter", "contained", "id") if place.contained else ("entry", "parameter", "contained")
    return {name: value for name, value in place.resource.items() if name not in left_out}


def _words(title: bytes) -> str:
    return " ".join(title.decode("utf-8", "replace").casefold().split())
