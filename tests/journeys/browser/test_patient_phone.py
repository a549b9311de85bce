"""A patient at a phone: every page and state at 320 px under axe, by keyboard alone, and without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import Asked, Needs, RequestState
from mappings.model.images import Photographer
from tests.journeys.browser.phone import Phone, drawn, phone_for, served, well
from tests.web.patients import PRACTICE, Clinic

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

OpenPhone = Callable[..., Phone]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def pick_up(chromium: Browser, clinic: Clinic) -> Iterator[OpenPhone]:
    """A phone with a link; afterwards nothing may have been complained about by a script or by the policy."""
    phones: list[Phone] = []
    with served(clinic) as address:

        def opened(secret: str, **options: object) -> Phone:
            phones.append(phone_for(chromium, address, secret, **options))  # type: ignore[arg-type] # as it takes them
            return phones[-1]

        yield opened
        for phone in phones:
            phone.context.close()
    assert [each for phone in phones for each in phone.complaints] == []


@pytest.mark.parametrize("asked", list(Asked))
def test_every_page_and_state_at_320_pixels(clinic: Clinic, pick_up: OpenPhone, tmp_path: Path, asked: Asked) -> None:
    secret = clinic.ask(asked, most_pictures=2)
    born = clinic.request(secret).birth_date
    phone = pick_up(secret, width=320)
    phone.open()
    well(phone.page, "start")
    phone.press("Send a photo")
    well(phone.page, "birth")
    phone.press("Go on")
    expect(phone.page.locator("[data-focus]")).to_be_focused()
    well(phone.page, "birth, nothing typed")
    phone.come_in(born.year, born.month, born.day)
    phone.title("About this photo")
    phone.page.locator("summary").click()
    well(phone.page, "about")
    phone.press("I have read this. Go on")
    if asked is Asked.PARENT:
        well(phone.page, "child")
        phone.choose("child_view", "agrees")
        phone.press("Save and go on")
    well(phone.page, "private")
    phone.choose("private", "no")
    phone.press("Save and go on")
    phone.press("Save and go on")
    well(phone.page, "agree, nothing chosen")
    phone.choose("receive", "yes")
    phone.choose("store", "no")
    phone.press("Save and go on")
    phone.page.locator("#add[data-ready]").wait_for()
    well(phone.page, "photos")
    phone.press("I have added my photos")
    well(phone.page, "photos, none added")
    phone.add(drawn(tmp_path, 1) + drawn(tmp_path, 1, blurred=True))
    phone.have(2)
    expect(phone.page.locator("#photo-2 [data-doubt=blurred]")).to_be_visible()
    expect(phone.page.locator("#photo-1 [data-doubt=blurred]")).to_be_hidden()
    phone.page.goto(phone.page.locator("#add").evaluate("(form) => form.action"))  # a page drawn anew by the server
    expect(phone.page.locator("#photo-2 [data-doubt=blurred]")).to_be_visible()
    expect(phone.page.locator("#photo-1 [data-doubt=blurred]")).to_be_hidden()
    expect(phone.page.locator("#add")).to_be_hidden()
    well(phone.page, "photos, full")
    phone.press("Cut or turn photo 1")
    phone.page.locator("#crop-form[data-ready]").wait_for()
    well(phone.page, "crop")
    phone.press("From the bottom")
    phone.page.locator("#crop-form[data-ready]").wait_for()
    well(phone.page, "crop, cut")
    phone.press("Use this photo")
    phone.press("I have added my photos")
    well(phone.page, "taker")
    phone.choose("photographer", "other")
    phone.press("Save and go on")
    well(phone.page, "helper")
    phone.choose("helper_agreed", "yes")
    phone.press("Save and go on")
    well(phone.page, "when")
    phone.choose("when", "other")
    phone.press("Save and go on")
    well(phone.page, "when, no day")
    phone.choose("when", "unknown")
    phone.press("Save and go on")
    phone.title("Check before you send")
    well(phone.page, "check")
    phone.press("Send")
    well(phone.page, "check, no tick")
    phone.send()
    phone.title("Thank you. We have your photos")
    well(phone.page, "done")
    phone.press("Take my photos back")
    well(phone.page, "withdraw")
    phone.press("Yes, take them back")
    phone.title("You have taken your photos back")
    well(phone.page, "withdrawn")


def test_every_calm_ending(clinic: Clinic, pick_up: OpenPhone) -> None:
    unknown = pick_up("x" * 43, width=320)
    unknown.open()
    unknown.title("This link does not work")
    well(unknown.page, "unknown")
    for button, title in (
        ("I would rather not", "That is fine. You do not have to send a photo"),
        ("Call me instead", "We will call you"),
    ):
        phone = pick_up(clinic.ask(), width=320)
        phone.open()
        phone.press(button)
        phone.title(title)
        well(phone.page, title)
    private = pick_up(clinic.ask(), width=320)
    private.come_in()
    private.press("I have read this. Go on")
    private.choose("private", "yes")
    private.press("Save and go on")
    private.title("Please do not send this photo here")
    well(private.page, "private")
    first = pick_up(secret := clinic.ask(), width=320)
    first.come_in()
    second = pick_up(secret, width=320)
    second.open()
    second.title("This link is open on another phone")
    well(second.page, "elsewhere")
    locked = pick_up(clinic.ask(), width=320)
    for _ in range(5):
        locked.come_in(1999, 1, 1)
    locked.title("We have closed this link for now")
    well(locked.page, "locked")


def test_large_print_at_320_pixels(clinic: Clinic, pick_up: OpenPhone) -> None:
    phone = pick_up(clinic.ask(needs=Needs(large_print=True, easy_read=True)), width=320)
    phone.open()
    well(phone.page, "start, large")
    phone.come_in()
    well(phone.page, "about, large")
    phone.to_photos()
    phone.page.locator("#add[data-ready]").wait_for()
    well(phone.page, "photos, large")
    usual = pick_up(clinic.ask())
    usual.open()
    before = usual.page.evaluate("getComputedStyle(document.querySelector('main p')).fontSize")
    usual.press("Make the words bigger")
    usual.page.get_by_role("button", name="Make the words smaller", exact=True).wait_for()  # the next page is there
    after = usual.page.evaluate("getComputedStyle(document.querySelector('main p')).fontSize")
    assert float(after[:-2]) > 1.3 * float(before[:-2])


def test_by_keyboard_alone(clinic: Clinic, pick_up: OpenPhone, tmp_path: Path) -> None:
    phone = pick_up(secret := clinic.ask())
    page = phone.page
    phone.open()

    def to(name: str) -> None:
        """Tab by tab, as somebody without a pointer goes."""
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(
                "(name) => (document.activeElement.ariaLabel || document.activeElement.textContent).trim() === name",
                name,
            ):
                return
        raise AssertionError(f"no tab stop at {name}")

    def button(name: str) -> None:
        to(name)
        page.keyboard.press("Enter")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    button("Send a photo")
    page.wait_for_url("**/birth")
    page.locator("#birth-day").focus()
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.type("5")
    page.keyboard.press("Tab")
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    phone.title("About this photo")
    button("I have read this. Go on")
    page.wait_for_url("**/private")
    page.locator('input[name="private"]').first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/agree")
    for scope in ("receive", "store"):
        page.locator(f'input[name="{scope}"]').first.focus()
        page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/photos")
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    page.locator("#so-far").focus()
    button("Cut or turn photo 1")
    page.locator("#crop-form[data-ready]").wait_for()
    to("Bottom right corner. Use the arrow keys to move it.")
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    expect(page.locator("#status")).to_have_text("The part that stays: 100% wide, 90% high.")
    button("Use this photo")
    page.wait_for_url("**/photos#so-far")
    crop = clinic.visits.open(_door_of(phone, secret)).pictures[0].geometry.crop
    assert crop is not None and abs(crop.bottom - 0.9) < 0.001
    button("I have added my photos")
    page.wait_for_url("**/taker")
    page.locator('input[name="photographer"]').first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/when")
    page.locator('input[name="when"]').first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    page.locator("#only_area").focus()
    page.keyboard.press("Space")
    button("Send")
    phone.title("Thank you. We have your photos")
    assert clinic.request(secret).said.photographer is Photographer.PATIENT


def _door_of(phone: Phone, secret: str) -> Door:
    cookies = {each["name"]: each["value"] for each in phone.context.cookies(phone.page.url)}
    return Door(secret, cookies["__Secure-visit"])


def test_without_scripts(clinic: Clinic, pick_up: OpenPhone, tmp_path: Path) -> None:
    phone = pick_up(secret := clinic.ask(), java_script_enabled=False)
    phone.come_in()
    phone.to_photos()
    phone.title("Take your photos")
    phone.press("Add this photo")
    expect(phone.page.get_by_text("Choose a photo first").first).to_be_visible()
    for path in drawn(tmp_path, 2):
        phone.page.set_input_files("#picture", str(path))
        phone.press("Add this photo")
    phone.have(2)
    phone.press("Cut or turn photo 2")
    for strip in ("From the top", "From the left", "Turn"):
        phone.press(strip)
    expect(phone.page.locator("#kept")).to_be_visible()
    phone.press("Use this photo")
    phone.press("Take out photo 1")
    phone.have(1)
    phone.from_photos_to_check()
    phone.send()
    phone.title("Thank you. We have your photos")
    assert clinic.request(secret).state is RequestState.ANSWERED


def test_the_back_button_and_two_tabs(clinic: Clinic, pick_up: OpenPhone, tmp_path: Path) -> None:
    phone = pick_up(secret := clinic.ask())
    phone.come_in()
    phone.to_photos()
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    other = phone.new_tab()
    other.goto(phone.address)
    expect(other.get_by_role("heading", level=1)).to_have_text("Who took the photos?")
    phone.from_photos_to_check()
    phone.title("Check before you send")
    for there in ("When were they taken?", "Who took the photos?"):
        phone.page.wait_for_load_state()
        phone.page.go_back()
        phone.title(there)
    for there in ("When were they taken?", "Check before you send"):
        phone.page.wait_for_load_state()
        phone.page.go_forward()
        phone.title(there)
    phone.send()
    phone.title("Thank you. We have your photos")
    other.get_by_role("button", name="Save and go on").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Thank you. We have your photos")
    phone.page.go_back()
    phone.page.locator("main").wait_for()
    assert clinic.request(secret).state is RequestState.ANSWERED
    assert clinic.work == ["came-back"]


def test_the_title_and_the_first_page_name_nobody(clinic: Clinic, pick_up: OpenPhone) -> None:
    phone = pick_up(clinic.ask())
    phone.open()
    assert phone.page.title() == "Send a photo"
    expect(phone.page.get_by_role("heading", level=1)).to_have_text(f"Send a photo to {PRACTICE}")
