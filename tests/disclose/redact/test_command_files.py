"""Where `fhir-plugin redact` puts its files: none in the place of another, none for other people of the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.disclose.redact.test_command import OBSERVATION, PATIENT, lines, run


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "record.ndjson"
    path.write_bytes(lines(OBSERVATION, PATIENT))
    return path


@pytest.mark.parametrize("place", ["record.ndjson", "out.ndjson", "out.ndjson/report.json", "./more/../out.ndjson"])
def test_a_report_never_takes_the_place_of_another_file(record: Path, tmp_path: Path, place: str) -> None:
    before = record.read_bytes()
    (tmp_path / "more").mkdir()
    done = run(record, "-o", tmp_path / "out.ndjson", "--purpose", "insurer", "--report", tmp_path / place, "--json")
    assert (done.exit_code, json.loads(done.stdout)["refused"]["code"]) == (2, "same-name")
    assert record.read_bytes() == before and sorted(each.name for each in tmp_path.iterdir()) == ["more", record.name]


@pytest.mark.parametrize("many", [False, True])
def test_what_comes_out_is_for_its_owner_alone(record: Path, tmp_path: Path, many: bool) -> None:
    (tmp_path / "whole.json").write_text(json.dumps(PATIENT))
    inputs = [record, tmp_path / "whole.json"] if many else [record]
    done = run(*inputs, "-o", tmp_path / "out", "--purpose", "insurer", "--report", tmp_path / "report.json")
    assert done.exit_code == 0, done.output
    made = [tmp_path / "report.json", tmp_path / "out", *(tmp_path / "out").rglob("*")]
    assert len(made) == (4 if many else 2)
    assert {each.name: each.stat().st_mode & 0o077 for each in made if each.stat().st_mode & 0o077} == {}


def test_a_report_is_written_aside_under_a_name_that_nobody_can_lie_in_wait_for(record: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / ".report.json.part").symlink_to(victim)
    done = run(record, "-o", tmp_path / "out", "--purpose", "insurer", "--report", tmp_path / "report.json")
    assert done.exit_code == 0 and victim.read_text() == "untouched"
    assert json.loads((tmp_path / "report.json").read_text())["counts"]["release"]
