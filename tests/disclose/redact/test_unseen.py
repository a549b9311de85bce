"""What nobody here can look into does not go out: it waits for a person, with the reason beside it."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.redact.unwrap import MAX_UNPACKED, Unseen, unwrapped
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import BOTH, PIXELS, collection, media, redacted, resources

OTHER = b"a letter about nothing in particular" * 9


def zipped(content: bytes = OTHER, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as made:
        made.writestr("letter.txt", content)
    return archive.getvalue()


def with_flag_of_encryption(archive: bytes) -> bytes:
    """As a ZIP with a password says it: bit 0 of the flags, in both headers."""
    found = bytearray(archive)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found[found.index(signature) + at] |= 1
    return bytes(found)


def with_other_method(archive: bytes) -> bytes:
    found = bytearray(archive)
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        found[found.index(signature) + at] = 0x63
    return bytes(found)


def of_another_version(archive: bytes) -> bytes:
    """A directory that says it needs a later version of ZIP than there is."""
    found = bytearray(archive)
    found[found.index(b"PK\x01\x02") + 6] = 64
    return bytes(found)


def zip64(*, member_at: int = 0) -> bytes:
    """A ZIP whose directory says sizes and places in 64 bits, as large ones do."""
    whole = zipped()
    local, directory, end = whole.partition(b"PK\x01\x02")[0], *whole[whole.index(b"PK\x01\x02") :].split(b"PK\x05\x06")
    packed, unpacked = struct.unpack_from("<LL", directory, 20)
    extra = struct.pack("<HHQQQ", 1, 24, unpacked, packed, member_at)
    entry = bytearray(directory + extra)
    entry[20:28], entry[30:32], entry[42:46] = b"\xff" * 8, struct.pack("<H", len(extra)), b"\xff" * 4
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(entry), len(local))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(local) + len(entry), 1)
    return local + bytes(entry) + end64 + locator + b"PK\x05\x06" + end[:8] + b"\xff" * 8 + end[16:]


def pdf(filters: bytes, stream: bytes, end: bytes = b"\nendstream\n%%EOF") -> bytes:
    return b"%PDF-1.4\n1 0 obj\n<<" + filters + b">>\nstream\n" + stream + end


def nested(times: int) -> bytes:
    content = PIXELS
    for _ in range(times):
        content = gzip.compress(content)
    return content


NOT_SEEN: dict[str, tuple[bytes, str]] = {
    "zip, encrypted": (with_flag_of_encryption(zipped()), "file-encrypted"),
    "zip, damaged": (zipped()[:40] + b"????" + zipped()[44:], "file-damaged"),
    "zip, without its end": (zipped()[:-30], "file-damaged"),
    "zip, unknown method": (with_other_method(zipped()), "file-packed-otherwise"),
    "zip, of a later version": (of_another_version(zipped()), "file-packed-otherwise"),
    "zip, bzip2 inside": (zipped(method=zipfile.ZIP_BZIP2), "file-packed-otherwise"),
    "zip, LZMA inside": (zipped(method=zipfile.ZIP_LZMA), "file-packed-otherwise"),
    "zip, a member where no file reaches": (zip64(member_at=2**64 - 1), "file-damaged"),
    "zip behind a picture": (PIXELS[:30] + b"x" * 99 + with_flag_of_encryption(zipped()), "file-encrypted"),
    "gzip, cut": (gzip.compress(OTHER)[:-9], "file-damaged"),
    "gzip, damaged": (gzip.compress(OTHER)[:12] + b"\xff\xff\xff" + gzip.compress(OTHER)[15:], "file-damaged"),
    "gzip in gzip in gzip": (nested(6), "file-too-large"),
    "pdf, encrypted": (b"%PDF-1.4\ntrailer <</Encrypt 4 0 R>>\n%%EOF", "file-encrypted"),
    "pdf, does not inflate": (pdf(b"/Filter/FlateDecode", b"\x00\x01\x02not zlib"), "file-damaged"),
    "pdf, inflates in part": (pdf(b"/Filter /FlateDecode", zlib.compress(OTHER * 9)[:40]), "file-damaged"),
    "pdf, another filter": (pdf(b"/Filter [/LZWDecode]", b"\x80\x0b"), "file-packed-otherwise"),
    "pdf, stream without end": (pdf(b"/Filter/FlateDecode", zlib.compress(OTHER), b""), "file-damaged"),
    "pdf, no hexadecimal": (pdf(b"/Filter/ASCIIHexDecode", b"zz>"), "file-damaged"),
    "pdf, no ASCII85": (pdf(b"/Filter/ASCII85Decode", b"vvvvv~>"), "file-damaged"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "file-packed-otherwise"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(99), "file-packed-otherwise"),
}


def letter(data: str, kind: str = "application/octet-stream") -> dict[str, Any]:
    attachment = {"contentType": kind, "data": data}
    return {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "content": [{"attachment": attachment}],
    }


@BOTH
@pytest.mark.parametrize("case", NOT_SEEN)
def test_a_file_that_cannot_be_looked_into_waits_for_a_person(case: str, mode: Mode) -> None:
    data, rule = NOT_SEEN[case]
    whole = letter(base64.b64encode(data).decode())
    out, record = redacted(collection(whole), mode)
    assert all(each["resourceType"] != "DocumentReference" for each in resources(out))
    (found,) = [each for each in record.findings if each.id == "letter"]
    assert (found.word, found.verdict.reason.rule) == ("review", rule)
    assert "person" in found.verdict.reason.text
    out, record = redacted(collection(whole), mode, cleared=["DocumentReference/letter"])
    assert whole in resources(out)


@BOTH
@pytest.mark.parametrize("holder", ["attachment", "picture", "binary", "extension"])
def test_base64_that_is_none_waits_for_a_person(holder: str, mode: Mode) -> None:
    data = "AAAA!" + base64.b64encode(PIXELS).decode()
    whole = {
        "attachment": letter(data),
        "picture": letter(data, "image/jpeg"),
        "binary": {"resourceType": "Binary", "id": "letter", "contentType": "text/plain", "data": data},
        "extension": {
            "resourceType": "Basic",
            "id": "letter",
            "extension": [{"url": "http://example.org/x", "valueBase64Binary": data}],
        },
    }[holder]
    _out, record = redacted(collection(whole), mode)
    (found,) = [each for each in record.findings if each.id == "letter"]
    assert (found.word, found.verdict.reason.rule) == ("review", "not-base64")


@BOTH
def test_a_copy_in_an_extension_goes_and_a_device_keeps_its_samples(mode: Mode) -> None:
    copy = {"url": "http://example.org/x", "valueBase64Binary": base64.b64encode(PIXELS).decode()}
    sampled = {"origin": {"value": 0}, "period": 1, "dimensions": 1, "data": "2041 E 1.5 -3 L U"}
    one = {"resourceType": "Basic", "id": "b", "extension": [copy], "code": {"text": "x"}}
    two = {"resourceType": "Observation", "id": "o", "status": "final", "valueSampledData": sampled}
    out, record = redacted(collection(one, two), mode)
    left = {each["id"]: each for each in resources(out)}
    assert "extension" not in left["b"] and left["o"] == two
    assert {each.word for each in record.findings if each.id in "bo"} == {"release"}


def test_names_inside_packed_files_wait_for_a_person() -> None:
    image = media(content={"contentType": "image/jpeg", "url": "https://store.example/canary_4711.jpg"})
    named = zipped(b"see Media/canary-id-4711 for the picture")
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": image}, {"resource": letter(base64.b64encode(named).decode(), "application/zip")}],
    }
    _out, record = redacted(bundle, Mode.SILENT)
    assert {each.id: each.verdict.reason.rule for each in record.findings}["letter"] == "free-text-names-withheld"


def test_no_more_is_unpacked_than_is_allowed() -> None:
    bomb = gzip.compress(b"\0" * (MAX_UNPACKED + 1))
    found = list(unwrapped(bomb))
    assert Unseen.TOO_LARGE in found and sum(len(each) for each in found[1:] if isinstance(each, bytes)) <= MAX_UNPACKED
    assert Unseen.TOO_LARGE in list(unwrapped(zipped(b"\0" * (MAX_UNPACKED + 1))))


WHOLE = {
    "zip": zipped(),
    "zip, stored": zipped(method=zipfile.ZIP_STORED),
    "zip, 64 bits": zip64(),
    "gzip": gzip.compress(OTHER),
    "pdf": pdf(b"/Filter/FlateDecode", zlib.compress(OTHER)),
    "pdf, two filters": pdf(b"/Filter [/ASCII85Decode /Fl]", base64.a85encode(zlib.compress(OTHER)) + b"~>"),
}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_any_damage_is_either_harmless_or_said(case: str, data: st.DataObject) -> None:
    broken = bytearray(WHOLE[case])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        said = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([bytes(4), b"\xff" * 4, b"\xff" * 8]))
        broken[at : at + len(said)] = said
    assert all(isinstance(each, bytes | Unseen) for each in unwrapped(bytes(broken)))


@pytest.mark.parametrize("case", WHOLE)
def test_no_single_byte_stops_the_redactor(case: str) -> None:
    """Each byte in turn is nothing, everything, and each of its bits turned over."""
    whole = WHOLE[case]
    for at, byte in enumerate(whole):
        for other in {0, 255, *(byte ^ 1 << bit for bit in range(8))}:
            found = list(unwrapped(whole[:at] + bytes([other]) + whole[at + 1 :]))
            assert all(isinstance(each, bytes | Unseen) for each in found)


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_cut_is_seen_whole_or_said_to_be_cut(case: str) -> None:
    """From where there is something of it to be seen."""
    for length in range(max(20, WHOLE[case].find(b"stream\n") + 7), len(WHOLE[case])):
        found = list(unwrapped(WHOLE[case][:length]))
        assert OTHER in found or any(isinstance(each, Unseen) for each in found), length


def test_what_is_whole_is_seen_whole() -> None:
    for whole in (zipped(), gzip.compress(OTHER), pdf(b"/Filter [/FlateDecode]", zlib.compress(OTHER))):
        assert list(unwrapped(whole)) == [whole, OTHER]
    twice = pdf(b"/Filter [/ASCIIHexDecode /FlateDecode]", zlib.compress(OTHER).hex().encode() + b">")
    assert OTHER in list(unwrapped(twice))
