"""Browsers with their own cookies, and the world that they share: one app, one clock, two EHRs.

Whatever comes back from the app passes `Browser.ask`, where the rules that hold for every answer are checked.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.test import TestResponse

from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry
from smart_launch.client import BINDING_COOKIE
from tests.app.interleavings.ehr import CLIENT_KEY, Ehr, Network
from tests.app.interleavings.model import Capture, Page, Pending, Session
from tests.app.interleavings.people import Person, holds_secret, named_in, others
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker

ORIGIN = "https://images.example"
CSRF_COOKIE = "__Host-csrf"
DOCUMENTED = frozenset({200, 201, 303, 400, 401, 403, 404, 409, 410, 413, 422, 429, 502, 503, 504})
"""Every status that the app may answer with. 500 is none of them."""

_META = re.compile(r'<meta name="(csrf-token|patient|identity)" content="([^"]*)">')
_FIELD = re.compile(r'name="patient" value="([^"]*)"')
_WORD = re.compile(rb"typed-[0-9]+-word")


class CompiledTemplates(BytecodeCache):
    """Templates compiled once for all the apps of a run."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


class Workshop:
    """A folder in memory where there is one, with an empty installation to copy for every example."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="interleavings-", dir=memory if memory.is_dir() else None))
        self.templates = CompiledTemplates()
        self._logging = structlog.get_config()
        self._number = 0
        world = World(self)
        world.close()
        shutil.copytree(world.state, self.folder / "empty")

    def fresh(self) -> Path:
        """The state of an installation that nobody has used."""
        self._number += 1
        state = self.folder / str(self._number)
        if (self.folder / "empty").is_dir():
            shutil.copytree(self.folder / "empty", state)
        return state

    def close(self) -> None:
        structlog.configure(**self._logging)
        shutil.rmtree(self.folder)


@dataclass
class Browser:
    """One person's browser."""

    world: World
    name: str
    jar: dict[str, str] = field(default_factory=dict)

    @property
    def binding(self) -> str | None:
        return self.jar.get(BINDING_COOKIE)

    def ask(
        self,
        method: str,
        path: str,
        *,
        about: Session | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> TestResponse:
        """One request; a redirect of the app to the very page that was asked for is followed, as browsers do.

        `about`: the launch in the path, if this browser may have it.
        """
        for _ in range(3):
            reply = self._send(method, path, headers or {}, form, body)
            self.world.judge(reply, about, sent=repr(form).encode() if form else b"")
            target = urlsplit(reply.headers.get("Location", ""))
            again = reply.status_code == 303 and target.path == urlsplit(path).path and target.query
            if method != "GET" or not again or target.netloc not in ("", urlsplit(ORIGIN).netloc):
                break
            path = f"{target.path}?{target.query}"
        return reply

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        body: bytes | None,
    ) -> TestResponse:
        sent = dict(headers)
        if self.jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        data = dict(form) if form is not None else body
        self.world.requests += 1
        reply = self.world.client.open(path, method=method, base_url=ORIGIN, headers=sent, data=data)
        for line in reply.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return reply


class World:
    """Everything that one example has."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self.state = workshop.fresh()
        self.clock = FakeClock()
        self.findings: list[str] = []
        self.tally: Counter[str] = Counter()
        self.requests = 0
        self.ehrs = {name: Ehr(name, self.clock, self.findings.append) for name in ("north", "south")}
        self.network = Network(self.ehrs.values(), self.findings.append)
        self.browsers = [Browser(self, name) for name in ("ward", "surgery", "kiosk")]
        self.pendings: list[Pending] = []
        self.sessions: list[Session] = []
        self.captures: dict[str, Capture] = {}
        self.pages: list[Page] = []
        self.visited: list[tuple[Session, str]] = []
        self.words: dict[bytes, tuple[str, str, str]] = {}
        """Whatever was typed or photographed, and whose unfinished work it belongs to."""
        self.refused: set[bytes] = set()
        """What was typed in a form that was refused: it must not be kept."""
        self.open()

    def open(self) -> None:
        """Starts the app over what is there."""
        settings = Settings(state=self.state, base_url=ORIGIN)
        self.installation: Installation = install(
            settings,
            registry=IssuerRegistry(ehr.issuer for ehr in self.ehrs.values()),
            transport=self.network,
            clock=self.clock,
            worker=FakeImageWorker(),
            client_keys={CLIENT_KEY.kid: CLIENT_KEY},
        )
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self.idle = dt.timedelta(minutes=settings.session_idle_minutes)
        self.longest = dt.timedelta(hours=settings.session_hours)
        app = create_app(self.installation)
        app.testing = True  # what nobody foresaw comes up here with its traceback
        app.jinja_env.bytecode_cache = self._workshop.templates
        self.client: FlaskClient = app.test_client(use_cookies=False)

    def restart(self) -> None:
        """A new process over the same state."""
        self.installation.close()
        self.open()

    def close(self) -> None:
        self.installation.close()

    def remove(self) -> None:
        """Leaves nothing behind."""
        self.close()
        shutil.rmtree(self.state)

    @property
    def now(self) -> dt.datetime:
        return self.clock.now()

    def word(self, key: tuple[str, str, str]) -> str:
        """Something to type that occurs nowhere else."""
        word = f"typed-{len(self.words)}-word"
        self.words[word.encode()] = key
        return word

    def holder(self, session: Session) -> Browser | None:
        """The browser that has this launch's cookie, if any still has."""
        return next((each for each in self.browsers if each.binding == session.binding), None)

    def session_of(self, launch: str) -> Session | None:
        return next((each for each in self.sessions if each.launch == launch), None)

    # ------------------------------------------------------------------------------------------ judging

    def judge(self, reply: TestResponse, about: Session | None, *, sent: bytes) -> None:
        """What holds for every answer of the app: it names nobody but the patient of the launch in its path.

        One exception: a form that came too late (401) may get back the very words that it `sent`.
        """
        sent = sent if reply.status_code == 401 else b""
        status, content = reply.status_code, reply.data
        head = str(reply.headers).encode()
        self.tally[f"status {status}"] += 1
        self.findings += [f"status {status}"] if status not in DOCUMENTED else []
        allowed: Person | None = about.person if about is not None else None
        named = named_in(content, head) - named_in(sent)
        wrong = others(named, allowed) if allowed else named
        if wrong:
            whose = allowed.mark if allowed else "nobody"
            self.findings.append(f"a page ({status}) of {whose} names {sorted(each.mark for each in wrong)}")
        if holds_secret(content, head):
            self.findings.append(f"a code or token is in an answer ({status})")
        for word in set(_WORD.findall(content)) - set(_WORD.findall(sent)):
            if word in self.refused:
                self.findings.append(f"{word.decode()} was refused, and kept")
            elif about is None or about.key[:2] != self.words[word][:2]:
                self.findings.append(f"{word.decode()} is on a page of another launch")
        if about is not None and named and status == 200:
            self._judge_page(reply, about)

    def _judge_page(self, reply: TestResponse, about: Session) -> None:
        ancestors = reply.headers.get("Content-Security-Policy", "")
        for ehr in self.ehrs.values():
            if ehr is not about.ehr and f"chart.{ehr.name}.example" in ancestors:
                self.findings.append(f"{ehr.name} may frame a page of {about.ehr.name}")
        if reply.mimetype == "text/html":
            said = set(_FIELD.findall(reply.text)) | {
                value for name, value in _META.findall(reply.text) if name == "patient"
            }
            if said - {about.person.id, f"{about.ehr.base}/Patient/{about.person.id}"}:
                self.findings.append(f"a form of {about.person.mark} carries {sorted(said)}")

    def remember(self, browser: Browser, session: Session, reply: TestResponse, capture: Capture | None) -> Page | None:
        """Keeps what the forms of a page that was shown would send."""
        meta = dict(_META.findall(reply.text)) if reply.status_code in (200, 422) else {}
        if "csrf-token" not in meta:
            return None
        page = Page(
            session,
            meta["csrf-token"],
            browser.jar.get(CSRF_COOKIE, ""),
            meta["patient"],
            meta["identity"],
            session.ehr.record.corrected.get(session.person.id, 0),
            self.now,
            capture,
        )
        self.pages.append(page)
        return page
