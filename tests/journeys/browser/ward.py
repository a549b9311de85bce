"""An EHR and the app on two sites, as in real life, and a clinician at a browser."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, FloatRect, Frame, Locator, Page, expect

from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import start_sandbox
from tests.journeys.browser.watch import Watch

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--test-third-party-cookie-phaseout",
)
ANSWERS = {
    "arrival": "taken-now",
    "consent_receive": "given",
    "consent_store": "given",
    "consent_form": "verbal",
    "understood": "yes",
    "photographer": "clinician",
    "device": "organisation",
    "identity": "in-person",
    "intimacy": "no",
    "only_area": "yes",
}
ADULT_A, ADULT_B = "p-adult-1", "p-adult-2"


class ShiftedClock:
    """The machine's clock, moved on by `by`: for sessions that end."""

    def __init__(self) -> None:
        self.by = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.by


@contextmanager
def open_ward(folder: Path, clock: ShiftedClock | None = None, *, like: str = "default") -> Iterator[Demo]:
    """The EHR on `localhost`, the app on `127.0.0.1`: to a browser these are two sites."""
    sandbox = start_sandbox(SandboxConfig(data=folder / "ehr.sqlite", personality=like), host="localhost")
    demo = start_demo(folder, sandbox=sandbox, clock=clock)
    try:
        yield demo
    finally:
        demo.stop()


def filed_for(demo: Demo, patient: str) -> list[dict[str, Any]]:
    """The images that the EHR itself holds of this patient."""
    found = demo.sandbox.store.search("Media", {"patient": f"Patient/{patient}"})
    return [media for media in found if media["status"] == "completed"]


class Desk:
    """One person at one browser: signs in to the EHR, opens charts, launches the app."""

    def __init__(self, demo: Demo, context: BrowserContext) -> None:
        context.set_default_timeout(30_000)
        self.demo = demo
        self.context = context
        self.watch = Watch(context, app=demo.app.origin, ehr=demo.sandbox.origin)
        self.page = context.new_page()

    def sign_in(self, name: str = "Dr Amara Nwosu") -> None:
        self.page.goto(f"{self.demo.sandbox.origin}/")
        self.page.get_by_label(re.compile(name)).check()
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Patients")

    def open_chart(self, patient: str, page: Page | None = None) -> Page:
        """Through the patient list."""
        page = page or self.page
        page.goto(f"{self.demo.sandbox.origin}/patients")
        page.locator(f'a[href$="/chart/{patient}"]').click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Chart")
        return page

    def launch_in_frame(self, patient: str, page: Page | None = None) -> Frame:
        """The gallery, inside the chart."""
        page = self.open_chart(patient, page)
        page.get_by_role("button", name="Launch app in a frame").click()
        return self.gallery_in(page)

    def launch_in_tab(self, patient: str) -> Page:
        """The gallery, in a tab of its own."""
        page = self.open_chart(patient)
        with self.context.expect_page() as opened:
            page.get_by_role("button", name="Launch app in a tab").click()
        expect(opened.value.get_by_role("heading", level=1)).to_contain_text("Images")
        return opened.value

    def gallery_in(self, page: Page) -> Frame:
        expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("Images")
        return framed(page)


def scripts_have_begun(context: BrowserContext) -> None:
    """A page whose script has not begun yet does not see a clock jump: it would think that it has only now come."""
    for page in context.pages:
        for frame in page.frames:
            frame.wait_for_load_state("load")


def framed(page: Page) -> Frame:
    """The app's frame in the EHR's page."""
    inside = page.locator("iframe").element_handle().content_frame()
    assert inside is not None
    return inside


# ------------------------------------------------------------------------------- in the app's pages


def begin(app: Frame) -> None:
    app.get_by_role("button", name="Add images").press("Enter")  # a click may go to where it was before a resize
    expect(app.get_by_role("heading", level=1)).to_contain_text("Add images to")
    app.locator("#answers[data-ready]").wait_for()


def choose(app: Frame, photos: Sequence[Path]) -> None:
    """By the file chooser, all at once."""
    before = app.locator("#cards > li").count()
    with app.page.expect_file_chooser() as chooser:
        app.locator('label[for="choose"]').click()
    chooser.value.set_files(list(photos))
    expect(app.locator("#cards > li")).to_have_count(before + len(photos))


def card(app: Frame, number: int) -> Locator:
    """Picture `number`, from 1."""
    return app.locator("#cards > li").nth(number - 1)


def say(app: Frame | Locator, name: str, value: str) -> None:
    """One tap on a choice, by its label."""
    app.locator(f'input[name="{name}"][value="{value}"] + label').click()


def answer(app: Frame, **changed: str) -> None:
    """An adult's photograph, answered in full."""
    app.locator("#purpose").fill("Rash, to compare in two weeks")
    for name, value in {**ANSWERS, **changed}.items():
        if value:
            say(app, name, value)
    app.locator("#findings").fill("Well-defined red plaque, 3 cm, scaling. No signs of infection.")
    app.locator("#advice").fill("Emollient twice daily. Come back if it spreads, weeps or becomes painful.")


WORDS = "Said at length, so that it counts as an answer"
PRIVATE = {"chaperone": "declined", "chaperone_reason": "She would rather have nobody else there"}


def go_on(app: Frame, **said: str) -> list[str]:
    """Answers what is asked beyond the fast path, one question after the other, and says which they were. What is
    written in words may be anything; a choice has to be among `said`."""
    asked: list[str] = []
    app.locator("#open-question").wait_for(state="attached")  # a save that is still on its way brings it
    while app.locator("#open-question").count():
        name = str(app.locator("#open-question input[name=asked]").get_attribute("value"))
        assert name not in asked, f"asked again and again: {name}"
        asked.append(name)
        field = app.locator(f"#open-question textarea[name={name}]")
        if field.count():
            field.fill(said.get(name, WORDS))
        else:
            app.locator(f'#open-question input[name="{name}"][value="{said[name]}"] + label').click()
        app.locator("#more-next").click()
        app.locator(f"#answered-{name}").wait_for(state="attached")
    return asked


def justify(app: Frame, number: int, text: str = WORDS) -> None:
    """Why this picture itself has to be kept."""
    own = card(app, number).locator(".app-worth--asked textarea")
    expect(own).to_have_value("")
    saved = re.compile(r"store_justification-[^=&]*=" + re.escape(text[:4]))
    with app.page.expect_response(lambda each: bool(saved.search(each.request.post_data or ""))):
        own.fill(text)  # and what its save brings is drawn before anything else is pressed


def throw_away(app: Frame, number: int, reason: str = "duplicate") -> None:
    """*Discard (never filed)*, and why."""
    card(app, number).locator(".app-discard summary").click()
    card(app, number).locator(f'.app-discard button[value="{reason}"]').click()


def place(app: Frame, number: int, typed: str, *, side: str = "", decision: str = "store") -> None:
    """Body site, side and decision of one picture."""
    own = card(app, number)
    own.get_by_role("combobox").fill(typed)
    expect(own.get_by_role("option").first).to_be_visible()
    own.get_by_role("combobox").press("Enter")
    if side:
        own.locator(f'input[value="{side}"] + label').click()
    own.locator(f'input[value="{decision}"] + label').click()


def one_picture(app: Frame, photo: Sequence[Path], **changed: str) -> None:
    """From the gallery to one picture with its place and the first answers: what there is to say before filing it."""
    begin(app)
    choose(app, photo)
    answer(app, **changed)
    place(app, 1, "abdomen")


def file(app: Frame) -> None:
    """The button that writes."""
    app.locator("#file").click()


def expect_filed(app: Frame, count: int, *, done: str = "filed") -> None:
    words = f"1 image {done}" if count == 1 else f"{count} images {done}"
    expect(app.get_by_role("heading", level=1)).to_have_text(words, timeout=30_000)


def box_of(locator: Locator) -> FloatRect:
    """Where it is on the screen."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    assert box is not None
    return box
