"""The sweep for secrets can fail: each planted in each place, in each form, is found, and by its name alone."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from tests.app.canary_sweep import Found, Sweep, forms_of, reachable

TEXT = 'canary\'s "words" & <é>+/%?'
BYTES = bytes(range(200, 232))
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda raw: raw,
    "hex": lambda raw: raw.hex().encode(),
    "HEX": lambda raw: raw.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64 after one": lambda raw: base64.b64encode(b"x" + raw + b"yz"),
    "base64 after two": lambda raw: base64.b64encode(b"xy" + raw + b"z"),
    "base64url after four": lambda raw: base64.urlsafe_b64encode(b"name" + raw),
    "base64 of Basic": lambda raw: base64.b64encode(b"client:" + raw),
    "repr": lambda raw: repr(raw).encode(),
}
OF_TEXTS: dict[str, Callable[[str], bytes]] = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "URL": lambda text: quote(text, safe="").encode(),
    "JSON": lambda text: json.dumps({"x": text}).encode(),
    "repr": lambda text: repr(text).encode(),
}


@pytest.fixture
def sweep() -> Sweep:
    sweep = Sweep()
    sweep.add("text", TEXT)
    sweep.add("bytes", BYTES)
    return sweep


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["text", "bytes"])
def test_every_form_is_found_in_a_file(sweep: Sweep, tmp_path: Path, encoding: str, name: str) -> None:
    raw = TEXT.encode() if name == "text" else BYTES
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.sqlite-wal").write_bytes(b"\x00\xff junk " + ENCODINGS[encoding](raw) + b" \x00")
    (found,) = sweep.in_files(tmp_path)
    assert (found.secret, found.place) == (name, "page.sqlite-wal")


@pytest.mark.parametrize("encoding", OF_TEXTS)
def test_every_form_of_a_text_is_found(sweep: Sweep, encoding: str) -> None:
    assert [found.secret for found in sweep.in_bytes(b"junk " + OF_TEXTS[encoding](TEXT), "x")] == ["text"]


def test_a_name_of_a_file_is_looked_at(tmp_path: Path) -> None:
    sweep = Sweep()
    sweep.add("id", "canary-of-a-name")
    (tmp_path / "thumb-canary-of-a-name.jpg").touch()
    assert [found.secret for found in sweep.in_files(tmp_path)] == ["id"]


def test_nothing_is_found_where_nothing_is(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(500_000))
    assert sweep.in_files(tmp_path) == []
    assert sweep.in_text("nothing to see", "x") == []


class Telling:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Telling({self.secret!r})"


class Blurting(Telling):
    """Says it in `str` only."""

    def __repr__(self) -> str:
        return "Blurting()"

    def __str__(self) -> str:
        return self.secret


@dataclass
class Record:
    secret: str


class Slotted:
    __slots__ = ("inside",)

    def __init__(self, inside: object) -> None:
        self.inside = inside


@dataclass
class Discreet:
    inside: object = field(repr=False)


def _closed_over(inside: object) -> Callable[[], object]:
    return lambda: inside


WAYS: dict[str, Callable[[object], object]] = {
    "an attribute": lambda inside: SimpleNamespace(a=Discreet(inside)),
    "a slot": Slotted,
    "a list": lambda inside: Discreet([inside]),
    "a key": lambda inside: Discreet({(inside,): 1}) if isinstance(inside, tuple) else Discreet({"x": {"y": inside}}),
    "a set": lambda inside: Discreet(frozenset({id(inside)}) and deque([inside])),
    "a closure": lambda inside: Discreet(_closed_over(inside)),
    "a method": lambda inside: Discreet(Discreet(inside).__init__),  # type: ignore[misc]  # any bound method
    "a partial": lambda inside: Discreet(functools.partial(print, inside)),
    "a default": lambda inside: Discreet(lambda x=inside: x),
    "far down": lambda inside: functools.reduce(lambda each, _: Discreet(each), range(20), inside),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [Telling, Blurting, Record])
def test_an_object_that_tells_is_found_wherever_it_is(way: str, kind: Callable[[str], object]) -> None:
    sweep = Sweep()
    sweep.add("token", "canary-token-1")
    holder = WAYS[way](kind("canary-token-1"))
    assert {found.secret for found in sweep.in_objects(holder)} == {"token"}
    assert any(type(each).__name__ in ("Telling", "Blurting", "Record") for each in reachable(holder))


def test_an_object_that_keeps_it_to_itself_is_not_found() -> None:
    sweep = Sweep()
    sweep.add("token", "canary-token-1")
    assert sweep.in_objects(Discreet("canary-token-1")) == []


def _raise(message: str, *, cause: BaseException | None = None) -> BaseException:
    try:
        raise ValueError(message) from cause
    except ValueError as error:
        return error


def test_an_error_that_tells_is_found_and_so_is_its_cause() -> None:
    sweep = Sweep()
    sweep.add("token", "canary-token-1")
    assert sweep.in_errors([_raise("with canary-token-1")])
    assert sweep.in_errors([_raise("quiet", cause=_raise("with canary-token-1"))])
    assert sweep.in_errors([_raise("quiet")]) == []


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()


@pytest.mark.parametrize("place", ["argument", "environment", "neither"])
def test_a_child_that_was_told_is_found(children: list[subprocess.Popen[bytes]], place: str) -> None:
    sweep = Sweep()
    sweep.add("token", "canary-token-1")
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    environment = {"TOLD": "canary-token-1"} if place == "environment" else {}
    if place == "argument":
        command.append("canary-token-1")
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    children.append(child)
    assert child.stdout is not None and child.stdout.readline()
    found = sweep.in_processes([child.pid])
    child.stdout.close()
    if child.stdin is not None:
        child.stdin.close()
    assert [each.place for each in found] == {
        "argument": ["cmdline of a child"],
        "environment": ["environ of a child"],
        "neither": [],
    }[place]


def test_what_is_found_does_not_tell_it_again(sweep: Sweep) -> None:
    assert TEXT not in repr(sweep.in_text(TEXT, "x")) and TEXT not in repr(sweep)
    assert repr(Found("a", "b", "c")) == "Found(secret='a', form='b', place='c')"


def test_a_secret_that_is_found_by_accident_is_none() -> None:
    with pytest.raises(AssertionError, match="by accident"):
        Sweep().add("pin", "1234")
    assert all(len(form) >= 6 for form in forms_of("12345678").values())


def test_a_place_may_be_allowed_its_own_by_name(sweep: Sweep) -> None:
    assert sweep.without("text").in_text(TEXT, "x") == []
    assert sweep.without("byt").in_text(TEXT, "x") != []
