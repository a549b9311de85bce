"""One browser with one link to the patient's pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.capture.requests.request import Asked
from tests.web.patients import NAME, Clinic, patient_app, photo

HIDDEN = (NAME, "Amy", "1980-05-01", "Dr Grey", "Practitioner/", "request-1")
"""What no page, header or address shows."""


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@dataclass
class Visitor:
    """One browser with one link."""

    clinic: Clinic
    secret: str
    client: FlaskClient
    token: str = ""
    seen: list[TestResponse] = field(default_factory=list)

    def at(self, page: str = "") -> str:
        return f"/p/{self.secret}" + (f"/{page}" if page else "")

    def get(self, page: str = "", **options: Any) -> TestResponse:
        answer = self.client.get(self.at(page), follow_redirects=True, **options)
        if found := re.search(r'csrf_token" value="([^"]+)', answer.text if answer.mimetype == "text/html" else ""):
            self.token = found[1]
        self.seen.append(answer)
        return answer

    def post(self, page: str, said: Mapping[str, Any] | None = None, *, follow: bool = True) -> TestResponse:
        form = {"csrf_token": self.token, **(said or {})}
        self.seen.append(self.client.post(self.at(page), data=form, follow_redirects=follow))
        return self.seen[-1]

    def come_in(self) -> TestResponse:
        self.get()
        born = self.clinic.request(self.secret).birth_date
        return self.post("birth", {"day": str(born.day), "month": str(born.month), "year": str(born.year)})

    def to_photos(self, *, store: str = "yes") -> TestResponse:
        self.come_in()
        self.post("about")
        if self.clinic.request(self.secret).asked is Asked.PARENT:
            self.post("child", {"child_view": "agrees"})
        self.post("private", {"private": "no"})
        return self.post("agree", {"receive": "yes", "store": store})

    def add(self, content: bytes | None = None, name: str = "Amy Example arm.jpg") -> TestResponse:
        sent = photo() if content is None else content
        form = {"csrf_token": self.token, "picture": (BytesIO(sent), name)}
        answer = self.client.post(
            self.at("photos"), data=form, content_type="multipart/form-data", follow_redirects=True
        )
        self.seen.append(answer)
        return answer

    def add_by_script(self, content: bytes) -> TestResponse:
        return self.client.post(
            self.at("photos"),
            data=content,
            content_type="application/octet-stream",
            headers={"X-CSRFToken": self.token, "X-Requested-With": "fetch", "X-File-Type": "image/jpeg"},
        )

    def to_check(self, **options: str) -> TestResponse:
        self.to_photos(**options)
        self.add()
        self.post("photos/done")
        self.post("taker", {"photographer": "patient"})
        return self.post("when", {"when": "today"})

    def send(self) -> TestResponse:
        return self.post("check", {"only_area": "yes"})


@cache
def the_app() -> Flask:
    """One for all tests: compiling the templates takes longer than most of them."""
    return patient_app(Clinic())


def one_app(clinic: Clinic) -> Flask:
    the_app().extensions["fhir_plugin"] = clinic
    return the_app()


def visitor(clinic: Clinic, asked: Asked = Asked.PATIENT, **changed: Any) -> Visitor:
    return another(clinic, clinic.ask(asked, **changed))


def another(clinic: Clinic, secret: str) -> Visitor:
    client = one_app(clinic).test_client()
    client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "app.example"})
    return Visitor(clinic, secret, client)


def heading(answer: TestResponse) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.S)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""
