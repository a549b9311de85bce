"""Pictures of the patient's page for the documentation: `python -m tests.journeys.browser.patient_pictures`.

Everything on them is drawn or synthetic. Each picture is a PNG of fewer than 100 kB.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from fhir_plugin.capture.requests.request import Asked
from tests.journeys.browser.drawn import disc
from tests.journeys.browser.phone import Phone, drawn, phone_for, served
from tests.journeys.browser.ward import ARGUMENTS, CHROMIUM
from tests.web.patients import Clinic

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "patient"
MOST_BYTES = 100_000
NAMES = (
    "start",
    "birth",
    "about",
    "private",
    "agree",
    "photos",
    "no-signal",
    "crop",
    "check",
    "done",
    "declined",
    "link-does-not-work",
    "parent-about",
)


def take_pictures(browser: Browser, folder: Path) -> None:
    """Goes the whole way once and saves what a patient sees on it, as `folder`/NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    clinic = Clinic()
    with served(clinic) as address, tempfile.TemporaryDirectory() as taken:
        phone = phone_for(browser, address, clinic.ask(), device_scale_factor=1.5)
        phone.open()
        _save(phone, folder, "start")
        phone.press("Send a photo")
        _save(phone, folder, "birth")
        phone.come_in()
        _save(phone, folder, "about")
        phone.press("I have read this. Go on")
        _save(phone, folder, "private")
        phone.choose("private", "no")
        phone.press("Save and go on")
        _save(phone, folder, "agree")
        phone.choose("receive", "yes")
        phone.choose("store", "yes")
        phone.press("Save and go on")
        sharp = Path(taken) / "sharp.jpg"
        disc(1).save(sharp, "JPEG", quality=90)
        phone.add([sharp, *drawn(Path(taken), 1, blurred=True)])
        phone.have(2)
        expect(phone.page.locator("#photo-2 [data-doubt=blurred]")).to_be_visible()
        phone.page.evaluate("document.getElementById('so-far').scrollIntoView()")
        _save(phone, folder, "photos")
        phone.context.set_offline(True)
        phone.add(drawn(Path(taken), 1))
        expect(phone.page.locator(".p-upload--waiting")).to_be_visible()
        phone.page.evaluate("document.getElementById('uploads').scrollIntoView()")
        _save(phone, folder, "no-signal")
        phone.context.set_offline(False)
        phone.have(3)
        phone.press("Cut or turn photo 1")
        phone.page.locator("#crop-form[data-ready]").wait_for()
        phone.press("From the bottom")
        phone.page.locator("#crop-form[data-ready]").wait_for()
        _save(phone, folder, "crop")
        phone.press("Use this photo")
        phone.from_photos_to_check()
        _save(phone, folder, "check")
        phone.send()
        phone.title("Thank you. We have your photos")
        _save(phone, folder, "done")
        declined = phone_for(browser, address, clinic.ask(), device_scale_factor=1.5)
        declined.open()
        declined.press("I would rather not")
        _save(declined, folder, "declined")
        unknown = phone_for(browser, address, "x" * 43, device_scale_factor=1.5)
        unknown.open()
        _save(unknown, folder, "link-does-not-work")
        parent = phone_for(browser, address, secret := clinic.ask(Asked.PARENT), device_scale_factor=1.5)
        born = clinic.request(secret).birth_date
        parent.come_in(born.year, born.month, born.day)
        parent.page.get_by_role("heading", name="Talk to your child first").scroll_into_view_if_needed()
        parent.page.evaluate("window.scrollTo(0, 330)")
        _save(parent, folder, "parent-about")
        for each in (phone, declined, unknown, parent):
            each.context.close()


def _save(phone: Phone, folder: Path, name: str) -> None:
    phone.page.wait_for_load_state("networkidle")
    with Image.open(io.BytesIO(phone.page.screenshot(animations="disabled"))) as shot:
        small = shot.convert("RGB").quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(folder / f"{name}.png", "PNG", optimize=True)


def main() -> None:
    """Takes all pictures anew."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        take_pictures(browser, FOLDER)
        browser.close()


if __name__ == "__main__":
    main()
