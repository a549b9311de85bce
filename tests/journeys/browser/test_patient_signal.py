"""A bad signal, and files that are no photo of what was asked for: every photo arrives once, or is kindly refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import RequestState
from tests.browsing import held
from tests.journeys.browser.phone import BadSignal, Phone, drawn, phone_for, served, well
from tests.web.patients import Clinic, photo

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

AtPhotos = Callable[..., Phone]
Signals = list[BadSignal]
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 25_000}
"""A poor mobile network: 400 kbit/s down, 200 kbit/s up."""


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def signal() -> Signals:
    """The way between phone and clinic, once the clinic is open."""
    return []


@pytest.fixture
def at_photos(chromium: Browser, clinic: Clinic, signal: Signals) -> Iterator[AtPhotos]:
    """A phone that has come as far as the photos. What its scripts complain about fails the test."""
    phones: list[Phone] = []

    def around(app: Flask) -> BadSignal:
        signal.append(BadSignal(app))
        return signal[0]

    with served(clinic, around) as address:

        def opened(secret: str, **options: object) -> Phone:
            phone = phone_for(chromium, address, secret, **options)  # type: ignore[arg-type] # as it takes them
            phones.append(phone)
            phone.come_in()
            phone.to_photos()
            phone.page.locator("#add[data-ready]").wait_for()
            return phone

        yield opened
        for phone in phones:
            phone.context.close()
    assert [each for phone in phones for each in phone.complaints] == []


def arrived(clinic: Clinic, phone: Phone, secret: str) -> int:
    """How many photos the practice's side holds."""
    cookies = {each["name"]: each["value"] for each in phone.context.cookies(phone.page.url)}
    return len(clinic.visits.open(Door(secret, cookies["__Secure-visit"])).pictures)


def large(folder: Path, name: str = "IMG_large.jpg") -> Path:
    """About 300 kB: some seconds on a poor network."""
    noise = Image.effect_noise((900, 700), 60).convert("RGB")
    path = folder / name
    noise.save(path, "JPEG", quality=80)
    return path


def test_a_signal_that_is_lost_on_the_way_loses_nothing(
    clinic: Clinic, signal: Signals, at_photos: AtPhotos, tmp_path: Path
) -> None:
    phone = at_photos(secret := clinic.ask())
    signal[0].there = 1
    phone.add([large(tmp_path), *drawn(tmp_path, 1)])
    expect(phone.page.locator(".p-upload--waiting p").first).to_have_text(
        "No signal. Keep this page open. We go on when you have a signal again."
    )
    phone.context.set_offline(True)
    well(phone.page, "no signal")
    phone.page.wait_for_timeout(2500)
    assert arrived(clinic, phone, secret) == 0
    phone.context.set_offline(False)
    phone.have(2)
    expect(phone.page.locator(".p-upload")).to_have_count(0)
    assert arrived(clinic, phone, secret) == 2
    assert signal[0].uploads == 3


def test_an_answer_that_is_lost_does_not_double_the_photo(
    clinic: Clinic, signal: Signals, at_photos: AtPhotos, tmp_path: Path
) -> None:
    phone = at_photos(secret := clinic.ask())
    signal[0].back = 2
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    assert signal[0].uploads == 3
    assert arrived(clinic, phone, secret) == 1


def test_a_server_that_stumbles_is_asked_again(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask())
    tries: list[int] = []

    def busy_twice(route: Route) -> None:
        if route.request.method == "POST" and len(tries) < 2:
            tries.append(1)
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    phone.page.route("**/photos", busy_twice)
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    assert arrived(clinic, phone, secret) == 1


def test_a_list_that_the_server_does_not_draw_is_asked_for_again(
    clinic: Clinic, at_photos: AtPhotos, tmp_path: Path
) -> None:
    phone = at_photos(clinic.ask())
    tries: list[int] = []

    def busy_once(route: Route) -> None:
        if route.request.method == "GET" and not tries:
            tries.append(1)
            route.fulfill(status=503, body="Busy")
        else:
            route.continue_()

    phone.page.route("**/photos", busy_once)
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    expect(phone.page.locator("#add")).to_be_visible()
    assert tries


def test_a_photo_chosen_before_the_script_has_come_is_sent(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask())
    with held(phone.page, "**/js/patient-photos.js") as scripts:
        phone.page.reload(wait_until="commit")
        phone.page.set_input_files("#picture", drawn(tmp_path, 1))
        scripts.wait_for(1)
    phone.have(1)
    assert arrived(clinic, phone, secret) == 1


def test_a_photo_on_its_way_is_waited_for(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(clinic.ask())
    phone.context.set_offline(True)
    phone.add(drawn(tmp_path, 1))
    expect(phone.page.locator(".p-upload--waiting")).to_have_count(1)
    phone.press("I have added my photos")
    expect(phone.page.locator("#status")).to_have_text("A photo is still on its way. Please wait.")
    phone.title("Take your photos")
    phone.context.set_offline(False)
    phone.have(1)
    phone.press("I have added my photos")
    phone.title("Who took the photos?")


def test_a_reload_keeps_what_has_arrived(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(clinic.ask())
    phone.add(drawn(tmp_path, 2))
    phone.have(2)
    phone.page.reload()
    phone.have(2)
    phone.open()
    phone.title("Who took the photos?")


def test_ten_photos_and_not_one_more(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask(most_pictures=10))
    phone.add(drawn(tmp_path, 12))
    expect(phone.page.locator("#uploads")).to_contain_text("You can send up to 10. We left out the rest.")
    phone.have(10)
    expect(phone.page.locator("#add")).to_be_hidden()
    assert arrived(clinic, phone, secret) == 10
    phone.press("Take out photo 3")
    phone.have(9)
    phone.from_photos_to_check()
    phone.send()
    phone.title("Thank you. We have your photos")
    assert clinic.request(secret).state is RequestState.ANSWERED


def test_the_same_photo_twice_takes_one_place(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask(most_pictures=2))
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    phone.add(drawn(tmp_path, 1))
    expect(phone.page.locator(".p-upload")).to_have_count(0)
    expect(phone.page.locator("#add")).to_be_visible()
    assert arrived(clinic, phone, secret) == 1


def test_files_that_are_no_photo_are_kindly_refused(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask())
    letter = tmp_path / "my letter.jpg"
    letter.write_text("Dear doctor")
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    phone.add([letter, empty, *drawn(tmp_path, 1)])
    phone.have(1)
    failed = phone.page.locator(".p-upload--failed")
    expect(failed).to_have_count(2)
    expect(failed.first).to_contain_text("That is not a photo we can open. Choose a photo from your phone.")
    well(phone.page, "refused")
    assert arrived(clinic, phone, secret) == 1
    without = at_photos_without_scripts(phone)
    without.set_input_files("#picture", str(letter))
    without.get_by_role("button", name="Add this photo").click()
    expect(without.get_by_role("link", name="That is not a photo we can open.")).to_be_visible()
    well(without, "refused without scripts")


def at_photos_without_scripts(phone: Phone) -> Page:
    page = phone.new_tab()
    page.route("**/*.js", lambda route: route.abort())
    page.goto(f"{phone.address}/photos")
    return page


def test_a_picture_of_the_screen_gets_a_question(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(clinic.ask())
    size = phone.page.evaluate("[screen.width, screen.height].map((side) => Math.round(side * devicePixelRatio))")
    shot = tmp_path / "Screenshot.png"
    with Image.open(io.BytesIO(photo(*size))) as picture:
        picture.save(shot, "PNG")
    phone.add([shot])
    phone.have(1)
    expect(phone.page.locator("#photo-1 [data-doubt=screen]")).to_be_visible()
    expect(phone.page.locator("#photo-1 [data-doubt=blurred]")).to_be_hidden()


def test_the_box_follows_a_finger(clinic: Clinic, at_photos: AtPhotos, tmp_path: Path) -> None:
    phone = at_photos(secret := clinic.ask())
    phone.add(drawn(tmp_path, 1))
    phone.have(1)
    phone.press("Cut or turn photo 1")
    phone.page.locator("#crop-form[data-ready]").wait_for()
    box = phone.page.locator("#stage").bounding_box()
    assert box is not None
    mouse = phone.page.mouse
    mouse.move(box["x"] + box["width"], box["y"] + box["height"])
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75, steps=5)
    mouse.up()
    phone.press("Use this photo")
    phone.page.wait_for_url("**/photos#so-far")
    cookies = {each["name"]: each["value"] for each in phone.context.cookies(phone.page.url)}
    crop = clinic.visits.open(Door(secret, cookies["__Secure-visit"])).pictures[0].geometry.crop
    assert crop is not None
    assert (round(crop.right, 1), round(crop.bottom, 2)) == (0.5, 0.75)


def test_a_first_visit_on_a_poor_network_is_quick(clinic: Clinic, chromium: Browser) -> None:
    """Everything that the first page needs, packed: 400 kbit/s carry it within seconds."""
    with served(clinic) as address:
        phone = phone_for(chromium, address, clinic.ask())
        network = phone.context.new_cdp_session(phone.page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        network.send("Network.emulateNetworkConditions", SLOW)
        phone.open()
        expect(phone.page.get_by_role("button", name="I would rather not")).to_be_visible()
        phone.page.wait_for_load_state("networkidle")
        assert sum(sizes) < 60_000, sizes
        phone.context.close()
