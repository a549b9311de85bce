"""What matters to systems and not to a reader: codes, addresses and numbers that the words do without. None is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fhir_plugin.disclose.package.reading.plain import (
    Json,
    Naming,
    date_words,
    key_of,
    nhs_number,
    primitive,
    system_words,
)

_ADDRESS: Final = re.compile(r"(?:https?://|urn:|fhir-plugin:)[^\s]+", re.ASCII | re.IGNORECASE)
_URN: Final = re.compile(r"(?:urn|fhir-plugin):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_SPEAKING: Final = re.compile(r"(?:value|content)(?:[A-Z].*)?|text|display|title|description|comment")
"""Fields in which a person may have written an address for other people to read."""
_FOR_FORMS: Final = frozenset({"linkId"})
_SILENT: Final = frozenset({"id", "version", "userSelected", "rank"})
_QUANTITIES: Final = ("unit", "comparator", "currency")


def is_technical(name: str, said: str) -> bool:
    """Whether a plain value of this field is an address or a number that only a system can follow."""
    if name in _FOR_FORMS or _NUMBER.fullmatch(said):
        return True
    if not _ADDRESS.fullmatch(said):
        return False
    return bool(_URN.match(said)) or not _SPEAKING.fullmatch(name)


def left_out(value: Json, words: str, naming: Naming) -> Iterator[str]:
    """What a datatype holds and its `words` do not say, a line for each code, reference or number."""
    number = value.get("value")
    if any(name in value for name in _QUANTITIES) or not isinstance(number, str | dict | list | None):
        return
    own = [_shown(name, each) for name, each in value.items() if isinstance(each, str) and name not in _SILENT]
    reference = primitive(value.get("reference"))
    if reference and naming(key_of(reference)):
        own.remove(reference)  # it goes by the name of what it points to
    unsaid = [each for each in own if each != "official" and not _is_said(each, words)]
    whole = (_shown("system", primitive(value.get("system"))), primitive(value.get("code")), primitive(number))
    if unsaid:  # a code without its list, or a list without its code, would help nobody
        kept = {*unsaid, *(each for each in whole if each and whole[0])}
        yield " ".join(each for each in own if each in kept)
    for name, each in value.items():
        for inner in each if isinstance(each, list) else [each]:
            if isinstance(inner, dict):
                yield from left_out(inner, words, naming)
            elif isinstance(each, list) and isinstance(inner, str) and name not in _SILENT and inner not in words:
                yield inner


def _shown(name: str, text: str) -> str:
    return system_words(text) if name == "system" else text


def _is_said(text: str, words: str) -> bool:
    if text.casefold() in words.casefold() and (len(text) > 12 or _whole(text, words)):
        return True
    return any(each in words for each in (date_words(text), nhs_number(text), text.replace("\n", ", ")) if each != text)


def _whole(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", words, re.IGNORECASE) is not None
