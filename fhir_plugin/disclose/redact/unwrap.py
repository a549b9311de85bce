"""What is inside a file: ZIP members, PDF streams, gzip; each piece of it, or why nobody here can look into it.

Fails closed: what is encrypted, damaged, too large or packed in a way that is not read here is said to be so
(`Unseen`), and never passed over.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

MAX_UNPACKED: Final = 64 * 1024 * 1024
"""Bytes that are unpacked from one file in all."""

_CONTROL: Final = bytes([*range(9), *range(14, 32), 127])
_DEEPEST: Final = 4
_STREAM: Final = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_BEGUN: Final = re.compile(rb">>\s*stream\r?\n")
_OBJECT: Final = re.compile(rb"\bobj\b")
_FILTER: Final = re.compile(rb"/(?:Filter|F)\s*(\[[^\]]*\]|/[A-Za-z0-9]+)")
_NAME: Final = re.compile(rb"/([A-Za-z0-9]+)")
_LONGEST_DICTIONARY: Final = 8192
_END_OF_ZIP: Final = b"PK\x05\x06"
_BOUNDED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods of a ZIP that can be unpacked piece by piece. Four kilobytes of bzip2 are up to 90 MB at once, and LZMA
takes as much memory as its header asks for."""
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError, ValueError)
"""What reading a ZIP that is not whole may raise; an offset beyond what a file can have is an `OverflowError`."""
_NOT_READ: Final = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd")
_AS_THEY_ARE: Final = (b"DCTDecode", b"DCT", b"JPXDecode", b"CCITTFaxDecode", b"CCF", b"JBIG2Decode")
"""Encodings of pictures: what they encode is a picture file of its own."""


class Unseen(StrEnum):
    """Why nobody here can look into a file; the rule by which a person has to."""

    ENCRYPTED = "file-encrypted"
    DAMAGED = "file-damaged"
    TOO_LARGE = "file-too-large"
    UNKNOWN = "file-packed-otherwise"


def unwrapped(data: bytes) -> Iterator[bytes | Unseen]:
    """The file itself, everything inside it, and what cannot be looked into."""
    yield from _Unwrapping().pieces(data, 0)


def is_words(data: bytes) -> bool:
    """Whether a file may be text: hardly any control characters at its beginning."""
    start = data[:4096]
    return len(start) - len(start.translate(None, _CONTROL)) <= len(start) // 20


class _Unwrapping:
    """One file; what is inside of what is inside counts to the same budget."""

    def __init__(self) -> None:
        self._budget = MAX_UNPACKED

    def pieces(self, data: bytes, depth: int) -> Iterator[bytes | Unseen]:
        yield data
        inside: Iterator[bytes | Unseen] | None = None
        if data.startswith(b"PK") or data.rfind(_END_OF_ZIP, max(0, len(data) - 65_557)) >= 0:
            inside = self._zip(data)
        elif b"%PDF-" in data[:1024]:
            inside = self._pdf(data)
        elif data.startswith(b"\x1f\x8b"):
            inside = self._gzip(data)
        elif data.startswith(_NOT_READ):
            yield Unseen.UNKNOWN
        if inside is None:
            return
        if depth == _DEEPEST:
            yield Unseen.TOO_LARGE
            return
        for piece in inside:
            if isinstance(piece, Unseen):
                yield piece
            else:
                yield from self.pieces(piece, depth + 1)

    def _zip(self, data: bytes) -> Iterator[bytes | Unseen]:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    if member.flag_bits & 1:
                        yield Unseen.ENCRYPTED
                    elif member.file_size > self._budget:
                        yield Unseen.TOO_LARGE
                    elif member.compress_type not in _BOUNDED:
                        yield Unseen.UNKNOWN
                    else:
                        yield self._member(archive, member)
        except NotImplementedError:  # Python's, for a directory that claims a later version of ZIP than it reads
            yield Unseen.UNKNOWN
        except _DAMAGE:
            yield Unseen.DAMAGED

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | Unseen:
        """The directory may say less than there is: never more is read than it says."""
        try:
            with archive.open(member) as stream:
                inside = stream.read(member.file_size + 1)
        except NotImplementedError:  # Python's, for a packing or a patch that it cannot undo
            return Unseen.UNKNOWN
        except RuntimeError:
            return Unseen.ENCRYPTED
        except _DAMAGE:
            return Unseen.DAMAGED
        self._budget -= len(inside)
        return inside

    def _pdf(self, data: bytes) -> Iterator[bytes | Unseen]:
        if b"/Encrypt" in data:
            yield Unseen.ENCRYPTED
        end = 0
        for found in _STREAM.finditer(data):
            before = data[max(end, found.start() - _LONGEST_DICTIONARY) : found.start()]
            end = found.end()
            yield from self._stream(found.group(1), _filters(before))
        if _BEGUN.search(data, end):
            yield Unseen.DAMAGED

    def _stream(self, data: bytes, filters: list[bytes]) -> Iterator[bytes | Unseen]:
        for name in filters:
            if name in _AS_THEY_ARE:
                break
            unpacked: bytes | Unseen = Unseen.UNKNOWN
            if name in (b"FlateDecode", b"Fl"):
                unpacked, whole = self._inflated(data, zlib.MAX_WBITS)
                if not whole:
                    yield self._why()
            elif name in (b"ASCIIHexDecode", b"AHx"):
                unpacked = _hexadecimal(data)
            elif name in (b"ASCII85Decode", b"A85"):
                unpacked = _ascii85(data)
            if isinstance(unpacked, Unseen):
                yield unpacked
                return
            data = unpacked
        if filters:
            yield data
        else:  # it should say so when it is packed
            unpacked, _whole = self._inflated(data, zlib.MAX_WBITS)
            if unpacked:
                yield unpacked

    def _gzip(self, data: bytes) -> Iterator[bytes | Unseen]:
        """Every member of it."""
        while data:
            stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            unpacked, whole = self._from(stream, data)
            if unpacked:
                yield unpacked
            if not whole:
                yield self._why()
                return
            data = stream.unused_data.lstrip(b"\0")

    def _inflated(self, data: bytes, window: int) -> tuple[bytes, bool]:
        return self._from(zlib.decompressobj(window), data)

    def _from(self, stream: zlib._Decompress, data: bytes) -> tuple[bytes, bool]:
        """What could be unpacked, and whether that is all."""
        out = bytearray()
        try:
            while data and not stream.eof and self._budget > 0:
                piece = stream.decompress(data, self._budget)
                out += piece
                self._budget -= len(piece)
                data = stream.unconsumed_tail
        except zlib.error:
            return bytes(out), False
        return bytes(out), stream.eof

    def _why(self) -> Unseen:
        return Unseen.TOO_LARGE if self._budget <= 0 else Unseen.DAMAGED


def _filters(before: bytes) -> list[bytes]:
    """What the dictionary right before a stream says it is packed with, in order."""
    starts = [found.end() for found in _OBJECT.finditer(before)]
    named = _FILTER.findall(before, starts[-1] if starts else 0)
    return [name for each in named[-1:] for name in _NAME.findall(each)]


def _hexadecimal(data: bytes) -> bytes | Unseen:
    digits = b"".join(data.partition(b">")[0].split())
    try:
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    except ValueError:
        return Unseen.DAMAGED


def _ascii85(data: bytes) -> bytes | Unseen:
    try:
        return base64.a85decode(data.partition(b"~")[0].removeprefix(b"<"), ignorechars=b" \t\n\r\v\0\f")
    except (ValueError, OverflowError):
        return Unseen.DAMAGED
