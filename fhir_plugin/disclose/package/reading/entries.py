"""Every resource as one entry: what it is, when, what it says, in words; and the files that it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.package.reading.asides import is_technical, left_out
from fhir_plugin.disclose.package.reading.asked import as_asked, as_seen
from fhir_plugin.disclose.package.reading.fact import Fact
from fhir_plugin.disclose.package.reading.kinds import Kind, base_of, humps, kind_of, label_of
from fhir_plugin.disclose.package.reading.own_codes import in_our_words
from fhir_plugin.disclose.package.reading.plain import (
    Json,
    Naming,
    by_number,
    date_words,
    in_words,
    looks_like_date,
    named_in,
    primitive,
)
from fhir_plugin.disclose.redact.strict import read_resource, write

_TECHNICAL: Final = ("id", "meta", "identifier", "implicitRules", "language", "extension", "text", "signature")
_NOT_FACTS: Final = frozenset({*_TECHNICAL, "resourceType", "contained"})
_WRAPPING: Final = frozenset({"resourceType", "type", "total", "id", "meta", "link"})
"""What a collection says about itself and nobody needs to read."""
_WHOSE: Final = ("subject", "patient", "for", "beneficiary")
_OF_FILES: Final = re.compile(r"(?:images|documents)/[0-9]{3,6}\.[a-z0-9]{3,4}")
_ATTACHMENT_WORDS: Final = ("title", "creation", "language")
_DATA_SHOWN: Final = 200
_STUB: Final = re.compile(r"withheld-\d+")
_MOST_TITLE: Final = 160


@dataclass(frozen=True)
class Shown:
    """A file of the package that an entry shows."""

    name: str
    media_type: str

    @property
    def number(self) -> int:
        return int(self.name.split("/")[1].split(".")[0])


@dataclass(frozen=True)
class Entry:
    """`when` is a FHIR date or empty. `technical`: what matters to systems. `narrative`: its own XHTML, unchecked."""

    kind: str
    title: str = field(repr=False)
    when: str
    facts: tuple[Fact, ...] = field(repr=False)
    technical: tuple[Fact, ...] = field(repr=False)
    narrative: str = field(repr=False)
    files: tuple[Shown, ...] = ()

    @property
    def heading(self) -> str:
        return f"{self.kind}: {self.title}" if self.title else self.kind


@dataclass(frozen=True)
class _Noted:
    key: str
    type: str
    when: str
    name: str = field(repr=False)
    data: bytes = field(repr=False)


class Reading:
    """`add` every resource as it goes out; then read the `entries`, oldest first, what has no date at the end.

    Kept as its own bytes, without the pictures: that is what its memory grows with.
    """

    def __init__(self) -> None:
        self._noted: list[_Noted] = []
        self._patients: list[_Noted] = []
        self._names: dict[str, str] = {}
        self._called: dict[str, str] = {}
        self.not_included: dict[str, int] = {}
        """How many stubs there are of each kind."""

    def add(self, resource: Json) -> None:
        """A resource, or every one in a Bundle or in Parameters."""
        waiting = [resource]
        while waiting:
            each = waiting.pop()
            inner = list(_inside(each))
            if inner:
                waiting.extend(reversed(inner))
                each = _without_resources(each)
                if not {name for name, value in each.items() if value} - _WRAPPING:
                    continue
            self._note(each)

    @property
    def count(self) -> int:
        return len(self._noted) + len(self._patients)

    def kinds(self) -> dict[str, int]:
        """How many entries there are of each kind, the most first."""
        found: dict[str, int] = {}
        for each in (*self._patients, *self._noted):
            name = kind_of(each.type).name
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items(), key=lambda row: (-row[1], row[0])))

    def years(self) -> dict[str, int]:
        """How many entries there are of each year, the oldest first; what has no date under an empty one."""
        found: dict[str, int] = {}
        for each in sorted(self._noted, key=lambda each: _order(each.when)):
            found[each.when[:4]] = found.get(each.when[:4], 0) + 1
        return found

    def patients(self) -> Iterator[Entry]:
        """Who it is about."""
        yield from (self._entry(each) for each in self._patients)

    def entries(self) -> Iterator[Entry]:
        """Everything else."""
        yield from (self._entry(each) for each in sorted(self._noted, key=lambda each: _order(each.when)))

    def _is_theirs(self, value: object) -> bool:
        """Whether it says no more than that this is about the one patient whose record it is: nobody reads that."""
        if not isinstance(value, dict) or len(self._patients) != 1:
            return False
        return value.get("reference") == self._patients[0].key and value.keys() <= {"reference", "type", "display"}

    def _naming(self, key: str) -> str:
        return self._names.get(key) or self._called.get(key, "")

    def _note(self, resource: Json) -> None:
        type_ = primitive(resource.get("resourceType"))
        kind = kind_of(type_)
        if _is_stub(resource):
            self.not_included[kind.name] = self.not_included.get(kind.name, 0) + 1
            return
        key = f"{type_}/{primitive(resource.get('id'))}"
        when = _when(resource, kind)
        title = _title(resource, kind, lambda _key: "")
        name = f"{kind.name}: {title}" if title else kind.name
        for whom, called in named_in(resource):
            self._called.setdefault(whom, called)
        numbers = [by_number(each) for each in _listed(resource.get("identifier")) if isinstance(each, dict)]
        for each in (key, *(number for number in numbers if not number.endswith("|"))):
            self._names.setdefault(each, f"{name}, {date_words(when)}" if when else name)
        noted = _Noted(key, type_, when, name, write(dict(resource)))
        (self._patients if type_ == "Patient" else self._noted).append(noted)

    def _entry(self, noted: _Noted) -> Entry:
        resource = read_resource(noted.data)
        kind = kind_of(noted.type)
        files: list[Shown] = []
        telling = _Telling(self._naming, files)
        whose = [name for name in _WHOSE if self._is_theirs(resource.get(name))]
        facts = _in_order({name: each for name, each in resource.items() if name not in whose}, kind, telling)
        technical = [
            fact
            for name in (*_TECHNICAL, *whose)
            if name in resource and name not in kind.first
            for fact in telling.technical(name, resource[name] if name != "text" else _around_narrative(resource[name]))
        ]
        div = _narrative(resource.get("text"))
        return Entry(
            kind=kind.name,
            title=_title(resource, kind, self._naming),
            when=noted.when,
            facts=facts,
            technical=(*technical, *telling.aside()),
            narrative=div,
            files=tuple(dict.fromkeys(files)),
        )


def facts_of(resource: Json, naming: Naming) -> tuple[Fact, ...]:
    """What one resource says, what helps a reader first, without what matters to systems alone."""
    return _in_order(resource, kind_of(primitive(resource.get("resourceType"))), _Telling(naming, []))


def _in_order(resource: Json, kind: Kind, telling: _Telling) -> tuple[Fact, ...]:
    order = {name: place for place, name in enumerate(("modifierExtension", *kind.title, *kind.first))}
    resource = telling.as_seen(resource)
    fields = [name for name in resource if name in kind.first or name not in _NOT_FACTS]
    fields.sort(key=lambda name: order.get(base_of(name), order.get(name, len(order))))
    facts = as_asked(tuple(fact for name in fields for fact in telling.facts(name, resource[name])))
    return (*facts, *(fact for each in _listed(resource.get("contained")) for fact in telling.contained(each)))


class _Telling:
    """Puts fields into words; collects the files that they point to."""

    def __init__(self, naming: Naming, files: list[Shown]) -> None:
        self._naming = naming
        self._files = files
        self._aside: dict[Fact, None] = {}

    def aside(self) -> list[Fact]:
        """What the words of all facts so far do without."""
        return [Fact("Codes and addresses", tuple(self._aside))] if self._aside else []

    def as_seen(self, resource: Json) -> Json:
        seen, codes = as_seen(resource, self._naming)
        self._aside |= dict.fromkeys(codes)
        return seen

    def facts(self, name: str, value: object) -> list[Fact]:
        """The facts of one field: one for all its plain values, and one for each value with fields of its own."""
        if name.startswith("_"):
            label = f"{label_of(name[1:])} (more about it)"
        elif name in ("extension", "modifierExtension"):
            return [fact for each in _listed(value) for fact in self._extension(name, each)]
        else:
            label = label_of(name)
        plain: list[str] = []
        nested: list[Fact] = []
        for each in _listed(value):
            said = self._said(name, each)
            if isinstance(said, str):
                plain += [said] if said else []
            elif said:
                nested.append(Fact(label, said))
        return ([Fact(label, "\n".join(plain))] if plain else []) + nested

    def technical(self, name: str, value: object) -> list[Fact]:
        """The facts of a field that stands among what matters to systems: an id may stand there as it is."""
        if isinstance(value, str):
            return [Fact(label_of(name), _plain(name, value))]
        return self.facts(name, value)

    def contained(self, value: object) -> list[Fact]:
        if not isinstance(value, dict):
            return self.facts("part of this entry", value)
        kind = kind_of(primitive(value.get("resourceType")))
        inner = [fact for name, each in value.items() if name != "resourceType" for fact in self.facts(name, each)]
        return [Fact(f"{kind.name} (part of this entry)", tuple(inner))] if inner else []

    def _said(self, name: str, value: object) -> str | tuple[Fact, ...]:
        if isinstance(value, list):
            return tuple(fact for each in value for fact in self.facts(name, each))
        if not isinstance(value, dict):
            return self._primitive(name, value)
        if isinstance(value.get("resourceType"), str):
            return tuple(self.contained(value))
        file = self._file(value)
        if file is not None:
            return file
        words = in_words(value, self._naming)
        if words is not None:
            for each in left_out(value, words, self._naming):
                self._aside[Fact(label_of(name), each)] = None
            return words
        return tuple(fact for field_, each in value.items() for fact in self.facts(field_, each))

    def _primitive(self, name: str, value: object) -> str:
        said = _plain(name, value)
        if not is_technical(name, said):
            return said
        self._aside[Fact(label_of(name), said)] = None
        return ""

    def _file(self, value: Mapping[str, object]) -> str | None:
        url = value.get("url")
        if not isinstance(url, str) or not _OF_FILES.fullmatch(url) or "contentType" not in value:
            return None
        self._files.append(Shown(url, primitive(value["contentType"])))
        more = [_plain(name, value[name]) for name in _ATTACHMENT_WORDS if isinstance(value.get(name), str)]
        return f"File {url}" + (f": {', '.join(more)}" if more else "")

    def _extension(self, name: str, value: object) -> list[Fact]:
        if not isinstance(value, dict):
            return self.facts("more", value)
        url = primitive(value.get("url"))
        last = re.split(r"[/:#]", url.rstrip("/"))[-1] if url else "extension"
        label = humps(last.removeprefix("Extension-").removeprefix("UKCore-"))
        if name == "modifierExtension":
            label = f"{label_of(name)}: {label}"
        value, code = in_our_words(value)
        so_far, self._aside = self._aside, dict.fromkeys([Fact(label, code)] if code else [])
        inner = [fact for each, content in value.items() if each != "url" for fact in self.facts(each, content)]
        named = [Fact(label if fact.label == label_of("value") else fact.label, fact.value) for fact in self._aside]
        self._aside = {**so_far, **dict.fromkeys(named)}
        if not inner and any(fact.label == label for fact in named):
            return []
        return [Fact(label, inner[0].value if len(inner) == 1 else tuple(inner) or "no value")]


def _narrative(text: object) -> str:
    div = text.get("div") if isinstance(text, dict) else None
    return div if isinstance(div, str) else ""


def _around_narrative(text: object) -> object:
    """What else stands there: as a rule nothing but how the narrative came about."""
    if not isinstance(text, dict) or not _narrative(text):
        return text
    return {name: value for name, value in text.items() if name not in ("div", "status")} or None


def _plain(name: str, value: object) -> str:
    text = primitive(value)
    if name in ("div", "data") and len(text) > _DATA_SHOWN and (name == "div" or " " not in text):
        return f"({len(text):,} characters, in the machine-readable record)"
    return date_words(text) if looks_like_date(text) else text


def _title(resource: Mapping[str, object], kind: Kind, naming: Naming) -> str:
    for path in kind.title:
        for each in _listed(resource.get(path)):
            words = in_words(each, naming) if isinstance(each, dict) else primitive(each)
            if words and not is_technical(path, words):
                return _short(_bare(words, each))
    return ""


def _bare(words: str, value: object) -> str:
    """The first of the words that a concept has: all of them stand among the facts."""
    if isinstance(value, dict):
        text = value.get("text") or value.get("display")
        codings = value.get("coding")
        first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
        return primitive(text) or primitive(first.get("display")) or words
    return words


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= _MOST_TITLE else f"{words[:_MOST_TITLE]}…"


def _when(resource: Mapping[str, object], kind: Kind) -> str:
    for path in kind.when:
        value: object = resource
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            value = value.get("start") or value.get("end")
        if isinstance(value, str) and re.match(r"\d{4}(?:-|$)", value) and date_words(value) != "":
            return value[:40]
    return ""


def _order(when: str) -> tuple[bool, str]:
    """Undated last. A year alone comes before its months."""
    return not when, when


def _is_stub(resource: Mapping[str, object]) -> bool:
    meta = resource.get("meta")
    labels = _listed(meta.get("security")) if isinstance(meta, dict) else []
    return _STUB.fullmatch(primitive(resource.get("id"))) is not None and any(
        isinstance(each, dict) and each.get("code") == "REDACTED" for each in labels
    )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _inside(resource: Mapping[str, object]) -> Iterator[Json]:
    if resource.get("resourceType") == "Bundle":
        for entry in _listed(resource.get("entry")):
            inner = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(inner, dict):
                yield inner
    elif resource.get("resourceType") == "Parameters":
        yield from _in_parameters(resource.get("parameter"))


def _in_parameters(parameters: object) -> Iterator[Json]:
    for each in _listed(parameters):
        if isinstance(each, dict):
            if isinstance(each.get("resource"), dict):
                yield each["resource"]
            yield from _in_parameters(each.get("part"))


def _without_resources(resource: Json) -> Json:
    if resource.get("resourceType") == "Parameters":
        said = [
            each for each in _listed(resource.get("parameter")) if isinstance(each, dict) and "resource" not in each
        ]
        return {**{name: value for name, value in resource.items() if name != "parameter"}, "parameter": said}
    entries = [
        {name: value for name, value in entry.items() if name not in ("resource", "fullUrl", "search")}
        for entry in _listed(resource.get("entry"))
        if isinstance(entry, dict)
    ]
    more = [entry for entry in entries if entry]
    rest = {name: value for name, value in resource.items() if name != "entry"}
    return {**rest, "entry": more} if more else rest
