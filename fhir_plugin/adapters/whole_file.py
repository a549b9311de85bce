"""A file that appears only whole: written aside in the same folder, made durable, then put in its place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place only when everything in the context went well; readable by its owner alone."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    finally:
        Path(aside).unlink(missing_ok=True)
