"""What people call resources and fields: `kinds.toml`, and for everything else a name made of its own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_CHOICES: Final = frozenset(
    [
        "value",
        "effective",
        "onset",
        "abatement",
        "performed",
        "occurrence",
        "medication",
        "deceased",
        "multipleBirth",
        "timing",
        "asNeeded",
        "rate",
        "dose",
        "product",
        "source",
        "content",
        "item",
        "serviced",
        "created",
        "started",
        "born",
        "age",
        "reported",
        "allowed",
        "used",
        "location",
        "diagnosis",
        "statusReason",
        "due",
        "scheduled",
        "offset",
        "defaultValue",
        "fixed",
        "subject",
        "entity",
        "name",
        "amount",
    ]
)
_SUFFIX: Final = re.compile(
    "(?:Base64Binary|Boolean|Canonical|Code|Date|DateTime|Decimal|Id|Instant|Integer|Markdown|Oid|PositiveInt|String|"
    "Time|UnsignedInt|Uri|Url|Uuid|Address|Age|Annotation|Attachment|CodeableConcept|CodeableReference|Coding|"
    "ContactPoint|Count|Distance|Duration|HumanName|Identifier|Money|Period|Quantity|Range|Ratio|Reference|"
    "SampledData|Signature|Timing|Dosage|Meta)$"
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Kind:
    """`title` and `when`: fields, the first that is there counts. `first`: fields in the order that helps a reader."""

    name: str
    title: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


def kind_of(resource_type: str) -> Kind:
    """Of any type: one that is not in the table goes by its own name, with titles and dates where they often stand."""
    known = _table()[0].get(resource_type)
    return known or Kind(humps(resource_type), _OFTEN_TITLE, _OFTEN_WHEN)


def label_of(field: str) -> str:
    """Part of the body, for bodySite; Value, for valueQuantity."""
    base = base_of(field)
    return _table()[1].get(base) or humps(base)


def base_of(field: str) -> str:
    """value, for valueQuantity."""
    bare = _SUFFIX.sub("", field)
    return bare if bare in _CHOICES else field


def humps(name: str) -> str:
    """Clinical impression, for clinicalImpression."""
    words = _HUMP.sub(" ", name.replace("-", " ").replace("_", " ")).split()
    spoken = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return spoken[:1].upper() + spoken[1:]


_OFTEN_TITLE: Final = ("code", "title", "name", "description", "type", "category")
_OFTEN_WHEN: Final = ("date", "period", "created", "authoredOn", "recorded", "occurrenceDateTime", "performedDateTime")


@cache
def _table() -> tuple[Mapping[str, Kind], Mapping[str, str]]:
    said = tomllib.loads(resources.files(__package__).joinpath("kinds.toml").read_text("utf-8"))
    kinds = {
        type_: Kind(
            name=str(row["name"]),
            title=tuple(row.get("title", ())),
            when=tuple(row.get("when", ())),
            first=tuple(row.get("first", ())),
        )
        for type_, row in said["kinds"].items()
    }
    return kinds, said["labels"]
