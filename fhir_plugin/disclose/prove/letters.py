"""Letters that stay: texts in attachments, known by what they say and nothing that goes out says in its own words.

Two letters of one clinic are alike: a heading, an address, how consent was asked, the same advice. A sentence that
something bears which was decided to go out (its label, its picture and its words were judged) names no other letter,
and a proof that stopped at it would stop every record with two notes of one visit. So a letter is cut into pieces of
some words each, and those pieces are looked for that nothing beside it bears.

What that must not hide, and what keeps it from hiding it:

- A copy of the whole letter, alone or within a longer one, with its lines broken as they were or anew: whatever bears
  all lines of any one letter that stays, the short ones too, makes nothing common, and is looked for as it stands.
- What points at something that stays may quote it: it makes nothing common.
- What stays itself, in whatever copies, makes nothing common: `beside` is only for what goes out as it was read.
- What the machinery lets slip (a wrong entry, a preview, a stub, a cover) adds words to what goes out. They are not in
  what was read, so that they are not common.

What it cannot see: some sentences of a letter that stays, typed anew into another that was decided to go out. By its
bytes that is not to be told from two letters by one template. The redactor asks a person about words that name a
picture or its place on the body, and whoever signs has read them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.disclose.prove.pdf_words import is_pdf, words_of_pdf

LONGEST_PIECE: Final = 128
_SHORTEST_PIECE: Final = 32
_ENOUGH: Final = 48
"""Characters of a piece: a printed line holds it whole."""
_MOST_PIECES: Final = 8
"""Looked for of each letter: of a third of its words one of them is there."""
_MOST_KEPT: Final = 8 * _MOST_PIECES
_MOST_LINES: Final = 4096
_START: Final = 16
_LETTERS: Final = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_TAG: Final = re.compile(r"<[^<>]*>")
_MARKUP: Final = re.compile(r"</[A-Za-z]|/>")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_WORDS_OF_A_PIECE: Final = 5
_START_OF_WORD: Final = re.compile(rb"(?<![A-Za-z0-9])\S")
_PLACE: Final = re.compile(
    r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,512})(?:/_history/[A-Za-z0-9.\-]{1,64})?$", re.ASCII
)


@dataclass(frozen=True)
class _Letter:
    """`lines`: all it says, in pieces with single spaces; `telling`: those that say something, as they stand."""

    of: str
    lines: tuple[bytes, ...] = field(repr=False)
    telling: tuple[bytes, ...] = field(repr=False)

    def is_in(self, said: bytes) -> bool:
        return all(line in said for line in self.lines)


class Letters:
    """`add` everything that stays, then say what goes out `beside` it; `pieces` are what must not be found."""

    def __init__(self) -> None:
        self._letters: dict[bytes, _Letter] = {}
        self._stay: set[str] = set()
        self._common: set[bytes] = set()
        self._interned: dict[bytes, bytes] = {}
        self._by_start: dict[bytes, list[tuple[bytes, bytes]]] = {}
        self._by_rarest: dict[bytes, list[_Letter]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything that `beside` can make common."""
        return any(each.telling for each in self._letters.values())

    def add(self, resource: Mapping[str, Any]) -> None:
        """This stays, and the letters in it."""
        of = f"{resource.get('resourceType')}/{resource.get('id')}"
        if "id" in resource:
            self._stay.add(of)
        self._by_start.clear()
        for text in _letters_in(resource):
            digest = hashlib.sha256(text.encode()).digest()
            if digest in self._letters:
                continue
            pieces = tuple(self._interned.setdefault(each, each) for each in _pieces(text))
            lines = tuple(self._interned.setdefault(each, each) for each in map(_normal, pieces[:_MOST_LINES]))
            telling = tuple(dict.fromkeys(each for each in pieces if _tells(each)))
            self._letters[digest] = _Letter(of, lines, _spread(telling, _MOST_KEPT))

    def may_learn_from(self, borne: Collection[bytes]) -> bool:
        """Whether to say `beside` of what bears these pieces can change anything: what a copy of a letter bears, too,
        or what is not yet known to be common."""
        if not self._by_start:
            self._arrange()
        return any(piece not in self._common or piece in self._by_rarest for piece in borne)

    def beside(self, resource: Mapping[str, Any]) -> None:
        """This goes out, without the resources in it: what it says names nothing that stays, unless it copies it."""
        if not self._by_start:
            self._arrange()
        texts = tuple(_strings(resource))
        said = _normal("\n".join(texts).encode("utf-8", "surrogatepass"))
        borne = set(self._borne(said))
        if not borne or self._points_at_what_stays(resource):
            return
        copied = [each for piece in borne for each in self._by_rarest.get(piece, ()) if each.is_in(said)]
        for each in copied:
            self._as_it_stands(each, texts)
        if not copied:
            self._common |= borne

    def pieces(self) -> dict[bytes, str]:
        """What must not be found, and which letter (`Type/id`) it is of: some of each, from end to end."""
        return self._chosen(self._common, _MOST_PIECES)

    def all_pieces(self) -> dict[bytes, str]:
        """Those too that may turn out to be common."""
        return self._chosen(frozenset(), _MOST_KEPT)

    def _chosen(self, without: Collection[bytes], most: int) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for each in self._letters.values():
            for piece in _spread(tuple(piece for piece in each.telling if piece not in without), most):
                found.setdefault(piece, each.of)
        return found

    def _as_it_stands(self, copied: _Letter, texts: Sequence[str]) -> None:
        """The copy may have other lines: those are looked for as well."""
        whole = b" ".join(copied.lines)
        for text in texts:
            here = tuple(dict.fromkeys(each for each in _pieces(text) if _tells(each) and _normal(each) in whole))
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            if here and digest not in self._letters:
                self._letters[digest] = _Letter(copied.of, copied.lines, _spread(here, _MOST_PIECES))

    def _arrange(self) -> None:
        self._by_start.clear()
        self._by_rarest.clear()
        counts = Counter(piece for each in self._letters.values() for piece in each.telling)
        for piece in counts:
            normal = _normal(piece)
            self._by_start.setdefault(normal[:_START], []).append((normal, piece))
        for each in self._letters.values():
            if each.telling:
                self._by_rarest.setdefault(min(each.telling, key=counts.__getitem__), []).append(each)

    def _borne(self, said: bytes) -> Iterator[bytes]:
        for found in _START_OF_WORD.finditer(said):
            for normal, piece in self._by_start.get(said[found.start() : found.start() + _START], ()):
                if said.startswith(normal, found.start()):
                    yield piece

    def _points_at_what_stays(self, resource: Mapping[str, Any]) -> bool:
        for text in _values(resource):
            place = _PLACE.search(text) if "/" in text and len(text) < 1024 else None
            if place and place.group(1) in self._stay:
                return True
        return False


def is_letter(raw: bytes) -> bool:
    """Text in UTF-8, of whatever kind."""
    try:
        return _LETTERS.fullmatch(raw.decode()) is not None
    except UnicodeDecodeError:
        return False


def has_words(raw: bytes) -> bool:
    """Whether a letter is known by its words: others are known by their bytes, as pictures are."""
    return is_letter(raw) and any(_tells(each) for each in _pieces(_plain(raw.decode())))


def _letters_in(resource: Mapping[str, Any]) -> Iterator[str]:
    for node in _objects(resource):
        raw = None if "who" in node and "when" in node else _decoded(node.get("data"))  # a signature is no letter
        if raw is not None and is_letter(raw):
            yield _plain(raw.decode())


def _strings(resource: Mapping[str, Any]) -> Iterator[str]:
    """What a resource says, decoded and without tags, on the pages of a PDF in it too."""
    yield from _letters_in(resource)
    for node in _objects(resource):
        raw = _decoded(node.get("data"))
        if raw is not None and is_pdf(raw):
            yield words_of_pdf(raw)
    for text in _values(resource):
        if " " in text:
            yield _plain(text)


def _values(resource: Mapping[str, Any]) -> Iterator[str]:
    for node in _objects(resource):
        for value in node.values():
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, str):
                    yield each


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(reversed(node.values()))
        elif isinstance(node, list):
            waiting.extend(reversed(node))


def _decoded(data: object) -> bytes | None:
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return None


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("\n", text)) if _MARKUP.search(text) else text


def _pieces(text: str) -> Iterator[bytes]:
    """Line by line, long lines broken between words."""
    for line in text.splitlines():
        start = end = 0
        for word in re.finditer(r"\S+", line):
            if end - start >= _ENOUGH and len(line.rstrip()) - word.start() >= _SHORTEST_PIECE:
                yield _bytes(line[start:end])
                start = word.start()
            start = word.start() if end == 0 else start
            end = word.end()
        if end:
            yield _bytes(line[start:end])


def _normal(text: bytes) -> bytes:
    return b" ".join(text.split())


def _bytes(piece: str) -> bytes:
    return piece.encode("utf-8", "surrogatepass")[:LONGEST_PIECE]


def _tells(piece: bytes) -> bool:
    """Some words: not a heading, a line of an address or of another machine's."""
    if len(piece) < _SHORTEST_PIECE or len(set(piece)) < 12:
        return False
    text = piece.decode("utf-8", "replace")
    return len(_WORD.findall(text)) >= _WORDS_OF_A_PIECE or 2 * len(text) < len(piece)


def _spread(pieces: tuple[bytes, ...], most: int) -> tuple[bytes, ...]:
    if len(pieces) <= most:
        return pieces
    return tuple(pieces[round(number * (len(pieces) - 1) / (most - 1))] for number in range(most))
