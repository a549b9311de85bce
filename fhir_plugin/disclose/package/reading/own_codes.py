"""The codes in extensions of ours that stand among what a reader is told, in the words that we have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fhir_plugin.disclose.package.reading.plain import Json
from mappings.terminology import systems
from mappings.terminology.consent import GRANTOR_WORDS
from mappings.terminology.photographs import ARRIVAL_WORDS

_RIGHT: Final = "right"
"""By what right somebody decided: a part of `systems.DECIDED_BY_EXTENSION`."""
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    systems.ARRIVAL_EXTENSION: {each.value: words.removesuffix(".") for each, words in ARRIVAL_WORDS.items()},
    _RIGHT: {each.value: words for each, words in GRANTOR_WORDS.items()},
}


def in_our_words(extension: Json) -> tuple[Json, str]:
    """The extension with words for its code, and that code; as it is, and nothing, where it is none of ours."""
    url, code = extension.get("url"), extension.get("valueCode")
    if extension.keys() != {"url", "valueCode"} or not isinstance(url, str) or not isinstance(code, str):
        return extension, ""
    words = _WORDS.get(url, {}).get(code)
    return ({"url": url, "valueString": words}, code) if words else (extension, "")
