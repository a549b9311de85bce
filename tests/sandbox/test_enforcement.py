"""Scopes at the FHIR endpoint: what a token may do there, and what it cannot even see."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.app_under_test import App
from tests.sandbox.conftest import TODAY

MINE, OTHER = "p-adult-2", "p-adult-3"


def _media(patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Media",
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "content": {"contentType": "image/jpeg", "url": "Binary/none"},
        **more,
    }


def _flag(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "For a test"},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.fixture
def token_for(app: App) -> Any:
    """A function: scopes -> access token for the patient MINE."""

    def make(scope: str) -> str:
        token = app.token(launch=app.launch(patient=MINE), scope=f"launch {scope}")
        assert token["scope"] == f"launch {scope}"
        return str(token["access_token"])

    return make


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer nonsense", "Basic abc", "bearer  ", "Bearer a b", "Bearer \u00e9"],
)
def test_nobody_reads_without_a_good_token(ehr: RunningSandbox, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = requests.get(f"{ehr.fhir_base}/Patient", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_metadata_and_configuration_need_no_token(ehr: RunningSandbox) -> None:
    statement = requests.get(f"{ehr.fhir_base}/metadata", timeout=5).json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert f"{ehr.origin}/oauth/token" in str(statement["rest"][0]["security"])
    assert requests.get(f"{ehr.fhir_base}/.well-known/smart-configuration", timeout=5).status_code == 200


def test_writing_needs_the_letter(app: App, token_for: Any) -> None:
    reader, writer = token_for("patient/*.rs"), token_for("patient/Media.c")
    assert app.fhir(reader, "POST", "Media", json=_media(MINE)).status_code == 403
    made = app.fhir(writer, "POST", "Media", json=_media(MINE))
    assert made.status_code == 201, made.text
    path = f"Media/{made.json()['id']}"
    assert app.fhir(reader, "GET", path).status_code == 200
    assert app.fhir(writer, "GET", path).status_code == 403
    assert app.fhir(writer, "PUT", path, json={**_media(MINE), "id": made.json()["id"]}).status_code == 403
    assert app.fhir(writer, "DELETE", path).status_code == 403
    assert app.fhir(reader, "DELETE", path).status_code == 403
    assert app.fhir(token_for("patient/Media.d"), "DELETE", path).status_code in (200, 204)


def test_searching_needs_s_and_reading_r(app: App, token_for: Any) -> None:
    searcher, reader = token_for("patient/Condition.s"), token_for("patient/Condition.r")
    assert app.fhir(searcher, "GET", f"Condition?patient={MINE}").json()["total"] == 2
    assert app.fhir(searcher, "GET", f"Condition/cond-{MINE}-1").status_code == 403
    assert app.fhir(reader, "GET", f"Condition?patient={MINE}").status_code == 403
    assert app.fhir(reader, "GET", f"Condition/cond-{MINE}-1").status_code == 200


def test_other_patients_are_invisible_to_patient_scopes(app: App, token_for: Any) -> None:
    token = token_for("patient/*.cruds")
    assert app.fhir(token, "GET", f"Patient/{MINE}").status_code == 200
    assert app.fhir(token, "GET", f"Patient/{OTHER}").status_code == 404
    assert app.fhir(token, "GET", f"Condition/cond-{OTHER}-1").status_code == 404
    assert app.fhir(token, "GET", f"Condition?patient={OTHER}").json()["total"] == 0
    everybody = app.fhir(token, "GET", "Patient").json()
    assert [entry["resource"]["id"] for entry in everybody["entry"]] == [MINE]
    relatives = app.fhir(token, "GET", "RelatedPerson").json()
    assert relatives["total"] == 0


def test_nothing_is_written_into_another_patients_chart(app: App, token_for: Any) -> None:
    token = token_for("patient/*.cruds")
    before = len(app.sandbox.store.search("Flag", {"patient": f"Patient/{OTHER}"}))
    assert app.fhir(token, "POST", "Flag", json=_flag(OTHER)).status_code == 403
    condition = app.sandbox.store.read("Condition", f"cond-{OTHER}-1")
    assert condition is not None
    path = f"Condition/{condition['id']}"
    assert app.fhir(token, "PUT", path, json=condition).status_code == 403
    stolen = {**condition, "subject": {"reference": f"Patient/{MINE}"}}
    assert app.fhir(token, "PUT", path, json=stolen).status_code == 403
    assert app.fhir(token, "DELETE", path).status_code in (403, 404)
    nobodys = {**_media(MINE)}
    del nobodys["subject"]
    assert app.fhir(token, "POST", "Media", json=nobodys).status_code == 403
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "POST", "url": "Flag"}, "resource": _flag(MINE)},
            {"request": {"method": "POST", "url": "Flag"}, "resource": _flag(OTHER)},
        ],
    }
    mine_before = len(app.sandbox.store.search("Flag", {"patient": f"Patient/{MINE}"}))
    assert app.fhir(token, "POST", "", json=bundle).status_code == 403
    assert len(app.sandbox.store.search("Flag", {"patient": f"Patient/{OTHER}"})) == before
    assert len(app.sandbox.store.search("Flag", {"patient": f"Patient/{MINE}"})) == mine_before
    assert app.sandbox.store.read("Condition", str(condition["id"])) == condition


def test_user_scopes_reach_every_patient(app: App, token_for: Any) -> None:
    token = token_for("user/*.rs")
    assert app.fhir(token, "GET", f"Patient/{OTHER}").status_code == 200
    assert app.fhir(token, "GET", "Patient").json()["total"] == 10
    assert app.fhir(token, "POST", "Flag", json=_flag(MINE)).status_code == 403


def test_staff_can_be_read_with_a_patients_scopes_and_not_changed(app: App, token_for: Any) -> None:
    token = token_for("patient/*.cruds")
    found = app.fhir(token, "GET", "PractitionerRole?practitioner=Practitioner/prac-gp").json()
    assert found["entry"][0]["resource"]["code"][0]["coding"][0]["code"] == "R0260"
    gp = app.fhir(token, "GET", "Practitioner/prac-gp").json()
    assert app.fhir(token, "PUT", "Practitioner/prac-gp", json=gp).status_code == 403


def test_a_granular_scope_sees_only_what_matches(app: App, token_for: Any) -> None:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    for query, total in (
        ("category=vital-signs", 3),
        (f"category={system}|vital-signs", 3),
        (f"category={system}|laboratory", 0),
        ("category=vital-signs&code=85354-9", 1),
    ):
        token = token_for(f"patient/Observation.rs?{query}")
        assert app.fhir(token, "GET", f"Observation?patient={MINE}").json()["total"] == total, query
    token = token_for("patient/Observation.rs?category=vital-signs&code=85354-9")
    assert app.fhir(token, "GET", f"Observation/obs-bp-{MINE}-1").status_code == 200
    assert app.fhir(token, "GET", f"Observation/obs-weight-{MINE}-1").status_code == 404


def test_a_scope_to_write_does_not_open_what_a_granular_one_to_read_hides(app: App, token_for: Any) -> None:
    token = token_for("patient/Observation.rs?code=85354-9 patient/Observation.c")
    assert app.fhir(token, "GET", f"Observation?patient={MINE}").json()["total"] == 1
    assert app.fhir(token, "GET", f"Observation/obs-weight-{MINE}-1").status_code == 404


def _provenance(target: str) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target}],
        "recorded": "2026-11-20T10:00:00Z",
        "agent": [{"who": {"reference": "Practitioner/prac-gp"}}],
    }


def _audit_event(what: str) -> dict[str, Any]:
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "recorded": "2026-11-20T10:00:00Z",
        "agent": [{"who": {"reference": "Practitioner/prac-gp"}, "requestor": True}],
        "source": {"observer": {"display": "test"}},
        "entity": [{"what": {"reference": what}}],
    }


def _binary(context: str) -> dict[str, Any]:
    return {
        "resourceType": "Binary",
        "contentType": "image/jpeg",
        "securityContext": {"reference": context},
        "data": "/9j/",
    }


def _path(made: requests.Response) -> str:
    """`Type/id` from Location: a Binary is not sent back in full."""
    return "/".join(made.headers["Location"].split("/_history")[0].split("/")[-2:])


@pytest.mark.parametrize("make", [_provenance, _audit_event, _binary])
def test_what_is_around_a_resource_belongs_to_its_patient(app: App, token_for: Any, make: Any) -> None:
    token, user = token_for("patient/*.cruds"), token_for("user/*.cruds")
    media = {patient: app.sandbox.store.create(_media(patient))["id"] for patient in (MINE, OTHER)}
    for target in (f"Media/{media[MINE]}", f"Patient/{MINE}", f"{app.sandbox.fhir_base}/Media/{media[MINE]}"):
        made = app.fhir(token, "POST", make(target)["resourceType"], json=make(target))
        assert made.status_code == 201, made.text
        path = _path(made)
        assert app.fhir(token, "GET", path).status_code == 200
    for target in (f"Media/{media[OTHER]}", f"Patient/{OTHER}"):
        assert app.fhir(token, "POST", make(target)["resourceType"], json=make(target)).status_code == 403
        made = app.fhir(user, "POST", make(target)["resourceType"], json=make(target))
        path = _path(made)
        assert app.fhir(token, "GET", path).status_code == 404


def test_provenance_of_what_was_deleted_stays_with_the_patient(app: App, token_for: Any) -> None:
    token = token_for("patient/*.cruds")
    media = app.fhir(token, "POST", "Media", json=_media(MINE)).json()["id"]
    made = app.fhir(token, "POST", "Provenance", json=_provenance(f"Media/{media}")).json()["id"]
    assert app.fhir(token, "DELETE", f"Media/{media}").status_code in (200, 204)
    assert app.fhir(token, "GET", f"Provenance/{made}").status_code == 200


def test_a_whole_set_is_filed_in_one_transaction_with_a_patients_scopes(app: App, token_for: Any) -> None:
    token = token_for("patient/*.cruds")
    media, binary = "urn:uuid:8a2e8f6e-5b3c-4f57-9a27-0b5b4a1f0001", "urn:uuid:8a2e8f6e-5b3c-4f57-9a27-0b5b4a1f0002"
    image = _media(MINE)
    image["content"]["url"] = binary
    entries = [
        (binary, _binary(f"Patient/{MINE}")),
        (media, image),
        (None, _provenance(media)),
        (None, _audit_event(media)),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                **({"fullUrl": name} if name else {}),
                "request": {"method": "POST", "url": resource["resourceType"]},
                "resource": resource,
            }
            for name, resource in entries
        ],
    }
    answer = app.fhir(token, "POST", "", json=bundle)
    assert answer.status_code == 200, answer.text
    for entry in answer.json()["entry"]:
        path = "/".join(entry["response"]["location"].split("/_history")[0].split("/")[-2:])
        assert app.fhir(token, "GET", path).status_code == 200, path


def test_an_open_sandbox_asks_for_no_token_but_holds_one_to_its_scopes(app: App) -> None:
    with running_sandbox(SandboxConfig(today=TODAY, open=True, clients=(app.registration,))) as ehr:
        assert requests.get(f"{ehr.fhir_base}/Patient/{OTHER}", timeout=5).status_code == 200
        visitor = App(ehr, app.registration, app.clock)
        token = visitor.token(launch=visitor.launch(patient=MINE), scope="launch patient/*.rs")
        assert visitor.fhir(token["access_token"], "GET", f"Patient/{OTHER}").status_code == 404
        assert visitor.fhir("nonsense", "GET", f"Patient/{OTHER}").status_code == 401
