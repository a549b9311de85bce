"""A video's way: from the clinician's browser into the record and back into the gallery, whole and in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.imaging.video_proof import prove_mp4, prove_webm
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.walkthrough import (
    Browser,
    JourneyRefused,
    Page,
    add,
    answers_for,
    begin,
    capture_of,
    launch,
)
from mappings.model.identifiers import LaunchId
from tests.imaging.drawing import as_jpeg, grainy
from tests.imaging.videos import CANARIES, film
from tests.journeys.record_checks import of_capture, sets_of

RECORDED = {
    "recording_reason": "To show the tremor to a colleague",
    "consent_record_video": "given",
    "recording_confirmed": "yes",
}
"""What is asked of a recording that staff made (G-R206 to G-R208)."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = start_demo(tmp_path_factory.mktemp("video"))
    yield demo
    demo.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with closing(Browser()) as browser:
        yield browser


def filed(browser: Browser, page: Page, contents: dict[str, bytes], **answers: str) -> Page:
    """The receipt of a set of these files, by their declared types."""
    images = [add(browser, page, content, kind) for kind, content in contents.items()]
    receipt = browser.post(page, f"{page.url}/file", answers_for(images, **RECORDED, **answers))
    assert receipt.status == 200, receipt.text
    return receipt


def gallery_of(page: Page) -> str:
    return f"{page.url.split('/captures/')[0]}/"


def piece(browser: Browser, url: str, asked: str | None = None) -> requests.Response:
    """What a player gets."""
    headers = {"Range": asked} if asked else {}
    return requests.get(url, headers=headers, cookies=browser.cookies, timeout=30)


def test_a_video_is_filed_clean_and_played(demo: Demo, browser: Browser) -> None:
    page = begin(browser, launch(demo, browser))
    receipt = filed(browser, page, {"video/mp4": film(sound="aac")})
    store = demo.sandbox.store
    (media,) = of_capture(store, "Media", capture_of(receipt))
    assert media["type"]["coding"][0]["code"] == "video"
    assert (media["content"]["contentType"], float(media["duration"])) == ("video/mp4", 2.0)
    assert "Video taken by" in media["note"][0]["text"]
    assert len(sets_of(store, capture_of(receipt))[0]) == 1
    assert "Video, 2 s" in browser.get(gallery_of(page)).text
    shown = f"{gallery_of(page)}images/Media/{media['id']}"
    viewer = browser.get(shown).text
    assert "<video" in viewer
    assert "controls" in viewer
    assert "autoplay" not in viewer
    whole = piece(browser, f"{shown}/picture")
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "video/mp4")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in whole.headers["Cache-Control"]
    assert prove_mp4(whole.content) == (160, 120, 2.0, False)
    assert not [word for word in CANARIES if word in whole.content]
    assert piece(browser, f"{shown}/thumbnail").content.startswith(b"\xff\xd8")


def test_signing_out_takes_what_was_played_out_of_memory(demo: Demo, browser: Browser) -> None:
    page = begin(browser, launch(demo, browser))
    receipt = filed(browser, page, {"video/mp4": film(told=False)})
    (media,) = of_capture(demo.sandbox.store, "Media", capture_of(receipt))
    piece(browser, f"{gallery_of(page)}images/Media/{media['id']}/picture", "bytes=0-99")
    played, here = demo.installation.gallery._played, page.url.split("/l/")[1].split("/")[0]
    assert here in {viewing[0] for viewing in played._kept}
    demo.installation.launches.end(LaunchId(here))
    assert here not in {viewing[0] for viewing in played._kept}


def test_a_player_gets_the_piece_that_it_asks_for(demo: Demo, browser: Browser) -> None:
    page = begin(browser, launch(demo, browser))
    receipt = filed(browser, page, {"video/webm": film(container="webm", codec="libvpx")})
    (media,) = of_capture(demo.sandbox.store, "Media", capture_of(receipt))
    url = f"{gallery_of(page)}images/Media/{media['id']}/picture"
    whole = piece(browser, url).content
    prove_webm(whole)
    part = piece(browser, url, "bytes=100-299")
    assert (part.status_code, part.content) == (206, whole[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert piece(browser, url, f"bytes={len(whole)}-").status_code == 416


def test_pictures_and_videos_go_together_and_sound_stays_only_for_a_reason(demo: Demo, browser: Browser) -> None:
    page = begin(browser, launch(demo, browser))
    contents = {"image/jpeg": as_jpeg(grainy(60, 40)), "video/quicktime": film(container="mov", sound="aac")}
    receipt = filed(browser, page, contents, sound_reason="The cough itself is the finding")
    found = of_capture(demo.sandbox.store, "Media", capture_of(receipt))
    kinds = {media["type"]["coding"][0]["code"]: media for media in found}
    assert set(kinds) == {"image", "video"}
    video = demo.sandbox.store.binary(kinds["video"]["content"]["url"].rsplit("/", 1)[1])
    assert video is not None
    assert prove_mp4(video[0])[3] is True


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "video"),
    "a concat script": (b"ffconcat version 1.0\nfile /etc/passwd\n", "text"),
    "a truncated video": (film()[:-40], "video-truncated"),
    "nothing but a beginning": (film()[:64], "video-truncated"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_video_is_refused_and_nothing_stays(demo: Demo, browser: Browser, name: str) -> None:
    content, code = HOSTILE[name]
    page = begin(browser, launch(demo, browser))
    with pytest.raises(JourneyRefused) as refusal:
        add(browser, page, content, "video/mp4")
    assert refusal.value.code == code
    assert demo.installation.vault.items(owner=capture_of(page)) == []


def test_a_server_that_takes_only_small_bodies_is_named_and_nothing_is_lost(demo: Demo, browser: Browser) -> None:
    page = begin(browser, launch(demo, browser))
    image = add(browser, page, film(), "video/mp4")
    match = Match(method="PUT|POST", path="^/fhir/Binary")
    demo.sandbox.faults.add(Fault(kind="error-before-write", match=match, status=413, times=9))
    try:
        refused = browser.post(page, f"{page.url}/file", answers_for([image], **RECORDED))
    finally:
        demo.sandbox.faults.clear()
    assert "This EHR does not take files of that size" in refused.text
    assert "file again, or choose Describe only" in refused.text
    assert of_capture(demo.sandbox.store, "Media", capture_of(page)) == []
    assert demo.installation.vault.items(owner=capture_of(page))
