"""`fhir-plugin redact` looks through its own output with the second program before anything appears."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_plugin.cli import main
from fhir_plugin.disclose.redact.cut import Cutter
from tests.disclose.redact.records import CANARIES, ID, TITLE, Json, media
from tests.disclose.redact.test_command import OBSERVATION, PATIENT, lines


def redact(folder: Path, *more: str) -> Result:
    arguments = ["redact", str(folder), "-o", str(folder.parent / "out"), "--purpose", "insurer", *more]
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    folder = tmp_path / "record"
    folder.mkdir()
    (folder / "Media.ndjson").write_bytes(lines(media()))
    (folder / "Observation.ndjson").write_bytes(lines(PATIENT, OBSERVATION))
    return folder


def test_where_the_redactor_misses_something_nothing_appears(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(self: Cutter, resource: Json, *, masked: object = ()) -> Json:
        return resource

    monkeypatch.setattr(Cutter, "cut", blind)
    report = record.parent / "report.json"
    done = redact(record, "--json", "--report", str(report))
    assert done.exit_code == 1
    refused = json.loads(done.stdout)["refused"]
    assert refused["code"] == "not-proven" and "id: Observation.ndjson: byte " in refused["message"]
    assert not any(canary in done.output for canary in CANARIES)
    assert [each.name for each in record.parent.iterdir()] == ["record"]


def test_what_nobody_can_look_into_is_refused(record: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("x.txt", b"something else")
    locked = bytearray(archive.getvalue())
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    letter = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "content": [{"attachment": {"contentType": "application/zip", "data": base64.b64encode(locked).decode()}}],
    }
    (record / "Letter.ndjson").write_bytes(lines(letter))
    waits = redact(record)
    assert waits.exit_code == 3 and "DocumentReference/letter" in waits.output and "encrypted" in waits.output
    assert (record.parent / "out" / "Letter.ndjson").read_bytes() == b""


def test_titles_and_ids_that_others_bear_in_their_own_right_are_no_leak(record: Path) -> None:
    same: list[Json] = [
        {"resourceType": "Device", "id": ID, "status": "active"},
        {"resourceType": "Patient", "id": "q", "photo": [{"contentType": "text/plain", "title": TITLE}]},
    ]
    (record / "Other.ndjson").write_bytes(lines(*same))
    done = redact(record)
    assert done.exit_code == 0, done.output
    left = (record.parent / "out" / "Other.ndjson").read_bytes().splitlines()
    assert [json.loads(each) for each in left] == same


def test_the_name_of_a_file_is_looked_at_too(record: Path) -> None:
    named = record / "about"
    named.mkdir()
    (named / f"{ID}.json").write_text(json.dumps(PATIENT))
    done = redact(record)
    assert done.exit_code == 1 and not (record.parent / "out").exists()
