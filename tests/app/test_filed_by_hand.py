"""At an EHR that takes nothing: the signed file of the receipt, the list that asks for it, and who says it is done."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

import pytest
from structlog.testing import LogCapture

from fhir_plugin.demo import start_demo
from fhir_plugin.disclose.package.verify import verify_package
from fhir_plugin.walkthrough import walk
from mappings.model.work import WorkKind
from mappings.model.writeback import CopyState, Rung
from tests.app.conftest import OTHER_PATIENT, Browser, RecordingTransport, Shop
from tests.app.test_homes import session_of, words_of
from tests.app.test_worklist_here import guard
from tests.imaging.drawing import as_jpeg, chart


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demo beside an EHR whose API files no document of an app."""
    state, transport = tmp_path_factory.mktemp("shop"), RecordingTransport()
    demo = start_demo(state, like="athena", transport=transport)
    try:
        yield Shop(demo, transport, LogCapture(), state)
    finally:
        demo.stop()


def test_from_the_receipt_to_the_chart_by_hand(shop: Shop, browser: Browser) -> None:
    filed = walk(shop.demo, as_jpeg(chart(320, 240)), "image/jpeg")
    launch = browser.launch(patient=OTHER_PATIENT)
    session, installation = session_of(shop, launch), shop.demo.installation
    (copy,) = installation.parts.copies.of_patient(session.fhir_base, session.patient_id)
    assert (copy.rung, copy.state, copy.image) == (Rung.SIGNED_EXPORT, CopyState.TO_FILE, filed["media"])

    (item,) = [
        each
        for each in installation.worklist.of_patient(session.fhir_base, session.patient_id)
        if each.kind is WorkKind.CHART_COPY
    ]
    page = browser.get(f"/l/{launch}/worklist/{item.id}")
    assert f"/l/{launch}/captures/by-hand/{copy.id}" in page.text
    receipt = browser.get(browser.get(f"/l/{launch}/captures/by-hand/{copy.id}").headers["Location"])
    assert "Download the signed file" in words_of(receipt.text)
    answer = browser.get(f"/l/{launch}/captures/{copy.capture_id}/export")
    assert answer.status_code == 200 and verify_package(io.BytesIO(answer.data)).whole
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        content = archive.read("images/001.jpg")
    whole = installation.records.record_of(launch).read_binary(str(filed["binary"])).content
    assert hashlib.sha256(content).digest() == hashlib.sha256(whole).digest()

    other = shop.browser()
    theirs = other.launch(user="nurse", patient=OTHER_PATIENT)
    assert other.get(f"/l/{theirs}/captures/{copy.capture_id}/export").status_code == 404

    fields = guard(browser, f"/l/{launch}/worklist/{item.id}")
    said = {**fields, "outcome": "filed", "words": "Scanned into the chart."}
    assert browser.client.post(f"/l/{launch}/worklist/{item.id}/done", data=said).status_code == 303
    (copy,) = installation.parts.copies.of_patient(session.fhir_base, session.patient_id)
    assert copy.state is CopyState.FILED_BY_HAND and installation.parts.copies.waiting() == []
    assert installation.audit.entries(action="capture.exported", subject=copy.capture_id)
