"""The words of a plain-text note stand in what people read: on the page, in the print and in the preview."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.disclose.package import readable_html
from fhir_plugin.disclose.package.notes import MOST_LETTERS, words_of
from tests.disclose.package.made import PATIENT, base64_of, contents, lines, members, written
from tests.disclose.package.test_printing import Pdf

NOTE = "Consultation <b>22 November</b> & after\r\nWell-defined red plaque, 3 cm.\n\nEmollient twice daily."


def note(content: bytes, media_type: str = "text/plain; charset=utf-8") -> list[dict[str, Any]]:
    return [
        PATIENT,
        {"resourceType": "Binary", "id": "b", "contentType": media_type, "data": base64_of(content)},
        {
            "resourceType": "DocumentReference",
            "id": "d",
            "date": "2024-03-01",
            "content": [{"attachment": {"contentType": media_type, "url": "Binary/b"}}],
        },
    ]


def test_a_note_is_read_where_it_stands() -> None:
    what = contents(lines(*note(NOTE.encode())), [])
    found = members(written(what)[0])
    page = found["record.html"].decode()
    assert found["documents/001.txt"] == NOTE.encode(), "the file has it letter for letter"
    assert "Consultation &lt;b&gt;22 November&lt;/b&gt; &amp; after\nWell-defined red plaque" in page
    assert "documents/001.txt" in page
    assert readable_html(what) == page
    printed = Pdf(found["record.pdf"]).text()
    assert "What it says" in printed
    for line in ("Consultation <b>22 November</b> & after", "Well-defined red plaque, 3 cm.", "Emollient twice daily."):
        assert line in printed


def test_a_note_within_the_resource_is_read_as_well() -> None:
    inline = {"contentType": "text/plain", "data": base64_of(NOTE.encode())}
    resource = {"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": inline}]}
    assert "Emollient twice daily." in readable_html(contents(lines(PATIENT, resource), []))


def test_of_a_long_note_the_beginning_is_shown_and_the_file_is_named() -> None:
    text = "".join(f"line {number} of the note \N{LATIN SMALL LETTER E WITH ACUTE}\n" for number in range(20_000))
    words = words_of("text/plain", text.encode())
    assert words.startswith("line 0 of") and len(words) < MOST_LETTERS + 100
    assert words.endswith("(It goes on in the file that is named above.)")
    found = members(written(contents(lines(*note(text.encode())), []))[0])
    assert b"It goes on in the file" in found["record.html"] and b"line 19999" not in found["record.html"]
    assert found["documents/001.txt"] == text.encode()


@pytest.mark.parametrize(
    ("media_type", "content", "words"),
    [
        ("text/plain", b"\xef\xbb\xbfDear", "Dear"),
        ('TEXT/PLAIN; Charset="ISO-8859-1"', b"caf\xe9", "caf\u00e9"),
        ("text/plain;charset=utf-8", b"\xff\xfe\x00", ""),
        ("text/plain", b"MZ\x00\x01 a program", ""),
        ("text/plain; charset=zlib", b"x\x9c", ""),
        ("text/plain; charset=utf-16", b"a\x00", ""),
        ("text/html", b"<p>Dear</p>", ""),
        ("application/pdf", b"%PDF", ""),
        ("text/plain", b" \n", ""),
        ("text/plain", b"", ""),
        (
            "text/plain",
            "\u20ac".encode() * 30_000,
            "\u20ac" * MOST_LETTERS + "\u2026\n(It goes on in the file that is named above.)",
        ),
        ("text/plain", b"a" * MOST_LETTERS, "a" * MOST_LETTERS),
    ],
)
def test_only_what_is_plain_text_is_read(media_type: str, content: bytes, words: str) -> None:
    assert words_of(media_type, content) == words
