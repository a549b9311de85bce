"""The words of plain text among the documents: they stand in the readable record itself, and not only beside it."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Final

from fhir_plugin.disclose.package.reading import Shown

MOST_LETTERS: Final = 20_000
"""Of one document in the readable record: about seven printed pages. The file has all of it."""
_MOST_BYTES: Final = 4 * MOST_LETTERS + 4
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "iso-8859-1": "windows-1252",  # as browsers read it
    "windows-1252": "windows-1252",
}
_CONTROLS: Final = frozenset(map(chr, range(32))) - set("\t\n\r\f")

WordsOf = Callable[[Shown], str]
"""What a document says; empty for one that is no plain text."""


def words_of(media_type: str, content: bytes) -> str:
    """What a plain text says, with a last line that points to the file where it is longer than `MOST_LETTERS`.

    Empty where it is none, whatever it calls itself, or cannot be read in the character set that it names (UTF-8
    where it names none).
    """
    kind, *parameters = (each.strip() for each in media_type.split(";"))
    if kind.lower() != "text/plain":
        return ""
    charset = next((each[8:].strip("\"' ") for each in parameters if each.lower().startswith("charset=")), "utf-8")
    text = _decoded(content[:_MOST_BYTES], charset, whole=len(content) <= _MOST_BYTES)
    if not text.strip() or not _CONTROLS.isdisjoint(text):
        return ""
    text = "\n".join(text.splitlines())
    if len(text) <= MOST_LETTERS and len(content) <= _MOST_BYTES:
        return text
    return f"{text[:MOST_LETTERS]}…\n(It goes on in the file that is named above.)"


def _decoded(content: bytes, charset: str, *, whole: bool) -> str:
    known = _CHARSETS.get(charset.lower())
    if known is None:
        return ""
    try:
        return codecs.getincrementaldecoder(known)().decode(content.removeprefix(codecs.BOM_UTF8), final=whole)
    except ValueError:
        return ""
