"""A search so simple that nobody has to believe in it: is one of a few byte strings there, as a word of its own?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.disclose.corpora.reading import Example, Json

OURS = (
    "StructureDefinition/data-absent-reason",
    "CodeSystem/data-absent-reason",
    "CodeSystem/v3-ObservationValue",
    "ValueSet/v3-ObservationValue",
)
"""Definitions that what stands in the place of something withheld is made of: that is no leak of theirs."""

CANARY = "canary-7f3a91c4"


def labelled(example: Example) -> Json:
    """The resource with a label and with a canary in its identifier, where its definition has one, and its note."""
    resource: Json = json.loads(example.data)
    meta = dict(resource.get("meta", {}))
    meta["security"] = [
        *meta.get("security", []),
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
    ]
    resource["meta"] = meta
    resource["language"] = CANARY
    return resource


def names_left(example: Example, out: bytes) -> Iterator[str]:
    """What of a withheld example is in the bytes that go out: its `Type/id`, its URL, the canary."""
    if CANARY.encode() in out:
        yield CANARY
    key = re.escape(example.key.encode())
    if re.search(rb"(?<![A-Za-z])" + key + rb"(?![A-Za-z0-9\-])(?!\.[A-Za-z0-9])", out):
        yield example.key
    url = example.resource.get("url")
    if isinstance(url, str) and re.search(rb'"' + re.escape(url.encode()) + rb'["|#?]', out):
        yield url
