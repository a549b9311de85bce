"""One search condition: name and value of a parameter as a value, and that as SQL over `resource r`."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.sandbox.fhir.dates import date_range, microseconds
from fhir_plugin.sandbox.fhir.indexing import normalise
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.parameters import SearchParameter, parameters_of, resource_types
from fhir_plugin.sandbox.fhir.references import ID, read_reference

Sql = tuple[str, list[object]]
Known = Callable[[str, str], bool]

_MOST_VALUES = 200
_DEEPEST_CHAIN = 2
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_MODIFIERS = {
    "token": {"", "not", "missing"},
    "flag": {"", "not", "missing"},
    "reference": {"", "missing", "identifier"},
    "date": {"", "missing"},
    "string": {"", "exact", "contains", "missing"},
    "uri": {"", "below", "above", "missing"},
}


@dataclass(frozen=True)
class Condition:
    """`parameter` of `resource_type` has one of `values`, by `modifier`.

    With `chain` the reference's target must satisfy that condition instead; with `reverse`, some resource of
    `resource_type` that satisfies `chain` must refer here by `parameter` (`_has`).
    """

    resource_type: str
    parameter: SearchParameter
    modifier: str = ""
    values: tuple[str, ...] = ()
    chain: tuple[Condition, ...] = ()
    reverse: bool = False
    target_type: str | None = None

    def types(self) -> frozenset[str]:
        """Every other type that this condition looks into: whoever asks must be allowed to search them all."""
        below = frozenset[str]().union(*(inner.types() | {inner.resource_type} for inner in self.chain))
        return below | {self.resource_type} if self.reverse else below


Find = Callable[[Condition], list[tuple[int, str]]]
"""(key, Type/id) of every resource of a condition's type that satisfies it and that the caller may see: a chain
must not tell about what is hidden."""


def parse_condition(
    resource_type: str, name: str, value: str, known: Known, base: str, depth: int = 0
) -> Condition | None:
    """None if this server does not know the parameter; `FhirError` 400 for anything that makes no sense."""
    if depth > _DEEPEST_CHAIN:
        raise FhirError(400, "too-costly", f"Chains have at most {_DEEPEST_CHAIN} links here")
    if name.startswith("_has:"):
        return _parse_has(resource_type, name, value, known, base, depth)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = parameters_of(resource_type).get(code)
    if parameter is None or not known(resource_type, code):
        return None
    if dot:
        return _parse_chain(resource_type, parameter, modifier, rest, value, known, base, depth)
    target_type = None
    if parameter.kind == "reference" and modifier in resource_types():
        target_type, modifier = modifier, ""
    if modifier not in _MODIFIERS[parameter.kind] or (code in ("_id", "_lastUpdated") and modifier):
        raise FhirError(400, "not-supported", f"{code} has no modifier {modifier[:32]!r} here")
    values = tuple(_split(value, ","))
    if len(values) > _MOST_VALUES:
        raise FhirError(400, "too-costly", f"More than {_MOST_VALUES} values for {code}")
    _check_values(parameter, modifier, values)
    if parameter.kind == "reference" and not modifier:
        values = tuple(_relative(_unescape(one), base) for one in values)
    return Condition(resource_type, parameter, modifier, values, target_type=target_type)


def compile_condition(condition: Condition, now: dt.datetime, find: Find) -> Sql:
    """A clause on `resource r` and its arguments; `find` answers the conditions inside chains."""
    parameter = condition.parameter
    if condition.chain:
        return _compile_chain(condition, find)
    if parameter.code == "_id":
        marks = ", ".join("?" * len(condition.values))
        return f"r.id IN ({marks})", [_unescape(value) for value in condition.values]
    rows = f"SELECT key FROM {parameter.table} WHERE type = ? AND param = ?"  # noqa: S608
    head: list[object] = [condition.resource_type, parameter.code]
    if condition.modifier == "missing":
        return f"r.key {'NOT IN' if condition.values == ('true',) else 'IN'} ({rows})", head
    alternatives = [_compile_value(condition, value, now) for value in condition.values]
    clause = " OR ".join(f"({sql})" for sql, _ in alternatives)
    args = [arg for _, more in alternatives for arg in more]
    if parameter.code == "_lastUpdated":
        return f"({clause})", args
    return f"r.key {'NOT IN' if condition.modifier == 'not' else 'IN'} ({rows} AND ({clause}))", head + args


# ------------------------------------------------------------------------------------------- chains


def _parse_chain(
    resource_type: str,
    parameter: SearchParameter,
    modifier: str,
    rest: str,
    value: str,
    known: Known,
    base: str,
    depth: int,
) -> Condition | None:
    if parameter.kind != "reference":
        raise FhirError(400, "value", f"{parameter.code} is no reference and cannot be chained")
    if modifier and modifier not in resource_types():
        raise FhirError(400, "not-supported", f"{parameter.code} has no modifier {modifier[:32]!r} here")
    targets = [modifier] if modifier else sorted(parameter.targets)
    if not targets:
        raise FhirError(
            400, "value", f"{parameter.code} may go anywhere: name the type, as in {parameter.code}:Patient"
        )
    inner = list[Condition]()
    for target in targets:
        found = parse_condition(target, rest, value, known, base, depth + 1)
        if found is not None:
            inner.append(found)
    return Condition(resource_type, parameter, chain=tuple(inner)) if inner else None


def _parse_has(resource_type: str, name: str, value: str, known: Known, base: str, depth: int) -> Condition | None:
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in resource_types():
        raise FhirError(400, "value", "_has must be _has:Type:parameter:parameter")
    _, source, code, rest = parts
    parameter = parameters_of(source).get(code)
    if parameter is None or parameter.kind != "reference" or not known(source, code):
        return None
    inner = parse_condition(source, rest, value, known, base, depth + 1)
    if inner is None:
        return None
    return Condition(source, parameter, chain=(inner,), reverse=True, target_type=resource_type)


def _compile_chain(condition: Condition, find: Find) -> Sql:
    found = [one for inner in condition.chain for one in find(inner)]
    if condition.reverse:
        return (
            "r.id IN (SELECT x.target_id FROM reference x WHERE x.type = ? AND x.param = ? AND x.target_type = ?"
            " AND x.key IN (SELECT value FROM json_each(?)))",
            [
                condition.resource_type,
                condition.parameter.code,
                condition.target_type,
                json.dumps([k for k, _ in found]),
            ],
        )
    return (
        "r.key IN (SELECT x.key FROM reference x WHERE x.type = ? AND x.param = ?"
        " AND x.target_type || '/' || x.target_id IN (SELECT value FROM json_each(?)))",
        [condition.resource_type, condition.parameter.code, json.dumps([reference for _, reference in found])],
    )


# ------------------------------------------------------------------------------------------- values


def _check_values(parameter: SearchParameter, modifier: str, values: tuple[str, ...]) -> None:
    if modifier == "missing":
        if values not in (("true",), ("false",)):
            raise FhirError(400, "value", f"{parameter.code}:missing must be true or false")
    elif parameter.kind == "date":
        for value in values:
            if date_range(_prefixed(value)[1]) is None:
                raise FhirError(400, "value", f"{parameter.code} must be a date, perhaps with a prefix")


def _prefixed(value: str) -> tuple[str, str]:
    match = _PREFIX.fullmatch(value)
    assert match is not None
    return match[1] or "eq", match[2]


def _compile_value(condition: Condition, value: str, now: dt.datetime) -> Sql:
    kind = condition.parameter.kind
    if kind in ("token", "flag") or condition.modifier == "identifier":
        return _compile_token(value, "value" if condition.modifier == "identifier" else "code")
    if kind == "reference":
        return _compile_reference(value, condition.target_type)
    if kind == "date":
        if condition.parameter.code == "_lastUpdated":
            return _compile_date(value, now, "r.updated", "(r.updated + 1000)")
        return _compile_date(value, now)
    text = _unescape(value)
    if kind == "uri":
        if condition.modifier == "below":
            return "substr(uri, 1, length(?)) = ?", [text, text]
        if condition.modifier == "above":
            return "substr(?, 1, length(uri)) = uri", [text]
        return "uri = ?", [text]
    if condition.modifier == "exact":
        return "exact = ?", [text]
    wanted = normalise(text)
    if condition.modifier == "contains":
        return "instr(normal, ?) > 0", [wanted]
    return "substr(normal, 1, length(?)) = ?", [wanted, wanted]


def _compile_token(value: str, column: str) -> Sql:
    parts = [_unescape(part) for part in _split(value, "|")]
    if len(parts) == 1:
        return f"{column} = ?", [parts[0]]
    system, code = parts[0], "|".join(parts[1:])
    if not code:
        return "system = ?", [system]
    return f"system = ? AND {column} = ?", [system, code]


def _compile_reference(text: str, target_type: str | None) -> Sql:
    target = read_reference(text, "")
    if target is not None:
        if target_type not in (None, target.resource_type):
            return "0", []
        return "target_type = ? AND target_id = ?", [target.resource_type, target.id]
    if ID.fullmatch(text):
        if target_type:
            return "target_type = ? AND target_id = ?", [target_type, text]
        return "target_id = ?", [text]
    return "url = ?", [text]


def _relative(text: str, base: str) -> str:
    target = read_reference(text, base)
    return f"{target.resource_type}/{target.id}" if target else text


def _compile_date(value: str, now: dt.datetime, low: str = "low", high: str = "high") -> Sql:
    """R4 search, prefixes; `low` and `high` are the columns, the latter exclusive."""
    prefix, text = _prefixed(value)
    found = date_range(text)
    assert found is not None
    start, end = found
    within = f"{low} >= ? AND {high} <= ?"
    match prefix:
        case "ne":
            return f"NOT ({within})", [start, end]
        case "gt":
            return f"{high} > ?", [end]
        case "lt":
            return f"{low} < ?", [start]
        case "ge":
            return f"{high} > ? OR ({within})", [end, start, end]
        case "le":
            return f"{low} < ? OR ({within})", [start, start, end]
        case "sa":
            return f"{low} >= ?", [end]
        case "eb":
            return f"{high} <= ?", [start]
        case "ap":
            slack = abs(microseconds(now) - start) // 10
            return f"{low} < ? AND {high} > ?", [end + slack, start - slack]
    return within, [start, end]


def _split(text: str, separator: str) -> list[str]:
    """At separators that no backslash escapes (R4 search, escaping); the backslashes stay."""
    return text.split(separator) if "\\" not in text else _split_escaped(text, separator)


def _split_escaped(text: str, separator: str) -> list[str]:
    parts, current, escaped = list[str](), "", False
    for character in text:
        if escaped:
            current += "\\" + character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == separator:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current + ("\\" if escaped else ""))
    return parts


def _unescape(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)
