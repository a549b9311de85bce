"""Requests for permanent deletion as Tasks: valid R4, content-free, and known again when somebody changed one."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.task import Task
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.deletion import CaseId, CertificateNumber, DeletionCase, DeletionState, ItemId
from mappings.model.identifiers import Reference
from mappings.r4.deletion_seal import differences, told
from mappings.r4.deletion_task import (
    case_state,
    from_deletion_task,
    is_deletion_task,
    step_of,
    to_deletion_parent,
    to_deletion_task,
)
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from tests.definitions.validator import issues
from tests.mappings.deletions import DIGEST, GUARDIAN, a_case, an_item, approval, cases, not_proven, proven
from tests.mappings.samples import CLINICIAN, NOW, instants

PARENT = Reference("Task/case-1")
S = DeletionState


def task(**changes: Any) -> Json:
    item = an_item(**changes)
    return to_deletion_task(a_case(item), item, parent=PARENT, at=NOW, id="item-1")


@settings(max_examples=6)
@given(cases, instants)
def test_all_tasks_of_any_case_are_valid_and_say_what_they_were_told(case: DeletionCase, at: dt.datetime) -> None:
    parent = to_deletion_parent(case, at=at, id="c")
    assert issues(parent) == []
    assert from_deletion_task(parent).state is case_state(case)
    for item in case.items:
        written = to_deletion_task(case, item, parent=PARENT, at=at, id="i")
        Task.model_validate(copy.deepcopy(written))
        assert issues(written) == []
        read = from_deletion_task(written)
        assert (read.state, read.case, read.item, read.reason) == (item.state, case.id, item.id, case.reason)
        assert (read.patient, read.requester, read.part_of) == (f"Patient/{case.patient}", case.requested_by, PARENT)
        assert (read.image_version, read.digest) == (item.image.version, item.image.digest)
        assert read.authored is not None and read.modified is not None and read.modified >= read.authored  # inv-1
        assert differences(told(written), written) == ()


def test_a_task_names_nobody_but_staff_and_repeats_no_word() -> None:
    case = a_case(an_item(approval=approval, state=S.ACCEPTED))
    for written in (to_deletion_parent(case, at=NOW), to_deletion_task(case, case.items[0], parent=PARENT, at=NOW)):
        text = str(written)
        assert "Mary" not in text and "breast" not in text and "9991234567" not in text and "telephone" not in text
        assert {each["code"] for each in written["meta"]["security"]} == {"R"}


def test_it_has_the_codes_of_a_destruction_that_a_guardian_decides() -> None:
    written = task(approval=approval, state=S.ACCEPTED, expires=NOW + dt.timedelta(days=14))
    assert [each["code"] for each in written["code"]["coding"]] == ["permanent-deletion", "destroy"]
    assert written["performerType"][0]["coding"][0]["code"] == "R5105"
    assert written["owner"]["reference"] == GUARDIAN and written["requester"]["reference"] == CLINICIAN
    assert written["restriction"]["period"] == {
        "start": NOW.isoformat(),
        "end": (NOW + dt.timedelta(days=14)).isoformat(),
    }
    given = {each["type"]["coding"][0]["code"]: each for each in written["input"]}
    assert (given["version"]["valueString"], given["digest"]["valueString"]) == ("3", DIGEST)
    assert given["due"]["valueDate"] == "2026-12-04" and given["reason"]["valueCode"] == "erasure-request"
    assert written["focus"] == {"reference": "Media/m1"}
    assert task()["restriction"]["period"] == {"end": "2026-12-04"}


def test_what_is_gone_is_not_referred_to_as_if_it_were_there() -> None:
    written = task(state=S.COMPLETED, approval=approval, proof=proven, certificate=CertificateNumber("DC-1"))
    assert "reference" not in written["focus"]
    assert written["focus"]["identifier"]["value"] == "Media/m1/_history/3"
    said = {each["type"]["coding"][0]["code"]: each for each in written["output"]}
    assert (said["proof"]["valueCode"], said["certificate"]["valueString"]) == ("proven", "DC-1")
    failed = task(state=S.FAILED, approval=approval, proof=not_proven)
    assert failed["output"][0]["valueCode"] == "not-proven" and "_history/1" not in str(failed)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, "awaiting-caldicott"),
        ({"state": S.RECEIVED, "approval": approval}, "awaiting-second-signature"),
        ({"state": S.ACCEPTED}, "approved"),
        ({"state": S.ON_HOLD}, "legal-hold"),
        ({"state": S.IN_PROGRESS}, "approved"),
        ({"state": S.IN_PROGRESS, "purged": ("vault",)}, "purged-store"),
        ({"state": S.IN_PROGRESS, "purged": ("vault", "binary")}, "purged-server"),
        ({"state": S.COMPLETED}, "evidence-written"),
        ({"state": S.FAILED}, "not-proven"),
        ({"state": S.REJECTED}, None),
    ],
)
def test_how_far_it_has_come(changes: dict[str, Any], step: str | None) -> None:
    assert step_of(an_item(**changes)) == step
    assert from_deletion_task(task(**changes)).step == step


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((S.COMPLETED, S.REQUESTED), S.REQUESTED),
        ((S.COMPLETED, S.FAILED), S.FAILED),
        ((S.COMPLETED, S.REJECTED), S.COMPLETED),
        ((S.ACCEPTED, S.IN_PROGRESS), S.IN_PROGRESS),
        ((S.REJECTED, S.CANCELLED), S.REJECTED),
    ],
)
def test_the_parent_is_done_only_when_all_are(states: tuple[S, S], whole: S) -> None:
    assert case_state(a_case(*(an_item(state=each) for each in states))) is whole


EDITS: list[tuple[str, Any]] = [
    ("status", "completed"),
    ("focus", {"reference": "Media/m2"}),
    ("for", {"reference": "Patient/p2"}),
    ("owner", {"reference": "Practitioner/other"}),
    ("requester", {"reference": "Practitioner/other"}),
    ("intent", "plan"),
    ("input", []),
    ("restriction", {"period": {"end": "2027-01-01"}}),
    ("note", [{"text": "please wait"}]),
    ("modifierExtension", [{"url": "urn:x", "valueBoolean": True}]),
    ("partOf", []),
    ("code", {"text": "something else"}),
]


@pytest.mark.parametrize(("element", "value"), EDITS, ids=[each for each, _ in EDITS])
def test_whatever_somebody_changed_is_seen(element: str, value: Any) -> None:
    written = task(approval=approval, state=S.ACCEPTED)
    assert differences(told(written), {**written, element: value}) == (element,)
    if element in written:
        assert differences(told(written), {each: it for each, it in written.items() if each != element}) == (element,)


def test_an_input_that_says_another_version_is_seen() -> None:
    written = task(approval=approval, state=S.ACCEPTED)
    edited = copy.deepcopy(written)
    next(each for each in edited["input"] if each.get("valueString") == "3")["valueString"] = "4"
    assert differences(told(written), edited) == ("input",)


def test_what_a_server_writes_by_itself_is_no_edit() -> None:
    written = task(approval=approval, state=S.ACCEPTED, expires=NOW + dt.timedelta(days=14))
    served = copy.deepcopy(written)
    served["meta"] = {"versionId": "7", "lastUpdated": "2026-11-20T10:00:00Z"}
    served["text"] = {"status": "generated", "div": "<div>made by the server</div>"}
    served["lastModified"] = "2026-11-20T10:00:00Z"
    served["authoredOn"] = NOW.astimezone(dt.timezone(dt.timedelta(hours=1))).isoformat(timespec="milliseconds")
    served["focus"] = {"reference": "https://ehr.example/fhir/Media/m1", "type": "Media", "display": "a picture"}
    served["for"]["display"] = "Somebody"
    assert differences(told(written), served) == ()


def test_a_search_is_not_believed() -> None:
    written = task()
    case = CaseId("case-1")
    assert is_deletion_task(written, case=case, item=ItemId("item-1"))
    assert not is_deletion_task(written, case=case, item=ItemId("item-2"))
    assert not is_deletion_task(written, case=case, item=None), "a child is not its parent"
    parent = to_deletion_parent(a_case(), at=NOW)
    assert is_deletion_task(parent, case=case, item=None)
    assert not is_deletion_task({**parent, "resourceType": "Media"}, case=case, item=None)


@given(st.recursive(st.none() | st.text(max_size=3) | st.integers(), lambda inner: st.lists(inner, max_size=2)))
def test_any_task_of_anybody_is_read(value: object) -> None:
    names = ("status", "input", "groupIdentifier", "restriction", "partOf", "focus", "for", "reasonCode", "authoredOn")
    read = from_deletion_task({"resourceType": "Task", "id": "x", **dict.fromkeys(names, value)})
    assert read.state is None and read.item is None
    with pytest.raises(NotReadable):
        from_deletion_task({"resourceType": "Media", "id": "x"})


def test_a_clock_that_went_back_keeps_the_task_valid() -> None:
    case = replace(a_case(), created=NOW + dt.timedelta(hours=3))
    assert issues(to_deletion_parent(case, at=NOW)) == []
