"""Looks for secrets, in every form in which they could be written, in texts, files, objects and processes."""

from __future__ import annotations

import base64
import functools
import html
import json
import traceback
import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.local import LocalProxy

SHORTEST = 8
"""Bytes: what is shorter is found by accident."""
DEEPEST = 40
MOST_OBJECTS = 400_000
_PLAIN = types.ModuleType | type | str | bytes | int | float | None


def forms_of(secret: str | bytes) -> dict[str, bytes]:
    """Every way in which these bytes could lie somewhere: as they are, or encoded as programs do."""
    raw = secret.encode("utf-8") if isinstance(secret, str) else secret
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    found |= {"in repr of bytes": repr(raw)[2:-1].encode(), "in a URL": quote(raw, safe="").encode()}
    found["in a path"] = quote(raw).encode()
    for offset in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            text = encode(b"\0" * offset + raw)
            found[f"{name} at {offset}"] = text[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
    if isinstance(secret, str):
        found |= {
            "UTF-16 LE": secret.encode("utf-16-le"),
            "UTF-16 BE": secret.encode("utf-16-be"),
            "in a form": quote_plus(secret).encode(),
            "in JSON": json.dumps(secret)[1:-1].encode(),
            "in HTML": html.escape(secret).encode(),
            "in repr": repr(secret)[1:-1].encode(),
        }
    return found


@dataclass(frozen=True)
class Found:
    """A secret where it must not be. The secret itself does not show."""

    secret: str
    form: str
    place: str


@dataclass
class Sweep:
    """The secrets that are looked for, by name."""

    secrets: dict[str, str | bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._forms: dict[str, dict[str, bytes]] = {}

    def add(self, name: str, secret: str | bytes) -> None:
        """From now on this is looked for, too."""
        assert len(secret) >= SHORTEST, f"{name} would be found by accident"
        self.secrets[name] = secret

    def without(self, *names: str) -> Sweep:
        """For a place where some belong: names, or the beginnings of names."""
        return Sweep({name: secret for name, secret in self.secrets.items() if not name.startswith(names)})

    def only(self, *names: str) -> Sweep:
        return Sweep({name: secret for name, secret in self.secrets.items() if name.startswith(names)})

    def in_bytes(self, content: bytes, place: str) -> list[Found]:
        found = []
        for name, secret in self.secrets.items():
            if name not in self._forms:
                self._forms[name] = forms_of(secret)
            seen = next((form for form, text in self._forms[name].items() if text in content), None)
            if seen is not None:
                found.append(Found(name, seen, place))
        return found

    def in_text(self, text: str, place: str) -> list[Found]:
        return self.in_bytes(text.encode("utf-8", "surrogatepass"), place)

    def in_files(self, folder: Path) -> list[Found]:
        """Every byte of every file below a folder, and the names of the files."""
        found = []
        for path in sorted(folder.rglob("*")):
            found += self.in_text(path.name, f"the name of {path.name}")
            if path.is_file():
                found += self.in_bytes(path.read_bytes(), path.name)
        return found

    def in_objects(self, *roots: object) -> list[Found]:
        """`repr` and `str` of every object that can be reached and is not one of Python's own plain values."""
        texts: dict[str, str] = {}
        for each in reachable(*roots):
            kind = f"{type(each).__module__}.{type(each).__qualname__}"
            for how, said in (("repr", _said(repr, each)), ("str", _said(str, each))):
                texts.setdefault(said, f"{how} of {kind}")
        if not self.in_text("\n".join(texts), "all of them"):
            return []
        return [found for said, place in texts.items() for found in self.in_text(said, place)]

    def in_errors(self, errors: Iterable[BaseException]) -> list[Found]:
        """Messages, arguments and tracebacks, with everything that led to them."""
        found = []
        for error in errors:
            text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
            found += self.in_text(text, f"the traceback of {type(error).__name__}")
        return found

    def in_processes(self, pids: Iterable[int]) -> list[Found]:
        """Arguments and environment, which others of the same machine may read."""
        found = []
        for pid in pids:
            for part in ("cmdline", "environ"):
                found += self.in_bytes(Path(f"/proc/{pid}/{part}").read_bytes(), f"{part} of a child")
        return found


def reachable(*roots: object) -> Iterator[object]:
    """Every object below `roots` that has a `repr` of its own, each once; classes and modules are left out."""
    seen: set[int] = set()
    waiting: deque[tuple[object, int]] = deque((root, 0) for root in roots)
    alive: list[object] = []  # an id is only good while its object lives
    while waiting:
        each, depth = waiting.popleft()
        if type(each) is LocalProxy or id(each) in seen or isinstance(each, _PLAIN):
            continue
        seen.add(id(each))
        alive.append(each)
        assert len(seen) < MOST_OBJECTS, "the walk has left the installation"
        if type(each).__module__ != "builtins":
            yield each
        if depth < DEEPEST:
            waiting.extend((child, depth + 1) for child in _below(each))


def _below(each: object) -> Iterator[object]:
    if isinstance(each, Mapping):
        for key, value in list(_quietly(each.items)):
            yield key
            yield value
    elif isinstance(each, list | tuple | set | frozenset | deque):
        yield from list(each)
    if isinstance(each, types.FunctionType):
        for cell in each.__closure__ or ():
            yield from _cell(cell)
        yield from each.__defaults__ or ()
    elif isinstance(each, types.MethodType):
        yield each.__self__
        yield each.__func__
    elif isinstance(each, functools.partial):
        yield from (each.func, *each.args, *each.keywords.values())
    elif isinstance(each, weakref.ref):
        return
    yield from list(_attribute(each, "__dict__", {}).values())
    for kind in type(each).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield _attribute(each, name, None)


def _attribute(each: object, name: str, otherwise: Any) -> Any:
    """What is kept under a name, without running anything that would make it."""
    try:
        return object.__getattribute__(each, name)
    except (AttributeError, TypeError):
        return otherwise


def _cell(cell: types.CellType) -> Iterator[object]:
    try:
        yield cell.cell_contents
    except ValueError:  # not filled yet
        return


def _quietly(items: Any) -> Iterable[tuple[object, object]]:
    """The items of a mapping; proxies of a request that is over have none."""
    try:
        return list(items())
    except (RuntimeError, TypeError, AttributeError):
        return ()


def _said(how: Any, each: object) -> str:
    """What it says; parts of a statement, and what is bound to a request that is over, say nothing."""
    try:
        return str(how(each))
    except (RuntimeError, TypeError, AttributeError, SQLAlchemyError):
        return ""
