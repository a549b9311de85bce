"""The whole app over real parts and the sandbox EHR, with test clients for browsers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import structlog
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import LogCapture
from werkzeug.test import TestResponse

from fhir_plugin.demo import CLIENT_ID, Demo, start_demo
from mappings.model.identifiers import LaunchId
from smart_launch.transport import Reply, Transport
from tests.fakes.worker import FakeImageWorker

PATIENT, OTHER_PATIENT = "p-adult-1", "p-adult-2"


class RecordingTransport(Transport):
    """Sends for real and remembers where to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def send(self, method: str, url: str, **options: Any) -> Reply:
        self.asked.append(f"{method} {url}")
        return super().send(method, url, **options)


@dataclass
class Shop:
    """The demo, its outbound requests and everything that was logged, at every level."""

    demo: Demo
    transport: RecordingTransport
    logs: LogCapture
    state: Path

    @property
    def app(self) -> Flask:
        app = self.demo.app.server.app
        assert isinstance(app, Flask)
        return app

    def browser(self) -> Browser:
        client = self.app.test_client()
        client.environ_base["wsgi.url_scheme"] = "https"
        client.environ_base["HTTP_HOST"] = urlsplit(self.demo.app.origin).netloc
        return Browser(self, client)


@dataclass
class Browser:
    """One person's browser: its own cookies here, nothing kept at the EHR."""

    shop: Shop
    client: FlaskClient
    seen: list[str] = field(default_factory=list)
    """Every URL that this app was asked for, with its query."""

    def get(self, url: str, **options: Any) -> TestResponse:
        parts = urlsplit(url)
        self.seen.append(url)
        return self.client.get(f"{parts.path}?{parts.query}" if parts.query else parts.path, **options)

    def leave(self, *, user: str = "gp", patient: str = PATIENT) -> str:
        """Launches from the chart; returns the EHR's sign-in address to which the app sends the browser."""
        return self.begin(self.launch_url(user=user, patient=patient))

    def launch_url(self, *, user: str = "gp", patient: str = PATIENT) -> str:
        """Presses the app's button in the chart; returns the URL that the EHR opens."""
        asked = requests.post(
            f"{self.shop.demo.sandbox.origin}/_sandbox/launch",
            json={"client_id": CLIENT_ID, "user": user, "patient": patient},
            timeout=10,
        )
        asked.raise_for_status()
        return str(asked.json()["launch_url"])

    def begin(self, launch_url: str) -> str:
        """Opens a launch URL; returns where the app sends the browser, past the look whether it keeps the cookie."""
        away = str(self.get(launch_url).headers["Location"])
        return str(self.get(away).headers["Location"]) if away.startswith("/launch") else away

    def come_back(self, address: str) -> str:
        """Signs in at the EHR; returns the callback's URL without following it."""
        with requests.Session() as session:
            while not address.startswith(self.shop.demo.app.origin):
                reply = session.get(address, allow_redirects=False, timeout=10)
                address = requests.compat.urljoin(address, reply.headers["Location"])
        return address

    def launch(self, *, user: str = "gp", patient: str = PATIENT) -> LaunchId:
        answer = self.get(self.come_back(self.leave(user=user, patient=patient)))
        assert answer.status_code == 303, answer.text
        return LaunchId(answer.headers["Location"].split("/")[2])

    def home(self, launch: str) -> TestResponse:
        return self.get(f"/l/{launch}/")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    state = tmp_path_factory.mktemp("shop")
    transport, logs = RecordingTransport(), LogCapture()
    before = structlog.get_config()
    demo = start_demo(state, transport=transport, worker=FakeImageWorker())
    structlog.configure(  # after the app, which configures logging itself
        processors=[structlog.contextvars.merge_contextvars, logs],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    try:
        yield Shop(demo, transport, logs, state)
    finally:
        demo.stop()
        structlog.configure(**before)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return shop.browser()
