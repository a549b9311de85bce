"""`fhir-plugin redact`: what goes in, what comes out, and what its exit status says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_plugin.cli import main
from tests.disclose.redact.records import ID, RESTRICTED, collection, leaks, media

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "weight"},
    "derivedFrom": [{"reference": f"Media/{ID}"}],
}
PATIENT = {"resourceType": "Patient", "id": "p1"}


def run(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["redact", *map(str, arguments)], input=given)


def lines(*resources: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A bulk export: the image is in another file than what points at it."""
    folder = tmp_path / "export"
    (folder / "more").mkdir(parents=True)
    (folder / "Observation.ndjson").write_bytes(lines(OBSERVATION, {**OBSERVATION, "id": "o2", "derivedFrom": []}))
    (folder / "more" / "Media.ndjson.gz").write_bytes(gzip.compress(lines(media(), PATIENT)))
    return folder


def test_an_export_keeps_its_names_and_resolves_across_files(export: Path, tmp_path: Path) -> None:
    done = run(export, "-o", tmp_path / "out", "--purpose", "COVERAGE", "--mode", "silent", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["counts"] == {"release": 3, "redact": 1, "withhold": 0, "review": 0, "changed": 1}
    left = (tmp_path / "out" / "Observation.ndjson").read_bytes()
    first, second = left.splitlines()
    assert "derivedFrom" not in json.loads(first)
    assert second == (export / "Observation.ndjson").read_bytes().splitlines()[1]
    assert gzip.decompress((tmp_path / "out" / "more" / "Media.ndjson.gz").read_bytes()) == lines(PATIENT)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["export", "out"]


def test_the_report_names_every_resource_and_no_content(export: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = run(
        export, "-o", tmp_path / "out", "--purpose", "insurer", "--recipient", "Example Mutual", "--report", report
    )
    assert done.exit_code == 0, done.output
    said = json.loads(report.read_text("utf-8"))
    assert [(each["type"], each["id"], each["verdict"]) for each in said["resources"]] == [
        ("Observation", "o1", "release"),
        ("Observation", "o2", "release"),
        ("Media", ID, "redact"),
        ("Patient", "p1", "release"),
    ]
    assert said["counts"]["redact"] == 1 and said["recipient"] == "Example Mutual" and said["purpose"] == "COVERAGE"
    assert set(leaks(said)) == {ID}


def test_one_file_gives_one_file_and_standard_input_standard_output(tmp_path: Path) -> None:
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(json.dumps(collection(PATIENT)))
    assert run(source, "-o", target, "--purpose", "insurer").exit_code == 0
    piped = run("-", "-o", "-", "--purpose", "insurer", given=source.read_bytes())
    assert piped.exit_code == 0
    assert piped.stdout.encode() == target.read_bytes()
    assert leaks(piped.stdout) == []
    streamed = run("-", "-o", "-", "--purpose", "insurer", given=lines(PATIENT, media(), PATIENT))
    assert [json.loads(each)["id"] for each in streamed.stdout.splitlines()] == ["p1", "withheld-1", "p1"]


def test_the_patient_gets_their_own_image(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text(json.dumps(media()))
    done = run(source, "-o", tmp_path / "out.json", "--purpose", "PATRQT")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.json").read_bytes() == source.read_bytes()


def test_what_waits_for_a_person_is_listed_and_left_out(tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(lines(media(), {**PATIENT, "maritalStatus": {"text": "photo of 4 March 2026"}}))
    done = run(source, "-o", tmp_path / "out.ndjson", "--purpose", "insurer", "--mode", "silent", "--json")
    assert done.exit_code == 3
    assert [each["id"] for each in json.loads(done.stdout)["review"]] == ["p1"]
    assert (tmp_path / "out.ndjson").read_bytes() == b""
    cleared = ["--cleared", "Patient/p1"]
    read = run(source, "-o", tmp_path / "out.ndjson", "--purpose", "insurer", "--mode", "silent", *cleared)
    assert read.exit_code == 0 and b"4 March" in (tmp_path / "out.ndjson").read_bytes()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lines(PATIENT) + b'{"resourceType":"Media","id":1,"id":2}\n', "duplicate-key"),
        (lines(PATIENT) + b'{"resourceType":"Media"} {}\n', "not-json"),
        (lines(PATIENT) + b"[" * 100_000 + b"\n", "depth"),
        (b"\xef\xbb\xbf" + lines(PATIENT), "byte-order-mark"),
    ],
)
def test_what_cannot_be_read_gives_no_output(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "in.ndjson").write_bytes(data)
    report, out = tmp_path / "report.json", tmp_path / "out.ndjson"
    done = run(tmp_path / "in.ndjson", "-o", out, "--purpose", "insurer", "--json", "--report", report)
    assert done.exit_code == 2
    refused = json.loads(done.stdout)["refused"]
    assert refused["code"] in (code, "not-json") and "in.ndjson:" in refused["message"]
    assert [each.name for each in tmp_path.iterdir()] == ["in.ndjson"]


def test_wrong_uses_are_refused_and_leave_nothing(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "file.json").write_text(json.dumps(PATIENT))
    (tmp_path / "cut.ndjson.gz").write_bytes(gzip.compress(lines(PATIENT) * 99)[:-9])
    cases: list[list[str | Path]] = [
        [export, "-o", out, "--purpose", "nobody"],
        [export, "-o", out, "--purpose", "patient", "--mode", "silent"],
        [export, "-o", "-", "--purpose", "insurer"],
        [export, "-o", export, "--purpose", "insurer"],
        [tmp_path / "absent.json", "-o", out, "--purpose", "insurer"],
        [tmp_path / "file.json", tmp_path / "file.json", "-o", out, "--purpose", "insurer"],
        [tmp_path / "file.json", "-o", tmp_path / "file.json", "--purpose", "insurer"],
        [tmp_path / "cut.ndjson.gz", "-o", out, "--purpose", "insurer"],
    ]
    for case in cases:
        done = run(*case)
        assert done.exit_code == 2, (case, done.output)
        assert not out.exists()
    assert run(export, "-o", out).exit_code == 64
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cut.ndjson.gz", "export", "file.json"]


def test_a_document_that_may_not_go_out_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"resourceType": "Goal", "id": "g", "meta": RESTRICTED}))
    done = run(tmp_path / "in.json", "-o", tmp_path / "out.json", "--purpose", "insurer", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["counts"]["redact"] == 1
    assert not (tmp_path / "out.json").exists()


def test_a_bundle_that_stays_as_a_whole_is_read_as_a_whole(tmp_path: Path) -> None:
    """What is inside goes by names that have to be gone elsewhere, too."""
    inner = [
        {"resource": {**PATIENT, "id": f"p{each}", "identifier": [{"system": "urn:x", "value": f"number-{each}-x"}]}}
        for each in range(9)
    ]
    held = {"resourceType": "Bundle", "type": "collection", "meta": RESTRICTED, "entry": inner}
    pointing = {"resourceType": "Goal", "id": "g", "addresses": [{"identifier": inner[3]["resource"]["identifier"][0]}]}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text(json.dumps(held))
    (tmp_path / "in" / "b.ndjson").write_bytes(lines(pointing))
    done = run(tmp_path / "in", "-o", tmp_path / "out", "--purpose", "insurer", "--mode", "silent", "--json")
    assert done.exit_code in (0, 3), done.output
    assert b"number-3-x" not in b"".join(each.read_bytes() for each in (tmp_path / "out").iterdir())
