"""A page that goes out may say what a letter that stays says too, and may not be that letter."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from fhir_plugin.disclose.kept_back import KeptBack
from fhir_plugin.disclose.prove import Kind
from fhir_plugin.disclose.prove.pdf_words import is_pdf, words_of_pdf
from fhir_plugin.disclose.redact import Part, read_part
from fhir_plugin.disclose.redact.places import places

SHARED = "Before this is given to anybody outside the team, look in that app."
PRIVATE = "Ulcer of the left labium, two centimetres across, with a clean base."
ALSO = "She would rather have nobody else in the room while it is looked at."
LETTER = (SHARED, PRIVATE, ALSO)


def page(*lines: str, compressed: int = 1) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pageCompression=compressed)
    for number, line in enumerate(lines):
        canvas.drawString(40, 700 - 20 * number, line)
    canvas.save()
    return file.getvalue()


def document(id: str, content: bytes, content_type: str) -> Part:
    data = base64.b64encode(content).decode()
    attachment = {"contentType": content_type, "data": data}
    resource: dict[str, Any] = {"resourceType": "DocumentReference", "id": id, "content": [{"attachment": attachment}]}
    return Part(f"{id}.json", json.dumps(resource).encode())


def looked_for(out: bytes) -> set[str]:
    """The pieces of the letter that must not be found, when this PDF goes out beside it."""
    stays = document("letter", "\n".join(LETTER).encode(), "text/plain")
    goes = document("page", out, "application/pdf")
    kept = KeptBack()
    kept.add(places(read_part(stays), "stays"))
    kept.beside([goes])
    return {each.text.decode() for each in kept.needles().needles if each.kind is Kind.WORDS}


@pytest.mark.parametrize("compressed", [0, 1])
def test_words_are_read_from_a_page(compressed: int) -> None:
    made = page(SHARED, "Prüfung (β) \\ it’s", compressed=compressed)
    assert is_pdf(made)
    assert SHARED in words_of_pdf(made)
    assert words_of_pdf(b"%PDF-1.7 stream\nnothing of the kind") == ""


@pytest.mark.parametrize("compressed", [0, 1])
def test_what_a_page_says_in_its_own_right_is_common(compressed: int) -> None:
    found = looked_for(page("A photograph of a forearm.", SHARED, compressed=compressed))
    assert not any(SHARED.startswith(each) or each in SHARED for each in found)
    assert any(each in PRIVATE for each in found) and any(each in ALSO for each in found)


def test_a_page_that_is_the_letter_makes_nothing_common() -> None:
    found = looked_for(page(*LETTER))
    for line in LETTER:
        assert any(each in line for each in found), line


def test_an_unreadable_page_makes_nothing_common() -> None:
    found = looked_for(b"%PDF-1.7\n1 0 obj\nstream\nx\x9c broken endstream")
    assert any(each in SHARED for each in found)
