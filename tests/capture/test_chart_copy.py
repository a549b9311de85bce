"""Filing where the chart takes no image: the image whole beside it, and in the chart one copy, known and comparable."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.capture.copy_terms import CopyTerms
from fhir_plugin.capture.filing import OrderedImage
from fhir_plugin.errors import AnswerLost, RecordUnavailable
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.chart_document import DocumentNeed
from mappings.model.identifiers import ImageId
from mappings.model.images import BodySite
from mappings.model.labels import NORMAL, RESTRICTED, YOUNG, Label
from mappings.model.work import WorkKind
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.r4.chart_copy import copied_image
from mappings.terminology import systems
from tests.capture.bench import PRIVATE, SESSION, Bench
from tests.fakes.paper import PaperRecord
from tests.fakes.record import FakeRecord, Lie

PDF, XHTML, TEXT = "application/pdf", "application/xhtml+xml", "text/plain"


def bench_on(ehr: PaperRecord) -> Bench:
    return Bench(CompositeRecord(ehr, FakeRecord()))


def copies_in(ehr: FakeRecord) -> list[dict[str, Any]]:
    return [each for each in ehr.stored("DocumentReference") if _is_copy(each)]


def _is_copy(document: dict[str, Any]) -> bool:
    named = [each["system"] for each in document.get("identifier", ())]
    return systems.CHART_COPY in named or b"Identifier:" in content_of(document)


def content_of(document: dict[str, Any]) -> bytes:
    return base64.b64decode(document["content"][0]["attachment"].get("data", ""))


def on_the_list(bench: Bench) -> int:
    items = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    return sum(each.kind is WorkKind.CHART_COPY for each in items)


def registered(bench: Bench) -> list[ChartCopy]:
    return bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)


@pytest.mark.parametrize(
    ("takes", "rung"),
    [({PDF, TEXT}, Rung.PDF), ({XHTML, TEXT}, Rung.XHTML), ({"text/html"}, Rung.XHTML), ({TEXT}, Rung.TEXT_NOTE)],
)
@pytest.mark.parametrize("count", [1, 3])
def test_each_image_gets_a_copy_of_its_own_and_is_whole_beside_the_chart(
    takes: set[str], rung: Rung, count: int
) -> None:
    ehr = PaperRecord(frozenset(takes))
    bench = bench_on(ehr)
    _, receipt = bench.filed(*["store"] * count)
    assert (receipt.state, receipt.reason) == ("filed", "")
    copies, documents = registered(bench), copies_in(ehr)
    assert len(copies) == len(documents) == count and ehr.stored("Media") == [] == ehr.stored("Binary")
    assert {(each.rung, each.state, each.reduced) for each in copies} == {(rung, CopyState.IN_CHART, False)}
    assert {each.document for each in copies} == {f"DocumentReference/{each['id']}" for each in documents}
    assert {each.image for each in copies} == {line.reference for line in receipt.filed}
    for copy in copies:
        (document,) = [each for each in documents if copy.document == f"DocumentReference/{each['id']}"]
        assert copied_image(document) == copy.image_id and copy.image_id.encode() in content_of(document)
        assert copy.digest == bench.vault.keyed_digest(content_of(document))
        assert len(document["content"]) == 1 and document["subject"] == {"reference": "Patient/p1"}
        assert (b"clean " in content_of(document)) is rung.shows_picture
    for line in receipt.filed:
        assert line.sha256_read_back == line.sha256_clean


def test_of_a_restricted_image_the_chart_gets_words_and_labels_unless_policy_says_otherwise() -> None:
    for words_only in (True, False):
        ehr = PaperRecord()
        bench = bench_on(ehr)
        bench.parts = replace(bench.parts, policy=replace(bench.policy, chart_copy_words_only=words_only))
        bench = Bench(
            CompositeRecord(ehr, FakeRecord()), policy=replace(bench.policy, chart_copy_words_only=words_only)
        )
        _, receipt = bench.filed(**PRIVATE)
        assert receipt.state == "filed"
        (copy,), (document,) = registered(bench), copies_in(ehr)
        assert copy.rung is (Rung.TEXT_NOTE if words_only else Rung.PDF)
        assert copy.content_type == (TEXT if words_only else PDF)
        assert (b"clean " in content_of(document)) is not words_only
        assert b"SENSITIVE" in content_of(document)
        codes = {each["code"] for each in document["meta"]["security"]}
        assert {"R", "NORDSCLCD"} <= codes
        assert {each["coding"][0]["code"] for each in document["securityLabel"]} == codes


def test_a_chart_that_takes_pdf_alone_gets_a_page_without_the_restricted_picture() -> None:
    ehr = PaperRecord(frozenset({PDF}))
    bench = bench_on(ehr)
    _, receipt = bench.filed(**PRIVATE)
    assert receipt.state == "filed"
    for copy, document in zip(registered(bench), copies_in(ehr), strict=True):
        assert (copy.rung, copy.content_type) == (Rung.TEXT_NOTE, PDF) and b"clean " not in content_of(document)


@pytest.mark.parametrize("finds_by", [{"identifier"}, {"patient"}, {"patient", "identifier"}])
@pytest.mark.parametrize("drops", [(), ("identifier", "description")])
def test_a_copy_whose_answer_was_lost_is_found_and_never_sent_again(finds_by: set[str], drops: tuple[str, ...]) -> None:
    if drops and "identifier" in finds_by:
        return  # what searches by identifier keeps it
    ehr = PaperRecord(finds_by=frozenset(finds_by), drops=drops, only=b"Identifier:")
    bench = bench_on(ehr)

    answers = iter([False])

    def lose(call: str, what: str) -> None:
        if call == "create" and copies_in(ehr) and not next(answers, True):
            raise AnswerLost(f"{call} {what} was not answered")

    ehr.after_write = lose
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "filed"
    assert len(copies_in(ehr)) == 1 == len(registered(bench))


def test_where_the_chart_cannot_be_asked_a_person_is_and_nothing_is_sent_twice() -> None:
    ehr = PaperRecord(frozenset({TEXT}), finds_by=frozenset(), may=frozenset({"read"}))
    bench = bench_on(ehr)
    ehr.after_write = lambda call, what: (_ for _ in ()).throw(AnswerLost(what)) if _copied(ehr) else None
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "unresolved"
    assert len(copies_in(ehr)) == 1 and bench.owned(capture) == 3


def _copied(ehr: FakeRecord) -> bool:
    return bool(copies_in(ehr))


def test_a_chart_that_was_down_gets_its_copy_later_and_once() -> None:
    ehr = PaperRecord(finds_by=frozenset({"patient"}))
    bench = bench_on(ehr)
    downs = iter([True])

    def down(call: str, what: str) -> None:
        if call == "create" and next(downs, False):
            raise RecordUnavailable(what)

    ehr.on_call = down
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "filed" and len(copies_in(ehr)) == 1


def test_what_the_chart_rewrites_is_still_the_copy_and_what_it_garbles_is_taken_back() -> None:
    wrapped = PaperRecord(
        frozenset({TEXT}), rewrites=lambda content: content.replace(b" ", b"\r\n"), only=b"Identifier:"
    )
    _, receipt = bench_on(wrapped).filed()
    assert receipt.state == "filed" and any("has rewritten" in said for said in receipt.in_chart)
    garbled = PaperRecord(frozenset({PDF, TEXT}), rewrites=lambda content: content[:-1] + b"?", only=b"Identifier:")
    bench = bench_on(garbled)
    _, receipt = bench.filed()
    assert (receipt.state, receipt.reason) == ("nothing-current", "read-back-mismatch")
    assert copies_in(garbled) == [] and registered(bench) == []


@pytest.mark.parametrize(
    ("may", "state"),
    [
        ({"read", "search-type", "delete"}, None),
        ({"read", "search-type", "update"}, CopyState.TAKEN_BACK),
        ({"read", "search-type"}, CopyState.REMOVE_BY_HAND),
    ],
)
def test_the_second_copy_refused_takes_the_first_one_back_or_says_that_somebody_has_to(
    may: set[str], state: CopyState | None
) -> None:
    ehr = PaperRecord(may=frozenset(may))
    bench = bench_on(ehr)

    def full(call: str, what: str) -> None:
        if call == "create" and len(copies_in(ehr)) == 1:
            ehr._takes = frozenset()

    ehr.after_write = full
    capture, _ = bench.filed("store", "store")
    bench.until_settled()
    receipt = bench.captures.receipt(SESSION, capture)
    assert receipt.state in ("nothing-current", "unresolved")
    assert [each.state for each in registered(bench)] == ([] if state is None else [state])
    assert on_the_list(bench) == int(state is CopyState.REMOVE_BY_HAND)
    if state is CopyState.TAKEN_BACK:
        assert [each["status"] for each in copies_in(ehr)] == ["entered-in-error"]


def test_a_chart_that_moves_contents_into_binaries_of_its_own_is_compared_there() -> None:
    ehr = PaperRecord(moves=True, only=b"Identifier:")
    bench = bench_on(ehr)
    _, receipt = bench.filed()
    assert receipt.state == "filed"
    (copy,) = registered(bench)
    (binary,) = ehr.stored("Binary")
    assert copy.binary == f"Binary/{binary['id']}"
    assert bench.copies.of_document(SESSION.fhir_base, copy.binary) == [copy]


def test_what_does_not_fit_is_smaller_or_words_as_policy_wants() -> None:
    for reduce, rung in ((True, Rung.PDF), (False, Rung.TEXT_NOTE)):
        ehr = PaperRecord(largest=300_000)
        policy = replace(shipped_pack(), chart_copy_reduce=reduce)
        bench = Bench(CompositeRecord(ehr, FakeRecord()), policy=policy)
        capture, (image,) = bench.add("forearm" * 60_000)
        bench.answer(capture, {image: "store"})
        bench.file(capture)
        assert bench.captures.receipt(SESSION, capture).state == "filed"
        ((copy,), (document,)) = registered(bench), copies_in(ehr)
        assert (copy.rung, copy.reduced) == (rung, reduce)
        assert (b"is smaller than the photograph" in content_of(document)) is reduce


def test_what_an_ehr_demands_of_a_document_is_there() -> None:
    ehr = PaperRecord(frozenset({TEXT}), needs=frozenset(DocumentNeed) - {DocumentNeed.FINAL})
    bench_on(ehr).filed()
    (document,) = copies_in(ehr)
    assert document["context"]["encounter"] == [{"reference": "Encounter/e1"}]
    assert {"start", "end"} <= document["context"]["period"].keys()
    assert document["author"] == [{"reference": "Practitioner/gp", "display": "Dr Grey"}]
    assert document["docStatus"] == "preliminary" and document["type"]["coding"][0]["code"] == "11488-4"
    assert document["category"][0]["coding"][0]["code"] == "clinical-note"
    assert "T" in document["date"] and "T" in document["content"][0]["attachment"]["creation"]


def test_where_nothing_can_be_written_the_register_waits_for_somebody() -> None:
    ehr = PaperRecord(frozenset({"application/dicom"}))
    bench = bench_on(ehr)
    _, receipt = bench.filed()
    assert receipt.state == "filed" and ehr.stored("DocumentReference") == []
    (copy,) = registered(bench)
    assert (copy.rung, copy.state, copy.document) == (Rung.SIGNED_EXPORT, CopyState.TO_FILE, None)
    assert bench.copies.waiting() == [copy] and on_the_list(bench) == 1


@pytest.mark.parametrize("finds_by", [{"identifier"}, {"patient"}])
def test_what_a_chart_files_twice_is_there_once(finds_by: set[str]) -> None:
    ehr = PaperRecord(finds_by=frozenset(finds_by), lies=frozenset({Lie.DOUBLES}))
    bench = bench_on(ehr)
    assert bench.filed()[1].state == "filed"
    assert len(copies_in(ehr)) == 1 == len(registered(bench))


def test_a_copy_in_somebody_elses_chart_is_taken_back() -> None:
    ehr = PaperRecord()
    bench = bench_on(ehr)

    def misfile(call: str, what: str) -> None:
        if call == "create" and len(ehr.stored("DocumentReference")) == 1 and copies_in(ehr):
            ehr._versions[("DocumentReference", what.split("/")[1])][-1]["subject"] = {"reference": "Patient/other"}

    ehr.after_write = misfile
    _, receipt = bench.filed()
    assert (receipt.state, receipt.reason) == ("nothing-current", "read-back-mismatch")
    assert copies_in(ehr) == [] and registered(bench) == []


@pytest.mark.parametrize(
    ("date", "kept", "state"),
    [
        ("2020-01-01T00:00:00Z", False, "filed"),
        ("2036-01-01T00:00:00Z", False, "unresolved"),
        (None, False, "unresolved"),
        ("2036-01-01T00:00:00Z", True, "filed"),
    ],
)
def test_after_a_lost_answer_only_what_may_be_the_copy_is_doubted(date: str | None, kept: bool, state: str) -> None:
    """`kept`: the chart keeps our identifier, so that nothing else has to be looked into."""
    drops = () if kept else ("identifier",)
    ehr = PaperRecord(finds_by=frozenset({"patient"}), drops=drops, only=b"Identifier:")
    shut = {"attachment": {"contentType": "application/pdf", "url": "Binary/nobody-may-look"}}
    foreign = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p1"}}
    ehr._keep({**foreign, "id": "foreign", "content": [shut]} | ({"date": date} if date else {}))
    bench, answers = bench_on(ehr), iter([False])

    def lose(call: str, what: str) -> None:
        if call == "create" and copies_in(ehr) and not next(answers, True):
            raise AnswerLost(what)

    ehr.after_write = lose
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == state
    assert len(copies_in(ehr)) == 1, "never a second one"


@pytest.mark.parametrize(
    ("labels", "rung", "restricted"),
    [
        ((NORMAL,), Rung.PDF, False),
        ((RESTRICTED,), Rung.PDF, True),
        ((NORMAL, YOUNG), Rung.XHTML, True),
        ((), Rung.PDF, True),
    ],
)
def test_each_image_of_a_set_goes_by_its_own_labels(labels: tuple[Label, ...], rung: Rung, restricted: bool) -> None:
    image = OrderedImage(ImageId("i1"), BodySite("14975008", "Forearm"), None, labels, None, None)
    terms = CopyTerms(rung, PDF, words_type=TEXT)
    assert terms.for_image(image) == ((Rung.TEXT_NOTE, TEXT) if restricted else (rung, PDF))
    assert replace(terms, words_only=False).for_image(image) == (rung, PDF)
    assert replace(terms, rung=Rung.TEXT_NOTE).for_image(image) == (Rung.TEXT_NOTE, TEXT)


def test_the_receipt_says_what_the_chart_did_not_keep_or_does_not_show() -> None:
    kept = PaperRecord()
    _, receipt = bench_on(kept).filed()
    assert len(receipt.in_chart) == 1, "nothing to say besides what it holds"
    dropped = PaperRecord(drops=("meta", "securityLabel"), only=b"Identifier:")
    _, receipt = bench_on(dropped).filed()
    assert receipt.state == "filed" and any("not kept its labels" in said for said in receipt.in_chart)


def test_a_chart_that_goes_down_once_it_has_the_copy_is_not_sent_another() -> None:
    ehr = PaperRecord()
    bench, downs = bench_on(ehr), iter([True])

    def down(call: str, what: str) -> None:
        if call == "search" and len(copies_in(ehr)) == 1 and next(downs, False):
            raise RecordUnavailable(what)

    ehr.on_call = down
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "filed" and len(copies_in(ehr)) == 1
