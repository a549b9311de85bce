"""Pictures on their way in: bytes as they were, limits, uploads that break off, and forms without scripts."""

from __future__ import annotations

import io

import pytest

from fhir_plugin.errors import UnacceptableImage
from mappings.model.identifiers import CaptureId, ImageId
from tests.web.conftest import Person, jpeg
from tests.web.fake import FakeParts


def test_bytes_and_declared_type_arrive_as_they_were(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    content = jpeg(300, 200)
    answer = person.add(capture, content)
    assert answer.status_code == 201
    assert parts.captures.received_bytes[ImageId(answer.headers["X-Image"])] == (content, "image/jpeg")
    assert "<noscript" not in answer.text


def test_a_picture_that_cannot_be_used_is_refused_in_words(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    answer = person.add(capture, b"MZ\x90\x00 this is a program")
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["error"]["code"] == "not-an-image"
    assert answer.json["error"]["message"]
    assert answer.json["error"]["what_to_do"]
    assert person.add(capture, b"").status_code == 422
    parts.captures.trouble["receive"] = UnacceptableImage("A HEIC with ten pictures: export one.", code="many-pictures")
    assert "export one" in person.add(capture).text


def test_an_eleventh_picture_is_refused(person: Person) -> None:
    capture = person.begin()
    for _ in range(10):
        assert person.add(capture).status_code == 201
    refused = person.add(capture)
    assert refused.status_code == 400
    assert refused.json is not None
    assert refused.json["error"]["code"] == "too-many-images"


class Endless:
    """A body that goes on; counts what was read of it."""

    def __init__(self, length: int) -> None:
        self.left, self.read_so_far = length, 0

    def read(self, size: int = -1) -> bytes:
        count = min(self.left if size < 0 else size, self.left)
        self.left -= count
        self.read_so_far += count
        return bytes(count)


def multipart(fields: dict[str, str], content: bytes, file_name: str) -> tuple[bytes, str]:
    """A form as a browser sends it, made by hand: the test client would put a large one into a file itself."""
    lines = [f'--edge\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    part = f'--edge\r\nContent-Disposition: form-data; name="picture"; filename="{file_name}"\r\n'
    body = "".join(lines) + part + "Content-Type: image/jpeg\r\n\r\n"
    return body.encode() + content + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


def test_a_declared_300_megabytes_is_refused_before_a_byte_is_read(person: Person) -> None:
    capture = person.begin()
    body = Endless(300_000_000)
    answer = person.client.post(
        f"/l/amy/captures/{capture}/images",
        content_type="application/octet-stream",
        headers=person.script_headers,
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "300000000"},
    )
    assert answer.status_code == 413
    assert body.read_so_far == 0
    assert answer.json is not None
    assert "25 MB" in answer.json["error"]["what_to_do"]


def test_a_body_without_length_is_cut_at_the_limit(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    body = Endless(60_000_000)
    answer = person.client.post(
        f"/l/amy/captures/{capture}/images",
        content_type="application/octet-stream",
        headers=person.script_headers,
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert body.read_so_far < 28_000_000
    assert parts.captures.received_bytes == {}


def test_an_upload_that_breaks_off_is_not_taken_for_a_picture(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    answer = person.client.post(
        f"/l/amy/captures/{capture}/images",
        content_type="application/octet-stream",
        headers=person.script_headers,
        environ_overrides={"wsgi.input": io.BytesIO(jpeg()[:100]), "CONTENT_LENGTH": "5000"},
    )
    assert answer.status_code == 400
    assert parts.captures.received_bytes == {}


@pytest.mark.parametrize("mimetype", ["image/jpeg", "text/html", "application/json"])
def test_other_kinds_of_body_are_refused(person: Person, mimetype: str) -> None:
    capture = person.begin()
    answer = person.client.post(
        f"/l/amy/captures/{capture}/images", data=jpeg(), content_type=mimetype, headers=person.script_headers
    )
    assert answer.status_code == 415


def test_without_scripts_a_form_adds_a_picture_and_never_touches_the_disk(
    person: Person, parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was opened")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(f"tempfile.{name}", no_file)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", no_file)
    capture = person.begin()
    content = jpeg() + bytes(3_000_000)
    body, content_type = multipart({**person.guard, "purpose": "kept too"}, content, "amy lee knee.jpg")
    answer = person.client.post(f"/l/amy/captures/{capture}/images", data=body, content_type=content_type)
    assert answer.status_code == 303
    [(kept, declared)] = parts.captures.received_bytes.values()
    assert (kept, declared) == (content, "image/jpeg")
    draft = parts.captures.drafts[CaptureId(capture)]
    assert draft.answers.shared["purpose"] == "kept too"
    assert "amy lee knee" not in repr(draft)


def test_a_form_with_too_large_a_picture_is_refused(person: Person) -> None:
    capture = person.begin()
    for size in (26_500_000, 40_000_000):
        body, content_type = multipart(person.guard, bytes(size), "x.jpg")
        answer = person.client.post(f"/l/amy/captures/{capture}/images", data=body, content_type=content_type)
        assert answer.status_code == 413


def test_an_ordinary_form_may_not_be_large(person: Person) -> None:
    capture = person.begin()
    answer = person.post(f"captures/{capture}/answers", {"findings": "x" * 1_100_000})
    assert answer.status_code == 413
