"""A FHIR server under test and the few resources that tests write to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import flask
from fhir.resources.R4B.parameters import Parameters
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.sandbox.faults import Faults, create_faults_blueprint
from fhir_plugin.sandbox.fhir import (
    OPEN_ACCESS,
    Access,
    FhirStore,
    Personality,
    create_fhir_blueprint,
    load_personality,
)
from fhir_plugin.sandbox.fhir.json_text import parse
from fhir_plugin.sandbox.fhir.validation import validate
from mappings.r5.translate import from_r5

Json = dict[str, Any]

FHIR_JSON = "application/fhir+json"
PATCH = "application/json-patch+json"
BASE = "http://localhost/fhir"


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class FhirUnderTest:
    """A store behaving as one personality, behind Flask's test client."""

    def __init__(
        self,
        personality: str | Personality = "default",
        access: Callable[[flask.Request], Access] = lambda _request: OPEN_ACCESS,
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self.store = FhirStore(now=now)
        self.faults = Faults()
        self.personality = load_personality(personality) if isinstance(personality, str) else personality
        self.app = flask.Flask("fhir-under-test")
        self.app.testing = True
        self.app.register_blueprint(create_fhir_blueprint(self.store, self.personality, self.faults, access))
        self.app.register_blueprint(create_faults_blueprint(self.faults))
        self.http: FlaskClient = self.app.test_client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, resource: Json, **headers: str) -> TestResponse:
        return self.send("POST", path, resource, headers=headers)

    def put(self, path: str, resource: Json, **headers: str) -> TestResponse:
        return self.send("PUT", path, resource, headers=headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.send("DELETE", path, headers=headers)

    def patch(self, path: str, operations: object, **headers: str) -> TestResponse:
        return self.send("PATCH", path, operations, content_type=PATCH, headers=headers)

    def raw(self, method: str, path: str, body: bytes, content_type: str | None = None, **headers: str) -> TestResponse:
        return self.http.open(
            f"/fhir/{path}", method=method, data=body, content_type=content_type, headers=_names(headers)
        )

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = FHIR_JSON,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Every answer that is FHIR JSON must be valid R4, whatever was asked."""
        content = None if body is None else flask.json.dumps(body)
        response = self.http.open(
            f"/fhir/{path}",
            method=method,
            data=content,
            content_type=None if content is None else content_type,
            headers=_names(headers or {}),
        )
        if response.data and response.mimetype == FHIR_JSON:
            resource = parse(response.data)
            if resource["resourceType"] == "Parameters":
                Parameters.model_validate(from_r5(resource) if self.personality.speaks == "r5" else resource)
            else:
                validate(from_r5(resource) if self.personality.speaks == "r5" else resource)
        return response

    def created(self, resource: Json, **headers: str) -> Json:
        """Creates it and returns it as stored."""
        response = self.post(resource["resourceType"], resource, **headers)
        assert response.status_code == 201, response.text
        return got(response)

    def transaction(self, *entries: Json, kind: str = "transaction", **headers: str) -> TestResponse:
        return self.post("", bundle(*entries, kind=kind), **headers)

    def found(self, query: str) -> list[str]:
        """Type/id of the matches on the first page."""
        response = self.get(query)
        assert response.status_code == 200, response.text
        return matches(got(response))


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def got(response: TestResponse) -> Json:
    """The JSON object that was answered."""
    value = response.get_json(force=True)
    assert isinstance(value, dict)
    return value


def matches(searchset: Json, mode: str = "match") -> list[str]:
    """Type/id of a searchset's entries of one mode."""
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in searchset.get("entry", [])
        if entry["search"]["mode"] == mode
    ]


def assert_refused(response: TestResponse, status: int, code: str | None = None) -> Json:
    """An OperationOutcome with this status; returns its first issue."""
    assert response.status_code == status, response.text[:500]
    assert response.content_type.startswith(FHIR_JSON)
    outcome = got(response)
    assert outcome["resourceType"] == "OperationOutcome"
    issue: Json = outcome["issue"][0]
    assert issue["severity"] in ("error", "fatal")
    assert issue["diagnostics"]
    if code:
        assert issue["code"] == code
    return issue


def patient(**more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "name": [{"family": "Okafor", "given": ["Zoë"]}],
        "birthDate": "1980-02-03",
    } | more


def media(subject: str = "Patient/p1", **more: Any) -> Json:
    return {
        "resourceType": "Media",
        "status": "completed",
        "subject": {"reference": subject},
        "content": {"contentType": "image/jpeg", "url": "Binary/b1"},
    } | more


def provenance(*targets: str, **more: Any) -> Json:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": "2026-05-01T10:00:00Z",
        "agent": [{"who": {"display": "A clinician"}}],
    } | more


def binary(data: str = "AAEC", **more: Any) -> Json:
    return {"resourceType": "Binary", "contentType": "image/jpeg", "data": data} | more


def bundle(*entries: Json, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Json | None = None, full_url: str | None = None, **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def parameters(**flags: bool | int) -> Json:
    parts = [
        {"name": name, "valueBoolean" if isinstance(value, bool) else "valueInteger": value}
        for name, value in flags.items()
    ]
    return {"resourceType": "Parameters", "parameter": parts}


def labelled(*codes: str) -> Json:
    """A meta with confidentiality labels."""
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    return {"security": [{"system": system, "code": code} for code in codes]}
