"""A FHIR search (R4 search) as a value, and that value as SQL.

Within one parameter commas mean or; repeated parameters mean and. `parse_query` decides what is understood;
it never touches the store.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fhir_plugin.sandbox.fhir.conditions import Condition, Find, Sql, compile_condition, parse_condition
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.parameters import SearchParameter, parameters_of, resource_types

Summary = Literal["true", "text", "data", "count", "false"]
Total = Literal["none", "estimate", "accurate"]

_MOST_PARAMETERS = 60
_MOST_ARGUMENTS = 5000
_NUMBER = re.compile(r"\d{1,9}")

RESULT_PARAMETERS = ("_sort", "_count", "_include", "_revinclude", "_total", "_summary", "_elements")
"""What shapes the answer rather than the match (R4 search, summary table)."""
TRANSPORT_PARAMETERS = ("_format", "_pretty")
"""Understood by the server for every request."""


@dataclass(frozen=True)
class Include:
    """`_include` and `_revinclude`: `source` refers by `code` (`*`: any) to `target` (None: any)."""

    source: str
    code: str
    target: str | None
    iterate: bool = False


@dataclass(frozen=True)
class Query:
    """What was asked of one type. `ignored` lists parameters that were not understood."""

    resource_type: str
    conditions: tuple[Condition, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    """(parameter, descending)"""
    count: int | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    total: Total | None = None
    summary: Summary = "false"
    elements: tuple[str, ...] = ()
    understood: tuple[tuple[str, str], ...] = ()
    """For the self link."""
    ignored: tuple[str, ...] = ()


@dataclass
class _Draft:
    conditions: list[Condition] = field(default_factory=list)
    sort: list[tuple[str, bool]] = field(default_factory=list)
    count: int | None = None
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    total: Total | None = None
    summary: Summary = "false"
    elements: list[str] = field(default_factory=list)


def parse_query(
    resource_type: str,
    params: Sequence[tuple[str, str]],
    *,
    strict: bool = False,
    known: Callable[[str, str], bool] = lambda _type, _code: True,
    base: str = "",
) -> Query:
    """Raises `FhirError` 400 for a value, modifier or prefix that makes no sense; for an unknown parameter
    only when `strict`. `known` says whether (type, code) is a parameter of this server."""
    if len(params) > _MOST_PARAMETERS:
        raise FhirError(400, "too-costly", f"More than {_MOST_PARAMETERS} parameters")
    draft, understood, ignored = _Draft(), list[tuple[str, str]](), list[str]()
    for name, value in params:
        if name in TRANSPORT_PARAMETERS:
            continue
        if value == "" or _read(draft, resource_type, name, value, known, base):
            if value:
                understood.append((name, value))
            continue
        if strict:
            raise FhirError(400, "not-supported", f"{resource_type} has no search parameter {name[:64]!r} here")
        ignored.append(name[:64])
    return Query(
        resource_type,
        tuple(draft.conditions),
        tuple(draft.sort),
        draft.count,
        tuple(draft.includes),
        tuple(draft.revincludes),
        draft.total,
        draft.summary,
        tuple(draft.elements),
        tuple(understood),
        tuple(ignored),
    )


def compile_query(query: Query, now: dt.datetime, find: Find) -> Sql:
    """SQL for the keys of all matches, in order; `find` answers the conditions inside chains."""
    clauses, args = ["r.type = ?", "r.deleted = 0"], list[object]([query.resource_type])
    for condition in query.conditions:
        sql, more = compile_condition(condition, now, find)
        clauses.append(sql)
        args.extend(more)
    if len(args) > _MOST_ARGUMENTS:
        raise FhirError(400, "too-costly", "The search has too many values")
    order = list[str]()
    for code, descending in query.sort:
        sql, more = _order(parameters_of(query.resource_type)[code], descending)
        order.append(sql)
        args.extend(more)
    return f"SELECT r.key FROM resource r WHERE {' AND '.join(clauses)} ORDER BY {', '.join([*order, 'r.key'])}", args  # noqa: S608


def _order(parameter: SearchParameter, descending: bool) -> Sql:
    direction = "DESC" if descending else "ASC"
    if parameter.code == "_id":
        return f"r.id {direction}", []
    if parameter.code == "_lastUpdated":
        return f"r.updated {direction}, r.key {direction}", []
    column = {
        "token": "code",
        "reference": "coalesce(target_type || '/' || target_id, url)",
        "date": "high" if descending else "low",
        "string": "normal",
        "uri": "uri",
    }[parameter.table]
    extreme = "max" if descending else "min"
    sql = f"(SELECT {extreme}({column}) FROM {parameter.table} WHERE key = r.key AND param = ?)"  # noqa: S608
    return f"{sql} {direction} NULLS LAST", [parameter.code]


# ------------------------------------------------------------------------------------ the parameters


def _read(
    draft: _Draft, resource_type: str, name: str, value: str, known: Callable[[str, str], bool], base: str
) -> bool:
    """Adds one parameter to the draft; False if this server does not know it."""
    code, _, modifier = name.partition(":")
    if code in RESULT_PARAMETERS:
        return _read_result(draft, resource_type, code, modifier, value, known)
    condition = parse_condition(resource_type, name, value, known, base)
    if condition is None:
        return False
    draft.conditions.append(condition)
    return True


def _read_result(
    draft: _Draft,
    resource_type: str,
    code: str,
    modifier: str,
    value: str,
    known: Callable[[str, str], bool],
) -> bool:
    match code:
        case "_count":
            if not _NUMBER.fullmatch(value):
                raise FhirError(400, "value", "_count must be a whole number")
            draft.count = int(value)
        case "_total":
            if value not in ("none", "estimate", "accurate"):
                raise FhirError(400, "value", "_total must be none, estimate or accurate")
            draft.total = value  # type: ignore[assignment]  # narrowed by the line above
        case "_summary":
            if value not in ("true", "text", "data", "count", "false"):
                raise FhirError(400, "value", "_summary must be true, text, data, count or false")
            draft.summary = value  # type: ignore[assignment]  # narrowed by the line above
        case "_elements":
            draft.elements.extend(name.split(".")[-1] for name in value.split(",") if name)
        case "_sort":
            return _read_sort(draft, resource_type, value, known)
        case _:
            include = _include(code, modifier, value, known)
            if include is None:
                return False
            (draft.includes if code == "_include" else draft.revincludes).append(include)
    return True


def _read_sort(draft: _Draft, resource_type: str, value: str, known: Callable[[str, str], bool]) -> bool:
    wanted = [(part.removeprefix("-"), part.startswith("-")) for part in value.split(",") if part]
    if any(code not in parameters_of(resource_type) or not known(resource_type, code) for code, _ in wanted):
        return False
    draft.sort.extend(wanted)
    return True


def _include(code: str, modifier: str, value: str, known: Callable[[str, str], bool]) -> Include | None:
    if modifier not in ("", "iterate", "recurse"):
        raise FhirError(400, "not-supported", f"{code} has no modifier {modifier[:32]!r} here")
    iterate = bool(modifier)
    if value == "*":
        return Include("*", "*", None, iterate)
    source, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    if source not in resource_types() or (target and target not in resource_types()):
        raise FhirError(400, "value", f"{code} must be Type:parameter or Type:parameter:Type")
    if parameter != "*":
        found = parameters_of(source).get(parameter)
        if found is None or found.kind != "reference" or not known(source, parameter):
            return None
    return Include(source, parameter, target or None, iterate)
