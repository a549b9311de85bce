"""Whether somebody's words may speak of an image that is not included: for a person to judge, never edited here."""

from __future__ import annotations

import re
from typing import Final

from fhir_plugin.disclose.redact.hints import Hints

_PICTURE: Final = re.compile(
    r"\b(?:photo(?:s|graph\w*)?|images?|imaging|pictures?|pics?|selfies?|videos?|snapshots?|img|jpe?g|dermoscop\w+|"
    r"colposcop\w+)\b",
    re.IGNORECASE,
)
_PICTURE_BYTES: Final = re.compile(
    rb"photo|imag|pictur|pics?[^a-z]|selfie|video|snapshot|img|jpe?g[^a-z]|dermoscop|colposcop"
)
PICTURE_STEMS: Final = (
    b"photo", b"imag", b"pictur", b"pic", b"selfie", b"video", b"snapshot", b"img", b"jpg", b"jpeg", b"dermoscop",
    b"colposcop",
)  # fmt: skip
"""Whatever speaks of a picture holds one of these."""
_TYPES: Final = re.compile(rb'"(?:image|video)/[a-z0-9.+-]+"|"data"\s*:\s*"[^"\\]*"')
_WORD: Final = re.compile(r"[a-z]{4,}")


def speaks_of_pictures(line: bytes) -> bool:
    """Whether any text in a line of JSON, without escapes, speaks of a picture. Of `"image/jpeg"` alone it does not."""
    lower = line.lower() if line.isascii() else line.decode("utf-8", "replace").casefold().encode("utf-8")
    return _PICTURE_BYTES.search(_TYPES.sub(b"", lower)) is not None


def may_speak_of(text: str, hints: Hints) -> bool:
    """Whether a text speaks of a picture, and of the day or the part of the body of one that is withheld."""
    if not hints or len(text) < 6 or _PICTURE.search(text) is None:
        return False
    lower = text.casefold()
    if any(date in lower for date in hints.dates):
        return True
    return not hints.sites.isdisjoint(_WORD.findall(lower))
