"""How one element with parts is said in R4 and in R5: rules in both directions, and nothing lost in either.

A rule says how some names of one version are some names of the other. Whatever does not come back from there as it
was is set aside beside it (`aside`), and counts on the way back for as long as what stands in its place still says the
same: somebody may have changed it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import NEVER, Kind, many, one, set_aside, taken_back, url_of

Json = dict[str, Any]
Says = Callable[[Json], Json]

R4: Final = "4.0"
R5: Final = "5.0"


@dataclass(frozen=True)
class Rule:
    """`four` and `five`: the names that belong together, with their types. `up`: from R4 to R5; `down`: back.

    Both get an object with those of the names that are there, and give one with the other version's.
    """

    four: Mapping[str, Kind]
    five: Mapping[str, Kind]
    up: Says
    down: Says


@dataclass(frozen=True)
class Shape:
    """All rules of one element; what no rule names is the same in both versions."""

    path: str
    rules: Sequence[Rule]

    def up(self, value: Any) -> Any:
        """From R4 to R5. What is no object stays as it is."""
        return self._translated(value, R4) if isinstance(value, dict) else value

    def down(self, value: Any) -> Any:
        """From R5 to R4."""
        return self._translated(value, R5) if isinstance(value, dict) else value

    def _translated(self, value: Json, version: str) -> Json:
        other = R5 if version == R4 else R4
        extensions = list(elements.objects_of(value.get("extension")))
        source = dict(value)
        beside: list[Json] = []
        moved: Json = {}
        for rule in self.rules:
            here, there = (rule.four, rule.five) if version == R4 else (rule.five, rule.four)
            forth, back = (rule.up, rule.down) if version == R4 else (rule.down, rule.up)
            for name in filter(_is_url, here):
                if found := [each for each in extensions if each.get("url") == name]:
                    source[name] = found
                    extensions = [each for each in extensions if each.get("url") != name]
            part = {name: source[name] for name in here if name in source}
            kept: Json = {}
            for name, kind in there.items():
                if kind == NEVER:
                    continue
                url = name if _is_url(name) else url_of(other, f"{self.path}.{name}")
                mine = [each for each in extensions if each.get("url") == url]
                if mine:
                    kept[name] = mine if _is_url(name) else taken_back(url, kind, mine)
                    extensions = [each for each in extensions if each.get("url") != url]
            said = forth(part)
            if kept and back({**said, **kept}) == part:
                said = {**said, **kept}
            comes_back = back(said)
            for name in part:
                if here[name] == NEVER:
                    continue
                if comes_back.get(name) != part[name]:
                    url = url_of(version, f"{self.path}.{name}")
                    beside += part[name] if _is_url(name) else set_aside(url, here[name], part[name])
            moved |= said
        named = {name for rule in self.rules for name in (rule.four if version == R4 else rule.five)}
        whole = {name: inner for name, inner in value.items() if name not in named and name != "extension"}
        told = [each for name in filter(_is_url, moved) for each in moved[name]]
        whole |= {name: inner for name, inner in moved.items() if not _is_url(name)}
        if extensions := [*told, *extensions, *beside]:
            whole["extension"] = extensions
        return whole


def _is_url(name: str) -> bool:
    """A name in R4 that is an extension there: the one with this address."""
    return ":" in name


# ------------------------------------------------------------------------------------------ rules


def renamed(four: str, five: str, kind: Kind) -> Rule:
    """The same under another name."""
    return mapped(four, five, kind, kind, lambda value: value, lambda value: value)


def mapped(
    four: str, five: str, kind4: Kind, kind5: Kind, up: Callable[[Any], Any], down: Callable[[Any], Any]
) -> Rule:
    """One name for one name; `up` and `down` give None for what has no form there."""
    return Rule({four: kind4}, {five: kind5}, _moved(four, five, up), _moved(five, four, down))


def only4(name: str, kind: Kind) -> Rule:
    """R5 has nothing for it."""
    return Rule({name: kind}, {}, _nothing, _nothing)


def only5(name: str, kind: Kind) -> Rule:
    """R4 has nothing for it."""
    return Rule({}, {name: kind}, _nothing, _nothing)


def inner(name: str, shape: Shape, five: str = "") -> Rule:
    """One part, or a list of parts, with rules of their own."""
    return mapped(name, five or name, NEVER, NEVER, _each(shape.up), _each(shape.down))


def codes(name: str, up: Mapping[str, str], down: Mapping[str, str]) -> Rule:
    """Codes of which some are others there."""
    return mapped(name, name, one("code"), one("code"), lambda code: _other(up, code), lambda code: _other(down, code))


def told(url: str, slot: str, five: str, kind: Kind, up: Callable[[Any], Any], down: Callable[[Any], Any]) -> Rule:
    """An extension in R4 with its value in `slot`, an element in R5; several where `kind` repeats."""

    def to_element(extensions: Any) -> Any:
        values = [up(each[slot]) for each in extensions if set(each) == {"url", slot}]
        return (values if kind.many else values[0]) if values else None

    def to_extensions(value: Any) -> Any:
        values = [down(each) for each in (value if kind.many and isinstance(value, list) else [value])]
        return [{"url": url, slot: each} for each in values if each is not None] or None

    return mapped(url, five, one("string"), kind, to_element, to_extensions)


def listed(four: str, five: str, datatype: str) -> Rule:
    """One in R4, several in R5."""
    return mapped(four, five, one(datatype), many(datatype), lambda value: [value], first)


def first(value: Any) -> Any:
    """The first of a list; None where it is none, or empty."""
    return value[0] if isinstance(value, list) and value else None


def to_concept(coding: Any) -> Json:
    """A Coding as the one of a concept."""
    return {"coding": [coding]}


def to_coding(concept: Any) -> Any:
    """The first coding of a concept; None where it has none."""
    return first(elements.object_of(concept).get("coding"))


def all_of(each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same for each of a list; None where it is none, or where nothing is left."""

    def every(values: Any) -> Any:
        found = [said for value in values if (said := each(value)) is not None] if isinstance(values, list) else []
        return found or None

    return every


def _moved(here: str, there: str, say: Callable[[Any], Any]) -> Says:
    def says(part: Json) -> Json:
        if here not in part:
            return {}
        said = say(part[here])
        return {} if said is None else {there: said}

    return says


def _each(say: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [say(each) for each in value] if isinstance(value, list) else say(value)


def _other(known: Mapping[str, str], code: Any) -> Any:
    return known.get(code, code) if isinstance(code, str) else code


def _nothing(_part: Json) -> Json:
    return {}
