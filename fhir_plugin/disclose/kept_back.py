"""What a proof has to look for, gathered while a record of any size is redacted: names only, never the record."""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from fhir_plugin.disclose.prove import Kind, Letters, Needle, Needles, of_letters, what_to_look_for
from fhir_plugin.disclose.prove.matching import Matcher
from fhir_plugin.disclose.prove.pdf_words import is_pdf, words_of_pdf
from fhir_plugin.disclose.redact import Part, read_part
from fhir_plugin.disclose.redact.places import Place, places

_SHORT_TITLE: Final = 8
"""Shorter titles ("My arm") are not looked for by the redactor: they stand in every record."""

_DATA: Final = re.compile(rb'"data"\s*:\s*"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"')
_AT_ONCE: Final = 1 << 20
"""Bytes."""


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
        sought = Matcher(tuple(Needle(Kind.WORDS, of, piece, whole=False, fold=False) for piece, of in pieces))
        for part, borne in _bearing(parts, sought):
            if not self._letters.may_learn_from(borne):
                continue
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


def _bearing(parts: Iterable[Part], sought: Matcher) -> Iterator[tuple[Part, set[bytes]]]:
    """Those that bear a sentence of a letter, and which: most of a record bears none. Searched many at a time."""
    here: list[Part] = []
    ends: list[int] = []
    texts: list[bytes] = []
    for part in chain(parts, (None,)):
        if part is None or (ends and ends[-1] > _AT_ONCE):
            borne: dict[int, set[bytes]] = {}
            for place, needle in sought.find(b"\n".join(texts), first=True, last=True):
                borne.setdefault(bisect_right(ends, place), set()).add(needle.text)
            yield from ((here[number], borne[number]) for number in sorted(borne))
            here, ends, texts = [], [], []
        if part is not None:
            text = _as_read(part.data)
            here.append(part)
            texts.append(text)
            ends.append((ends[-1] if ends else 0) + len(text) + 1)


def _as_read(line: bytes) -> bytes:
    """With the letters in it decoded, and the commonest escapes."""
    if b'"data"' in line:
        line = _DATA.sub(_decoded, line)
    return line.replace(b'\\"', b'"').replace(b"\\/", b"/") if b"\\" in line else line


def _decoded(found: re.Match[bytes]) -> bytes:
    data = found.group(1)
    beginning = base64.b64decode(data[:64])
    if is_pdf(beginning):
        return words_of_pdf(base64.b64decode(data)).encode()
    return found.group() if b"\0" in beginning or b"\xff\xd8" in beginning else base64.b64decode(data)


def alone(place: Place) -> dict[str, object]:
    """Without the resources that it holds, which are judged for themselves, and without an id that means nothing."""
    left_out = ("entry", "parameter", "contained", "id") if place.contained else ("entry", "parameter", "contained")
    return {name: value for name, value in place.resource.items() if name not in left_out}


def _words(title: bytes) -> str:
    return " ".join(title.decode("utf-8", "replace").casefold().split())
