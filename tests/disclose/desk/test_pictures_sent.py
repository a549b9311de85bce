"""Every picture that goes out is in the package, however the record holds it, and whoever signs sees those bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import zipfile
from typing import Any

import pytest
from PIL import Image

from fhir_plugin.disclose.desk.values import REVEAL_REASONS
from fhir_plugin.errors import NotAllowed, NotFound
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.images import Geometry, Region
from mappings.model.kept import KeptImage
from mappings.r4.provenance import signature
from mappings.r4.statement import VERSION
from mappings.terminology import systems
from tests.disclose.desk.bench import AMY, COLLEAGUE, GUARDIAN, HERE, INSURER, OFFICER, PRIVACY, SAID, DeskBench
from tests.disclose.package.made import WorkerHere
from tests.fakes.record import TYPES, FakeRecord
from tests.fakes.whole_record import FOREARM, NORMAL, media

IN_BINARY, INLINE, IN_DOCUMENT = ItemKey("Media/b"), ItemKey("Media/i"), ItemKey("DocumentReference/d")
BLACK = Geometry(black_out=(Region(0, 0, 0.5, 1),))
WHY = REVEAL_REASONS[-1]
COMMENT = b"canary of a camera"


def content(number: int) -> bytes:
    """Noise: of a small plain picture half the bytes are tables that every JPEG has."""
    out = io.BytesIO()
    Image.frombytes("RGB", (160, 120), random.Random(number).randbytes(160 * 120 * 3)).save(
        out, "JPEG", comment=COMMENT
    )
    return out.getvalue()


def inline(number: int) -> dict[str, Any]:
    return {"contentType": "image/jpeg", "data": base64.b64encode(content(number)).decode(), "title": "IMG_1.JPG"}


@pytest.fixture
def bench() -> DeskBench:
    """A picture in a Binary, one in a Media, two and a letter in a document, and a portrait."""
    found = DeskBench(fill=False, worker=WorkerHere())  # type: ignore[arg-type]  # the real one, in this process
    about = {"reference": f"Patient/{AMY}"}
    found.record = FakeRecord(found.clock, types=TYPES)
    found.record.create_binary(content(1), "image/jpeg", id="bin", security_context=None)
    found.record.create_binary(content(6), "application/octet-stream", id="odd", security_context=None)
    patient = {"resourceType": "Patient", "id": AMY, "name": [{"text": "Amy Example"}], "birthDate": "1990-05-04"}
    label = {"meta": {"security": [NORMAL]}, "status": "current", "subject": about}
    letter = {"contentType": "text/plain", "data": base64.b64encode(b"Dear Amy").decode()}
    pictures = [{"attachment": each} for each in (inline(3), letter, inline(4))]
    odd = [{"attachment": {"url": "Binary/odd", "contentType": "application/octet-stream"}}]
    for each in (
        {**patient, "photo": [inline(5)]},
        media("b", AMY, FOREARM, [NORMAL], "bin"),
        {**media("i", AMY, FOREARM, [NORMAL], "x"), "content": inline(2)},
        {"resourceType": "DocumentReference", "id": "d", **label, "content": pictures},
        {"resourceType": "DocumentReference", "id": "e", **label, "content": odd},
    ):
        found.record.put(each)
    return found


def files_of(bench: DeskBench, request: DisclosureRequest) -> dict[str, bytes]:
    bench.signed(request)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not
    _name, pieces = bench.desk.package(OFFICER, request.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as package:
        return {each: package.read(each) for each in package.namelist()}


def lightest(picture: Image.Image) -> int:
    """Of the part that is made black here."""
    return max(picture.convert("L").crop((0, 0, 70, 120)).tobytes())


def test_every_picture_is_a_file_and_on_the_page_rebuilt_from_its_pixels(bench: DeskBench) -> None:
    request = bench.gathered(SAID)
    listed = bench.desk.prepare(request, OFFICER.launch_id).contents.images
    assert [str(each.reference) for each in listed] == [IN_BINARY, IN_DOCUMENT, IN_DOCUMENT, INLINE]
    files = files_of(bench, request)
    pictures = {name: body for name, body in files.items() if name.startswith("images/")}
    assert len(pictures) == 6, "the portrait, and what did not say that it is a picture, too"
    page = files["record.html"].decode()
    assert page.count('src="data:image/jpeg;base64,') == 6 and "Dear Amy" in files["documents/001.txt"].decode()
    assert files["record.pdf"].count(b"/Subtype /Image") + files["record.pdf"].count(b"/Subtype/Image") == 6
    everything = b"".join(files.values())
    assert COMMENT not in everything and b"IMG_1.JPG" in everything, "a title is part of the record"
    made = bench.requests.get(request.id).package
    assert made is not None and set(map(str, made.images)) == {IN_BINARY, INLINE, IN_DOCUMENT}
    assert made.digests[Reference(INLINE)] == bench.vault.keyed_digest(content(2))
    assert made.counts["release"] == 5, "a picture and its file are one"
    assert made.key_check and made.key_check in files["cover.html"].decode(), "what is read out over the telephone"


def test_who_signs_can_see_the_very_bytes_once_they_said_why(bench: DeskBench) -> None:
    request = bench.gathered(SAID | {"watermark": "yes"})
    with pytest.raises(NotAllowed):
        bench.desk.as_sent(OFFICER, request.id, "record.html")
    with pytest.raises(NotAllowed):
        bench.desk.open_preview(OFFICER, request.id, "Curiosity")
    assert not bench.desk.preview_is_open(OFFICER, request.id)
    bench.desk.open_preview(OFFICER, request.id, WHY)
    assert not bench.desk.preview_is_open(COLLEAGUE, request.id)
    with pytest.raises(NotFound):
        bench.desk.as_sent(OFFICER, request.id, "images/001.jpg")
    lies = bench.vault.items()
    page = b"".join(bench.desk.as_sent(OFFICER, request.id, "record.html"))
    cover = b"".join(bench.desk.as_sent(OFFICER, request.id, "cover.html"))
    assert bench.vault.items() == lies, "nothing of it is kept"
    seen = [each.entry.subject for each in bench.audit.entries(action="disclosure.picture-seen")]
    assert set(seen) == {IN_BINARY, INLINE, IN_DOCUMENT}
    files = files_of(bench, request)
    assert files["record.html"] == page
    assert files["cover.html"] == cover.replace(b"<h2>Signed by</h2>\n", b"<h2>Signed by</h2>\n" + signed_by(files))


def signed_by(files: dict[str, bytes]) -> bytes:
    return files["cover.html"].split(b"<h2>Signed by</h2>\n")[1].split(b"</ul>\n")[0] + b"</ul>\n"


def test_the_pictures_close_when_anything_is_decided_anew(bench: DeskBench) -> None:
    request = bench.gathered(SAID)
    bench.desk.open_preview(OFFICER, request.id, WHY)
    bench.decided(request, INLINE, Decided.REDACT)
    with pytest.raises(NotAllowed):
        bench.desk.as_sent(OFFICER, request.id, "record.html")


@pytest.mark.parametrize("key", [IN_BINARY, INLINE])
def test_a_derivative_goes_in_the_place_of_the_picture_and_says_so(bench: DeskBench, key: ItemKey) -> None:
    request = bench.gathered(SAID)
    bench.desk.reveal(OFFICER, request.id, key, WHY)
    request = bench.desk.black_out(OFFICER, request.id, key, BLACK, revision=request.revision)
    derivative, _type = bench.desk.picture(OFFICER, request.id, key)
    files = files_of(bench, request)
    listed = {each["name"]: each for each in json.loads(files["manifest.json"])["files"]}
    [name] = [name for name, each in listed.items() if each.get("derived") == "parts-made-black"]
    assert files[name] == derivative, "not made a second time"
    assert listed[name]["sha256"] == hashlib.sha256(derivative).hexdigest()
    with Image.open(io.BytesIO(files[name])) as picture:
        assert lightest(picture) < 16, "black"
    [resource] = [each for each in map(json.loads, files["record.ndjson"].splitlines()) if each["id"] == key[-1]]
    assert resource["content"]["url"] == name and "parts were made black" in resource["content"]["title"]
    said = files["record.html"].decode() + files["cover.html"].decode()
    assert "parts were made black. It may still show who it is." in said
    assert "anonym" not in said.replace("Nothing was made anonymous", "")


def test_the_same_picture_anywhere_else_goes_out_black_too(bench: DeskBench) -> None:
    """In another entry, in the entry itself, as a portrait, and as a file that does not say that it is a picture."""
    about = {"reference": f"Patient/{AMY}"}
    bench.record.create_binary(content(1), "image/jpeg", id="again", security_context=None)
    odd = {"contentType": "application/octet-stream", "data": base64.b64encode(content(1)).decode()}
    bench.record.put({**bench.record.read("Patient", AMY), "photo": [inline(1)]})
    bench.record.put(media("a-first", AMY, FOREARM, [NORMAL], "bin"))
    bench.record.put(media("other", AMY, FOREARM, [NORMAL], "again"))
    label = {"meta": {"security": [NORMAL]}, "status": "current", "subject": about}
    attached = [{"attachment": each} for each in (odd, inline(7), inline(1))]
    bench.record.put({"resourceType": "DocumentReference", "id": "f", **label, "content": attached})
    request = bench.gathered(SAID)
    bench.desk.reveal(OFFICER, request.id, IN_BINARY, WHY)
    request = bench.desk.black_out(OFFICER, request.id, IN_BINARY, BLACK, revision=request.revision)
    other = ItemKey("Media/other")
    bench.desk.reveal(OFFICER, request.id, other, WHY)
    assert bench.desk.picture(OFFICER, request.id, other) == bench.desk.picture(OFFICER, request.id, IN_BINARY)
    assert bench.item(request, other).blacked_out
    files = files_of(bench, request)
    white = 0
    for name, body in files.items():
        if name.startswith("images/"):
            with Image.open(io.BytesIO(body)) as picture:
                white += lightest(picture) > 128
    assert white == 5, "2, 3, 4, 6 and 7"
    request = bench.gathered(SAID)
    for key in (IN_BINARY, other):
        bench.desk.reveal(OFFICER, request.id, key, WHY)
        now = bench.requests.get(request.id)
        request = bench.desk.black_out(OFFICER, request.id, key, BLACK, revision=now.revision)
    assert set(request.black_outs) == {other}, "one for the same picture: the last"


def test_who_may_learn_nothing_learns_nothing_of_black_parts_but_by_looking(bench: DeskBench) -> None:
    request = bench.gathered(INSURER | {"mode": "silent"})
    bench.desk.reveal(OFFICER, request.id, INLINE, WHY)
    request = bench.desk.black_out(OFFICER, request.id, INLINE, BLACK, revision=request.revision)
    files = files_of(bench, bench.settled(request))
    assert not any(b"derived" in body or b"made black" in body for body in files.values())


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "forged"])
def test_what_we_filed_and_signed_goes_out_byte_for_byte_and_nothing_else_does(bench: DeskBench, signed: bool) -> None:
    image = {"identifier": [{"system": systems.IMAGE, "value": "image-1"}]}
    bench.record.put({**media("b", AMY, FOREARM, [NORMAL], "bin"), **image})
    said: dict[str, Any] = {
        "version": VERSION,
        "capture": "capture-1",
        "image": "image-1",
        "patient": f"Patient/{AMY}",
        "sha256_clean": hashlib.sha256(content(1)).hexdigest(),
        "sha256_received": "0" * 64,
        "labels": [],
        "consent": None,
        "policy_version": "strict",
    }
    jws = bench.parts.signer.sign(said if signed else {**said, "capture": "another"})
    provenance = {
        "resourceType": "Provenance",
        "id": "signed-1",
        "target": [{"reference": IN_BINARY}],
        "recorded": "2026-03-02T10:00:00Z",
        "agent": [{"who": {"display": "Dr Example"}}],
        "signature": [signature(said, jws, "2026-03-02T10:00:00Z", "1")],
    }
    bench.record.put(provenance)
    files = files_of(bench, bench.gathered(SAID))
    assert (content(1) in files.values()) is signed
    assert not any(content(number) in files.values() for number in range(2, 7))


def test_the_uncropped_copy_that_stays_does_not_stop_the_picture_that_was_made_of_it(bench: DeskBench) -> None:
    """The proof compares what pictures show; that this one's own original stays is what was decided."""
    shown = Image.linear_gradient("L").convert("RGB").resize((320, 240))
    for quality, name in ((95, "filed"), (60, "received")):
        out = io.BytesIO()
        shown.save(out, "JPEG", quality=quality)
        if name == "filed":
            bench.record.create_binary(out.getvalue(), "image/jpeg", id=name, security_context=None)
    bench.record.put(media("b", AMY, FOREARM, [NORMAL], "filed"))
    bench.kept.keep(KeptImage(HERE, Reference(IN_BINARY), AMY, CaptureId("c1"), bench.clock.now()))
    bench.vault.put(out.getvalue(), compartment=Compartment.AUDIT_COPY, owner=kept_under(HERE, IN_BINARY))
    request = bench.gathered(SAID)
    [copy] = [each.key for each in bench.view(request, PRIVACY).items if each.hidden]
    bench.desk.decide(PRIVACY, request.id, [copy], Decided.REDACT, "Not hers.", revision=request.revision)
    assert bench.signed(request).state is RequestState.WAITS_FOR_SECOND, "kept from the patient: not by one alone"
    bench.signed(request, GUARDIAN)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not
    assert done.package is not None and {IN_BINARY, copy} & set(map(str, done.package.images)) == {IN_BINARY}


@pytest.mark.parametrize(
    ("content_type", "data"),
    [("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("image/jpeg", b"\xff\xd8\xff damaged")],
)
def test_a_picture_that_cannot_be_made_anew_stops_the_package_and_the_officer_is_told_which(
    bench: DeskBench, content_type: str, data: bytes
) -> None:
    attached = {"contentType": content_type, "data": base64.b64encode(data).decode()}
    bench.record.put({**media("odd-one", AMY, FOREARM, [NORMAL], "x"), "content": attached})
    request = bench.gathered(SAID)
    bench.signed(request)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.OPEN and "2026-03-02 (Media/odd-one)" in done.why_not
    bench.decided(request, "Media/odd-one", Decided.REDACT)
    bench.signed(request)
    bench.signed(request, GUARDIAN)
    assert bench.requests.get(request.id).state is RequestState.SENT
