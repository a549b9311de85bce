"""The whole app before an EHR that can be told to misbehave, and everything that it says and keeps."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
import structlog
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import LogCapture
from werkzeug.test import TestResponse

from fhir_plugin.adapters import tables
from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry
from tests.app.attacks.ehr import BASE, SECRETS, Ehr, MemoryTransport, an_issuer, another_issuer, with_query
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker

ORIGIN = "https://app.example"
KEPT = (tables.launch_sessions, tables.tokens, tables.drafts, tables.intents, tables.companion_resources)
"""What a refused launch must leave as it was."""


class Lines(logging.Handler):
    """Every line of the standard library's logging, at every level, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))


@dataclass
class World:
    """An installation, its EHR, and all that it logged."""

    installation: Installation
    app: Flask
    ehr: Ehr
    clock: FakeClock
    events: LogCapture
    lines: Lines

    def listen(self) -> None:
        """Takes down what is logged from now on, at every level: after `install`, which configures logging itself."""
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, self.events],
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            cache_logger_on_first_use=False,
        )

    def visitor(self) -> Visitor:
        client = self.app.test_client()
        client.environ_base["wsgi.url_scheme"] = "https"
        client.environ_base["HTTP_HOST"] = urlsplit(ORIGIN).netloc
        return Visitor(self, client)

    @property
    def logged(self) -> str:
        return repr(self.events.entries) + "\n".join(self.lines.text)

    def kept(self) -> dict[str, int]:
        """How many rows there are of what a launch makes."""
        return {table.name: self._rows(table) for table in KEPT}

    def waiting(self) -> int:
        """How many launches wait for their person to sign in."""
        return self._rows(tables.pending_launches)

    def _rows(self, table: sa.Table) -> int:
        with self.installation.database.connection() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@dataclass
class Visitor:
    """One browser, and the secrets that its launches made."""

    world: World
    client: FlaskClient
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))

    def get(self, url: str) -> TestResponse:
        parts = urlsplit(url)
        return self.client.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def launch(self, **fields: str) -> TestResponse:
        """Asks for the launch URL, and follows the app's one step to itself that tests for cookies."""
        url = with_query("/launch", {"iss": BASE, "launch": SECRETS["launch handle"], **fields})
        answer = self.get(url)
        if answer.status_code in (302, 303) and urlsplit(answer.headers["Location"]).path == "/launch":
            answer = self.get(answer.headers["Location"])
        return answer

    def leave(self) -> str:
        """The EHR's sign-in address to which a good launch sends the browser."""
        answer = self.launch()
        assert answer.status_code == 303, answer.text
        address = str(answer.headers["Location"])
        fields = parse_qs(urlsplit(address).query)
        self.secrets |= {name: fields[name][0] for name in ("state", "nonce") if name in fields}
        cookie = self.client.get_cookie("__Host-bid", domain="localhost")
        self.secrets |= {"cookie": cookie.value} if cookie else {}
        return address

    def come_back(self, **changes: str | None) -> TestResponse:
        """Signs in and follows the EHR's redirect; `changes` to its parameters, None leaves one out."""
        fields: dict[str, str | None] = {**self.world.ehr.authorize(self.leave()), **changes}
        return self.get(with_query("/callback", {name: value for name, value in fields.items() if value is not None}))

    def launched(self) -> str:
        """A launch that works: the path below which it lives, with a slash at its end."""
        answer = self.come_back()
        assert answer.status_code == 303, answer.text
        return "/".join(str(answer.headers["Location"]).split("/")[:3]) + "/"

    def home(self) -> TestResponse:
        """The first page of a launch that works."""
        return self.get(self.launched())


def heading(answer: TestResponse) -> str:
    """The page's one heading, as a person reads it."""
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    assert len(found) == 1, answer.text
    return html.unescape(found[0]).strip()


def code_of(answer: TestResponse) -> str:
    """The code that the page gives."""
    found = re.search(r"Code: ([^<]*)<", answer.text)
    assert found, answer.text
    return found[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = FakeClock()
    ehr = Ehr(clock)
    before = structlog.get_config()
    installation = install(
        Settings(state=tmp_path_factory.mktemp("attacked"), base_url=ORIGIN),
        registry=IssuerRegistry([an_issuer(), another_issuer()]),
        transport=MemoryTransport(ehr),
        clock=clock,
        worker=FakeImageWorker(),
        client_keys={},
    )
    world = World(installation, create_app(installation), ehr, clock, LogCapture(), Lines())
    world.listen()
    root = logging.getLogger()
    level = root.level
    root.addHandler(world.lines)
    root.setLevel(logging.DEBUG)
    try:
        yield world
    finally:
        root.removeHandler(world.lines)
        root.setLevel(level)
        installation.close()
        structlog.configure(**before)


@pytest.fixture
def world(installed: World) -> Iterator[World]:
    """Two hours later, so that nothing is remembered of the last test: configurations and keys are asked anew."""
    installed.clock.advance(hours=2)
    installed.ehr.reset()
    installed.events.entries.clear()
    installed.lines.text.clear()
    yield installed
