"""The page that people paste into tickets, as a browser shows it: nothing that axe finds, also on a telephone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from fhir_plugin.conformance import files
from fhir_plugin.conformance.matrix import INTERACTIONS, TYPES
from fhir_plugin.conformance.results import CheckResult, Exchange, Report, Row, Verdict, Way, Word
from mappings.model.identifiers import FhirBase
from tests.web.chromium import FLAGS, well

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

EXCHANGE = Exchange(
    "POST",
    f"https://ehr.example/r4/Media?identifier={'x' * 200}",
    {"Content-Type": "application/fhir+json"},
    '{"resourceType": "Media"}',
    422,
    {"Location": "https://ehr.example/" + "y" * 200},
    "<script>alert(1)</script>",
    7,
)


def report() -> Report:
    """One with everything that a report can say."""
    words = "<b>not bold</b> " + "w" * 120
    results = [
        CheckResult(f"check-{verdict}", f"Check {verdict}", "Filing", "G-R1", verdict, words, (EXCHANGE,) * 2, 5, 3)
        for verdict in Verdict
    ]
    return Report(
        fhir_base=FhirBase("https://ehr.example/" + "z" * 150),
        software="Some <EHR>",
        fhir_version="4.0.1",
        vendor="unknown",
        at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        version="0.1.0",
        results=tuple(results),
        left_behind=("Patient/1 (forbidden)",),
        entered="signed in by a person",
        scopes="patient/Media.cruds openid",
        matrix=tuple(Row(each, tuple(Word)[:2] * (len(INTERACTIONS) // 2)) for each in TYPES),
        way=Way("pdf", "the chart gets a page", (("the image itself", "it takes none"),), ("Media",)),
        cut_short="The time for this run was over.",
    )


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    yield browser
    browser.close()


@pytest.mark.parametrize("width", [1280, 320])
def test_the_report(width: int, chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.set_content(files.as_html(report()))
    well(page, "report")
    page.keyboard.press("Tab")
    for each in page.locator("summary").all():
        each.focus()
        page.keyboard.press("Enter")
    well(page, "report, open")
    assert page.get_by_text("<b>not bold</b>").first.is_visible()
    assert page.get_by_text("Not the image itself: it takes none.").is_visible()
    assert page.get_by_text("3 more, between these, are left out.").first.is_visible()
    page.close()
