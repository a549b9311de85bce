"""The same bytes under another name, in another encoding, inside another file."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib
from typing import Any

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    PIXELS,
    PLAIN,
    collection,
    entry,
    media,
    only,
    redacted,
    resources,
)


def packed() -> dict[str, bytes]:
    text = base64.b64encode(PIXELS)
    wrapped = b"\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("word/media/image1.jpeg", PIXELS)
    stream = zlib.compress(PIXELS)
    return {
        "application/pdf": b"%PDF-1.4\n1 0 obj\n<</Filter/DCTDecode>>\nstream\n" + PIXELS + b"\nendstream\n%%EOF",
        "application/pdf;deflated": b"%PDF-1.4\n1 0 obj\n<<>>\nstream\n" + stream + b"\nendstream\n%%EOF",
        "application/hl7-v3+xml": b"<ClinicalDocument><value>" + wrapped + b"</value></ClinicalDocument>",
        "text/html": b"<img src='data:image/jpeg;base64," + text + b"'/>",
        "application/vnd.openxmlformats": archive.getvalue(),
        "application/gzip": gzip.compress(b"x" + PIXELS),
        "application/octet-stream": b"lead" + PIXELS + b"tail",
        "application/json": b'{"data":"' + base64.b64encode(b"ab" + PIXELS) + b'"}',
    }


@BOTH
@pytest.mark.parametrize("kind", packed())
def test_copies_inside_other_files_are_found(kind: str, mode: Mode) -> None:
    data = base64.b64encode(packed()[kind]).decode()
    letter = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "content": [{"attachment": {"contentType": kind.partition(";")[0], "data": data}}],
    }
    out, record = redacted(collection(letter), mode)
    assert all(each["resourceType"] != "DocumentReference" for each in resources(out))
    assert {each.id: each.word for each in record.findings}["letter"] == "withhold"
    innocent = {**letter, "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0xLjQK"}}]}
    out, _record = redacted(collection(innocent), mode)
    assert only(out, "DocumentReference") == innocent


@BOTH
def test_copies_under_other_names_go_with_all_that_points_at_them(mode: Mode) -> None:
    data = base64.b64encode(PIXELS).decode()
    copies: list[dict[str, Any]] = [
        {"resourceType": "Media", "id": "copy-1", "status": "completed", "content": {"contentType": "x", "data": data}},
        {"resourceType": "Binary", "id": "copy-2", "contentType": "image/jpeg", "data": data},
        {"resourceType": "Binary", "id": "copy-3", "contentType": "x", "securityContext": {"reference": f"Media/{ID}"}},
        {**PLAIN, "id": "o2", "derivedFrom": [{"reference": "Media/copy-1"}, {"reference": "Media/other"}]},
        {"resourceType": "Patient", "id": "p1", "photo": [{"contentType": "image/jpeg", "data": data}, {"title": "x"}]},
    ]
    out, record = redacted(collection(*copies), mode)
    assert "copy-" not in str(out) and data not in str(out)
    left = {each["id"]: each for each in resources(out)}
    assert left["o2"]["derivedFrom"] == [{"reference": "Media/other"}] and left["p1"]["photo"] == [{"title": "x"}]
    assert {each.word for each in record.findings if each.id.startswith("copy-")} == {"withhold"}


@pytest.mark.parametrize("how", ["wrapped", "url-safe", "unpadded", "odd-last-bits"])
def test_copies_are_found_however_their_base64_is_written(how: str) -> None:
    pixels = PIXELS + b"\xff\xfe!"  # 4 bits of the last letter say nothing
    text = base64.b64encode(pixels).decode()
    assert text.endswith("==")
    written = {
        "wrapped": "\n".join(text[at : at + 60] for at in range(0, len(text), 60)),
        "url-safe": text.replace("+", "-").replace("/", "_"),
        "unpadded": text.rstrip("="),
        "odd-last-bits": text[:-3] + chr(ord(text[-3]) + 1) + "==",
    }[how]
    first = media(content={"contentType": "image/jpeg", "data": text})
    copy: dict[str, Any] = {"resourceType": "Media", "id": "copy", "status": "completed"}
    copy["content"] = {"contentType": "image/jpeg", "data": written}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": first}, {"resource": copy}]}
    out, _record = redacted(bundle, Mode.SILENT)
    assert out == {"resourceType": "Bundle", "type": "collection"}


@BOTH
def test_the_bytes_that_a_withheld_image_points_at_are_withheld(mode: Mode) -> None:
    image = {**media(), "content": {"contentType": "image/jpeg", "url": "https://ehr.example/fhir/Binary/b77"}}
    binary = {"resourceType": "Binary", "id": "b77", "contentType": "image/jpeg", "data": "c29tZXRoaW5nIGVsc2U="}
    other = {**image, "id": "open", "meta": {}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in (other, binary, image)],
    }
    out, _record = redacted(bundle, mode)
    assert "b77" not in str(out) and "c29t" not in str(out) and "open" not in str(out)


@BOTH
def test_pictures_of_one_camera_and_letters_of_one_clinic_are_no_copies(mode: Mode) -> None:
    """They begin alike, and parts of letters are the same words."""
    header = bytes(range(200))
    secret, open_ = (header + bytes(at * step % 251 for at in range(3000)) for step in (7, 11))
    greeting = b"# Chief complaint\nNo complaints.\n\n# History\nThe patient has never smoked. " * 5
    image = media(content={"contentType": "image/jpeg", "data": base64.b64encode(secret).decode()})
    letter = media(id="l1", content={"data": base64.b64encode(greeting + b"About the rash.").decode()})
    document: dict[str, Any] = {"resourceType": "DocumentReference", "id": "d1", "status": "current"}
    others = {"d1": b"%PDF-1.4\nstream\n" + open_ + b"\nendstream", "d2": greeting + b"About the cough."}
    copies = {"d3": b"%PDF-1.4\nstream\n" + secret + b"\nendstream", "d4": b"> " + greeting + b"About the rash."}
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [entry(image), entry(letter)]}
    for id_, data in {**others, **copies}.items():
        kind = "application/pdf" if data.startswith(b"%PDF") else "text/plain"
        attachment = {"contentType": kind, "data": base64.b64encode(data).decode()}
        bundle["entry"].append(entry({**document, "id": id_, "content": [{"attachment": attachment}]}))
    out, _record = redacted(bundle, mode)
    assert {each["id"] for each in resources(out) if each["id"].startswith("d")} == set(others)
