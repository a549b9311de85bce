"""A token that dies before its time: renewed once, never sent round and round."""

from __future__ import annotations

import pytest

from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import SignInNeeded
from mappings.model.identifiers import FhirBase
from tests.fakes.transport import Answer, ScriptedTransport

BASE = FhirBase("https://ehr.example/fhir")
PATIENT = {"resourceType": "Patient", "id": "p1"}


def record(transport: ScriptedTransport, rejected: list[str]) -> FhirServerRecord:
    def renew(token: str) -> str:
        rejected.append(token)
        return "fresh"

    return FhirServerRecord(transport, BASE, lambda: "stale", renew=renew)


def test_a_refused_token_is_renewed_and_the_request_goes_out_once_more() -> None:
    transport, rejected = ScriptedTransport(Answer(401), Answer(200, PATIENT)), list[str]()
    assert record(transport, rejected).read("Patient", "p1") == PATIENT
    assert rejected == ["stale"]
    assert [asked.headers["Authorization"] for asked in transport.asked] == ["Bearer stale", "Bearer fresh"]


def test_a_second_refusal_asks_for_a_sign_in() -> None:
    transport, rejected = ScriptedTransport(Answer(401), Answer(401)), list[str]()
    with pytest.raises(SignInNeeded):
        record(transport, rejected).read("Patient", "p1")
    assert transport.finished


def test_a_write_that_was_refused_for_its_token_is_repeated_whole() -> None:
    stored = Answer(200, PATIENT, headers=(("Location", f"{BASE}/Patient/p1/_history/1"),))
    transport, rejected = ScriptedTransport(Answer(401), stored), list[str]()
    assert record(transport, rejected).put(PATIENT).reference == "Patient/p1"
    first, second = transport.asked
    assert (first.method, first.content) == (second.method, second.content) == ("PUT", first.content)


def test_without_a_way_to_renew_it_asks_for_a_sign_in_at_once() -> None:
    transport = ScriptedTransport(Answer(401))
    with pytest.raises(SignInNeeded):
        FhirServerRecord(transport, BASE, lambda: "stale").read("Patient", "p1")
    assert transport.finished
