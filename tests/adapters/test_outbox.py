"""The folder of messages: ours alone, names that say nothing, whole files, nothing left behind."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
from pathlib import Path

import pytest

from fhir_plugin.adapters.outbox import OutboxFolder
from fhir_plugin.errors import Unavailable
from tests.fakes.clock import START

HOUR = dt.timedelta(hours=1)
TEXT = "Elm Surgery asks for a photo: https://app.example/p/secret-of-the-link"


def test_one_file_for_each_message_that_nobody_else_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "outbox"
    message = OutboxFolder(folder).hand_over("07700900123", TEXT, expires=START + HOUR)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name == f"{message}.json"
    assert all(secret not in file.name for secret in ("07700900123", "secret", "Elm"))
    assert json.loads(file.read_text()) == {
        "number": "07700900123",
        "text": TEXT,
        "expires": (START + HOUR).isoformat(),
    }


def test_taken_back_once_or_twice_or_after_it_was_fetched(tmp_path: Path) -> None:
    outbox = OutboxFolder(tmp_path)
    message = outbox.hand_over("1", TEXT, expires=START)
    outbox.take_back(message)
    outbox.take_back(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../victim", "", ".", "victim", "/etc/passwd", "a" * 31])
def test_only_messages_are_taken_back(tmp_path: Path, name: str) -> None:
    (tmp_path / "victim.json").write_text("{}")
    (tmp_path / "outbox").mkdir()
    OutboxFolder(tmp_path / "outbox").take_back(name)
    assert (tmp_path / "victim.json").exists()


def test_what_nobody_fetched_goes_when_its_link_has_expired(tmp_path: Path) -> None:
    outbox = OutboxFolder(tmp_path)
    outbox.hand_over("1", TEXT, expires=START)
    kept = outbox.hand_over("2", TEXT, expires=START + HOUR)
    (tmp_path / "damaged.json").write_text("{")
    assert outbox.forget_expired(START) == 2
    assert [path.name for path in tmp_path.iterdir()] == [f"{kept}.json"]
    assert OutboxFolder(tmp_path / "none").forget_expired(START) == 0


def test_half_made_files_of_somebody_who_died_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".old", tmp_path / ".fresh"
    for path in (old, fresh):
        path.write_text(TEXT)
        os.utime(path, (START.timestamp(), START.timestamp()))
    os.utime(old, ((START - 2 * HOUR).timestamp(),) * 2)
    assert OutboxFolder(tmp_path).forget_expired(START) == 1
    assert not old.exists()
    assert fresh.exists()


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Unavailable) as refused:
        OutboxFolder(blocked).hand_over("07700900123", TEXT, expires=START)
    said = repr(refused.value) + "".join(capfd.readouterr())
    assert "secret" not in said
    assert "07700900123" not in said
