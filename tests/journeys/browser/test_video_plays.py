"""A video in the browser: added beside a picture by one choice, and played under the policy of the page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fhir_plugin import walkthrough
from tests.imaging.videos import film
from tests.journeys.browser.ward import ADULT_A, ADULT_B, Desk, begin, card, choose
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
