"""The hosted EHRs, the launcher and the strict server: what each is documented to do to what an app sends."""

from __future__ import annotations

import base64

import pytest

from fhir_plugin.capability import SCOPES
from fhir_plugin.sandbox.fhir import load_personality, personality_names
from fhir_plugin.sandbox.fhir.access import OpenAccess
from fhir_plugin.sandbox.oauth.scopes import narrow, parse
from tests.sandbox.fhir.client import (
    FHIR_JSON,
    FhirUnderTest,
    Json,
    assert_refused,
    binary,
    entry,
    got,
    labelled,
    media,
    patient,
    provenance,
)
from tests.sandbox.fhir.test_personalities import like

WORDS = base64.b64encode(b"A photograph is kept elsewhere").decode()


def document(content_type: str = "text/plain", data: str | None = WORDS, **more: object) -> Json:
    """A note with all that any of these EHRs demands."""
    attachment: Json = {"contentType": content_type} | ({"data": data} if data else {"url": "Binary/b"})
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "72170-4"}]},
        "subject": {"reference": "Patient/p"},
        "date": "2026-05-01T10:00:00Z",
        "author": [{"reference": "Practitioner/7"}],
        "content": [{"attachment": attachment}],
        "context": {
            "encounter": [{"reference": "Encounter/e"}],
            "period": {"start": "2026-05-01T09:00:00Z", "end": "2026-05-01T10:00:00Z"},
        },
    } | more


def seeded(name: str) -> FhirUnderTest:
    fhir = FhirUnderTest(name)
    fhir.store.put(patient(id="p"))
    fhir.store.put({"resourceType": "Practitioner", "id": "7"})
    return fhir


# --------------------------------------------------------------------------------------------- hosted


def test_epic_takes_a_text_note_with_an_encounter_and_nothing_else() -> None:
    with seeded("epic") as fhir:
        made = fhir.post("DocumentReference", document())
        assert (made.status_code, made.data) == (201, b"")
        assert "ETag" not in made.headers
        assert made.headers["Location"].startswith("DocumentReference/")
        again = fhir.post("DocumentReference", document(), prefer="return=representation", if_none_exist="_id=none")
        assert got(again)["resourceType"] == "DocumentReference"
        assert len(fhir.found("DocumentReference")) == 2, "sent twice is filed twice"
        assert_refused(
            fhir.post("DocumentReference", document(context={"period": {"start": "2026-05-01"}})), 422, "required"
        )
        assert_refused(fhir.post("DocumentReference", document("application/pdf")), 422)
        assert_refused(fhir.post("DocumentReference", document(data=None)), 422, "required")
        path = f"DocumentReference/{got(again)['id']}"
        for refused in (
            fhir.post("Media", media()),
            fhir.post("Binary", binary()),
            fhir.post("Provenance", provenance("Patient/p")),
            fhir.put(path, got(again), if_match="*"),
            fhir.delete(path),
            fhir.transaction(entry("POST", "DocumentReference", document())),
        ):
            assert (refused.status_code, refused.data) == (403, b"")
            assert "Content-Type" not in refused.headers


def test_epic_keeps_the_first_attachment_and_no_label() -> None:
    with seeded("epic") as fhir:
        contents = document()["content"] * 2
        made = fhir.created(document(content=contents, meta=labelled("R")), prefer="return=representation")
        assert len(made["content"]) == 1
        assert "security" not in made["meta"]


def test_oracle_wants_everything_that_its_documents_say() -> None:
    with seeded("oracle") as fhir:
        made = fhir.created(document("application/pdf"), prefer="return=representation")
        lacks: list[Json] = [
            {"author": []},
            {"docStatus": "preliminary"},
            {"type": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}},
            {"context": {"encounter": [{"reference": "Encounter/e"}]}},
            {"date": "2026-05-01"},
        ]
        for lacking in lacks:
            sent = {key: value for key, value in document("application/pdf", **lacking).items() if value != []}
            if "date" in lacking:
                sent["context"]["period"]["end"] = "2026-05-01"
                del sent["date"]
            assert_refused(fhir.post("DocumentReference", sent), 422)
        assert_refused(fhir.post("DocumentReference", document("image/jpeg")), 422)
        path, wrong = f"DocumentReference/{made['id']}", {**made, "status": "entered-in-error"}
        assert_refused(fhir.put(path, wrong), 412)
        assert fhir.put(path, wrong, if_match='W/"1"').status_code == 200
        assert_refused(fhir.post("Provenance", provenance("Patient/p")), 405)
        stated = {one["type"]: one for one in got(fhir.get("metadata"))["rest"][0]["resource"]}
        assert {"code": "create"} in stated["Provenance"]["interaction"], "which is not true for us"
        assert "total" not in got(fhir.get("DocumentReference?patient=p&_total=accurate"))


class SignedIn(OpenAccess):
    user = "Practitioner/7"


def test_oracle_wants_the_author_to_be_who_signed_in() -> None:
    with FhirUnderTest("oracle", access=lambda _request: SignedIn()) as fhir:
        assert fhir.post("DocumentReference", document()).status_code == 201
        other = document(author=[{"reference": "Practitioner/77"}])
        assert_refused(fhir.post("DocumentReference", other), 422, "business-rule")


def test_athena_takes_answers_only() -> None:
    with seeded("athena") as fhir:
        answers = {"resourceType": "QuestionnaireResponse", "status": "completed"}
        assert fhir.post("QuestionnaireResponse", answers).status_code == 201
        for refused in (document(), binary(), provenance("Patient/p")):
            assert_refused(fhir.post(refused["resourceType"], refused), 403)
        assert_refused(fhir.post("Media", media()), 404)


def test_a_text_only_ehr_lets_a_note_be_marked_and_not_deleted() -> None:
    with seeded("text-only") as fhir:
        made = fhir.created(document(meta=labelled("R")))
        path = f"DocumentReference/{made['id']}"
        assert fhir.put(path, {**made, "status": "entered-in-error"}).status_code == 200
        assert_refused(fhir.delete(path), 405)
        assert_refused(fhir.post("DocumentReference", document("text/html")), 422)
        assert_refused(fhir.post("DocumentReference", document(data="A" * 150_000)), 413)


# ----------------------------------------------------------------------------- the launcher, the strict


def test_the_launcher_spoils_raw_bytes_and_fails_on_large_bodies() -> None:
    with seeded("smart-launcher") as fhir:
        made = fhir.raw("POST", "Binary", b"\xff\xd8\xff", "image/jpeg")
        assert made.status_code == 201
        path = made.headers["Location"].removeprefix("http://upstream.invalid/fhir/")
        assert fhir.get(path, accept="image/jpeg").data == "���".encode()
        whole = fhir.post("Binary", binary("/9j/"))
        path = whole.headers["Location"].removeprefix("http://upstream.invalid/fhir/")
        assert fhir.get(path, accept="image/jpeg").data == b"\xff\xd8\xff"
        assert_refused(fhir.post("Binary", binary("A" * 1_000_000)), 500)
        system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
        fhir.store.put(media(id="m", meta=labelled("R")))
        assert fhir.found(f"Media?_security={system}|R") == [], "`//` arrives as `/`"
        assert fhir.found(f"Media?_security={system.replace('/', '%2F')}%7CR") == ["Media/m"]


def test_the_strict_server_holds_an_image_of_5_mb_as_json() -> None:
    with seeded("strict") as fhir:
        assert_refused(fhir.raw("POST", "Binary", b"\xff", "image/jpeg"), 415)
        made = fhir.post("Binary", binary("A" * 6_990_508))
        assert (made.status_code, made.data) == (201, b"")
        assert_refused(fhir.post("Binary", binary("A" * 8_000_000)), 413)
        assert_refused(fhir.post("Binary", binary(contentType="image/webp")), 422)
        path = made.headers["Location"].partition("/_history")[0]
        assert_refused(fhir.get(path, accept="image/jpeg"), 406)
        image = media(
            "Patient/p",
            meta=labelled("R") | {"tag": [{"code": "t"}]},
            content={"contentType": "image/jpeg", "url": path},
        )
        stored = fhir.created(image, prefer="return=representation")
        assert stored["meta"]["profile"] == ["https://sandbox.example/Media"]
        assert [tag["code"] for tag in stored["meta"]["tag"]] == ["interface", "t"]
        assert [label["code"] for label in stored["meta"]["security"]] == ["R"]
        assert_refused(fhir.put(f"Media/{stored['id']}", stored), 412)
        assert_refused(fhir.get("Media?_security=R"), 400)
        assert_refused(fhir.post("Media", media("Patient/none")), 400)


# ------------------------------------------------------------------------------------------ by scope


def test_scopes_that_a_server_narrows_say_less_and_never_more() -> None:
    asked = parse(" ".join(SCOPES))
    types = {scope.resource_type for scope in asked.clinical}
    for name in personality_names():
        personality = load_personality(name)
        v1 = personality.scope_spelling == "v1"
        text = narrow(asked.text, personality.granted, v1=v1)
        assert narrow(text, personality.granted, v1=v1) == text
        assert parse(text).plain == asked.plain
        for resource_type in types:
            before, after = (
                {
                    letter
                    for scope in granted.clinical
                    if scope.resource_type == resource_type
                    for letter in scope.letters
                }
                for granted in (asked, parse(text))
            )
            bound = personality.granted.get(resource_type, personality.granted.get("*", "cruds"))
            assert after <= set("cud" if v1 else "") | set("rs" if v1 else "") | before
            assert v1 or after == before & set(bound)
            assert bool(after & set("cud")) is bool(before & set(bound) & set("cud")), (name, resource_type)


@pytest.mark.parametrize(
    ("text", "most", "v1", "granted"),
    [
        ("patient/Media.cruds", {}, False, "patient/Media.cruds"),
        ("patient/Media.cruds", {"*": "rs"}, False, "patient/Media.rs"),
        ("patient/Media.cruds", {"Consent": "rs"}, False, ""),
        ("patient/Media.cruds launch", {"*": "cr"}, True, "patient/Media.read patient/Media.write launch"),
        ("patient/Media.rs?status=completed", {"*": "r"}, True, "patient/Media.r?status=completed"),
        ("patient/*.rs patient/Media.rs", {"Media": "r", "*": "s"}, False, "patient/*.s patient/Media.r"),
    ],
)
def test_narrowing(text: str, most: dict[str, str], v1: bool, granted: str) -> None:
    assert narrow(text, most, v1=v1) == granted


def test_fields_that_no_personality_of_ours_has() -> None:
    with like(fhir_version="5.0.0") as fhir:
        assert fhir.http.get("/fhir/metadata").get_json(force=True)["fhirVersion"] == "5.0.0"
    with like(returns="minimal", etags=False) as fhir:
        made = fhir.put("Patient/p", patient(id="p"))
        assert (made.data, "ETag" in made.headers) == (b"", False)
        assert fhir.get("Patient/p", accept=FHIR_JSON).status_code == 200
