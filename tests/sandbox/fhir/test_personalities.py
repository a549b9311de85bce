"""Each personality behaves as its file says, and a new one needs no new code."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_plugin.sandbox.fhir import Personality, load_personality, personality_names
from fhir_plugin.sandbox.fhir.personality import UnknownPersonality
from tests.sandbox.fhir.client import (
    BASE,
    FHIR_JSON,
    FhirUnderTest,
    assert_refused,
    binary,
    bundle,
    entry,
    got,
    labelled,
    media,
    parameters,
    patient,
    provenance,
)

B = "urn:uuid:0f1d1a1e-0000-4000-8000-000000000002"


def like(**fields: object) -> FhirUnderTest:
    return FhirUnderTest(Personality.model_validate({"name": "test", **fields}))


# ------------------------------------------------------------------------------------------- shipped


def test_what_ships() -> None:
    assert set(personality_names()) >= {"default", "hapi", "no-transaction", "no-purge", "no-media", "server-ids"}
    for name in personality_names():
        personality = load_personality(name)
        assert personality.name == name
        assert personality.description


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('name = "ours"\ntotal = "when-asked"\n')
    assert load_personality(str(path)).total == "when-asked"


@pytest.mark.parametrize(
    "text", ["name = ", 'name = "x"\nnonsense = 1', 'name = "x"\ntotal = "perhaps"', "total = 1", None]
)
def test_a_file_that_says_nothing_sensible(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "bad.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UnknownPersonality):
        load_personality(str(path))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPersonality, match="no-purge"):
        load_personality("nonsense")


def test_no_transaction_runs_a_batch_and_says_200() -> None:
    with FhirUnderTest("no-transaction") as fhir:
        response = fhir.transaction(
            entry("POST", "Binary", binary(), B),
            entry("POST", "Media", media(content={"contentType": "image/jpeg", "url": B})),
            entry("POST", "Media", media(status=7)),
        )
        assert response.status_code == 200
        assert [e["response"]["status"] for e in got(response)["entry"]] == ["201", "201", "422"]
        stored = got(fhir.get("Media"))["entry"][0]["resource"]
        assert stored["content"]["url"] == B, "urn:uuid is left as it was sent"
        assert len(fhir.found("Binary")) == 1


def test_no_purge_keeps_old_versions_and_refuses_expunge() -> None:
    with FhirUnderTest("no-purge") as fhir:
        fhir.put("Binary/b", binary(id="b"))
        fhir.delete("Binary/b")
        assert_refused(fhir.get("Binary/b"), 410)
        assert_refused(fhir.post("Binary/b/$expunge", parameters(expungeDeletedResources=True)), 403, "forbidden")
        assert_refused(fhir.post("$expunge", parameters(expungeEverything=True)), 403)
        assert fhir.get("Binary/b/_history/1").data == b"\0\1\2"
        assert "operation" not in got(fhir.get("metadata"))["rest"][0]


def test_no_media_has_no_media() -> None:
    with FhirUnderTest("no-media") as fhir:
        assert_refused(fhir.post("Media", media()), 404, "not-supported")
        assert_refused(fhir.get("Media"), 404)
        assert_refused(fhir.transaction(entry("POST", "Media", media())), 404)
        assert "Media" not in {one["type"] for one in got(fhir.get("metadata"))["rest"][0]["resource"]}


def test_server_ids_takes_no_id_of_ours() -> None:
    with FhirUnderTest("server-ids") as fhir:
        assert_refused(fhir.put("Patient/ours", patient(id="ours")), 405)
        assert_refused(fhir.raw("PUT", "Binary/ours", b"x", "image/jpeg"), 405)
        assert_refused(fhir.transaction(entry("PUT", "Patient/ours", patient(id="ours"))), 405)
        made = fhir.created(patient())
        assert fhir.put(f"Patient/{made['id']}", made).status_code == 200


def test_hapi_counts_ids_and_takes_none_that_are_only_digits() -> None:
    with FhirUnderTest("hapi") as fhir:
        first, second = fhir.created(patient()), fhir.created(patient())
        assert first["id"].isdigit()
        assert int(second["id"]) > int(first["id"])
        assert_refused(fhir.put("Patient/77", patient(id="77")), 400)
        assert fhir.put("Patient/a77", patient(id="a77")).status_code == 201
        both = fhir.transaction(entry("POST", "Patient", patient()), entry("POST", "Patient", patient()))
        assert len({e["response"]["location"] for e in got(both)["entry"]}) == 2


def test_hapi_wants_references_to_exist() -> None:
    with FhirUnderTest("hapi") as fhir:
        assert_refused(fhir.post("Media", media("Patient/none")), 400)
        assert fhir.found("Media") == []
        together = fhir.transaction(entry("POST", "Media", media(B)), entry("POST", "Patient", patient(), B))
        assert together.status_code == 200
        assert_refused(fhir.transaction(entry("POST", "Media", media("Patient/none"))), 400)


def test_hapi_does_not_delete_what_is_referred_to() -> None:
    with FhirUnderTest("hapi") as fhir:
        fhir.put("Patient/p", patient(id="p"))
        fhir.put("Media/m", media("Patient/p", id="m"))
        fhir.put("Provenance/v", provenance("Media/m", id="v"))
        assert_refused(fhir.delete("Media/m"), 409, "conflict")
        assert fhir.get("Media/m").status_code == 200
        assert fhir.transaction(entry("DELETE", "Media/m"), entry("DELETE", "Provenance/v")).status_code == 200
        response = fhir.delete("Patient/p")
        assert response.status_code == 200
        assert got(response)["resourceType"] == "OperationOutcome"


def test_hapi_merges_labels_and_adds_a_source() -> None:
    with FhirUnderTest("hapi") as fhir:
        made = fhir.put("Patient/p", patient(id="p", meta=labelled("R")))
        assert got(made)["meta"]["source"].startswith("#")
        changed = got(fhir.put("Patient/p", patient(id="p", meta=labelled("N"))))
        assert [label["code"] for label in changed["meta"]["security"]] == ["N", "R"]
        again = got(fhir.put("Patient/p", patient(id="p")))
        assert [label["code"] for label in again["meta"]["security"]] == ["N", "R"]


def test_hapi_refuses_unknown_parameters_and_gives_totals_when_asked() -> None:
    with FhirUnderTest("hapi") as fhir:
        assert_refused(fhir.get("Patient?nonsense=1"), 400)
        assert "total" not in got(fhir.get("Patient"))
        assert got(fhir.get("Patient?_total=accurate"))["total"] == 0
        assert got(fhir.get("Patient?_summary=count"))["total"] == 0


def test_small_bodies() -> None:
    with FhirUnderTest("small-bodies") as fhir:
        assert_refused(fhir.raw("POST", "Binary", b"x" * 1_000_001, "image/jpeg"), 413, "too-long")
        assert_refused(fhir.raw("POST", "Binary", b"x", "image/jpeg"), 415)
        made = fhir.post("Binary", binary(id="b"))
        assert made.headers["Location"].startswith("Binary/")
        path = made.headers["Location"].split("/_history")[0]
        assert_refused(fhir.get(path, accept="image/jpeg"), 406)
        assert got(fhir.get(path, accept=FHIR_JSON))["data"] == "AAEC"
        response = fhir.transaction(
            entry("POST", "Binary", binary(), B),
            entry("POST", "Media", media(content={"contentType": "image/jpeg", "url": B}), "urn:uuid:1"),
            entry("POST", "Provenance", provenance("urn:uuid:1")),
        )
        assert response.status_code == 200
        stored = got(fhir.get("Media"))["entry"][0]["resource"]
        assert stored["content"]["url"] == B, "attachment urls are left dead"
        target = got(fhir.get("Provenance"))["entry"][0]["resource"]["target"][0]["reference"]
        assert target == f"Media/{stored['id']}"


def test_a_chunked_body_is_limited_too() -> None:
    with FhirUnderTest("small-bodies") as fhir:
        response = fhir.http.post(
            "/fhir/Patient",
            data=b" " * 1_000_001,
            content_type=FHIR_JSON,
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
        )
        assert_refused(response, 413)


def test_documents_only() -> None:
    with FhirUnderTest("documents-only") as fhir:
        document = {
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/b"}}],
        }
        assert fhir.post("DocumentReference", document).status_code == 201
        image = document | {"content": [{"attachment": {"contentType": "image/jpeg", "url": "Binary/b"}}]}
        assert_refused(fhir.post("DocumentReference", image), 422)
        assert_refused(fhir.raw("POST", "Binary", b"x", "image/jpeg"), 422)
        assert fhir.raw("POST", "Binary", b"x", "application/pdf").status_code == 201
        for resource in (patient(), provenance("Patient/1")):
            assert_refused(fhir.post(resource["resourceType"], resource), 405)
        assert_refused(fhir.post("", bundle()), 405)
        assert fhir.get("DocumentReference?_security=R").status_code == 200
        assert_refused(fhir.get("DocumentReference?_security=R", prefer="handling=strict"), 400)


# --------------------------------------------------------------------------------- fields, one by one


def test_half_written_transactions() -> None:
    with like(transactions="half-written") as fhir:
        response = fhir.transaction(entry("POST", "Patient", patient()), entry("POST", "Media", media(status=7)))
        assert_refused(response, 422)
        assert len(fhir.found("Patient")) == 1


def test_refused_transactions() -> None:
    with like(transactions="refused") as fhir:
        assert_refused(fhir.transaction(), 405)
        assert fhir.transaction(kind="batch").status_code == 200


def test_any_string_that_equals_a_full_url_is_rewritten() -> None:
    with like(urn_rewriting="any-string") as fhir:
        image = media(identifier=[{"system": "urn:x", "value": B}])
        fhir.transaction(entry("PUT", "Media/m", image | {"id": "m"}, B))
        assert got(fhir.get("Media/m"))["identifier"][0]["value"] == "Media/m"


def test_meta_dropped() -> None:
    with like(meta="dropped") as fhir:
        assert set(fhir.created(patient(meta=labelled("R")))["meta"]) == {"versionId", "lastUpdated"}


def test_long_strings() -> None:
    with like(max_string_bytes=10) as fhir:
        assert_refused(fhir.post("Binary", binary("AAAA" * 3)), 400, "too-long")
        assert fhir.post("Binary", binary("AAAA")).status_code == 201


def test_another_status_for_large_bodies_and_raw_bytes() -> None:
    with like(max_body_bytes=100, body_limit_status=500, raw_binary="refused", raw_binary_status=500) as fhir:
        assert_refused(fhir.raw("POST", "Binary", b"x" * 101, "image/jpeg"), 500)
        assert_refused(fhir.raw("POST", "Binary", b"x", "image/jpeg"), 500)


def test_old_versions_gone_after_delete() -> None:
    with like(old_versions_after_delete="gone") as fhir:
        fhir.put("Patient/p", patient(id="p"))
        assert fhir.get("Patient/p/_history/1").status_code == 200
        fhir.delete("Patient/p")
        assert_refused(fhir.get("Patient/p/_history/1"), 410)


def test_labels_that_cannot_be_searched() -> None:
    for rule, strict_status in (("named", 400), ("silent", 200), ("error", 400)):
        with like(unsupported_parameters=["_security", "Media.site"], unknown_parameters=rule) as fhir:
            fhir.put("Media/m", media(id="m", meta=labelled("N")))
            for query in ("Media?_security=R", "Media?site=x", "Media?_has:Media:subject:_security=R"):
                assert fhir.get(query, prefer="handling=strict").status_code == strict_status
            if rule != "error":
                assert fhir.found("Media?_security=R") == ["Media/m"]


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        ({"location": "relative"}, "Patient/p/_history/1"),
        ({"location": "without-version"}, f"{BASE}/Patient/p"),
        ({"location_base": "http://upstream.invalid/r4/"}, "http://upstream.invalid/r4/Patient/p/_history/1"),
    ],
)
def test_location(fields: dict[str, object], location: str) -> None:
    with like(**fields) as fhir:
        response = fhir.put("Patient/p", patient(id="p"))
        assert response.headers["Location"] == location
        assert got(fhir.transaction(entry("PUT", "Patient/q", patient(id="q"))))["entry"][0]["response"][
            "location"
        ] == (location.replace("/p", "/q"))


def test_conditional_create_ignored() -> None:
    with like(conditional_create="ignored") as fhir:
        for _ in range(2):
            assert fhir.post("Patient", patient(), if_none_exist="birthdate=1980-02-03").status_code == 201
            assert (
                fhir.transaction(entry("POST", "Patient", patient(), ifNoneExist="birthdate=1980")).status_code == 200
            )
        assert len(fhir.found("Patient")) == 4


def test_a_claim_that_is_not_kept() -> None:
    with like(refused=["Consent:create"], claimed=["Consent:create"]) as fhir:
        stated = {one["type"]: one for one in got(fhir.get("metadata"))["rest"][0]["resource"]}
        assert {"code": "create"} in stated["Consent"]["interaction"]
        assert_refused(fhir.post("Consent", {"resourceType": "Consent"}), 405)
