"""Every word that a patient reads, from one file for each language; and which language somebody gets.

A file is TOML: sections of keys, each a text or a list of texts. `{name}` stands for what the page knows. A file
`cy.toml` is Welsh; `en.easy.toml` holds the words of the easy-read variant that differ from `en.toml` (G-R1, G-R29).
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fhir_plugin.errors import Unavailable
from fhir_plugin.policy.clock_times import UK

FOLDER = Path(__file__).parent / "words"
FIRST = "en"
"""The language that every other falls back on: the words are written in it first."""
EASY = "easy"
AUDIENCES = ("parent", "young")
"""Sections that take the place of the usual ones for some readers: `[parent.start]` that of `[start]`."""

_PLACE = re.compile(r"\{(\w+)\}")

Value = str | list[str]


@dataclass(frozen=True)
class Words:
    """The words of one language for one reader: `w("start.title", practice="Elm Surgery")`.

    `layers`: first come, first served. `direction` is "ltr" or "rtl".
    """

    tag: str
    direction: str
    layers: tuple[Mapping[str, Value], ...] = field(repr=False)
    easy: bool = False

    def __call__(self, key: str, **known: object) -> str:
        """One text. Raises `KeyError` for a key or a place that nobody knows, `TypeError` for a list."""
        found = self._find(key)
        if not isinstance(found, str):
            raise TypeError(f"{key} is a list")
        return _filled(found, known)

    def unfilled(self, key: str) -> str:
        """One text with its places still open: for a script that knows what goes there."""
        found = self._find(key)
        if not isinstance(found, str):
            raise TypeError(f"{key} is a list")
        return found

    def each(self, key: str, **known: object) -> list[str]:
        """The texts of a list."""
        found = self._find(key)
        if isinstance(found, str):
            raise TypeError(f"{key} is one text")
        return [_filled(text, known) for text in found]

    def has(self, key: str) -> bool:
        """Whether this reader is told anything under `key`."""
        return any(key in layer for layer in self.layers)

    def day(self, when: dt.date | dt.datetime) -> str:
        """A day on a UK calendar, as this language writes it."""
        if isinstance(when, dt.datetime):
            when = when.astimezone(UK).date()
        month = self.each("language.months")[when.month - 1]
        return self("language.day", day=when.day, month=month, year=when.year)

    def moment(self, when: dt.datetime) -> str:
        """A time and a day, on a UK clock of 24 hours: the one that needs no words."""
        local = when.astimezone(UK)
        return f"{local:%H:%M}, {self.day(local)}"

    def _find(self, key: str) -> Value:
        for layer in self.layers:
            if key in layer:
                return layer[key]
        raise KeyError(key)


def _filled(text: str, known: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(known[place[1]]), text)


def flat(table: Mapping[str, Any], before: str = "") -> dict[str, Value]:
    """A table of TOML as `section.key`: only texts and lists of texts are words."""
    found: dict[str, Value] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            found[before + name] = value
        else:
            raise TypeError(f"{before}{name} is neither a text nor a list of texts")
    return found


class Languages:
    """The languages of one folder, each read once: all of them, or the first one and those that are `offered`.

    Raises `Unavailable` where one is offered that there is no file of.
    """

    def __init__(self, folder: Path = FOLDER, offered: Collection[str] | None = None) -> None:
        files = {path.name.removesuffix(".toml"): path for path in sorted(folder.glob("*.toml"))}
        if missing := sorted(set(offered or ()) - set(files)):
            raise Unavailable(f"There is no language {missing[0]!r} for the patient’s page.", code="no-such-language")
        wanted = None if offered is None else {FIRST, *offered}
        self._files = {name: path for name, path in files.items() if wanted is None or name.split(".")[0] in wanted}
        self._read: dict[str, dict[str, Value]] = {}

    @property
    def tags(self) -> list[str]:
        """Every language there is, the first one first."""
        found = [name for name in self._files if "." not in name]
        return sorted(found, key=lambda tag: (tag != FIRST, tag))

    def names(self) -> dict[str, str]:
        """Each language's own name, by its tag."""
        return {tag: str(self.table(tag)["language.name"]) for tag in self.tags}

    def has_easy(self, tag: str) -> bool:
        return f"{tag}.{EASY}" in self._files

    def table(self, name: str) -> dict[str, Value]:
        """The words of one file. Raises `KeyError` where there is none."""
        if name not in self._read:
            self._read[name] = flat(tomllib.loads(self._files[name].read_text("utf-8")))
        return self._read[name]

    def words(self, tag: str, *, audience: str = "", easy: bool = False) -> Words:
        """The words of one language for one reader; what a language lacks is said in the first one."""
        layers: list[Mapping[str, Value]] = []
        for language in dict.fromkeys((tag, FIRST)):
            names = [f"{language}.{EASY}"] if easy and self.has_easy(language) else []
            tables = [self.table(name) for name in (*names, language)]
            # A parent's own words outrank easier ones that were written for somebody else.
            layers += [_section(table, audience) for table in tables if audience] + tables
        own = self.table(tag)
        return Words(str(own["language.tag"]), str(own["language.dir"]), tuple(layers), easy)

    def choose(self, wanted: Iterable[str], accepted: Sequence[str] = ()) -> str:
        """The first language of `wanted` (what the patient needs, then what they picked), else of what the browser
        asks for, that there is; without regard to region."""
        for each in (*wanted, *accepted):
            tag = each.strip().replace("_", "-").lower()
            for known in self.tags:
                if known.lower() in (tag, tag.split("-", 1)[0]):
                    return known
        return FIRST


def _section(table: Mapping[str, Value], audience: str) -> dict[str, Value]:
    before = f"{audience}."
    return {key.removeprefix(before): value for key, value in table.items() if key.startswith(before)}


@cache
def shipped(offered: str = "") -> Languages:
    """The first language, and of the others that come with the app those that are named, with spaces or commas between.

    None is offered unasked: a translation that nobody has checked is worse than the language that somebody did.
    """
    return Languages(offered=offered.replace(",", " ").split())
