"""An EHR that is down, slow, overrun or lying, and two presses at once: what a person sees, and what is filed."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.demo import CLIENT_ID, start_demo
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.sandbox.serve import start_sandbox
from fhir_plugin.walkthrough import Browser, Page, add, answers_for, begin, capture_of, launch, launch_of
from fhir_plugin.web.access import clinical_session
from tests.journeys.bad_desk import (
    PATIENCE,
    CountingTransport,
    Desk,
    ShiftedClock,
    Work,
    a_jpeg,
    assert_explained,
    browser,
    desk,
    work,
)
from tests.journeys.record_checks import sets_of

__all__ = ["browser", "desk", "work"]

WRITES = Match(method="PUT|POST", path="^/fhir")


# ----------------------------------------------------------------------------------------- the EHR


def test_an_ehr_that_is_down(tmp_path: Path, browser: Browser) -> None:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path, clock=clock, transport=transport)
    desk = Desk(demo, clock, transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(desk, browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        registered = demo.sandbox.sandbox.server.clients.find(CLIENT_ID)
        assert registered is not None
        port = urlsplit(demo.sandbox.origin).port or 0
        demo.sandbox.stop()
        down = work.file()
        assert_explained(down, 503, says="kept safely")
        with desk.later(dt.timedelta(minutes=2)):
            assert_explained(browser.get(page.url), 503, says="try again")
        query = urlencode({"iss": demo.sandbox.fhir_base, "launch": "x"})
        with desk.later(dt.timedelta(hours=1)):  # what was known of the EHR is asked for again
            assert_explained(browser.get(f"{demo.app.origin}/launch?{query}"), 503)
        session = clinical_session(demo.installation.sessions.get(launch_of(page)))
        assert demo.installation.captures.draft(session, capture_of(page)).state is DraftState.OPEN

        demo.sandbox = start_sandbox(SandboxConfig(data=tmp_path / "ehr.sqlite"), port=port)
        demo.sandbox.register(registered.registration)
        gallery = launch(demo, browser)  # it has forgotten its tokens
        again = browser.get(f"{gallery.url.rstrip('/')}/captures/{capture_of(page)}")
        fresh = Work(desk, browser, again, image, work.form)
        fresh.assert_nothing_lost_nothing_filed()
        fresh.assert_files_after_all()
    finally:
        demo.stop()


def test_an_ehr_that_is_slow_but_answers(work: Work) -> None:
    work.desk.break_ehr(Fault(kind="slow", match=WRITES, seconds=PATIENCE / 4, times=3))
    work.assert_files_after_all()


def test_an_ehr_that_is_too_slow_ends_truthfully(work: Work) -> None:
    """Its answer is lost: the page says that nobody knows yet, and the app finds out."""
    work.desk.break_ehr(Fault(kind="timeout-after-write", match=WRITES, seconds=PATIENCE * 3))
    page = work.file()
    assert page.status == 200 and "/receipt" in page.url
    assert "Traceback" not in page.text
    for _ in range(5):
        if work.draft.state is not DraftState.FILING:
            break
        work.desk.demo.sandbox.faults.clear()
        with work.desk.later(dt.timedelta(minutes=5)):
            work.desk.demo.installation.resume()
    assert work.draft.state is DraftState.FILED
    complete, partial = sets_of(work.desk.demo.sandbox.store, capture_of(work.page))
    assert (len(complete), partial) == (1, [])
    assert work.browser.get(page.url).status == 200


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir"])
def test_an_ehr_that_never_answers_a_page(work: Work, path: str) -> None:
    with work.desk.later(dt.timedelta(minutes=2)):
        work.desk.break_ehr(Fault(kind="slow", match=Match(path=path), seconds=30, times=9))
        page = work.browser.get(work.page.url)
        assert page.status in (503, 504)
        assert_explained(page, page.status, says="What to do now")
        work.desk.demo.sandbox.faults.clear()
    work.assert_nothing_lost_nothing_filed()


def test_an_ehr_that_is_overrun_says_when_to_come_back(work: Work) -> None:
    with work.desk.later(dt.timedelta(minutes=2)):
        work.desk.break_ehr(Fault(kind="too-many-requests", match=Match(path="/fhir/Patient"), retry_after=17, times=9))
        reply = work.browser.upload(work.page, f"{work.page.url}/images", a_jpeg(31), "image/jpeg")
        assert_explained(reply, 503)
        assert reply.headers["Retry-After"] == "17"
        work.desk.demo.sandbox.faults.clear()
    work.assert_nothing_lost_nothing_filed()


@pytest.mark.parametrize(
    ("like", "path"),
    [
        ("default", "/fhir/Binary"),
        ("default", "/fhir/?$"),
        ("no-transaction", "/fhir/?$"),
        ("server-ids", "/fhir/Binary"),
        ("server-ids", "/fhir/Media"),
        ("server-ids", "/fhir/Provenance"),
        ("server-ids", "/fhir/Consent"),
        ("server-ids", "/fhir/DocumentReference"),
    ],
)
def test_an_ehr_that_says_201_and_stores_nothing(tmp_path: Path, browser: Browser, like: str, path: str) -> None:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path, like=like, clock=clock, transport=transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(Desk(demo, clock, transport), browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        demo.sandbox.faults.add(Fault(kind="not-stored", match=Match(method="PUT|POST", path=path)))
        shown = work.file()
        assert not demo.sandbox.faults.waiting()
        assert shown.status == 200 and "Not filed" in shown.text
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()
    finally:
        demo.stop()


def test_two_presses_at_once_file_one_set(work: Work) -> None:
    pages: list[Page] = []

    def press() -> None:
        with closing(Browser()) as twin:
            for cookie in work.browser._session.cookies:
                twin._session.cookies.set_cookie(cookie)
            pages.append(twin.post(work.page, f"{work.page.url}/file", work.form))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {page.status for page in pages} <= {200, 400, 409}, [page.status for page in pages]
    for _ in range(3):
        if work.draft.state is DraftState.FILING:
            with work.desk.later(dt.timedelta(minutes=5)):
                work.desk.demo.installation.resume()
    complete, partial = sets_of(work.desk.demo.sandbox.store, capture_of(work.page))
    assert (len(complete), partial) == (1, [])
