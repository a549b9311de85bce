"""A patient takes everything back: what the clinician has written by then gets its note, by the same button."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import Browser, Page, launch, launch_of, open_browser
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId
from tests.capture.requests.bench import COVER, FIRST, FORM, LAST
from tests.journeys.record_checks import of_capture

NUMBER = "07700900123"
FOUND = "A red scaly patch of two centimetres"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = start_demo(tmp_path)
    yield demo
    demo.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


def sent_by_link(demo: Demo, gallery: Page) -> tuple[CaptureId, Door]:
    """One picture that the patient of this launch has sent by a link, and the door by which they came."""
    here = demo.installation
    session = clinical_session(here.sessions.get(launch_of(gallery)))
    patient = here.captures.patient(session)
    assert patient.birth_date is not None
    request = here.requests.prepare(here.requests.facts(session, patient, (COVER,)), FORM)
    number = {"number": NUMBER, "number_again": NUMBER}
    issued = here.requests.issue(session, patient, request.request_id, number, seen=seen_as(request))
    door = Door(issued.link.rsplit("/", 1)[1], here.visits.new_browser(), "192.0.2.1")
    door = replace(door, browser=here.visits.check_birth_date(door, patient.birth_date))
    here.visits.say(door, FIRST)
    here.visits.add_picture(door, _drawn_photograph(), "image/jpeg")
    here.visits.say(door, LAST)
    here.visits.confirm(door)
    capture = here.request_parts.requests.get(request.request_id).capture_id
    assert capture is not None
    return capture, door


def test_the_note_of_pictures_that_were_taken_back_is_written(demo: Demo, browser: Browser) -> None:
    gallery = launch(demo, browser)
    capture, door = sent_by_link(demo, gallery)
    url = f"{gallery.url.rstrip('/')}/captures/{capture}"
    page = browser.get(url)
    assert "File to" in page.text
    page = browser.post(page, f"{url}/answers", {"findings": FOUND, "advice": "Come in tomorrow"})
    demo.installation.visits.withdraw(door)
    page = browser.get(url)
    assert "Write note to" in page.text and "took their pictures back" in page.text and FOUND in page.text
    receipt = browser.post(page, f"{url}/file", {})
    assert receipt.status == 200 and "The note is in the record. No picture was kept." in receipt.text
    store = demo.sandbox.store
    assert of_capture(store, "Media", capture) == []
    (note,) = of_capture(store, "DocumentReference", capture)
    text = base64.b64decode(note["content"][0]["attachment"]["data"]).decode()
    assert FOUND in text and "Come in tomorrow" in text and "took their pictures back" in text
    assert demo.installation.vault.items(owner=capture) == []
    again = browser.post(page, f"{url}/file", {})
    assert again.status == 200 and len(of_capture(store, "DocumentReference", capture)) == 1
