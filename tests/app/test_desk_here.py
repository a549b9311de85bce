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
from fhir_plugin.ports import Compartment, kept_under
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.web.access import clinical_session
from mappings.model.disclosure import Opinion, Reviewer
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import CaptureId, LaunchId, Reference
from mappings.model.kept import KeptImage
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind
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


ARM = ItemKey(f"Media/{ORDINARY}")


def signed(ehr: Ehr, who: ClinicalSession, request: DisclosureRequest) -> DisclosureRequest:
    view = ehr.demo.installation.desk.view(who, request.id)
    name, revision = who.user.display, view.request.revision
    done = ehr.demo.installation.desk.sign(who, request.id, name, about=view.digest, revision=revision)
    if done.state is RequestState.MAKING:
        assert ehr.demo.installation.parts.background.wait(f"disclosure {request.id}", 60)
    return ehr.demo.installation.desk.view(who, request.id).request


def sent_by(ehr: Ehr, who: ClinicalSession, request: DisclosureRequest) -> bytes:
    _name, pieces = ehr.demo.installation.desk.package(who, request.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as package:
        return b"".join(package.read(each) for each in package.namelist())


@pytest.mark.parametrize("ehr", ["default"], indirect=True)
def test_a_doctor_is_asked_about_harm_and_two_people_sign_that_it_is_kept_from_the_patient(ehr: Ehr) -> None:
    installation = ehr.demo.installation
    desk, officer, today = installation.desk, ehr.session(), installation.clock.now().date().isoformat()
    request = read_whole(ehr, officer, desk.begin(officer, Facts(SAID | {"received": today})))
    with pytest.raises(Refused) as raised:  # an officer alone keeps nothing from the patient for harm
        waits = desk.ask_opinion(officer, request.id, ARM, "Would it harm her?", revision=request.revision)
        desk.decide(officer, request.id, [ARM], Decided.REDACT, "Better not.", revision=waits.revision)
    assert raised.value.code == "opinion"
    doctor = ehr.session("gp")
    with installation.parts.work.transaction():
        kinds = {each.kind for each in installation.parts.worklist.of_patient(doctor.fhir_base, doctor.patient_id)}
    assert WorkKind.HARM_OPINION in kinds
    seen = desk.view(doctor, request.id)
    assert [each.key for each in seen.items] == [ARM]
    desk.opine(doctor, request.id, ARM, Opinion.SERIOUS_HARM, "She told me so.", revision=seen.request.revision)
    view = desk.view(officer, request.id)
    assert view.may_sign and not view.needs_second, "two people have looked"
    asthma = [ItemKey("Condition/condition-1")]
    desk.decide(officer, request.id, asthma, Decided.REDACT, "Not hers.", revision=view.request.revision)
    assert desk.view(officer, request.id).needs_second
    assert signed(ehr, officer, request).state is RequestState.WAITS_FOR_SECOND
    guardian = ehr.session("caldicott-guardian")
    assert signed(ehr, guardian, request).state is RequestState.SENT
    whole = sent_by(ehr, officer, request)
    assert ORDINARY.encode() not in whole and b"Asthma" not in whole and INTIMATE.encode() in whole
    with installation.parts.work.transaction():
        assert installation.parts.worklist.of_patient(doctor.fhir_base, doctor.patient_id) == []


@pytest.mark.parametrize("ehr", ["default"], indirect=True)
def test_a_copy_kept_for_audit_is_one_hidden_item_and_the_privacy_officer_lets_it_out(ehr: Ehr) -> None:
    installation = ehr.demo.installation
    desk, officer, today = installation.desk, ehr.session(), installation.clock.now().date().isoformat()
    here, patient, original = officer.fhir_base, officer.patient_id, picture("the whole of it, uncropped")
    with installation.parts.work.transaction():
        kept = KeptImage(here, Reference(ARM), patient, CaptureId("c1"), installation.clock.now())
        installation.parts.kept.keep(kept)
        installation.parts.vault.put(original, compartment=Compartment.AUDIT_COPY, owner=kept_under(here, ARM))
    request = read_whole(ehr, officer, desk.begin(officer, Facts(SAID | {"received": today})))
    view = desk.view(officer, request.id)
    assert view.hidden == 1 and "1 hidden item waits for the privacy officer." in view.missing
    assert not any("hidden-copy" in each.key for each in view.items)
    privacy = ehr.session("privacy-officer")
    [copy] = [each.key for each in desk.view(privacy, request.id).items if each.hidden]
    desk.reveal(privacy, request.id, copy, "To decide whether it goes out")
    assert b"uncropped" in desk.picture(privacy, request.id, copy)[0]
    desk.decide(privacy, request.id, [copy], Decided.RELEASE, "It is hers.", revision=view.request.revision)
    done = signed(ehr, officer, request)
    if done.state is RequestState.WAITS_FOR_SECOND:
        done = signed(ehr, privacy, request)
    assert done.state is RequestState.SENT, done.why_not
    assert original in sent_by(ehr, officer, request)
