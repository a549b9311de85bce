"""What is in a package, and what keeps one from being made."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile

import pytest

from fhir_plugin.disclose.package import new_password, write_package
from fhir_plugin.disclose.prove import what_to_look_for
from fhir_plugin.disclose.proven import CannotLook, NotProven
from fhir_plugin.disclose.redact import Part, UnreadableRecord
from fhir_plugin.errors import Refused, UnacceptableImage, Unavailable
from fhir_plugin.imaging.jpeg import look_at_jpeg
from mappings.model.disclosure import Mode
from tests.disclose.package.made import (
    MADE,
    NOTHING,
    PATIENT,
    SIGNER,
    EcSigner,
    WorkerHere,
    base64_of,
    contents,
    cover,
    drawn,
    image,
    lines,
    media,
    members,
    written,
)


def test_a_package_holds_the_record_the_pictures_what_people_read_and_what_proves_it() -> None:
    whole, package = written(contents())
    found = members(whole)
    assert list(found) == [
        "images/001.jpg",
        "images/002.jpg",
        "record.ndjson",
        "record.html",
        "record.pdf",
        "cover.html",
        "cover.pdf",
        "keys.json",
        "manifest.json",
        "manifest.jws",
    ]
    assert package.proven.sha256 == hashlib.sha256(whole).hexdigest()
    assert package.proven.size == len(whole)
    assert package.proven.manifest == hashlib.sha256(found["manifest.json"]).hexdigest()
    assert [str(reference) for reference, _sha in package.proven.shown] == ["Media/m1", "Media/m2"]
    assert SIGNER.verify(json.loads(found["manifest.json"]), found["manifest.jws"].decode())


def test_the_same_contents_are_the_same_bytes_but_for_the_signature_and_its_time_is_that_of_making() -> None:
    one, two = members(written(contents())[0]), members(written(contents())[0])
    assert {name: content for name, content in one.items() if name != "manifest.jws"} == {
        name: content for name, content in two.items() if name != "manifest.jws"
    }
    with zipfile.ZipFile(io.BytesIO(written(contents())[0])) as opened:
        assert {each.date_time for each in opened.infolist()} == {(2026, 2, 1, 12, 30, 0)}
    assert json.loads(one["manifest.json"])["made"] == MADE.isoformat()


def test_each_attachment_points_to_exactly_its_file() -> None:
    found = members(written(contents())[0])
    shown = [json.loads(line) for line in found["record.ndjson"].splitlines()][1:]
    for resource in shown:
        content = found[resource["content"]["url"]]
        assert resource["content"]["size"] == len(content)
        assert base64.b64decode(resource["content"]["hash"]) == hashlib.sha1(content).digest()  # FHIR's


def test_a_line_without_pictures_goes_out_byte_for_byte() -> None:
    odd = b'{"resourceType":"Observation" , "id":"o", "valueQuantity":{"value":72.50}}'
    found = members(written(contents([Part("r", odd, 1)]))[0])
    assert found["record.ndjson"] == odd + b"\n"
    alone = members(written(contents([Part("r", odd)]))[0])
    assert alone["record.json"] == odd
    assert b"72.50" in alone["record.html"]


def test_a_picture_that_is_not_ours_is_rebuilt_and_its_numbers_tell_of_no_gap() -> None:
    secret = b"taken at home"
    shown = [image(3, ours=False, content=drawn(3, comment=secret)), image(7)]
    worker = WorkerHere()
    whole, _package = written(contents(lines(PATIENT, media(3), media(7)), shown), worker=worker)
    found = members(whole)
    assert worker.cleaned == 1
    assert secret not in whole
    assert not look_at_jpeg(found["images/001.jpg"]).found
    assert found["images/002.jpg"] == drawn(7), "ours goes out byte for byte"
    assert not any("003" in name or "007" in name for name in found)


def test_what_stands_in_the_record_becomes_files_and_stands_there_once() -> None:
    secret = b"a comment of the camera"
    letter = b"%PDF-1.4 a letter"
    parts = lines(
        {
            **PATIENT,
            "photo": [{"contentType": "application/octet-stream", "data": base64_of(drawn(9, comment=secret))}],
        },
        media(1),
        {"resourceType": "Binary", "id": "b1", "contentType": "image/jpeg", "data": base64_of(drawn(1))},
        {"resourceType": "Binary", "id": "doc", "contentType": "application/pdf", "data": base64_of(letter)},
        {
            "resourceType": "DocumentReference",
            "id": "d",
            "content": [
                {"attachment": {"contentType": "application/pdf", "url": "https://ehr.example/fhir/Binary/doc"}}
            ],
        },
    )
    whole, _package = written(contents(parts, [image(1)]))
    found = members(whole)
    record = [json.loads(line) for line in found["record.ndjson"].splitlines()]
    assert [each["resourceType"] for each in record] == ["Patient", "Media", "DocumentReference"]
    assert record[0]["photo"][0]["url"] == "images/002.jpg"
    assert record[2]["content"][0]["attachment"]["url"] == "documents/001.pdf"
    assert found["documents/001.pdf"] == letter
    assert secret not in whole, "whatever it calls itself, a picture is cleaned"
    assert b"Document 1" in found["record.html"]


def test_a_bundle_keeps_its_shape_without_the_binaries_and_a_urn_is_followed() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 3,
        "entry": [
            {
                "fullUrl": "urn:uuid:1",
                "resource": {**media(1), "content": {"contentType": "image/jpeg", "url": "urn:uuid:2"}},
            },
            {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Binary", "id": "b1", "contentType": "image/jpeg"}},
            {"fullUrl": "urn:uuid:3", "resource": PATIENT},
        ],
    }
    found = members(written(contents([Part("b", json.dumps(bundle).encode())], [image(1)]))[0])
    record = json.loads(found["record.json"])
    assert [entry["resource"]["resourceType"] for entry in record["entry"]] == ["Media", "Patient"]
    assert record["total"] == 2
    assert record["entry"][0]["resource"]["content"]["url"] == "images/001.jpg"


@pytest.mark.parametrize("all_over", [False, True])
def test_a_watermark_is_in_every_picture(all_over: bool) -> None:
    plain = members(written(contents())[0])
    marked = members(written(contents(watermark="For Lee & Co, 1 Feb 2026", marked_all_over=all_over))[0])
    for name in ("images/001.jpg", "images/002.jpg"):
        assert marked[name] != plain[name]
        assert look_at_jpeg(marked[name]).height == (48 if all_over else look_at_jpeg(marked[name]).height)
        assert (look_at_jpeg(marked[name]).height > 48) is not all_over


# ------------------------------------------------------------------------------------------------- what stops it


def test_what_must_stay_back_stops_it_wherever_it_stands_and_there_is_no_proof() -> None:
    withheld = {"resourceType": "Media", "id": "secret-000123", "content": {"title": "Scar on the left knee"}}
    needles = what_to_look_for([withheld])
    for leak in (
        {"resourceType": "Observation", "id": "o", "note": [{"text": "see Media/secret-000123"}]},
        {"resourceType": "Observation", "id": "o", "note": [{"text": "scar on the LEFT knee"}]},
    ):
        package = write_package(
            contents(lines(leak)), package_id="x", signer=SIGNER, needles=needles, worker=WorkerHere()
        )
        with pytest.raises(NotProven):
            b"".join(package)
        with pytest.raises(NotProven):
            _ = package.proven
        assert list(package) == [], "and nothing more comes"
    _whole, package = written(contents(), needles=needles)
    assert package.proven.looked_at > 0


def test_what_nobody_can_look_into_stops_it_only_where_something_stays() -> None:
    """An encrypted letter goes to the patient whose whole record it is."""
    pdf = base64.b64encode(b"%PDF-1.4\n1 0 obj << /Encrypt 2 0 R >>\n%%EOF").decode()
    attachment = {"attachment": {"contentType": "application/pdf", "data": pdf}}
    letter = {"resourceType": "DocumentReference", "id": "l", "status": "current", "content": [attachment]}
    needles = what_to_look_for([{"resourceType": "Media", "id": "secret-000123"}])
    with pytest.raises(CannotLook):
        written(contents(lines(letter)), needles=needles)
    _whole, package = written(contents(lines(letter)), needles=NOTHING)
    assert package.proven.files > 0


def test_there_is_no_proof_of_a_package_that_was_not_made_to_its_end() -> None:
    package = write_package(contents(), package_id="x", signer=SIGNER, needles=NOTHING, worker=WorkerHere())
    next(package)
    with pytest.raises(NotProven):
        _ = package.proven


def test_needles_are_found_inside_the_pdf_and_the_encrypted_zip() -> None:
    words = "the plum coloured elephant"
    sheet = cover(signed_by=(words,))
    with pytest.raises(NotProven, match=r"cover\.html"):
        written(contents(cover=sheet), needles=what_to_look_for([], canaries=[words]), password="correct-horse")


@pytest.mark.parametrize(
    ("parts", "images", "code"),
    [
        (lines(PATIENT), [image(1)], "picture-not-shown"),
        (lines(PATIENT, media(2)), [image(1)], "picture-not-shown"),
        (lines({**PATIENT, "photo": [{"contentType": "image/jpeg", "data": "no base64!"}]}), [], "not-base64"),
        (
            lines({**PATIENT, "contained": [{"resourceType": "Binary", "id": "b", "data": "AAAA"}]}),
            [],
            "contained",
        ),
    ],
)
def test_a_picture_that_nothing_shows_and_a_file_that_cannot_be_read_stop_it(
    parts: list[Part], images: list[object], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        written(contents(parts, images))  # type: ignore[arg-type]  # tuples of a table
    assert refused.value.code == code


def test_what_is_no_picture_and_what_is_no_record_stop_it() -> None:
    with pytest.raises(UnacceptableImage):
        written(contents(lines(media(1)), [image(1, ours=False, content=b"GIF89a")]))
    with pytest.raises(UnreadableRecord):
        written(contents([Part("r", b'{"resourceType":"A","resourceType":"B"}', 1)]))


def test_a_key_that_is_changed_while_it_is_made_stops_it() -> None:
    signer = EcSigner()
    package = write_package(
        contents(images=[image(1), image(2)]), package_id="x", signer=signer, needles=NOTHING, worker=WorkerHere()
    )
    next(package)
    signer.rotate()
    with pytest.raises(Unavailable, match="key"):
        b"".join(package)


# ---------------------------------------------------------------------------------------------- what it may say


def test_silent_says_nowhere_that_something_is_left_out() -> None:
    silent = members(written(contents(cover=cover(Mode.SILENT)))[0])
    whole = b" ".join(content for name, content in silent.items() if name.endswith((".html", ".json"))).lower()
    for word in (b"taken out", b"not included", b"silent", b"redact", b"withh", b"another person."):
        assert word not in whole, word
    marked = members(written(contents())[0])
    assert b"2 entries were taken out" in marked["cover.html"]
    assert b'"mode":"marked"' in marked["manifest.json"]


def test_nobodys_name_is_in_a_file_name_and_a_password_can_be_said() -> None:
    assert not any("lee" in name.lower() for name in members(written(contents())[0]))
    passwords = {new_password() for _ in range(200)}
    assert len(passwords) == 200
    assert all(
        re.fullmatch(r"(?:[bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz](?:-[a-z]{5}){5}", each) for each in passwords
    )
