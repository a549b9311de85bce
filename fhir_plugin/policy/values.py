"""The kinds of value that a key of a pack can have: how each is read from TOML, and what it may be."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

NOT_YET = "not-yet"
"""A day that has not come: nobody has approved or attested it."""
MOST_WORDS = 4000
EARLIEST_YEAR, LATEST_YEAR = 1990, 2199
"""Whatever says another year was mistyped."""


class WrongValue(ValueError):
    """The value is not `expected`. Never carries the value."""


class Kind(Protocol):
    """One kind of value."""

    @property
    def expected(self) -> str:
        """What a value must be, for messages and documents."""

    def read(self, value: object) -> Any:
        """The value as `PolicyPack` holds it. Raises `WrongValue`."""


@dataclass(frozen=True)
class Choice:
    """One of the values of an enum of `policy.choices`, the default first."""

    values: type[StrEnum]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.values)

    def read(self, value: object) -> StrEnum:
        if not isinstance(value, str) or value not in list(self.values):
            raise WrongValue(self.expected)
        return self.values(value)


@dataclass(frozen=True)
class Pair:
    """One of two words, for what is yes or no in code."""

    no: str
    yes: str

    @property
    def expected(self) -> str:
        return f"one of {self.no}, {self.yes}"

    def read(self, value: object) -> bool:
        if value not in (self.no, self.yes) or not isinstance(value, str):
            raise WrongValue(self.expected)
        return value == self.yes


@dataclass(frozen=True)
class Flag:
    expected: str = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise WrongValue(self.expected)
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number. `of`: what it counts. `make`: what code gets for it."""

    least: int
    most: int
    of: str = ""
    make: Callable[[int], Any] = int

    @property
    def expected(self) -> str:
        return f"a whole number{f' of {self.of}' if self.of else ''} from {self.least} to {self.most}"

    def read(self, value: object) -> Any:
        if type(value) is not int or not self.least <= value <= self.most:
            raise WrongValue(self.expected)
        return self.make(value)


def minutes(least: int, most: int) -> Whole:
    return Whole(least, most, "minutes", lambda count: dt.timedelta(minutes=count))


def hours(least: int, most: int) -> Whole:
    return Whole(least, most, "hours", lambda count: dt.timedelta(hours=count))


def days(least: int, most: int) -> Whole:
    return Whole(least, most, "days", lambda count: dt.timedelta(days=count))


@dataclass(frozen=True)
class Words:
    """A text for people. `pattern` where it has a form; `may_be_empty` where only the organisation can write it."""

    pattern: str = ""
    form: str = "some text"
    may_be_empty: bool = False

    @property
    def expected(self) -> str:
        return f"{self.form}, or empty" if self.may_be_empty else self.form

    def read(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > MOST_WORDS or _hides_something(value):
            raise WrongValue(self.expected)
        text = value.strip()
        if not text and self.may_be_empty:
            return ""
        if not text or (self.pattern and not re.fullmatch(self.pattern, text)):
            raise WrongValue(self.expected)
        return text


@dataclass(frozen=True)
class Template:
    """A text with places in braces, filled in later: each of `needed` is there, and none that is not in `places`."""

    places: frozenset[str]
    needed: frozenset[str]
    most: int

    @property
    def expected(self) -> str:
        named = ", ".join(f"{{{each}}}" for each in sorted(self.places))
        return f"a text of at most {self.most} characters with the places {named}"

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > self.most or _hides_something(value):
            raise WrongValue(self.expected)
        named = re.findall(r"\{([a-z_]+)\}", value)
        left = re.sub(r"\{[a-z_]+\}", "", value)
        if not self.needed <= set(named) <= self.places or "{" in left or "}" in left:
            raise WrongValue(self.expected)
        return value.strip()


def _hides_something(text: str) -> bool:
    """Control, direction-changing and unassigned characters: a screen would not show what the file says."""
    return any(each != "\n" and unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn"} for each in text)


@dataclass(frozen=True)
class Day:
    """A day; with `or_not_yet`, also the word for one that has not come (None in code)."""

    or_not_yet: bool = False

    @property
    def expected(self) -> str:
        return f'a day, or "{NOT_YET}"' if self.or_not_yet else "a day"

    def read(self, value: object) -> dt.date | None:
        if self.or_not_yet and value == NOT_YET:
            return None
        if type(value) is not dt.date or not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
            raise WrongValue(self.expected)
        return value


@dataclass(frozen=True)
class Dated:
    """How a document is dated: a day, a month or a year, or "undated". As text in code."""

    expected: str = 'a day, "2020-11", "2020" or "undated"'

    def read(self, value: object) -> str:
        if type(value) is dt.date:
            return value.isoformat()
        if not isinstance(value, str) or not re.fullmatch(r"undated|(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2]))?", value):
            raise WrongValue(self.expected)
        return value


@dataclass(frozen=True)
class Listed:
    """A list, each entry of one kind and none twice. `make`: tuple where order matters, else frozenset."""

    each: Kind
    least: int = 0
    make: Callable[[Any], Any] = tuple

    @property
    def expected(self) -> str:
        some = f"at least {self.least}" if self.least else "any number"
        return f"a list of {some}, each {self.each.expected}"

    def read(self, value: object) -> Any:
        if not isinstance(value, list) or len(value) < self.least:
            raise WrongValue(self.expected)
        try:
            found = [self.each.read(entry) for entry in value]
        except WrongValue as error:
            raise WrongValue(self.expected) from error
        if len(set(found)) != len(found):
            raise WrongValue(f"{self.expected}, none twice")
        return self.make(found)


@dataclass(frozen=True)
class Row:
    """A table of a fixed shape, made into one object."""

    columns: Mapping[str, Kind] = field(hash=False)
    make: Callable[..., Any]

    @property
    def expected(self) -> str:
        return "a table of " + ", ".join(f"{name} ({kind.expected})" for name, kind in self.columns.items())

    def read(self, value: object) -> Any:
        if not isinstance(value, dict) or set(value) != set(self.columns):
            raise WrongValue("a table of exactly " + ", ".join(self.columns))
        try:
            return self.make(**{name: kind.read(value[name]) for name, kind in self.columns.items()})
        except WrongValue as error:
            raise WrongValue(f"{self.expected}: {error}") from error
