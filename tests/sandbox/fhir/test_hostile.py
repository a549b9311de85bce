"""Whatever arrives: an OperationOutcome with a 4xx, never a 500, and nothing stored by halves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.fhir.client import (
    FHIR_JSON,
    PATCH,
    FhirUnderTest,
    assert_refused,
    bundle,
    entry,
    got,
    media,
    patient,
    provenance,
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def open_all_day() -> Iterator[FhirUnderTest]:
    with FhirUnderTest() as fhir:
        fhir.app.testing = False  # errors become answers, as for a caller
        fhir.put("Patient/p", patient(id="p"))
        yield fhir


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'"Patient"',
        b"{}",
        b'{"resourceType": 7}',
        b'{"resourceType": ["Patient"]}',
        b'{"resourceType": null}',
        b'{"resourceType": "patient"}',
        b'{"resourceType": "Nonsense"}',
        b'{"resourceType": "Patient", "resourceType": "Patient"}',
        b'{"resourceType": "Patient", "active": true, "active": false}',
        b'{"resourceType": "Patient", "contact": [{"name": {"text": "a", "text": "b"}}]}',
        b'{"resourceType": "Patient", "active": NaN}',
        b'{"resourceType": "Patient", "active": -Infinity}',
        b'{"resourceType": "Patient", "id": "a", "language": "\\ud800"}',
        b'{"resourceType": "Patient", "name": [{"text": "a\\u0000b"}]}',
        b'{"resourceType": "Patient", "\\u0001": "x"}',
        b'{"resourceType": "Patient", "name": [{"text": "\xff"}]}',
        '{"resourceType": "Patient"}'.encode("utf-16"),
        b'{"resourceType": "Patient", "multipleBirthInteger": ' + b"9" * 5000 + b"}",
        b'{"resourceType": "Patient", "multipleBirthInteger": 1e999999}',
        b'{"resourceType": "Observation", "status": "final", "code": {"text": "x"},'
        b'"valueQuantity": {"value": 1e99999999999}}',
        b"[" * 100_000,
        b'{"resourceType":"Patient","contained":' + b"[" * 990 + b"]" * 990 + b"}",
        b'{"a":' * 50_000,
        b'{"resourceType":"Patient","extension":[{"url":"u","extension":' * 40,
        b'{"resourceType": "Patient", "meta": 7}',
        b'{"resourceType": "Patient", "meta": {"security": "R"}}',
        b'{"resourceType": "Patient", "meta": {"security": [7]}}',
        b'{"resourceType": "Patient", "id": 7}',
        b'{"resourceType": "Patient", "id": "' + b"x" * 100 + b'"}',
        b'{"resourceType": "Patient", "identifier": [[{"system": "x"}]]}',
        b'{"resourceType": "Patient", "name": {"family": "x"}}',
        b'{"resourceType": "Patient", "__proto__": {"x": 1}}',
        b'{"resourceType": "Patient", "__class__": "x"}',
        b'{"resourceType": "Patient", "model_config": {"x": 1}}',
    ],
)
def test_hostile_json_is_refused(open_all_day: FhirUnderTest, body: bytes) -> None:
    for method, path in (("POST", "Patient"), ("PUT", "Patient/p"), ("POST", ""), ("POST", "Patient/$validate")):
        response = open_all_day.raw(method, path, body, FHIR_JSON)
        if path == "Patient/$validate" and response.status_code == 200:
            assert got(response)["issue"][0]["severity"] == "error"
            continue
        assert 400 <= response.status_code < 500, (method, path, response.text)
        assert got(response)["resourceType"] == "OperationOutcome"
    assert got(open_all_day.get("Patient/p"))["meta"]["versionId"] == "1"
    assert open_all_day.found("Patient") == ["Patient/p"]


def test_nesting_up_to_the_limit_is_taken(fhir: FhirUnderTest) -> None:
    extension: Json = {"url": "urn:x", "valueBoolean": True}
    for _ in range(28):
        extension = {"url": "urn:x", "extension": [extension]}
    fhir.created(patient(extension=[extension]))


@pytest.mark.parametrize(
    "path",
    [
        "Patient/%00",
        "Patient/../metadata/../Patient",
        "Patient/p/_history/%F0%9F%92%A9",
        "Patient/p/_history/0",
        "Patient/p/_history/-1",
        "Patient/" + "x" * 5000,
        "%2e%2e/%2e%2e/etc/passwd",
        "Patient//p//_history//9",
        "Patient?_id=%00",
        "Patient?name=%00",
        "Patient?name=%ED%A0%80",
        "Patient?%FF=1",
        "Patient?birthdate=0000",
        "Patient?birthdate=9999-12-31",
        "Patient?birthdate=ap0001-01-01",
        "Patient?birthdate=2020-01-01T00:00:00%2B99:99",
        "Patient?name:contains=" + "%25" * 20_000,
        "Patient?name=" + "x" * 60_000,
        "Patient?identifier=|||",
        "Patient?identifier=|",
        "Patient?identifier=%5C",
        "Patient?general-practitioner=a/b/c/d",
        "Patient?general-practitioner:identifier=|",
        "Patient?_count=0000000001",
        "Patient?_count=999999999",
        "Patient?_count=99999999999999999999",
        "Patient?_sort=,,-,",
        "Patient?_sort=-name,name,-name",
        "Patient?_elements=,,.",
        "Patient?_include=:",
        "Patient?_include=Patient:",
        "Patient?_has:::=1",
        "Patient?_has:Media:patient:_has:Task:focus:status=x",
        "Patient?_has:Media:patient:_has:Task:focus:_has:Task:focus:_has:Task:focus:status=x",
        "Patient?.=1",
        "Patient?:=1",
        "Patient?=1",
        "Patient?name.=1",
        "Patient?organization.=x",
        "Patient?organization.:=x",
        "Patient?_page=x&_offset=x",
        "Patient?" + "a=1&" * 300,
        "Patient?_summary=text",
        "_history?_since=%00",
        "Patient/p/$everything?_type=%00,,",
        "metadata?_format=%00",
        "?_type=Patient",
    ],
)
def test_hostile_urls_are_answered(open_all_day: FhirUnderTest, path: str) -> None:
    for method in ("GET", "DELETE", "HEAD"):
        if method == "DELETE" and "?" not in path:
            continue
        response = open_all_day.send(method, path)
        assert response.status_code < 500, (method, response.text)
        if response.status_code >= 400 and method != "HEAD":
            assert got(response)["resourceType"] == "OperationOutcome"
        open_all_day.put("Patient/p", patient(id="p"))


@pytest.mark.parametrize(
    "headers",
    [
        {"if_match": "x" * 10_000},
        {"if_match": ""},
        {"if_none_match": '"'},
        {"if_none_exist": "%00"},
        {"if_none_exist": "a=1&" * 300},
        {"if_none_exist": "birthdate=x"},
        {"if_none_exist": "name:nonsense=x"},
        {"if_modified_since": "Mon, 99 Foo 99999 99:99:99 GMT"},
        {"prefer": ";;;,,,return=,handling="},
        {"accept": ";;;,,/"},
        {"content_type": "application/fhir+json; charset="},
    ],
)
def test_hostile_headers_are_answered(open_all_day: FhirUnderTest, headers: dict[str, str]) -> None:
    for method, path in (("GET", "Patient/p"), ("PUT", "Patient/p"), ("POST", "Patient")):
        body = None if method == "GET" else patient(id="p")
        response = open_all_day.send(method, path, body, headers=headers)
        assert response.status_code < 500, response.text


def test_more_indexed_text_than_a_query_may_hold(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/p", patient(id="p", name=[{"text": "x" * 1_000_000}]))
    assert fhir.found("Patient?name=" + "x" * 10_000) == ["Patient/p"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Patient/p", "urn:uuid:1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "meta",
                    "reference",
                    "url",
                    "system",
                    "code",
                    "coding",
                    "value",
                    "data",
                    "extension",
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_any_json_in_any_place(open_all_day: FhirUnderTest, data: st.DataObject) -> None:
    """One element of a valid request is replaced by anything."""
    sample = data.draw(
        st.sampled_from(
            [
                ("POST", "Patient", patient(identifier=[{"system": "urn:s", "value": "1"}])),
                ("POST", "Media", media()),
                ("POST", "Provenance", provenance("Media/1")),
                ("POST", "Binary", {"resourceType": "Binary", "contentType": "image/png", "data": "AAEC"}),
                (
                    "POST",
                    "",
                    bundle(
                        entry("POST", "Media", media("urn:uuid:1")), entry("POST", "Patient", patient(), "urn:uuid:1")
                    ),
                ),
                ("POST", "", bundle(entry("GET", "Patient"), entry("DELETE", "Basic/x"), kind="batch")),
                ("PATCH", "Patient/p", {"patch": [{"op": "replace", "path": "/birthDate", "value": "1990-01-01"}]}),
                (
                    "POST",
                    "Patient/none/$expunge",
                    {"resourceType": "Parameters", "parameter": [{"name": "limit", "valueInteger": 1}]},
                ),
            ]
        )
    )
    method, path, body = sample
    spoiled = json.loads(json.dumps(body))
    place: Any = spoiled
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(json_values)
        break
    sent = spoiled.get("patch") if method == "PATCH" else spoiled
    content_type = PATCH if method == "PATCH" else FHIR_JSON
    response = open_all_day.raw(method, path, json.dumps(sent).encode(), content_type)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert got(response)["resourceType"] == "OperationOutcome"


@settings(max_examples=100, deadline=None)
@given(
    body=st.binary(max_size=60), content_type=st.sampled_from([FHIR_JSON, PATCH, "application/json", "image/png", ""])
)
def test_any_bytes(open_all_day: FhirUnderTest, body: bytes, content_type: str) -> None:
    for method, path in (
        ("POST", "Patient"),
        ("POST", ""),
        ("POST", "Binary"),
        ("PATCH", "Patient/p"),
        ("POST", "Patient/_search"),
    ):
        response = open_all_day.raw(method, path, body, content_type or None)
        assert response.status_code < 500, response.text


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(
        [
            "name",
            "birthdate",
            "identifier",
            "_lastUpdated",
            "organization",
            "_has:Media:patient:created",
            "_sort",
            "_include",
        ]
    )
    | st.text(max_size=12),
    modifier=st.sampled_from(
        ["", ":not", ":missing", ":exact", ":contains", ":identifier", ":Patient", ".name", ":below"]
    ),
    value=st.text(max_size=20),
)
def test_any_query(open_all_day: FhirUnderTest, name: str, modifier: str, value: str) -> None:
    response = open_all_day.http.get("/fhir/Patient", query_string={name + modifier: value})
    assert response.status_code in (200, 400), response.text


def test_a_server_that_fails_says_so_as_fhir(open_all_day: FhirUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("canary-7731")

    monkeypatch.setattr(open_all_day.store, "session", fail)
    response = open_all_day.get("Patient/p")
    assert_refused(response, 500, "exception")
    assert "canary" not in response.text


def test_many_threads_neither_lose_nor_double_a_version(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient())
    statuses = list[int]()

    def write() -> None:
        for _ in range(10):
            statuses.append(fhir.put(f"Patient/{made['id']}", made).status_code)
            statuses.append(fhir.get(f"Patient/{made['id']}").status_code)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    versions = [version.version for version in fhir.store.history("Patient", made["id"])]
    assert versions == list(range(81, 0, -1))


def test_only_one_of_many_conditional_creates_creates(fhir: FhirUnderTest) -> None:
    person = patient(identifier=[{"system": "urn:s", "value": "1"}])
    statuses = list[int]()

    def write() -> None:
        statuses.append(fhir.post("Patient", person, if_none_exist="identifier=urn:s|1").status_code)

    threads = [threading.Thread(target=write) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 11 + [201]
