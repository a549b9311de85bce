"""From the chart to the patient's phone and back into the record, over the real app and the sandbox EHR."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import PhotoRequest, RequestState
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId, LaunchId
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind
from mappings.r4.communication_request import PhotoAskedStatus, status_of
from tests.app.conftest import Browser, Shop
from tests.capture.requests.bench import CONFIRMED, FIRST, FORM, LAST
from tests.definitions.validator import issues
from tests.fakes.worker import picture

FOREARM = "14975008"


def post(browser: Browser, path: str, page: str, data: dict[str, str]) -> str:
    """Sends a form of the page with what every form carries; the path that follows, or the page."""
    guard = {}
    for name in ("csrf_token", "patient", "identity_seen", "seen", "from_user"):
        found = re.search(rf'name="{name}" value="([^"]*)"', page)
        if found:
            guard[name] = html.unescape(found[1])
    answer = browser.client.post(path, data={**guard, **data})
    assert answer.status_code in (200, 303), answer.text
    return str(answer.headers["Location"]) if answer.status_code == 303 else answer.text


def session_of(shop: Shop, launch: LaunchId) -> ClinicalSession:
    return clinical_session(shop.demo.installation.sessions.get(launch))


def asked(shop: Shop, browser: Browser, launch: LaunchId, justification: str) -> tuple[PhotoRequest, Door]:
    """The clinician's part, through the screens."""
    new = f"/l/{launch}/photo-requests/new"
    form = {**FORM, "cover": "", "cover_name": "Dr Cover", "justification": justification}
    number = post(browser, new, browser.get(new).text, form)
    page = post(browser, number.replace("/number", "/link"), browser.get(number).text, dict(CONFIRMED))
    found = re.search(r"/p/([\w-]{43})", html.unescape(page))
    assert found is not None
    session = session_of(shop, launch)
    return shop.demo.installation.requests.of_patient(session)[0].request, Door(found[1])


def sent_back(shop: Shop, door: Door, session: ClinicalSession) -> Door:
    """The patient's part."""
    installation = shop.demo.installation
    born = installation.captures.patient(session).birth_date
    assert born is not None
    door = replace(door, browser=installation.visits.new_browser())
    installation.visits.check_birth_date(door, born)
    installation.visits.say(door, FIRST)
    installation.visits.add_picture(door, picture("from the patient"), "image/jpeg")
    installation.visits.say(door, LAST)
    installation.visits.confirm(door)
    return door


def status_in_record(shop: Shop, session: ClinicalSession, request: PhotoRequest) -> PhotoAskedStatus | None:
    installation = shop.demo.installation
    installation.resume()
    current = installation.request_parts.requests.get(request.request_id)
    assert current.record is not None
    resource = installation.records.record_of(session.launch_id).read(*current.record.split("/"))
    assert issues(resource) == []
    return status_of(resource)


def test_a_photo_is_asked_for_sent_taken_and_filed(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    launch = browser.launch()
    session = session_of(shop, launch)
    request, door = asked(shop, browser, launch, "A rash that changes, and no appointment this week")
    assert status_in_record(shop, session, request) is PhotoAskedStatus.ACTIVE
    door = sent_back(shop, door, session)

    page = browser.get(f"/l/{launch}/photo-requests/{request.request_id}").text
    screen = post(browser, f"/l/{launch}/photo-requests/{request.request_id}/take", page, {})
    assert browser.get(screen).status_code == 200
    capture = CaptureId(screen.rsplit("/", 1)[1])
    draft = installation.captures.draft(session, capture)
    assert draft.answers.shared["arrival"] == "our-link"
    image = draft.images[0].image_id
    said = {
        "face_to_face": "yes",
        "understood": "yes",
        "intimacy": "no",
        "findings": "Erythema",
        "advice": "Emollient",
        "taken_on": installation.clock.now().date().isoformat(),
        f"site-{image}": FOREARM,
        f"laterality-{image}": "left",
        f"decision-{image}": "store",
    }
    installation.captures.answer(session, capture, said)
    view = installation.captures.assess(session, capture)
    assert view.may_file, (view.missing, view.holds)
    digest = installation.captures.identity_digest(installation.captures.patient(session))
    installation.captures.file(session, capture, patient_id=str(session.patient_id), identity_digest=digest)
    assert installation.captures.draft(session, capture).state is DraftState.FILED
    kinds = [item.kind for item in installation.worklist.of_patient(session.fhir_base, session.patient_id)]
    assert WorkKind.CAME_BACK not in kinds
    assert status_in_record(shop, session, request) is PhotoAskedStatus.COMPLETED

    installation.visits.withdraw(door)
    (item,) = [
        item
        for item in installation.worklist.of_patient(session.fhir_base, session.patient_id)
        if item.kind is WorkKind.WITHDRAWAL
    ]
    _, images = installation.reviews.item(session, item.id)
    assert [image.capture_id for image in images] == [capture], "what is in the record is reviewed by a person"
    assert browser.get(f"/l/{launch}/worklist?whose=all").status_code == 200


@pytest.mark.parametrize("way", ["decline", "call_me"])
def test_no_is_on_the_practices_list_and_in_the_record(shop: Shop, browser: Browser, way: str) -> None:
    installation = shop.demo.installation
    launch = browser.launch(patient="p-adult-2")
    session = session_of(shop, launch)
    request, door = asked(shop, browser, launch, f"Another reason, which is {way}")
    getattr(installation.visits, way)(door)
    state = installation.request_parts.requests.get(request.request_id).state
    assert state in (RequestState.DECLINED, RequestState.CALL_ME)
    expected = PhotoAskedStatus.REVOKED if way == "decline" else PhotoAskedStatus.ON_HOLD
    assert status_in_record(shop, session, request) is expected
    page = browser.get(f"/l/{launch}/worklist?whose=all")
    assert page.status_code == 200
    assert "Would rather not send pictures" in page.text or "Wants to be called" in page.text
