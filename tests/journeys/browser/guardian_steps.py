"""Permanent deletion as three people do it in three browsers, step by step, and what it looks like.

Pictures for the documentation, from the running product: `python -m tests.journeys.browser.guardian_steps`.
Everything on them is drawn or synthetic. Each is a PNG of fewer than 120 kB.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Frame, Page, expect, sync_playwright

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from mappings.model.labels import CONFIDENTIALITY
from mappings.terminology import systems
from tests.journeys.browser.drawn import disc
from tests.journeys.browser.ward import ADULT_A, ADULT_B, ARGUMENTS, CHROMIUM, Desk, framed, open_ward

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "guardian"
MOST_BYTES = 120_000
NAMES = ("queue", "case", "decision", "register")
"""What `docs/deletion.md` shows."""
PRINCIPLES: Final = 8
PATIENCE: Final = 90_000
"""Milliseconds for destroying and proving on a busy machine."""
Seen = Callable[[str, Page, Frame], None]


def with_photographs(demo: Demo, patient: str, number: int = 3) -> None:
    """Photographs at the EHR that have nothing in common: each with grain of its own, as a camera gives it."""
    for which in range(1, number + 1):
        out = io.BytesIO()
        grain = Image.effect_noise((640, 480), 30 + which).convert("RGB")
        Image.blend(disc(which, (640, 480)), grain, 0.2).save(out, "JPEG", quality=80)
        demo.sandbox.store.put(
            {
                "resourceType": "Binary",
                "id": f"grain-{which}",
                "contentType": "image/jpeg",
                "securityContext": {"reference": f"Patient/{patient}"},
                "data": base64.b64encode(out.getvalue()).decode(),
            }
        )
        demo.sandbox.store.put(
            {
                "resourceType": "Media",
                "id": f"grain-{which}",
                "meta": {"security": [{"system": CONFIDENTIALITY, "code": "N", "display": "normal"}]},
                "status": "completed",
                "type": {"coding": [{"system": systems.MEDIA_TYPE, "code": "image"}]},
                "subject": {"reference": f"Patient/{patient}"},
                "createdDateTime": f"2026-02-{which:02}T10:00:00Z",
                "bodySite": {"coding": [{"system": systems.SNOMED_CT, "code": "14975008", "display": "Forearm"}]},
                "content": {"contentType": "image/jpeg", "url": f"Binary/grain-{which}", "size": out.tell()},
            }
        )


def asks(desk: Desk, patient: str, image: str = "grain-1") -> Frame:
    """The GP asks for the permanent deletion of one picture."""
    desk.sign_in()
    app = desk.launch_in_frame(patient)
    app.goto(app.url.split("?")[0].rstrip("/") + f"/images/Media/{image}")
    app.get_by_role("link", name="Request permanent deletion").click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Request permanent deletion")
    app.get_by_label("Consent was withdrawn").check()
    app.get_by_label("In your own words").fill("He took his consent back in writing on Monday")
    app.get_by_label("Why is hiding it not enough?").fill("He wants it gone, not out of sight")
    app.get_by_label(re.compile("Where is the written description")).fill("Consultation of 2 March 2026, Dr Nwosu")
    app.get_by_label(re.compile("I have looked at the GMC")).check()
    app.get_by_role("button", name=re.compile("Request permanent deletion for")).click()
    expect(app.get_by_text("Waits for the Caldicott Guardian").first).to_be_visible()
    return app


def queue(desk: Desk, user: str = "caldicott-guardian", patient: str = ADULT_A) -> tuple[Page, Frame]:
    """The Guardian, from the chart of whichever patient, at the list of all."""
    desk.sign_in(staff()[user].name)
    page = desk.open_chart(patient)
    page.get_by_role("button", name="Launch app in a frame").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_be_visible()
    app = framed(page)
    app.get_by_role("link", name="Requests for permanent deletion", exact=True).click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Requests for permanent deletion")
    return page, app


def decide(page: Page, app: Frame, whose: str, seen: Seen = lambda _name, _page, _frame: None) -> None:
    """Opens the case, looks at the picture with a reason, and approves it after all eight principles."""
    seen("queue", page, app)
    app.get_by_role("link", name=re.compile(whose)).click()
    expect(app.get_by_role("heading", level=1)).to_contain_text(whose)
    assert app.locator("main img").count() == 0, "no picture before somebody asks for it"
    seen("case", page, app)
    app.get_by_text("Open the picture").click()
    app.get_by_role("button", name="To be sure that it is the image that is meant").click()
    picture = app.get_by_alt_text("Image 1, a small marked copy")
    expect(picture).to_be_visible()
    assert picture.evaluate("(each) => each.complete && each.naturalWidth > 0")
    for tick in app.get_by_role("checkbox").all():
        tick.check()
    app.get_by_label("Your reason, or what you ask for").fill("Withdrawn in writing; the description stays")
    seen("decision", page, app)
    app.get_by_role("button", name=re.compile("Approve destruction")).click()
    expect(app.get_by_text("Approved, not destroyed yet")).to_be_visible()


def carried_out(demo: Demo, app: Frame) -> None:
    """At the patient's own chart, by whoever asked; then it goes on by itself, as the worker sees to it."""
    app.goto(app.url)
    app.get_by_role("link", name=re.compile("Carry out")).click()
    app.get_by_role("button", name=re.compile("^Destroy it in")).click()
    ended = app.get_by_role("heading", level=2, name=re.compile("Destroyed and proven|Not proven"))
    expect(app.get_by_role("heading", level=1)).to_contain_text("Request for permanent deletion", timeout=PATIENCE)
    for _ in range(20):
        demo.installation.resume()
        app.goto(app.url.split("#")[0])
        if ended.count():
            break
        app.page.wait_for_timeout(2000)
    expect(app.get_by_role("heading", level=2, name=re.compile("Destroyed and proven"))).to_be_visible()


def register(desk: Desk, part: str = "Destroyed and proven") -> tuple[Page, Frame]:
    """The privacy officer, at one part of the register."""
    desk.sign_in(staff()["privacy-officer"].name)
    page = desk.open_chart(ADULT_A)
    page.get_by_role("button", name="Launch app in a frame").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_be_visible()
    app = framed(page)
    app.get_by_role("link", name="Register of hiding and permanent deletion").click()
    app.get_by_role("link", name=re.compile(rf"^{part} \(")).click()
    return page, app


def save(page: Page, app: Frame, path: Path) -> None:
    """What the app's frame shows, as a small PNG."""
    whole = app.locator("body").bounding_box()
    assert whole is not None
    shot = app.frame_element().screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


def main() -> None:
    """Takes the pictures of the documentation."""
    with tempfile.TemporaryDirectory() as folder, open_ward(Path(folder)) as ward, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        with_photographs(ward, ADULT_B)

        def desk() -> Desk:
            return Desk(ward, browser.new_context(viewport={"width": 1100, "height": 1500}, locale="en-GB"))

        def seen(name: str, page: Page, app: Frame) -> None:
            save(page, app, FOLDER / f"{name}.png")

        clinician = asks(desk(), ADULT_B)
        decide(*queue(desk()), "Whitlock", seen)
        carried_out(ward, clinician)
        page, app = register(desk())
        seen("register", page, app)
        browser.close()


if __name__ == "__main__":
    main()
