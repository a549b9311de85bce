"""What stands in place of a redacted resource is valid, says nothing, and is recognised as ours."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.redact.stub import _bodies, stub, stub_number
from mappings.model.disclosure import Mode
from tests.definitions.source import definitions
from tests.definitions.validator import issues
from tests.disclose.redact.records import RESTRICTED, by_label, collection, leaks, redacted, resources

DEFINED = sorted(
    str(each["type"])
    for each in definitions()
    if each["resourceType"] == "StructureDefinition" and each["kind"] == "resource"
)


@pytest.mark.parametrize("kind", sorted(set(_bodies()) & set(DEFINED)))
def test_a_stub_keeps_the_official_definition(kind: str) -> None:
    made = stub(kind, 1)
    assert made is not None
    assert [each for each in issues(made) if "_questionnaire" not in each] == []


@pytest.mark.parametrize("kind", sorted(_bodies()))
def test_a_stub_is_known_again_and_nothing_else_is(kind: str) -> None:
    made = stub(kind, 12)
    assert made is not None
    assert stub_number(made) == 12
    assert stub_number({**made, "language": "en"}) is None
    assert stub_number({**made, "id": "withheld-x"}) is None
    assert stub_number({**made, "resourceType": "Patient"}) is None


@pytest.mark.parametrize("kind", sorted(_bodies()))
def test_marked_leaves_a_stub_and_silent_leaves_nothing(kind: str) -> None:
    secret = {"resourceType": kind, "id": "secret-22", "meta": RESTRICTED, "note": [{"text": "secret words"}]}
    marked, record = redacted(collection(secret), Mode.MARKED)
    assert "secret" not in str(marked) and "SEX" not in str(marked)
    assert {each["id"] for each in resources(marked)} == {"withheld-1", "withheld-2"}
    assert record.counts["redact"] == 2
    silent, _record = redacted(collection(secret), Mode.SILENT)
    assert silent == {"resourceType": "Bundle", "type": "collection"}


def test_a_type_without_a_stub_is_left_out() -> None:
    out, record = redacted({"resourceType": "Goal", "id": "g", "meta": RESTRICTED}, Mode.MARKED)
    assert out is None and record.counts["redact"] == 1


def test_a_stub_takes_no_number_that_the_record_uses() -> None:
    taken = {"resourceType": "Patient", "id": "withheld-4"}
    out, _record = redacted(collection(taken), Mode.MARKED)
    assert [each["id"] for each in resources(out)] == ["withheld-5", "withheld-4"]


def test_withhold_leaves_no_stub_in_either_mode() -> None:
    secret = {"resourceType": "Observation", "id": "secret-22", "meta": {"security": [{"code": "V"}]}}
    for mode in Mode:
        out, record = redacted(secret, mode)
        assert out is None and leaks([each.as_json() for each in record.findings]) == []


def test_what_only_looks_like_a_stub_is_judged() -> None:
    forged = {"resourceType": "Media", "id": "withheld-1", "meta": RESTRICTED, "status": "unknown", "content": {}}
    out, _record = redacted(forged, Mode.SILENT, by_label)
    assert out is None
