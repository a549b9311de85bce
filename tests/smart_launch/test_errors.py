"""The tree of errors: drawn as it is, and every class says who must act."""

from __future__ import annotations

import inspect
import re

import pytest

import smart_launch
from smart_launch import errors
from smart_launch.errors import SmartError, bounded_code

CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, SmartError) and found.__module__ == errors.__name__
]


def test_the_drawing_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    trail: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}(?P<indent>[| ]*(?:[|`]-- )?)(?P<name>[A-Z][A-Za-z]+)\b", line)
        if match is None:
            continue
        depth = len(match["indent"])
        while trail and trail[-1][0] >= depth:
            trail.pop()
        drawn[match["name"]] = trail[-1][1] if trail else "Exception"
        trail.append((depth, match["name"]))
    assert drawn == {found.__name__: found.__base__.__name__ for found in CLASSES if found.__base__}


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_every_class_explains_itself_and_is_public(found: type[SmartError]) -> None:
    assert found.__doc__
    assert "code" in vars(found)
    assert getattr(smart_launch, found.__name__) is found


def test_codes_are_distinct() -> None:
    codes = [found.code for found in CLASSES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("access_denied", "access_denied"),
        ("", "unspecified"),
        (None, "unspecified"),
        (["x"], "unspecified"),
        ("a b\n<c>", "a?b??c?"),
        ("x" * 100, "x" * 64),
    ],
)
def test_codes_of_servers_are_bounded(value: object, code: str) -> None:
    assert bounded_code(value) == code


def test_every_public_name_exists_once() -> None:
    assert len(set(smart_launch.__all__)) == len(smart_launch.__all__)
    assert [name for name in smart_launch.__all__ if not hasattr(smart_launch, name)] == []
