"""The whole way over the joined app: a clinician asks, the patient sends from a phone, the clinician sees it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, expect

from fhir_plugin.demo import Demo
from tests.capture.requests.bench import FORM
from tests.imaging.bombs import heic
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.drawn import as_photograph, leaf
from tests.journeys.browser.phone import Phone
from tests.journeys.browser.ward import ADULT_A

COLLEAGUE = "Mr Callum Fraser"

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def ask(app: Frame) -> str:
    """A link, as the clinician gets it."""
    app.get_by_role("link", name="Ask patient for a photo").click()
    for name, value in FORM.items():
        field = app.locator(f'[name="{name}"]').first
        if field.get_attribute("type") == "radio":
            app.locator(f'input[name="{name}"][value="{value}"] + label').click()
        elif field.evaluate("(each) => each.tagName") == "SELECT":
            field.select_option(index=1) if name == "cover" else field.select_option(value)
        else:
            field.fill(value)
    app.get_by_role("button", name="Go on to the number").click()
    app.get_by_label("Mobile number").fill("07700 900123")
    app.get_by_label("The same number again").fill("07700 900123")
    app.get_by_role("button", name="Make the link").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("The link is ready")
    return app.locator("#link").input_value()


def on_a_phone(browser: Browser, link: str, born: dt.date, photos: list[Path]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, locale="en-GB", has_touch=True)
    phone = Phone(context, link)
    phone.come_in(born.year, born.month, born.day)
    phone.to_photos()
    phone.add(photos)
    phone.have(len(photos))
    phone.from_photos_to_check()
    phone.send()
    phone.title("Thank you. We have your photos")
    context.close()
    assert phone.complaints == []


def test_asked_by_a_clinician_sent_from_a_phone_seen_by_the_clinician(
    open_desk: OpenDesk, ward: Demo, chromium: Browser, tmp_path: Path
) -> None:
    record = ward.sandbox.store.read("Patient", ADULT_A)
    assert record is not None
    born = dt.date.fromisoformat(record["birthDate"])
    taken = dt.datetime.now().astimezone()
    photos = [tmp_path / "IMG_0001.jpg", tmp_path / "IMG_0002.HEIC"]
    photos[0].write_bytes(as_photograph(leaf(), taken))
    photos[1].write_bytes(heic())  # which this browser cannot show: nothing is said about it, and it is sent
    colleague = open_desk()
    colleague.sign_in(COLLEAGUE)
    colleague.launch_in_frame(ADULT_A)  # whoever has worked here may cover
    desk = open_desk()
    desk.sign_in()
    link = ask(desk.launch_in_frame(ADULT_A))
    on_a_phone(chromium, link, born, photos)
    app = desk.launch_in_frame(ADULT_A)
    app.get_by_role("link", name="Requests for photos").click()
    app.get_by_role("link", name="Photos came back").first.click()
    app.get_by_role("button", name="Look at the photos").click()
    expect(app.locator("#cards > li")).to_have_count(2)
    for name, value in (("consent_receive", "given"), ("consent_store", "given"), ("photographer", "patient")):
        expect(app.locator(f'input[name="{name}"][value="{value}"]')).to_be_checked()
