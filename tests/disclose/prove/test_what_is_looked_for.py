"""Which words, numbers and addresses of a resource tell of it, and which others bear as well."""

from __future__ import annotations

import base64
from typing import Any

from fhir_plugin.disclose.prove import Clean, Kind, Leaks, prove, what_to_look_for
from tests.disclose.prove.withheld import MEDIA, finds
from tests.disclose.prove.wrapped import PADDING


def test_titles_that_others_bear_give_nothing_away() -> None:
    needles = what_to_look_for([MEDIA], common_titles=["left hand &  Ruler 7"])
    assert finds(b"Left hand & ruler 7", needles) == []
    assert finds(b"LEFT HAND & RULER 7") == [Kind.TITLE]


def test_what_a_resource_says_of_others_is_not_looked_for() -> None:
    """The patient's number in a logical reference, a link, a section's title, a telephone: others have them, too."""
    needles = what_to_look_for(
        [
            {
                **MEDIA,
                "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
                "contact": [{"telecom": [{"system": "url", "value": "http://hl7.org/fhir5"}]}],
                "section": [{"title": "Photographs", "text": {"status": "generated"}}],
                "relatedArtifact": [{"type": "citation", "url": "https://example.org/guide"}],
                "extension": [{"url": "https://example.org/extension", "valueUrl": "https://example.org/meaning"}],
            }
        ]
    )
    others = b"9990000018 http://hl7.org/fhir5 Photographs https://example.org/guide https://example.org/extension"
    assert finds(others + b" https://example.org/meaning", needles) == []
    assert set(finds(b"Left hand & ruler 7 1.2.840.10008.77.4", needles)) == {Kind.TITLE, Kind.IDENTIFIER}


def test_attachments_are_found_in_lists_and_without_a_type() -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "content": [{"attachment": {"url": "Binary/q1", "title": "Hand.jpg"}}, {"attachment": {"url": "/files/9-a"}}],
    }
    needles = what_to_look_for([document])
    assert set(finds(b"DocumentReference/d1 Binary/q1 Hand.jpg", needles)) == {Kind.ID, Kind.URL, Kind.TITLE}
    assert finds(b"see /files/9-a", needles) == [Kind.URL]


def test_words_that_a_released_resource_bears_give_nothing_away_and_what_tells_of_one_thing_does() -> None:
    withheld = [
        {
            "resourceType": "DocumentReference",
            "id": "scan-20260304",
            "content": [{"attachment": {"title": "Discharge summary"}}, {"attachment": {"title": "IMG_4711.jpg"}}],
        }
    ]
    released: list[dict[str, Any]] = [
        {"resourceType": "Composition", "id": "c1", "title": " discharge  Summary"},
        {"resourceType": "Patient", "id": "scan-20260304"},
        {"resourceType": "Media", "id": "m1", "content": {"title": "IMG_4711.jpg"}},
    ]
    out = b"Discharge summary scan-20260304 IMG_4711.jpg"
    assert set(finds(out, what_to_look_for(withheld))) == {Kind.TITLE, Kind.ID}
    needles = what_to_look_for(withheld, released=released)
    assert finds(out, needles) == [Kind.TITLE], "the file's name tells"
    assert finds(b"Discharge summary scan-20260304", needles) == []
    assert finds(b"DocumentReference/scan-20260304", needles) == [Kind.ID]
    itself = [{"resourceType": "DocumentReference", "id": "scan-20260304"}]
    assert finds(b"scan-20260304", what_to_look_for(withheld, released=itself)) == [Kind.ID]


def test_one_plain_word_and_what_a_definition_is_called_are_no_titles() -> None:
    words = {"resourceType": "Media", "id": "m1", "content": {"contentType": "image/jpeg", "title": "Photo"}}
    definition = {"resourceType": "CodeSystem", "id": "c", "url": "urn:oid:1.2.3.4.5.6", "title": "Kinds of rash"}
    needles = what_to_look_for([words, definition])
    assert finds(b"Photo of kinds of rash", needles) == []
    assert finds(b"1.2.3.4.5.6", needles) == [Kind.URL]


def test_a_short_number_counts_only_beside_its_system() -> None:
    system = "https://hospital.example/photographs"
    image = {"resourceType": "Media", "id": "m1", "identifier": [{"system": system, "value": "65432"}]}
    needles = what_to_look_for([image])
    assert finds(b'{"identifier":[{"system":"https://other.example","value":"65432"}],"value":65432}', needles) == []
    written = b'{"value": "65432", "system": "' + system.replace("/", "\\/").encode() + b'"}'
    assert finds(written, needles) == [Kind.IDENTIFIER]
    assert finds(PADDING * 40 + base64.b64encode(written), needles) == [Kind.IDENTIFIER]
    assert finds(written.replace(b"65432", b"654321"), needles) == []
    assert finds(b"65432" + b" " * 5000 + system.encode(), needles) == []
    alone = {"resourceType": "Media", "id": "m1", "identifier": [{"value": "65432"}, {"value": "2026-03-04"}]}
    assert finds(b"65432 2026-03-04", what_to_look_for([alone])) == []


def test_a_packages_own_signature_is_not_that_of_what_stays_but_a_copy_of_that_is() -> None:
    """Every JWS by one key begins alike; its end is its own."""
    head = base64.urlsafe_b64encode(b'{"alg":"ES384","b64":false,"crit":["b64"],"kid":"' + b"k" * 43 + b'"}')
    signature, own = (f"{head.decode()}..{'%s' % (each * 16)}".encode() for each in ("a1B2c3D4", "z9Y8x7W6"))
    provenance = {
        "resourceType": "Provenance",
        "signature": [
            {
                "type": [{"code": "1.2.840.10065.1.12.1.5"}],
                "when": "2026-03-02T09:30:00Z",
                "who": {"reference": "Device/app"},
                "sigFormat": "application/jose",
                "data": base64.b64encode(signature).decode(),
            }
        ],
    }
    needles = what_to_look_for([provenance])
    assert isinstance(prove([("manifest.jws", [own])], needles), Clean)
    for copied in (signature, base64.b64encode(signature)):
        assert isinstance(prove([("record", [copied])], needles), Leaks)
