"""A whole life of the app, from the first launch to the last sign-out, with a canary in every secret of it."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import secrets
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import structlog
from joserfc.jwk import ECKey
from structlog.testing import LogCapture
from werkzeug.test import TestResponse

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.app import create_app, install
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from fhir_plugin.walkthrough import answers_for
from mappings.model.identifiers import LaunchId
from smart_launch import IssuerRegistry, SmartError
from tests.app.attacks.conftest import ORIGIN, Lines, Visitor, World
from tests.app.attacks.ehr import BASE, LOGIN, SECRETS, Asked, Ehr, Json, Said, an_issuer, with_query
from tests.app.attacks.wire import wired
from tests.app.canary_sweep import Sweep
from tests.fakes.clock import FakeClock
from tests.imaging.drawing import as_jpeg, grainy

WORDS = {
    "findings": "Findings-canary-2b7e about a rash",
    "purpose": "Purpose-canary-61aa",
    "advice": "Advice-canary-9d30",
}
KEPT_TYPES = ("Media", "DocumentReference", "Binary", "Provenance", "Consent", "AuditEvent")
FHIR = "application/fhir+json"
TALKATIVE = ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "urllib3", "werkzeug", "huey", "PIL", "smart_launch")
"""Loggers of the standard library's kind that an operator may turn up to find a fault."""


@dataclass
class KeepingEhr(Ehr):
    """An EHR that also keeps what it is given."""

    records: dict[str, Json] = field(default_factory=dict)
    binaries: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @property
    def documents(self) -> dict[str, Any]:
        found = super().documents
        every = [{"code": code} for code in ("read", "vread", "create", "update", "delete", "search-type")]
        for kind in KEPT_TYPES:
            entry = {"type": kind, "interaction": every, "updateCreate": True}
            resources = found[f"{BASE}/metadata"]["rest"][0]["resource"]
            resources[:] = [*(each for each in resources if each["type"] != kind), entry]
        found[f"{BASE}/metadata"]["rest"][0]["interaction"] = []
        return found

    def _ordinary(self, asked: Asked) -> Said:
        kind, _, rest = asked.path.removeprefix(f"{BASE}/").partition("/")
        if not asked.path.startswith(f"{BASE}/") or kind not in KEPT_TYPES:
            return super()._ordinary(asked)
        if asked.method == "GET":
            return self._read(kind, rest)
        if asked.method == "DELETE":
            self.records.pop(f"{kind}/{rest}", None)
            return Said(204)
        return self._keep(asked, kind, rest or f"made-{uuid.uuid4()}")

    def _keep(self, asked: Asked, kind: str, id: str) -> Said:
        declared = str(asked.headers.get("Content-Type", ""))
        if kind == "Binary" and "json" not in declared:
            self.binaries[id] = (asked.content, declared)
            resource: Json = {"resourceType": "Binary", "id": id, "contentType": declared}
        else:
            resource = {**json.loads(asked.content), "id": id, "meta": {"versionId": "1"}}
        self.records[f"{kind}/{id}"] = resource
        there = (("Location", f"{BASE}/{kind}/{id}/_history/1"), ("ETag", 'W/"1"'))
        return Said(201, resource, FHIR, there)

    def _read(self, kind: str, rest: str) -> Said:
        id = rest.partition("/")[0]
        if not id:
            entries = [{"resource": each} for name, each in self.records.items() if name.startswith(f"{kind}/")]
            return Said(200, {"resourceType": "Bundle", "type": "searchset", "entry": entries}, FHIR)
        if id in self.binaries and kind == "Binary":
            return Said(200, *self.binaries[id])
        found = self.records.get(f"{kind}/{id}")
        return Said(404) if found is None else Said(200, found, FHIR)


@dataclass
class Answered:
    """One page of ours, and the URL that asked for it."""

    asked: str
    answer: TestResponse


@dataclass
class Recorder(Visitor):
    """A browser that remembers every answer."""

    seen: list[Answered] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    def get(self, url: str) -> TestResponse:
        answer = super().get(url)
        self.seen.append(Answered(url, answer))
        return answer

    def post(self, url: str, **more: Any) -> TestResponse:
        answer = self.client.post(url, **more)
        self.seen.append(Answered(url, answer))
        return answer

    def form(self, page: TestResponse) -> dict[str, str]:
        """What every form of a page carries."""
        names = {"csrf_token": "csrf-token", "patient": "patient", "identity_seen": "identity"}
        return {name: page.text.split(f'name="{meta}" content="')[1].split('"')[0] for name, meta in names.items()}


@dataclass
class Life:
    """Everything that the app said and kept in its life, and the secrets that were in it."""

    world: World
    sweep: Sweep
    folder: Path
    temporary: Path
    master: str = field(repr=False)
    browsers: list[Recorder] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    given: list[bytes] = field(default_factory=list)
    """Tokens and a person's number that the EHR gave, a picture that the browser gave."""
    keyed: bool = False
    """Whether it proves itself by a key instead of a secret."""

    @property
    def installation(self) -> Installation:
        return self.world.installation

    @property
    def answers(self) -> list[Answered]:
        return [each for browser in self.browsers for each in browser.seen]

    def browser(self) -> Recorder:
        plain = self.world.visitor()
        browser = Recorder(self.world, plain.client)
        self.browsers.append(browser)
        return browser

    def learn(self, browser: Recorder) -> None:
        """What this launch made: its state, nonce, cookie, and all that was said to the token endpoint."""
        for name, secret in browser.secrets.items():
            if name in ("state", "nonce", "cookie"):
                self.sweep.add(f"{name} {secret[:4]}", secret)
        for asked in self.world.ehr.asked:
            for name in ("code_verifier", "client_assertion"):
                if name in asked.form:
                    self.sweep.add(f"{name} {asked.form[name][-4:]}", asked.form[name])
        for token in self.world.ehr.id_tokens:
            self.sweep.add(f"id_token {token[-4:]}", token)


def live(life: Life) -> None:
    """Launch, look, add, file, refresh, fail to refresh, sign out, launch again with another kind of proof."""
    ehr, world = life.world.ehr, life.world
    first = life.browser()
    home = first.launched()
    life.learn(first)
    _file_a_picture(life, first, home)
    _refresh(life, first, home)
    for failing in (Said(503), Said(400, {"error": "invalid_grant", "error_description": SECRETS["description"]})):
        world.clock.advance(minutes=20)
        ehr.answers[f"{LOGIN}/token"] = failing
        assert first.get(home).status_code in (401, 503)
    del ehr.answers[f"{LOGIN}/token"]
    _fail_to_launch(life)
    second = life.browser()
    _use(life, 3)
    home = second.launched()
    life.learn(second)
    page = second.get(home)
    assert page.status_code == 200
    assert second.post(f"{home}sign-out", data=second.form(page)).status_code == 200
    assert second.get(home).status_code == 401


def _use(life: Life, number: int) -> None:
    """New tokens from now on."""
    names = {"access_token": f"access-canary-{number}-{secrets.token_hex(4)}"}
    names["refresh_token"] = f"refresh-canary-{number}-{secrets.token_hex(4)}"
    for name, secret in names.items():
        life.sweep.add(f"{name.replace('_', ' ')} {number}", secret)
        life.given.append(secret.encode())
    life.world.ehr.token.update(names)


def _file_a_picture(life: Life, browser: Recorder, home: str) -> None:
    picture = as_jpeg(grainy(160, 120, 11))
    life.given.append(picture)
    life.sweep.add("pixels received", picture[len(picture) // 2 :][:32])
    form = browser.form(browser.get(home))
    life.sweep.add("CSRF token", form["csrf_token"])
    cookie = browser.client.get_cookie("__Host-csrf", domain="localhost")
    assert cookie is not None
    life.sweep.add("CSRF cookie", cookie.value)
    begun = browser.post(f"{home}captures", data=form)
    capture = urlsplit(str(begun.headers["Location"])).path
    script = {
        "X-File-Type": "image/jpeg",
        "X-CSRFToken": form["csrf_token"],
        "X-Patient": form["patient"],
        "X-Identity": form["identity_seen"],
        "X-Requested-With": "fetch",
    }
    added = browser.post(f"{capture}/images", data=picture, content_type="application/octet-stream", headers=script)
    assert added.status_code == 201, added.text
    image = str(added.headers["X-Image"])
    cleaned = browser.get(f"{capture}/images/{image}/picture")
    life.sweep.add("pixels cleaned", cleaned.data[len(cleaned.data) // 2 :][:32])
    browser.get(f"{capture}/images/{image}/thumbnail")
    saved = browser.post(f"{capture}/answers", data={**form, **answers_for([image], **WORDS)})
    assert saved.status_code == 303, saved.text
    assert WORDS["findings"] in browser.get(capture).text
    filed = browser.post(f"{capture}/file", data={**form, **answers_for([image], **WORDS)})
    assert filed.status_code == 303, filed.text
    receipt = browser.get(str(filed.headers["Location"]))
    life.installation.resume()
    assert receipt.status_code == 200
    assert life.world.ehr.binaries, "nothing was filed"  # type: ignore[attr-defined]  # it is a KeepingEhr
    browser.get(home)
    assert isinstance(life.installation.worker, ProcessImageWorker)
    life.children += life.installation.worker.pids()


def _refresh(life: Life, browser: Recorder, home: str) -> None:
    life.world.clock.advance(minutes=15)
    _use(life, 2)
    life.world.ehr.token["expires_in"] = 300
    asked = len(life.world.ehr.asked)
    assert browser.get(home).status_code == 200
    assert [each for each in life.world.ehr.asked[asked:] if each.form.get("grant_type") == "refresh_token"]


def _fail_to_launch(life: Life) -> None:
    """Everything that can go wrong with a code in the hand, and the errors that the app's own parts raise."""
    ehr, browser = life.world.ehr, life.browser()
    url = f"{LOGIN}/token"
    for said in (Said(500, SECRETS["code"].encode()), Said(200, b"<html>"), Said(400, {"error": "invalid_client"})):
        ehr.answers[url] = said
        assert browser.come_back().status_code >= 400
        life.learn(browser)
    del ehr.answers[url]
    handle, code, state = SECRETS["launch handle"], SECRETS["code"], browser.secrets["state"]
    for path, fields in (
        ("/launch", {"iss": "https://evil.example", "launch": handle}),
        ("/launch", {"iss": "https://evil.example", "launch": ""}),
        ("/callback", {"state": "unknown", "code": code, "error_description": SECRETS["description"]}),
        ("/callback", {"state": state, "error": SECRETS["access token"]}),
    ):
        assert browser.get(with_query(path, fields)).status_code in (400, 401, 403)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(life.installation.captures, "resume_for", _fall_over)
        assert browser.come_back().status_code == 500
        life.learn(browser)
    ehr.claims["aud"] = "another"
    assert browser.come_back().status_code == 502
    life.learn(browser)
    del ehr.claims["aud"]


def _fall_over(*_: object) -> None:
    """What nobody foresaw, with a code just traded: it goes into the log with its traceback."""
    raise RuntimeError("fell over")


def errors_on_purpose(life: Life) -> Iterator[BaseException]:
    """Errors of every part that holds a secret, with all that led to them."""
    visitor = life.browser()
    launch = LaunchId(visitor.launched().split("/")[2])
    life.learn(visitor)
    installation, answers = life.installation, life.world.ehr.answers
    grant, client = installation.tokens.get(launch).grant, installation.smart
    spent = {"state": visitor.secrets["state"], "code": SECRETS["code"]}
    for said in (Said(500, SECRETS["code"].encode()), Said(400, {"error": "invalid_grant"}), Said(302), Said(200)):
        for path in ("token", "revoke"):
            answers[f"{LOGIN}/{path}"] = said
        yield from _raised(lambda: client.refresh(grant), lambda: client.sign_out(grant))
    answers.clear()
    wrong = replace(grant, fhir_base="https://another.example")
    yield from _raised(
        lambda: grant.header_for("https://evil.example/"),
        lambda: client.finish(spent, browser_secret="another-browser"),
        lambda: client.finish({**spent, "state": [spent["state"], "x"]}, browser_secret="x"),
        lambda: client.begin({"iss": "https://evil.example", "launch": SECRETS["launch handle"]}, browser_secret="x"),
        lambda: client.refresh(replace(grant, iss="https://evil.example")),
        lambda: wrong.header_for(f"{BASE}/Patient/p1"),
        lambda: installation.tokens.save(launch, grant),  # it is there: the database refuses
        lambda: installation.sessions.get(LaunchId(SECRETS["code"])),
        lambda: MasterKeys.from_text(f"{life.master} broken!"),
    )


def _raised(*acts: Callable[[], object]) -> Iterator[BaseException]:
    for act in acts:
        try:
            act()
        except (SmartError, PluginError, sa.exc.SQLAlchemyError) as error:
            yield error


@contextlib.contextmanager
def lived(folder: Path, auth_method: str) -> Iterator[Life]:
    """The whole life, with everything that it logged at every level."""
    clock = FakeClock()
    ehr = KeepingEhr(clock)
    master = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    before, temporary, state = structlog.get_config(), folder / "temporary", folder / "state"
    temporary.mkdir()
    events, lines = LogCapture(), Lines()
    root = logging.getLogger()
    proof = {"auth_method": "private_key_jwt", "client_secret": "", "key_algorithm": "ES384"}
    issuer = an_issuer(**(proof if auth_method == "private_key_jwt" else {}))
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as ending:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv("FHIR_PLUGIN_MASTER_KEY", master)
        _wire, transport = ending.enter_context(wired(ehr))
        installation = install(
            Settings(state=state, base_url=ORIGIN),
            registry=IssuerRegistry([issuer]),
            transport=transport,
            clock=clock,
            client_keys={},
        )
        ending.callback(installation.close)
        root.addHandler(lines)
        ending.callback(root.removeHandler, lines)
        for logger in (root, *map(logging.getLogger, TALKATIVE)):
            ending.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, events],
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            cache_logger_on_first_use=False,
        )
        ending.callback(structlog.configure, **before)
        world = World(installation, create_app(installation), ehr, clock, events, lines)
        life = Life(world, Sweep(), folder, temporary, master, keyed=auth_method == "private_key_jwt")
        _know(life)
        live(life)
        life.errors = list(errors_on_purpose(life))
        yield life


def _know(life: Life) -> None:
    """The secrets that are there before anybody comes."""
    for name, secret in (*SECRETS.items(), *WORDS.items()):
        if name != "client secret at another EHR":  # there is one EHR in this life
            life.sweep.add(name, secret)
    life.given += [SECRETS[name].encode() for name in ("access token", "refresh token")]
    number = SECRETS["NHS number"]
    life.given.append(number.encode())
    life.sweep.add("spaced NHS number", f"{number[:3]} {number[3:6]} {number[6:]}")
    life.sweep.add("master key", life.master)
    life.sweep.add("master key bytes", base64.urlsafe_b64decode(life.master))
    installation = life.installation
    for algorithm in ("ES384", "RS384"):
        key = installation.client_keys.current(algorithm).private
        _know_key(life, f"private key {algorithm}", str(key.as_dict(private=True)["d"]))
    signing = ECKey.import_key(installation.signer._lives.current().private)  # type: ignore[attr-defined]  # to look for it
    _know_key(life, "private key of statements", str(signing.as_dict(private=True)["d"]))


def _know_key(life: Life, name: str, exponent: str) -> None:
    raw = base64.urlsafe_b64decode(exponent + "=" * (-len(exponent) % 4))
    life.sweep.add(name, exponent)
    life.sweep.add(f"{name}, bytes", raw[:40])
