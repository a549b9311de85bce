"""Every form in which one FHIR resource can name another, taken apart.

Literal (`Media/1`), versioned (`Media/1/_history/2`), absolute (`https://ehr/fhir/Media/1`), `urn:uuid:`, `urn:oid:`,
fragment (`#1`), canonical (`http://x/y|1.0#part`), conditional (`Media?identifier=a|b`), percent-encoded or
HTML-escaped, once or twice. Source: FHIR R4 references.html, http.html, datatypes.html#uri.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

_ID: Final = r"[\w\-.~:@+$!*]{1,512}"
"""Longer, and of more characters, than FHIR allows: servers have such ids, and HL7's own examples do."""
_KEY: Final = re.compile(rf"(?<![A-Za-z])([A-Z][A-Za-z]{{2,50}})/({_ID})")
_PLAIN_KEY: Final = re.compile(r"(?<![A-Za-z])([A-Z][A-Za-z]{2,50})/[\w\-.]+", re.ASCII)
_STRICT_ID: Final = re.compile(r"[A-Za-z0-9\-.]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_OID: Final = re.compile(r"(?<![\d.])[0-2](?:\.\d+){3,}(?![\d])")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-.]{3,}")
_CONDITION: Final = re.compile(r"(?<![A-Za-z])([A-Z][A-Za-z]{2,50})(?:/_search)?\?([^\s\"'<>]*)")
_FILE_ENDING: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|hei[cf]|tiff?|bmp|dcm|pdf|mp4|mov|webm|json|xml|html?|txt|rtf|docx?|zip)$", re.IGNORECASE
)
_MAY_BE_ESCAPED: Final = re.compile(r"[%&\\]")


@dataclass(frozen=True)
class Condition:
    """A search in place of an id: the type, and the parameters in the order they came."""

    type: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def identifiers(self) -> tuple[str, ...] | None:
        """The `system|value` tokens when the search is by identifier alone, else None: it may find anything."""
        names = {name.partition(":")[0] for name, _value in self.parameters}
        if names != {"identifier"} or any(":" in name for name, _value in self.parameters):
            return None
        return tuple(token for _name, value in self.parameters for token in value.split(","))


def readings(text: str) -> Iterator[str]:
    """The text as it stands and with percent and HTML escapes undone, up to three times."""
    yield text
    for _ in range(3):
        if _MAY_BE_ESCAPED.search(text) is None:
            return
        plain = html.unescape(unquote(text)).replace("\\/", "/")
        if plain == text:
            return
        text = plain
        yield text


def keys(text: str) -> Iterator[str]:
    """Every `Type/id` in a text, with and without what may not belong to the id: a full stop, a file ending, whatever
    no id of FHIR holds."""
    for found in _KEY.finditer(text):
        type_, whole = found.groups()
        strict = _STRICT_ID.match(whole)
        for id_ in {whole, whole.rstrip(".:!*"), strict.group() if strict else whole}:
            bare = id_.rstrip(".")
            for each in {id_, bare, _FILE_ENDING.sub("", bare)}:
                yield f"{type_}/{each}"


def without_keys(text: str, types: Collection[str]) -> str:
    """The text without its `Type/id` of known types: an id there means that resource and no other."""
    if "/" not in text:
        return text
    return _PLAIN_KEY.sub(lambda found: " " if found.group(1) in types else found.group(), text)


def uuids(text: str) -> Iterator[str]:
    """Every UUID in a text, in lower case."""
    for found in _UUID.finditer(text):
        yield found.group().lower()


def oids(text: str) -> Iterator[str]:
    """Every object identifier in a text."""
    for found in _OID.finditer(text):
        yield found.group()


def tokens(text: str) -> Iterator[str]:
    """Every run of characters that an id or a file name may have, also without a full stop or file ending."""
    for found in _TOKEN.finditer(text):
        word = found.group()
        yield word
        bare = word.rstrip(".")
        if bare != word:
            yield bare
        ending = _FILE_ENDING.sub("", bare)
        if ending != bare:
            yield ending


def conditions(text: str) -> Iterator[Condition]:
    """Every conditional reference in a text."""
    for found in _CONDITION.finditer(text):
        type_, query = found.groups()
        yield Condition(type_, tuple(parse_qsl(query, keep_blank_values=True)))


def base(text: str) -> str:
    """A URL or canonical without its version, fragment and query."""
    return re.split(r"[|#?]", text, maxsplit=1)[0]
