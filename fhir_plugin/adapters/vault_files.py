"""The vault's directory: ciphertext in files that appear whole or not at all, and who is still at work on them."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from fhir_plugin.adapters.keys import sync_directory

_FILE = re.compile(r"([0-9a-f]{32})(\.part)?")
_PART = ".part"


class HeldFile:
    """A file that is locked for as long as this is open. The kernel drops the lock with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Lets go of it. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class VaultFiles:
    """One private directory; every file is named by a vault id, with `.part` while it is written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        sync_directory(directory.parent)

    def write(self, name: str, pieces: Iterable[bytes], made: dt.datetime) -> HeldFile:
        """Durable under its name when it returns, and held. Raises OSError."""
        part = self._directory / f"{name}{_PART}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
            os.utime(descriptor, (made.timestamp(), made.timestamp()))
            os.fsync(descriptor)
            part.rename(self._directory / name)
            sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        return HeldFile(descriptor)

    def open(self, name: str) -> BinaryIO:
        """The bytes, to be read from the beginning. Raises FileNotFoundError."""
        return (self._directory / name).open("rb")

    def remove(self, name: str) -> bool:
        """Whole or in part; whether there was anything. Raises OSError."""
        found = False
        for suffix in ("", _PART):
            with contextlib.suppress(FileNotFoundError):
                (self._directory / f"{name}{suffix}").unlink()
                found = True
        if found:
            sync_directory(self._directory)
        return found

    def names(self) -> list[str]:
        """The vault ids that have a file, whole or in part."""
        with os.scandir(self._directory) as entries:
            return sorted({match[1] for entry in entries if (match := _FILE.fullmatch(entry.name))})

    @contextlib.contextmanager
    def hold_abandoned(self, name: str, *, now: dt.datetime, young: dt.timedelta) -> Iterator[bool]:
        """Yields whether nobody is at work on it: nobody holds it, and it was not made within `young` of `now`.

        While the block runs nobody else can come to hold it.
        """
        held: list[HeldFile] = []
        try:
            yield all(self._is_abandoned(name + suffix, now, young, held) for suffix in ("", _PART))
        finally:
            for file in held:
                file.close()

    def _is_abandoned(self, file: str, now: dt.datetime, young: dt.timedelta, held: list[HeldFile]) -> bool:
        try:
            descriptor = os.open(self._directory / file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        held.append(HeldFile(descriptor))
        made = dt.datetime.fromtimestamp(os.fstat(descriptor).st_mtime, dt.UTC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return abs(now - made) > young
