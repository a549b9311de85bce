"""Looking for bytes in every file that this installation may have written: database, queue, state folder, temporary
files, logs. Plainly or as base64 at any offset, in pieces, so that no file has to fit into memory.

What is in the vault under its own name and in its own form is ciphertext of keys that the proof asks for by themselves:
it is passed over. Anything else in the vault's folder is not. Of temporary files those count that this account wrote
since this installation began, which a file of its own tells: files as they lie there, and folders as this app and what
it is built on make them; what another installation keeps there is its own. Of logs, those that this process writes to.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

import fhir_plugin
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.trace_scan import VANISHED
from fhir_plugin.delete.matching import base64_of
from fhir_plugin.errors import Unavailable

BEGAN: Final = ".began"
"""The file in the state folder that says since when there has been an installation."""
_SEALED: Final = re.compile(r"[0-9a-f]{32}(\.part)?")
_FORMS_OF_SEALS: Final = (b"\x01", b"\x02")
_TEMPORARY: Final = ("tmp", "redact-", ".redact-", ".sanitise-")
"""How temporary folders are named by Python, and by the commands of this app."""
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
_ROOT: Final = str(Path(fhir_plugin.__file__).resolve().parent.parent)
_START: Final = "import sys; sys.path.append(sys.argv[1]); from fhir_plugin.adapters.trace_scan import main; main()"


class FolderTraces:
    """`Traces` of one installation on this machine. `vault`: the folder of sealed files, below `state`.

    A database that is not a file of ours is looked through row by row; its server's own files and logs are the concern
    of whoever runs it, and attested, not proven. `others`: databases of other systems that lie among the temporary
    files of this machine, as a sandbox EHR's does.
    """

    def __init__(
        self,
        database: Database,
        *,
        state: Path,
        file: Path | None,
        vault: Path,
        temporary: Path,
        others: Collection[Path] = (),
    ) -> None:
        self._database = database
        self._state = state
        self._file = file
        self._vault = vault
        self._temporary = temporary
        self._others = frozenset(file.with_name(file.name + each) for file in others for each in _BESIDE)
        self._mark()

    def places(self) -> tuple[str, ...]:
        database = "database-rows" if self._file is None else "database"
        return (database, "queue", "state", "temp", *(("logs",) if self._logs() else ()))

    def find(self, place: str, needles: Sequence[bytes]) -> tuple[str, ...]:
        """Raises `Unavailable` (`not-readable`) where a file of ours cannot be read, ValueError for no place."""
        if place == "database-rows":
            return tuple(self._rows(needles))
        root = self._root(place)
        return tuple(str(each.relative_to(root)) for each in _scanned(list(self._files(place)), needles))

    # ---------------------------------------------------------------------------------------------------- files

    def _files(self, place: str) -> Iterator[Path]:
        match place:
            case "database":
                yield from _existing(self._database_files())
            case "queue":
                yield from _existing(self._queue_files())
            case "state":
                apart = {*self._database_files(), *self._queue_files()}
                yield from (each for each in _below(self._state) if each not in apart and not self._is_sealed(each))
            case "temp":
                yield from self._temporary_files()
            case "logs":
                yield from self._logs()
            case _:
                raise ValueError("there is no such place")

    def _root(self, place: str) -> Path:
        match place:
            case "database" if self._file is not None:
                return self._file.parent
            case "temp":
                return self._temporary
            case "logs":
                return Path("/")
            case _:
                return self._state

    def _database_files(self) -> list[Path]:
        return [] if self._file is None else [self._file.with_name(self._file.name + each) for each in _BESIDE]

    def _queue_files(self) -> list[Path]:
        return [self._state / f"queue.sqlite{each}" for each in _BESIDE]

    def _is_sealed(self, path: Path) -> bool:
        """Bears a vault's name and begins as its files do. What lies there in clear is looked at, whatever its name."""
        if path.parent != self._vault or not _SEALED.fullmatch(path.name):
            return False
        try:
            with path.open("rb") as file:
                return file.read(1) in _FORMS_OF_SEALS
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _unreadable() from error

    def _temporary_files(self) -> Iterator[Path]:
        since = self._began()
        for each in _temporary(self._temporary):
            if each in self._others or self._state in each.parents:
                continue
            with contextlib.suppress(FileNotFoundError):
                told = each.lstat()
                if max(told.st_mtime, told.st_ctime) >= since:
                    yield each

    def _logs(self) -> tuple[Path, ...]:
        """Where standard output and error go, if that is a file; `/proc` tells, where there is one."""
        found = dict.fromkeys(path for number in (1, 2) if (path := _file_behind(number)) is not None)
        return tuple(found)

    def _mark(self) -> None:
        """The first time. An installation that was there before knows no time: then every file counts."""
        mark = self._state / BEGAN
        if mark.exists():
            return
        before = self._file is not None and self._file.exists() and self._file.stat().st_size > 0
        mark.touch(mode=0o600)
        if before and any(self._vault.glob("*")):
            os.utime(mark, (0, 0))

    def _began(self) -> float:
        return (self._state / BEGAN).stat().st_mtime - 1

    # ----------------------------------------------------------------------------------------------------- rows

    def _rows(self, needles: Sequence[bytes]) -> Iterator[str]:
        """Every column of every table, by the database itself; names of tables."""
        with self._database.connection() as connection:
            inspector = sa.inspect(connection)
            for table in sorted(inspector.get_table_names()):
                columns = [each["name"] for each in inspector.get_columns(table)]
                if any(self._in_column(connection, table, each, needles) for each in columns):
                    yield table

    def _in_column(self, connection: sa.Connection, table: str, column: str, needles: Sequence[bytes]) -> bool:
        """Bytes as bytes, everything else as the text that it would be told as."""
        where = sa.table(table, sa.column(column))
        held = where.c[column]
        kind = connection.execute(sa.select(sa.func.pg_typeof(held).cast(sa.Text)).limit(1)).scalar()
        encoded = [form for needle in needles for form in base64_of(needle)]
        found: list[sa.ColumnElement[bool]]
        if kind == "bytea":
            found = [
                sa.func.position(sa.literal(form, sa.LargeBinary).op("IN")(held)) > 0 for form in (*needles, *encoded)
            ]
        else:
            found = [sa.func.strpos(held.cast(sa.Text), form.decode("ascii")) > 0 for form in encoded]
        query = sa.select(sa.literal(1)).select_from(where).where(sa.or_(sa.false(), *found)).limit(1)
        return connection.execute(query).first() is not None


def _scanned(files: Sequence[Path], needles: Sequence[bytes]) -> list[Path]:
    """Those in which a needle stands. In a process of its own: see `trace_scan`."""
    if not files:
        return []
    asked = {"files": [str(each) for each in files], "needles": [base64.b64encode(each).decode() for each in needles]}
    child = subprocess.run(  # noqa: S603 - our own interpreter, no shell, nothing from outside
        [sys.executable, "-I", "-c", _START, _ROOT],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if child.returncode != 0:
        raise _unreadable()
    return [files[number] for number in json.loads(child.stdout)]


def _existing(paths: Sequence[Path]) -> Iterator[Path]:
    yield from (each for each in paths if each.is_file() and not each.is_symlink())


def _temporary(folder: Path) -> Iterator[Path]:
    """Files of this account that lie there, and those below folders with names that temporary ones have."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if error.errno in VANISHED:
            return
        raise _unreadable() from error
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            told = entry.stat(follow_symlinks=False)
            if told.st_uid != os.geteuid():
                continue
            if stat.S_ISREG(told.st_mode):
                yield Path(entry.path)
            elif stat.S_ISDIR(told.st_mode) and entry.name.startswith(_TEMPORARY):
                yield from _below(Path(entry.path), ours=True)


def _below(folder: Path, *, ours: bool = False) -> Iterator[Path]:
    """Every regular file, links not followed. `ours`: only what belongs to this account, and to no other installation;
    what cannot be opened and is somebody else's holds nothing of ours."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            gone = error.errno in VANISHED and (here != folder or ours)
            if gone or (ours and not _is_ours(here)):
                continue
            raise _unreadable() from error
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                told = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(told.st_mode):
                    if not ours or not Path(entry.path, BEGAN).exists():
                        waiting.append(Path(entry.path))
                elif stat.S_ISREG(told.st_mode) and (not ours or told.st_uid == os.geteuid()):
                    yield Path(entry.path)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _file_behind(number: int) -> Path | None:
    try:
        path = Path(f"/proc/self/fd/{number}").readlink()
        return path if path.is_absolute() and stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def _unreadable() -> Unavailable:
    return Unavailable("A file of this installation cannot be read.", code="not-readable")
