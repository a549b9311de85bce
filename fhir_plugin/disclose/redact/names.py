"""What withheld resources go by: ids, URLs, identifiers, hashes, titles. Grows until nothing more is withheld."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fhir_plugin.disclose.redact import pointers
from fhir_plugin.disclose.redact.copies import Copies, decoded, in_data_urls, without_data
from fhir_plugin.disclose.redact.guard import Guard
from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.strict import is_object

ATTACHMENT: Final = frozenset(
    [
        "contentType",
        "language",
        "data",
        "url",
        "size",
        "hash",
        "title",
        "creation",
        "height",
        "width",
        "frames",
        "duration",
        "pages",
    ]
)
_HASH: Final = re.compile(r"[A-Za-z0-9+/]{27,64}={0,2}")
_CARRIES_IMAGES: Final = ("Media", "DocumentReference", "Binary")
_DISTINCT: Final = re.compile(r"(?!\d{4}(?:-\d\d){1,2}$)(?=.*[0-9])(?=.*[A-Za-z\-_.]).{6,}|[0-9]{8,}")


def is_attachment(value: Mapping[str, object]) -> bool:
    """Whether an object is an Attachment: by what it holds, so that no list of paths can be too short."""
    if "contentType" in value:
        return True
    names = {name.lstrip("_") for name in value} - {"extension", "id"}
    return bool(names & {"url", "data", "hash"}) and names <= ATTACHMENT


def attachments(value: object) -> Iterator[Mapping[str, object]]:
    """Every attachment in a resource, in the order it stands."""
    if is_object(value):
        if is_attachment(value):
            yield value
        for name, inner in value.items():
            if name in ("extension", "modifierExtension") and isinstance(inner, list):
                for each in inner:  # an extension's own url is what it means, not where bytes are
                    yield from attachments(list(each.values()) if is_object(each) else each)
            else:
                yield from attachments(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from attachments(inner)


def _as_words(text: str) -> str:
    """Lower case, with one space between words, before and after."""
    return " " + " ".join(re.findall(r"[^\W_]+", text.casefold())) + " "


def _without_numbers(title: str) -> str:
    return re.sub(r"\d+", "#", " ".join(title.casefold().split()))


class Names:
    """Everything by which the withheld set can be named."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.types: set[str] = set()
        self.urls: set[str] = set()
        self.words: set[str] = set()
        self.identifiers: set[tuple[str | None, str]] = set()
        self.titles: set[str] = set()
        self.numbered: set[str] = set()
        self.copies = Copies()
        self._guard = Guard()

    def __bool__(self) -> bool:
        return bool(self.types)

    @property
    def size(self) -> int:
        """Grows whenever something new is learnt."""
        parts = (self.keys, self.urls, self.words, self.identifiers, self.titles, self.numbered, self.types)
        return sum(len(each) for each in parts) + self.copies.size

    # ------------------------------------------------------------------------------------------------ learning

    def learn(self, resource: Mapping[str, object], full_url: str | None = None, *, contained: bool = False) -> None:
        """This resource is withheld: remember all it goes by. The id of a `contained` one means nothing elsewhere."""
        type_, id_ = resource.get("resourceType"), resource.get("id")
        if isinstance(type_, str):
            self.types.add(type_)
            if isinstance(id_, str) and not contained:
                self.learn_key(type_, id_)
        for url in (full_url, resource.get("url")):
            if isinstance(url, str):
                self._learn_url(url)
        for name in ("identifier", "masterIdentifier"):
            value = resource.get(name)
            for each in value if isinstance(value, list) else [value]:
                if is_object(each):
                    self._learn_identifier(each)
        self._learn_bytes(resource.get("data"))
        for each in attachments(resource):
            self._learn_attachment(each, images=type_ in _CARRIES_IMAGES)

    def learn_key(self, type_: str, id_: str) -> None:
        """This id is withheld, in all its versions."""
        self.types.add(type_)
        self.keys.add(f"{type_}/{id_}")
        self._guard.learn(id_)
        self._learn_word(id_)

    def _learn_url(self, url: str) -> None:
        bare = pointers.base(url)
        self.urls.update({url, bare})
        self._guard.learn(bare)
        for each in (*pointers.uuids(url), *pointers.oids(url)):
            self.words.add(each)
            self._guard.learn(each)

    def _learn_identifier(self, identifier: Mapping[str, object]) -> None:
        value, system = identifier.get("value"), identifier.get("system")
        if isinstance(value, str) and value:
            self.identifiers.add((system if isinstance(system, str) else None, value))
            self._guard.learn(value)
            self._learn_word(value)
            self._learn_word(value.removeprefix("urn:oid:").removeprefix("urn:uuid:"))

    def _learn_attachment(self, attachment: Mapping[str, object], *, images: bool) -> None:
        url, title, digest = attachment.get("url"), attachment.get("title"), attachment.get("hash")
        if isinstance(url, str):
            for data in in_data_urls(url):
                for name in self.copies.learn(data):
                    self._guard.learn(name)
            if not url.lower().startswith("data:"):
                self._learn_url(url)
                self._learn_word(pointers.base(url).rpartition("/")[2])
                for key in pointers.keys(url):
                    type_, _, id_ = key.partition("/")
                    if type_ in _CARRIES_IMAGES:
                        self.learn_key(type_, id_)
        if isinstance(digest, str):
            self.copies.learn_hash(digest)
            self._guard.learn(digest)
        if isinstance(title, str) and images:
            self._learn_word(title)
            words = _as_words(title)
            if any(each.isdigit() for each in title):
                self.numbered.add(_without_numbers(title))
            if len(words) >= 10 and (" " in words.strip() or re.search(r"\d", words)):
                self.titles.add(words)
                self._guard.learn(words)
        self._learn_bytes(attachment.get("data"))

    def _learn_bytes(self, text: object) -> None:
        data = decoded(text)
        if data:
            for name in self.copies.learn(data):
                self._guard.learn(name)

    def _learn_word(self, word: str) -> None:
        if " " not in word and _DISTINCT.fullmatch(word):
            self._guard.learn(word)
            self.words.add(word.lower() if re.fullmatch(r"[0-9a-fA-F-]{36}", word) else word)

    # ----------------------------------------------------------------------------------------------- recognising

    def named_in(self, text: str) -> bool:
        """Whether a text names something withheld, in any form of a pointer."""
        known = self._guard.answer(text)
        if known is not None:
            return known
        return self._guard.remember(text, any(self._named_in(each) for each in pointers.readings(text)))

    def may_be_in(self, line: bytes) -> bool:
        """Whether a line of JSON is worth a walk; never wrongly no."""
        if self._guard.meets_line(without_data(line)):
            return True
        if (b'"data"' in line or b"ase64" in line) and self.copies.may_be_in(line):
            return True
        if self.numbered and b'"title"' in line:
            return True
        return b"?" in line and any(f"{type_}?".encode() in line or b"_search?" in line for type_ in self.types)

    def _named_in(self, text: str) -> bool:
        if not self._guard.meets(text) and "?" not in text and "data:" not in text.lower():
            return False
        if self.copies.is_hash(text):
            return True
        if text in self.urls or pointers.base(text) in self.urls:
            return True
        if not self.keys.isdisjoint(pointers.keys(text)):
            return True
        if not self.words.isdisjoint(pointers.tokens(pointers.without_keys(text, shapes().resources))):
            return True
        if not self.words.isdisjoint(pointers.uuids(text)) or not self.words.isdisjoint(pointers.oids(text)):
            return True
        if any(self.copies.is_hash(each) for each in _HASH.findall(text)):
            return True
        if "://" in text and any(pointers.base(word.strip(".,;()[]<>\"'")) in self.urls for word in text.split()):
            return True
        if any(self.copies.knows(data) for data in in_data_urls(text)):
            return True
        return "?" in text and any(self.condition_finds(each) for each in pointers.conditions(text))

    def numbered_like(self, title: object) -> bool:
        """Whether a title differs from a withheld image's in its numbers alone: "photo 3 of 3" tells of two more."""
        return isinstance(title, str) and _without_numbers(title) in self.numbered

    def titled_in(self, text: str) -> bool:
        """Whether a text holds the title of a withheld image as whole words."""
        if not self.titles or not self._guard.meets(text):
            return False
        words = _as_words(text)
        return any(title in words for title in self.titles)

    def condition_finds(self, condition: pointers.Condition) -> bool:
        """Whether a search may find something withheld: by identifier exactly, by anything else of its type."""
        if condition.type not in self.types:
            return False
        asked = condition.identifiers
        if asked is None:
            return True
        return any(self._token_is_known(token) for token in asked)

    def _token_is_known(self, token: str) -> bool:
        system, bar, value = token.partition("|")
        if not bar:
            return any(token == known for _system, known in self.identifiers)
        return self.identifier_is_known(system or None, value)

    def identifier_is_known(self, system: str | None, value: str) -> bool:
        """Whether this identifier is one of the withheld set's. Without a system, on either side, any will do where the
        value tells of one thing; "12345" is in every record."""
        if system is not None and (system, value) in self.identifiers:
            return True
        if _DISTINCT.fullmatch(value.removeprefix("urn:oid:").removeprefix("urn:uuid:")) is None:
            return False
        if system is None:
            return any(value == known for _system, known in self.identifiers)
        return (None, value) in self.identifiers

    def is_reference_by(self, type_: object, value: object) -> bool:
        """Whether a reference names a withheld resource by its type and an identifier that has no system at all."""
        return type_ in self.types and (None, value) in self.identifiers
