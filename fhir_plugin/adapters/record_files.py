"""Records as files: one resource or Bundle, NDJSON (also gzip), the folder of a bulk export, or standard input.

They are read again for every pass of the redactor, line by line, so that size does not cost memory. Output appears
only whole: written aside and renamed at the end.
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from fhir_plugin.disclose.redact import Part
from fhir_plugin.errors import Refused

MAX_DOCUMENT: Final = 256 * 1024 * 1024
MAX_LINE: Final = 64 * 1024 * 1024

_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_WHOLE: Final = (".json", ".json.gz")


class UnusableFiles(Refused):
    """What was named cannot be read as a record, or not be written there."""

    code = "unusable-files"


@dataclass(frozen=True)
class RecordFile:
    """One file. `name` is its path below what was asked for, and below the output when that is a folder."""

    path: Path
    name: str

    @property
    def has_lines(self) -> bool:
        return self.name.endswith(_LINES)

    @property
    def is_packed(self) -> bool:
        return self.name.endswith(".gz")


class RecordFiles:
    """All files of one record, in a stable order. Use it as a context: standard input is kept aside meanwhile."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = inputs
        self._aside: Path | None = None
        self.files: tuple[RecordFile, ...] = ()

    def __enter__(self) -> RecordFiles:
        found: list[RecordFile] = []
        for each in self._inputs:
            if each == "-":
                found.append(self._standard_input())
            else:
                found += _files(Path(each))
        names = [each.name for each in found]
        if len(set(names)) != len(names):
            self.__exit__(None, None, None)
            raise UnusableFiles("Two of the files have the same name.", code="same-name")
        self.files = tuple(found)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._aside is not None:
            shutil.rmtree(self._aside)
            self._aside = None

    @property
    def is_one(self) -> bool:
        """Whether one file was asked for by name, so that the output is one file, too."""
        return len(self._inputs) == 1 and (self._inputs[0] == "-" or Path(self._inputs[0]).is_file())

    def parts(self) -> Iterator[Part]:
        """Every document or line. Raises `UnusableFiles` for what is too large or not what its name says."""
        for each in self.files:
            try:
                yield from _lines(each) if each.has_lines else _document(each)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise UnusableFiles(f"{each.name} is not a whole gzip file.", code="not-gzip") from None

    def _standard_input(self) -> RecordFile:
        """Kept aside for the later passes, readable by us alone; NDJSON when it has more than one line."""
        if self._aside is not None:
            raise UnusableFiles("Standard input can be read once.", code="same-name")
        self._aside = Path(tempfile.mkdtemp(prefix="redact-"))
        path = self._aside / "input"
        with path.open("wb") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept, 1024 * 1024)
        return RecordFile(path, "input.ndjson" if _looks_like_lines(path) else "input.json")


def _files(path: Path) -> list[RecordFile]:
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(_LINES + _WHOLE))
        others = sorted(each for each in path.rglob("*") if each.is_file() and each not in set(found))
        if others:
            raise UnusableFiles(
                f"{others[0].relative_to(path)} is neither JSON nor NDJSON: take it out of the folder.",
                code="not-a-record",
            )
        if not found:
            raise UnusableFiles(f"{path} holds no JSON or NDJSON.", code="not-a-record")
        return [RecordFile(each, str(each.relative_to(path))) for each in found]
    if not path.is_file():
        raise UnusableFiles(f"{path} is not there.", code="not-a-record")
    return [RecordFile(path, path.name)]


def _looks_like_lines(path: Path) -> bool:
    """Several lines, each of which begins an object: a pretty-printed resource has only one such line."""
    with path.open("rb") as stream:
        firsts = [line for line in (stream.readline(MAX_LINE) for _ in range(100)) if line.strip()]
    return len(firsts) > 1 and all(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in firsts)


def _open(file: RecordFile) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(file.path, "rb") if file.is_packed else file.path.open("rb")


def _document(file: RecordFile) -> Iterator[Part]:
    with _open(file) as stream:
        data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise UnusableFiles(f"{file.name} is over {MAX_DOCUMENT >> 20} MB.", code="too-large")
    yield Part(file.name, data)


def _lines(file: RecordFile) -> Iterator[Part]:
    with _open(file) as stream:
        number = 0
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise UnusableFiles(f"{file.name}:{number} is over {MAX_LINE >> 20} MB.", code="too-large")
            if line.strip():
                yield Part(file.name, line.rstrip(b"\r\n"), number)


class WholeOutput:
    """Where redacted parts go: aside, until `finish` puts everything in its place at once."""

    def __init__(self, output: str, files: RecordFiles) -> None:
        """`output`: a file for one input file, a folder that is not there yet for more, `-` for standard output."""
        self._output = output
        self._one = files.is_one
        self._packed = {each.name for each in files.files if each.is_packed}
        self._lined = {each.name for each in files.files if each.has_lines}
        self._names = [each.name for each in files.files]
        if any(Path(output).resolve() == each.path.resolve() for each in files.files):
            raise UnusableFiles("The output would overwrite what it is made from.", code="same-name")
        if output == "-" and not self._one:
            raise UnusableFiles("More than one file needs a folder to go to.", code="needs-a-folder")
        if not self._one and Path(output).exists() and (not Path(output).is_dir() or any(Path(output).iterdir())):
            raise UnusableFiles(f"{output} is not an empty folder.", code="not-empty")
        home = Path(tempfile.gettempdir()) if output == "-" else Path(output).absolute().parent
        home.mkdir(parents=True, exist_ok=True)
        self._aside = Path(tempfile.mkdtemp(prefix=".redact-", dir=home))
        self._streams: dict[str, IO[bytes] | gzip.GzipFile] = {}
        self._now = ""

    def __enter__(self) -> WholeOutput:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        shutil.rmtree(self._aside)

    def write(self, part: Part) -> None:
        """Add one part to its file."""
        if part.name != self._now:
            self._close()
            self._now = part.name
        stream = self._streams.get(part.name)
        if stream is None:
            path = self._aside / "out" / part.name
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = gzip.GzipFile(path, "ab", mtime=0) if part.name in self._packed else path.open("ab")
            self._streams[part.name] = stream
        stream.write(part.data + b"\n" if part.line else part.data)

    def finish(self) -> None:
        """Put everything in its place. A file of lines of which none is left is empty; a document is not there."""
        self._close()
        made = self._aside / "out"
        made.mkdir(exist_ok=True)
        for name in self._lined:
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(gzip.compress(b"", mtime=0) if name in self._packed else b"")
        if not self._one:
            if Path(self._output).exists():
                Path(self._output).rmdir()
            made.rename(self._output)
            return
        path = made / self._names[0]
        if self._output == "-":
            if path.exists():
                with path.open("rb") as stream:
                    shutil.copyfileobj(stream, sys.stdout.buffer)
                sys.stdout.buffer.flush()
        elif path.exists():
            path.replace(self._output)
        else:
            Path(self._output).unlink(missing_ok=True)

    def _close(self) -> None:
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()
