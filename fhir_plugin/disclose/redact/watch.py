"""Which lines of NDJSON may have to change: by what stands in their bytes, without reading them.

May say "perhaps" too often, and never "no" wrongly: what it does not name goes out as it came (`test_blocks.py` holds
that against a walk of every line).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from copy import copy
from functools import cached_property
from typing import Final

import numpy as np

from fhir_plugin.disclose.redact import pointers
from fhir_plugin.disclose.redact.copies import without_long_data
from fhir_plugin.disclose.redact.free_text import PICTURE_STEMS, speaks_of_pictures
from fhir_plugin.disclose.redact.hints import HintsByPatient
from fhir_plugin.disclose.redact.names import Names
from fhir_plugin.disclose.redact.search import Search
from fhir_plugin.disclose.redact.strict import read, write

_NAMED, _DATA, _PICTURE, _TITLE = 1, 2, 4, 8
_RUN: Final = re.compile(r"[a-z0-9]+")


class Watch:
    """Made of what is known to be withheld at one time; it does not grow with it."""

    def __init__(
        self,
        names: Names,
        hints: HintsByPatient,
        touched: Collection[str],
        *,
        silent: bool,
        changed: int,
        sample: bytes = b"",
    ) -> None:
        """`changed`: how many names of what goes out otherwise than it came may stand in a signature."""
        self._names = names
        self._touched: dict[str, list[int]] = {}
        for part in touched:
            name, colon, number = part.rpartition(":")
            if colon and number.isdigit():
                self._touched.setdefault(name, []).append(int(number))
        for numbers in self._touched.values():
            numbers.sort()
        self._known = frozenset(_known(names))
        self._others = (hints.learnt, names.copies.size, len(names.titles), len(names.numbered), changed)
        self._named_by_type = any(system is None for system, _value in names.identifiers)
        needles: dict[bytes, int] = {b'"Bundle"': _NAMED, b'"Parameters"': _NAMED}
        for each in self._known:
            for needle in _needles(*each):
                needles[needle] = _NAMED
        for title in names.titles:
            run = max(_RUN.findall(title), key=len, default="").encode("ascii")
            needles[run] = needles.get(run, 0) | _TITLE
        self._spoken_of = {_as_json(text): _PICTURE for text in hints.words()}
        for stem in PICTURE_STEMS if self._spoken_of else ():
            needles[stem] = needles.get(stem, 0) | _PICTURE
        if changed:
            needles[b'"signature"'] = _NAMED
        if silent and names.numbered:
            needles[b'"title"'] = _NAMED
        needles[b'"data"'] = needles[b"ase64"] = _DATA
        self._search = Search(needles, without_long_data(sample))

    def lines(self, block: bytes, name: str, first: int) -> list[int]:
        """The numbers (from 0) of the lines of a block that have to be walked. `first`: the number of its first one."""
        text = without_long_data(block)
        found = self._search.lines(text)
        escaped = _lines_with_escapes(text)
        lines = text.split(b"\n") if found or escaped else []
        plain = self._unescaped(sorted(escaped), lines, found) if escaped else {}
        walked = {
            number
            for number, marks in found.items()
            if marks & _NAMED
            or (marks & _DATA and self._names.copies.may_be_in(lines[number]))
            or (marks & _TITLE and self._may_be_titled(plain.get(number, lines[number])))
        }
        perhaps = [number for number, marks in found.items() if marks & _PICTURE and number not in walked]
        walked |= self._speaking_of_hints(perhaps, lines, plain)
        numbers = self._touched.get(name, [])
        if numbers:
            after = first + block.count(b"\n") + (not block.endswith(b"\n"))
            walked |= {each - first for each in numbers[bisect_left(numbers, first) : bisect_left(numbers, after)]}
        return sorted(walked)

    def since(self, before: Watch) -> Watch | None:
        """A watch for the names alone that `before` did not know; None where more than names was learnt since, or
        where what was known already may mean more than it did."""
        new = self._known - before._known
        if self._others != before._others or (self._named_by_type and any(kind == "type" for kind, _text in new)):
            return None
        found = copy(self)
        found._search = Search({needle: _NAMED for each in new for needle in _needles(*each)})
        found._touched = {}
        return found

    @cached_property
    def _hints(self) -> Search:
        return Search(self._spoken_of)

    def _may_be_titled(self, text: bytes) -> bool:
        return b"\\" in text or self._names.titled_in(text.decode("utf-8"))

    def _speaking_of_hints(self, numbers: list[int], lines: list[bytes], plain: dict[int, bytes]) -> set[int]:
        """Those of the lines that speak of a picture, and of what one that is withheld shows or when."""
        about = [each for each in numbers if speaks_of_pictures(plain.get(each, lines[each]))]
        found = {about[at] for at in self._hints.lines(b"\n".join(lines[each] for each in about))} if about else set()
        for each in about:
            readings = pointers.readings(plain[each].decode("utf-8")) if each in plain and each not in found else ()
            if any(self._hints.marks_in(one.encode("utf-8", "surrogatepass")) for one in readings):
                found.add(each)
        return found

    def _unescaped(self, numbers: list[int], lines: list[bytes], found: dict[int, int]) -> dict[int, bytes]:
        """These lines without escapes of JSON that could hide a name. Adds to `found` what stands in any reading."""
        plain = {}
        for number in numbers:
            line = lines[number]
            hidden = (b"\\u" in line or b"\\/" in line) and line.strip()
            plain[number] = write(read(line)) if hidden else line.rstrip(b"\r")
        text = b"\n".join(plain.values()).decode("utf-8")
        for reading in pointers.readings(text):
            if reading.count("\n") != len(numbers) - 1:  # an escape was a line break: each by itself
                for number in numbers:
                    for one in pointers.readings(plain[number].decode("utf-8")):
                        marks = self._search.marks_in(one.encode("utf-8", "surrogatepass"))
                        found[number] = found.get(number, 0) | marks
                break
            for at, marks in self._search.lines(reading.encode("utf-8", "surrogatepass")).items():
                found[numbers[at]] = found.get(numbers[at], 0) | marks
        return plain


def _lines_with_escapes(block: bytes) -> set[int]:
    """Lines in which something may be written in another way: `%`, `&`, `\\u`, `\\/`."""
    backslash = b"\\" in block
    if not (backslash or b"%" in block or b"&" in block):
        return set()
    text = np.frombuffer(block, dtype=np.uint8)
    places = [np.flatnonzero((text == ord("%")) | (text == ord("&")))]
    if backslash:
        signs = np.flatnonzero(text == ord("\\"))
        following = text[np.minimum(signs + 1, len(text) - 1)]
        places.append(signs[(following == ord("u")) | (following == ord("/"))])
    at = np.concatenate(places)
    if not len(at):
        return set()
    return set(np.searchsorted(np.flatnonzero(text == ord("\n")), at).tolist())


def _known(names: Names) -> Iterator[tuple[str, str]]:
    """Everything that is looked for because of what is withheld: what it is, and its text."""
    for text in (*names.keys, *names.words, *names.copies.hashes, *_urls(names)):
        yield "name", text
    for system, value in names.identifiers:
        yield f"identifier of {system}", value
    for type_ in names.types:
        yield "type", type_


def _needles(kind: str, text: str) -> Iterator[bytes]:
    """A piece of it that is there wherever it is named, whatever stands around it."""
    if kind == "type":
        yield f"{text}?".encode()
        yield f"{text}/_search?".encode()
    elif kind == "name":
        yield from _spellings(text)
    else:
        yield from (b'"' + each + b'"' for each in _spellings(text))


def _urls(names: Names) -> Iterator[str]:
    for url in names.urls:
        bare = pointers.base(url)
        yield bare if len(bare) >= 4 else url


def _spellings(text: str) -> set[bytes]:
    """As JSON has it, and as it is where escapes of another kind stood."""
    return {_as_json(text), text.encode("utf-8", "surrogatepass")}


def _as_json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
