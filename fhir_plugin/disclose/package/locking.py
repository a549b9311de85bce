"""A package behind a password: the same files, each encrypted on its way out (AES-256, WinZip AE-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from stream_unzip import stream_unzip
from stream_zip import ZIP_64, ZIP_AUTO, Method, stream_zip

_PIECE: Final = 65_536
_MODE: Final = 0o100600


def locked(pieces: Iterable[bytes], password: str, made: dt.datetime) -> Iterator[bytes]:
    """The ZIP anew, in pieces and constant memory; what `verify-package` checks in it is the same. `made`: the time
    that its files say."""

    def members() -> Iterator[tuple[str, dt.datetime, int, Method, Iterable[bytes]]]:
        for name, size, content in stream_unzip(pieces, chunk_size=_PIECE):
            method = ZIP_64 if size is None else ZIP_AUTO(size, level=0)
            yield name.decode(), made, _MODE, method, content

    yield from stream_zip(members(), chunk_size=_PIECE, password=password)
