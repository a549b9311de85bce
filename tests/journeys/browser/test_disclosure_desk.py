"""A disclosure officer answers an insurer from a record with twenty images: from the letter to the signed package."""

from __future__ import annotations

import io
import re
import time
import zipfile

import pytest
from playwright.sync_api import Frame, Page, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from tests.journeys.browser.charts import MASKED, UNLABELLED, with_twenty_images
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.ward import ADULT_B, Desk, framed
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

OFFICER, SIGNED = "disclosure-officer", "Edwin Lamptey"
PATIENCE = 60_000
"""Milliseconds for reading a record and making a package on a busy machine."""


@pytest.fixture(scope="module")
def chart(ward: Demo) -> str:
    """A patient with twenty images."""
    with_twenty_images(ward, ADULT_B)
    return ADULT_B


def at_the_desk(desk: Desk, patient: str) -> tuple[Page, Frame]:
    """The officer, at the desk inside the chart."""
    desk.sign_in(staff()[OFFICER].name)
    page = desk.open_chart(patient)
    page.get_by_role("button", name="Launch app in a frame").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("Requests for copies")
    return page, framed(page)


def new_request(app: Frame, who: str, recipient: str) -> None:
    """From the letter to the record that has been read."""
    app.get_by_role("link", name="New request").click()
    app.get_by_label(who, exact=True).check()
    app.get_by_role("button", name="Continue").click()
    app.get_by_label("Who gets the copy").fill(recipient)
    app.get_by_label("How you checked who").fill("Letter of 1 March, on file; called back on the known number")
    app.get_by_label("What it is for").fill("Life insurance: a report on the skin")
    consent = app.get_by_label("Yes, to the record in general")
    if consent.count():
        consent.check()
    app.get_by_role("button", name=re.compile("^Read .* record$")).click()
    expect(app.locator(".app-decided__words")).to_be_visible(timeout=PATIENCE)


def decide_what_waits(app: Frame, choice: str, reason: str) -> int:
    """Opens each picture that needs a person, and decides about it. Says how many there were."""
    waiting = app.locator("#group-needs + ul > li")
    found = waiting.count()
    if found:
        app.get_by_role("link", name="Look at what needs a person").click()
    for left in range(found, 0, -1):
        expect(waiting).to_have_count(left)
        if app.get_by_text("Show image").count():
            app.get_by_text("Show image").click()
            app.get_by_role("button", name="To decide whether it goes out").click()
            shown = app.get_by_alt_text("The picture", exact=True)
            expect(shown).to_be_visible()
            assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        app.get_by_label(choice).and_(app.locator("[name=decided]")).check()
        app.locator("#reason").fill(reason)
        app.get_by_role("button", name="Decide this one").click()
    expect(waiting).to_have_count(0)
    return found


def sign(app: Frame) -> None:
    app.get_by_role("link", name="Sign and make package").click()
    app.get_by_label("Your own name").fill(SIGNED)
    app.get_by_role("button", name=re.compile("^Sign and make package for")).click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("The package is made", timeout=PATIENCE)


def fetched(page: Page, app: Frame) -> zipfile.ZipFile:
    with page.expect_download() as download:
        app.get_by_role("link", name="Download without a password").click()
    return zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))


def test_from_an_insurers_letter_to_a_signed_package_in_under_five_minutes(open_desk: OpenDesk, chart: str) -> None:
    desk = open_desk()
    begun = time.monotonic()
    page, app = at_the_desk(desk, chart)
    check_page(page, app, "the desk")
    new_request(app, "An insurer or employer, for a report", "Acme Insurance")
    assert desk.watch.asked_for("/picture") == [], "no pixel before somebody asks for it"
    expect(app.locator("#group-masked")).to_contain_text(f"{len(MASKED)}")
    check_page(page, app, "the list")
    assert decide_what_waits(app, "It is masked", "A private place, and no consent that names it") == len(UNLABELLED)
    check_page(page, app, "an item")
    app.get_by_role("link", name="Preview what they get").click()
    inside = app.frame_locator("iframe.app-preview")
    expect(inside.get_by_role("heading", level=1)).to_have_text("Copy of a health record")
    expect(inside.get_by_text("Photograph or video: 14")).to_be_visible()
    expect(inside.get_by_role("img")).to_have_count(0)
    sign(app)
    assert time.monotonic() - begun < 300
    check_page(page, app, "the package")
    names = fetched(page, app).namelist()
    assert len([name for name in names if name.endswith((".jpg", ".jpeg", ".png"))]) == 14, names
    app.get_by_role("link", name=re.compile("What was sent to whom")).click()
    expect(app.get_by_role("cell", name="Acme Insurance")).to_be_visible()
    check_page(page, app, "the accounting")
