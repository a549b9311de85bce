"""How dates, numbers and people are written on a page (NHS content guide)."""

from __future__ import annotations

import datetime as dt
import re

from flask import Flask

from fhir_plugin.policy.clock_times import UK


def local(moment: dt.datetime) -> dt.datetime:
    """`moment` on a UK clock; a camera's time without offset is already local."""
    return moment if moment.tzinfo is None else moment.astimezone(UK)


def day(when: dt.datetime | dt.date | None) -> str:
    """4 March 2026, or "date unknown"."""
    if when is None:
        return "date unknown"
    if isinstance(when, dt.datetime):
        when = local(when)
    return f"{when.day} {when:%B} {when.year}"


def clock_time(when: dt.datetime) -> str:
    """9:05am, 12 noon written as 12:00pm: the NHS style."""
    moment = local(when)
    return f"{moment.hour % 12 or 12}:{moment:%M}{'am' if moment.hour < 12 else 'pm'}"


def nhs_number(number: str | None) -> str:
    """999 000 0018: in groups of 3-3-4, so that it can be read aloud. Anything else as it came."""
    if number is None:
        return "not known"
    digits = re.sub(r"\s", "", number)
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if re.fullmatch(r"\d{10}", digits) else number


def possessive(name: str) -> str:
    """Amy Lee's; James Rees' (a name that ends in s takes the apostrophe alone)."""
    return f"{name}’" if name.endswith(("s", "S")) else f"{name}’s"


def checksum(sha256: str) -> str:
    """The first 16 digits in fours: enough to compare by eye."""
    return " ".join(sha256[i : i + 4] for i in range(0, 16, 4))


def listed(words: tuple[str, ...] | list[str]) -> str:
    """location, phone model and time."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


TELLING = ("location", "phone or camera model", "phone model", "owner", "time", "thumbnail")
"""What people are glad to see gone, first."""


def tellingly(removed: tuple[str, ...]) -> list[str]:
    """What was removed from a picture, what matters to privacy first."""
    return sorted(removed, key=lambda each: TELLING.index(each) if each in TELLING else len(TELLING))


def register_words(app: Flask) -> None:
    """Makes these functions filters of the templates."""
    for word in (day, clock_time, nhs_number, possessive, checksum, listed, tellingly):
        app.add_template_filter(word)
