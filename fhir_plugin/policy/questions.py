"""The catalogue of every question that a clinician may be asked: words and sources, as data in `questions.toml`.

Which of them a situation needs is the engine's to say (`fhir_plugin.policy.engine`). A question has the name of its
field in `Situation`; whatever is not here is a fact that nobody answers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import get_args, get_type_hints

from mappings.model.situation import Situation

FACTS = frozenset(
    {
        "birth_date",
        "today",
        "deceased",
        "captured_on",
        "modality",
        "looks_like_screen",
        "requested",
        "preauthorised_private",
        "private_site",
        "open_concern",
        "second_person",
        "record_changed",
        "said_intimate_before",
        "patient_receive",
        "patient_store",
        "other_uses_shut",
    }
)
"""Fields of `Situation` that the app knows by itself: from the record, the file, the request, the worklist."""


class Group(StrEnum):
    """What belongs together on the screen, in the order to ask."""

    FAST_PATH = "fast-path"
    CAPACITY = "capacity"
    CHILD = "child"
    CONSENT = "consent"
    INTIMATE = "intimate"
    CHAPERONE = "chaperone"
    UNSOLICITED = "unsolicited"
    HELPER = "helper"
    VIDEO = "video"
    SAFEGUARDING = "safeguarding"
    URGENT = "urgent"
    REFUSAL = "refusal"
    DECEASED = "deceased"
    DISCARD = "discard"
    OTHER_USES = "other-uses"


class Kind(StrEnum):
    CHOICE = "choice"
    OFFERED = "offered"
    """A choice of what the pack in force names (`policy.offered`); its answer is a text."""
    YES_NO = "yes-no"
    TICK = "tick"
    """Unticked is an answer, too."""
    TEXT = "text"
    TIME = "time"
    """A time of day, as 14:05; its answer is a text."""
    SITE = "site"
    """A place on the body, one for each image."""


@dataclass(frozen=True)
class Question:
    """One question in plain words. `choices`: value and words, in the order to show; empty unless `kind` is choice.

    `least`, `longest`: characters of a text; fewer are no answer, more are sent back to be shortened.
    """

    id: str
    group: Group
    kind: Kind
    text: str
    sources: tuple[str, ...]
    hint: str = ""
    least: int = 0
    longest: int = 0
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@cache
def catalogue() -> Mapping[str, Question]:
    """Every question by its id, in the order to ask."""
    entries = tomllib.loads(files(__package__).joinpath("questions.toml").read_text("utf-8"))["question"]
    read = [
        Question(
            id=entry["id"],
            group=Group(entry["group"]),
            kind=Kind(entry["kind"]),
            text=entry["text"],
            sources=tuple(entry["sources"]),
            hint=entry.get("hint", ""),
            least=entry.get("least", 0),
            longest=entry.get("longest", 0),
            choices=MappingProxyType(dict(entry.get("choices", {}))),
        )
        for entry in entries
    ]
    return MappingProxyType({question.id: question for question in read})


@cache
def answerable() -> Mapping[str, type]:
    """Every field of `Situation` that a person answers, with the type of an answer: an enum, bool or str."""
    hints = get_type_hints(Situation)
    found = {}
    for each in fields(Situation):
        if each.name not in FACTS:
            kinds = [kind for kind in get_args(hints[each.name]) if kind is not type(None)]
            found[each.name] = kinds[0] if kinds else hints[each.name]
    return MappingProxyType(found)
