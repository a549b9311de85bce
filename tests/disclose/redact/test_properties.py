"""Whatever the record looks like: nothing permitted is lost, nothing withheld is found, twice is once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.redact import Part, redact_documents
from fhir_plugin.disclose.redact.stub import stub_number
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import by_label

KINDS = ("Media", "Observation", "DocumentReference", "Condition", "Patient", "Goal")
CODES = (None, None, "R", "V", "review")


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Resources that point at each other at random: cycles, to themselves, to what is not there, ids in ids."""
    count = draw(st.integers(1, 9))
    keys = [(draw(st.sampled_from(KINDS)), f"a{'b' * (number % 3)}{number // 3}") for number in range(count)]
    found = []
    for number, (kind, id_) in enumerate(keys):
        code = draw(st.sampled_from(CODES))
        labels = [{"system": "https://x.example", "code": "other"}] + ([{"code": code}] if code else [])
        pointers = draw(st.lists(st.sampled_from([*keys, ("Media", "absent")]), max_size=3))
        resource: dict[str, Any] = {
            "resourceType": kind,
            "id": id_,
            "meta": {"security": draw(st.permutations(labels))},
            "language": f"keep-{number}",
            "extension": [{"url": "https://x.example/e", "valueString": f"canary{number}x"}],
        }
        for place, (type_, other) in enumerate(pointers):
            form = draw(st.sampled_from(["{0}/{1}", "https://ehr.example/fhir/{0}/{1}", "{0}/{1}/_history/2"]))
            name = draw(st.sampled_from(["basedOn", "partOf", "hasMember"]))
            resource.setdefault(name, []).append({"reference": form.format(type_, other), "display": f"d{place}"})
        found.append(resource)
    return found


def as_bundle(resources: list[dict[str, Any]]) -> list[Part]:
    entries = [{"resource": each} for each in resources]
    return [Part("bundle", json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode())]


def as_lines(resources: list[dict[str, Any]]) -> list[Part]:
    """Each type in its own file, as a bulk export has them."""
    return [
        Part(f"{each['resourceType']}.ndjson", json.dumps(each).encode(), at) for at, each in enumerate(resources, 1)
    ]


def codes(resource: dict[str, Any]) -> set[str]:
    return {str(each["code"]) for each in resource["meta"]["security"]}


def expected(resources: list[dict[str, Any]]) -> set[str]:
    """What may go out: no version or namesake of it is labelled."""
    gone = {key(each) for each in resources if codes(each) & {"R", "V", "review"}}
    return {str(each["language"]) for each in resources if key(each) not in gone}


def key(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def written(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    found = []
    for part in parts:
        value = json.loads(part.data)
        inside = [each["resource"] for each in value.get("entry", [])] if value["resourceType"] == "Bundle" else [value]
        found += [each for each in inside if stub_number(each) is None]
    return found


def pointed(value: object) -> set[str]:
    """Every `Type/id` of references, read independently of the redactor."""
    if isinstance(value, dict):
        own = (
            {"/".join(value["reference"].partition("/_history")[0].split("/")[-2:])} if "reference" in value else set()
        )
        return own.union(*(pointed(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(pointed(each) for each in value))
    return set()


@given(records(), st.sampled_from(Mode), st.booleans())
def test_nothing_permitted_is_lost_and_nothing_withheld_is_found(
    record: list[dict[str, Any]], mode: Mode, bundle: bool
) -> None:
    done = redact_documents((as_bundle if bundle else as_lines)(record), by_label, mode)
    out = written(done.parts)
    may = expected(record)
    assert {str(each["language"]) for each in out} == may
    text = b"".join(part.data for part in done.parts).decode()
    gone = [each for each in record if each["language"] not in may]
    for each in gone:
        assert each["extension"][0]["valueString"] not in text
        assert key(each) not in pointed(out)
    lost = {key(each) for each in gone}
    before = {str(each["language"]): each for each in record}
    for each in out:
        assert pointed(each) == pointed(before[each["language"]]) - lost
    assert len(done.findings) == len(record) + bundle


@given(records(), st.sampled_from(Mode), st.booleans())
def test_twice_is_once(record: list[dict[str, Any]], mode: Mode, bundle: bool) -> None:
    once = redact_documents((as_bundle if bundle else as_lines)(record), by_label, mode)
    twice = redact_documents(once.parts, by_label, mode)
    assert [part.data for part in twice.parts] == [part.data for part in once.parts]


@given(records(), st.randoms(), st.sampled_from(Mode))
def test_the_order_of_labels_and_of_lines_does_not_matter(
    record: list[dict[str, Any]], random: Any, mode: Mode
) -> None:
    one = redact_documents(as_lines(record), by_label, mode)
    other = json.loads(json.dumps(record))
    for each in other:
        random.shuffle(each["meta"]["security"])
    random.shuffle(other)
    two = redact_documents(as_lines(other), by_label, mode)
    assert {each["language"] for each in written(one.parts)} == {each["language"] for each in written(two.parts)}
    assert one.counts == two.counts


@given(records(), st.sampled_from(Mode))
def test_what_is_not_named_goes_out_byte_for_byte(record: list[dict[str, Any]], mode: Mode) -> None:
    parts = as_lines(record)
    lost = {key(each) for each in record if each["language"] not in expected(record)}
    out = {part.line: part.data for part in redact_documents(parts, by_label, mode).parts}
    for part, resource in zip(parts, record, strict=True):
        if resource["language"] in expected(record) and not pointed(resource) & lost:
            assert out[part.line] == part.data
