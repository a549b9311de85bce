"""What an officer says about a request, field by field: right, or with what to do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.desk.values import MOST_WORDS
from fhir_plugin.errors import Incomplete
from mappings.model.disclosure import Authority, Competence, ConsentToRelease, Mode, Requester
from mappings.model.disclosure_request import DisclosureRequest

LONGEST_AGO: Final = dt.timedelta(days=3660)
"""A request that came in longer ago is a slip of the keyboard."""
WORDS: Final = ("recipient", "relationship", "identity_checked", "purpose")
_CHOICES: Final[Mapping[str, type[Any]]] = {
    "requester": Requester,
    "consent": ConsentToRelease,
    "authority": Authority,
    "competence": Competence,
    "mode": Mode,
}
_ASK: Final = {
    "requester": "Choose who asks.",
    "consent": "Say what the patient agreed to.",
    "authority": "Say what you have seen of their right to ask.",
    "competence": "Say whether the child can decide this alone.",
    "mode": "Choose what stands where something is left out.",
}
_YES: Final[Mapping[str, bool]] = {"": False, "no": False, "yes": True}
_AGREES: Final[Mapping[str, bool | None]] = {"": None, "not-asked": None, "yes": True, "no": False}


def with_what_was_said(
    request: DisclosureRequest, said: Mapping[str, str], *, rules: Rules, today: dt.date
) -> DisclosureRequest:
    """The request with these fields; one that is not there stays. Raises `Incomplete`: each field with what to do."""
    problems: dict[str, str] = {}
    changes: dict[str, Any] = {}

    def take(name: str, read: Callable[[str], Any], problem: str) -> None:
        if name in said:
            try:
                changes[name] = read(said[name].strip())
            except (ValueError, KeyError):
                problems[name] = problem

    for name, kind in _CHOICES.items():
        take(name, kind, _ASK[name])
    take("agrees", _AGREES.__getitem__, "Say whether the young person agrees.")
    take("watermark", _YES.__getitem__, "Say whether each picture says for whom it is.")
    take("received", lambda text: _day(text, today), "Give the day on which the request came in, not after today.")
    take(
        "identity_on",
        lambda text: _day(text, today) if text else None,
        "Give the day on which the proof came in, not after today.",
    )
    for name in WORDS:
        take(name, _words, f"Write at most {MOST_WORDS} characters.")
    changed = replace(request, **changes)
    if not {"received", "identity_on"} & problems.keys() and (changed.identity_on or today) < changed.received:
        problems["identity_on"] = "Proof of identity counts from the day of the request at the earliest."
    if changed.mode is Mode.SILENT and not rules.rows[changed.requester].silent:
        if "mode" in said and said["mode"] == Mode.SILENT:
            problems["mode"] = f"{rules.rows[changed.requester].title} has to be told that something is not included."
        changed = replace(changed, mode=Mode.MARKED)
    if problems:
        raise Incomplete("Something is missing or cannot be.", fields=problems)
    return changed


def day_between(text: str, first: dt.date, last: dt.date) -> dt.date | None:
    """A day as typed; None for one that is none, or not from `first` to `last`."""
    try:
        day = dt.date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if first <= day <= last else None


def _words(text: str) -> str:
    if len(text) > MOST_WORDS:
        raise ValueError
    return text


def _day(text: str, today: dt.date) -> dt.date:
    day = dt.date.fromisoformat(text)
    if not today - LONGEST_AGO <= day <= today:
        raise ValueError
    return day
