"""Whether pieces of bytes stand in other bytes: as they are, or as base64 at any offset, in one line or in many.

Shares nothing with how anything is destroyed: a mistake there must not be made here again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Final

_LINES: Final = b" \t\r\n"
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LEAD: Final = (0, 2, 3)
"""Characters of base64 that depend on what stands before, by how many bytes stand there beyond a whole group."""


class Forms:
    """All forms of `pieces`. Pieces of fewer than three bytes have no base64 of their own."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._plain = tuple(dict.fromkeys(piece for piece in pieces if piece))
        self._encoded = tuple(dict.fromkeys(form for piece in self._plain for form in base64_of(piece)))
        self.longest = max((len(form) for form in (*self._plain, *self._encoded)), default=0)
        """Bytes that the longest form takes in one line."""

    def __bool__(self) -> bool:
        return bool(self._plain)

    def stand_in(self, content: bytes) -> bool:
        """Whether any form of any piece is in it."""
        if any(piece in content for piece in self._plain):
            return True
        line = in_one_line(content)
        return any(form in line for form in self._encoded)


def base64_of(piece: bytes) -> Iterable[bytes]:
    """The characters that the piece surely becomes, whatever stands before and after it (RFC 4648)."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + piece)
        whole = (before + len(piece)) * 8 // 6
        form = encoded[_LEAD[before] : whole]
        if len(form) > 2:
            yield form


def in_one_line(content: bytes) -> bytes:
    """Base64 as it may stand in files, in one form: line breaks (as they are, or as JSON writes them) and JSON's
    backslashes gone, the alphabet for URLs made the usual one."""
    if b"\\" in content:
        content = content.replace(b"\\n", b"").replace(b"\\r", b"")
    return content.translate(_TO_STANDARD, _LINES + b"\\")
