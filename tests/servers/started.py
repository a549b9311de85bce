"""A server in a process of its own: it says `ready PORT` when it answers, and is ended by its own process id."""

from __future__ import annotations

import contextlib
import selectors
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from mappings.model.identifiers import FhirBase

_START_SECONDS: Final = 300
_BRING_SECONDS: Final = 600


@contextlib.contextmanager
def running(source: Path, command: Callable[[Path], Sequence[str]]) -> Iterator[FhirBase]:
    """The FHIR base of a server whose files stand in `source`, once it answers; ended on leaving.

    `command`: how it is started from a copy of them, which goes with everything that it stored.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / source.name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        log = Path(folder) / "log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                command(copy), cwd=copy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            ) as process,
        ):
            try:
                assert process.stdout is not None
                yield FhirBase(f"http://127.0.0.1:{_port(process.stdout, log)}/fhir")
            finally:
                process.kill()


def bring(command: Sequence[str], folder: Path) -> None:
    """Has a package manager bring what a server needs. Raises `AssertionError` with its words where it does not."""
    said = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_BRING_SECONDS,
        check=False,
    )
    if said.returncode:
        words = said.stdout.decode(errors="replace")[-2000:]
        raise AssertionError(f"{command[0]} did not bring what {folder.name} needs:\n{words}")


def _port(output: IO[bytes], log: Path) -> int:
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        if not waiting.select(_START_SECONDS):
            raise AssertionError(f"it did not start within {_START_SECONDS} seconds")
    word, _, port = output.readline().decode().strip().partition(" ")
    if word != "ready":
        raise AssertionError(f"it did not start:\n{log.read_text('utf-8', errors='replace')[-2000:]}")
    return int(port)
