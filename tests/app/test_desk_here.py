"""The desk on the joined app and the sandbox EHR: from the day a request comes in to the package."""

from __future__ import annotations

import base64
import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import Refused
from fhir_plugin.ports import Compartment
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.web.access import clinical_session
from mappings.model.disclosure import Reviewer
from mappings.model.disclosure_request import Decided, DisclosureRequest, RequestState
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession
from tests.app.conftest import OTHER_PATIENT, PATIENT, RecordingTransport, Shop
from tests.disclose.desk.bench import INSURER, SAID
from tests.fakes.whole_record import INTIMATE, ORDINARY, pictures, somebody_elses, whole_record
from tests.fakes.worker import FakeImageWorker, picture

OTHERS = ("images-only", "documents-only", "no-media", "create-only", "server-ids")


@dataclass
class Ehr:
    demo: Demo
    shop: Shop

    def session(self, user: str = "disclosure-officer", patient: str = PATIENT) -> ClinicalSession:
        """Somebody at a computer of their own."""
        launch = self.shop.browser().launch(user=user, patient=patient)
        return clinical_session(self.demo.installation.sessions.get(LaunchId(launch)))


@pytest.fixture(params=["default", "hapi", "no-transaction"])
def ehr(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ehr]:
    """The record of the adult patient, and things about another one."""
    before = structlog.get_config()
    transport, logs = RecordingTransport(), LogCapture()
    demo = start_demo(tmp_path, like=request.param, transport=transport, worker=FakeImageWorker())
    try:
        store = demo.sandbox.store
        for name, content in pictures().items():
            binary = {"resourceType": "Binary", "id": name, "contentType": "image/jpeg"}
            data = {"data": base64.b64encode(content).decode()}
            store.put({**binary, "securityContext": {"reference": f"Patient/{PATIENT}"}, **data})
        for resource in whole_record(PATIENT):
            if resource["resourceType"] != "Patient":
                with contextlib.suppress(FhirError):  # a type that this server does not know
                    store.put(resource)
        for resource in somebody_elses(OTHER_PATIENT):
            with contextlib.suppress(FhirError):
                store.put(resource)
        yield Ehr(demo, Shop(demo, transport, logs, tmp_path))
    finally:
        demo.stop()
        structlog.configure(**before)


def read_whole(ehr: Ehr, session: ClinicalSession, request: DisclosureRequest) -> DisclosureRequest:
    desk = ehr.demo.installation.desk
    desk.gather(session, request.id)
    assert ehr.demo.installation.parts.background.wait(f"disclosure-read {request.id}", 60)
    return desk.view(session, request.id).request


@pytest.mark.parametrize("ehr", ["default"], indirect=True)
def test_while_a_request_is_open_nobody_discards_a_picture_of_this_patient(ehr: Ehr) -> None:
    installation = ehr.demo.installation
    captures, desk, session = installation.captures, installation.desk, ehr.session()
    doctor = ehr.session("gp")
    capture = captures.begin(doctor)
    image = captures.receive(doctor, capture, picture("a rash"), "image/jpeg").image_id
    today = installation.clock.now().date().isoformat()
    request = desk.begin(session, Facts(SAID | {"received": today}))
    identity = captures.identity_digest(captures.patient(doctor))
    about = {"patient_id": doctor.patient_id, "identity_digest": identity}
    with pytest.raises(Refused) as raised:
        captures.discard_all(doctor, capture, reason="sent-in-error", **about)
    assert raised.value.code == "open-access-request"
    (held,) = installation.concerns.of_chart(doctor)
    with pytest.raises(Refused) as raised:
        installation.concerns.lift(doctor, held.id, "In the way.")
    assert raised.value.code == "ends-with-request"
    assert captures.draft(doctor, capture).image(image).received is not None
    desk.refuse(session, request.id, "Taken back.", closed=True, revision=request.revision)
    captures.discard_all(doctor, capture, reason="sent-in-error", **about)
    assert installation.concerns.of_chart(doctor) == []


def test_from_the_request_to_the_package(ehr: Ehr) -> None:
    installation = ehr.demo.installation
    desk, session = installation.desk, ehr.session()
    today = installation.clock.now().date().isoformat()
    request = desk.begin(session, Facts(INSURER | {"received": today}))
    assert installation.concerns.held(session.fhir_base, session.patient_id)
    request = read_whole(ehr, session, request)
    assert request.not_read == {}
    view = desk.view(session, request.id)
    keys = {each.key for each in view.items}
    assert {f"Media/{ORDINARY}", f"Media/{INTIMATE}", "Provenance/made-1", "Condition/condition-2"} <= keys
    assert not any("not-hers" in key for key in keys)
    waiting = [each.key for each in view.items if each.asks is Reviewer.OFFICER]
    assert waiting == ["Communication/letter-1"]
    desk.decide(session, request.id, waiting, Decided.REDACT, "It speaks of it.", revision=view.request.revision)
    view = desk.view(session, request.id)
    assert view.may_sign and not view.needs_second, view.missing
    name = session.user.display
    desk.sign(session, request.id, f"  {name.upper()} ", about=view.digest, revision=view.request.revision)
    assert installation.parts.background.wait(f"disclosure {request.id}", 60)
    done = desk.view(session, request.id).request
    assert done.state is RequestState.SENT, done.why_not
    _name, pieces = desk.package(session, request.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as package:
        whole = b"".join(package.read(each) for each in package.namelist())
    assert INTIMATE.encode() not in whole and b"canary" not in whole and b"Eczema" in whole
    assert not installation.concerns.held(session.fhir_base, session.patient_id)
    owner = f"disclosure/{request.id}/record"
    assert installation.vault.items(compartment=Compartment.PACKAGE_PART, owner=owner) == []
    assert [each.images for each in desk.accounting(session)] == [len(done.package.images if done.package else ())]


@pytest.mark.exhaustive
@pytest.mark.parametrize("ehr", OTHERS, indirect=True)
def test_on_every_other_server_the_record_is_read_or_it_is_told_what_was_not(ehr: Ehr) -> None:
    desk, session = ehr.demo.installation.desk, ehr.session()
    today = ehr.demo.installation.clock.now().date().isoformat()
    request = read_whole(ehr, session, desk.begin(session, Facts(SAID | {"received": today})))
    keys = {each.key for each in desk.view(session, request.id).items}
    told = ehr.demo.installation.records.record_of(session.launch_id).capability().interactions
    for each in whole_record(PATIENT):
        key, type_ = f"{each['resourceType']}/{each['id']}", each["resourceType"]
        unknown = type_ not in told or (type_ == "Provenance" and "Media" not in told)
        assert key in keys or type_ in request.not_read or unknown, key
    assert not any("not-hers" in key for key in keys)
