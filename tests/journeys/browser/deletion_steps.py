"""What a clinician does with a picture that should not be in a record, step by step, and what it looks like.

Pictures for the documentation, from the running product: `python -m tests.journeys.browser.deletion_steps`.
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
from tests.journeys.browser.charts import with_twenty_images
from tests.journeys.browser.disclosure_steps import save
from tests.journeys.browser.guardian_steps import decide, queue
from tests.journeys.browser.ward import ADULT_A, ADULT_B, ARGUMENTS, CHROMIUM, Desk, open_ward

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "deletion"
MOST_BYTES = 120_000
NAMES = ("acts", "hide", "hidden", "wrong-patient", "file-again", "request", "more-asked", "carry-out", "destroyed")
WHOSE: Final = "Whitlock"
Seen = Callable[[str], None]
"""Called with a name wherever there is something to see."""


def of_its_own(demo: Demo, image: str) -> None:
    """Bytes that no other picture of the chart shares: drawn discs are alike for long stretches, photographs not."""
    out = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(out, "JPEG", quality=70)
    store = demo.sandbox.store
    [media] = [each for each in store.search("Media", {}) if each["id"] == image]
    [binary] = [each for each in store.search("Binary", {}) if each["id"] == image]
    store.put({**binary, "data": base64.b64encode(out.getvalue()).decode()})
    store.put({**media, "content": {**media["content"], "size": out.tell()}})


def heading(app: Frame, words: str) -> None:
    expect(app.get_by_role("heading", level=1)).to_contain_text(words)


def at(app: Frame, where: str) -> None:
    """A page of this launch."""
    app.goto(re.sub(r"(/l/[^/]+/).*", rf"\g<1>{where}", app.url))


def hide(app: Frame, image: str, seen: Seen) -> None:
    """From the picture's own page to how it stands."""
    at(app, f"images/Media/{image}")
    app.get_by_role("heading", name="If it should not be in this record").scroll_into_view_if_needed()
    seen("acts")
    app.get_by_role("link", name="Hide from record", exact=True).click()
    heading(app, "Hide from record")
    seen("hide")
    app.get_by_label("The patient asked for it").check()
    app.get_by_label("In your own words").fill("He rang on Monday: he does not want it looked at any more")
    app.get_by_role("button", name=re.compile("^Hide it from")).click()
    heading(app, "Hidden")
    expect(app.get_by_text("Amara Nwosu")).to_be_visible()
    seen("hidden")


def restore(app: Frame, image: str) -> None:
    """Puts it back, and waits until it is proven to be as it was."""
    at(app, f"hidden/Media/{image}")
    app.get_by_text("Restore it", exact=True).click()
    app.get_by_label("Why may it be seen again?").fill("He has changed his mind")
    app.get_by_role("button", name=re.compile("^Restore it to")).click()
    expect(app.get_by_alt_text(re.compile("^Clinical photograph"))).to_be_visible()


def wrong_patient(app: Frame, image: str, seen: Seen) -> None:
    """Hidden at once, and kept for oneself to be filed where it belongs."""
    at(app, f"images/Media/{image}")
    app.get_by_role("link", name="Wrong patient", exact=True).click()
    heading(app, "Wrong patient")
    app.get_by_label("How do you know").fill("The wristband in the picture is not his")
    app.get_by_role("button", name=re.compile("^It is not of .*: hide it now$")).click()
    heading(app, "wrong patient")
    expect(app.get_by_role("link", name=re.compile("waits for the Caldicott Guardian"))).to_be_visible()
    seen("wrong-patient")
    app.get_by_role("button", name="Keep it for me, to file in the right chart").click()
    expect(app.get_by_text("It waits for you alone")).to_be_visible()


def file_again(app: Frame, seen: Seen) -> None:
    """In the right chart: an ordinary capture begins with it."""
    expect(app.get_by_text("It was in another chart.")).to_be_visible()
    seen("file-again")
    app.get_by_role("button", name=re.compile("^Look at it, to file it for")).click()
    heading(app, "Add images to")
    expect(app.locator("#cards > li")).to_have_count(1)


def ask(app: Frame, images: tuple[str, ...], seen: Seen) -> None:
    """One request for several pictures."""
    at(app, f"images/Media/{images[0]}")
    app.get_by_role("link", name="Request permanent deletion", exact=True).click()
    heading(app, "Request permanent deletion")
    app.get_by_text(re.compile("^Other pictures of")).click()
    for image in images[1:]:
        app.locator(f'input[name=image][value^="Media/{image} "]').check()
    app.get_by_label("The patient asks for it to be erased").check()
    app.get_by_label("If the patient asks for it or objects").fill("2026-11-02")
    app.get_by_label("In your own words").fill("His letter of 2 November is on file")
    app.get_by_label("Why is hiding it not enough?").fill("He wants nobody to keep them, not even locked away")
    app.get_by_label("Where is the written description").fill("Consultations of February 2026, Dr Nwosu")
    app.get_by_label("I have looked at the GMC’s guidance").check()
    seen("request")
    app.get_by_role("button", name=re.compile("^Request permanent deletion for")).click()
    heading(app, "Request for permanent deletion")
    expect(app.get_by_role("heading", name=re.compile("Waits for the Caldicott Guardian"))).to_have_count(len(images))


def asks_more(app: Frame, question: str) -> None:
    """The Guardian wants to know something about the first picture that waits."""
    app.get_by_role("link", name=re.compile(WHOSE)).first.click()
    heading(app, WHOSE)
    app.get_by_label("Your reason, or what you ask for").first.fill(question)
    app.get_by_role("button", name=re.compile("^Ask for more")).first.click()
    expect(app.get_by_text(question).first).to_be_attached()


def answer(app: Frame, words: str, seen: Seen) -> None:
    app.goto(app.url.split("#")[0])
    expect(app.get_by_label("Your answer")).to_be_visible()
    seen("more-asked")
    app.get_by_label("Your answer").fill(words)
    app.get_by_role("button", name=re.compile("^Answer about")).click()
    expect(app.get_by_label("Your answer")).to_have_count(0)


def take_back(app: Frame, number: int) -> None:
    """One picture of the request is to stay."""
    item = app.locator(".app-item").nth(number - 1)
    item.get_by_text("Take this request back").click()
    item.get_by_label("Why").fill("He wants to keep this one")
    item.get_by_role("button", name=re.compile("^Take it back for")).click()
    expect(app.locator(".app-item").nth(number - 1).get_by_role("heading", level=2)).to_contain_text("Taken back")


def carry_out(demo: Demo, app: Frame, seen: Seen) -> None:
    """What was approved, at the patient's own chart; then it goes on by itself, as the worker sees to it."""
    app.goto(app.url.split("#")[0])
    app.get_by_role("link", name=re.compile("^Carry out")).first.click()
    heading(app, "Carry out")
    seen("carry-out")
    app.get_by_role("button", name=re.compile("^Destroy it in")).press("Enter")
    heading(app, "Request for permanent deletion")
    proven = app.get_by_role("heading", name=re.compile("Destroyed and proven"))
    demo.installation.parts.background.settle(60)
    demo.installation.resume()
    expect(proven).to_be_visible()  # by itself: nobody reloads
    expect(app.get_by_text("nothing found").first).to_be_visible()
    seen("destroyed")


def main() -> None:
    """Takes all pictures anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright, open_ward(Path(state)) as demo:
        with_twenty_images(demo, ADULT_B)
        of_its_own(demo, "shown-3")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])

        def desk() -> Desk:
            return Desk(demo, browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB"))

        def keeps(page: Page, app: Frame) -> Seen:
            return lambda name: save(page, app, FOLDER / f"{name}.png")

        clinician = desk()
        clinician.sign_in()
        app = clinician.launch_in_frame(ADULT_B)
        hide(app, "shown-1", keeps(clinician.page, app))
        ask(app, ("shown-3",), keeps(clinician.page, app))
        asks_more(queue(desk())[1], "Is his letter about this picture?")
        answer(app, "Yes, it names the day", keeps(clinician.page, app))
        decide(*queue(desk()), WHOSE)
        carry_out(demo, app, keeps(clinician.page, app))
        wrong_patient(app, "shown-2", keeps(clinician.page, app))
        other = clinician.context.new_page()
        file_again(there := clinician.launch_in_frame(ADULT_A, other), keeps(other, there))
        browser.close()


if __name__ == "__main__":
    main()
