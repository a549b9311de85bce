"""Mutated uploads through the whole app: each is taken or refused in words, and the app is as well as before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.app import create_app
from fhir_plugin.demo import start_demo
from fhir_plugin.installation import Installation
from fhir_plugin.walkthrough import Browser, Page, launch, launch_of
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId
from tests.journeys.mutations import KEEPS_MAGIC, MAGIC, mutated, originals

FEW, MANY = 1000, 20_000
ROUND = 500
"""Uploads of one test case: so that many fit into many processes."""
EXPECTED = {201, 400, 413, 422}
FULL = 9


@dataclass
class Uploader:
    """A clinician who adds whatever comes, and throws the set away before it is full."""

    installation: Installation
    client: FlaskClient
    gallery: Page
    capture: str = ""
    taken: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def path(self) -> str:
        return urlsplit(self.gallery.url).path.rstrip("/")

    def form(self) -> dict[str, str]:
        meta = self.gallery.meta
        return {"csrf_token": meta["csrf-token"], "patient": meta["patient"], "identity_seen": meta["identity"]}

    def begin(self) -> None:
        reply = self.client.post(f"{self.path}/captures", data=self.form())
        assert reply.status_code == 303, reply.status
        self.capture, self.taken = reply.location.rsplit("/", 1)[1], 0

    def throw_away(self) -> None:
        said = {**self.form(), "because": "unusable"}
        reply = self.client.post(f"{self.path}/captures/{self.capture}/discard", data=said)
        assert reply.status_code == 303, reply.status
        self.begin()

    def add(self, content: bytes) -> TestResponse:
        if self.taken == FULL:
            self.throw_away()
        meta = self.gallery.meta
        reply = self.client.put(
            f"{self.path}/captures/{self.capture}/images",
            data=content,
            content_type="application/octet-stream",
            headers={
                "X-File-Type": "image/jpeg",
                "X-CSRFToken": meta["csrf-token"],
                "X-Patient": meta["patient"],
                "X-Identity": meta["identity"],
                "X-Requested-With": "fetch",
            },
        )
        taken = reply.status_code == 201
        self.taken += taken
        self.codes["taken" if taken else str((reply.get_json(silent=True) or {})["error"]["code"])] += 1
        return reply

    def assert_as_well_as_before(self) -> None:
        """Every kind of good picture is still taken, by workers that live; nothing is left of what was refused."""
        self.throw_away()
        for name, content in originals().items():
            assert self.add(content).status_code == 201, name
        worker = self.installation.worker
        assert isinstance(worker, ProcessImageWorker) and worker.pids()
        session = clinical_session(self.installation.sessions.get(launch_of(self.gallery)))
        draft = self.installation.captures.draft(session, CaptureId(self.capture))
        assert len(draft.images) == len(originals())
        assert {item.vault_id for item in self.installation.vault.items()} == set(draft.vault_items)


@pytest.fixture(scope="module")
def uploader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uploader]:
    demo = start_demo(tmp_path_factory.mktemp("fuzz"))
    with closing(Browser()) as browser:
        gallery = launch(demo, browser)
        client = create_app(demo.installation).test_client()
        for cookie in browser._session.cookies:
            client.set_cookie(cookie.name, cookie.value or "", domain="localhost")
    uploader = Uploader(demo.installation, client, gallery)
    uploader.begin()
    yield uploader
    assert demo.installation.audit.verify().intact
    demo.stop()


def upload(uploader: Uploader, seed: int, how_many: int) -> None:
    for name, content in mutated(seed, how_many):
        started = time.monotonic()
        reply = uploader.add(content)
        assert reply.status_code in EXPECTED, f"{name}: {reply.status}"
        if reply.status_code != 201:
            said = reply.get_json()["error"]
            assert said["message"] and said["what_to_do"] and said["safe"], f"{name}: {said}"
        assert time.monotonic() - started < 30, f"{name}: slow"
    uploader.assert_as_well_as_before()


@pytest.mark.parametrize("seed", range(FEW // ROUND))
def test_mutated_uploads_are_taken_or_refused_in_words(uploader: Uploader, seed: int) -> None:
    uploader.codes.clear()
    upload(uploader, seed, ROUND)
    assert 0.05 * ROUND < uploader.codes["taken"] < 0.6 * ROUND, "mutations that never hurt, or always, test little"
    assert len(uploader.codes) > 4, uploader.codes


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(FEW // ROUND, MANY // ROUND))
def test_many_mutated_uploads_are_taken_or_refused_in_words(uploader: Uploader, seed: int) -> None:
    upload(uploader, seed, ROUND)


def test_most_mutations_get_past_the_first_look() -> None:
    starts = {content[:MAGIC] for content in originals().values()}
    passing = sum(content[:MAGIC] in starts for _, content in mutated(1, 400))
    assert passing >= KEEPS_MAGIC * 400
    assert list(mutated(1, 20)) == list(mutated(1, 20))
