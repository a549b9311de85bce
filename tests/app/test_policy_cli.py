"""`fhir-plugin policy check`, `show` and `diff`, and an app that does not start without a usable pack."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.packs import DatabasePacks
from fhir_plugin.app import install
from fhir_plugin.cli import main
from fhir_plugin.commands.policy import said_at_start
from fhir_plugin.policy.keys import KEYS
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.policy.packs import BASES, OVERLAYS, base, overlay

DONE, CHECK_FAILED, SOMEBODY_MUST_LOOK, USAGE = 0, 1, 3, 64
OWN = {"id": "elm", "organisation": "Elm Tree Surgery"}


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """The command in this process, with nothing of the machine's settings."""
    for name in [name for name in os.environ if name.startswith("FHIR_PLUGIN_")]:
        monkeypatch.delenv(name)
    before = structlog.get_config()

    def run(*arguments: str | Path, **more: str) -> Ran:
        command = ["policy", *map(str, arguments), "--state", str(state)]
        done = CliRunner().invoke(main, command, env=more, catch_exceptions=False)
        return Ran(done.exit_code, done.stdout, done.stderr)

    yield run
    structlog.configure(**before)


def started(state: Path, names: str = "strict", own: Path | None = None) -> str:
    """What an app that starts now puts in force."""
    state.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{state / 'plugin.sqlite'}")
    database.upgrade()
    try:
        return DatabasePacks(database, FakeClock()).in_force(names, own).reference
    finally:
        database.dispose()


@pytest.mark.parametrize("name", [*BASES, *(f"strict+{each}" for each in OVERLAYS)])
def test_every_shipped_pack_checks(run: Callable[..., Ran], name: str) -> None:
    done = run("check", name, "--json")
    assert (done.status, done.err) == (DONE, "")
    assert (done.json()["usable"], done.json()["pack"]) == (True, shipped_pack(name).reference)
    assert "can be used" in run("check", name).out


def test_looking_makes_nothing(run: Callable[..., Ran], state: Path) -> None:
    run("check")
    run("show")
    run("diff", "strict", "gp-inform-only")
    assert not state.exists()


def test_what_only_the_organisation_can_say_waits_for_a_person(run: Callable[..., Ran]) -> None:
    done = run("check", "--json")
    assert done.status == SOMEBODY_MUST_LOOK
    assert {"wording.telephone", "attestations.dpia", "pack.approved_on"} <= set(done.json()["gaps"])


def test_a_file_is_checked_on_top_of_a_base_and_names_key_and_floor(run: Callable[..., Ran], tmp_path: Path) -> None:
    own = tmp_path / "elm.toml"
    own.write_text(overlay({"crop.before_filing": "required_or_reason"}, **OWN), "utf-8")
    good = run("check", own, "--on", "gp-inform-only", "--json")
    assert (good.status, good.json()["pack"]) == (SOMEBODY_MUST_LOOK, "gp-inform-only+elm/2026.11+1")
    own.write_text(overlay({"age.child_image": 16}, **OWN), "utf-8")
    bad = run("check", own, "--json")
    assert bad.status == CHECK_FAILED and bad.err == ""
    assert "age.child_image" in bad.json()["problem"] and "child-image-age" in bad.json()["problem"]
    assert "age.child_image" in run("check", own).out
    own.write_text(base("store.consent"), "utf-8")
    assert "store.consent" in run("check", own).out
    assert run("check", tmp_path / "gone.toml").status == CHECK_FAILED
    assert run("check", "lenient").status == CHECK_FAILED


def test_a_broken_setting_is_a_failed_check_that_names_what_is_in_force(
    run: Callable[..., Ran], state: Path, tmp_path: Path
) -> None:
    started(state)
    own = tmp_path / "elm.toml"
    own.write_text("nothing", "utf-8")
    environment = {"FHIR_PLUGIN_POLICY_FILE": str(own)}
    done = run("check", "--json", **environment)
    assert (done.status, done.json()["usable"], done.json()["in_force"]) == (CHECK_FAILED, False, "strict/2026.11")
    assert "In force is the last good one, strict/2026.11" in run("check", **environment).out
    shown = run("show", "--json", **environment).json()
    assert shown["pack"] == "strict/2026.11" and "stays in force" in shown["notices"][0]
    assert run("check", "--json").json()["usable"]


def test_a_pack_that_changed_under_its_version_fails_before_it_is_tried(
    run: Callable[..., Ran], state: Path, tmp_path: Path
) -> None:
    own = tmp_path / "elm.toml"
    own.write_text(overlay({"crop.before_filing": "required_or_reason"}, **OWN), "utf-8")
    assert started(state, own=own) == "strict+elm/2026.11+1"
    own.write_text(overlay({"crop.before_filing": "prompt"}, **OWN), "utf-8")
    done = run("check", own)
    assert done.status == CHECK_FAILED and "new version" in done.out


def test_a_pack_that_is_due_for_review_waits_for_a_person(run: Callable[..., Ran], tmp_path: Path) -> None:
    today = dt.datetime.now(dt.UTC).date()
    for days, words in ((20, "is due for review by"), (-20, "was due for review on")):
        own = tmp_path / "whole.toml"
        written = {"pack__written_on": today - dt.timedelta(days=300)}
        own.write_text(base(pack__id="elm", pack__review_by=today + dt.timedelta(days=days), **written), "utf-8")
        done = run("check", own, "--json")
        assert done.status == SOMEBODY_MUST_LOOK
        assert words in done.json()["notices"][0]


def test_show_says_for_every_key_its_value_source_and_floor(run: Callable[..., Ran]) -> None:
    shown = run("show", "gp-inform-only", "wounds", "--json").json()
    assert [row["key"] for row in shown["keys"]] == [key.name for key in KEYS]
    rows = {row["key"]: row for row in shown["keys"]}
    assert rows["store.consent"]["value"] == "inform_and_objection" and not rows["store.consent"]["is_default"]
    assert rows["store.consent"]["default"] == "required"
    assert "001:8" in rows["store.consent"]["source"] and "always need a decision" in rows["store.consent"]["floor"]
    assert rows["crop.before_filing"]["layer"] == "wounds"
    assert rows["receive.consent"]["layer"] == "gp-inform-only"
    assert all(row["source"] and row["says"] and row["allowed"] for row in shown["keys"])
    assert {each["cited"] for each in shown["sources"]} == {"000", "001", "002", "003", "004"}
    text = run("show", "gp-inform-only+wounds").out
    for row in shown["keys"]:
        assert f"{row['key']} = " in text and row["floor"] in text and row["source"] in text


def test_show_without_a_name_is_what_is_in_force_and_an_old_one_is_found(run: Callable[..., Ran], state: Path) -> None:
    assert run("show", "--json").json()["pack"] == "strict/2026.11"
    started(state, "gp-inform-only+wounds")
    started(state, "strict")
    old = run("show", "gp-inform-only+wounds/2026.11", "--json").json()
    assert old["pack"] == "gp-inform-only+wounds/2026.11"
    assert run("show", "strict/1900.1").status == CHECK_FAILED


def test_diff_names_what_two_packs_say_differently(run: Callable[..., Ran]) -> None:
    done = run("diff", "strict", "gp-inform-only", "--json")
    assert done.status == DONE
    changed = {each["key"]: each for each in done.json()["differences"]}
    assert {"store.consent", "receive.consent", "on_store_refusal"} <= set(changed)
    assert len(changed) == 5
    assert (changed["store.consent"]["one"], changed["store.consent"]["other"]) == ("required", "inform_and_objection")
    assert "000:19" in changed["store.consent"]["source_one"]
    text = run("diff", "strict", "strict").out
    assert "no differences" in text
    both = run("diff", "strict+wounds", "strict+dermatology").out
    assert "crop.before_filing" in both and "required_or_reason" in both


def test_diff_needs_two(run: Callable[..., Ran]) -> None:
    assert run("diff", "strict").status == USAGE


REAL = '[[issuer]]\nname = "trust-a"\niss = "https://fhir.trust-a.example/r4"\nclient_id = "photographs"\n'


@pytest.mark.parametrize(
    ("issuers", "day", "words"),
    [
        ("", dt.date(2026, 12, 1), []),
        (REAL, dt.date(2026, 12, 1), ["is not yet your organisation's own: 23 things"]),
        (REAL + "sandbox = true\n", dt.date(2027, 11, 20), ["is due for review by"]),
        (REAL, dt.date(2028, 1, 1), ["was due for review on", "is not yet your organisation's own"]),
    ],
)
def test_whoever_starts_the_app_reads_what_is_missing_for_real_patients(
    state: Path, issuers: str, day: dt.date, words: list[str]
) -> None:
    state.mkdir(mode=0o700)
    (state / "issuers.toml").write_text(issuers, "utf-8")
    clock = FakeClock(dt.datetime.combine(day, dt.time(8), dt.UTC))
    installation = install(Settings(state=state), clock=clock, worker=FakeImageWorker())
    try:
        said = said_at_start(installation)
    finally:
        installation.close()
    assert len(said) == len(words) and all(part in line for part, line in zip(words, said, strict=True))


def test_the_installed_command(tmp_path: Path) -> None:
    """One value on standard output, no traceback, and `serve` that refuses before it listens."""
    program = str(Path(sys.executable).with_name("fhir-plugin"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_PLUGIN_")}
    environment = {**kept, "HOME": str(tmp_path)}

    def ran(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], env={**environment, **more}, capture_output=True, text=True, timeout=120
        )

    checked = ran("policy", "check", "strict+dermatology", "--json")
    assert (checked.returncode, json.loads(checked.stdout)["usable"]) == (DONE, True)
    failed = ran("policy", "check", FHIR_PLUGIN_POLICY="lenient")
    assert failed.returncode == CHECK_FAILED and "no policy pack of that name" in failed.stdout
    serving = ran("serve", "--port", "1", FHIR_PLUGIN_POLICY="lenient", FHIR_PLUGIN_STATE=str(tmp_path / "state"))
    assert serving.returncode == CHECK_FAILED
    assert "does not start" in serving.stderr and "Traceback" not in serving.stderr + failed.stderr
