"""What was withheld is found in every wrapping; what only resembles it is not; what cannot be seen is not clean."""

from __future__ import annotations

import base64
import gzip
import random
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.prove import Clean, Kind, Leaks, Needles, prove, what_to_look_for
from fhir_plugin.disclose.prove.looking import WINDOW
from fhir_plugin.disclose.prove.pixels import PRINT_SIZE
from fhir_plugin.disclose.prove.types import TYPES
from fhir_plugin.disclose.redact.shapes import shapes
from tests.disclose.prove.wrapped import PADDING, WRAPPINGS, pdf, zipped

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
KINDS = {"id": Kind.ID, "url": Kind.URL, "hash": Kind.HASH}


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def finds(data: bytes, needles: Needles = NEEDLES, size: int = 50_000) -> list[Kind]:
    answer = prove([("record.json", cut(data, size))], needles)
    return [] if isinstance(answer, Clean) else [find.kind for find in answer.finds]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_it_is_found_in_every_wrapping(wrapping: str, secret: str) -> None:
    wrapped = WRAPPINGS[wrapping](SECRETS[secret])
    found = finds(wrapped)
    assert found, wrapped[:200]
    assert Kind.UNSEEN not in found
    assert finds(b'{"resourceType":"List","note":"' + wrapped + b'"}', size=997)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_wrappings_of_something_else_are_clean(wrapping: str) -> None:
    for other in (b"Media/m2", b"Media/m11 and Binary/b-7f3", b"Right hand & ruler 77", b"1.2.840.10008.77.45"):
        assert finds(WRAPPINGS[wrapping](other)) == []


@pytest.mark.parametrize(
    "other",
    [
        b"Media/m11",
        b"Media/m1-2",
        b"Media/m1.2",
        b"OtherMedia/m1",
        b"Media/m10/_history/1",
        b"Media/1",
        b"m1",
        b"b-7f3a-111",
        b"xb-7f3a-11",
        b"b-7f3a-11-old",
        b"Binary/b-7f3a-1",
        b"11.2.840.10008.77.4",
        b"1.2.840.10008.77.4.1",
        b"Left hand & ruler 70",
        b"Media/M1",
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        "plain",
        "JSON escapes",
        "percent",
        "UTF-16 LE",
        "hexadecimal",
        "base64",
        "base64, shifted by one",
        "ZIP",
        "PDF in base64",
    ],
)
def test_ids_that_begin_or_end_alike_are_no_find(other: bytes, wrap: str) -> None:
    assert finds(WRAPPINGS[wrap](b"see " + other + b" there")) == []


@pytest.mark.parametrize(
    "text",
    [
        b"Media/m1",
        b'"Media/m1"',
        b"Media/m1/_history/2",
        b"Media/m1?x=1",
        b"Media/m1#part",
        b"Media/m1|2",
        b"Media/m1.",
        b"Media/m1. And",
        b"https://x/fhir/Media/m1",
        b"(Media/m1)",
        b"Media/m1.jpg",
        b"Media/m1_thumb.JPEG",
        b"Media/m1.ndjson",
        b"Media/m1.ndjson.gz",
        b"Media/m1.mp4",
        b"Media/m1.7z",
        b"Media/m1.whatever",
        b"Media/m1,Media/m2",
    ],
)
def test_every_form_of_a_reference_is_found(text: bytes) -> None:
    assert finds(text) == [Kind.ID]
    assert finds(PADDING + text) == [Kind.ID]


@pytest.mark.parametrize(
    "wrapping", ["plain", "base64", "gzip", "ZIP", "ZIP, stored", "PDF, deflated", "PDF, hexadecimal and deflated"]
)
def test_copied_bytes_are_found(wrapping: str) -> None:
    """The picture itself, under whatever name."""
    document = WRAPPINGS[wrapping](BYTES) if "PDF" not in wrapping else pdf(zlib.compress(BYTES))
    assert finds(document) == [Kind.BYTES]
    assert finds(b'{"data":"' + base64.b64encode(b"\xff\xd8" + BYTES) + b'"}', size=1000) == [Kind.BYTES]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 140_000), st.integers(1, 80_000), st.sampled_from(sorted(WRAPPINGS)))
def test_wherever_it_lies_and_however_it_comes(before: int, size: int, wrapping: str) -> None:
    """Across the edges of windows and of pieces."""
    data = b" " * before + WRAPPINGS[wrapping](b"Binary/b-7f3a") + b" " * (140_000 - before)
    assert finds(data, size=size)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(WINDOW - 500, WINDOW + 700),
    st.sampled_from(["plain", "JSON escapes", "base64", "HTML entities", "gzip", "ZIP", "UTF-16 LE"]),
)
def test_at_the_edge_of_a_window(before: int, wrapping: str) -> None:
    assert finds(b"." * before + b" " + WRAPPINGS[wrapping](b"Media/m1"))
    assert finds(b"." * before + b" " + WRAPPINGS[wrapping](b"Media/m11 x")) == []


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4000))
def test_random_bytes_are_clean_and_no_crash(data: bytes) -> None:
    assert Kind.ID not in finds(data)
    assert set(finds(data)) <= {Kind.UNSEEN}


@pytest.mark.parametrize(
    "wrapping", ["JSON escapes", "percent of everything", "HTML entities", "base64 of UTF-16", "base64 of gzip"]
)
def test_in_a_letter_within_something_that_is_no_text(wrapping: str) -> None:
    """As old formats of word processors are."""
    others = random.Random(8).randbytes(90_000)
    letter = PADDING + b" " + WRAPPINGS[wrapping](b"Binary/b-7f3a") + b" " + PADDING
    assert finds(others[:50_000] + letter + others[50_000:]) == [Kind.URL]
    assert finds(others + letter) == [Kind.URL]
    assert finds(others + PADDING + WRAPPINGS[wrapping](b" Binary/b-7f3b ") + PADDING + others) == []


@pytest.mark.parametrize("place", range(WINDOW - 22, WINDOW, 2))
def test_base64_at_the_edge_of_a_window_is_judged_where_it_lies_whole(place: int) -> None:
    for shift in range(3):
        edge = b"." * place + b'"' + base64.b64encode(b"-" * shift + b" Media/m11 and more") + b'"' + PADDING
        assert finds(edge) == [], shift


def test_a_run_of_base64_does_not_go_on_behind_something_that_is_no_text() -> None:
    run = b'"' + base64.b64encode(random.Random(3).randbytes(6000))[:5001]
    text = (PADDING * 100)[: WINDOW - len(run)] + run
    others = random.Random(8).randbytes(WINDOW)
    assert len(text) == WINDOW
    assert finds(text + others + WRAPPINGS["base64 of gzip"](b"Binary/b-7f3a") + b'"' + PADDING) == [Kind.URL]


def test_only_what_cannot_be_seen_is_unseen() -> None:
    archive = bytearray(zipped(b"nothing"))
    encrypted = bytes(archive[:6]) + b"\x01" + bytes(archive[7:])
    assert finds(encrypted) == [Kind.UNSEEN]
    unknown = bytes(archive[:8]) + b"\x0e" + bytes(archive[9:])
    assert finds(unknown) == [Kind.UNSEEN]
    damaged = bytes(archive[:60]) + b"\xff" * 40 + bytes(archive[100:])
    assert finds(damaged) == [Kind.UNSEEN]
    assert finds(gzip.compress(PADDING)[:-20]) == [Kind.UNSEEN]
    assert finds(gzip.compress(random.Random(1).randbytes(9000))[:5000]) == [Kind.UNSEEN]
    assert finds(pdf(b"x", b" /Encrypt 2 0 R")) == [Kind.UNSEEN]
    assert finds(pdf(b"x", b" /Filter /LZWDecode")) == [Kind.UNSEEN]
    deep = PADDING + b"Media/m1"
    for _ in range(8):
        deep = zipped(deep)
    assert finds(deep) == [Kind.UNSEEN]


def test_a_bomb_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_plugin.disclose.prove.looking._MOST_DECODED", 1 << 20)
    assert finds(gzip.compress(bytes(4 << 20))) == [Kind.UNSEEN]


def test_names_of_parts_are_looked_at() -> None:
    answer = prove([("Left hand & ruler 7.jpg", [b""]), ("ok.json", [PADDING])], NEEDLES)
    assert isinstance(answer, Leaks)
    assert [(find.kind, find.of, find.place) for find in answer.finds] == [
        (Kind.TITLE, "Media/m1", "name of part 1: byte 0")
    ]


def test_finds_say_where_and_never_what() -> None:
    data = b'{"data":"' + base64.b64encode(zipped(b"Left hand & ruler 7")) + b'"}'
    answer = prove([("a.json", [PADDING]), ("b.json", [PADDING, data])], NEEDLES)
    assert isinstance(answer, Leaks)
    (find,) = answer.finds
    assert (find.kind, find.of) == (Kind.TITLE, "Media/m1")
    assert find.place.startswith("part 2") and "base64" in find.place and "ZIP" in find.place
    said = repr(answer) + repr(NEEDLES)
    assert "ruler" not in said and "Left" not in said and "da39a3ee" not in said


def test_clean_says_how_much_was_looked_at() -> None:
    answer = prove([("a.json", cut(PADDING, 100)), ("b.gz", [gzip.compress(PADDING)])], NEEDLES)
    assert isinstance(answer, Clean)
    assert (answer.parts, answer.inside) == (2, len(PADDING))
    assert answer.bytes == len(PADDING) + len(gzip.compress(PADDING)) + len("a.json") + len("b.gz")


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


def test_thousands_of_needles() -> None:
    many = what_to_look_for({"resourceType": "Media", "id": f"img-{number:05}"} for number in range(2000))
    assert finds(PADDING * 20 + b"Media/img-01711 Media/img-99999", many) == [Kind.ID]
    assert finds(PADDING * 20 + b"Media/img-0171 Media/img-017110", many) == []


@pytest.mark.parametrize(
    "begins", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x1cftypheic", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"II*\0"]
)
def test_pixels_are_compared_wherever_a_picture_lies(begins: bytes) -> None:
    picture = begins + random.Random(9).randbytes(3000)
    print_ = bytes(range(256)) * 2 + bytes(PRINT_SIZE - 512)

    def pixels(data: bytes) -> bytes | None:
        return print_ if data == picture else None

    needles = what_to_look_for([], prints={print_: "Media/m1"})
    for data in (picture, zipped_picture(picture), b'{"data":"' + base64.b64encode(picture) + b'"}', pdf(picture)):
        answer = prove([("x", cut(data, 700))], needles, pixels=pixels)
        assert isinstance(answer, Leaks)
        assert {(find.kind, find.of) for find in answer.finds} == {(Kind.PIXELS, "Media/m1")}
    undecodable = prove([("x", [begins + b"broken, and so nobody can say"])], needles, pixels=pixels)
    assert isinstance(undecodable, Leaks)
    assert [find.kind for find in undecodable.finds] == [Kind.UNSEEN]


def zipped_picture(picture: bytes) -> bytes:
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", picture)
    return file.getvalue()


def test_memory_does_not_grow_with_size() -> None:
    line = PADDING[:90]

    def pieces(megabytes: int) -> Iterator[bytes]:
        for _ in range(megabytes * 12):
            yield line * 970
        yield b'{"data":"'
        for _ in range(megabytes * 8):
            yield base64.b64encode(bytes(range(256)) * 384)

    peaks = []
    for megabytes in (1, 4):
        tracemalloc.start()
        assert isinstance(prove([("x.ndjson", pieces(megabytes))], NEEDLES), Clean)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3 + 1_000_000
    assert peaks[1] < 32_000_000


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


def test_a_bare_id_behind_another_type_is_that_resources() -> None:
    needles = what_to_look_for([{"resourceType": "Media", "id": "scan-20260304"}])
    assert finds(b'{"reference":"https://ehr.example/fhir/Patient/scan-20260304"}', needles) == []
    assert finds(PADDING + base64.b64encode(b'{"reference":"Patient/scan-20260304"}' * 3), needles) == []
    assert finds(b'{"reference":"Patient\\/scan-20260304"}', needles) == []
    for left in (b"", b"photos/", b"Pictures/", b"Media/", b"APatient/"):
        assert Kind.ID in finds(b" " + left + b"scan-20260304 ", needles), left


@pytest.mark.parametrize(("shift", "cut"), [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)])
def test_base64_that_was_cut_off_on_the_left_is_found_all_the_same(shift: int, cut: int) -> None:
    run = base64.b64encode(b"x" * shift + b"Binary/b-7f3a and")[cut:]
    for before in (b"", b'"', b'ab"', b"a. "):
        assert finds(before + run) == [Kind.URL], before
        assert finds(PADDING + before + run + PADDING) == [Kind.URL], before


def test_the_types_are_all_there_are() -> None:
    assert {each.decode() for each in TYPES} == shapes().resources
