"""On a slow network people are quicker than the answers: what comes late takes nothing back and moves nobody. The
requests are held until a test lets them go, so that nothing here depends on how fast a machine is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, Page, expect

from mappings.model.identifiers import CaptureId
from tests.browsing import held
from tests.web.chromium import (
    Open,
    add,
    address,
    answer_everything,
    chromium,
    launch,
    mark,
    photos,
    place,
    say,
)
from tests.web.fake import FakeParts

__all__ = ["address", "chromium", "launch", "photos"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

REASON = "She would rather have nobody else there"


def shared(parts: FakeParts) -> dict[str, str]:
    return dict(parts.captures.drafts[CaptureId("capture-1")].answers.shared)


def ready(page: Page, photos: list[str]) -> None:
    add(page, photos[:1])
    answer_everything(page)
    place(page, 0, "abdomen")
    mark(page.locator(".app-card input[value=store]"))
    expect(page.locator("#save-state")).to_contain_text("Ready to file")


def decline_chaperone(page: Page) -> None:
    """In the open question, by keyboard: whoever is among the questions goes on by *Continue* alone."""
    expect(page.locator("#more-next")).to_be_visible()
    page.locator('#open-question input[name="chaperone"][value="declined"]').focus()
    page.keyboard.press("Space")


def test_continue_while_an_earlier_save_is_under_way_keeps_the_words_and_goes_on(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    ready(page, photos)
    say(page, "intimacy", "intimate")
    decline_chaperone(page)
    page.locator("#more-next").click()
    reason = page.locator("#open-question #chaperone_reason")
    expect(reason).to_be_focused()
    with held(page, "**/answers") as saves:
        page.fill("#purpose", "Is it infected, and how far has it spread?")
        saves.wait_for(1)  # it knows nothing of the reason
        reason.fill(REASON)
        page.locator("#more-next").click()
    expect(page.locator("#answered-chaperone_reason")).to_have_count(1)
    expect(page.locator("#open-question #chaperone_reason")).to_have_count(0)
    assert shared(parts)["chaperone_reason"] == REASON
    assert shared(parts)["purpose"] == "Is it infected, and how far has it spread?"


def test_what_is_typed_after_continue_is_not_taken_back_by_its_answer(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    ready(page, photos)
    say(page, "intimacy", "intimate")
    decline_chaperone(page)
    page.locator("#more-next").click()
    reason = page.locator("#open-question #chaperone_reason")
    reason.fill("She would rather")
    with held(page, "**/answers") as saves:
        page.locator("#more-next").click()
        saves.wait_for(1)
        reason.fill(REASON)
    expect(page.locator("#answered-chaperone_reason")).to_have_count(1)
    assert shared(parts)["chaperone_reason"] == REASON


def test_continue_pressed_twice_goes_on_once(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    ready(page, photos)
    say(page, "intimacy", "intimate")
    decline_chaperone(page)
    with held(page, "**/answers") as saves:
        page.locator("#more-next").dblclick()
        saves.wait_for(1)
    expect(page.locator("#open-question #chaperone_reason")).to_be_visible()
    expect(page.locator("#open-question .nhsuk-error-message")).to_have_count(0)


def test_a_list_of_body_sites_that_comes_late_opens_nothing_and_moves_nobody(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    add(page, photos[:1])
    box = page.get_by_role("combobox")
    with held(page, "**/sites?*") as lists:
        box.fill("knee")
        lists.wait_for(1)
        page.locator("#purpose").focus()
    page.keyboard.type("Is it infected?")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#purpose")).to_have_value("Is it infected?")
    expect(page.get_by_role("option")).to_have_count(0)


def test_enter_never_takes_a_body_site_from_an_older_list(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    box = page.get_by_role("combobox")
    box.fill("knee")
    expect(page.get_by_role("option").first).to_contain_text("Knee")
    with held(page, "**/sites?*") as lists:
        box.fill("abdomen")
        box.press("Enter")
        lists.wait_for(1)
        box.press("Enter")
        expect(box).to_have_value("abdomen")
    expect(page.get_by_role("option").first).to_contain_text("Abdomen")
    box.press("Enter")
    expect(box).to_have_value("Abdomen")


def test_a_site_chosen_while_the_next_list_is_on_its_way_stays_chosen(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    add(page, photos[:1])
    box = page.get_by_role("combobox")
    box.fill("kne")
    option = page.get_by_role("option").first
    expect(option).to_contain_text("Knee")
    with held(page, "**/sites?*") as lists:
        box.press("e")
        lists.wait_for(1)
        option.click()
    page.wait_for_load_state("networkidle")
    expect(box).to_have_value("Knee")
    expect(page.get_by_role("option")).to_have_count(0)


def test_body_sites_that_cannot_be_listed_are_said_to_be_so(launch: Open, photos: list[str]) -> None:
    page = launch()
    add(page, photos[:1])
    page.route("**/sites?*", lambda route: route.abort())
    box = page.get_by_role("combobox")
    box.fill("knee")
    said = page.get_by_text("The body sites could not be listed.")
    expect(said).to_be_visible()
    page.unroute("**/sites?*")
    box.press("ArrowDown")
    expect(page.get_by_role("option").first).to_contain_text("Knee")


def test_nothing_is_filed_without_a_picture_that_is_still_on_its_way(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    ready(page, photos)
    with held(page, "**/images") as uploads:
        page.set_input_files("#choose", photos[1:2])
        uploads.wait_for(1)
        page.locator("#file").click()
        expect(page.locator(".app-upload")).to_be_focused()
        expect(page.locator(".app-upload")).to_contain_text("Nothing was filed")
        expect(page.locator("#file")).to_contain_text("File to Amy LEE’s record")
    expect(page.locator("#cards > li")).to_have_count(2)
    place(page, 1, "forearm")
    mark(page.locator("[data-side-of] input[value=left]").last)
    mark(page.locator(".app-card >> nth=1 >> input[value=store]"))
    expect(page.locator("#save-state")).to_contain_text("Ready to file")
    page.locator("#file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 images filed")


def test_an_answer_given_before_the_script_had_come_is_saved(launch: Open, parts: FakeParts) -> None:
    page = launch()
    with held(page, "**/js/saving.js") as scripts:
        page.get_by_role("button", name="Add images").click()
        scripts.wait_for(1)
        page.locator("#answers").wait_for()
        page.locator('input[name="identity"][value="in-person"]').evaluate("(input) => { input.checked = true }")
    page.locator("#answers[data-ready]").wait_for()
    for _ in range(300):
        if "identity" in shared(parts):
            break
        page.wait_for_timeout(50)
    assert shared(parts)["identity"] == "in-person"


def test_a_page_that_comes_back_as_it_was_left_files_again(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    ready(page, photos)
    page.route("**/file", lambda route: route.fulfill(status=204))  # the browser stays where it is
    with held(page, "**/answers") as saves:
        page.fill("#advice", "Typed just before")
        saves.wait_for(1)
        page.locator("#file").click()
        expect(page.locator("#file")).to_have_text("Filing…")
        page.evaluate("void dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        expect(page.locator("#file")).to_contain_text("File to Amy LEE’s record")
    page.unroute("**/file")
    expect(page.locator("body.app-concealed")).to_have_count(0)
    page.locator("#file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 image filed")
    assert shared(parts)["advice"] == "Typed just before"


def test_pictures_on_their_way_from_the_gallery_are_not_left_unasked(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    with held(page, "**/images") as uploads:
        page.locator("h1").click()  # a browser asks only where somebody was
        page.set_input_files("#straight", photos[:2])
        uploads.wait_for(1)
        page.get_by_role("link", name="By body site").click(no_wait_after=True)
        for _ in range(100):
            if asked:
                break
            page.wait_for_timeout(50)
    expect(page.locator("#cards > li")).to_have_count(2)
    assert asked == ["beforeunload"]


def test_a_button_held_down_while_an_answer_comes_is_pressed_all_the_same(
    launch: Open, photos: list[str], parts: FakeParts
) -> None:
    page = launch()
    ready(page, photos)
    page.locator("#file").scroll_into_view_if_needed()
    box = page.locator("#file").bounding_box()
    assert box is not None
    with page.expect_response("**/answers"), held(page, "**/answers") as saves:
        page.fill("#purpose", "Is it infected, and how far has it spread?")
        saves.wait_for(1)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
    page.wait_for_timeout(300)  # what came would be drawn by now
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 image filed")


def test_what_waited_for_a_release_is_drawn_after_it(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    state = page.locator("#save-state")
    expect(state).to_contain_text("to go")
    before = state.inner_text().split("\n")[0]
    page.locator("#questions").hover()
    with page.expect_response("**/answers"), held(page, "**/answers") as saves:
        say(page, "intimacy", "no")
        saves.wait_for(1)
        page.locator("#questions").hover()
        page.mouse.down()
    page.wait_for_timeout(300)
    expect(state).to_contain_text(before)
    page.mouse.up()
    expect(state).not_to_contain_text(before)
