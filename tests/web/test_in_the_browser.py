"""In Debian's Chromium: by keyboard alone, at phone width, without scripts, and under axe in every state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.receipt import MESSAGES, Receipt
from fhir_plugin.errors import RecordUnavailable
from mappings.model.identifiers import CaptureId
from tests.browsing import open_chooser
from tests.web.chromium import Open, add, address, answer_everything, chromium, launch, mark, photos, place, say, well
from tests.web.fake import FakeParts

__all__ = ["address", "chromium", "launch", "photos"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


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
    parts.exports.files["capture-1"] = b"the signed file"
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the signed file").click()
    assert download.value.path().read_bytes() == b"the signed file"
    well(page, "receipt with a file to take along")
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
