"""A video in the browser: added beside a picture by one choice, and played under the policy of the page."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fhir_plugin import walkthrough
from fhir_plugin.adapters.image_worker import ProcessImageWorker, Progress
from fhir_plugin.capture.cleaning import BEAT
from mappings.model.images import CleanImage, Geometry, ReceivedImage, VideoTerms
from tests.imaging.videos import film
from tests.journeys.browser.ward import ADULT_A, ADULT_B, Desk, begin, card, choose
from tests.journeys.browser.watch import check_page
from tests.journeys.test_video import filed

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

PLAYED = """element => new Promise((resolve, reject) => {
  element.addEventListener('error', () => reject(new Error(element.error.message)))
  element.addEventListener('ended', () => resolve([element.videoWidth, element.currentTime]))
  element.muted = true
  element.play().catch(reject)
})"""


def test_pictures_and_videos_are_chosen_together(desk: Desk, photos: list[Path], tmp_path: Path) -> None:
    moving = tmp_path / "IMG_0001.MOV"
    moving.write_bytes(film(container="mov", sound="aac"))
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, [photos[0], moving])
    expect(card(app, 2)).to_contain_text("Video, 2.0 seconds, without sound")
    expect(card(app, 2)).to_contain_text("location")
    expect(card(app, 1)).not_to_contain_text("Video")


@pytest.mark.parametrize("kind", ["video/mp4", "video/webm"])
def test_a_video_of_the_record_plays_when_it_is_asked_to(desk: Desk, kind: str) -> None:
    made = film(told=False) if kind == "video/mp4" else film(told=False, container="webm", codec="libvpx")
    with closing(walkthrough.Browser()) as browser:
        page = walkthrough.begin(browser, walkthrough.launch(desk.demo, browser, patient=ADULT_A))
        filed(browser, page, {kind: made})
    app = desk.launch_in_frame(ADULT_A)
    app.get_by_role("link", name="Video, 2 s").first.click()
    video = app.locator("video")
    expect(video).to_be_visible()
    assert video.evaluate("element => element.paused && !element.autoplay && element.controls")
    width, end = video.evaluate(PLAYED)
    assert width == 160
    assert end == pytest.approx(2.0, abs=0.2)


def test_a_long_video_is_cleaned_while_the_clinician_goes_on(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, finish = desk.demo.installation.parts.worker, threading.Event()
    assert isinstance(worker, ProcessImageWorker)
    whole = worker._clean_video

    def slow(
        received: ReceivedImage, geometry: Geometry, lossless: bool, terms: VideoTerms | None, progress: Progress | None
    ) -> CleanImage:
        time.sleep(BEAT.total_seconds() + 0.2)
        if progress is not None:
            progress(0.42)
        finish.wait(120)
        return whole(received, geometry, lossless, terms, progress)

    monkeypatch.setattr(worker, "_clean_video", slow)
    moving = tmp_path / "IMG_0002.MP4"
    moving.write_bytes(film(told=False, frames=45))
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    try:
        app.locator("#choose").set_input_files(moving)
        first = card(app, 1)
        expect(first).to_contain_text("Cleaning this video", timeout=30_000)
        expect(first).to_contain_text("42% done", timeout=30_000)
        expect(first.get_by_role("progressbar")).to_have_attribute("value", "42")
        check_page(desk.page, app, "a video while it is cleaned")
        app.locator("#purpose").fill("To show the tremor")
        expect(app.locator("#save-state")).to_contain_text("Saved")
    finally:
        finish.set()
    expect(first).to_contain_text("Video, 3.0 seconds, without sound", timeout=60_000)
    expect(first).not_to_contain_text("Cleaning")
    expect(first.locator("img")).to_be_visible()
    expect(app.locator("#upload-status")).to_have_text("Picture 1 is ready.")
    expect(app.locator("#purpose")).to_have_value("To show the tremor")
