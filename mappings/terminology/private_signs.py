"""By which places, words and clinics an image looks private: one list, for who reviews labels and who gives out."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final, Literal

from mappings.terminology.body_sites import body_sites

List = Literal["sites", "kinds", "clinics"]
_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_LETTERS: Final = re.compile(r"[^\W\d_]+")


def private_words(of: List) -> frozenset[str]:
    """In lower case, one word or two."""
    return _lists()[of]


def private_site_codes() -> frozenset[str]:
    """SNOMED CT codes of private places: those that this app offers, and others that servers use."""
    return _lists()["site_codes"] | {code for code, listed in body_sites().items() if listed.site.private}


def words_in(text: str) -> frozenset[str]:
    """The words of a text in lower case, what a hyphen joins also apart and as one, every two that stand together, and
    what is left of each without its figures (`breast2`)."""
    words = _WORD.findall(text := text.lower())
    words += [part for word in words if "-" in word for part in (word.replace("-", ""), *word.split("-"))]
    return (
        frozenset(words)
        | frozenset(_LETTERS.findall(text))
        | {" ".join(words[place : place + 2]) for place in range(len(words) - 1)}
    )


@cache
def _lists() -> dict[str, frozenset[str]]:
    text = resources.files("mappings.terminology").joinpath("private_signs.toml").read_text(encoding="utf-8")
    return {name: frozenset(listed) for name, listed in tomllib.loads(text).items()}
