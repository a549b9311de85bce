"""A server of R5 that others wrote, HAPI FHIR JPA: what the app files, keeps and takes away there, in R4's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.conformance.recording import RecordingTransport
from fhir_plugin.conformance.results import Verdict
from fhir_plugin.conformance.run import run
from fhir_plugin.errors import Gone
from mappings.model.identifiers import FhirBase
from mappings.r4.consent import changed, from_consent
from mappings.terminology import systems
from smart_launch.transport import Transport
from tests.capture.bench import PATIENT, SESSION, Bench
from tests.contracts.record_places import labels_of
from tests.fakes.record import FakeRecord
from tests.mappings.r5_written import written
from tests.mappings.test_golden import WITHDRAWN
from tests.servers.hapi_server import running_hapi

pytestmark = [pytest.mark.needs("javac"), pytest.mark.needs("mvn")]

Json = dict[str, Any]
FHIR: Final = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
NO_DEFINITION: Final = "(invalid Version '4.0')"
"""HAPI brings no definitions of R4's elements as extensions; `tests/mappings/test_r5.py` looks at them itself."""


@pytest.fixture(scope="module")
def base() -> Iterator[FhirBase]:
    with running_hapi("r5") as started:
        yield started


@pytest.fixture(scope="module")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=60, total_timeout=120)
    yield transport
    transport.close()


@pytest.fixture
def ehr(base: FhirBase, transport: Transport) -> FhirServerRecord:
    record = FhirServerRecord(transport, base, binary_forms=BinaryForms())
    assert record.capability().fhir_version == "5.0.0"
    return record


def raw(base: FhirBase, transport: Transport, path: str) -> Json:
    """As the server says it, in R5."""
    found: Json = transport.send("GET", f"{base}/{path}", headers=FHIR).json()
    return found


def with_images_of_r5(resource: Json) -> Json:
    """R5 has no Media, and a reference to one is an error there."""
    found: Json = json.loads(re.sub(r'"Media([/"])', r'"DocumentReference\1', json.dumps(resource)))
    return found


def put_what_it_names(ehr: FhirServerRecord, *resources: Json) -> None:
    """Whatever they refer to, so that the server lets them."""
    must: Json = {
        "Encounter": {"status": "planned", "class": [{"text": "ambulatory"}]},
        "RelatedPerson": {"patient": {"reference": "Patient/p1"}},
        "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "nothing"}}]},
        "Task": {"status": "requested", "intent": "order"},
        "QuestionnaireResponse": {"status": "completed", "questionnaire": "urn:q"},
        "Provenance": {"target": [{"reference": "Patient/p1"}], "agent": [{"who": {"display": "nobody"}}]},
        "Consent": {"status": "active"},
    }
    named = {"Patient/p1"}
    for resource in resources:
        named |= set(re.findall(r'"reference": "([A-Z][A-Za-z]+/[A-Za-z0-9.-]+)"', json.dumps(resource)))
    for reference in sorted(named, key=lambda each: (each != "Patient/p1", each)):
        resource_type, id = reference.split("/")
        ehr.put({"resourceType": resource_type, "id": id, **must.get(resource_type, {})})


@pytest.mark.exhaustive
def test_a_conformance_run(base: FhirBase) -> None:
    """HAPI does in R5 what it does in R4; what others refer to cannot be deleted there, and nobody signs in."""
    report = run(RecordingTransport(), base)
    assert report.fhir_version == "5.0.0"
    wrong = {each.name: each.words for each in report.results if each.verdict is Verdict.FAILED}
    assert wrong == {}
    cannot = {each.name for each in report.results if each.verdict is not Verdict.PASSED}
    assert cannot == {"smart", "delete"}
    assert report.left_behind == ()


def test_what_is_filed_is_r5_there_and_whole(ehr: FhirServerRecord, base: FhirBase, transport: Transport) -> None:
    put_what_it_names(ehr, {"x": [{"reference": str(SESSION.user.reference)}, {"reference": str(SESSION.encounter)}]})
    ehr.put({"resourceType": "Patient", "id": PATIENT["id"]})
    bench = Bench(CompositeRecord(ehr, FakeRecord()))
    capture, receipt = bench.filed("store", "store")
    assert (receipt.state, receipt.outcome, receipt.reason) == ("filed", "done", "")
    for line in receipt.filed:
        assert line.sha256_read_back == line.sha256_clean
        image = raw(base, transport, line.reference)
        assert image["bodySite"][0]["concept"]["text"] == "Forearm (left)"
        [attachment] = [content["attachment"] for content in image["content"]]
        assert attachment["width"] and int(attachment["size"]) > 0
        vouched = raw(base, transport, line.provenance)
        assert vouched["resourceType"] == "Provenance" and "reason" not in vouched and vouched["authorization"]
    mine = {"patient": PATIENT["id"], "_tag": f"{systems.CAPTURE}|{capture}"}
    [consent] = ehr.search("Consent", mine)
    said = raw(base, transport, f"Consent/{consent['id']}")
    assert said["decision"] == "deny" and said["subject"] == {"reference": f"Patient/{PATIENT['id']}"}
    [event] = ehr.search("AuditEvent", mine)
    assert raw(base, transport, f"AuditEvent/{event['id']}")["code"]["coding"][0]["code"] == "image.filed"
    by_encounter = ehr.search("DocumentReference", {"encounter": str(SESSION.encounter)})
    assert {f"DocumentReference/{each['id']}" for each in by_encounter} >= {line.reference for line in receipt.filed}


@pytest.mark.parametrize("name", sorted(written()))
def test_what_is_written_is_valid_there_and_comes_back(name: str, ehr: FhirServerRecord) -> None:
    resource = with_images_of_r5({**written()[name], "id": f"w-{name}"})
    put_what_it_names(ehr, resource)
    body = json.dumps(resource).encode()  # in R5 once it is on the wire
    checked = ehr.sender.ask(
        "POST", f"{ehr.base}/{resource['resourceType']}/$validate", "validate", headers=FHIR, content=body
    )
    issues = json.loads(checked.content).get("issue", [])
    wrong = [each["diagnostics"] for each in issues if each["severity"] in ("error", "fatal")]
    assert [each for each in wrong if NO_DEFINITION not in each] == []
    ehr.put(resource)
    found = ehr.read(resource["resourceType"], resource["id"])
    assert {key: value for key, value in found.items() if key != "meta"} == {
        key: value for key, value in resource.items() if key != "meta"
    }
    assert labels_of(found) == labels_of(resource)


def test_a_consent_is_withdrawn_there(ehr: FhirServerRecord) -> None:
    before = with_images_of_r5({**written()["consent-by-parent"], "id": "withdrawn"})
    put_what_it_names(ehr, before)
    ehr.put(before)
    found = ehr.read("Consent", "withdrawn")
    ehr.put(changed(found, WITHDRAWN), version=found["meta"]["versionId"])
    read = from_consent(ehr.read("Consent", "withdrawn"))
    assert not any(read.allows(decision.scope) for decision in read.decisions)
    first, second = ehr.history("Consent", "withdrawn")
    assert (first["status"], second["status"]) == ("inactive", "active")


def test_an_image_is_hidden_put_back_and_deleted_there(ehr: FhirServerRecord) -> None:
    image = {**written()["document-reference"], "id": "hidden"}
    put_what_it_names(ehr, image)
    ehr.put(image)
    for each in ("stub-empty", "stub-picture", "document-reference", "tombstone"):
        now = {**written()[each], "id": "hidden"}
        ehr.put(now)
        found = ehr.read("DocumentReference", "hidden")
        assert {**found, "meta": 0} == {**now, "meta": 0}, each
    ehr.delete("DocumentReference", "hidden")
    with pytest.raises(Gone):
        ehr.read("DocumentReference", "hidden")
