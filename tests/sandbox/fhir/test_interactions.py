"""Read, vread, create, update, patch, delete and history, each well and badly asked for (R4 http)."""

from __future__ import annotations

import pytest

from tests.sandbox.fhir.client import BASE, FHIR_JSON, PATCH, FhirUnderTest, assert_refused, got, patient


def test_create_answers_with_location_version_and_the_resource(fhir: FhirUnderTest) -> None:
    response = fhir.post("Patient", patient())
    made = got(response)
    assert response.status_code == 201
    assert response.headers["Location"] == f"{BASE}/Patient/{made['id']}/_history/1"
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Last-Modified"].endswith("GMT")
    assert response.content_type.startswith(FHIR_JSON)
    assert made["meta"]["versionId"] == "1"
    assert got(fhir.get(f"Patient/{made['id']}")) == made


def test_create_does_not_take_the_id_of_the_body(fhir: FhirUnderTest) -> None:
    assert fhir.created(patient(id="mine"))["id"] != "mine"
    assert_refused(fhir.get("Patient/mine"), 404, "not-found")


def test_what_is_stored_is_what_was_sent(fhir: FhirUnderTest) -> None:
    sent = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.50,"unit":"cm"},"effectiveDateTime":"2026-05-01T10:00:00.120+01:00",'
        b'"component":[{"code":{"text":"y"},"valueQuantity":{"value":1e2}}]}'
    )
    response = fhir.raw("POST", "Observation", sent, FHIR_JSON)
    assert response.status_code == 201
    for text in (b'"value":1.50,', b'"value":1e2}', b'"2026-05-01T10:00:00.120+01:00"'):
        assert text in response.data
        assert text in fhir.get(f"Observation/{got(response)['id']}").data


def test_meta_is_kept_but_for_version_and_time(fhir: FhirUnderTest) -> None:
    meta = {"tag": [{"system": "urn:t", "code": "x"}], "versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z"}
    made = fhir.created(patient(meta=meta))
    assert made["meta"]["tag"] == meta["tag"]
    assert made["meta"]["versionId"] == "1"
    assert made["meta"]["lastUpdated"] > "2026"


@pytest.mark.parametrize(
    ("wish", "status", "shown"),
    [
        ("return=minimal", 201, None),
        ("return=representation", 201, "Patient"),
        ("return=OperationOutcome", 201, "OperationOutcome"),
        ("handling=strict; return=minimal", 201, None),
        ("respond-async", 201, "Patient"),
    ],
)
def test_prefer_return(fhir: FhirUnderTest, wish: str, status: int, shown: str | None) -> None:
    response = fhir.post("Patient", patient(), prefer=wish)
    assert response.status_code == status
    assert (got(response)["resourceType"] if response.data else None) == shown
    assert "Location" in response.headers


def test_read_of_nothing_is_404_and_of_an_unknown_type_too(fhir: FhirUnderTest) -> None:
    assert_refused(fhir.get("Patient/none"), 404, "not-found")
    assert_refused(fhir.get("Patients/none"), 404, "not-supported")
    assert_refused(fhir.get("Patient/none/_history"), 404, "not-found")
    assert_refused(fhir.get("Patient/none/_history/1"), 404, "not-found")


def test_read_if_none_match_is_304_without_a_body(fhir: FhirUnderTest) -> None:
    id = fhir.created(patient())["id"]
    same = fhir.get(f"Patient/{id}", if_none_match='W/"1"')
    assert (same.status_code, same.data) == (304, b"")
    assert fhir.get(f"Patient/{id}", if_none_match='W/"2"').status_code == 200


def test_read_if_modified_since(fhir: FhirUnderTest) -> None:
    response = fhir.post("Patient", patient())
    path = f"Patient/{got(response)['id']}"
    assert fhir.get(path, if_modified_since=response.headers["Last-Modified"]).status_code == 304
    assert fhir.get(path, if_modified_since="Mon, 01 Jan 2001 00:00:00 GMT").status_code == 200
    assert fhir.get(path, if_modified_since="not a date").status_code == 200


def test_head_says_what_get_says_without_the_body(fhir: FhirUnderTest) -> None:
    id = fhir.created(patient())["id"]
    response = fhir.send("HEAD", f"Patient/{id}")
    assert (response.status_code, response.data, response.headers["ETag"]) == (200, b"", 'W/"1"')


def test_update_makes_a_version_and_keeps_the_old_one(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient())
    path = f"Patient/{made['id']}"
    response = fhir.put(path, made | {"active": True})
    assert response.status_code == 200
    assert response.headers["ETag"] == 'W/"2"'
    assert got(fhir.get(path))["active"] is True
    assert "active" not in got(fhir.get(f"{path}/_history/1"))
    assert_refused(fhir.get(f"{path}/_history/3"), 404)
    assert_refused(fhir.get(f"{path}/_history/99999999999999999999"), 404)


def test_update_creates_under_an_id_of_ours(fhir: FhirUnderTest) -> None:
    response = fhir.put("Patient/ours-1", patient(id="ours-1"))
    assert response.status_code == 201
    assert response.headers["Location"] == f"{BASE}/Patient/ours-1/_history/1"
    assert fhir.put("Patient/ours-1", patient(id="ours-1")).status_code == 200


def test_update_refuses_another_id_type_or_a_bad_id(fhir: FhirUnderTest) -> None:
    assert_refused(fhir.put("Patient/a", patient(id="b")), 400)
    assert_refused(fhir.put("Patient/a", patient()), 400)
    assert_refused(fhir.put("Observation/a", patient(id="a")), 400)
    assert_refused(fhir.put("Patient/a_b", patient(id="a_b")), 400)
    assert_refused(fhir.put(f"Patient/{'a' * 65}", patient(id="a" * 65)), 400)


def test_if_match_is_held(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient())
    path = f"Patient/{made['id']}"
    assert_refused(fhir.put(path, made, if_match='W/"2"'), 412, "conflict")
    assert fhir.put(path, made, if_match='W/"1"').status_code == 200
    assert_refused(fhir.put(path, made, if_match='W/"1"'), 412)
    assert_refused(fhir.patch(path, [{"op": "add", "path": "/active", "value": True}], if_match='W/"1"'), 412)
    assert_refused(fhir.delete(path, if_match='W/"1"'), 412)
    assert_refused(fhir.put(path, made, if_match="/&%"), 400)
    assert_refused(fhir.put("Patient/new", patient(id="new"), if_match='W/"1"'), 412)
    assert got(fhir.get(path))["meta"]["versionId"] == "2"
    assert fhir.delete(path, if_match='"2"').status_code == 204


def test_if_none_match_star_only_creates(fhir: FhirUnderTest) -> None:
    assert fhir.put("Patient/x", patient(id="x"), if_none_match="*").status_code == 201
    assert_refused(fhir.put("Patient/x", patient(id="x"), if_none_match="*"), 412)


def test_conditional_create(fhir: FhirUnderTest) -> None:
    person = patient(identifier=[{"system": "urn:s", "value": "1"}])
    first = fhir.post("Patient", person, if_none_exist="identifier=urn:s|1")
    again = fhir.post("Patient", person, if_none_exist="Patient?identifier=urn%3As%7C1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert got(first)["id"] == got(again)["id"]
    fhir.created(person)
    assert_refused(fhir.post("Patient", person, if_none_exist="identifier=urn:s|1"), 412, "multiple-matches")
    assert_refused(fhir.post("Patient", person, if_none_exist=""), 412)
    assert_refused(fhir.post("Patient", person, if_none_exist="_count=1"), 412)
    assert_refused(fhir.post("Patient", person, if_none_exist="nonsense=1"), 412)
    assert len(fhir.found("Patient")) == 2


def test_conditional_update_and_delete(fhir: FhirUnderTest) -> None:
    person = patient(identifier=[{"system": "urn:s", "value": "1"}])
    made = fhir.put("Patient?identifier=urn:s|1", person)
    assert made.status_code == 201
    assert fhir.put("Patient?identifier=urn:s|1", person | {"active": True}).status_code == 200
    assert got(fhir.get(f"Patient/{got(made)['id']}"))["active"] is True
    assert_refused(fhir.put("Patient?identifier=urn:s|1", person | {"id": "other"}), 400)
    fhir.created(person)
    assert_refused(fhir.put("Patient?identifier=urn:s|1", person), 412)
    assert_refused(fhir.delete("Patient?identifier=urn:s|1"), 412)
    assert fhir.delete(f"Patient?_id={got(made)['id']}").status_code == 204
    assert fhir.delete("Patient?identifier=urn:s|2").status_code == 204
    assert_refused(fhir.delete("Patient"), 405)
    assert len(fhir.found("Patient")) == 1


def test_json_patch(fhir: FhirUnderTest) -> None:
    id = fhir.created(patient())["id"]
    changed = fhir.patch(f"Patient/{id}", [{"op": "replace", "path": "/name/0/family", "value": "Ade"}])
    assert changed.status_code == 200
    assert got(changed)["name"][0]["family"] == "Ade"
    assert got(fhir.get(f"Patient/{id}"))["meta"]["versionId"] == "2"


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([], 400),
        ({}, 400),
        ([1], 400),
        ([{"op": "add"}], 400),
        ([{"op": "add", "path": 1, "value": 1}], 400),
        ([{"op": "explode", "path": "/id"}], 400),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "remove", "path": "no-slash"}], 422),
        ([{"op": "test", "path": "/birthDate", "value": "1999-01-01"}], 422),
        ([{"op": "replace", "path": "", "value": 7}], 422),
        ([{"op": "replace", "path": "", "value": {}}], 422),
        ([{"op": "replace", "path": "/id", "value": "other"}], 422),
        ([{"op": "add", "path": "/nonsense", "value": 1}], 422),
        ([{"op": "add", "path": "/name", "value": []}], 400),
        ([{"op": "copy", "from": "", "path": "/x"}] * 30, 422),
        ([{"op": "test", "path": "/id", "value": "x"}] * 501, 400),
    ],
)
def test_a_bad_patch_changes_nothing(fhir: FhirUnderTest, operations: object, status: int) -> None:
    before = fhir.created(patient())
    assert_refused(fhir.patch(f"Patient/{before['id']}", operations), status)
    assert got(fhir.get(f"Patient/{before['id']}")) == before


def test_patch_of_what_is_not_there_or_in_another_language(fhir: FhirUnderTest) -> None:
    operations = [{"op": "add", "path": "/active", "value": True}]
    assert_refused(fhir.patch("Patient/none", operations), 404)
    id = fhir.created(patient())["id"]
    assert_refused(fhir.send("PATCH", f"Patient/{id}", operations, content_type=FHIR_JSON), 415)
    assert_refused(fhir.raw("PATCH", f"Patient/{id}", b"[", PATCH), 400)
    assert_refused(fhir.raw("PATCH", f"Patient/{id}", b"\xff", PATCH), 400)


def test_delete_then_410_and_history_stays(fhir: FhirUnderTest) -> None:
    path = f"Patient/{fhir.created(patient())['id']}"
    assert fhir.delete(path).status_code == 204
    gone = fhir.get(path)
    assert_refused(gone, 410, "deleted")
    assert gone.headers["ETag"] == 'W/"2"'
    assert_refused(fhir.get(f"{path}/_history/2"), 410)
    assert fhir.get(f"{path}/_history/1").status_code == 200
    assert fhir.delete(path).status_code == 204
    assert fhir.delete("Patient/none").status_code == 204
    assert [e["request"]["method"] for e in got(fhir.get(f"{path}/_history"))["entry"]] == ["DELETE", "POST"]
    assert fhir.found("Patient") == []


def test_put_brings_back_what_was_deleted(fhir: FhirUnderTest) -> None:
    fhir.put("Patient/x", patient(id="x"))
    fhir.delete("Patient/x")
    assert fhir.put("Patient/x", patient(id="x")).status_code == 201
    assert got(fhir.get("Patient/x"))["meta"]["versionId"] == "3"
    assert_refused(fhir.get("Patient/x/_history/2"), 410)


def test_history_of_instance_type_and_everything(fhir: FhirUnderTest) -> None:
    first = fhir.created(patient())
    fhir.put(f"Patient/{first['id']}", first)
    other = fhir.created({"resourceType": "Basic", "code": {"text": "x"}})
    fhir.delete(f"Basic/{other['id']}")
    one = got(fhir.get(f"Patient/{first['id']}/_history"))
    assert [(e["request"]["method"], e["response"]["etag"]) for e in one["entry"]] == [
        ("PUT", 'W/"2"'),
        ("POST", 'W/"1"'),
    ]
    assert one["type"] == "history"
    assert one["total"] == 2
    everything = got(fhir.get("_history"))
    assert [e["request"]["method"] for e in everything["entry"]] == ["DELETE", "POST", "PUT", "POST"]
    assert "resource" not in everything["entry"][0]
    assert [e["request"]["url"] for e in got(fhir.get("Patient/_history"))["entry"]] == [
        f"Patient/{first['id']}",
        "Patient",
    ]


def test_history_is_paged_and_limited_by_time(fhir: FhirUnderTest) -> None:
    made = fhir.created(patient())
    path = f"Patient/{made['id']}"
    for _ in range(4):
        fhir.put(path, made)
    seen = list[str]()
    url: str | None = f"{path}/_history?_count=2"
    while url:
        page = got(fhir.get(url))
        seen += [e["response"]["etag"] for e in page["entry"]]
        url = next((x["url"].removeprefix(f"{BASE}/") for x in page["link"] if x["relation"] == "next"), None)
    assert seen == [f'W/"{n}"' for n in (5, 4, 3, 2, 1)]
    assert "entry" not in got(fhir.get(f"{path}/_history?_since=2099-01-01"))
    assert got(fhir.get(f"{path}/_history?_count=0"))["total"] == 5
    assert_refused(fhir.get(f"{path}/_history?_since=soon"), 400)
    assert_refused(fhir.get(f"{path}/_history?_count=-1"), 400)
    assert_refused(fhir.get(f"{path}/_history?_page=unknown"), 410)
    assert_refused(fhir.get(f"{path}/_history?nonsense=1", prefer="handling=strict"), 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"birthDate": "yesterday"},
        {"gender": ["male"]},
        {"nonsense": 1},
        {"name": "Okafor"},
        {"multipleBirthBoolean": True, "multipleBirthInteger": 2},
        {"gender": "purple"},
        {"active": "true"},
        {"active": 1},
        {"multipleBirthInteger": "3"},
        {"multipleBirthInteger": True},
        {"multipleBirthInteger": 2.5},
        {"id": "a_b"},
        {"id": "x" * 65},
        {"photo": [{"contentType": "image/png", "data": "!!!"}]},
        {"photo": [{"url": False}]},
        {"contained": [{"resourceType": "Nonsense"}]},
    ],
)
def test_what_is_not_r4_is_422_and_names_the_element(fhir: FhirUnderTest, wrong: dict[str, object]) -> None:
    issue = assert_refused(fhir.post("Patient", patient(**wrong)), 422)
    assert issue["expression"][0].startswith("Patient")
    assert fhir.found("Patient") == []


def test_a_message_never_repeats_what_was_sent(fhir: FhirUnderTest) -> None:
    response = fhir.post("Patient", patient(birthDate="canary-7731", gender={"canary": "canary-7731"}))
    assert_refused(response, 422)
    assert "canary-7731" not in response.text


@pytest.mark.parametrize("empty", [None, [], {}, "", [{}], [None, {"family": ""}]])
def test_fhir_json_has_nothing_empty(fhir: FhirUnderTest, empty: object) -> None:
    assert_refused(fhir.post("Patient", patient(name=empty)), 400, "structure")


def test_a_null_in_an_array_of_primitives_is_fine(fhir: FhirUnderTest) -> None:
    extension = {"extension": [{"url": "urn:x", "valueBoolean": True}]}
    fhir.created(patient(name=[{"given": ["A", None], "_given": [None, extension]}]))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "metadata"),
        ("PUT", "Patient"),
        ("DELETE", ""),
        ("GET", ""),
        ("POST", "Patient/x"),
        ("PUT", "Patient/x/_history/1"),
        ("GET", "Patient/x/$expunge"),
        ("DELETE", "Patient/x/_history"),
        ("PATCH", "Binary/x"),
        ("TRACE", "Patient"),
        ("BREW", "Patient/x"),
    ],
)
def test_what_is_not_done_is_405(fhir: FhirUnderTest, method: str, path: str) -> None:
    content_type = PATCH if method == "PATCH" else FHIR_JSON
    body = [{"op": "add", "path": "/x", "value": 1}] if method == "PATCH" else patient(id="x")
    assert_refused(fhir.send(method, path, body, content_type=content_type), 405)


@pytest.mark.parametrize("path", ["nonsense", "Patient/x/nonsense", "Patient/$nonsense", "$nonsense", "a/b/c/d/e/f"])
def test_unknown_places_are_404(fhir: FhirUnderTest, path: str) -> None:
    assert_refused(fhir.get(path), 404)


@pytest.mark.parametrize(
    "accept", ["application/fhir+xml", "text/turtle", "text/html", "application/fhir+json; fhirVersion=5.0"]
)
def test_what_cannot_be_accepted_is_406(fhir: FhirUnderTest, accept: str) -> None:
    assert_refused(fhir.get("Patient", accept=accept), 406)


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", "application/fhir+json; fhirVersion=4.0"],
)
def test_what_can_be_accepted(fhir: FhirUnderTest, accept: str) -> None:
    assert fhir.get("Patient", accept=accept).status_code == 200


def test_format_goes_before_accept(fhir: FhirUnderTest) -> None:
    assert fhir.get("Patient?_format=json", accept="text/html").status_code == 200
    assert fhir.get("Patient?_format=application/fhir%2Bjson", accept="text/html").status_code == 200
    assert_refused(fhir.get("Patient?_format=xml"), 406)


def test_pretty(fhir: FhirUnderTest) -> None:
    id = fhir.created(patient())["id"]
    assert b"\n  " in fhir.get(f"Patient/{id}?_pretty=true").data


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+xml",
        "text/plain",
        "application/fhir+json; charset=latin-1",
        "application/fhir+json; fhirVersion=3.0",
        None,
    ],
)
def test_another_content_type_is_415(fhir: FhirUnderTest, content_type: str | None) -> None:
    assert_refused(fhir.raw("POST", "Patient", b'{"resourceType":"Patient"}', content_type), 415)


def test_nothing_is_to_be_cached_or_run(fhir: FhirUnderTest) -> None:
    for path in ("metadata", "Patient", "Patient/none"):
        headers = fhir.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
