"""What a Bundle itself could tell: URLs, links, totals, labels, versions, requests and responses."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.model.disclosure import Mode
from mappings.model.labels import CONFIDENTIALITY
from tests.disclose.redact.records import (
    ID,
    RESTRICTED,
    URL,
    UUID,
    collection,
    entry,
    leaks,
    media,
    redacted,
    resources,
)

PATIENT = {"resourceType": "Patient", "id": "p1"}
PLAIN = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "weight"}}
ALL_KINDS = ["document", "message", "transaction", "transaction-response", "batch", "batch-response", "history"]
ALL_KINDS += ["searchset", "collection"]


def search(*entries: Any, total: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": list(entries), **more}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_of_bundle_lets_out_the_rest_and_no_more(kind: str, mode: Mode) -> None:
    secret = {
        "fullUrl": URL,
        "link": [{"relation": "alternate", "url": URL}],
        "resource": media(),
        "request": {"method": "PUT", "url": f"Media/{ID}"},
        "response": {"status": "200", "location": f"{URL}/_history/3", "etag": 'W/"3"'},
    }
    gone = {"fullUrl": URL, "request": {"method": "DELETE", "url": f"Media/{ID}"}, "response": {"status": "204"}}
    answer = {"response": {"status": "201", "location": f"{URL}/_history/1"}}
    about = {
        "response": {
            "status": "400",
            "outcome": {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "error", "code": "invalid", "diagnostics": f"Media/{ID} is too large"}],
            },
        }
    }
    first = {"fullUrl": "https://ehr.example/fhir/Patient/p1", "resource": PATIENT}
    out, _record = redacted(
        {"resourceType": "Bundle", "type": kind, "entry": [first, secret, gone, answer, about]}, mode
    )
    assert leaks(out) == []
    assert out is not None
    assert out["entry"][0]["resource"] == PATIENT
    stubs = [each for each in resources(out) if each["id"].startswith("withheld")]
    may = mode is Mode.MARKED and kind in ("document", "message", "searchset", "collection")
    assert len(stubs) == (1 if may else 0)
    assert len(out["entry"]) == 1 + len(stubs)


@pytest.mark.parametrize("kind", ["document", "message"])
def test_without_its_first_part_a_document_does_not_go_out(kind: str) -> None:
    for mode in Mode:
        out, record = redacted(collection(PATIENT, kind=kind), mode)
        assert out is None
        assert record.findings[-1].as_json()["rule"] == "bundle-without-first"


def test_totals_count_what_is_left_when_this_is_all_there_is() -> None:
    mode = {"search": {"mode": "match"}}
    entries = [{**entry(media()), **mode}, {**entry(PLAIN), **mode}, {**entry(PATIENT), "search": {"mode": "include"}}]
    silent, _ = redacted(search(*entries, total=2), Mode.SILENT)
    assert silent is not None and silent["total"] == 1 and len(silent["entry"]) == 2
    marked, _ = redacted(search(*entries, total=2), Mode.MARKED)
    assert marked is not None and marked["total"] == 2
    paged, _ = redacted(search(*entries, total=57), Mode.SILENT)
    assert paged is not None and "total" not in paged


def test_links_that_repeat_the_search_or_lead_to_other_pages_go() -> None:
    links = [{"relation": "self", "url": "https://ehr.example/fhir/Media?_security=R&site=45292006"}]
    links += [{"relation": "next", "url": "https://ehr.example/fhir?_getpages=4711"}]
    silent, _ = redacted(search(entry(media()), entry(PLAIN), total=2, link=links), Mode.SILENT)
    assert silent is not None and "link" not in silent and silent["total"] == 1


def test_a_bundle_that_needs_no_change_keeps_everything() -> None:
    whole = search(entry(PLAIN), total=900, link=[{"relation": "next", "url": "https://ehr.example/fhir?page=2"}])
    for mode in Mode:
        out, _ = redacted(whole, mode)
        assert out == whole
        inner = search(entry(PLAIN), total=900)
        beside, _ = redacted(collection(inner), mode)
        assert resources(beside)[-1] == inner, "looked through, for something stays beside it"


def test_the_label_is_that_of_what_is_left() -> None:
    low = {"resourceType": "Observation", "id": "o2", "meta": {"security": [{"system": CONFIDENTIALITY, "code": "L"}]}}
    bundle = collection(PLAIN, low, meta=RESTRICTED, signature={"type": [], "when": "2026-01-01", "who": {}})
    silent, _ = redacted(bundle, Mode.SILENT)
    assert silent is not None and silent["meta"] == {"security": [{"system": CONFIDENTIALITY, "code": "L"}]}
    assert "signature" not in silent
    marked, _ = redacted(bundle, Mode.MARKED)
    assert marked is not None and [each["code"] for each in marked["meta"]["security"]] == ["L", "REDACTED"]


def test_a_label_that_nothing_inside_explains_is_meant_for_the_whole() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "meta": RESTRICTED, "entry": [entry(PLAIN)]}
    out, record = redacted(bundle, Mode.MARKED)
    assert out is None
    assert record.counts["redact"] == 2


@pytest.mark.parametrize("mode", Mode)
def test_a_bundle_inside_a_bundle_inside_parameters(mode: Mode) -> None:
    inner = collection({**PLAIN, "derivedFrom": [{"reference": f"urn:uuid:{UUID}"}]})
    middle = {"resourceType": "Bundle", "type": "collection", "entry": [entry(inner), entry(PATIENT)]}
    outer = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "deep", "part": [{"name": "record", "resource": middle}]},
            {"name": "image", "resource": media()},
            {"name": "which", "valueReference": {"reference": f"Media/{ID}"}},
            {"name": "count", "valueInteger": 3},
        ],
    }
    out, _record = redacted(outer, mode)
    assert leaks(out) == []
    assert out is not None
    deep = out["parameter"][0]["part"][0]["resource"]
    found = resources(deep["entry"][0]["resource"])[-1]
    assert "derivedFrom" not in found and found["code"] == PLAIN["code"]
    names = [each["name"] for each in out["parameter"]]
    assert names == (["deep", "image", "count"] if mode is Mode.MARKED else ["deep", "count"])


@pytest.mark.parametrize("mode", Mode)
def test_every_version_of_what_is_withheld_goes(mode: Mode) -> None:
    old = media(content={"contentType": "image/jpeg", "title": "before it was labelled"})
    old["meta"] = {"versionId": "1"}
    kept = {"fullUrl": "x", "resource": PLAIN, "request": {"method": "PUT", "url": "Observation/o1"}}
    history = {"resourceType": "Bundle", "type": "history", "total": 3, "entry": [entry(media()), entry(old), kept]}
    out, _ = redacted(history, mode)
    assert out is not None and [each["id"] for each in resources(out)] == ["o1"] and out["total"] == 1
    assert leaks(out) == [] and "before it" not in str(out)


def test_two_resources_with_one_id_fall_together() -> None:
    twin = {"resourceType": "Media", "id": ID, "status": "completed", "content": {"title": "another server's"}}
    out, _ = redacted(collection(twin), Mode.SILENT)
    assert out == {"resourceType": "Bundle", "type": "collection"}


def test_a_resource_where_fhir_has_no_place_for_one_does_not_go_out() -> None:
    odd = {**PLAIN, "extension": [{"url": "https://x.example", "valueX": media()}], "hidden": {"resourceType": "Media"}}
    out, _ = redacted(collection(odd), Mode.SILENT)
    assert leaks(out) == [] and "hidden" not in str(out)
