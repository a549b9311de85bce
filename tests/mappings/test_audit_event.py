from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import NORMAL, RESTRICTED, Label
from mappings.r4.audit_event import AuditedObject, from_audit_event, to_audit_event
from mappings.terminology.audit import LIFECYCLE_DISPLAYS, PURPOSE_DISPLAYS, Lifecycle, Operation, Outcome
from mappings.terminology.labels import UNREADABLE
from tests.definitions.validator import issues
from tests.mappings.samples import CAPTURE, CLINICIAN, INTIMATE, NOW, PATIENT, ids, instants, label_sets, references

objects = st.builds(
    AuditedObject,
    reference=references("Media", "Binary", "Consent", "DocumentReference"),
    labels=label_sets,
    lifecycle=st.none() | st.sampled_from(Lifecycle),
)


def audit_event(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "action": "image.filed",
        "operation": Operation.CREATE,
        "at": NOW,
        "user": CLINICIAN,
        "patient": PATIENT,
        "objects": [AuditedObject(Reference("Media/m1"), INTIMATE, Lifecycle.ORIGINATION)],
        "purpose": "TREAT",
        "outcome": Outcome.SUCCESS,
        "software_version": "0.1.0",
        "capture_id": CAPTURE,
    }
    return to_audit_event(**(values | changes))


@settings(max_examples=20)
@given(
    st.sampled_from(["capture.received", "image.filed", "image.revealed"]),
    st.sampled_from(Operation),
    instants,
    references("Practitioner", "PractitionerRole"),
    st.none() | references("Patient"),
    st.lists(objects, max_size=3),
    st.sampled_from(sorted(PURPOSE_DISPLAYS)),
    st.sampled_from(Outcome),
    st.none() | ids.map(CaptureId),
)
def test_a_round_trip_loses_nothing_and_is_valid(
    action: str,
    operation: Operation,
    at: dt.datetime,
    user: Reference,
    patient: Reference | None,
    audited: list[AuditedObject],
    purpose: str,
    outcome: Outcome,
    capture_id: CaptureId | None,
) -> None:
    event = to_audit_event(
        action=action,
        operation=operation,
        at=at,
        user=user,
        patient=patient,
        objects=audited,
        purpose=purpose,
        outcome=outcome,
        software_version="0.1.0",
        capture_id=capture_id,
        id="a1",
    )
    AuditEvent.model_validate(event)
    assert issues(event) == []
    read = from_audit_event(event)
    assert (read.action, read.operation, read.at, read.user, read.patient) == (action, operation, at, user, patient)
    assert (read.objects, read.purpose, read.outcome) == (tuple(audited), purpose, outcome)
    assert read.capture_id == capture_id
    assert {label for each in audited for label in each.labels} <= set(read.labels)


def test_it_is_labelled_like_what_it_names() -> None:
    assert from_audit_event(audit_event()).labels == INTIMATE
    assert from_audit_event(audit_event(objects=[])).labels == (NORMAL,)


@pytest.mark.parametrize("label", [UNREADABLE])
def test_a_label_that_could_not_be_read_never_stops_the_audit(label: Label) -> None:
    event = audit_event(objects=[AuditedObject(Reference("Media/m1"), (label,))])
    assert from_audit_event(event).labels == (RESTRICTED,)
    assert issues(event) == []


def test_every_life_cycle_has_words() -> None:
    assert set(LIFECYCLE_DISPLAYS) == set(Lifecycle)


def test_somebody_elses_event_is_read_as_far_as_it_goes() -> None:
    read = from_audit_event({"resourceType": "AuditEvent", "action": [], "outcome": {}, "entity": [{"what": 5}]})
    assert (read.action, read.operation, read.user, read.objects, read.outcome) == (None, None, None, (), None)
