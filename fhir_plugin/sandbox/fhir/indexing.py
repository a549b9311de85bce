"""What a resource can be found by: its values for every search parameter of its type (R4 search)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.sandbox.fhir.dates import BEGINNING, END, date_range
from fhir_plugin.sandbox.fhir.outcome import Json
from fhir_plugin.sandbox.fhir.parameters import SearchParameter, Step, parameters_of
from fhir_plugin.sandbox.fhir.references import read_reference

Row = tuple[Any, ...]

_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")
_NAME = ("text", "family", "given", "prefix", "suffix")


@dataclass
class Index:
    """Rows for the index tables, each beginning with the parameter's code."""

    token: set[Row] = field(default_factory=set)
    """(param, system, code)"""
    reference: set[Row] = field(default_factory=set)
    """(param, target type, target id, url, identifier system, identifier value)"""
    date: set[Row] = field(default_factory=set)
    """(param, first microsecond, first microsecond after)"""
    string: set[Row] = field(default_factory=set)
    """(param, normalised, as written)"""
    uri: set[Row] = field(default_factory=set)
    """(param, uri)"""


def normalise(text: str) -> str:
    """For string search: without case, accents and doubled spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def index_resource(resource: Json, base: str) -> Index:
    """The rows for one resource; references below `base` count as this server's own."""
    index = Index()
    for parameter in parameters_of(resource["resourceType"]).values():
        values = [value for path in parameter.paths for value in _values(resource, path)]
        _INDEXERS[parameter.kind](index, parameter, values, base)
    return index


def _values(value: Any, path: tuple[Step, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        step, rest = path[0], path[1:]
        for key, child in value.items():
            if key == step.name and not step.choice:
                yield from _values(_where(child, step), rest)
            elif step.choice and key.startswith(step.name) and key[len(step.name) : len(step.name) + 1].isupper():
                yield from _values(child, rest)


def _where(value: Any, step: Step) -> Any:
    if step.where is None:
        return value
    key, wanted = step.where
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and item.get(key) == wanted]


def _index_tokens(index: Index, parameter: SearchParameter, values: list[Any], _base: str) -> None:
    for value in values:
        for system, code in _tokens(value):
            index.token.add((parameter.code, system, code))


def _tokens(value: Any) -> Iterator[tuple[str, str]]:
    """(system, code) of a Coding, CodeableConcept, Identifier, ContactPoint or primitive."""
    if isinstance(value, bool):
        yield "", "true" if value else "false"
    elif isinstance(value, str | int):
        yield "", str(value)
    elif isinstance(value, dict):
        if "coding" in value:
            for coding in _list(value["coding"]):
                yield from _tokens(coding)
        else:
            code = value.get("code", value.get("value"))
            if isinstance(code, str):
                yield _text(value.get("system")), code


def _index_flag(index: Index, parameter: SearchParameter, values: list[Any], _base: str) -> None:
    flag = any(value is not False for value in values)
    index.token.add((parameter.code, "", "true" if flag else "false"))


def _index_references(index: Index, parameter: SearchParameter, values: list[Any], base: str) -> None:
    for value in values:
        literal = value.get("reference") if isinstance(value, dict) else value
        identifier = value.get("identifier") if isinstance(value, dict) else None
        system = value_of = None
        if isinstance(identifier, dict):
            system, value_of = _text(identifier.get("system")), _text(identifier.get("value"))
        target = read_reference(literal, base) if isinstance(literal, str) else None
        if target is not None:
            if not parameter.targets or target.resource_type in parameter.targets:
                row = (parameter.code, target.resource_type, target.id, literal, system, value_of)
                index.reference.add(row)
        elif isinstance(literal, str) or value_of:
            index.reference.add((parameter.code, None, None, literal, system, value_of))


def _index_dates(index: Index, parameter: SearchParameter, values: list[Any], _base: str) -> None:
    for value in values:
        for low, high in _ranges(value):
            index.date.add((parameter.code, low, high))


def _ranges(value: Any) -> Iterator[tuple[int, int]]:
    """The range of a date, dateTime, instant, Period, or of a Timing's events and bounds."""
    if isinstance(value, str):
        if found := date_range(value):
            yield found
    elif isinstance(value, dict):
        if "start" in value or "end" in value:
            start, end = date_range(_text(value.get("start"))), date_range(_text(value.get("end")))
            yield (start[0] if start else BEGINNING), (end[1] if end else END)
        for event in _list(value.get("event")):
            yield from _ranges(event)
        repeat = value.get("repeat")
        if isinstance(repeat, dict) and isinstance(repeat.get("boundsPeriod"), dict):
            yield from _ranges(repeat["boundsPeriod"])


def _index_strings(index: Index, parameter: SearchParameter, values: list[Any], _base: str) -> None:
    for value in values:
        for text in _strings(value):
            index.string.add((parameter.code, normalise(text), text))


def _strings(value: Any) -> Iterator[str]:
    """A string, or every part of a HumanName or an Address."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in dict.fromkeys((*_NAME, *_ADDRESS)):
            for part in _list(value.get(key)):
                if isinstance(part, str):
                    yield part


def _index_uris(index: Index, parameter: SearchParameter, values: list[Any], _base: str) -> None:
    for value in values:
        if isinstance(value, str):
            index.uri.add((parameter.code, value))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_INDEXERS: dict[str, Callable[[Index, SearchParameter, list[Any], str], None]] = {
    "token": _index_tokens,
    "flag": _index_flag,
    "reference": _index_references,
    "date": _index_dates,
    "string": _index_strings,
    "uri": _index_uris,
}
