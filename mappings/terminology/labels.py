"""What security labels are called: officially in `Coding.display`, and in words for people (`labels.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mappings.model.labels import CONFIDENTIALITY, Label

UNREADABLE = Label(CONFIDENTIALITY, "unreadable")
"""Stands for a label that was there and could not be read. Counts as restricted; never written to a record."""


@dataclass(frozen=True)
class LabelWords:
    """`display` is the code system's own, None for a retired code; `plain` is for people to read."""

    label: Label
    display: str | None
    plain: str
    retired: bool


@cache
def known_labels() -> dict[Label, LabelWords]:
    """Every label this project knows words for."""
    text = resources.files("mappings.terminology").joinpath("labels.toml").read_text(encoding="utf-8")
    words: dict[Label, LabelWords] = {}
    for group in tomllib.loads(text)["label"]:
        for entry in group["codes"]:
            label = Label(group["system"], entry["code"])
            words[label] = LabelWords(label, entry.get("display"), entry["plain"], entry.get("retired", False))
    return words


def official_display(label: Label) -> str | None:
    """The code system's display; None for a label we do not know or that is retired."""
    words = known_labels().get(label)
    return words.display if words else None


def plain_label(label: Label) -> str:
    """What a person reads instead of the code. An unknown label is named as such, without its code."""
    words = known_labels().get(label)
    return words.plain if words else "a label this app does not know, treated as sensitive"
