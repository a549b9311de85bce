"""A Bundle of which only those entries are read that have to be; for all others stand their type and id.

An entry is left unread where it is surely valid JSON, policy surely releases what is in it (`Glance`), and no name of
anything withheld stands in its bytes (`Watch`). Whatever is unusual is read as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from fhir_plugin.disclose.redact.blocks import BlockSurvey, BlockTexts
from fhir_plugin.disclose.redact.skeleton import Shape, Skimmed
from fhir_plugin.disclose.redact.strict import MAX_DEPTH, AsItCame, Json, UnreadableRecord, read, read_resource
from fhir_plugin.disclose.redact.unread import Unread
from fhir_plugin.disclose.redact.watch import Watch
from mappings.model.disclosure import Release

_FEW: Final = 4
"""Entries that are as quickly read."""

_BLOCK: Final = 1 << 18
_SAMPLE: Final = 1 << 16
_SPACE: Final = rb"[ \t\r\n]*"
_BEGINS: Final = re.compile(rb'"entry"%s:%s\[%s' % (_SPACE, _SPACE, _SPACE))
_NEXT: Final = re.compile(rb"%s,%s" % (_SPACE, _SPACE))
_ENDS: Final = re.compile(rb"%s\]" % _SPACE)
_HEAD: Final = re.compile(
    rb'\{%s(?:"fullUrl"%s:%s"([^"\\\x00-\x1f\x7f-\xff]*)"%s,%s)?"resource"%s:%s' % ((_SPACE,) * 7)
)
_TAIL: Final = re.compile(rb'%s,%s"search"%s:%s\{%s"mode"%s:%s"(match|include|outcome)"%s\}%s\}\Z' % ((_SPACE,) * 9))
_LONGEST_TAIL: Final = 100
_CONTROLS: Final = (b"\n", b"\r", b"\t")
_OUTSIDE: Final = 3
"""Levels of a Bundle around a resource in it."""


class _Split(msgspec.Struct):
    """msgspec reads all of it as JSON, but says nothing of keys that stand twice, of depth and of UTF-8."""

    type: str = msgspec.field(name="resourceType")
    entry: list[msgspec.Raw]


class OpenBundle:
    """`bundle` is what the whole would be read as, but for entries that are not read yet."""

    def __init__(self, bundle: Json, entries: list[object], raws: dict[int, bytes]) -> None:
        """`raws`: the bytes of each entry that is unread, by its number."""
        self.bundle = bundle
        self._entries = entries
        self._raws = raws
        self._unread = list(raws)
        self._blocks = [b"\n".join(some) for some in _blocks(list(raws.values()))]

    @property
    def sample(self) -> bytes:
        """Some of what is unread."""
        return self._blocks[0][:_SAMPLE] if self._blocks else b""

    def read_what_is_named(self, watch: Watch) -> None:
        """Read every entry that may have to change by what is withheld now."""
        first = 0
        for block in self._blocks:
            for line in watch.lines(block, "", 0):
                number = self._unread[first + line]
                self._entries[number] = read(self._raws[number])
            first += block.count(b"\n") + 1


def open_bundle(data: bytes, survey: BlockSurvey) -> OpenBundle | None:
    """A Bundle with many entries; None where the document has to be read as a whole, if only to say what is wrong."""
    try:
        data = _without_line_breaks(data)
        raws = _entries_of(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    found = _shell(data, raws) if raws else None
    if not raws or found is None:
        return None
    try:
        shell = read_resource(found)
        if shell.get("entry") != []:
            return None
        entries, unread = _read_where_needed(raws, survey)
    except UnreadableRecord:
        return None
    bundle = {name: entries if name == "entry" else value for name, value in shell.items()}
    return OpenBundle(bundle, entries, unread)


def _without_line_breaks(data: bytes) -> bytes:
    """The same JSON on one line. Values are kept as they are written, and in strings a line break is an error."""
    return msgspec.json.format(data, indent=-1) if any(each in data for each in _CONTROLS) else data


def _entries_of(data: bytes) -> list[bytes]:
    """The bytes of each entry of a Bundle that has many; nothing of any other document."""
    split = msgspec.json.decode(data, type=_Split)
    if split.type != "Bundle" or len(split.entry) < _FEW:
        return []
    return [bytes(each) for each in split.entry]


def _shell(data: bytes, raws: list[bytes]) -> bytes | None:
    """The document with its entries cut out of their list, where they stand one after the other."""
    for begins in _BEGINS.finditer(data):
        at = begins.end()
        if not data.startswith(raws[0], at):
            continue
        for raw in raws:
            if at > begins.end():
                between = _NEXT.match(data, at)
                at = between.end() if between else at
            if not data.startswith(raw, at):
                return None
            at += len(raw)
        return data[: begins.end()] + data[at:] if _ENDS.match(data, at) else None
    return None


def _read_where_needed(raws: list[bytes], survey: BlockSurvey) -> tuple[list[object], dict[int, bytes]]:
    """The entries, and the bytes of those that are unread. Raises `UnreadableRecord`."""
    entries: list[object] = []
    unread: dict[int, bytes] = {}
    for some in _blocks(raws):
        taken = [_taken_apart(raw) for raw in some]
        block = b"".join([each.inside + b"\n" for each in taken])
        skimmed, texts = survey.skim(block), BlockTexts(block)
        for number, (raw, parts, shape) in enumerate(zip(some, taken, skimmed.shapes, strict=True)):
            release = _release(survey, skimmed, number, shape, texts)
            id_ = b"" if shape is None else skimmed.value(number, shape.id_at)
            if release is None or shape is None or b"\\" in id_:
                entries.append(_read_inside(raw))
                continue
            name = None if shape.id_at < 0 else id_.decode("utf-8")
            unread[len(entries)] = raw
            entries.append(parts.around(Unread(shape.type, name, parts.inside, release), raw))
    return entries, unread


def _blocks(raws: list[bytes]) -> Iterator[list[bytes]]:
    """Some at a time, so that what is worked on stays in a processor's own memory."""
    some: list[bytes] = []
    size = 0
    for raw in raws:
        some.append(raw)
        size += len(raw)
        if size > _BLOCK:
            yield some
            some, size = [], 0
    if some:
        yield some


def _release(
    survey: BlockSurvey, skimmed: Skimmed, number: int, shape: Shape | None, texts: BlockTexts
) -> Release | None:
    """Why a resource is released that was not read; None when it has to be read."""
    if shape is None or shape.depth > MAX_DEPTH - _OUTSIDE or "security" in shape.keys:
        return None
    return survey.at_a_glance(skimmed, number, shape, texts)


def _read_inside(raw: bytes) -> object:
    """An entry, nested as deep as it is in its Bundle."""
    value = read(b"[[%s]]" % raw)
    for _ in range(2):
        assert isinstance(value, list)
        value = value[0]
    return value


class _Taken(NamedTuple):
    """An entry of the usual kind: its URL, the bytes of its resource (empty in one of another kind), its mode."""

    full_url: bytes | None
    inside: bytes
    mode: bytes | None

    def around(self, resource: Unread, raw: bytes) -> AsItCame:
        """The entry as it would be read."""
        found: Json = {} if self.full_url is None else {"fullUrl": self.full_url.decode("ascii")}
        found["resource"] = resource
        if self.mode is not None:
            found["search"] = {"mode": self.mode.decode("ascii")}
        return AsItCame(found, raw)


def _taken_apart(raw: bytes) -> _Taken:
    head = _HEAD.match(raw)
    if head is None:
        return _OF_ANOTHER_KIND
    at = raw.rfind(b'"search"', max(head.end(), len(raw) - _LONGEST_TAIL))
    if at < 0:  # where the last brace is not the entry's own, what is before it is no JSON
        return _Taken(head.group(1), raw[head.end() : -1], None)
    tail = _TAIL.search(raw, max(head.end(), at - _LONGEST_TAIL))
    return _Taken(head.group(1), raw[head.end() : tail.start()], tail.group(1)) if tail else _OF_ANOTHER_KIND


_OF_ANOTHER_KIND: Final = _Taken(None, b"", None)
