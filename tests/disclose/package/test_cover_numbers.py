"""The cover and the record agree on how much was taken out, or the cover says why they do not."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.package.made import PATIENT, contents, cover, lines, members, written
from tests.disclose.package.test_printing import Pdf

AFTER = {"meta": {"security": [{"code": "REDACTED"}]}}


def stubs(*kinds: str) -> list[dict[str, Any]]:
    return [{"resourceType": kind, "id": f"withheld-{number}", **AFTER} for number, kind in enumerate(kinds)]


def files_of(taken_out: int, *kinds: str, mode: Mode = Mode.MARKED) -> dict[str, bytes]:
    sheet = cover(mode, taken_out={"It is sensitive.": taken_out} if taken_out else {})
    return members(written(contents(lines(PATIENT, *stubs(*kinds)), [], cover=sheet))[0])


@pytest.mark.parametrize(
    ("taken_out", "kinds", "words"),
    [
        (6, ("Media", "Binary", "DocumentReference", "QuestionnaireResponse", "QuestionnaireResponse"),
         ("6 entries were taken out.", "For 4 of them marks stand in their place", "For the other 2 nothing does")),
        (2, ("Media",), ("For 1 of them a mark stands in its place", "For the other 1 nothing does")),
        (2, ("Media", "DocumentReference"), ("A mark in the record stands in the place of each",)),
        (1, ("Media", "Binary"), ("1 entry was taken out.", "stands in the place of each")),
        (1, ("Binary",), ("stands in the place of each",)),
        (2, (), ("Nothing stands in their place", "cannot hold a mark")),
        (1, ("Media", "DocumentReference"), ("With what belongs to them, 2 marks stand in the record",)),
    ],
)  # fmt: skip
def test_the_cover_says_how_many_marks_there_are(
    taken_out: int, kinds: tuple[str, ...], words: tuple[str, ...]
) -> None:
    found = files_of(taken_out, *kinds)
    page, printed = found["cover.html"].decode(), " ".join(Pdf(found["cover.pdf"]).text().split())
    for each in words:
        assert each in page.replace("&quot;", '"') and each in printed, each


def test_silently_nothing_is_said_of_it() -> None:
    found = files_of(6, "Media", mode=Mode.SILENT)
    assert b"taken out." not in found["cover.html"].replace(b"repeats it, was taken out.", b"")
    assert b"mark" not in found["cover.html"].split(b"<body>")[1]
