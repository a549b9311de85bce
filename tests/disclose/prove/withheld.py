"""What the tests of the proof hold back: an image with its bytes, what tells of it, and a look for that."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

from fhir_plugin.disclose.prove import Clean, Kind, Needles, prove, what_to_look_for

BYTES = random.Random(5).randbytes(6000)
MEDIA: dict[str, Any] = {
    "resourceType": "Media",
    "id": "m1",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.10008.77.4"}],
    "content": {
        "contentType": "image/jpeg",
        "url": "https://ehr.example/fhir/Binary/b-7f3a/_history/1",
        "title": "Left hand & ruler 7",
        "hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    },
}
BINARY = {"resourceType": "Binary", "id": "b-7f3a-11", "data": base64.b64encode(BYTES).decode()}
NEEDLES = what_to_look_for(
    [MEDIA, BINARY], canaries=["CANARY-é-51"], full_urls=[("Media/m1", "urn:uuid:6a0d1c1e-53a8-4c1c-9d61-0d64f0a4a111")]
)
SECRETS = {
    "short id": b"Media/m1",
    "telling id": b"b-7f3a-11",
    "relative url": b"Binary/b-7f3a",
    "full url": b"6a0d1c1e-53a8-4c1c-9d61-0d64f0a4a111",
    "identifier": b"1.2.840.10008.77.4",
    "title": b"Left hand & ruler 7",
    "hash": b"2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
    "hash in hexadecimal": b"da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "canary": "CANARY-é-51".encode(),
}


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def finds(data: bytes, needles: Needles = NEEDLES, size: int = 50_000) -> list[Kind]:
    """What the proof finds in these bytes when they come in pieces of this size; nothing where it calls them clean."""
    answer = prove([("record.json", cut(data, size))], needles)
    return [] if isinstance(answer, Clean) else [find.kind for find in answer.finds]
