"""What keeps a launch session alive, over the whole app: people do, timers do not, and reading it costs one look."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.tables import launch_sessions
from fhir_plugin.app import install
from fhir_plugin.settings import Settings
from mappings.model.identifiers import LaunchId
from tests.adapters.launches import make_session
from tests.app.conftest import Browser, Shop

UNATTENDED = {"X-Unattended": "yes", "X-Requested-With": "fetch"}


@contextmanager
def looks(shop: Shop) -> Iterator[list[str]]:
    """The statements that read launch sessions."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if re.search(r"\bFROM launch_sessions\b", statement):
            found.append(statement)

    engine = shop.demo.installation.database._live_engine()  # nothing public shows statements
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def seen_long_ago(shop: Shop, launch: LaunchId) -> dt.datetime:
    """As if nobody had been there for ten minutes; returns when somebody was."""
    last = shop.demo.installation.clock.now() - dt.timedelta(minutes=10)
    with shop.demo.installation.database.writing() as connection:
        connection.execute(
            sa.update(launch_sessions).where(launch_sessions.c.launch_id == launch).values(last_seen=last)
        )
    return last


def guard(page: str) -> dict[str, str]:
    values = {name: re.search(rf'name="{name}" content="([^"]+)"', page) for name in ("csrf-token", "patient")}
    assert all(values.values())
    return {header: values[name][1] for header, name in (("X-CSRFToken", "csrf-token"), ("X-Patient", "patient"))}  # type: ignore[index]  # there


@pytest.mark.parametrize(
    ("path", "headers", "keeps_alive"),
    [
        ("", {}, True),
        ("", UNATTENDED, False),
        ("?unattended=1", {}, False),
        ("session", {}, False),
        ("session", UNATTENDED, False),
        ("captures/sites?q=knee", {}, True),
        ("captures/sites?q=knee", UNATTENDED, False),
    ],
)
def test_only_what_a_person_asks_keeps_a_session_alive(
    shop: Shop, browser: Browser, path: str, headers: dict[str, str], keeps_alive: bool
) -> None:
    launch = browser.launch()
    last = seen_long_ago(shop, launch)
    assert browser.get(f"/l/{launch}/{path}", headers=headers).status_code == 200
    assert (shop.demo.installation.sessions.get(launch).last_seen > last) is keeps_alive


def test_staying_needs_the_token_and_starts_the_idle_time_anew(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    headers = guard(browser.home(launch).text)
    last = seen_long_ago(shop, launch)
    before = browser.get(f"/l/{launch}/session").json
    assert before is not None and 1140 <= before["idle_seconds"] <= 1200 and before["warn_seconds"] == 120
    without = browser.client.post(f"/l/{launch}/session", headers={"X-Patient": headers["X-Patient"]})
    assert without.status_code == 400
    assert shop.demo.installation.sessions.get(launch).last_seen == last
    after = browser.client.post(f"/l/{launch}/session", headers=headers)
    assert after.status_code == 200 and after.json is not None
    assert after.json["idle_seconds"] >= 1740
    assert after.json["absolute_seconds"] <= before["absolute_seconds"]
    assert browser.client.post(f"/l/{launch}/session", headers={**headers, "X-Patient": "p9"}).status_code == 409


def test_nobody_stays_past_the_end(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    headers = {**guard(browser.home(launch).text), "X-Requested-With": "fetch"}
    shop.demo.installation.sessions.end(launch)
    for answer in (
        browser.get(f"/l/{launch}/session", headers=headers),
        browser.client.post(f"/l/{launch}/session", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.json is not None and answer.json["error"]["code"] == "session-expired"


def test_a_page_reads_its_session_once(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    for path in ("", "session", "captures/sites?q=knee"):
        with looks(shop) as found:
            assert browser.get(f"/l/{launch}/{path}").status_code == 200
        assert len(found) == 1, path


def test_what_one_request_read_is_not_believed_by_the_next(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    with browser.client:  # keeps the context of the last request, as a debugger would
        assert browser.home(launch).status_code == 200
        shop.demo.installation.sessions.end(launch)
        assert browser.home(launch).status_code == 401


def test_the_settings_decide_how_long(tmp_path: Path) -> None:
    installation = install(Settings(state=tmp_path, session_idle_minutes=4))
    try:
        now = installation.clock.now()
        installation.sessions.create(make_session(now, ends=now + dt.timedelta(hours=1)))
        left = installation.sessions.time_left(LaunchId("launch-1"))
        assert 235 <= left.idle_seconds <= 240
        assert left.warn_seconds == 60, "a quarter of the idle time, where two minutes would be half of it"
    finally:
        installation.close()
