"""In Debian's Chromium: by keyboard alone, at phone width, without scripts, and under axe in every state."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect
from werkzeug.serving import make_server

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.receipt import MESSAGES, Receipt
from fhir_plugin.errors import RecordUnavailable
from mappings.model.identifiers import CaptureId
from tests.browsing import open_chooser
from tests.web.conftest import jpeg
from tests.web.fake import FakeParts

FLAGS = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Open = Callable[..., Page]


@pytest.fixture
def launch(chromium: Browser, address: str) -> Iterator[Open]:
    """Opens the app as after a launch; fails on any error that a page's script or policy reports."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(who: str = "amy", *, width: int = 1280, height: int = 900, scripts: bool = True) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            locale="en-GB",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.goto(f"{address}/enter/{who}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = []
    for number in range(3):
        path = tmp_path / f"photo-{number}.jpg"
        path.write_bytes(jpeg(320 + number * 20, 240))
        paths.append(str(path))
    return paths


def well(page: Page, where: str) -> None:
    """Nothing that axe finds, nothing that scrolls sideways, nothing smaller than a fingertip's 24 pixels."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{where} scrolls sideways"
    small = page.evaluate(
        """[...document.querySelectorAll('button, summary, input:not([type=hidden]), select, textarea')]
           .filter((each) => each.checkVisibility() && !each.matches('.app-first-submit, .app-file-input'))
           .filter((each) => { const box = each.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
           .map((each) => each.outerHTML)"""
    )
    assert small == [], where


def begin(page: Page) -> None:
    page.get_by_role("button", name="Add images").click()
    page.locator("#answers[data-ready]").wait_for()


def add(page: Page, photos: list[str]) -> None:
    begin(page)
    page.set_input_files("#choose", photos)
    expect(page.locator("#cards > li")).to_have_count(len(photos))


def say(page: Page, name: str, value: str) -> None:
    mark(page.locator(f'input[name="{name}"][value="{value}"]'))


def mark(choice: Locator) -> None:
    """Chooses it in the page itself: the NHS radio's own box is covered by its picture, and pages move as they save."""
    choice.evaluate("(input) => input.click()")
    expect(choice).to_be_checked()


def answer_everything(page: Page) -> None:
    page.fill("#purpose", "Is it infected?")
    for name, value in {
        "arrival": "taken-now",
        "consent_receive": "given",
        "consent_store": "given",
        "consent_form": "verbal",
        "understood": "yes",
        "photographer": "clinician",
        "device": "organisation",
        "identity": "in-person",
        "intimacy": "no",
    }.items():
        say(page, name, value)
    page.fill("#findings", "Erythema.")
    page.fill("#advice", "Antibiotic.")


def place(page: Page, number: int, typed: str) -> None:
    box = page.get_by_role("combobox").nth(number)
    box.fill(typed)
    expect(page.get_by_role("option").first).to_be_visible()
    box.press("Enter")


@pytest.mark.parametrize("width", [1280, 700, 320])
def test_three_photos_from_gallery_to_receipt(launch: Open, photos: list[str], parts: FakeParts, width: int) -> None:
    page = launch(width=width)
    well(page, "gallery")
    add(page, photos)
    well(page, "three cards")
    answer_everything(page)
    for number, typed in enumerate(("knee", "fore", "abdo")):
        place(page, number, typed)
    mark(page.locator("[data-side-of] input[value=left]").first)
    for number, choice in enumerate(("store", "describe", "store")):
        mark(page.locator(f".app-card >> nth={number} >> input[value={choice}]"))
    expect(page.locator("#save-state")).to_contain_text("Ready to file")
    expect(page.locator(".app-note__paper")).to_contain_text("Erythema.")
    well(page, "ready")
    page.get_by_role("button", name="File to Amy LEE’s record").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 images filed")
    well(page, "receipt")
    [draft] = parts.captures.drafts.values()
    assert draft.answers.shared["advice"] == "Antibiotic."
    assert [draft.answers.per_image[image.image_id]["decision"] for image in draft.images] == [
        "store",
        "describe",
        "store",
    ]


def tab_to(page: Page, found: Callable[[], bool], *, limit: int = 90) -> None:
    for _ in range(limit):
        if found():
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"not reached by Tab; stopped at {page.evaluate('document.activeElement.outerHTML')}")


def focused(page: Page, selector: str) -> Callable[[], bool]:
    return lambda: bool(page.evaluate("(selector) => document.activeElement.matches(selector)", selector))


def test_by_keyboard_alone(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    tab_to(page, focused(page, ".app-begin button.nhsuk-button"))
    page.keyboard.press("Enter")
    page.locator("#answers[data-ready]").wait_for()
    tab_to(page, focused(page, "#choose"))
    open_chooser(page, lambda: page.keyboard.press("Enter")).set_files(photos[:1])
    expect(page.locator("#cards > li")).to_have_count(1)
    tab_to(page, focused(page, "[role=combobox]"))
    page.keyboard.type("knee")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    for name, moves in (
        ("laterality-", 1),
        ("decision-", 0),
    ):
        tab_to(page, focused(page, f'[name^="{name}"]'))
        page.keyboard.press("Space")
        for _ in range(moves):
            page.keyboard.press("ArrowRight")
    tab_to(page, focused(page, "#purpose"))
    page.keyboard.type("Is it infected?")
    for name, moves in (
        ("arrival", 0),
        ("consent_receive", 0),
        ("consent_store", 0),
        ("consent_form", 0),
        ("understood", 0),
        ("photographer", 1),
        ("device", 0),
        ("identity", 0),
        ("intimacy", 0),
    ):
        tab_to(page, focused(page, f'[name="{name}"]'))
        page.keyboard.press("Space")
        for _ in range(moves):
            page.keyboard.press("ArrowRight")
    tab_to(page, focused(page, "#note_elsewhere"))
    page.keyboard.press("Space")
    expect(page.locator("#save-state")).to_contain_text("Ready to file")
    tab_to(page, focused(page, "#file"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 image filed")
    [draft] = parts.captures.drafts.values()
    [image] = draft.images
    assert draft.answers.per_image[image.image_id]["laterality"] == "right"
    assert draft.answers.shared["photographer"] == "clinician"


def test_cropping_and_blacking_out_by_keyboard(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    page.get_by_role("button", name="Edit picture 1").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit")
    well(page, "editor")
    for act in ("right", "crop", "black-out"):
        page.locator(f'[data-act="{act}"]').focus()
        page.keyboard.press("Enter")
    well(page, "editor with regions")
    page.locator("#edge-crop-left").fill("25")
    box = page.locator(".app-black")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.locator('[data-act="black-out"]').press("Enter")
    page.locator('[data-act="undo"]').press("Enter")
    page.get_by_role("button", name="Use this picture").press("Enter")
    page.wait_for_url("**/captures/capture-1#*")
    [draft] = parts.captures.drafts.values()
    geometry = draft.images[0].geometry
    assert geometry.quarter_turns == 1
    assert geometry.crop is not None
    assert geometry.crop.left == pytest.approx(0.25)
    [black] = geometry.black_out
    assert (black.left, black.bottom) == pytest.approx((0.41, 0.56))


def test_blacking_out_by_pointer(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    page.get_by_role("button", name="Edit picture 1").click()
    page.locator(".app-stage").wait_for()
    page.locator('[data-act="black-out"]').click()
    expect(page.locator("cropper-selection")).to_be_visible()
    area = page.locator(".app-black").bounding_box()
    stage = page.locator(".app-stage").bounding_box()
    assert area and stage
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2 - stage["width"] * 0.3, area["y"] + area["height"] / 2, steps=8)
    page.mouse.up()
    page.get_by_role("button", name="Use this picture").click()
    page.wait_for_url("**/captures/capture-1#*")
    [draft] = parts.captures.drafts.values()
    [black] = draft.images[0].geometry.black_out
    assert black.left == pytest.approx(0.1, abs=0.02)
    assert black.right - black.left == pytest.approx(0.2, abs=0.02)


def test_what_stops_and_what_is_missing_is_clear_at_every_width(launch: Open, photos: list[str]) -> None:
    for width in (1280, 320):
        page = launch(width=width)
        add(page, photos[:1])
        page.locator("#file").click()
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        well(page, "what is missing")
        answer_everything(page)
        place(page, 0, "abdomen")
        mark(page.locator(".app-card input[value=store]"))
        expect(page.locator(".nhsuk-error-summary")).to_have_count(0)
        say(page, "intimacy", "intimate")
        expect(page.locator("#open-question")).to_contain_text("Was a chaperone offered?")
        expect(page.locator("#save-state")).to_contain_text("to go")
        well(page, "more questions")
        say(page, "intimacy", "no")
        expect(page.locator("#open-question")).to_have_count(0)
        expect(page.locator("#save-state")).to_contain_text("Ready to file")


def test_a_bad_file_and_a_good_one_side_by_side(launch: Open, photos: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "report.jpg"
    bad.write_bytes(b"MZ this is a program")
    page = launch()
    begin(page)
    page.set_input_files("#choose", [str(bad), photos[0]])
    expect(page.locator("#cards > li")).to_have_count(1)
    expect(page.locator(".app-upload--failed")).to_contain_text("not a picture")
    assert "report" not in page.content()
    well(page, "a refused file")
    page.get_by_role("button", name="Remove New picture 1").click()
    expect(page.locator(".app-upload")).to_have_count(0)


def test_dropping_and_pasting(launch: Open) -> None:
    page = launch()
    begin(page)
    give = """(kind) => {
      const bytes = Uint8Array.from(atob('BYTES'), (letter) => letter.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([bytes], 'secret-name.jpg', { type: 'image/jpeg' }))
      const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
                                     : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
      document.getElementById('drop').dispatchEvent(event)
    }""".replace("BYTES", base64.b64encode(jpeg()).decode())
    page.evaluate(give, "drop")
    expect(page.locator("#cards > li")).to_have_count(1)
    page.evaluate(give, "paste")
    expect(page.locator("#cards > li")).to_have_count(2)


def test_answers_survive_a_server_that_stumbles(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    parts.captures.trouble["answer"] = RecordUnavailable("Down.")
    page.fill("#advice", "typed while it was down")
    expect(page.locator(".app-saved")).to_contain_text("Not saved")
    expect(page.locator(".app-saved--not")).to_have_count(0, timeout=15_000)
    page.reload()
    expect(page.locator("#advice")).to_have_value("typed while it was down")


def test_words_count_as_saved_while_the_ehr_is_down(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    expect(page.locator("#file")).to_be_visible()
    parts.captures.trouble["patient"] = RecordUnavailable("Down.")
    page.fill("#advice", "typed while the EHR was down")
    expect(page.locator(".app-saved")).to_have_text("Saved. The record is not answering.")
    expect(page.locator(".app-saved--not")).to_have_count(0)
    expect(page.locator("#file")).to_be_visible()
    page.fill("#advice", "and after")
    expect(page.locator(".app-saved")).not_to_contain_text("not answering")


def test_the_body_outline_fills_the_list_by_keyboard(launch: Open, photos: list[str]) -> None:
    page = launch(width=360, height=740)
    add(page, photos[:1])
    page.get_by_role("button", name="Choose on a body outline").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    well(page, "body outline")
    page.get_by_role("button", name="Hand", exact=True).press("Enter")
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)


def test_reveal_by_keyboard_and_axe_on_every_other_page(launch: Open, parts: FakeParts) -> None:
    page = launch(width=320)
    summary = page.locator(".app-reveal summary").first
    summary.focus()
    page.keyboard.press("Enter")
    well(page, "asking for a reason")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".app-tile--calm")).to_have_count(0)
    assert parts.gallery.revealed == {"amy": parts.policy.reveal_reasons[0]}
    page.get_by_role("link", name="By body site").click()
    well(page, "by body site")
    page.locator(".app-tile__link").first.click()
    well(page, "one image")
    page.get_by_role("link", name="Policy and guidance").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Policy and guidance")
    well(page, "policy")
    page.goto(page.url.split("/l/")[0] + "/l/nobody/")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page has expired")
    well(page, "error")
    parts.gallery.items = []
    well(launch("framed"), "empty gallery without banner")


def test_filing_that_takes_its_time_comes_to_its_end_by_itself(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    add(page, photos[:1])
    capture = CaptureId("capture-1")
    draft = parts.captures.drafts[capture]
    for state in ("waiting-for-sign-in", "unresolved", "nothing-current", "filing"):
        parts.captures.drafts[capture] = replace(draft, state=DraftState.FILING)
        parts.captures.outcomes[capture] = Receipt(capture, state, MESSAGES[state], retry_after=2)
        page.goto(page.url.split("/captures/")[0] + "/captures/capture-1/receipt")
        well(page, state)
    expect(page.get_by_role("heading", level=1)).to_have_text("Filing to Amy LEE’s record")
    parts.captures.outcomes[capture] = Receipt(capture, "described", MESSAGES["described"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Note written", timeout=15_000)


def test_without_scripts_everything_but_the_pointer_works(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch(scripts=False, width=700)
    page.get_by_role("button", name="Add images").click()
    page.set_input_files("#picture", photos[0])
    page.fill("#purpose", "Is it infected?")
    page.get_by_role("button", name="Add this picture").click()
    expect(page.locator("#cards > li")).to_have_count(1)
    expect(page.locator("#purpose")).to_have_value("Is it infected?")
    page.get_by_role("button", name="Edit picture 1").click()
    page.get_by_label("Turn clockwise").select_option("1")
    page.get_by_label("Black box 1").fill("10 10 40 40")
    page.get_by_role("button", name="Use this picture").click()
    answer_everything(page)
    page.locator("select[name^=site-]").select_option(label="Forehead")
    mark(page.locator(".app-card input[value=store]"))
    page.get_by_role("button", name="Save answers").click()
    expect(page.locator("#save-state")).to_contain_text("Ready to file")
    page.get_by_role("button", name="File to Amy LEE’s record").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 image filed")
    [draft] = parts.captures.drafts.values()
    assert draft.images[0].geometry.quarter_turns == 1
    assert len(draft.images[0].geometry.black_out) == 1


def test_two_patients_in_two_tabs_never_cross(launch: Open, photos: list[str], parts: FakeParts) -> None:
    amy = launch()
    add(amy, photos[:1])
    sam = amy.context.new_page()
    sam.goto(amy.url.split("/l/")[0] + "/l/sam/")
    expect(sam.locator(".app-banner__name dd")).to_have_text("Samira O’NEILL-CHATTERJEE")
    add(sam, photos[1:])
    expect(sam.get_by_role("button", name="File to Samira")).to_be_visible()
    amy.fill("#purpose", "for Amy")
    expect(amy.locator("#save-state")).to_contain_text("to go")
    amy.evaluate("document.querySelector('#answers input[name=patient]').value = 'sam'")
    with amy.expect_navigation():
        amy.locator("#file").click()
    expect(amy.get_by_role("heading", level=1)).to_have_text("This page is for another patient")
    assert parts.captures.filed_with == []


def test_the_camera_of_this_computer(launch: Open, parts: FakeParts) -> None:
    page = launch()
    begin(page)
    page.get_by_text("Take a picture", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    well(page, "camera")
    page.get_by_role("button", name="Take picture").click()
    expect(page.locator("#cards > li")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    [(content, declared)] = parts.captures.received_bytes.values()
    assert content.startswith(b"\xff\xd8")
    assert declared == "image/jpeg"


def test_a_date_typed_before_a_change_of_mind_does_not_count(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    say(page, "arrival", "other")
    page.fill("#taken_on", "2019-05-01")
    say(page, "arrival", "taken-now")
    expect(page.locator("#taken_on")).to_be_hidden()
    page.fill("#purpose", "x")
    expect(page.locator(".app-note__paper")).to_contain_text("Reason for image: x")
    [draft] = parts.captures.drafts.values()
    assert draft.answers.shared["taken_on"] == ""
    say(page, "arrival", "other")
    expect(page.locator("#taken_on")).to_have_value("2019-05-01")
