"""The signed file of what an EHR did not take: offered on the receipt, and to its clinician alone."""

from __future__ import annotations

import pytest

from mappings.model.identifiers import CaptureId
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_receipt import reach


@pytest.mark.parametrize(
    ("state", "words"),
    [("filed", "say on the"), ("unresolved", "cannot wait"), ("nothing-current", "cannot wait")],
)
def test_where_there_is_one_the_receipt_offers_the_file_and_says_what_to_do(
    person: Person, parts: FakeParts, state: str, words: str
) -> None:
    capture = reach(person, parts, state)
    assert "signed file" not in person.get(f"captures/{capture}/receipt").text
    assert person.get(f"captures/{capture}/export").status_code == 404
    parts.exports.files[capture] = b"PK the file"
    page = person.get(f"captures/{capture}/receipt").text
    assert "Download the signed file" in page and words in page
    answer = person.get(f"captures/{capture}/export")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, b"PK the file", "application/zip")
    assert answer.headers["Content-Disposition"] == "attachment; filename=to-file-by-hand.zip"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_line_of_the_list_leads_to_the_receipt(person: Person, parts: FakeParts) -> None:
    capture = reach(person, parts, "filed")
    parts.exports.copies["copy-1"] = CaptureId(capture)
    assert person.get("captures/by-hand/copy-1").headers["Location"].endswith(f"captures/{capture}/receipt")
    assert person.get("captures/by-hand/copy-2").status_code == 404
