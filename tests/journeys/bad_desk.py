"""A running app before a sandbox EHR, and one capture in it, for whatever should not be sent to either."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.sandbox.faults import Fault
from fhir_plugin.walkthrough import Browser, Page, add, answers_for, begin, capture_of, launch, launch_of
from fhir_plugin.web.access import clinical_session
from smart_launch import Transport
from tests.imaging.drawing import as_jpeg, grainy
from tests.journeys.record_checks import of_capture, sets_of

PATIENCE = 2.0
"""Seconds that the app waits for this EHR: so that a silent one costs a test little."""
WRITTEN = ("Media", "Binary", "Consent", "Provenance", "AuditEvent", "DocumentReference")


class ShiftedClock:
    """The real time, and as much later as a test says."""

    def __init__(self) -> None:
        self.by = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.by


class CountingTransport(Transport):
    """Remembers which hosts were asked."""

    def __init__(self) -> None:
        super().__init__(read_timeout=PATIENCE)
        self.asked: list[str] = []

    def send(self, method: str, url: str, **options: Any) -> Any:
        self.asked.append(urlsplit(url).netloc)
        return super().send(method, url, **options)


@dataclass
class Desk:
    """A clinician's desk: an EHR, the app, and a hand on the clock and on the network."""

    demo: Demo
    clock: ShiftedClock
    transport: CountingTransport

    @contextmanager
    def later(self, by: dt.timedelta) -> Iterator[None]:
        self.clock.by += by
        try:
            yield
        finally:
            self.clock.by -= by

    def break_ehr(self, *faults: Fault) -> None:
        self.demo.sandbox.faults.add(*faults)


@dataclass
class Work:
    """A capture with one good picture and all its answers, in a browser of its own."""

    desk: Desk
    browser: Browser
    page: Page
    image: str
    form: dict[str, str]

    @property
    def draft(self) -> Any:
        session = clinical_session(self.desk.demo.installation.sessions.get(launch_of(self.page)))
        return self.desk.demo.installation.captures.draft(session, capture_of(self.page))

    @property
    def in_record(self) -> dict[str, int]:
        """How many resources of this capture the EHR holds as current, by type."""
        store = self.desk.demo.sandbox.store
        found = {
            kind: [
                each
                for each in of_capture(store, kind, capture_of(self.page))
                if each.get("status") not in ("entered-in-error", "inactive")
            ]
            for kind in WRITTEN
        }
        return {kind: len(resources) for kind, resources in found.items() if resources}

    def assert_nothing_lost_nothing_filed(self) -> None:
        draft = self.draft
        assert draft.state is DraftState.OPEN
        assert [image.image_id for image in draft.images] == [self.image]
        vault = self.desk.demo.installation.vault
        assert vault.get(draft.images[0].received) and vault.get(draft.images[0].clean)
        assert draft.answers.shared["findings"] == self.form["findings"]
        assert self.in_record == {}
        shown = self.browser.get(self.page.url)
        assert shown.status == 200 and f"image-{self.image}" in shown.text

    def file(self) -> Page:
        return self.browser.post(self.page, f"{self.page.url}/file", self.form)

    def assert_files_after_all(self) -> None:
        """What was said to be safe really is: the same work, filed once the trouble is over."""
        receipt = self.file()
        assert receipt.status == 200 and "/receipt" in receipt.url
        assert self.draft.state is DraftState.FILED
        complete, partial = sets_of(self.desk.demo.sandbox.store, capture_of(self.page))
        assert (len(complete), partial) == (1, [])


def a_jpeg(seed: int = 7) -> bytes:
    return as_jpeg(grainy(120, 90, seed))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    clock, transport = ShiftedClock(), CountingTransport()
    demo = start_demo(tmp_path_factory.mktemp("desk"), clock=clock, transport=transport)
    yield Desk(demo, clock, transport)
    demo.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with closing(Browser()) as browser:
        yield browser


@pytest.fixture
def work(desk: Desk, browser: Browser) -> Iterator[Work]:
    page = begin(browser, launch(desk.demo, browser))
    image = add(browser, page, a_jpeg(), "image/jpeg")
    form = answers_for([image])
    assert browser.post(page, f"{page.url}/answers", form).status == 200
    yield Work(desk, browser, page, image, form)
    desk.demo.sandbox.faults.clear()


def assert_explained(reply: requests.Response | Page, status: int, *, says: str = "") -> None:
    """A page or JSON in plain words: what happened, what to do now, what is safe; nothing of a program."""
    text = reply.text
    got = reply.status_code if isinstance(reply, requests.Response) else reply.status
    assert got == status, (got, text[:500])
    for never in ("Traceback", "Error:", "fhir_plugin", "werkzeug", "Internal Server Error", 'File "'):
        assert never not in text
    if isinstance(reply, requests.Response) and "json" in reply.headers["Content-Type"]:
        said = reply.json()["error"]
        assert said["title"] and said["what_to_do"] and said["safe"] and said["code"]
    else:
        assert "What to do now" in text and 'lang="en' in text
    assert says in text
