"""Bytes within bytes: the content of ZIP members, gzip and PDF streams is handed on in pieces.

Nothing is held whole. What is encrypted, damaged or of an unknown method is said to be unseen.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import Final, Protocol

from fhir_plugin.disclose.prove.escapes import without_line_breaks

_PIECE: Final = 1 << 18
_ZIP_HEADER: Final = 30
_A85_GROUP: Final = re.compile(rb"z|[!-u]{5}")


class Inner(Protocol):
    """Where content goes."""

    def feed(self, piece: bytes) -> None: ...
    def close(self) -> None: ...
    def unseen(self, why: str) -> None: ...


class Tap(Protocol):
    """Takes bytes from where it begins; `feed` is False when it has come to its end."""

    def feed(self, piece: bytes) -> bool: ...
    def close(self) -> None: ...


class Inflating:
    """A deflate, zlib or gzip stream. `certain`: it was announced, so that damage means that nobody could look."""

    def __init__(self, inner: Inner, wbits: int, *, certain: bool) -> None:
        self._inner = inner
        self._stream = zlib.decompressobj(wbits)
        self._certain = certain
        self._any = False

    def feed(self, piece: bytes) -> bool:
        while piece:
            try:
                out = self._stream.decompress(piece, _PIECE)
            except zlib.error:
                if self._certain or self._any:
                    self._inner.unseen("damaged")
                self._inner.close()
                return False
            self._any = self._any or len(out) > 64
            self._inner.feed(out)
            if self._stream.eof:
                self._inner.close()
                return False
            piece = self._stream.unconsumed_tail
        return True

    def close(self) -> None:
        if self._certain or self._any:
            self._inner.unseen("cut short")
        self._inner.close()


class ZipMember:
    """One member, from its local header on: members that the directory leaves out are seen, too."""

    def __init__(self, inner: Inner) -> None:
        self._inner = inner
        self._header = b""
        self._tap: Tap | None = None
        self._left = 0

    def feed(self, piece: bytes) -> bool:
        if self._tap is not None:
            return self._tap.feed(piece)
        if self._left:
            return self._stored(piece)
        self._header += piece
        if len(self._header) < _ZIP_HEADER:
            return True
        flags, method = _number(self._header, 6, 2), _number(self._header, 8, 2)
        size = _number(self._header, 18, 4)
        name, extra = _number(self._header, 26, 2), _number(self._header, 28, 2)
        if name > 1024 or method > 99:
            return False  # four bytes that only look like a header
        if flags & 1:
            self._inner.unseen("encrypted")
            return False
        if len(self._header) < _ZIP_HEADER + name + extra:
            return True
        rest = self._header[_ZIP_HEADER + name + extra :]
        self._header = b""
        if method == 8:
            self._tap = Inflating(self._inner, -zlib.MAX_WBITS, certain=True)
            return self._tap.feed(rest)
        if method != 0:
            self._inner.unseen("packed in an unknown way")
            return False
        self._left = 0 if size == 0xFFFFFFFF else size
        return self._stored(rest) if self._left else False  # of unknown size: seen as it lies there

    def _stored(self, piece: bytes) -> bool:
        self._inner.feed(piece[: self._left])
        self._left -= min(self._left, len(piece))
        if not self._left:
            self._inner.close()
        return self._left > 0

    def close(self) -> None:
        if self._tap is not None:
            self._tap.close()
        elif self._left:
            self._inner.unseen("cut short")
            self._inner.close()


class PdfStream:
    """The content of a PDF stream: Flate, ASCII85 or hexadecimal and then Flate, or as it is."""

    def __init__(self, inner: Inner) -> None:
        self._inner = inner
        self._start = b""
        self._tap: Tap | None = None

    def feed(self, piece: bytes) -> bool:
        if self._tap is not None:
            return self._tap.feed(piece)
        self._start += piece
        if len(self._start) < 16 and b"endstream" not in self._start:
            return True
        self._tap = _pdf_filter(self._start, self._inner)
        start, self._start = self._start, b""
        return self._tap.feed(start)

    def close(self) -> None:
        if self._tap is not None:
            self._tap.close()


class _Ascii:
    """ASCII85 or hexadecimal digits up to their end, decoded as they come."""

    def __init__(self, inner: Inner, *, hexadecimal: bool) -> None:
        self._hexadecimal = hexadecimal
        self._held = b""
        self._next = PdfStream(inner)
        self._goes_on = True
        self._inner = inner

    def feed(self, piece: bytes) -> bool:
        text = self._held + without_line_breaks(piece)
        end = text.find(b">" if self._hexadecimal else b"~")
        whole = text if end < 0 else text[:end]
        if self._hexadecimal:
            keep = len(whole) % 2
            digits = whole[: len(whole) - keep]
            out = bytes.fromhex(re.sub(rb"[^0-9A-Fa-f]", b"0", digits).decode())
            self._held = whole[len(whole) - keep :]
        else:
            groups = _A85_GROUP.findall(whole)
            used = sum(map(len, groups))
            rest = whole[used:] if end >= 0 else b""
            self._held = whole[used:]
            out = _a85(b"".join(groups)) + _a85(rest)
        if self._goes_on and out:
            self._goes_on = self._next.feed(out)
        if end >= 0:
            self._next.feed(b"\nendstream") if self._goes_on else None
            self.close()
            return False
        return self._goes_on

    def close(self) -> None:
        if self._goes_on:
            self._next.close()
        self._goes_on = False


class _AsItIs:
    """Up to `endstream`."""

    def __init__(self, inner: Inner) -> None:
        self._inner = inner
        self._held = b""

    def feed(self, piece: bytes) -> bool:
        text = self._held + piece
        end = text.find(b"endstream")
        if end >= 0:
            self._inner.feed(re.sub(rb"\r?\n\Z", b"", text[:end]))
            self._inner.close()
            return False
        self._inner.feed(text[:-11])
        self._held = text[-11:]
        return True

    def close(self) -> None:
        self._inner.feed(self._held)
        self._inner.close()


def _pdf_filter(start: bytes, inner: Inner) -> Tap:
    if len(start) >= 2 and start[0] & 15 == 8 and (start[0] << 8 | start[1]) % 31 == 0:
        return Inflating(inner, zlib.MAX_WBITS, certain=False)
    bare = without_line_breaks(start.split(b"endstream")[0])
    if re.fullmatch(rb"[0-9A-Fa-f]{12,}>?", bare):
        return _Ascii(inner, hexadecimal=True)
    if re.fullmatch(rb"[!-uz]{12,}(?:~>?)?", bare):
        return _Ascii(inner, hexadecimal=False)
    return _AsItIs(inner)


def _a85(text: bytes) -> bytes:
    try:
        return base64.a85decode(text)
    except (ValueError, OverflowError):
        return b""


def _number(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")
