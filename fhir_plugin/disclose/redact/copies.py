"""The same bytes elsewhere: equal attachments, `data:` URLs, and images inside other files (`unwrap`).

Bytes are compared by their SHA-256 (and by SHA-1, which is what `Attachment.hash` holds in R4), containment by looking
for the bytes or for their base64 text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

_LONG: Final = 256
_LONGEST_END: Final = 80
MIN_BYTES: Final = 8
"""Shorter content is in too many things to say anything."""

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LETTERS: Final = re.compile(rb"[\t\n\r\x20-\x7e]+")
_DATA_URL: Final = re.compile(r"data:[^,\s\"'<>]*?;base64,([A-Za-z0-9+/=_%\s-]+)", re.IGNORECASE)
_CONTENT_TYPE: Final = re.compile(rb'"contentType"\s*:\s*"([^"]*)"')
_PICTURE: Final = re.compile(rb"(?:image|video|audio)/")
_BEGINS: Final = re.compile(rb'"data"\s*:\s*"')
_EMPTIED: Final = b'"data":""'
_DATA: Final = re.compile(rb'"data"\s*:\s*"([A-Za-z0-9+/]*={0,2})"')


def decoded(text: object) -> bytes | None:
    """The bytes of a base64 text, with white space and the URL alphabet allowed; None when it is none."""
    if not isinstance(text, str):
        return None
    dense = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(dense + "=" * (-len(dense) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def is_dense(text: str) -> bool:
    """Whether a text is base64 without white space, in the usual alphabet, with nothing else in it."""
    return text.isascii() and not text.rstrip("=").encode("ascii").translate(None, _ALPHABET)


def in_data_urls(text: str) -> Iterator[bytes]:
    """The bytes of every base64 `data:` URL in a text."""
    if "data:" not in text.lower():
        return
    for found in _DATA_URL.finditer(text):
        data = decoded(found.group(1).replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
        if data:
            yield data


def without_data(line: bytes) -> bytes:
    """A line of JSON without its base64, which is compared as bytes."""
    return _DATA.sub(b"", line) if b'"data"' in line else line


def without_long_data(lines: bytes) -> bytes:
    """Lines of JSON without most of the base64 under `data`: of long ones only the ends, which tell them apart."""
    found, at = [], 0
    while begins := _BEGINS.search(lines, at):
        start = begins.end()
        end = lines.find(b'"', start) - _LONGEST_END
        is_long = end - start > _LONG and lines[begins.start() - 1 : begins.start()] != b"\\"
        after = end if is_long and not lines[start:end].translate(None, _ALPHABET) else start
        found.append(lines[at:start])
        at = after
    return b"".join((*found, lines[at:])) if found else lines


class Copies:
    """What is withheld, as bytes."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._hashes: set[str] = set()
        self._lengths: set[int] = set()
        self._ends: set[str] = set()
        self._only_named = False
        self._needles: set[bytes] = set()
        self._texts: set[bytes] = set()

    def __bool__(self) -> bool:
        return bool(self._digests or self._hashes)

    @property
    def size(self) -> int:
        """Grows whenever something new is learnt."""
        return len(self._digests) + len(self._hashes)

    def learn(self, data: bytes) -> tuple[str, ...]:
        """These bytes are withheld. Returns the names that are new: their hashes as text."""
        if len(data) < MIN_BYTES:
            return ()
        digest = hashlib.sha256(data).digest()
        if digest in self._digests:
            return ()
        self._digests.add(digest)
        self._lengths.add(len(data))
        self._ends.add(_end(base64.b64encode(data).decode("ascii")))
        names = tuple(_hashes(data))
        self._hashes.update(names)
        for needle in _telling(data):
            self._needles.add(needle)
            self._texts.update(_base64_forms(needle))
        return names

    @property
    def hashes(self) -> frozenset[str]:
        """Every hash of withheld bytes, as text."""
        return frozenset(self._hashes)

    def learn_hash(self, text: str) -> None:
        """This is the hash, in whatever spelling, of withheld bytes."""
        if len(text) >= 16:
            self._only_named = self._only_named or text.strip() not in self._hashes
            self._hashes.add(text.strip())

    def is_hash(self, text: str) -> bool:
        """Whether this names withheld bytes by their SHA-1 or SHA-256, in base64 or hexadecimal."""
        return text in self._hashes or text.lower() in self._hashes

    def knows(self, data: bytes) -> bool:
        """Whether these bytes are withheld, or somebody else named them by the hash of withheld ones."""
        if len(data) < MIN_BYTES or not (self._only_named or len(data) in self._lengths):
            return False
        return hashlib.sha256(data).digest() in self._digests or not self._hashes.isdisjoint(_hashes(data))

    def may_be(self, text: str) -> bool:
        """Whether a base64 text can be one of the withheld by its end."""
        if self._only_named or not is_dense(text):
            return True
        return _end(text) in self._ends

    def may_be_in(self, line: bytes) -> bool:
        """Whether a line of JSON can hold withheld bytes: it does not when all its base64 is a picture's and ends
        otherwise."""
        if self._only_named or b"ase64" in line:
            return True
        rest, texts = _without_texts(line)
        kinds = _CONTENT_TYPE.findall(rest)
        if b'"data"' in rest.replace(_EMPTIED, b"") or len(kinds) < len(texts) or not all(map(_PICTURE.match, kinds)):
            return True
        return any(self.may_be(each.decode("ascii", "replace")) for each in texts)

    def holds(self, data: bytes) -> bool:
        """Whether withheld bytes are somewhere in these: as they are, or as base64."""
        if not self._digests:
            return False
        if self.knows(data):
            return True
        if any(needle in data for needle in self._needles):
            return True
        texts = re.findall(rb"[A-Za-z0-9+/=_\-\r\n\t ]{32,}", data)
        for text in texts:
            inner = decoded(text.decode("ascii"))
            if inner is not None and (self.knows(inner) or any(needle in inner for needle in self._needles)):
                return True
        dense = re.sub(rb"\s+|&#(?:10|13|xA|xD);", b"", data)
        return any(text in dense for text in self._texts)


def _telling(data: bytes) -> Iterator[bytes]:
    """Pieces by which these bytes are known inside others. Not the beginning: pictures of one camera begin alike; and
    of letters all, since their parts are often the same words."""
    if _LETTERS.fullmatch(data):
        whole = data.strip()
        yield whole if len(whole) <= 4096 else whole[len(whole) // 2 - 2048 : len(whole) // 2 + 2048]
        return
    for middle in (len(data) // 2, len(data) * 3 // 4):
        piece = data[max(0, middle - 32) : middle + 32]
        if len(piece) >= 16 and len(set(piece)) >= 8:
            yield piece


def _without_texts(line: bytes) -> tuple[bytes, list[bytes]]:
    """A line without what stands under `data`, and what stands there, where it can be told without reading it."""
    rest, texts, at = [], [], 0
    for found in _BEGINS.finditer(line):
        end = line.find(b'"', found.end())
        if end < 0 or found.start() < at:
            break
        rest += [line[at : found.start()], _EMPTIED]
        texts.append(line[found.end() : end])
        at = end + 1
    return b"".join((*rest, line[at:])), texts


def _end(text: str) -> str:
    """The last of a base64 text: pictures begin alike, but end differently. The very last of it can be written in
    several ways that mean the same bytes."""
    return text[-66:].rstrip("=")[-60:-4]


def _hashes(data: bytes) -> Iterator[str]:
    for algorithm in (hashlib.sha1, hashlib.sha256):
        digest = algorithm(data, usedforsecurity=False).digest()
        yield base64.b64encode(digest).decode("ascii")
        yield digest.hex()


def _base64_forms(needle: bytes) -> Iterator[bytes]:
    """The middle of the needle's base64 for each of the three ways in which it can be aligned."""
    for skip in range(3):
        whole = needle[skip : skip + (len(needle) - skip) // 3 * 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)
