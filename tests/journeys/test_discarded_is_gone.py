"""After *Discard* and *Describe only*: no pixel, thumbnail or copy is left on the disk or in the EHR's versions.

The runs of bytes that are looked for come from the pictures themselves while they still exist; one that is planted in
each place shows that the scan would find it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.tables import vault_items
from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import Browser, Page, add, answers_for, begin, capture_of, launch, launch_of, open_browser
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId
from tests.app.canary_sweep import forms_of

RUN = 48
"""Bytes of each run: long enough never to be met by accident."""


@dataclass
class Seen:
    """What there was of a picture while it waited: every rendering, and the hashes by which a copy would be known."""

    contents: list[bytes] = field(repr=False)

    @property
    def secrets(self) -> list[bytes]:
        runs = []
        for content in self.contents:
            for start in range(200, len(content) - RUN, max(1, len(content) // 12)):
                runs.append(content[start : start + RUN])
        return runs

    @property
    def hashes(self) -> set[str]:
        return {hashlib.sha256(content).hexdigest() for content in self.contents}


@dataclass
class Place:
    demo: Demo
    folder: Path
    browser: Browser
    page: Page
    image: str = ""
    seen: Seen = field(default_factory=lambda: Seen([]))

    @property
    def capture(self) -> CaptureId:
        return capture_of(self.page)


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """One picture that was added, looked at in every way, and is not decided about."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    demo = start_demo(tmp_path)
    with open_browser() as browser:
        page = begin(browser, launch(demo, browser))
        photo = _drawn_photograph()
        image = add(browser, page, photo, "image/jpeg")
        place = Place(demo, tmp_path, browser, page, image)
        captures = demo.installation.captures
        session = clinical_session(demo.installation.sessions.get(launch_of(page)))
        draft = captures.draft(session, place.capture).images[0]
        place.seen = Seen(
            [
                photo,
                captures.picture(session, place.capture, draft.image_id)[0],
                captures.thumbnail(session, place.capture, draft.image_id)[0],
                captures.preview(session, place.capture, draft.image_id, quarter_turns=0),
            ]
        )
        browser.get(page.url)
        yield place
    demo.stop()


def places(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below: our database and its journal, the vault, the queue, temporary files, the EHR's store; and the
    rows of every SQLite file, so that no page of a file hides a run."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield str(path.relative_to(folder)), content
        if content.startswith(b"SQLite format 3\0"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        yield (
                            f"{path.name}:{table}",
                            b"\0".join(each if isinstance(each, bytes) else str(each).encode() for each in row),
                        )


def found_in(place: Place, log: str = "") -> set[str]:
    """Where any run of the pictures lies, in whatever form, or a file that is a copy of one."""
    forms = [form for secret in place.seen.secrets for form in forms_of(secret).values() if len(form) >= RUN // 2]
    hits = set()
    for name, content in [*places(place.folder), ("log", log.encode())]:
        if hashlib.sha256(content).hexdigest() in place.seen.hashes:
            hits.add(name)
        if any(form in content for form in forms) or any(each.encode() in content for each in place.seen.hashes):
            hits.add(name)
    return hits


def no_key_is_left(place: Place) -> bool:
    with place.demo.installation.database.connection() as connection:
        rows = connection.execute(sa.select(vault_items).where(vault_items.c.owner == place.capture)).all()
    return all(row.wrapped_key is None for row in rows)


def test_nothing_is_left_of_what_was_thrown_away(waiting: Place, capfd: pytest.CaptureFixture[str]) -> None:
    assert not no_key_is_left(waiting), "there is something to destroy"
    reply = waiting.browser.post(waiting.page, f"{waiting.page.url}/discard", {"because": "sent-in-error"})
    assert "No picture was filed" in reply.text
    assert found_in(waiting, "".join(capfd.readouterr())) == set()
    assert no_key_is_left(waiting)
    assert waiting.demo.installation.vault.items(owner=waiting.capture) == []
    gone = waiting.demo.installation.audit.entries(subject=waiting.capture, action="image.discarded")
    assert [(each.entry.detail["reason"], each.entry.detail["left"]) for each in gone] == [("sent-in-error", 0)]


def test_nothing_is_left_of_what_was_only_described(waiting: Place, capfd: pytest.CaptureFixture[str]) -> None:
    form = answers_for([waiting.image]) | {f"decision-{waiting.image}": "describe"}
    reply = waiting.browser.post(waiting.page, f"{waiting.page.url}/file", form)
    assert "Note written" in reply.text
    assert found_in(waiting, "".join(capfd.readouterr())) == set()
    assert no_key_is_left(waiting)
    notes = waiting.demo.sandbox.store.search("DocumentReference", {})
    assert len(notes) == 1 and waiting.demo.sandbox.store.search("Media", {}) == []


@pytest.mark.parametrize("form", ["plain", "base64 at 1", "hex", "a copy", "a hash", "the EHR"])
def test_the_scan_finds_what_is_planted(waiting: Place, form: str) -> None:
    secret = waiting.seen.secrets[3]
    if form == "a copy":
        (waiting.folder / "tmp" / "thumbnail.jpg").write_bytes(waiting.seen.contents[2])
    elif form == "a hash":
        (waiting.folder / "app" / "note.txt").write_text(sorted(waiting.seen.hashes)[0])
    elif form == "the EHR":
        waiting.demo.sandbox.store.put_binary("planted", waiting.seen.contents[2], "image/jpeg")
        waiting.demo.sandbox.store.put_binary("planted", b"another since", "image/jpeg")
    else:
        (waiting.folder / "app" / "left.bin").write_bytes(b"before" + forms_of(secret)[form] + b"after")
    assert found_in(waiting)
