"""`fhir-plugin reconcile`: looks first, repairs when asked, says how it ended, and names nobody."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fhir_plugin.app import install
from fhir_plugin.delete import reconcile as comparing
from fhir_plugin.delete.disagreement import MEANING, Finding, Kind, Unasked
from fhir_plugin.delete.reconcile import Report
from fhir_plugin.reconciling import sources_of
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.kept import KeptImage
from tests.app.commands_here import CommandLine

BASE = FhirBase("https://ehr.example/fhir")
NAMED = PatientId("patient-of-note")
DOCS = Path(__file__).parents[2] / "docs" / "reconcile.md"


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state")})


def stray(here: CommandLine) -> Path:
    install(Settings(state=here.state)).close()
    file = here.state / "vault" / ("a" * 32)
    file.write_bytes(b"nobody has a key for this")
    os.utime(file, (1, 1))
    return file


def test_where_all_agree_it_says_so(here: CommandLine) -> None:
    ran = here.run("reconcile", "--json")
    assert ran.status == 0 and ran.json()["findings"] == []
    assert here.run("reconcile").out == "0 found, 0 set right, 0 records looked at.\n"
    assert [action for action, _ in here.actions()] == ["reconcile.run", "reconcile.run"]


def test_it_looks_first_and_repairs_when_asked(here: CommandLine) -> None:
    file = stray(here)
    ran = here.run("reconcile", "--json")
    assert (ran.status, file.exists()) == (1, True)
    assert ran.json()["findings"] == [
        {"kind": "bytes-without-key", "what": "a" * 32, "ehr": None, "repair": "possible"}
    ]
    assert "--repair sets it right" in here.run("reconcile").out and file.exists()
    mended = here.run("reconcile", "--repair", "--json")
    assert (mended.status, mended.json()["left"], file.exists()) == (0, 0, False)
    assert ("reconcile.mended", "a" * 32) in here.actions()
    assert here.run("reconcile", "--repair", "--json").json()["found"] == 0


def test_whoever_has_no_launch_is_counted_and_not_named(here: CommandLine) -> None:
    installation = install(Settings(state=here.state))
    parts = installation.deletion.parts
    with parts.work.transaction():
        filed = KeptImage(BASE, Reference("Media/m"), NAMED, "capture", parts.clock.now())  # type: ignore[arg-type]
        parts.kept.keep(filed)
    assert sources_of(installation).patients() == [(BASE, NAMED)]
    installation.close()
    ran = here.run("reconcile", "--json")
    assert ran.status == 0 and ran.json()["records_not_looked_at"] == {"no-launch": 1}
    text = here.run("reconcile")
    assert "1 records were not looked at (1 no-launch)" in text.out
    assert NAMED not in ran.out + ran.err + text.out + text.err


@pytest.mark.parametrize(
    ("findings", "mended", "down", "status"),
    [(0, 0, True, 69), (1, 0, True, 1), (1, 1, False, 0), (2, 1, False, 1), (1, 1, True, 69), (0, 0, False, 0)],
)
def test_how_it_ends(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch, findings: int, mended: int, down: bool, status: int
) -> None:
    found = tuple(Finding(Kind.BYTES_GONE, f"Media/{each}", BASE, NAMED) for each in range(findings))
    report = Report(found, found[:mended], (Unasked(BASE, NAMED, "record-unavailable"),), 1, down)
    monkeypatch.setattr(comparing, "reconcile", lambda _sources, *, mend: report)
    assert here.run("reconcile").status == status


def test_a_log_that_was_changed_ends_it(here: CommandLine) -> None:
    install(Settings(state=here.state)).close()
    (here.state / "destroyed.log").write_bytes(b"{} 00\n")
    ran = here.run("reconcile", "--repair", "--json")
    assert (ran.status, ran.json()["refused"]["code"]) == (1, "destruction-log-changed")


def test_every_kind_has_a_meaning_and_a_line_in_the_docs() -> None:
    assert set(MEANING) == set(Kind)
    told = set(re.findall(r"`([a-z-]+)`", "".join(line for line in DOCS.read_text().splitlines() if line[:3] == "| `")))
    assert {kind.value for kind in Kind} <= told
