"""What has been destroyed, in a file beside the database: a restored backup of the database is told what is gone.

One line for each destruction: canonical JSON (RFC 8785) with the digest of the line before, a space, and the keyed
digest of all that. A line that was changed, left out, put in or moved is noticed; lines cut off at the end are not,
as no file by itself can tell. A last line that a crash left half written was never promised to anybody: it is passed
over, and the next one takes its place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hmac
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rfc8785

from fhir_plugin.adapters.keys import sync_directory
from fhir_plugin.errors import Tampered, Unavailable
from fhir_plugin.ports import Destroyed
from mappings.model.identifiers import FhirBase, Reference, VaultId

_FIRST: Final = "0" * 64


@dataclass(frozen=True)
class _Read:
    entries: list[Destroyed]
    whole: int
    """Bytes of the file that are lines: what follows was never finished."""
    last: str


class DestructionLogFile:
    """A `DestructionLog` in one file of its own. `keyed`: `Vault.keyed_digest`, whose key outlives every rotation."""

    def __init__(self, path: Path, keyed: Callable[[bytes], str]) -> None:
        self._path = path
        self._keyed = keyed

    def append(self, destroyed: Destroyed) -> None:
        """Durable when it returns. Raises `Unavailable` where it cannot be written: then nothing may be destroyed."""
        with _disk(), self._opened(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
            read = self._read(descriptor)
            if destroyed in read.entries:
                os.fsync(descriptor)  # whoever wrote it may have died before it was durable
                sync_directory(self._path.parent)
                return
            os.ftruncate(descriptor, read.whole)
            os.lseek(descriptor, read.whole, os.SEEK_SET)
            view = memoryview(self._line(destroyed, read.last))
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
            sync_directory(self._path.parent)

    def entries(self) -> list[Destroyed]:
        """Oldest first. Raises `Tampered` where a line was changed past the app."""
        with _disk():
            try:
                with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                    return self._read(descriptor).entries
            except FileNotFoundError:
                return []

    # ------------------------------------------------------------------------------------------------- the file

    @contextlib.contextmanager
    def _opened(self, flags: int, lock: int) -> Iterator[int]:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, lock)
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> _Read:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            content = file.read()
        entries: list[Destroyed] = []
        whole, last = 0, _FIRST
        while (end := content.find(b"\n", whole)) >= 0:
            destroyed, last = self._verified(content[whole:end], last, len(entries) + 1)
            entries.append(destroyed)
            whole = end + 1
        return _Read(entries, whole, last)

    # ------------------------------------------------------------------------------------------------- the lines

    def _line(self, destroyed: Destroyed, previous: str) -> bytes:
        said = rfc8785.dumps({"previous": previous, **_told(destroyed)})
        return said + b" " + self._keyed(_sealed(said)).encode("ascii") + b"\n"

    def _verified(self, line: bytes, previous: str, number: int) -> tuple[Destroyed, str]:
        said, _, mac = line.rpartition(b" ")
        expected = self._keyed(_sealed(said))
        if not hmac.compare_digest(expected.encode("ascii"), mac):
            raise _changed(number)
        told: dict[str, Any] = json.loads(said)
        if told.get("previous") != previous:
            raise _changed(number)
        return _destroyed(told), expected


def _told(destroyed: Destroyed) -> dict[str, Any]:
    return {
        "at": destroyed.at.astimezone(dt.UTC).isoformat(),
        "item": destroyed.item,
        "fhir_base": str(destroyed.fhir_base),
        "reference": str(destroyed.reference),
        "vault_items": [str(each) for each in destroyed.vault_items],
        "digest": destroyed.digest,
    }


def _destroyed(told: dict[str, Any]) -> Destroyed:
    return Destroyed(
        at=dt.datetime.fromisoformat(told["at"]),
        item=told["item"],
        fhir_base=FhirBase(told["fhir_base"]),
        reference=Reference(told["reference"]),
        vault_items=tuple(VaultId(each) for each in told["vault_items"]),
        digest=told["digest"],
    )


def _sealed(said: bytes) -> bytes:
    """Of nothing else's form: no digest of an image can stand in for the digest of a line."""
    return b"destruction log\n" + said


def _changed(number: int) -> Tampered:
    return Tampered(f"Line {number} of the log of destructions was changed.", code="destruction-log-changed")


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The log of destructions cannot be used ({error.strerror}). Nothing is destroyed without it."
        raise Unavailable(message, code="destruction-log") from error
