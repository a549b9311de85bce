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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from fhir_plugin.disclose.redact import Part
from fhir_plugin.errors import Refused

MAX_DOCUMENT: Final = 256 * 1024 * 1024
MAX_LINE: Final = 64 * 1024 * 1024
BLOCK: Final = 256 * 1024
"""Bytes that are looked at together; small enough to stay in a processor's own memory."""

_RANGE: Final = 16 * 1024 * 1024

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
    seen: tuple[int, ...] = field(default=(), compare=False)
    """What the file was when it was first looked at: it must still be that in every pass."""

    def open(self) -> IO[bytes] | gzip.GzipFile:
        """Its content, from the beginning. Raises `UnusableFiles` when it is not what it was."""
        if self.seen and self.seen != _state(self.path):
            raise UnusableFiles(f"{self.name} was changed while it was read.", code="changed")
        return gzip.open(self.path, "rb") if self.is_packed else self.path.open("rb")

    @property
    def has_lines(self) -> bool:
        return self.name.endswith(_LINES)

    @property
    def is_packed(self) -> bool:
        return self.name.endswith(".gz")


@dataclass(frozen=True)
class Range:
    """Whole lines of one file: from byte `start` to `end` of its content; to its end where that is None."""

    file: RecordFile
    start: int = 0
    end: int | None = None

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines, not many at once, and where in the content they begin.

        Raises `UnusableFiles` for a line that is too long and for what is no whole gzip file.
        """
        with _reading(self.file) as stream:
            if self.start:
                stream.seek(self.start)
            at, pieces, waiting = self.start, list[bytes](), 0
            while piece := stream.read(BLOCK if self.end is None else min(BLOCK, self.end - at - waiting)):
                cut = piece.rfind(b"\n") + 1
                if cut:
                    block = b"".join((*pieces, piece[:cut]))
                    yield at, block
                    at += len(block)
                    pieces, waiting = [piece[cut:]], len(piece) - cut
                else:
                    pieces.append(piece)
                    waiting += len(piece)
                if waiting > MAX_LINE:
                    raise UnusableFiles(f"A line of {self.file.name} is over {MAX_LINE >> 20} MB.", code="too-large")
            if waiting:
                yield at, b"".join(pieces)


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
            yield from _lines(each) if each.has_lines else _document(each)

    def documents(self) -> Iterator[Part]:
        """The files that are one document each."""
        for each in self.files:
            if not each.has_lines:
                yield from _document(each)

    def ranges(self, jobs: int = 1) -> Iterator[Range]:
        """All lines of all other files, in order, in pieces for so many processes, none of them large."""
        for each in self.files:
            if not each.has_lines:
                continue
            if each.is_packed:
                yield Range(each)
                continue
            size = each.path.stat().st_size
            step = max(BLOCK, min(_RANGE, size // (4 * jobs)))
            start = 0
            while start < size:
                end = _line_end(each, start + step)
                yield Range(each, start, end)
                start = end

    def _standard_input(self) -> RecordFile:
        """Kept aside for the later passes, readable by us alone; NDJSON when it has more than one line."""
        if self._aside is not None:
            raise UnusableFiles("Standard input can be read once.", code="same-name")
        self._aside = Path(tempfile.mkdtemp(prefix="redact-"))
        path = self._aside / "input"
        line = 0
        with path.open("wb") as kept:
            while piece := sys.stdin.buffer.read(BLOCK):
                kept.write(piece)
                at = piece.rfind(b"\n")
                line = line + len(piece) if at < 0 else len(piece) - at
                if line > MAX_DOCUMENT:
                    self.__exit__(None, None, None)
                    raise UnusableFiles(f"A line of standard input is over {MAX_DOCUMENT >> 20} MB.", code="too-large")
        return _file(path, "input.ndjson" if _looks_like_lines(path) else "input.json")


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
        return [_file(each, str(each.relative_to(path))) for each in found]
    if not path.is_file():
        raise UnusableFiles(f"{path} is not there.", code="not-a-record")
    return [_file(path, path.name)]


def _looks_like_lines(path: Path) -> bool:
    """Several lines, each of which begins an object: a pretty-printed resource has only one such line."""
    with path.open("rb") as stream:
        firsts = [line for line in (stream.readline(MAX_LINE) for _ in range(100)) if line.strip()]
    return len(firsts) > 1 and all(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in firsts)


def _file(path: Path, name: str) -> RecordFile:
    return RecordFile(path, name, _state(path))


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _reading(file: RecordFile) -> Iterator[IO[bytes] | gzip.GzipFile]:
    try:
        with file.open() as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UnusableFiles(f"{file.name} is not a whole gzip file.", code="not-gzip") from None


def _line_end(file: RecordFile, at: int) -> int:
    """Where the line ends in which a byte is."""
    with file.open() as stream:
        stream.seek(at)
        if len(stream.readline(MAX_LINE + 1)) > MAX_LINE:
            raise UnusableFiles(f"A line of {file.name} is over {MAX_LINE >> 20} MB.", code="too-large")
        return stream.tell()


def _document(file: RecordFile) -> Iterator[Part]:
    with _reading(file) as stream:
        data = stream.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise UnusableFiles(f"{file.name} is over {MAX_DOCUMENT >> 20} MB.", code="too-large")
    yield Part(file.name, data)


def _lines(file: RecordFile) -> Iterator[Part]:
    number = 0
    for _start, block in Range(file).blocks():
        for line in block.split(b"\n"):
            number += 1
            if line.strip():
                yield Part(file.name, line.rstrip(b"\r"), number)
        number -= block.endswith(b"\n")


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        while start < end and (piece := stream.read(min(BLOCK, end - start))):
            start += len(piece)
            yield piece


class Copying:
    """From one stream to another, with some of it replaced."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, target: IO[bytes] | gzip.GzipFile) -> None:
        self._source = source
        self._target = target
        self._at = 0

    def replace(self, start: int, end: int, new: bytes) -> None:
        """Everything up to `start` as it is, then `new` instead of what is there up to `end`."""
        self._copy(start - self._at)
        self._source.seek(end)
        self._target.write(new)
        self._at = end

    def rest(self) -> None:
        """Everything else as it is."""
        shutil.copyfileobj(self._source, self._target, BLOCK)

    def _copy(self, size: int) -> None:
        while size > 0:
            piece = self._source.read(min(size, BLOCK))
            if not piece:
                raise UnusableFiles("A file was cut short while it was read.", code="changed")
            self._target.write(piece)
            size -= len(piece)


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

    def begin_again(self) -> None:
        """Forget everything that was written."""
        self._close()
        shutil.rmtree(self._aside / "out", ignore_errors=True)
        (self._aside / "out").mkdir()

    @contextmanager
    def copying(self, file: RecordFile) -> Iterator[Copying]:
        """Write a file of lines as it is, but for what is replaced."""
        self._close()
        path = self._aside / "out" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        target = gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) if file.is_packed else path.open("wb")
        with _reading(file) as source, target:
            copy = Copying(source, target)
            yield copy
            copy.rest()

    def pieces(self, jobs: int = 1) -> list[list[tuple[str, Callable[[], Iterator[bytes]]]]]:
        """What would appear, as its bytes will be: by name, for so many processes."""
        self._close()
        made = self._aside / "out"
        paths = sorted(path for path in made.rglob("*") if path.is_file())
        share = sum(path.stat().st_size for path in paths) // jobs + 1
        found: list[list[tuple[str, Callable[[], Iterator[bytes]]]]] = [[]]
        left = share
        for path in paths:
            file = RecordFile(path, str(path.relative_to(made)))
            start, size = 0, path.stat().st_size
            while start < size:
                whole = file.is_packed or not file.has_lines or size - start <= left
                end = size if whole else _line_end(file, start + left)
                name = f"{file.name} (from byte {start})" if start else file.name
                found[-1].append((name, partial(_pieces, path, start, end)))
                left -= end - start
                start = end
                if left <= 0:
                    found.append([])
                    left = share
        return [each for each in found if each]

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
        for each in (made, *made.rglob("*")):
            each.chmod(0o700 if each.is_dir() else 0o600)  # a record: readable by its owner alone
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
