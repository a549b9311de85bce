"""A release in the record: valid R4, the codes of IHE, everything that went out, and nobody's name."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.provenance import Provenance
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.disclosed import Disclosed, DisclosedImage
from mappings.model.disclosure import Requester
from mappings.model.disclosure_request import DisclosureId
from mappings.model.identifiers import PatientId, Reference, Sha256
from mappings.model.labels import NORMAL, RESTRICTED
from mappings.r4.audit_event import act_in, from_audit_event
from mappings.r4.disclosure_event import (
    disclosure_in,
    disclosure_statement,
    images_sent_in,
    signed_disclosure_in,
    to_disclosure_event,
    to_disclosure_provenance,
)
from mappings.r4.elements import Json
from mappings.terminology.audit import PURPOSE_DISPLAYS, Lifecycle
from mappings.terminology.labels import UNREADABLE
from tests.definitions.validator import issues
from tests.mappings.samples import CLINICIAN, INTIMATE, NOW, ids, instants, label_sets, references

JWS = "eyJhbGciOiJFUzM4NCIsImtpZCI6ImsxIn0..c2lnbmF0dXJl"
SECOND = Reference("Practitioner/guardian-1")


def disclosed(**changes: Any) -> Disclosed:
    values: dict[str, Any] = {
        "id": DisclosureId("6f1d0c52-4a57-4d0e-9d9e-0b4f6f5a7f01"),
        "patient": PatientId("p1"),
        "requester": Requester.INSURER,
        "purpose": "COVERAGE",
        "at": NOW,
        "signed_by": (CLINICIAN, SECOND),
        "images": (
            DisclosedImage(Reference("Media/m2"), (NORMAL,)),
            DisclosedImage(Reference("DocumentReference/d1"), INTIMATE),
        ),
        "package": Sha256("a" * 64),
        "manifest": Sha256("b" * 64),
        "decided": "c" * 64,
        "policy_version": "strict 1.0",
    }
    return Disclosed(**(values | changes))


def event(sent: Disclosed | None = None, **changes: Any) -> Json:
    return to_disclosure_event(sent or disclosed(**changes), act="act-1", software_version="0.1.0", id="a2")


def provenance(sent: Disclosed | None = None, **changes: Any) -> Json:
    return to_disclosure_provenance(
        sent or disclosed(**changes), act="act-1", software_version="0.1.0", jws=JWS, id="p3"
    )


releases = st.builds(
    Disclosed,
    id=ids.map(DisclosureId),
    patient=ids.map(PatientId),
    requester=st.sampled_from(Requester),
    purpose=st.sampled_from(sorted(PURPOSE_DISPLAYS)),
    at=instants,
    signed_by=st.lists(references("Practitioner", "PractitionerRole"), min_size=1, max_size=2).map(tuple),
    images=st.lists(
        st.builds(DisclosedImage, reference=references("Media", "DocumentReference"), labels=label_sets), max_size=3
    ).map(tuple),
    package=st.just(Sha256("a" * 64)),
    manifest=st.just(Sha256("b" * 64)),
    decided=st.just("c" * 64),
    policy_version=st.just("strict 1.0"),
)


@settings(max_examples=15)
@given(releases)
def test_both_are_valid_and_say_everything_again(sent: Disclosed) -> None:
    written = event(sent)
    AuditEvent.model_validate(copy.deepcopy(written))
    assert issues(written) == []
    read = from_audit_event(written)
    assert (read.action, read.at, read.user, read.purpose) == (
        "disclosure.sent",
        sent.at,
        sent.signed_by[0],
        sent.purpose,
    )
    assert read.patient == f"Patient/{sent.patient}"
    assert images_sent_in(written) == {each.reference for each in sent.images}
    assert (disclosure_in(written), act_in(written)) == (sent.id, "act-1")
    vouched = provenance(sent)
    Provenance.model_validate(copy.deepcopy(vouched))
    assert issues(vouched) == []
    assert signed_disclosure_in(vouched) == (disclosure_statement(sent), JWS)
    assert {label for each in sent.images for label in each.labels} <= set(read.labels)


def test_the_codes_are_those_of_ihe_for_a_disclosure_at_its_source() -> None:
    written = event()
    assert (written["type"]["code"], written["action"]) == ("110106", "R")
    assert written["subtype"][0]["code"] == "disclose"
    types = [each["type"]["coding"][0]["code"] for each in written["agent"] if "type" in each]
    assert types == ["110153", "110152"], "one source, one destination"
    source = next(each for each in written["agent"] if "type" in each)
    assert source["who"] == written["source"]["observer"]
    assert [each["requestor"] for each in written["agent"]] == [True, False, False, False]
    assert [each["role"]["code"] for each in written["entity"]] == ["1", "20", "3", "4", "4"]
    assert {each.lifecycle for each in from_audit_event(written).objects} == {Lifecycle.DISCLOSURE}


def test_who_asked_is_named_by_right_only_and_the_patient_by_reference() -> None:
    insurer, own = event()["agent"][-1], event(requester=Requester.PATIENT, purpose="PATRQT")["agent"][-1]
    assert "who" not in insurer and insurer["role"][0]["coding"][0]["code"] == "insurer"
    assert own["who"] == {"reference": "Patient/p1"}


@pytest.mark.parametrize("write", [event, provenance])
def test_a_label_that_could_not_be_read_counts_as_restricted(write: Any) -> None:
    written = write(images=(DisclosedImage(Reference("Media/m1"), (UNREADABLE,)),))
    assert written["meta"]["security"][0]["code"] == RESTRICTED.code
    assert issues(written) == []


def test_a_release_without_images_is_written_down_too() -> None:
    assert images_sent_in(event(images=())) == frozenset()
    assert issues(event(images=())) == [] and issues(provenance(images=())) == []


def test_the_statement_does_not_depend_on_the_order_of_images_and_does_on_that_of_signatures() -> None:
    sent = disclosed()
    assert disclosure_statement(sent) == disclosure_statement(disclosed(images=sent.images[::-1]))
    assert disclosure_statement(sent) != disclosure_statement(disclosed(signed_by=sent.signed_by[::-1]))


@pytest.mark.parametrize("spoil", ["twice", "missing", "unknown", "no-jws", "two-extensions"])
def test_a_statement_that_is_not_whole_is_none(spoil: str) -> None:
    written = provenance()
    signature = written["signature"][0]
    parts = signature["extension"][0]["extension"]
    match spoil:
        case "twice":
            parts.append(dict(parts[0]))
        case "missing":
            del parts[3]
        case "unknown":
            parts.append({"url": "more", "valueString": "x"})
        case "no-jws":
            signature["data"] = "no base64!"
        case _:
            signature["extension"].append(copy.deepcopy(signature["extension"][0]))
    assert signed_disclosure_in(written) is None


def test_another_apps_event_and_a_provenance_of_a_photograph_are_not_taken_for_one() -> None:
    assert disclosure_in({"resourceType": "AuditEvent", "entity": [{"what": 5}, {}]}) is None
    assert images_sent_in({"resourceType": "AuditEvent", "entity": [{"lifecycle": {"code": "11"}}]}) == frozenset()
    assert signed_disclosure_in({"resourceType": "Provenance", "signature": [{"data": "eA=="}]}) is None


def test_the_moment_of_a_release_is_kept_with_its_offset() -> None:
    at = NOW.astimezone(dt.timezone(dt.timedelta(hours=1)))
    assert from_audit_event(event(at=at)).at == at
