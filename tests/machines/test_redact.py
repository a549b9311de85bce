"""`POST /fhir/$redact`: what comes back, what does not, and what each mistake is answered with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fhir_plugin.errors import Unavailable
from tests.definitions.validator import issues
from tests.machines.conftest import Shop
from tests.machines.records import SECRET, bundle, observation, parameters, patient, photograph, record, report, sent

Json = dict[str, Any]


def body_of(answer: TestResponse) -> Any:
    return json.loads(answer.data)


def code_of(answer: TestResponse) -> str:
    assert answer.content_type == "application/fhir+json", answer.text
    assert issues(body_of(answer)) == []
    return str(body_of(answer)["issue"][0]["details"]["coding"][0]["code"])


def test_an_insurers_bundle_comes_back_without_the_photograph(shop: Shop) -> None:
    answer = shop.redact(record(), "?purpose=insurer")
    assert answer.status_code == 200
    assert answer.content_type == "application/fhir+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert SECRET not in answer.text and "canary-title" not in answer.text
    ids = {entry["resource"]["id"] for entry in body_of(answer)["entry"]}
    assert {"pat-1", "weight-pat-1", "report-pat-1"} <= ids
    # pyrofile takes bdl-8 over an entry without fullUrl (a stub's) for broken; over nothing it says nothing
    assert [each for each in issues(body_of(answer)) if "bdl-8" not in each] == []
    assert "redact=1" in answer.headers["X-Redaction-Counts"]


def test_what_needs_no_change_comes_back_byte_for_byte(shop: Shop) -> None:
    body = json.dumps(observation(), indent=3).replace("72", "72.50").encode()
    answer = shop.redact(body, "?purpose=insurer")
    assert (answer.status_code, answer.data) == (200, body)


def test_parameters_give_parameters_with_a_report(shop: Shop) -> None:
    answer = shop.redact(parameters(record(), recipient="Example Insurance", report=True))
    assert answer.status_code == 200, answer.text
    assert issues(body_of(answer)) == []
    returned, said = body_of(answer)["parameter"]
    assert (returned["name"], said["name"]) == ("return", "report")
    assert SECRET not in json.dumps(returned)
    parts = {part["name"]: part for part in said["part"] if part["name"] != "item"}
    assert parts["recipient"]["valueString"] == "Example Insurance"
    assert parts["purpose"]["valueCode"] == "COVERAGE"
    items = [{p["name"]: p for p in part["part"]} for part in said["part"] if part["name"] == "item"]
    kept = {item["id"]["valueString"]: item["verdict"]["valueCode"] for item in items if "id" in item}
    assert kept[SECRET] == "redact" and kept["pat-1"] == "release"


def test_parameters_without_a_report_give_the_resource(shop: Shop) -> None:
    answer = shop.redact(parameters(observation(), report=False))
    assert body_of(answer) == observation()


def test_what_needs_a_person_is_left_out_and_listed(shop: Shop) -> None:
    odd = {**observation(), "id": "odd-12345", "meta": {"security": [{"system": "urn:x", "code": "unknown"}]}}
    answer = shop.redact(bundle(patient(), odd, report()), "?purpose=insurer&report=true")
    assert answer.status_code == 200
    returned, said = body_of(answer)["parameter"]
    assert "odd-12345" not in json.dumps(returned)
    assert "odd-12345" in json.dumps(said)
    assert "review=1" in answer.headers["X-Redaction-Counts"]


def test_an_outcome_can_be_asked_for_instead_of_the_record(shop: Shop) -> None:
    answer = shop.redact(record(), "?purpose=insurer", headers={"Prefer": "return=OperationOutcome"})
    assert answer.status_code == 200
    assert issues(body_of(answer)) == []
    assert f"Media/{SECRET}: redact" in answer.text and "Weight" not in answer.text


def test_where_nothing_may_go_out_an_outcome_says_so(shop: Shop) -> None:
    answer = shop.redact(photograph(), "?purpose=second-opinion&mode=silent", client="portal")
    assert answer.status_code in (200, 422)
    assert body_of(answer)["resourceType"] == "OperationOutcome"


def test_the_patient_gets_the_own_photograph(shop: Shop) -> None:
    answer = shop.redact(record(), "?purpose=PATRQT", client="portal")
    assert body_of(answer) == record()


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "missing"),
        ("?purpose=nobody", 422, "unknown-purpose"),
        ("?purpose=patient", 403, "purpose-not-allowed"),
        ("?purpose=HLEGAL", 403, "purpose-not-allowed"),
        ("?purpose=insurer&mode=silent", 403, "mode-not-allowed"),
        ("?purpose=insurer&mode=loud", 400, "unknown-mode"),
        ("?purpose=insurer&cleared=Media/1", 400, "unknown-parameter"),
        ("?purpose=insurer&purpose=patient", 400, "twice"),
        ("?purpose=insurer&report=perhaps", 400, "unknown-parameter"),
        ("?purpose=insurer&recipient=" + "x" * 201, 400, "too-long"),
        ("?purpose=insurer&_format=xml", 406, "http-406"),
    ],
)
def test_words_in_the_url(shop: Shop, query: str, status: int, code: str) -> None:
    answer = shop.redact(record(), query)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_a_court_is_never_answered_silently(shop: Shop) -> None:
    answer = shop.redact(record(), "?purpose=court-order&mode=silent", client="portal")
    assert (answer.status_code, code_of(answer)) == (422, "silence-not-allowed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not-json"),
        (b"{", 400, "not-json"),
        (b"[]", 422, "not-a-resource"),
        (b'{"resourceType": 3}', 422, "not-a-resource"),
        (b"\xef\xbb\xbf" + sent(observation()), 400, "byte-order-mark"),
        (sent(observation()).decode().encode("utf-16"), 400, "control-character"),
        (b'{"resourceType":"Media","resourceType":"Patient"}', 400, "duplicate-key"),
        (b'{"resourceType":"Observation","valueInteger":NaN}', 400, "number"),
        (b'{"resourceType":"Observation","x":"\\ud800"}', 400, "surrogate"),
        (b'{"resourceType":"Observation","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "depth"),
        (sent(observation()) + b"\n" + sent(observation()), 400, "not-json"),
        (sent(parameters(observation())).replace(b'"purpose"', b'"resource"'), 400, "twice"),
        (sent({"resourceType": "Parameters"}), 400, "missing"),
        (sent({"resourceType": "Parameters", "parameter": [{"name": "resource", "valueString": "x"}]}), 400,
         "unknown-parameter"),
        (sent({"resourceType": "Parameters", "parameter": [{"valueString": "x"}]}), 400, "unknown-parameter"),
        (sent(parameters(observation(), mode="marked")).replace(b"valueCode", b"valueString"), 400,
         "unknown-parameter"),
    ],
)  # fmt: skip
def test_bodies_that_are_not_read(shop: Shop, body: bytes, status: int, code: str) -> None:
    answer = shop.redact(body, "" if b"Parameters" in body else "?purpose=insurer")
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_unknown_resource_types_are_left_out(shop: Shop) -> None:
    answer = shop.redact({"resourceType": "Nonsense", "id": "n1"}, "?purpose=insurer")
    assert answer.status_code == 200
    assert body_of(answer)["resourceType"] == "OperationOutcome"
    assert body_of(answer)["issue"][0]["severity"] == "warning"


def test_words_stand_in_one_place(shop: Shop) -> None:
    answer = shop.redact(parameters(observation()), "?purpose=insurer")
    assert (answer.status_code, code_of(answer)) == (400, "twice")


def test_two_patients_go_one_by_one_unless_the_client_may(shop: Shop) -> None:
    both = bundle(patient("pat-1"), observation("pat-1"), observation("pat-2"))
    answer = shop.redact(both, "?purpose=insurer")
    assert (answer.status_code, code_of(answer)) == (422, "two-patients")
    assert "pat-2" not in answer.text
    refused = shop.entries()[-1]
    assert (refused.outcome, refused.detail["why"], refused.subject) == ("refused", "two-patients", None)
    assert body_of(shop.redact(both, "?purpose=insurer", client="portal")) == both


def test_patients_without_an_id_are_counted_too(shop: Shop) -> None:
    one, other = "urn:uuid:0b4f3c1e-8f0a-4c39-9f0a-111111111111", "urn:uuid:0b4f3c1e-8f0a-4c39-9f0a-222222222222"
    person = {"resourceType": "Patient", "birthDate": "1980-05-01"}
    weight = {key: value for key, value in observation().items() if key != "id"}

    def sent_for(*owners: str) -> TestResponse:
        entries: list[Json] = [{"fullUrl": one, "resource": person}]
        entries += [{"resource": {**weight, "subject": {"reference": owner}}} for owner in owners]
        return shop.redact({"resourceType": "Bundle", "type": "collection", "entry": entries}, "?purpose=insurer")

    assert sent_for(one, one).status_code == 200
    assert shop.entries()[-1].subject is None
    for owner in (other, "Patient/pat-2", "https://ehr.example/fhir/Patient/pat-2", "Patient?identifier=x|1"):
        assert sent_for(one, owner).status_code == 422


def test_what_cannot_be_written_down_is_not_given_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_entry: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(shop.installation.audit, "append", down)
    answer = shop.redact(observation(), "?purpose=insurer")
    assert answer.status_code == 503 and "Weight" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/xml"}, 415),
        ({"Content-Type": "multipart/form-data"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "application/fhir+json;q=0.9, */*;q=0.1"}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Basic Y2xhaW1zOg=="}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer " + "A" * 100}, 401),
        ({"Authorization": "Bearer é"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
    ],
)
def test_headers(shop: Shop, headers: dict[str, str], status: int) -> None:
    answer = shop.redact(observation(), "?purpose=insurer", headers=headers)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert body_of(answer)["resourceType"] == "OperationOutcome"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Token", ""])
def test_a_token_is_borne_and_nothing_else(shop: Shop, scheme: str) -> None:
    token = shop.token()
    for sent_as, status in ((f"{scheme} {token}".strip(), 401), (f"bearer  {token}", 200)):
        answer = shop.redact(observation(), "?purpose=insurer", headers={"Authorization": sent_as})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "$redact"), ("PUT", "$redact"), ("GET", "Patient/1"), ("POST", ""), ("GET", "token")],
)
def test_nothing_else_is_here(shop: Shop, method: str, path: str) -> None:
    answer = shop.http.open(f"/fhir/{path}", method=method)
    assert answer.status_code == 404
    assert body_of(answer)["resourceType"] == "OperationOutcome"
