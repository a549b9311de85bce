"""An EHR behind something that answers in its place: a page, an error with 200, XML, a redirection, a bomb.

What a person sees, and what is filed: once or not at all, never half; what could not be filed is kept and filed later.
"""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from _pytest.mark import ParameterSet

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.demo import CLIENT_ID, Demo, start_demo
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.walkthrough import (
    DEMO_CLINICIAN,
    DEMO_PATIENT,
    Browser,
    Page,
    add,
    answers_for,
    begin,
    capture_of,
    launch,
    launch_of,
)
from fhir_plugin.web.access import clinical_session
from smart_launch.waiting import Waits
from tests.journeys.bad_desk import (
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

MOST_SECONDS = 30.0
KINDS = ("html", "outcome-with-200", "wrong-type", "xml", "redirect", "gzip-bomb", "empty")
WRITES = Match(method="PUT|POST", path="^/fhir(?!.*_search)")


def tried(kinds: Iterable[str], *, often: tuple[str, ...]) -> list[ParameterSet]:
    """Each of them; in a normal run some: the record is tried with all of them in tests/contracts."""
    return [pytest.param(each, marks=[] if each in often else [pytest.mark.exhaustive]) for each in kinds]


def fault(kind: str, match: Match, **more: object) -> Fault:
    return Fault.model_validate({"kind": kind, "match": match, **more})


def settled(work: Work) -> DraftState:
    """Once the trouble is over and the app has gone on with what it does not know."""
    work.desk.demo.sandbox.faults.clear()
    for minutes in (5, 10, 20, 40):
        if work.draft.state is not DraftState.FILING:
            break
        with work.desk.later(dt.timedelta(minutes=minutes)):
            work.desk.demo.installation.resume()
    state: DraftState = work.draft.state
    return state


def assert_once_or_not_at_all(work: Work) -> None:
    state = settled(work)
    assert state in (DraftState.OPEN, DraftState.FILED)
    if state is DraftState.OPEN:
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()
    complete, partial = sets_of(work.desk.demo.sandbox.store, capture_of(work.page))
    assert (len(complete), partial) == (1, [])


@pytest.mark.parametrize("done", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("kind", tried(KINDS, often=("html", "redirect")))
def test_a_filing_that_got_another_answer(work: Work, kind: str, done: bool) -> None:
    status = 303 if kind == "redirect" and done else None
    work.desk.break_ehr(fault(kind, WRITES, done=done, status=status))
    started = time.monotonic()
    page = work.file()
    assert time.monotonic() - started < MOST_SECONDS
    assert page.status in (200, 503) and "Traceback" not in page.text
    assert "Fault on demand" not in page.text and "Your session has ended" not in page.text
    assert not work.desk.demo.sandbox.faults.waiting(), "it struck"
    assert_once_or_not_at_all(work)


@pytest.mark.parametrize("kind", tried(("html", "outcome-with-200", "redirect", "gzip-bomb"), often=("html",)))
def test_a_filing_of_which_every_answer_is_another(work: Work, kind: str) -> None:
    """A gateway that has signed everybody out: nothing gets through until it lets us in again."""
    work.desk.break_ehr(fault(kind, Match(path="^/fhir"), done=False, times=500))
    started = time.monotonic()
    page = work.file()
    assert time.monotonic() - started < MOST_SECONDS
    assert page.status in (200, 502, 503) and "Traceback" not in page.text
    assert work.draft.state in (DraftState.OPEN, DraftState.FILING)
    assert [image.image_id for image in work.draft.images] == [work.image]
    assert_once_or_not_at_all(work)


@pytest.mark.parametrize("kind", tried(("redirect", "html"), often=("redirect",)))
def test_what_could_not_be_filed_is_found_taken_along_and_filed_later(work: Work, kind: str) -> None:
    """Refused or unknown: the capture stands in the gallery, and its signed file can be had meanwhile."""
    work.desk.break_ehr(fault(kind, WRITES, done=False, times=500))
    assert work.file().status in (200, 502, 503)
    capture, installation = capture_of(work.page), work.desk.demo.installation
    gallery = work.browser.get(f"{work.page.url.partition('/captures')[0]}/")
    assert gallery.status == 200 and str(capture) in gallery.text, "it is found"
    session = clinical_session(installation.sessions.get(launch_of(work.page)))
    assert installation.exports.may(session, capture)
    packed = b"".join(installation.exports.of(session, capture))
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        clean = installation.vault.get(work.draft.images[0].clean)
        assert any(file.read(name) == clean for name in file.namelist()), "the whole picture is in it"
    assert_once_or_not_at_all(work)


@pytest.mark.parametrize("kind", tried((*KINDS, "paging-loop", "next-elsewhere"), often=("xml", "paging-loop")))
def test_a_page_whose_reading_got_another_answer(work: Work, kind: str) -> None:
    asked_before = len(work.desk.transport.asked)
    with work.desk.later(dt.timedelta(minutes=2)):
        work.desk.break_ehr(fault(kind, Match(method="GET|POST", path="^/fhir"), times=100))
        started = time.monotonic()
        page = work.browser.get(f"{work.page.url.partition('/captures')[0]}/")
        assert time.monotonic() - started < MOST_SECONDS
        if page.status != 200:
            assert page.status in (502, 503, 504)
            assert_explained(page, page.status, says="What to do now")
        work.desk.demo.sandbox.faults.clear()
    hosts = set(work.desk.transport.asked[asked_before:])
    assert hosts <= {urlsplit(work.desk.demo.sandbox.origin).netloc}, "no other host is asked"
    work.assert_nothing_lost_nothing_filed()


def test_an_ehr_that_is_overrun_for_minutes_is_left_alone_and_then_gets_it(work: Work) -> None:
    work.desk.break_ehr(fault("too-many-requests", WRITES, times=500, retry_after=300))
    page = work.file()
    assert page.status in (200, 503) and "Traceback" not in page.text
    asked = len(work.desk.transport.asked)
    for _ in range(5):
        work.desk.demo.installation.resume()
    assert len(work.desk.transport.asked) - asked <= 5, "who asked us to wait is not asked again and again"
    assert [image.image_id for image in work.draft.images] == [work.image]
    work.desk.transport._waits = Waits()  # the minutes are over
    assert_once_or_not_at_all(work)


# ----------------------------------------------------------------------------------- from the first page


def opened(demo: Demo, browser: Browser) -> Page:
    """As `walkthrough.launch`, whatever comes of it."""
    asked = {"client_id": CLIENT_ID, "user": DEMO_CLINICIAN, "patient": DEMO_PATIENT}
    made = requests.post(f"{demo.sandbox.origin}/_sandbox/launch", json=asked, timeout=30)
    made.raise_for_status()
    return browser.get(made.json()["launch_url"])


@pytest.mark.parametrize("kind", tried(KINDS, often=("xml",)))
def test_an_ehr_that_describes_itself_in_another_way(tmp_path: Path, browser: Browser, kind: str) -> None:
    """XML only, or a sign-in page at `metadata`: the launch ends in words, and works once that is over."""
    demo = start_demo(tmp_path)
    try:
        demo.sandbox.faults.add(fault(kind, Match(path="^/fhir/metadata"), times=500))
        page = opened(demo, browser)
        assert_explained(page, page.status)
        assert page.status in (502, 503)
        demo.sandbox.faults.clear()
        assert opened(demo, browser).status == 200
    finally:
        demo.stop()


@pytest.mark.parametrize(("version", "files"), [("4.3.0", True), ("5.0.0", False)])
def test_an_ehr_that_says_another_version_than_it_speaks(
    tmp_path: Path, browser: Browser, version: str, files: bool
) -> None:
    """What is spoken is R4: called R4B it files; called R5, nothing is filed and nothing lost."""
    like = tmp_path / "like.toml"
    like.write_text(f'name = "says-another-version"\nfhir_version = "{version}"\n')
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path / "state", like=str(like), clock=clock, transport=transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(Desk(demo, clock, transport), browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        if files:
            work.assert_files_after_all()
        else:
            shown = work.file()
            assert "Traceback" not in shown.text
            work.assert_nothing_lost_nothing_filed()
    finally:
        demo.stop()


def test_an_ehr_that_spoils_bytes_and_that_nobody_has_named(tmp_path: Path, browser: Browser) -> None:
    """What was written is looked at: the spoiled image is undone, and *File* again sends it so that it arrives."""
    like = tmp_path / "like.toml"
    like.write_text('name = "launcher"\nsoftware_name = "HAPI FHIR Server"\nraw_binary = "as-text"\n')
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path / "state", like=str(like), clock=clock, transport=transport)
    try:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, a_jpeg(), "image/jpeg")
        work = Work(Desk(demo, clock, transport), browser, page, image, answers_for([image]))
        browser.post(page, f"{page.url}/answers", work.form)
        assert "Not filed" in work.file().text
        work.assert_nothing_lost_nothing_filed()
        work.assert_files_after_all()
    finally:
        demo.stop()


def test_an_ehr_that_says_a_version_that_we_do_not_speak(tmp_path: Path, browser: Browser) -> None:
    like = tmp_path / "like.toml"
    like.write_text('name = "stu3"\nfhir_version = "3.0.2"\n')
    with start_demo(tmp_path / "state", like=str(like)) as demo:
        assert_explained(opened(demo, browser), 502)
