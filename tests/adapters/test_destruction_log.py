"""The log of destructions as a file: durable, authenticated line by line, and whole after any crash."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from fhir_plugin.adapters.destruction_log import DestructionLogFile
from fhir_plugin.errors import Tampered, Unavailable
from tests.contracts.test_destruction_log import destroyed
from tests.fakes.clock import FakeClock
from tests.fakes.vault import FakeVault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "destroyed.log"


def opened(path: Path) -> DestructionLogFile:
    return DestructionLogFile(path, FakeVault(FakeClock()).keyed_digest)


def three(path: Path) -> bytes:
    for number in (1, 2, 3):
        opened(path).append(destroyed(number))
    return path.read_bytes()


def test_a_crash_at_any_byte_of_the_last_line_loses_that_line_alone(path: Path) -> None:
    content = three(path)
    second = content.index(b"\n", content.index(b"\n") + 1) + 1
    for end in range(second, len(content)):
        path.write_bytes(content[:end])
        assert opened(path).entries() == [destroyed(1), destroyed(2)]
    for end in (second, second + 40, len(content) - 1):
        path.write_bytes(content[:end])
        opened(path).append(destroyed(4))
        assert opened(path).entries() == [destroyed(1), destroyed(2), destroyed(4)]


def test_zeros_that_a_crash_left_at_the_end_are_no_line(path: Path) -> None:
    path.write_bytes(three(path) + bytes(300))
    assert len(opened(path).entries()) == 3
    opened(path).append(destroyed(4))
    assert [each.item for each in opened(path).entries()] == ["item-1", "item-2", "item-3", "item-4"]
    assert b"\0" not in path.read_bytes()


def test_no_byte_of_a_line_can_be_changed(path: Path) -> None:
    content = three(path)
    for at in range(0, len(content) - 1, 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(Tampered):
            opened(path).entries()
        with pytest.raises(Tampered):
            opened(path).append(destroyed(9))


def test_lines_cannot_be_left_out_moved_doubled_or_brought_from_elsewhere(path: Path, tmp_path: Path) -> None:
    one, two, last = three(path).splitlines(keepends=True)
    other = tmp_path / "other.log"
    opened(other).append(destroyed(2))
    for lines in ((two, last), (one, last), (one, last, two), (one, one, two, last), (one, other.read_bytes(), last)):
        path.write_bytes(b"".join(lines))
        with pytest.raises(Tampered):
            opened(path).entries()


def test_another_installations_lines_are_not_ours(path: Path) -> None:
    three(path)
    with pytest.raises(Tampered):
        DestructionLogFile(path, lambda content: "0" * 64).entries()


def test_it_is_readable_by_its_owner_alone_and_follows_no_link(path: Path, tmp_path: Path) -> None:
    three(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = tmp_path / "link.log"
    link.symlink_to(path)
    with pytest.raises(Unavailable):
        opened(link).append(destroyed(4))


def test_where_it_cannot_be_written_nothing_may_be_destroyed(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        opened(tmp_path / "no" / "such" / "folder" / "destroyed.log").append(destroyed(1))
    assert refused.value.code == "destruction-log"
    assert "folder" not in refused.value.message


def test_what_is_promised_was_synced_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size if stat.S_ISREG(os.fstat(descriptor).st_mode) else -1)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    opened(path).append(destroyed(1))
    assert synced == [path.stat().st_size, -1], "the file, then its folder"
    opened(path).append(destroyed(1))
    assert synced[2:] == [path.stat().st_size, -1], "one that is there already, too: its writer may have died"


def test_many_writers_leave_one_chain(path: Path) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            opened(path).append(destroyed(number % 30))

    threads = [threading.Thread(target=write, args=(each * 5,)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = opened(path).entries()
    assert len(entries) == 30 and {each.item for each in entries} == {f"item-{number}" for number in range(30)}
