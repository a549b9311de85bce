"""`fhir-plugin role`, and an app that does not start with a list of job roles that nobody could mean."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from fhir_plugin.adapters.appointments import latest_end
from fhir_plugin.app import install
from fhir_plugin.cli import main
from fhir_plugin.commands.roles import ROLES
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import Role

DONE, CHECK_FAILED, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 64, 69
ISSUERS = """
[[issuer]]
name = "trust-a"
iss = "https://fhir.trust-a.example/r4"
client_id = "photographs"
"""
OUTSIDE = "https://fhir.ics.example/r4/Practitioner/9"
SAID = ("--name", "Dr Ruth Abelson", "--by", "Dr Nwosu, partner", "--reason", "Ours has left")


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    (folder / "issuers.toml").write_text(ISSUERS, "utf-8")
    return folder


@pytest.fixture
def run(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """The command in this process: what a process of its own does is `test_cli`'s."""
    for name in [name for name in os.environ if name.startswith("FHIR_PLUGIN_")]:
        monkeypatch.delenv(name)
    before = structlog.get_config()

    def run(*arguments: str | Path, **more: str) -> Ran:
        command = ["role", *map(str, arguments), "--state", str(state)]
        done = CliRunner().invoke(main, command, env=more, catch_exceptions=False)
        return Ran(done.exit_code, done.stdout, done.stderr)

    yield run
    structlog.configure(**before)


def appoint(run: Callable[..., Ran], *more: str, user: str = OUTSIDE, role: str = "caldicott-guardian") -> Ran:
    return run("appoint", "--issuer", "trust-a", "--user", user, "--role", role, *SAID, *more)


def test_the_roles_offered_are_those_of_the_app() -> None:
    assert tuple(Role) == ROLES


def test_appoint_list_withdraw(run: Callable[..., Ran]) -> None:
    assert run("list").out == "Nobody has a role from this organisation.\n"
    made = appoint(run, "--json")
    assert (made.status, made.err) == (DONE, "")
    said = made.json()
    day = dt.datetime.fromisoformat(said["since"]).date()
    assert {key: said[key] for key in ("issuer", "user", "role", "name", "by", "reason", "in_force", "last_day")} == {
        "issuer": "trust-a",
        "user": OUTSIDE,
        "role": "caldicott-guardian",
        "name": "Dr Ruth Abelson",
        "by": "Dr Nwosu, partner",
        "reason": "Ours has left",
        "in_force": True,
        "last_day": latest_end(day).isoformat(),
    }
    text = run("list").out
    assert "soon" not in text and not said["ends_soon"]
    for words in (said["id"], "Dr Ruth Abelson", OUTSIDE, "Ours has left", "caldicott-guardian"):
        assert words in text
    assert run("list", "--json").json() == {"appointments": [said], "damaged": []}
    gone = run("withdraw", said["id"], "--by", "The board", "--reason", "Successor in post", "--json")
    assert gone.status == DONE
    assert (gone.json()["in_force"], gone.json()["ended_by"], gone.json()["sessions_ended"]) == (False, "The board", 0)
    assert run("list", "--json").json()["appointments"] == []
    [ended] = run("list", "--all", "--json").json()["appointments"]
    assert ended["ended_reason"] == "Successor in post"
    assert run("withdraw", said["id"], "--by", "The board", "--reason", "Again").status == REFUSED


def test_the_last_day_can_be_chosen(run: Callable[..., Ran]) -> None:
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date().isoformat()
    made = appoint(run, "--until", tomorrow, "--json").json()
    assert (made["last_day"], made["ends_soon"]) == (tomorrow, True)
    assert f"until {tomorrow}: appoint again soon" in run("list").out
    too_late = appoint(run, "--until", "2099-01-01", "--json")
    assert (too_late.status, too_late.json()["refused"]["code"]) == (REFUSED, "until")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("appoint", "--issuer", "trust-a", "--user", "Practitioner/1", "--role", "auditor"), USAGE, "Missing option"),
        (("appoint", "--issuer", "nope", "--user", "Practitioner/1", "--role", "auditor", *SAID), REFUSED, "trust-a"),
        (("appoint", "--issuer", "trust-a", "--user", "Patient/1", "--role", "auditor", *SAID), REFUSED, "user:"),
        (("appoint", "--issuer", "trust-a", "--user", "Practitioner/1", "--role", "emperor", *SAID), USAGE, "emperor"),
        (
            (
                *("appoint", "--issuer", "trust-a", "--user", "Practitioner/1", "--role", "auditor"),
                *("--name", " ", "--by", "x", "--reason", "x"),
            ),
            REFUSED,
            "name:",
        ),
        (("withdraw", "0" * 16, "--by", "x", "--reason", "x"), REFUSED, "unknown-appointment"),
        (("withdraw", "0" * 16), USAGE, "--by"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Callable[..., Ran], arguments: tuple[str, ...], status: int, said: str
) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err
    assert run("list", "--all", "--json").json() == {"appointments": [], "damaged": []}


def test_a_row_changed_past_the_app_is_named_and_the_check_fails(run: Callable[..., Ran], state: Path) -> None:
    made = appoint(run, "--json").json()
    appoint(run, user="Practitioner/2")
    with sqlite3.connect(state / "plugin.sqlite") as database:
        database.execute("UPDATE appointments SET role = 'clinician' WHERE id = ?", (made["id"],))
    database.close()
    ran = run("list")
    assert ran.status == CHECK_FAILED
    assert f"IGNORED, written or changed past the app: {made['id']}." in ran.out
    assert [each["user"] for each in run("list", "--json").json()["appointments"]] == ["Practitioner/2"]


def test_a_withdrawal_ends_what_the_person_has_open(run: Callable[..., Ran], state: Path) -> None:
    from fhir_plugin.adapters.sessions import LaunchSession

    made = appoint(run, "--json", user="Practitioner/2", role="auditor").json()
    installation = install(Settings(state=state))
    now = installation.clock.now()
    for launch, user in (("theirs", "Practitioner/2"), ("other", "Practitioner/3")):
        installation.sessions.create(
            LaunchSession(
                launch_id=LaunchId(launch),
                browser_binding_hash="x",
                fhir_base=FhirBase("https://fhir.trust-a.example/r4"),
                issuer="trust-a",
                patient=PatientId("p1"),
                encounter=None,
                user=Reference(user),
                user_display="",
                scopes="",
                context={},
                created=now,
                last_seen=now,
                ends=now + dt.timedelta(hours=8),
            )
        )
    gone = run("withdraw", made["id"], "--by", "The board", "--reason", "Left", "--json")
    assert gone.json()["sessions_ended"] == 1
    with sqlite3.connect(state / "plugin.sqlite") as database:
        left = database.execute("SELECT launch_id FROM launch_sessions").fetchall()
    database.close()
    ended = [each.entry for each in installation.audit.entries(action="launch.ended")]
    installation.close()
    assert left == [("other",)]
    assert [(each.launch, each.actor, each.detail["why"]) for each in ended] == [
        ("theirs", "Practitioner/2", "appointment-withdrawn")
    ]


def test_the_chain_notes_who_asked_and_stays_whole(run: Callable[..., Ran], state: Path) -> None:
    made = appoint(run, "--json").json()
    run("withdraw", made["id"], "--by", "The board", "--reason", "Left")
    installation = install(Settings(state=state))
    entries = [each.entry for each in installation.audit.entries(subject=made["id"])]
    assert [each.action for each in entries] == ["role.appointed", "role.withdrawn"]
    assert all(each.detail["operator"] for each in entries)
    assert "Abelson" not in repr(entries) and "Ours has left" not in repr(entries)
    assert installation.audit.verify().intact
    installation.close()


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("[emperor]\nR0260 = 'GP'", REFUSED, "[emperor] is no role of this app"),
        ("[clinician]\nS0030 = 'GP'", REFUSED, "[clinician] S0030"),
        ("[clinician", REFUSED, "not valid TOML"),
        (None, UNAVAILABLE, "No such file"),
    ],
)
def test_with_job_roles_that_cannot_be_used_nothing_starts(
    run: Callable[..., Ran], tmp_path: Path, content: str | None, status: int, said: str
) -> None:
    file = tmp_path / "roles.toml"
    if content is not None:
        file.write_text(content, "utf-8")
    ran = run("list", FHIR_PLUGIN_JOB_ROLES_FILE=str(file))
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err and ran.err.count("\n") == 1
