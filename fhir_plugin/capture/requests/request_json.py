"""Requests to and from JSON, for the store that seals them."""

from __future__ import annotations

import datetime as dt
import typing
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin

from fhir_plugin.capture.requests.request import PhotoRequest

Json = dict[str, Any]

T = TypeVar("T")


def request_to_json(request: PhotoRequest) -> Json:
    return cast(Json, _out(request))


def request_from_json(value: Json) -> PhotoRequest:
    """Raises ValueError, TypeError or KeyError on what is not a request.

    A field that an older version did not know is what its dataclass says by default: an upgrade leaves readable what
    was kept before it.
    """
    return _in(PhotoRequest, value)


def _out(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _out(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dt.date):  # an instant is a day, too
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _out(each) for key, each in value.items()}
    if value is None or isinstance(value, str | int | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a request")


def _in(kind: type[T], value: Json) -> T:
    shape = _shape(cast(Any, kind))
    if type(value) is not dict or not value.keys() <= shape.keys():
        raise ValueError(f"{kind.__name__} has other fields")
    return kind(**{name: _read(shape[name], each) for name, each in value.items()})


@cache
def _shape(kind: Any) -> dict[str, Any]:
    """Each field of a dataclass with its type, looked up once."""
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _read(kind: Any, value: Any) -> Any:
    kind = getattr(kind, "__supertype__", kind)  # a NewType
    origin = get_origin(kind)
    if origin in (typing.Union, UnionType):
        if value is None:
            return None
        (kind,) = (each for each in get_args(kind) if each is not type(None))
        return _read(kind, value)
    if origin is not None:  # Mapping[str, ...] is the only one
        return {key: _read(get_args(kind)[1], each) for key, each in value.items()}
    if is_dataclass(kind):
        return _in(cast(Any, kind), value)
    if kind in (dt.datetime, dt.date):
        return kind.fromisoformat(value)
    if kind is dt.timedelta:
        return dt.timedelta(seconds=value)
    if issubclass(kind, StrEnum):
        return kind(value)
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} was expected")
    return value
