"""What a destruction leaves in the record: valid R4, signed, and without a word of what it was."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.provenance import Provenance
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.deletion import CaseId, CertificateNumber, DeletionReason, ItemId
from mappings.model.identifiers import PatientId, Reference
from mappings.r4.audit_event import act_in, from_audit_event
from mappings.r4.destruction_trace import (
    Destruction,
    destroyed_in,
    destruction_of,
    destruction_statement,
    signed_destruction_in,
    to_destruction_event,
    to_destruction_provenance,
)
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from tests.definitions.validator import issues
from tests.mappings.deletions import DIGEST, GUARDIAN, a_case, an_item, approval, items, signed
from tests.mappings.samples import CLINICIAN, NOW, ids, instants, references

JWS = "eyJhbGciOiJFUzM4NCIsImtpZCI6ImsxIn0..c2lnbmF0dXJl"


def told(**changes: Any) -> Destruction:
    item = an_item(approval=approval, certificate=CertificateNumber("DC-1"))
    return replace(destruction_of(a_case(item), item, at=NOW), **changes)


def provenance(one: Destruction) -> Json:
    return to_destruction_provenance(one, act="act-1", software_version="0.1.0", jws=JWS, id="p1")


def event(one: Destruction, *, erased: bool) -> Json:
    return to_destruction_event(one, erased=erased, act="act-1", software_version="0.1.0", id="a1")


destructions = st.builds(
    Destruction,
    case=ids.map(CaseId),
    item=ids.map(ItemId),
    patient=ids.map(PatientId),
    image=items.map(lambda item: item.image),
    reason=st.sampled_from(DeletionReason),
    requested_by=references("Practitioner") | st.just(Reference("system")),
    approval=signed,
    cosigned=st.none() | signed,
    at=instants,
    policy_version=st.sampled_from(["", "strict 1.0"]),
    certificate=st.none() | st.just(CertificateNumber("DC-1")),
    stands=st.booleans(),
)


@settings(max_examples=6)
@given(destructions)
def test_all_of_it_is_valid_and_says_everything_again(one: Destruction) -> None:
    vouched = provenance(one)
    Provenance.model_validate(copy.deepcopy(vouched))
    assert issues(vouched) == []
    assert signed_destruction_in(vouched) == (destruction_statement(one), JWS)
    for erased in (False, True):
        written = event(one, erased=erased)
        AuditEvent.model_validate(copy.deepcopy(written))
        assert issues(written) == []
        read = from_audit_event(written)
        assert (read.at, read.patient, act_in(written)) == (one.at, f"Patient/{one.patient}", "act-1")
        assert bool(destroyed_in(written)) is erased


def test_the_codes_are_those_of_a_removal() -> None:
    vouched = provenance(told())
    assert [each["code"] for each in vouched["activity"]["coding"]] == ["DELETE", "destroy"]
    assert {each["role"] for each in vouched["entity"]} == {"removal"}
    assert [each["coding"][0]["code"] for each in vouched["reason"]] == ["RECORDMGT", "erasure-request"]
    kinds = [each["type"]["coding"][0]["code"] for each in vouched["agent"]]
    assert kinds == ["author", "verifier", "assembler"]
    assert vouched["agent"][0]["who"]["reference"] == CLINICIAN
    assert vouched["agent"][1]["who"]["reference"] == GUARDIAN
    assert [each["what"]["identifier"]["value"] for each in vouched["entity"]] == [
        "Media/m1/_history/3",
        "Binary/b1",
        DIGEST,
    ]


@pytest.mark.parametrize(
    ("erased", "code", "action"), [(False, "14", "image.deleted"), (True, "15", "image.destroyed")]
)
def test_logical_deletion_and_erasure_are_two_things(erased: bool, code: str, action: str) -> None:
    written = event(told(), erased=erased)
    codes = {each["lifecycle"]["code"] for each in written["entity"] if "lifecycle" in each}
    assert codes == {code} and written["action"] == "D" and from_audit_event(written).action == action
    assert destroyed_in(written) == ({"Media/m1/_history/3", "Binary/b1"} if erased else set())
    assert ("DC-1" in str(written)) is erased, "there is no certificate of what is not proven"


def test_nothing_in_it_speaks_of_what_it_was() -> None:
    for written in (provenance(told()), event(told(), erased=False), event(told(), erased=True)):
        text = str(written)
        assert "Mary" not in text and "breast" not in text and "telephone" not in text and "9991234567" not in text


def test_a_reference_leads_somewhere_or_is_none() -> None:
    assert provenance(told(stands=True))["target"][0] == {"reference": "Media/m1"}
    assert "reference" not in provenance(told())["target"][0]
    assert event(told(stands=True), erased=True)["entity"][1]["what"] == {"reference": "Media/m1"}


def test_what_nobody_approved_is_not_told_as_destroyed() -> None:
    with pytest.raises(NotMappable):
        destruction_of(a_case(), an_item(), at=NOW)


def test_a_statement_that_is_not_whole_is_none() -> None:
    vouched = provenance(told())
    parts = vouched["signature"][0]["extension"][0]["extension"]
    for broken in (
        [*parts, parts[0]],
        parts[1:],
        [*parts, {"url": "title", "valueString": "x"}],
        [{**parts[0], "valueString": 3}, *parts[1:]],
        None,
    ):
        vouched["signature"][0]["extension"][0]["extension"] = broken
        assert signed_destruction_in(vouched) is None
    assert signed_destruction_in({"signature": "x"}) is None
