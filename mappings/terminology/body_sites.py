"""Body sites for clinical photographs (`body_sites.toml`), and finding one by what a clinician types."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Final

from mappings.model.images import BodySite

_LONGEST_QUERY: Final = 60
_SIDE_WORDS: Final = frozenset({"left", "right", "both", "bilateral", "l", "r", "lt", "rt", "the", "of", "my"})
_WORD: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class ListedSite:
    """One site of the list. `term` is SNOMED's preferred term, `region` a part of the body outline."""

    site: BodySite
    term: str
    region: str
    words: tuple[str, ...]


@cache
def body_sites() -> dict[str, ListedSite]:
    """Every site by its SNOMED CT code, in the order of the body from head to foot."""
    text = resources.files("mappings.terminology").joinpath("body_sites.toml").read_text(encoding="utf-8")
    return {
        entry["code"]: ListedSite(
            site=BodySite(entry["code"], entry["name"], entry.get("paired", False), entry.get("private", False)),
            term=entry["term"],
            region=entry["region"],
            words=tuple(entry.get("words", "").split()),
        )
        for entry in tomllib.loads(text)["site"]
    }


def site_with_code(code: str) -> BodySite | None:
    """The listed site with this SNOMED CT code."""
    listed = body_sites().get(code)
    return listed.site if listed else None


def sites_in(region: str) -> tuple[BodySite, ...]:
    """The sites of one part of the body outline."""
    return tuple(listed.site for listed in body_sites().values() if listed.region == region)


def regions() -> tuple[str, ...]:
    """The parts of the body outline, from head to foot."""
    return tuple(dict.fromkeys(listed.region for listed in body_sites().values()))


def find_sites(query: str, *, limit: int = 10) -> tuple[BodySite, ...]:
    """The sites that fit what was typed, best first; empty for an empty query.

    Every word must start a word of the name or its synonyms; sides are ignored ("l knee" finds the knee); one
    misspelt word finds the closest. Names win over synonyms, short names over long ones.
    """
    typed = [word for word in _words(query[:_LONGEST_QUERY]) if word not in _SIDE_WORDS]
    if not typed:
        return ()
    found = _ranked(typed)
    if not found:
        corrected = [_closest(word) for word in typed]
        found = _ranked([word for word in corrected if word]) if all(corrected) else []
    return tuple(found[:limit])


def _ranked(typed: list[str]) -> list[BodySite]:
    scored = []
    for place, listed in enumerate(body_sites().values()):
        name = _words(listed.site.display)
        known = (*name, *listed.words, *_words(listed.term))
        if not all(any(one.startswith(word) for one in known) for word in typed):
            continue
        not_the_name = name != typed
        outside_name = sum(not any(one.startswith(word) for one in name) for word in typed)
        part_of_word = sum(word not in known for word in typed)
        scored.append(((not_the_name, outside_name, part_of_word, len(name), place), listed.site))
    return [site for _score, site in sorted(scored, key=lambda one: one[0])]


def _closest(word: str) -> str | None:
    matches = get_close_matches(word, _vocabulary(), n=1, cutoff=0.75)
    return matches[0] if matches else None


@cache
def _vocabulary() -> tuple[str, ...]:
    words: dict[str, None] = {}
    for listed in body_sites().values():
        words |= dict.fromkeys((*_words(listed.site.display), *listed.words))
    return tuple(words)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).lower()
    return _WORD.findall(plain)
