"""Batch and transaction (R4 http): all or nothing, in order, with references that find each other."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.fhir.client import (
    BASE,
    FhirUnderTest,
    assert_refused,
    binary,
    bundle,
    entry,
    got,
    media,
    patient,
    provenance,
)

Json = dict[str, Any]

M = "urn:uuid:0f1d1a1e-0000-4000-8000-000000000001"
B = "urn:uuid:0f1d1a1e-0000-4000-8000-000000000002"
P = "urn:uuid:0f1d1a1e-0000-4000-8000-000000000003"


def statuses(response: Any) -> list[str]:
    return [e["response"]["status"] for e in got(response).get("entry", [])]


def ids(response: Any) -> list[str]:
    return [e["response"]["location"].split("/")[-3] for e in got(response)["entry"]]


def count(fhir: FhirUnderTest) -> int:
    return int(got(fhir.get("_history?_count=0"))["total"])


def test_entries_that_call_each_other_by_urn(fhir: FhirUnderTest) -> None:
    content = {"contentType": "image/jpeg", "url": B}
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{M}">image</a> {M}</div>'
    response = fhir.transaction(
        entry("POST", "Provenance", provenance(M, text={"status": "generated", "div": narrative}), "urn:uuid:9"),
        entry("POST", "Media", media(content=content, identifier=[{"system": "urn:x", "value": M}]), M),
        entry("POST", "Binary", binary(securityContext={"reference": M}), B),
    )
    assert response.status_code == 200, response.text
    answer = got(response)
    assert answer["type"] == "transaction-response"
    assert statuses(response) == ["201", "201", "201"]
    provenance_id, media_id, binary_id = ids(response)
    assert all(e["response"]["etag"] == 'W/"1"' and "lastModified" in e["response"] for e in answer["entry"])
    stored = got(fhir.get(f"Media/{media_id}"))
    assert stored["content"]["url"] == f"Binary/{binary_id}"
    assert stored["identifier"][0]["value"] == M, "an identifier is no reference"
    origin = got(fhir.get(f"Provenance/{provenance_id}"))
    assert origin["target"] == [{"reference": f"Media/{media_id}"}]
    assert origin["text"]["div"] == narrative.replace(f'href="{M}"', f'href="Media/{media_id}"')
    security = got(fhir.get(f"Binary/{binary_id}", accept="application/fhir+json"))["securityContext"]
    assert security == {"reference": f"Media/{media_id}"}


def test_our_own_ids_by_put(fhir: FhirUnderTest) -> None:
    response = fhir.transaction(
        entry("PUT", "Media/m1", media(id="m1", content={"contentType": "image/jpeg", "url": B}), M),
        entry("PUT", "Binary/b1", binary(id="b1"), B),
        entry("PUT", "Provenance/v1", provenance(M, id="v1")),
    )
    assert statuses(response) == ["201", "201", "201"]
    assert got(fhir.get("Media/m1"))["content"]["url"] == "Binary/b1"
    assert got(fhir.get("Provenance/v1"))["target"][0]["reference"] == "Media/m1"


def test_a_failing_entry_leaves_nothing(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/p", patient(id="p"))
    before = count(fhir)
    response = fhir.transaction(
        entry("DELETE", "Patient/p"),
        entry("POST", "Binary", binary(), B),
        entry("PUT", "Media/m", media(id="m")),
        entry("POST", "Media", media(status=7)),
    )
    issue = assert_refused(response, 422)
    assert issue["expression"] == ["Bundle.entry[3].Media.status"]
    assert count(fhir) == before
    assert fhir.get("Patient/p").status_code == 200
    assert fhir.found("Binary") == []


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_whichever_entry_fails_nothing_stays(data: st.DataObject) -> None:
    good = [
        entry("POST", "Binary", binary(), B),
        entry("POST", "Media", media(), M),
        entry("PUT", "Patient/new", patient(id="new")),
        entry("DELETE", "Patient/old"),
        entry("PATCH", "Patient/other", as_patch([{"op": "add", "path": "/active", "value": True}])),
        entry("GET", "Patient/other"),
    ]
    bad = data.draw(
        st.sampled_from(
            [
                entry("POST", "Media", media(view=7)),
                entry("PUT", "Patient/x", patient(id="y")),
                entry("PUT", "Patient/gone", patient(id="gone"), ifMatch='W/"9"'),
                entry("GET", "Patient/none"),
                entry("PATCH", "Patient/none", as_patch([])),
                entry("POST", "Nonsense", patient()),
                entry("POST", "Patient", None),
            ]
        )
    )
    entries = data.draw(st.permutations(good))
    entries.insert(data.draw(st.integers(0, len(entries))), bad)
    with FhirUnderTest() as fhir:
        for id in ("old", "other"):
            fhir.store.put(patient(id=id))
        response = fhir.transaction(*entries)
        assert 400 <= response.status_code < 500
        expression = got(response)["issue"][0]["expression"][0]
        assert expression.startswith(f"Bundle.entry[{entries.index(bad)}]")
        assert count(fhir) == 2


def as_patch(operations: list[Json]) -> Json:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


def test_the_order_is_delete_post_put_get_and_answers_keep_theirs(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/x", patient(id="x"))
    response = fhir.transaction(
        entry("GET", "Patient?identifier=urn:n|1&_summary=count"),
        entry("PUT", "Patient/y", patient(id="y", identifier=[{"system": "urn:n", "value": "1"}])),
        entry("POST", "Patient", patient(identifier=[{"system": "urn:n", "value": "1"}])),
        entry("DELETE", "Patient/x"),
    )
    assert statuses(response) == ["200", "201", "201", "204"]
    assert got(response)["entry"][0]["resource"]["total"] == 2
    methods = [e["request"]["method"] for e in got(fhir.get("_history"))["entry"]]
    assert methods == ["PUT", "POST", "DELETE", "PUT"]


@pytest.mark.parametrize(
    "entries",
    [
        [entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient/a")],
        [entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient/a", patient(id="a"))],
        [entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient?_id=a", patient())],
        [entry("POST", "Patient", patient(), P), entry("POST", "Patient", patient(), P)],
    ],
)
def test_overlapping_identities_are_refused(fhir: FhirUnderTest, entries: list[Json]) -> None:
    fhir.put("Patient/a", patient(id="a"))
    assert_refused(fhir.transaction(*entries), 400, "duplicate")
    assert count(fhir) == 1


def test_conditional_create_in_a_transaction(fhir: FhirUnderTest) -> None:
    person = patient(identifier=[{"system": "urn:s", "value": "1"}])

    def send() -> Any:
        return fhir.transaction(
            entry("POST", "Patient", person, P, ifNoneExist="identifier=urn:s|1"),
            entry("POST", "Media", media(P)),
        )

    first, second = send(), send()
    assert (statuses(first), statuses(second)) == (["201", "201"], ["200", "201"])
    assert len(fhir.found("Patient")) == 1
    assert len(fhir.found("Media?patient.identifier=urn:s|1")) == 2
    fhir.created(person)
    assert_refused(send(), 412, "multiple-matches")


def test_conditional_references(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient(identifier=[{"system": "urn:s", "value": "1"}]))
    response = fhir.transaction(entry("POST", "Media", media("Patient?identifier=urn:s|1")))
    assert got(fhir.get(f"Media/{ids(response)[0]}"))["subject"]["reference"] == f"Patient/{made['id']}"
    assert_refused(fhir.transaction(entry("POST", "Media", media("Patient?identifier=urn:s|2"))), 412)


def test_conditional_update_and_delete_in_a_transaction(fhir: FhirUnderTest) -> None:
    person = patient(identifier=[{"system": "urn:s", "value": "1"}])
    first = fhir.transaction(entry("PUT", "Patient?identifier=urn:s|1", person, P), entry("POST", "Media", media(P)))
    assert statuses(first) == ["201", "201"]
    assert len(fhir.found("Media?patient.identifier=urn:s|1")) == 1
    second = fhir.transaction(entry("DELETE", "Patient?identifier=urn:s|1"), entry("DELETE", "Patient?identifier=none"))
    assert statuses(second) == ["204", "204"]
    assert fhir.found("Patient") == []


def test_references_by_absolute_and_relative_full_url(fhir: FhirUnderTest) -> None:
    response = fhir.transaction(
        entry("POST", "Patient", patient(), "http://elsewhere.invalid/fhir/Patient/77"),
        entry("POST", "Media", media("Patient/77")),
        entry("POST", "Media", media("http://elsewhere.invalid/fhir/Patient/77")),
    )
    person = ids(response)[0]
    assert len(fhir.found(f"Media?patient={person}")) == 2


def test_if_match_in_an_entry(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/x", patient(id="x"))
    assert_refused(fhir.transaction(entry("PUT", "Patient/x", patient(id="x"), ifMatch='W/"2"')), 412)
    assert statuses(fhir.transaction(entry("PUT", "Patient/x", patient(id="x"), ifMatch='W/"1"'))) == ["200"]


def test_patch_in_an_entry(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/x", patient(id="x"))
    changes = as_patch([{"op": "add", "path": "/active", "value": True}])
    assert statuses(fhir.transaction(entry("PATCH", "Patient/x", changes))) == ["200"]
    assert got(fhir.get("Patient/x"))["active"] is True
    wrong = changes | {"contentType": "text/plain"}
    assert_refused(fhir.transaction(entry("PATCH", "Patient/x", wrong)), 415)
    assert_refused(fhir.transaction(entry("PATCH", "Patient/x", changes | {"data": "!"})), 400)


def test_prefer_representation_shows_resources(fhir: FhirUnderTest) -> None:
    shown = got(fhir.transaction(entry("POST", "Patient", patient()), prefer="return=representation"))
    assert shown["entry"][0]["resource"]["resourceType"] == "Patient"
    assert "resource" not in got(fhir.transaction(entry("POST", "Patient", patient())))["entry"][0]


def test_a_batch_answers_entry_by_entry(fhir: FhirUnderTest) -> None:
    response = fhir.transaction(
        entry("POST", "Patient", patient()),
        entry("POST", "Media", media(status=7)),
        entry("GET", "Patient/none"),
        entry("GET", "Patient?_summary=count"),
        entry("POST", "", bundle(kind="batch")),
        kind="batch",
    )
    assert response.status_code == 200
    assert got(response)["type"] == "batch-response"
    assert statuses(response) == ["201", "422", "404", "200", "400"]
    assert got(response)["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert got(response)["entry"][3]["resource"]["total"] == 1


@pytest.mark.parametrize(
    "body",
    [
        patient(),
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "transaction", "entry": 7},
        {"resourceType": "Bundle", "type": "transaction", "entry": ["x"]},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "Patient"}}]},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET"}}]},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "BREW", "url": "Patient"}}]},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": 1}}]},
        {"resourceType": "Bundle", "type": "batch", "entry": [entry("POST", "Patient") | {"resource": "x"}]},
        {"resourceType": "Bundle", "type": "batch", "entry": [entry("POST", "Patient") | {"fullUrl": 1}]},
        bundle(entry("POST", "Patient") | {"request": {"method": "POST", "url": "Patient", "ifNoneExist": 7}}),
        bundle(entry("GET", "http://elsewhere.invalid/fhir/Patient/1")),
        bundle(entry("POST", "Patient/1/$expunge", {"resourceType": "Parameters"})),
        bundle(entry("PUT", "Patient", patient())),
    ],
)
def test_what_is_no_bundle_is_400(fhir: FhirUnderTest, body: Json) -> None:
    assert_refused(fhir.post("", body), 400)
    assert count(fhir) == 0


def test_too_many_entries(fhir: FhirUnderTest) -> None:
    assert_refused(fhir.transaction(*[entry("GET", "Patient/1")] * 1001), 413)


def test_an_empty_transaction_and_absolute_urls(fhir: FhirUnderTest) -> None:
    assert got(fhir.post("", {"resourceType": "Bundle", "type": "transaction"}))["type"] == "transaction-response"
    assert statuses(fhir.transaction(entry("GET", f"{BASE}/metadata"), kind="batch")) == ["200"]


def test_a_bundle_can_be_stored_as_a_document(fhir: FhirUnderTest) -> None:
    assert fhir.post("Bundle", {"resourceType": "Bundle", "type": "collection"}).status_code == 201
