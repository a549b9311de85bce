"""Where a chart takes no image: the whole image beside it, a copy in it, and through every loss one set or nothing."""

from __future__ import annotations

import pytest

from fhir_plugin.capability import Capability
from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.ladder import Passed, Why
from fhir_plugin.capture.place import Asked, Place, PlaceStep, place_at, place_in
from fhir_plugin.capture.receipt import Receipt
from fhir_plugin.errors import AnswerLost, RecordRefused, TooLarge
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.writeback import CopyState, Rung
from tests.capture.bench import PRIVATE, SESSION, Bench
from tests.capture.charts import IMAGES_ONLY, NO_IMAGES, Chart, Two, literal_references
from tests.capture.in_the_record import SAID

KINDS = [kind for kind in NO_IMAGES if not kind.startswith("pdf, as")]
WITH_COPY = [kind for kind in KINDS if kind not in ("signed-export", "nothing at all")]


def rung_of(kind: str) -> Rung:
    return Rung(kind.partition(",")[0].partition(" ")[0]) if kind != "nothing at all" else Rung.SIGNED_EXPORT


def large(bench: Bench) -> tuple[CaptureId, Receipt]:
    """A picture above a megabyte, filed."""
    capture, (image,) = bench.add("x" * 1_500_000)
    bench.answer(capture, {image: "store"})
    return capture, bench.file(capture)


def check(bench: Bench, two: Two, receipt: Receipt, kind: str, images: int = 1) -> None:
    """One set, whole, and what the chart got for it; the register says the same."""
    assert receipt.state == "filed", receipt
    media = two.companion.stored("Media")
    assert [each["status"] for each in media] == ["completed"] * images
    assert {f"Media/{each['id']}" for each in media} == {line.reference for line in receipt.filed}
    assert [len(two.companion.stored(each)) for each in ("Binary", "Provenance", "AuditEvent")] == [images, images, 1]
    assert not [each for each in two.chart.stored() if each["resourceType"] in ("Media", "Binary", "Provenance")]
    for each in SAID:
        assert len(two.chart.stored(each)) + len(two.companion.stored(each)) == 1
        assert bool(two.chart.stored(each)) is two.chart.capability().holds(each)
    assert len(two.notes()) == 1
    for line in receipt.filed:
        assert line.sha256_read_back == line.sha256_clean
        resource = two.both.read(*line.reference.split("/"))
        assert two.both.read_binary(resource["content"]["url"]).content.startswith(b"clean ")
        assert resource["meta"]["security"]
    registered = bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert {each.image for each in registered} == {line.reference for line in receipt.filed}
    if rung_of(kind) is Rung.SIGNED_EXPORT:
        assert two.copies() == []
        assert {each.state for each in registered} == {CopyState.TO_FILE}
        return
    assert {each.document for each in registered} == {f"DocumentReference/{each['id']}" for each in two.copies()}
    assert len(two.copies()) == images
    assert {each.rung for each in registered} == {rung_of(kind)}
    assert {each.state for each in registered} == {CopyState.IN_CHART}


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_image_beside_and_a_copy_in_the_chart(kind: str, images: int) -> None:
    two = Two(kind)
    bench = Bench(two.both)
    capture, receipt = bench.filed(*["store"] * images)
    check(bench, two, receipt, kind, images)
    assert bench.owned(capture) == 0
    copied = [each for each in bench.audit.entries() if each.entry.action == "image.copied"]
    assert {each.entry.detail["rung"] for each in copied} == {rung_of(kind).value}
    assert len(copied) == images


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_only_described_goes_where_the_chart_lets_it(kind: str) -> None:
    two = Two(kind)
    bench = Bench(two.both)
    _, receipt = bench.filed("describe")
    assert receipt.state == "described", receipt
    assert two.copies() == [] and bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    in_chart = two.chart.capability().takes_document("text/plain")
    assert [bool(two.chart.stored("DocumentReference")), len(two.notes())] == [in_chart, 1]


def test_of_a_sensitive_image_the_chart_gets_words() -> None:
    two = Two("pdf")
    bench = Bench(two.both)
    _, receipt = bench.filed("store", **PRIVATE)
    assert receipt.state == "filed", receipt
    (copy,) = two.copies()
    assert copy["content"][0]["attachment"]["contentType"].startswith("text/plain")
    (registered,) = bench.copies.of_image(SESSION.fhir_base, receipt.filed[0].reference)
    assert (registered.rung, registered.reduced) == (Rung.TEXT_NOTE, False)


@pytest.mark.parametrize("kind", [*WITH_COPY, "pdf, as nothing larger is taken"])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_lost_answer_of_the_chart_ends_in_one_set(kind: str, at: int) -> None:
    two = Two(kind)
    two.chart.lose_answer(at)
    bench = Bench(two.both)
    capture, _ = large(bench) if kind.startswith("pdf, as") else bench.filed()
    bench.until_settled()
    check(bench, two, bench.captures.receipt(SESSION, capture), kind)


@pytest.mark.parametrize("kind", WITH_COPY)
def test_a_chart_that_does_not_take_the_copy_leaves_nothing_current(kind: str) -> None:
    two = Two(kind)
    bench = Bench(two.both)

    def refuse(call: str, what: str) -> None:
        if call in ("create", "put") and what.startswith("DocumentReference"):
            raise RecordRefused("no copies here", status=422)

    two.chart.on_call = refuse
    capture, receipt = bench.filed()
    assert (receipt.state, two.standing(), two.chart.stored("DocumentReference")) == ("nothing-current", [], [])
    assert (bench.draft(capture).state, bench.draft(capture).filing) == (DraftState.OPEN, None)
    assert two.companion.stored("Binary") == []
    assert bench.owned(capture) == 3, "the pictures are safe"
    assert bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id) == []


def test_a_copy_that_cannot_be_taken_back_is_on_record() -> None:
    """It is in the chart, and the note is refused: somebody has to remove it, and the register says so."""
    two = Two("text-note, once and for all")
    bench = Bench(two.both)

    def refuse(call: str, what: str) -> None:
        if call == "create" and what.startswith("DocumentReference") and two.copies():
            raise RecordRefused("not any more", status=422)

    two.chart.on_call = refuse
    capture, receipt = bench.filed()
    assert (receipt.state, two.companion.stored("Media")) == ("nothing-current", [])
    (left,) = bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)
    (copy,) = two.copies()
    assert (left.state, left.document) == (CopyState.REMOVE_BY_HAND, f"DocumentReference/{copy['id']}")
    assert bench.copies.waiting() == [left]
    assert any(copy["id"] in each and "somebody has to" in each for each in receipt.residue)
    assert bench.owned(capture) == 3


def test_refused_as_too_large_it_is_undone_and_filed_again_by_the_next_rung() -> None:
    kind = "pdf, as nothing larger is taken"
    two = Two(kind)
    two.chart.forget_sizes()
    bench = Bench(two.both)
    capture, receipt = large(bench)
    assert (receipt.state, receipt.reason, two.standing()) == ("nothing-current", TooLarge.code, [])
    assert bench.owned(capture) == 3
    assert two.chart.refused_size
    receipt = bench.file(capture)
    check(bench, two, receipt, kind)
    (registered,) = bench.copies.of_image(SESSION.fhir_base, receipt.filed[0].reference)
    assert registered.reduced, "the copy is smaller than what was refused"
    assert len(two.chart.stored("Consent")) == 1, "what the chart takes is there, and points to nothing that is not"


def test_it_is_the_same_place_at_every_resume() -> None:
    """What the EHR says of itself changes between a crash and its resume; the order does not go two ways."""
    two = Two("pdf")
    bench = Bench(two.both)
    lost = [True]

    def once(_call: str, what: str) -> None:
        if lost and what.startswith("DocumentReference"):
            lost.clear()
            two.chart._types |= {"Media", "Binary", "Provenance"}
            raise AnswerLost("silence")

    two.chart.after_write = once
    two.chart.on_call = lambda call, what: None
    capture, _ = bench.filed()
    bench.until_settled()
    receipt = bench.captures.receipt(SESSION, capture)
    assert receipt.state == "filed"
    assert two.chart.stored("Media") == [] and len(two.companion.stored("Media")) == 1


@pytest.mark.parametrize("kind", [*KINDS, "pdf, as nothing larger is taken"])
@pytest.mark.parametrize("encounter", [True, False])
@pytest.mark.parametrize("content_types", [{"image/jpeg"}, {"video/mp4"}, set()])
def test_a_place_is_read_as_it_was_written(kind: str, encounter: bool, content_types: set[str]) -> None:
    asked = Asked(9_000, frozenset(content_types), encounter=encounter, reduce=encounter, words_only=not encounter)
    place = place_at(Chart(**NO_IMAGES[kind]).capability(), asked)
    assert place_in(PlaceStep(place).do()) == place


def test_a_place_of_an_earlier_release_is_read() -> None:
    written = {"image_type": "Media", "ours": "Binary Media", "together": "", "inline": "no", "at_once": "no"}
    assert place_in(written) == Place("Media", frozenset({"Binary", "Media"}), frozenset(), rung=Rung.SEQUENCE)
    assert place_in({**written, "inline": "yes"}).rung is Rung.DOCUMENT_INLINE
    assert place_in({**written, "together": "Media Consent"}).rung is Rung.TRANSACTION


def test_why_not_better_is_written_down_with_the_place() -> None:
    place = place_at(Capability("4.0.1"), Asked(100, frozenset({"image/jpeg"})))
    assert place.rung is Rung.SIGNED_EXPORT
    assert Passed(Rung.PDF, Why.NO_DOCUMENTS) in place_in(PlaceStep(place).do()).passed


def test_the_image_counts_only_once_its_copy_is_in_the_chart() -> None:
    two = Two("pdf")
    seen: list[str] = []
    two.chart.after_write = lambda _call, _what: seen.extend(each["status"] for each in two.companion.stored("Media"))
    Bench(two.both).filed()
    assert set(seen) == {"preparation"}
    assert [each["status"] for each in two.companion.stored("Media")] == ["completed"]


def test_nothing_of_the_chart_is_asked_for_what_is_kept_here() -> None:
    """The EHR shows images of its own, and is slow: ours are not looked for there."""
    two = Two("pdf, as nothing larger is taken")
    asked: list[str] = []
    two.chart.on_call = lambda call, what: asked.append(f"{call} {what}")
    _, receipt = large(Bench(two.both))
    image = Reference(receipt.filed[0].reference)
    assert not [each for each in asked if each == f"read {image}"]


@pytest.mark.parametrize("kind", IMAGES_ONLY)
def test_what_a_chart_lacks_is_kept_here_and_nothing_in_it_points_nowhere(kind: str) -> None:
    two = Two(kind)
    bench = Bench(two.both)
    _, receipt = bench.filed("store", "store")
    assert receipt.state == "filed", receipt
    assert len(two.chart.stored("AuditEvent")) == 1
    assert two.companion.stored("Media") == two.companion.stored("Binary") == two.copies() == []
    assert bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    assert len(two.notes()) == 1
    for each in two.chart.stored():
        for reference in literal_references(each):
            if not reference.startswith(("Patient/", "Practitioner/", "Encounter/")):
                two.chart.read(*reference.split("/"))


@pytest.mark.parametrize(("at", "seen"), [(1, True), (2, True), (1, False), (2, False)])
def test_of_a_note_that_a_chart_does_not_name_nobody_writes_a_second(at: int, seen: bool) -> None:
    """It keeps no identifiers, and its answer is lost: it is known by its words. Where those are not shown, either,
    nobody can tell, and nobody writes it again."""
    two = Two("text-note, found by patient alone")
    two.chart.forgets = "identifier"
    two.chart.hides = not seen
    two.chart.lose_answer(at)
    bench = Bench(two.both)
    capture, _ = bench.filed()
    bench.until_settled()
    receipt = bench.captures.receipt(SESSION, capture)
    assert len(two.chart.stored("DocumentReference")) <= 2, "one copy, one note"
    if seen:
        assert receipt.state == "filed"
    else:
        assert (receipt.state, two.companion.stored("Media")[0]["status"]) == ("unresolved", "preparation")
