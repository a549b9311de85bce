"""Copies in a chart that takes no images, at the desk: recognised, and never given out without their image."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.disclose.desk.thinking import Thinking
from fhir_plugin.errors import Refused
from mappings.model.disclosure import Redact, Release, Review, Withhold
from mappings.model.disclosure_request import Decided
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.label_change import ImageLabel
from mappings.model.labels import RESTRICTED, SEXUALITY
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.r4 import elements
from mappings.terminology import systems
from tests.disclose.desk.bench import AMY, HERE, INSURER, OFFICER, PRIVACY, DeskBench
from tests.fakes.clock import START
from tests.fakes.whole_record import INTIMATE, ORDINARY

ARM, PRIVATE = Reference(f"Media/{ORDINARY}"), Reference(f"Media/{INTIMATE}")
DOCUMENT = "DocumentReference/copy-1"
PDF = b"%PDF-1.7 a page with a smaller picture"


def document(**more: Any) -> dict[str, Any]:
    """As an EHR keeps it that drops labels."""
    return {
        "resourceType": "DocumentReference",
        "id": "copy-1",
        "status": "current",
        "subject": {"reference": f"Patient/{AMY}"},
        "date": "2026-10-01T10:00:00Z",
        "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/page-1"}}],
        **more,
    }


def with_copy(image: Reference, *, known: bool = True, **more: Any) -> DeskBench:
    bench = DeskBench()
    bench.record.create_binary(PDF, "application/pdf", id="page-1", security_context=None)
    bench.record.put(document(**more))
    if known:
        bench.copies.save(
            ChartCopy(
                "copy-1", HERE, AMY, image, ImageId("i"), CaptureId("c"), Rung.PDF, CopyState.IN_CHART, START,
                document=Reference(DOCUMENT),
            )
        )  # fmt: skip
    return bench


def test_the_copy_of_what_stays_back_stays_back_and_nobody_lets_it_out_by_itself() -> None:
    bench = with_copy(PRIVATE)
    request = bench.gathered(INSURER)
    item = bench.item(request, DOCUMENT)
    assert isinstance(item.proposed, Redact) and isinstance(item.decided, Redact)
    assert item.decided.reason.rule == "chart-copy" and item.sensitive
    assert item.title == "Copy of a picture, for the chart" and item.words == ""
    with suppress(Refused):  # outright, or it is decided in vain: never out
        bench.decided(request, DOCUMENT, Decided.RELEASE)
    assert isinstance(bench.item(request, DOCUMENT).decided, Redact)


def test_the_copy_of_what_goes_out_goes_out_unless_somebody_keeps_it_back() -> None:
    bench = with_copy(ARM)
    request = bench.gathered()
    assert isinstance(bench.item(request, ARM).decided, Release)
    assert isinstance(bench.item(request, DOCUMENT).proposed, Release)
    bench.decided(request, DOCUMENT, Decided.REDACT)
    assert isinstance(bench.item(request, DOCUMENT).decided, Redact | Withhold)
    assert isinstance(bench.item(request, ARM).decided, Release)


def test_a_label_that_the_chart_lost_holds_for_the_copy() -> None:
    bench = with_copy(ARM)
    request = bench.gathered(INSURER)
    seen = bench.view(request).digest
    bench.labels.keep(ImageLabel(HERE, ARM, AMY, labels=(RESTRICTED, SEXUALITY)))
    assert isinstance(bench.item(request, DOCUMENT).decided, Redact)
    assert bench.view(request).digest != seen


def test_the_copy_of_an_image_that_is_not_here_any_more_stays_back() -> None:
    bench = with_copy(Reference("Media/gone"))
    decided = bench.item(bench.gathered(), DOCUMENT).decided
    assert isinstance(decided, Withhold) and decided.reason.rule == "chart-copy-alone"


def test_what_a_document_says_of_itself_counts_where_the_register_says_nothing() -> None:
    said = {
        "identifier": [{"system": systems.CHART_COPY, "value": "copy-1"}],
        "context": {"related": [{"type": "Media", "identifier": {"system": systems.IMAGE, "value": "i-1"}}]},
    }
    bench = with_copy(PRIVATE, known=False, **said)
    image = bench.record.read("Media", INTIMATE)
    bench.record.put({**image, "identifier": [{"system": systems.IMAGE, "value": "i-1"}]})
    assert elements.identifier_in(bench.record.read("Media", INTIMATE), systems.IMAGE) == "i-1"
    decided = bench.item(bench.gathered(INSURER), DOCUMENT).decided
    assert isinstance(decided, Redact) and decided.reason.rule == "chart-copy"


@pytest.mark.parametrize("let_out", [True, False])
def test_no_byte_of_a_page_goes_out_without_its_image(let_out: bool) -> None:
    bench = with_copy(ARM if let_out else PRIVATE)
    request = bench.gathered(INSURER)
    decision = Thinking(bench.parts).decision(bench.requests.get(request.id))
    out = b"".join(each.data for each in decision.record.parts)
    if not let_out:
        assert base64.b64encode(PDF)[:20] not in out and DOCUMENT.encode() not in out
        assert "Binary/page-1" not in decision.released
    assert isinstance(bench.item(request, DOCUMENT).decided, Release | Redact | Review)


def test_the_copy_of_a_hidden_image_is_the_privacy_officers() -> None:
    bench = with_copy(PRIVATE)
    image = bench.record.read("Media", INTIMATE)
    bench.record.put(replace_status(image))
    request = bench.gathered()
    assert DOCUMENT not in {each.key for each in bench.view(request, OFFICER).items}
    assert DOCUMENT in {each.key for each in bench.view(request, PRIVACY).items}


def replace_status(image: dict[str, Any]) -> dict[str, Any]:
    return {**image, "status": "entered-in-error"}


def test_a_copy_of_several_images_follows_the_strictest() -> None:
    bench = with_copy(ARM)
    [copy] = bench.copies.of_image(HERE, ARM)
    bench.copies.save(replace(copy, id="copy-2", image=PRIVATE))
    assert isinstance(bench.item(bench.gathered(INSURER), DOCUMENT).decided, Redact)
