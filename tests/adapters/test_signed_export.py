"""The signed file of a capture: whole, verified as packages are, and only of what is to be filed by hand."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.signed_export import SignedExports
from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.export import NothingToExport
from fhir_plugin.disclose.package.verify import verify_package
from fhir_plugin.errors import NotFound, RecordRefused, RecordUnavailable, Tampered
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import CaptureId
from mappings.model.people import User
from mappings.model.writeback import CopyState, Rung
from tests.capture.bench import SESSION, Bench
from tests.capture.test_recorded import film
from tests.definitions.validator import issues
from tests.disclose.package.made import EcSigner
from tests.fakes.paper import PaperRecord
from tests.fakes.record import FakeRecord

NOTHING_TAKEN = frozenset({"application/dicom"})


def bench_on(ehr: FakeRecord, companion: FakeRecord | None = None) -> tuple[Bench, SignedExports]:
    bench = Bench(CompositeRecord(ehr, companion or FakeRecord()))
    signing = replace(bench.parts, signer=EcSigner())
    return bench, SignedExports(signing, lambda _base: companion or FakeRecord())


def opened(pieces: Any) -> dict[str, bytes]:
    """The members, once the file was verified as a recipient verifies it."""
    whole = b"".join(pieces)
    verdict = verify_package(io.BytesIO(whole))
    assert verdict.whole, verdict.faults
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def resources(members: dict[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(members["record.json"])["entry"]:
        assert not issues(entry["resource"]), entry["resource"]
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


def test_what_can_only_be_filed_by_hand_is_a_signed_file_with_all_that_belongs_to_it() -> None:
    bench, exports = bench_on(PaperRecord(NOTHING_TAKEN))
    capture, receipt = bench.filed("store", "store")
    assert exports.may(SESSION, capture)
    members = opened(exports.of(SESSION, capture))
    for number, line in enumerate(receipt.filed, 1):
        assert hashlib.sha256(members[f"images/{number:03}.jpg"]).hexdigest() == line.sha256_clean
        page = members[f"documents/{number:03}.pdf"]
        assert line.image_id.encode() in page and b"Forearm, left" in page and b"Amy Example" in page
    found = resources(members)
    assert {kind: len(each) for kind, each in found.items()} == {
        "Media": 2,
        "Provenance": 2,
        "Consent": 1,
        "QuestionnaireResponse": 1,
        "DocumentReference": 1,
    }
    said = [each.entry for each in bench.audit.entries(action="capture.exported")]
    assert [(each.actor, each.subject, each.detail["images"]) for each in said] == [
        (SESSION.user.reference, capture, 2)
    ]


def test_a_capture_that_the_ehr_does_not_answer_for_can_be_taken_along_as_it_was_ordered() -> None:
    ehr = FakeRecord()
    bench, exports = bench_on(ehr)
    capture, (image,) = bench.add("forearm")
    bench.answer(capture, {image: "store"})
    assert not exports.may(SESSION, capture), "nobody has pressed File"

    def down(call: str, what: str) -> None:
        if call not in ("read", "search"):
            raise RecordUnavailable(what)

    ehr.on_call = down
    bench.file(capture)
    assert bench.draft(capture).state is DraftState.FILING
    members = opened(exports.of(SESSION, capture))
    assert members["images/001.jpg"] == bench.captures.picture(SESSION, capture, image)[0]
    found = resources(members)
    assert found["Media"][0]["meta"]["security"] and found["Consent"] and found["DocumentReference"]
    (provenance,) = found["Provenance"]
    assert provenance["target"] == [{"reference": f"Media/{found['Media'][0]['id']}"}] and provenance["signature"]
    assert b"It is not in the record" in members["documents/001.pdf"]
    assert bench.draft(capture).state is DraftState.FILING and bench.owned(capture) == 3


def test_a_capture_that_the_ehr_refused_is_exported_as_restricted_and_stays() -> None:
    refusal = RecordRefused("no", status=422)
    bench, exports = bench_on(FakeRecord(refuses={"Media": refusal}))
    capture, receipt = bench.filed("store", "discard")
    assert receipt.state == "nothing-current"
    members = opened(exports.of(SESSION, capture))
    assert sorted(each for each in members if each.startswith(("images", "doc"))) == [
        "documents/001.pdf",
        "images/001.jpg",
    ]
    assert b"SENSITIVE until somebody has labelled it" in members["documents/001.pdf"] and "record.json" not in members
    assert bench.draft(capture).state is DraftState.OPEN


def test_what_is_in_the_chart_or_hidden_or_to_be_gone_is_in_no_file() -> None:
    bench, exports = bench_on(FakeRecord())
    capture, _ = bench.filed()
    assert not exports.may(SESSION, capture)
    with pytest.raises(NothingToExport):
        exports.of(SESSION, capture)
    bench, exports = bench_on(PaperRecord(frozenset({"text/plain"})))
    capture, _ = bench.filed()
    assert not exports.may(SESSION, capture), "the chart has a note that says where it is"
    for state in (CopyState.REMOVE_BY_HAND, CopyState.GONE, CopyState.TAKEN_BACK):
        bench, exports = bench_on(PaperRecord(NOTHING_TAKEN))
        capture, _ = bench.filed()
        (copy,) = bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)
        bench.copies.save(replace(copy, state=state))
        assert not exports.may(SESSION, capture)
    bench, exports = bench_on(PaperRecord(NOTHING_TAKEN))
    capture, receipt = bench.filed("store", "store")
    hidden = HiddenImage(
        SESSION.fhir_base,
        receipt.filed[0].reference,
        SESSION.patient_id,
        bench.clock.now(),
        HidingState.HIDDEN,
        HidingReason.PATIENT_ASKED,
        SESSION.user.reference,
    )
    bench.hidden.keep(hidden)
    members = opened(exports.of(SESSION, capture))
    digests = {hashlib.sha256(each).hexdigest() for name, each in members.items() if name.startswith("images/")}
    assert digests == {receipt.filed[1].sha256_clean}
    assert all(receipt.filed[0].image_id.encode() not in each for each in members.values())
    assert set(resources(members)) == {"Media", "Provenance"}


def test_nobody_else_gets_it_but_the_operator_whose_name_is_written_down() -> None:
    companion = FakeRecord()
    bench, exports = bench_on(PaperRecord(NOTHING_TAKEN), companion)
    capture, _ = bench.filed()
    other = replace(SESSION, user=User(SESSION.user.reference, "Dr Other", SESSION.user.roles))
    other = replace(other, user=replace(other.user, reference="Practitioner/other"))  # type: ignore[arg-type]  # its text
    for ask in (exports.may, exports.of):
        with pytest.raises(NotFound):
            ask(other, capture)
    with pytest.raises(NotFound):
        exports.by_operator(CaptureId("no-such-capture"), "root")
    export, pieces = exports.by_operator(capture, "root")
    assert len(export.images) == 1 and "images/001.jpg" in opened(pieces)
    (said,) = [each.entry for each in bench.audit.entries(action="capture.exported")]
    assert (said.actor, said.detail["operator"]) == ("operator", "root")


def test_a_byte_that_was_changed_is_found_out() -> None:
    bench, exports = bench_on(PaperRecord(NOTHING_TAKEN))
    capture, _ = bench.filed()
    whole = bytearray(b"".join(exports.of(SESSION, capture)))
    with zipfile.ZipFile(io.BytesIO(bytes(whole))) as archive:
        at = archive.getinfo("images/001.jpg").header_offset + 60
    whole[at] ^= 1
    assert not verify_package(io.BytesIO(bytes(whole))).whole


def test_an_image_that_is_not_the_one_that_was_filed_ends_the_file() -> None:
    companion = FakeRecord()
    bench, exports = bench_on(PaperRecord(NOTHING_TAKEN), companion)
    capture, receipt = bench.filed()
    key = ("Binary", receipt.filed[0].binary.rpartition("/")[2])
    companion._bytes[key] = [replace(companion._bytes[key][-1], content=b"another picture")]
    with pytest.raises(Tampered):
        b"".join(exports.of(SESSION, capture))


def test_what_is_just_being_filed_is_not_offered() -> None:
    ehr, seen = FakeRecord(), []
    bench, exports = bench_on(ehr)
    capture, (image,) = bench.add("forearm")
    bench.answer(capture, {image: "store"})
    ehr.on_call = lambda call, _what: seen.append(exports.may(SESSION, capture)) if call == "transact" else None
    assert bench.file(capture).state == "filed"
    assert seen == [False]


@pytest.mark.parametrize("takes", [NOTHING_TAKEN, frozenset({"application/pdf"})])
def test_a_film_is_whole_in_the_file_and_words_in_a_chart_that_takes_pages(takes: frozenset[str]) -> None:
    ehr = PaperRecord(takes)
    bench, exports = bench_on(ehr)
    capture = film(bench)
    receipt = bench.file(capture)
    assert receipt.state == "filed", receipt.message
    (copy,) = bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)
    if takes is NOTHING_TAKEN:
        members = opened(exports.of(SESSION, capture))
        assert hashlib.sha256(members["images/001.mp4"]).hexdigest() == receipt.filed[0].sha256_clean
        page = members["documents/001.pdf"]
        assert b"PICTURE" not in page and page.startswith(b"Clinical video: ")
    else:
        assert (copy.rung, copy.content_type) == (Rung.TEXT_NOTE, "application/pdf")
        ((document,),) = [[each for each in ehr.stored("DocumentReference") if "video" in each["description"]]]
        assert b"The video itself is not in this chart" in base64.b64decode(
            document["content"][0]["attachment"]["data"]
        )
