"""The pages over the double, and a person's browser for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.web.app import furnished, page_app
from tests.web.fake import FakeParts


def jpeg(width: int = 64, height: int = 48) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), (180, 90, 60)).save(out, "JPEG")
    return out.getvalue()


READY = {
    "purpose": "Is it infected?",
    "face_to_face": "yes",
    "arrival": "taken-now",
    "consent_receive": "given",
    "consent_store": "given",
    "consent_form": "verbal",
    "understood": "yes",
    "photographer": "clinician",
    "device": "organisation",
    "identity": "in-person",
    "intimacy": "no",
    "findings": "Erythema.",
    "advice": "Antibiotic.",
}
"""Answers that complete the shared questions."""

FOREHEAD = "52795006"


@dataclass
class Person:
    """Somebody at a browser who has launched: reads the guard of a page and sends it back, as the pages do."""

    client: FlaskClient
    launch: str = "amy"
    guard: dict[str, str] = field(default_factory=dict)

    def get(self, path: str = "", **headers: str) -> TestResponse:
        response = self.client.get(f"/l/{self.launch}/{path}", headers=headers)
        if found := re.search(
            r'name="csrf-token" content="([^"]+)"', response.text if response.mimetype == "text/html" else ""
        ):
            patient = re.search(r'name="patient" content="([^"]+)"', response.text)
            identity = re.search(r'name="identity" content="([^"]+)"', response.text)
            assert patient and identity
            self.guard = {"csrf_token": found[1], "patient": patient[1], "identity_seen": identity[1]}
        return response

    def post(self, path: str, data: Mapping[str, str | Sequence[str]] | None = None, **headers: str) -> TestResponse:
        return self.client.post(f"/l/{self.launch}/{path}", data={**self.guard, **(data or {})}, headers=headers)

    @property
    def script_headers(self) -> dict[str, str]:
        return {
            "X-CSRFToken": self.guard["csrf_token"],
            "X-Patient": self.guard["patient"],
            "X-Identity": self.guard["identity_seen"],
            "X-Requested-With": "fetch",
        }

    def begin(self) -> str:
        self.get()
        return self.post("captures").headers["Location"].rsplit("/", 1)[1]

    def add(self, capture: str, content: bytes | None = None, **headers: str) -> TestResponse:
        return self.client.post(
            f"/l/{self.launch}/captures/{capture}/images",
            data=jpeg() if content is None else content,
            content_type="application/octet-stream",
            headers={**self.script_headers, "X-File-Type": "image/jpeg", **headers},
        )

    def ready(self, decision: str = "store", **changed: str) -> tuple[str, str]:
        """A capture with one picture and every answer; its id and the picture's."""
        capture = self.begin()
        image = self.add(capture).headers["X-Image"]
        own = {f"site-{image}": FOREHEAD, f"decision-{image}": decision, "image": image, "whole": "yes"}
        assert self.post(f"captures/{capture}/answers", {**READY, **own, **changed}).status_code == 303
        return capture, image


@pytest.fixture
def parts() -> FakeParts:
    return furnished()


@pytest.fixture(scope="session")
def pages() -> Flask:
    """One app for all tests: compiling the templates takes longer than most of them."""
    return page_app(FakeParts())


@pytest.fixture
def app(pages: Flask, parts: FakeParts, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setitem(pages.extensions, "fhir_plugin", parts)
    return pages


@pytest.fixture
def person(app: Flask) -> Iterator[Person]:
    with app.test_client() as client:
        client.environ_base["wsgi.url_scheme"] = "https"
        client.environ_base["HTTP_HOST"] = "app.example"
        client.get("/enter/amy")
        yield Person(client)
