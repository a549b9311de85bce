"""What a filing has left in a record: images that count as current, their notes, one whole set."""

from __future__ import annotations

import base64
from typing import Any

from tests.capture.bench import Bench
from tests.fakes.record import FakeRecord

ONLINE_IMAGES = ("completed", "current")
SAID = ("Consent", "QuestionnaireResponse")


def current_images(record: FakeRecord) -> list[dict[str, Any]]:
    found = [*record.stored("Media"), *record.stored("DocumentReference")]
    return [each for each in found if each["status"] in ONLINE_IMAGES and "identifier" in each and _is_image(each)]


def _is_image(resource: dict[str, Any]) -> bool:
    content = resource["content"]
    attachment = content if isinstance(content, dict) else content[0]["attachment"]
    return str(attachment["contentType"]).startswith("image/")


def notes(record: FakeRecord) -> list[str]:
    return [
        base64.b64decode(each["content"][0]["attachment"]["data"]).decode()
        for each in record.stored("DocumentReference")
        if not _is_image(each) and each["status"] == "current"
    ]


def check_complete(bench: Bench, record: FakeRecord, images: int) -> None:
    """One set: every image current, with its bytes, its provenance, one consent, one note, one audit event."""
    current = current_images(record)
    assert len(current) == images
    assert len(record.stored("Provenance")) == images
    assert [len(record.stored(kind)) for kind in (*SAID, "AuditEvent")] == [1, 1, 1] and len(notes(record)) == 1
    targets = {each["target"][0]["reference"] for each in record.stored("Provenance")}
    assert targets == {f"{each['resourceType']}/{each['id']}" for each in current}
    for image in current:
        content = image["content"]
        url = (content if isinstance(content, dict) else content[0]["attachment"])["url"]
        assert record.read_binary(url).content.startswith(b"clean ")
        assert image["meta"]["security"]
