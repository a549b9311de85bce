"""A request for a photograph in the record: valid R4, found again, and with nothing in it that opens it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model.identifiers import PatientId, Reference, RequestId
from mappings.r4.communication_request import (
    PhotoAsked,
    PhotoAskedStatus,
    is_photo_request,
    status_of,
    to_communication_request,
    with_status,
)
from mappings.r4.errors import NotMappable
from tests.definitions.validator import issues

NOW = dt.datetime(2026, 3, 4, 9, 5, tzinfo=dt.UTC)
ASKED = PhotoAsked(
    request_id=RequestId("00000000-0000-4000-8000-000000000001"),
    patient=Reference("Patient/p1"),
    asked_by=Reference("Practitioner/gp"),
    asked_by_name="Dr Grey",
    status=PhotoAskedStatus.ACTIVE,
    status_reason="sent",
    purpose="To see whether the rash has spread",
    area="left forearm",
    authored=NOW,
    until=NOW + dt.timedelta(hours=72),
    restricted=False,
)


@pytest.mark.parametrize("status", list(PhotoAskedStatus))
@pytest.mark.parametrize("restricted", [False, True])
def test_it_is_valid_r4_in_every_status(status: PhotoAskedStatus, restricted: bool) -> None:
    resource = to_communication_request(replace(ASKED, status=status, restricted=restricted), id="r1")
    assert issues(resource) == []
    assert status_of(resource) is status
    assert ("security" in resource.get("meta", {})) is restricted


@given(purpose=st.text(max_size=200), area=st.text(max_size=80), name=st.text(max_size=40))
def test_any_text_is_mapped_or_refused(purpose: str, area: str, name: str) -> None:
    try:
        resource = to_communication_request(replace(ASKED, purpose=purpose, area=area, asked_by_name=name))
    except NotMappable:
        return
    assert issues(resource) == []


@pytest.mark.parametrize("empty", [replace(ASKED, purpose=" \x00"), replace(ASKED, area="")])
def test_a_request_without_a_reason_is_none(empty: PhotoAsked) -> None:
    with pytest.raises(NotMappable):
        to_communication_request(empty)


def test_a_new_status_changes_nothing_else() -> None:
    resource = {**to_communication_request(ASKED, id="r1"), "note": [{"text": "added by the server"}]}
    changed = with_status(resource, PhotoAskedStatus.COMPLETED, reason="answered")
    assert issues(changed) == []
    assert {name for name in changed if changed[name] != resource[name]} == {"status", "statusReason"}


def test_it_is_known_again_and_nothing_else_is_taken_for_it() -> None:
    resource = to_communication_request(ASKED, id="r1")
    patient = PatientId("p1")
    assert is_photo_request(resource, ASKED.request_id, patient)
    absolute = {**resource, "subject": {"reference": "https://ehr.example/fhir/Patient/p1"}}
    assert is_photo_request(absolute, ASKED.request_id, patient)
    for other in (
        {**resource, "resourceType": "Communication"},
        {**resource, "identifier": []},
        {**resource, "subject": {"reference": "Patient/p11"}},
        {**resource, "subject": {"reference": "https://ehr.example/fhir/XPatient/p1"}},
        {**resource, "subject": "Patient/p1"},
        {},
    ):
        assert not is_photo_request(other, ASKED.request_id, patient)
    assert not is_photo_request(resource, RequestId("another"), patient)


@pytest.mark.parametrize("status", [None, 3, "unknown", [], {}])
def test_a_status_that_is_not_ours_is_none(status: object) -> None:
    assert status_of({"status": status}) is None
