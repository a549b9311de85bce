"""Situations as files: TOML or JSON with the names of `Situation`'s fields. What is not known is refused, by name."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, get_args, get_type_hints

from fhir_plugin.errors import Refused
from mappings.model.images import Arrival
from mappings.model.situation import Situation

LONGEST_FILE = 1_000_000
_ABOUT = frozenset({"title"})
"""What a file may say about itself beside the situation."""


class BadSituation(Refused):
    """The file does not hold a situation. The message names the field and what it takes; never what was written."""

    code = "bad-situation"


def example_names() -> tuple[str, ...]:
    """The situations that come with the app."""
    folder = files("fhir_plugin.policy") / "examples"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def example(name: str) -> str:
    """The text of one of them. Raises `KeyError`."""
    if name not in example_names():
        raise KeyError(name)
    return (files("fhir_plugin.policy") / "examples" / f"{name}.toml").read_text("utf-8")


def read_situation(text: str, *, today: dt.date) -> Situation:
    """A situation from TOML or JSON. `today` stands in where the file names none. Raises `BadSituation`."""
    return situation_from(_values(text), today=today)


def title_of(text: str) -> str:
    """What the file says that it is about; "" where it does not."""
    title = _values(text).get("title", "")
    if not isinstance(title, str):
        raise BadSituation("title: some text is wanted")
    return title


def _values(text: str) -> Mapping[str, Any]:
    if len(text) > LONGEST_FILE:
        raise BadSituation("the file is longer than any situation")
    try:
        values = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadSituation("the file is neither TOML nor JSON") from error
    if not isinstance(values, dict):
        raise BadSituation("the file is neither TOML nor JSON")
    return values


def situation_from(values: Mapping[str, Any], *, today: dt.date) -> Situation:
    """The situation that these values say. JSON's null and what is left out are the same: not answered."""
    kinds = _kinds()
    for name in values:
        if name not in kinds and name not in _ABOUT:
            raise BadSituation(f"{_printable(name)}: no such field")
    read: dict[str, Any] = {"birth_date": None, "today": today}
    for name, value in values.items():
        if name not in _ABOUT and value is not None:
            read[name] = _read(name, value, kinds[name])
    situation = Situation(**read)
    _not_contradictory(situation)
    return situation


@cache
def _kinds() -> Mapping[str, type]:
    hints = get_type_hints(Situation)
    found: dict[str, type] = {}
    for each in fields(Situation):
        options = [kind for kind in get_args(hints[each.name]) if kind is not type(None)]
        found[each.name] = options[0] if options else hints[each.name]
    return found


def _read(name: str, value: Any, kind: type) -> Any:
    if kind is dt.date:
        return _day(name, value)
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise BadSituation(f"{name}: true or false is wanted")
    if not isinstance(value, str):
        raise BadSituation(f"{name}: some text is wanted")
    if issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            wanted = ", ".join(each.value for each in kind)
            raise BadSituation(f"{name}: one of {wanted} is wanted") from None
    return value


def _day(name: str, value: Any) -> dt.date:
    if type(value) is dt.date:
        return value
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise BadSituation(f"{name}: a day is wanted, as 2026-11-22")


def _not_contradictory(situation: Situation) -> None:
    """Facts that cannot all be so. Answers that contradict each other are the engine's to name."""
    if situation.birth_date is not None and situation.birth_date > situation.today:
        raise BadSituation("birth_date: it lies after the day of the decision")
    if situation.captured_on is not None and situation.captured_on > situation.today:
        raise BadSituation("captured_on: it lies after the day of the decision")
    if situation.preauthorised_private and not situation.requested:
        raise BadSituation("preauthorised_private: without a request nothing was allowed beforehand")
    if situation.requested and situation.arrival in (Arrival.UNASKED, Arrival.TAKEN_NOW):
        raise BadSituation("requested: what answers a request came neither unasked nor by being taken now")


def _printable(name: str) -> str:
    """A field's name as far as it can be one: what else was written there is not repeated."""
    return name if name.isascii() and name.replace("_", "").isalnum() and len(name) <= 40 else "(a name)"
