"""Launches, sessions and pages that do not belong together: refused, explained, nothing written."""

from __future__ import annotations

import datetime as dt
import socket
from contextlib import closing
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from fhir_plugin.demo import CLIENT_ID
from fhir_plugin.walkthrough import DEMO_PATIENT, Browser, Page, capture_of, launch
from tests.journeys.bad_desk import Desk, Work, a_jpeg, assert_explained, browser, desk, work
from tests.journeys.record_checks import TAG, of_capture

__all__ = ["browser", "desk", "work"]

# ---------------------------------------------------------------------------------------- launch


def authorize(desk: Desk, browser: Browser) -> str:
    """As far as the EHR's sign-in page goes: the address that it sends the browser back to."""
    asked = requests.post(
        f"{desk.demo.sandbox.origin}/_sandbox/launch",
        json={"client_id": CLIENT_ID, "user": "gp", "patient": DEMO_PATIENT},
        timeout=10,
    )
    url: str = asked.json()["launch_url"]
    for _ in range(8):
        reply = browser._session.get(url, allow_redirects=False, timeout=10)
        for cookie in browser._session.cookies:
            cookie.secure = False
        url = urljoin(url, reply.headers["Location"])
        if urlsplit(url).path == "/callback":
            return url
    raise AssertionError("the EHR never sent the browser back")


def test_an_unknown_issuer_is_refused_and_never_asked(desk: Desk, browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.3)
        before = list(desk.transport.asked)
        query = urlencode({"iss": f"http://127.0.0.1:{stranger.getsockname()[1]}/fhir", "launch": "abc"})
        page = browser.get(f"{desk.demo.app.origin}/launch?{query}")
        assert_explained(page, 403, says="not known")
        with pytest.raises(TimeoutError):
            stranger.accept()
    assert desk.transport.asked == before


def test_a_replayed_callback_opens_nothing_and_ends_nothing(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    first = browser.get(url)
    assert first.status == 200 and "/l/" in first.url
    asked = len(desk.transport.asked)
    again = browser.get(url)
    assert_explained(again, 401, says="open the app again")
    assert len(desk.transport.asked) == asked, "no code is traded twice"
    assert browser.get(first.url).status == 200, "the launch that it replays goes on"


def test_another_browsers_state_opens_nothing(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    asked = len(desk.transport.asked)
    with closing(Browser()) as bare:
        assert_explained(bare.get(url), 400, says="cookie")
    with closing(Browser()) as other:
        authorize(desk, other)  # has a cookie of its own, and a launch of its own under way
        asked = len(desk.transport.asked)
        page = other.get(url)
        assert page.status in (400, 401)
        assert_explained(page, page.status, says="What to do now")
    assert len(desk.transport.asked) == asked, "no code was traded"


def test_a_session_opens_only_in_the_browser_that_launched_it(work: Work) -> None:
    with closing(Browser()) as other:
        assert_explained(other.get(work.page.url), 401)
        launch(work.desk.demo, other, patient="p-adult-1")
        assert_explained(other.get(work.page.url), 401)
        reply = other.upload(work.page, f"{work.page.url}/images", a_jpeg(21), "image/jpeg")
        assert reply.status_code in (400, 401)
    work.assert_nothing_lost_nothing_filed()


def test_a_state_that_was_never_given_out(desk: Desk, browser: Browser) -> None:
    launch(desk.demo, browser)
    for query in ({"state": "made-up", "code": "made-up"}, {"state": "", "code": "x"}, {"code": "x"}, {}):
        page = browser.get(f"{desk.demo.app.origin}/callback?{urlencode(query)}")
        assert page.status in (400, 401)
        assert_explained(page, page.status)


def test_a_sign_in_that_the_ehr_refuses(desk: Desk, browser: Browser) -> None:
    url = authorize(desk, browser)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items() if name != "code"}
    query = urlencode({**asked, "error": "access_denied", "error_description": "<script>alert(1)</script>"})
    page = browser.get(f"{desk.demo.app.origin}/callback?{query}")
    assert_explained(page, 403)
    assert "alert(1)" not in page.text


def test_an_expired_session_waits_for_the_next_sign_in(work: Work) -> None:
    with work.desk.later(dt.timedelta(hours=9)):
        assert_explained(work.browser.get(work.page.url), 401, says="open the app again")
        reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(22), "image/jpeg")
        assert_explained(reply, 401)
        assert_explained(work.file(), 401)
    store = work.desk.demo.sandbox.store
    assert not of_capture(store, "Media", capture_of(work.page))
    gallery = launch(work.desk.demo, work.browser)
    again = work.browser.get(f"{gallery.url.rstrip('/')}/captures/{capture_of(work.page)}")
    assert again.status == 200 and work.image in again.text and work.form["findings"] in again.text
    fresh = Work(work.desk, work.browser, again, work.image, work.form)
    fresh.assert_nothing_lost_nothing_filed()
    fresh.assert_files_after_all()


# ------------------------------------------------------------------------- patient and page


def test_a_patient_that_changed_between_page_and_post(work: Work) -> None:
    store = work.desk.demo.sandbox.store
    before = store.read("Patient", DEMO_PATIENT)
    assert before is not None
    store.put({**before, "birthDate": "1931-01-01"})
    try:
        page = work.file()
        assert_explained(page, 409)
        with work.desk.later(dt.timedelta(minutes=2)):  # what is shown of a patient is asked for again
            reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(23), "image/jpeg")
            assert_explained(reply, 409)
            assert_explained(work.browser.post(work.page, f"{work.page.url}/discard"), 409)
    finally:
        store.put(before)
    with work.desk.later(dt.timedelta(minutes=4)):
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()


def test_a_page_of_one_patient_posted_under_the_launch_of_another(work: Work) -> None:
    other = launch(work.desk.demo, work.browser, patient="p-adult-1")
    elsewhere = f"{other.url.rstrip('/')}/captures/{capture_of(work.page)}"
    crossed = Page(elsewhere, 200, "", {**work.page.meta})
    for path in ("file", "answers", "discard"):
        page = work.browser.post(crossed, f"{elsewhere}/{path}", work.form)
        assert_explained(page, 409)
    own = {**work.page.meta, "patient": other.meta["patient"], "identity": other.meta["identity"]}
    page = work.browser.post(Page(elsewhere, 200, "", own), f"{elsewhere}/file", work.form)
    assert_explained(page, 404)
    assert_explained(work.browser.upload(Page(elsewhere, 200, "", own), f"{elsewhere}/images", a_jpeg(3), ""), 404)
    work.assert_nothing_lost_nothing_filed()
    assert not work.desk.demo.sandbox.store.search(
        "Media", {"patient": "p-adult-1", "_tag": f"{TAG}|{capture_of(work.page)}"}
    )


def test_a_page_without_its_token_writes_nothing(work: Work) -> None:
    bare = Page(work.page.url, 200, "", {**work.page.meta, "csrf-token": "made-up"})
    assert_explained(work.browser.post(bare, f"{work.page.url}/file", work.form), 400)
    assert_explained(work.browser.upload(bare, f"{work.page.url}/images", a_jpeg(4), "image/jpeg"), 400)
    work.assert_nothing_lost_nothing_filed()
