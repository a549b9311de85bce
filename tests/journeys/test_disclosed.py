"""From the officer's desk to a package in the recipient's hands, at an EHR: everything told, nothing in clear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.disclose.package.verify import verify_package
from fhir_plugin.walkthrough import DEMO_PATIENT, add, answers_for, begin, capture_of, launch, launch_of, open_browser
from fhir_plugin.web.access import clinical_session
from mappings.model.disclosure_request import Decided, DisclosureRequest, RequestState
from mappings.model.people import ClinicalSession
from mappings.r4.disclosure_event import disclosure_in, images_sent_in, signed_disclosure_in

PATIENCE = 60.0


OTHERS = ("hapi", "server-ids", "no-media", "images-only", "no-binary", "create-only", "no-transaction")


@pytest.fixture(
    scope="module", params=["default", *(pytest.param(each, marks=pytest.mark.exhaustive) for each in OTHERS)]
)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = start_demo(tmp_path_factory.mktemp("ehr"), like=request.param)
    yield demo
    demo.stop()


def filed(demo: Demo) -> str:
    """A photograph in the record, as a clinician files one."""
    with open_browser() as browser:
        page = begin(browser, launch(demo, browser))
        image = add(browser, page, _drawn_photograph(), "image/jpeg")
        session = clinical_session(demo.installation.sessions.get(launch_of(page)))
        captures, capture = demo.installation.captures, capture_of(page)
        captures.answer(session, capture, answers_for([image]))
        digest = captures.identity_digest(captures.patient(session))
        receipt = captures.file(session, capture, patient_id=session.patient_id, identity_digest=digest)
    assert receipt.state == "filed"
    return str(receipt.filed[0].reference)


def officer(demo: Demo) -> ClinicalSession:
    with open_browser() as browser:
        page = launch(demo, browser, user="disclosure-officer", patient=DEMO_PATIENT)
        return clinical_session(demo.installation.sessions.get(launch_of(page)))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def test_a_request_is_read_decided_signed_made_proven_told_and_fetched(demo: Demo, tmp_path: Path) -> None:
    image = filed(demo)
    desk, session = demo.installation.desk, officer(demo)
    today = demo.installation.clock.now().date().isoformat()
    request = desk.begin(
        session,
        Facts(
            {
                "requester": "patient",
                "received": today,
                "recipient": "The patient, by hand",
                "relationship": "herself",
                "identity_checked": "Passport seen",
                "consent": "general",
                "authority": "seen",
            }
        ),
    )

    def now() -> DisclosureRequest:
        return demo.installation.desk.parts.requests.get(request.id)

    desk.gather(session, request.id)
    until(lambda: now().gathered is not None)
    view = desk.view(session, request.id)
    waiting = [each.key for each in view.items if each.asks is not None]
    if waiting:
        desk.decide(session, request.id, waiting, Decided.REDACT, "Not sure.", revision=now().revision)
    view = desk.view(session, request.id)
    assert view.missing == ()
    desk.sign(session, request.id, session.user.display, about=view.digest, revision=now().revision)
    until(lambda: now().state is not RequestState.MAKING)
    sent = now()
    assert (sent.state, sent.why_not) == (RequestState.SENT, "") and sent.package is not None
    assert image in sent.package.images
    record = demo.installation.records.record_of(session.launch_id)
    event, provenance = (
        record.read(*each.split("/")) for each in (sent.package.event, sent.package.provenance) if each is not None
    )
    assert disclosure_in(event) == request.id and images_sent_in(event) == set(sent.package.images)
    signed = signed_disclosure_in(provenance)
    assert signed is not None and demo.installation.signer.verify(*signed)
    name, pieces = desk.package(session, request.id)
    package = tmp_path / name
    package.write_bytes(b"".join(pieces))
    with package.open("rb") as file:
        assert verify_package(file).faults == ()
    (told,) = desk.accounting(session)
    assert told.images == len(sent.package.images) and told.reference == sent.package.event
    for each in (demo.installation.settings.state / "vault").rglob("*"):
        if each.is_file():
            assert b"PK\x03\x04" not in each.read_bytes()[:64]
