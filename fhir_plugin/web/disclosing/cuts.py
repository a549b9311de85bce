"""What goes out of an item beside what stays, told in words: for people who do not read JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from fhir_plugin.disclose.package.reading.kinds import label_of

MOST_LINES = 60
"""More than this nobody reads; how many more there are is said."""
_LONGEST = 160
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
_QUOTED: Final = re.compile(r'"([^"\\]{600})[^"\\]*"')
_SAID: Final = {"text": "summary", "div": "text", "meta": "labels and versions"}
_MARK: Final = "REDACTED"


@dataclass(frozen=True)
class Cut:
    """One difference. `becomes` is empty where something is taken out, `was` where something is put in."""

    what: str
    was: str = field(repr=False)
    becomes: str = field(repr=False)

    @property
    def kind(self) -> str:
        if not self.becomes:
            return "taken out"
        return "changed" if self.was else "added"


@dataclass(frozen=True)
class Difference:
    """Whole: nothing of it goes out. `more`: how many differences are not listed."""

    cuts: tuple[Cut, ...]
    more: int = 0
    whole: bool = False


def difference(before: str, after: str | None, names: Mapping[str, str] = _NO_NAMES) -> Difference:
    """Between what the record holds and what would go out, both as JSON; unreadable JSON gives no list. `names`: what
    people call the items that a `Type/id` stands for."""
    if after is None:
        return Difference((), whole=True)
    try:
        was, becomes = json.loads(before), json.loads(after)
    except ValueError:
        return Difference(())
    found: list[Cut] = []
    _compare(was, becomes, (), found)
    told = [replace(each, was=names.get(each.was, each.was)) for each in found]
    return Difference(tuple(told[:MOST_LINES]), more=max(0, len(told) - MOST_LINES))


def shortened(text: str) -> str:
    """JSON without long strings (pictures, files), so that a page stays small."""
    return _QUOTED.sub(lambda found: f'"{found[1][:60]}… ({len(found[0]) - 2} characters)"', text)


def _compare(was: Any, becomes: Any, path: tuple[str, ...], found: list[Cut]) -> None:
    if was == becomes:
        return
    if isinstance(was, dict) and isinstance(becomes, dict):
        for name in [*was, *(name for name in becomes if name not in was)]:
            if name not in becomes:
                found.append(Cut(_named((*path, name)), _short(was[name]), ""))
            elif name not in was:
                found.append(_added((*path, name), becomes[name]))
            else:
                _compare(was[name], becomes[name], (*path, name), found)
    elif isinstance(was, list) and isinstance(becomes, list):
        _compare_lists(was, becomes, path, found)
    else:
        found.append(Cut(_named(path), _short(was), _short(becomes)))


def _compare_lists(was: list[Any], becomes: list[Any], path: tuple[str, ...], found: list[Cut]) -> None:
    if len(was) == len(becomes):
        for number, (one, other) in enumerate(zip(was, becomes, strict=True), start=1):
            _compare(one, other, (*path, str(number)) if len(was) > 1 else path, found)
        return
    left = list(becomes)
    for number, each in enumerate(was, start=1):
        if each in left:
            left.remove(each)
        else:
            found.append(Cut(_named((*path, str(number)) if len(was) > 1 else path), _short(each), ""))
    found.extend(_added(path, each) for each in left)


def _added(path: tuple[str, ...], value: Any) -> Cut:
    """What the redactor puts in; its own mark in words."""
    each = value[0] if isinstance(value, list) and len(value) == 1 else value
    if path == ("meta",) and isinstance(each, dict) and set(each) == {"security"}:
        return _added(("meta", "security"), each["security"])
    if path[-1:] == ("security",) and isinstance(each, dict) and each.get("code") == _MARK:
        return Cut("A label", "", "something was left out")
    return Cut(_named(path), "", _short(value))


def _named(path: tuple[str, ...]) -> str:
    """derivedFrom, 2, reference: `Derived from 2, reference`."""
    words: list[str] = []
    for part in path:
        if part.isdigit() and words:
            words[-1] += f" {part}"
        else:
            plain = label_of(part.lstrip("_"))
            words.append(_SAID.get(part, plain[:1].lower() + plain[1:]))
    said = ", ".join(words)
    return said[:1].upper() + said[1:]


def _short(value: Any) -> str:
    """A value as words: the parts that people recognise, first."""
    if isinstance(value, dict):
        known = [
            value[name] for name in ("display", "text", "div", "title", "reference", "value", "code") if name in value
        ]
        value = known[0] if known and isinstance(known[0], str) else json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list):
        value = "; ".join(_short(each) for each in value)
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    text = re.sub(r"<[^>]+>", " ", str(value))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
