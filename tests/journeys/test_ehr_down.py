"""While the EHR is down, what somebody typed is kept on our side, whatever button was pressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.walkthrough import add, answers_for, begin, capture_of, launch, open_browser


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = start_demo(tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize("button", ["answers", "file"])
def test_words_are_kept_before_the_ehr_is_asked(demo: Demo, button: str) -> None:
    with open_browser() as browser:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, _drawn_photograph(), "image/jpeg")
        demo.installation.captures._patients.forget()  # as a minute later: the EHR must be asked who this is
        demo.sandbox.faults.add(
            Fault(kind="error-before-write", match=Match(path="/fhir/Patient"), times=50, status=503)
        )
        reply = browser.post(page, f"{page.url}/{button}", answers_for([image], findings="Only typed once."))
        assert reply.status == 503
        capture = capture_of(page)
        kept = demo.installation.parts.drafts.get(capture)
        assert kept.answers.shared["findings"] == "Only typed once."
        assert kept.state == "open"
        demo.sandbox.faults.clear()
        again = browser.get(page.url)
        assert "Only typed once." in again.text
        filed = browser.post(again, f"{page.url}/file", answers_for([image], findings="Only typed once."))
        assert filed.status == 200
    assert demo.installation.parts.drafts.get(capture).state == "filed"
