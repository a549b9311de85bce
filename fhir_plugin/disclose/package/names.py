"""What the files of a package are called. Never after anybody: names stay readable in an encrypted ZIP."""

from __future__ import annotations

import re
from typing import Final

COVER_PAGE: Final = "cover.html"
COVER_SHEET: Final = "cover.pdf"
READABLE_PAGE: Final = "record.html"
READABLE_PRINT: Final = "record.pdf"
RECORD_LINES: Final = "record.ndjson"
RECORD: Final = "record.json"
KEYS: Final = "keys.json"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.jws"

PICTURE_ENDINGS: Final = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4", "video/webm": "webm"}
"""What a picture or video that goes out can be."""
DOCUMENT_ENDINGS: Final = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/html": "html",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "text/xml": "xml",
    "application/xml": "xml",
    "application/dicom": "dcm",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
OTHER_ENDING: Final = "bin"

ALLOWED: Final = re.compile(
    r"cover\.(?:html|pdf)|record\.(?:html|pdf|ndjson|json)|keys\.json|manifest\.(?:json|jws)"
    r"|images/[0-9]{3,6}\.(?:jpg|png|mp4|webm)|documents/[0-9]{3,6}\.[a-z]{3,4}"
)
"""Every name that a package of this format may hold; matched whole."""


def picture_name(number: int, media_type: str) -> str:
    """images/001.jpg for the first that goes out."""
    return f"images/{number:03}.{PICTURE_ENDINGS[media_type]}"


def document_name(number: int, media_type: str) -> str:
    """documents/001.pdf for the first that goes out."""
    bare = media_type.split(";")[0].strip().lower()
    return f"documents/{number:03}.{DOCUMENT_ENDINGS.get(bare, OTHER_ENDING)}"
