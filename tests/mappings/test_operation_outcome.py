from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.r4.operation_outcome import ISSUE_TYPES, from_operation_outcome, summary, to_operation_outcome
from tests.definitions.source import definitions
from tests.definitions.validator import issues
from tests.mappings.samples import Json, damaged

CANARY = "Jessop 9990000018 1962-03-28"


def outcome(*found: dict[str, Any]) -> Json:
    return {"resourceType": "OperationOutcome", "issue": list(found)}


def test_a_complaint_in_one_line() -> None:
    said = outcome(
        {"severity": "warning", "code": "informational"},
        {
            "severity": "error",
            "code": "required",
            "details": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/operation-outcome", "code": "MSG_PARAM_INVALID"}
                ]
            },
            "expression": ["Media.status", "Media.note[0].text"],
        },
    )
    assert summary(said) == (
        "error required MSG_PARAM_INVALID at Media.status, Media.note[0].text; warning informational"
    )


@pytest.mark.parametrize(
    "part",
    [
        {"diagnostics": CANARY},
        {"details": {"text": CANARY}},
        {
            "details": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/operation-outcome", "code": CANARY}]
            }
        },
        {"details": {"coding": [{"system": CANARY, "code": CANARY, "display": CANARY}]}},
        {"expression": [CANARY, f"Patient.name.where(family='{CANARY}')", f"Patient.{CANARY}", "Patient.name\nx"]},
        {"location": [CANARY]},
        {"severity": CANARY},
        {"code": CANARY},
        {"extension": [{"url": CANARY, "valueString": CANARY}]},
    ],
)
def test_no_word_of_the_server_comes_through(part: Json) -> None:
    said = summary(outcome({"severity": "error", "code": "invalid", **part}))
    assert not any(word in said for word in CANARY.split())
    assert "\n" not in said
    assert said.startswith("error ")


def test_it_is_bounded() -> None:
    many = outcome(*({"severity": "error", "code": "invalid", "expression": ["Media.status"] * 50} for _ in range(999)))
    assert len(from_operation_outcome(many)) == 8
    assert len(summary(many)) < 1000


def test_the_worst_comes_first() -> None:
    said = outcome({"severity": "information", "code": "timeout"}, {"severity": "fatal", "code": "exception"})
    assert [one.severity for one in from_operation_outcome(said)] == ["fatal", "information"]


@pytest.mark.parametrize("value", [None, [], "x", {}, {"resourceType": "Patient"}, outcome(), {"issue": 5}])
def test_what_is_no_outcome_says_nothing(value: object) -> None:
    assert summary(value) == ""


@given(st.data())
def test_no_damage_makes_it_fail(data: st.DataObject) -> None:
    said = outcome({"severity": "error", "code": "invalid", "expression": ["Media.status"], "details": {"text": "x"}})
    summary(data.draw(damaged(said)))


def test_our_own_outcome_is_valid() -> None:
    ours = to_operation_outcome(code="too-long", text="This file is too big.", expressions=["Media.content"])
    assert issues(ours) == []
    assert summary(ours) == "error too-long at Media.content"


def test_the_issue_types_are_r4s() -> None:
    value_set = next(one for one in definitions() if one["url"] == "http://hl7.org/fhir/ValueSet/issue-type")
    official = {concept["code"] for include in value_set["compose"]["include"] for concept in include["concept"]}
    assert official == ISSUE_TYPES, json.dumps(sorted(official ^ ISSUE_TYPES))
