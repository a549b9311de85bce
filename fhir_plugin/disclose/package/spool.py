"""What is needed a second time, put aside on disk sealed under a key that only this process has, and never kept."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_IN_MEMORY: Final = 1 << 20


@dataclass(frozen=True)
class Aside:
    """Where one piece stands."""

    number: int
    start: int
    size: int


class SealedSpool:
    """A file without a name, AES-256-GCM, one nonce for each piece. Gone with the process or with `close`."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # lives as long as this
        self._key = AESGCM(AESGCM.generate_key(256))
        self._count = 0
        self._end = 0

    def put(self, content: bytes) -> Aside:
        """Puts `content` aside."""
        sealed = self._key.encrypt(_nonce(self._count), content, None)
        aside = Aside(self._count, self._end, len(sealed))
        self._file.seek(self._end)
        self._file.write(sealed)
        self._count += 1
        self._end += len(sealed)
        return aside

    def get(self, aside: Aside) -> bytes:
        """The content again. Raises `cryptography.exceptions.InvalidTag` when somebody changed the file."""
        self._file.seek(aside.start)
        return self._key.decrypt(_nonce(aside.number), self._file.read(aside.size), None)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SealedSpool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
