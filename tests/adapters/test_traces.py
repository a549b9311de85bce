"""Bytes that were left behind are found in every file of an installation, in every form, without much memory."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.trace_scan import NOT_READABLE, PIECE
from fhir_plugin.adapters.traces import BEGAN, FolderTraces
from fhir_plugin.delete.needles import pieces_of
from fhir_plugin.errors import Unavailable
from fhir_plugin.ports import Traces
from tests.conftest import OwnStores

PICTURE = b"".join(hashlib.sha256(b"photograph %d" % each).digest() for each in range(300))
NEEDLES = pieces_of(PICTURE)
NAME = "0123456789abcdef" * 2


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    state, temporary = tmp_path / "state", tmp_path / "temporary"
    (state / "vault").mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    return state, temporary


@pytest.fixture
def database(folders: tuple[Path, Path]) -> Iterator[Database]:
    made = Database(f"sqlite:///{folders[0] / 'plugin.sqlite'}")
    yield made
    made.dispose()


@pytest.fixture
def traces(folders: tuple[Path, Path], database: Database) -> Traces:
    state, temporary = folders
    file = state / "plugin.sqlite"
    return FolderTraces(database, state=state, file=file, vault=state / "vault", temporary=temporary)


def everywhere(traces: Traces) -> dict[str, tuple[str, ...]]:
    found = {place: traces.find(place, NEEDLES) for place in traces.places()}
    return {place: names for place, names in found.items() if names}


def test_nothing_is_found_where_nothing_is(traces: Traces, folders: tuple[Path, Path]) -> None:
    (folders[0] / "outbox").mkdir()
    (folders[0] / "outbox" / "message").write_bytes(b"nothing of it" * 1000)
    assert everywhere(traces) == {}
    assert traces.places()[:4] == ("database", "queue", "state", "temp")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("database", "plugin.sqlite-wal"),
        ("database", "plugin.sqlite-journal"),
        ("queue", "queue.sqlite"),
        ("queue", "queue.sqlite-wal"),
        ("state", "outbox/deep/down/message"),
        ("state", "app.log"),
        ("state", f"vault/{NAME}"),
        ("state", f"vault/{NAME}.part"),
        ("state", "vault/other"),
    ],
)
@pytest.mark.parametrize("offset", [1, None])
def test_it_is_found_wherever_it_was_left(
    traces: Traces, folders: tuple[Path, Path], place: str, name: str, offset: int | None
) -> None:
    left = folders[0] / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(PICTURE if offset is None else b"(" + base64.b64encode(bytes(offset) + PICTURE) + b")")
    assert everywhere(traces) == {place: (name,)}


def test_a_row_of_the_database_is_found_while_it_is_open(traces: Traces, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE left_behind (held BLOB)"))
        connection.execute(sa.text("INSERT INTO left_behind VALUES (:held)"), {"held": PICTURE})
    found = everywhere(traces)
    assert set(found) == {"database"}
    with database.writing() as connection:  # whoever looked took no locks away
        connection.execute(sa.text("DELETE FROM left_behind"))


def test_looking_takes_no_lock_of_sqlite_away(traces: Traces, database: Database, folders: tuple[Path, Path]) -> None:
    """Whoever opens a database's file and closes it again in the same process ends that process's locks."""
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE t (x INTEGER)"))
    with database.writing() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))
        traces.find("database", NEEDLES)
        said = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0); c.execute('BEGIN IMMEDIATE')",
                str(folders[0] / "plugin.sqlite"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "database is locked" in said.stderr


def test_ciphertext_of_the_vault_is_passed_over(traces: Traces, folders: tuple[Path, Path]) -> None:
    for first in (b"\x01", b"\x02"):
        (folders[0] / "vault" / NAME).write_bytes(first + PICTURE)
        assert everywhere(traces) == {}


@pytest.mark.parametrize("at", [-5, PIECE - 200, PIECE - 16, PIECE, 2 * PIECE - 4000, 3 * PIECE - 1])
@pytest.mark.parametrize("encoded", [False, True])
def test_it_is_found_across_the_pieces_that_are_read(
    traces: Traces, folders: tuple[Path, Path], at: int, encoded: bool
) -> None:
    piece = NEEDLES[5]
    held = base64.encodebytes(b"?" + piece) if encoded else piece
    before = max(0, at)
    (folders[0] / "large").write_bytes(b"." * before + held + b"." * 100_000)
    assert everywhere(traces) == {"state": ("large",)}


def test_links_are_not_followed_and_what_cannot_be_read_is_told(
    traces: Traces, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(PICTURE)
    (folders[0] / "link").symlink_to(elsewhere)
    (folders[0] / "loop").symlink_to(folders[0])
    assert everywhere(traces) == {}
    (folders[0] / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(folders[0] / "pipe")
    assert everywhere(traces) == {}, "a pipe is no file, and nobody waits for it"


def test_a_file_that_cannot_be_read_ends_the_scan(folders: tuple[Path, Path]) -> None:
    """A folder in place of a file cannot be read, by root either."""
    asked = json.dumps({"files": [str(folders[0])], "needles": []})
    child = subprocess.run(
        [sys.executable, "-m", "fhir_plugin.adapters.trace_scan"],
        input=asked,
        text=True,
        capture_output=True,
        check=False,
    )
    assert child.returncode == NOT_READABLE and not child.stdout


def test_a_state_folder_that_is_not_there_is_not_clean(traces: Traces, folders: tuple[Path, Path]) -> None:
    folders[0].rename(folders[0].with_name("away"))
    with pytest.raises(Unavailable) as refused:
        traces.find("state", NEEDLES)
    assert refused.value.code == "not-readable"


def test_a_scan_that_dies_is_not_clean(
    traces: Traces, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders[0] / "file").write_bytes(b"x")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable):
        traces.find("state", NEEDLES)


def test_temporary_files_count_since_this_installation_began(traces: Traces, folders: tuple[Path, Path]) -> None:
    (folders[1] / "tmp_x7" / "deep").mkdir(parents=True)
    (folders[1] / "tmp_x7" / "deep" / "core").write_bytes(PICTURE)
    (folders[1] / "core.17").write_bytes(PICTURE)
    assert everywhere(traces) == {"temp": ("core.17", "tmp_x7/deep/core")}
    began = (folders[0] / BEGAN).stat().st_mtime
    os.utime(folders[0] / BEGAN, (began + 3600, began + 3600))
    assert everywhere(traces) == {}


def test_what_others_keep_among_temporary_files_is_theirs(traces: Traces, folders: tuple[Path, Path]) -> None:
    for name in ("another-program", "tmp_installation/state"):
        (folders[1] / name).mkdir(parents=True)
        (folders[1] / name / "picture").write_bytes(PICTURE)
    (folders[1] / "tmp_installation" / "state" / BEGAN).touch()
    assert everywhere(traces) == {}


def test_an_installation_that_was_there_before_knows_no_beginning(tmp_path: Path) -> None:
    state = tmp_path / "old"
    (state / "vault").mkdir(parents=True, exist_ok=True)
    (state / "vault" / NAME).write_bytes(b"\x01...")
    (state / "plugin.sqlite").write_bytes(b"not empty")
    database = Database(f"sqlite:///{tmp_path / 'another.sqlite'}")
    FolderTraces(
        database, state=state, file=state / "plugin.sqlite", vault=state / "vault", temporary=tmp_path / "temporary"
    )
    assert (state / BEGAN).stat().st_mtime == 0
    database.dispose()


def test_a_large_file_takes_little_memory(traces: Traces, folders: tuple[Path, Path]) -> None:
    with (folders[0] / "large").open("wb") as file:
        file.truncate(96 << 20)
        file.seek(80 << 20)
        file.write(PICTURE)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert everywhere(traces) == {"state": ("large",)}
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after <= max(before, 80 << 10), "kilobytes"


@pytest.mark.needs("postgresql")
def test_rows_of_a_database_elsewhere_are_looked_through_by_itself(
    own_on_postgresql: OwnStores, folders: tuple[Path, Path]
) -> None:
    state, temporary = folders
    database = own_on_postgresql.database
    traces = FolderTraces(database, state=state, file=None, vault=state / "vault", temporary=temporary)
    assert traces.places()[0] == "database-rows"
    assert traces.find("database-rows", NEEDLES) == ()
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE left_behind (held BYTEA, said TEXT)"))
        connection.execute(sa.text("INSERT INTO left_behind VALUES (:held, '')"), {"held": PICTURE})
    assert traces.find("database-rows", NEEDLES) == ("left_behind",)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE left_behind SET held = NULL, said = :said"), {"said": encoded()})
    assert traces.find("database-rows", NEEDLES) == ("left_behind",)


def encoded() -> str:
    return base64.b64encode(b"?" + PICTURE).decode()


def test_the_fake_finds_the_same() -> None:
    from tests.fakes.traces import FakeTraces

    fake = FakeTraces()
    fake.files["state"] = {"plain": PICTURE, "coded": b"(" + base64.b64encode(b"?" + PICTURE) + b")", "none": b"x" * 99}
    assert fake.find("state", NEEDLES) == ("coded", "plain")
    assert fake.find("queue", NEEDLES) == ()
