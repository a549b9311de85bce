"""The words of a PDF that goes out as it is: what it says in its own right is no secret of a letter that stays."""

from __future__ import annotations

from typing import Final

from fhir_plugin.disclose.prove.beginnings import PDF, streams
from fhir_plugin.disclose.prove.escapes import strings_of_pdf
from fhir_plugin.disclose.prove.wrappings import PdfStream

_END: Final = b"endstream"
_MOST: Final = 1 << 20
"""Bytes of one stream: longer ones are pictures and fonts."""


class _Heard:
    def __init__(self) -> None:
        self.content = bytearray()

    def feed(self, piece: bytes) -> None:
        self.content += piece

    def close(self) -> None:
        """Nothing is left open."""

    def unseen(self, why: str) -> None:
        """What cannot be read says nothing here; the proof itself says that it could not look."""


def is_pdf(raw: bytes) -> bool:
    return raw.startswith(PDF)


def words_of_pdf(raw: bytes) -> str:
    """What stands on its pages, with and without spaces where its strings meet; empty where that cannot be read."""
    said: list[bytes] = []
    for _sign, begin, _ in streams(raw):
        end = raw.find(_END, begin)
        if end < 0 or end - begin > _MOST:
            continue
        heard = _Heard()
        stream = PdfStream(heard)
        stream.feed(raw[begin : end + len(_END)])
        stream.close()
        if b"Tj" in heard.content or b"TJ" in heard.content:
            said += strings_of_pdf(bytes(heard.content))
    return "\n".join(_text(each) for each in said)


def _text(words: bytes) -> str:
    try:
        return words.decode("utf-8")
    except UnicodeDecodeError:
        return words.decode("cp1252", "replace")
