"""What goes over the wire to a server of R5, and what the app reads of its answers. Against a real one:
`tests/contracts/test_r5_server.py`."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_capability import build_capability
from fhir_plugin.adapters.fhir_r5 import R4Wire, R5Wire, wire_for
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import RecordRefused, RecordUnavailable
from fhir_plugin.ports import TransactionEntry
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase
from mappings.r5.translate import to_r5
from mappings.terminology import systems
from smart_launch.transport import Transport
from tests.adapters.scripted_record import BASE, record
from tests.capture.bench import Bench
from tests.fakes.record import FakeRecord
from tests.fakes.transport import Answer, ScriptedTransport
from tests.mappings.r5_written import written

Json = dict[str, Any]

INTERACTIONS: Final = [{"code": each} for each in ("create", "read", "update", "search-type", "delete")]
STATEMENT: Final[Json] = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "5.0.0",
    "rest": [
        {
            "mode": "server",
            "resource": [
                {
                    "type": each,
                    "interaction": INTERACTIONS,
                    "searchParam": [{"name": "patient"}, {"name": "context"}, {"name": "category"}],
                }
                for each in ("AuditEvent", "Binary", "Consent", "DocumentReference")
            ],
        }
    ],
}
CONSENT: Final = written()["consent-given"]
DOCUMENT: Final = {**written()["document-reference"], "id": "d1"}


def r5(*script: Answer) -> tuple[FhirServerRecord, ScriptedTransport]:
    """A record that has seen what its server is."""
    made, transport = record(Answer(200, STATEMENT), *script, granted=lambda _type, _interaction: True)
    made.capability()
    return made, transport


def stored(resource: Json, **changes: Any) -> Answer:
    return Answer(201, to_r5({**resource, **changes}))


def test_its_capability_is_in_r4s_words() -> None:
    capability = build_capability(STATEMENT)
    assert capability.fhir_version == "5.0.0"
    assert not capability.holds("Media") and capability.holds("DocumentReference")
    assert capability.searches("DocumentReference", "encounter")
    assert not capability.searches("DocumentReference", "context")
    assert capability.searches("AuditEvent", "type")


@pytest.mark.parametrize("version", ["4.0.1", "4.3.0", "4.0"])
def test_r4_and_r4b_are_spoken_to_as_they_are(version: str) -> None:
    assert build_capability({**STATEMENT, "fhirVersion": version}).fhir_version == version
    assert type(wire_for(version)) is R4Wire
    said = json.dumps(CONSENT).encode()
    assert R4Wire().sent(said, {"Content-Type": "application/fhir+json"}) is said


@pytest.mark.parametrize("version", ["5.0.0", "5.0"])
def test_r5_is_known_by_its_version(version: str) -> None:
    assert type(wire_for(version)) is R5Wire


@pytest.mark.parametrize("version", ["3.0.2", "4.1.0", "5.1.0", "6.0.0", "5.0.0-ballot", "50.0", None, 5])
def test_other_versions_are_refused(version: object) -> None:
    with pytest.raises(RecordRefused) as refused:
        build_capability({**STATEMENT, "fhirVersion": version})
    assert refused.value.code == "fhir-version"


def test_what_is_created_is_sent_in_r5_and_what_is_read_is_r4() -> None:
    made, transport = r5(stored(CONSENT), Answer(200, to_r5(CONSENT)), Answer(200, to_r5(CONSENT)))
    made.create(CONSENT)
    sent = json.loads(transport.asked[-1].content)
    assert sent == to_r5(CONSENT) and sent["subject"] == CONSENT["patient"] and "scope" not in sent
    made.put(CONSENT, version="1")
    assert json.loads(transport.asked[-1].content) == to_r5(CONSENT)
    assert made.read("Consent", CONSENT["id"]) == CONSENT


def test_numbers_keep_their_digits() -> None:
    body = json.dumps(to_r5(DOCUMENT)).encode().replace(b'"d1"', b'"d1", "x": 1.50')
    made, _ = r5(Answer(200, body))
    assert str(made.read("DocumentReference", "d1")["x"]) == "1.50"


def test_a_search_is_asked_in_r5_and_its_answers_are_checked_in_r4() -> None:
    """Of two that the server gives, one was made in another encounter."""
    other = {**DOCUMENT, "id": "d2", "context": {"encounter": [{"reference": "Encounter/other"}]}}
    entries = [{"resource": to_r5(each)} for each in (DOCUMENT, other)]
    page = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    made, transport = r5(Answer(200, page))
    found = made.search("DocumentReference", {"encounter": "Encounter/e1", "_count": "10"})
    assert transport.asked[-1].url == f"{BASE}/DocumentReference?_count=10&context=Encounter%2Fe1"
    assert found == [DOCUMENT]


def test_history_and_transactions_are_translated_entry_by_entry() -> None:
    history = {"resourceType": "Bundle", "type": "history", "entry": [{"resource": to_r5(DOCUMENT)}]}
    outcome = {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": {"status": "201 Created", "location": "Consent/c1/_history/1"}}],
    }
    made, transport = r5(Answer(200, history), Answer(200, outcome))
    assert made.history("DocumentReference", "d1") == [DOCUMENT]
    [entry] = made.transact([TransactionEntry("POST", "Consent", CONSENT, "urn:uuid:1")])
    assert entry.ok
    assert json.loads(transport.asked[-1].content)["entry"][0]["resource"] == to_r5(CONSENT)


def test_bytes_pass_as_they_are() -> None:
    made, transport = r5(
        Answer(415), Answer(201, {"resourceType": "Binary", "id": "b1"}), Answer(200, b"\xff", "image/x")
    )
    made.create_binary(b"\xff\x00", "image/jpeg", id=None, security_context=None)
    assert transport.asked[-2].content == b"\xff\x00"
    assert json.loads(transport.asked[-1].content) == {
        "resourceType": "Binary",
        "contentType": "image/jpeg",
        "data": "/wA=",
    }
    assert made.read_binary("Binary/b1").content == b"\xff"


def test_a_type_that_r5_does_not_have_is_never_sent() -> None:
    made, transport = r5()
    with pytest.raises(RecordRefused) as refused:
        made.create({"resourceType": "Media", "status": "completed"})
    assert refused.value.code == "type-not-supported"
    assert len(transport.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1, "a": 2}', b"[1]", b'{"resourceType": "Consent"'])
def test_what_cannot_be_read_is_refused_as_everywhere(body: bytes) -> None:
    made, _ = r5(Answer(200, body))
    with pytest.raises(RecordUnavailable):
        made.read("Consent", "c1")


def test_a_server_that_says_r5_and_speaks_r4_is_read_without_an_error() -> None:
    """What it gives back is then not what was sent, which `verify` sees: nothing counts as filed."""
    made, _ = r5(Answer(200, CONSENT), Answer(200, DOCUMENT))
    assert made.read("Consent", CONSENT["id"])["resourceType"] == "Consent"
    assert made.read("DocumentReference", "d1") != DOCUMENT


def test_a_capture_is_filed_at_the_sandbox_of_r5() -> None:
    """All of a filing, over real HTTP; HAPI in R5, where there is Java."""
    with running_sandbox(SandboxConfig(personality="r5", open=True)) as sandbox:
        transport = Transport()
        ehr = FhirServerRecord(transport, FhirBase(sandbox.fhir_base), binary_forms=BinaryForms())
        assert ehr.capability().fhir_version == "5.0.0"
        ehr.put({"resourceType": "Patient", "id": "p1"})
        bench = Bench(CompositeRecord(ehr, FakeRecord()))
        capture, receipt = bench.filed("store", "store")
        assert (receipt.state, receipt.outcome, receipt.reason) == ("filed", "done", "")
        assert {line.reference.partition("/")[0] for line in receipt.filed} == {"DocumentReference"}
        assert all(line.sha256_read_back == line.sha256_clean for line in receipt.filed)
        [consent] = ehr.search("Consent", {"_tag": f"{systems.CAPTURE}|{capture}"})
        raw = transport.send("GET", f"{sandbox.fhir_base}/Consent/{consent['id']}").json()
        assert raw["decision"] == "deny" and raw["subject"] == consent["patient"] == {"reference": "Patient/p1"}
        transport.close()
