"""Redacting files: the passes over ranges of them, by one process or several, with the same output.

What costs time (reading every line strictly, searching every byte) changes nothing, and may happen in several processes
at once. What is learnt and written happens here, in the order of the record.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from fhir_plugin.adapters.record_files import Copying, Range, RecordFiles, WholeOutput
from fhir_plugin.disclose.redact import (
    BlockReport,
    BlockSurvey,
    Finding,
    Glance,
    Part,
    Redaction,
    Surveyed,
    UnreadableRecord,
    Watch,
    read_part,
)
from fhir_plugin.disclose.redact.entries import open_bundle
from fhir_plugin.disclose.redact.places import Place
from fhir_plugin.disclose.redact.strict import Json, write
from fhir_plugin.disclose.redact.unread import HasToBeRead

_SAMPLE: Final = 1 << 20

Begin = Callable[[], Redaction]
Look = Callable[[], None]
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Told(Protocol):
    """Who is told what becomes of each resource, in the order of the record."""

    def begin_again(self) -> None:
        """Forget everything: something was found because of which all is looked at again."""

    def list(self, findings: Sequence[Finding], /) -> None: ...

    def as_they_came(self, number: int, /) -> None:
        """So many that were not listed go out as they came."""

    def stay(self, places: Sequence[Place], /) -> None:
        """These do not go out."""


@dataclass(frozen=True)
class _Walked:
    """What one range needs in a pass that writes: the lines to walk, and for a report what is said of all others."""

    lines: list[tuple[int, int, int, bytes]]
    """Number, place of the first byte and of the one after the last (with the line break), and the line."""
    others: list[tuple[int, list[Finding]]]


class FileRedaction:
    """One redaction of files. `redact` writes to `output` what may go out."""

    def __init__(
        self,
        files: RecordFiles,
        begin: Begin,
        glance: Glance,
        *,
        look_around: Look,
        jobs: int = 1,
        reported: bool = False,
    ) -> None:
        """`begin`: a new redaction. `look_around` is called when there are Binaries, before `begin`.

        `reported`: what becomes of each resource is wanted, not only their number.
        """
        self._files = files
        self._begin = begin
        self._glance = glance
        self._look_around = look_around
        self._jobs = jobs
        self._reported = reported
        self._ranges: list[Range] = []
        self._firsts: list[int] = []
        self._resources = 0
        self._listed = 0
        self._redaction = begin()
        self._all_is_read = False

    def redact(self, output: WholeOutput, told: Told) -> Redaction:
        """The redaction, for what it knows at the end. Raises `UnreadableRecord`, `UnusableFiles`."""
        try:
            return self._redact(output, told)
        except HasToBeRead:
            self._all_is_read = True
            self._redaction = self._begin()
            return self._redact(output, told)

    def _redact(self, output: WholeOutput, told: Told) -> Redaction:
        self._ranges = list(self._files.ranges(self._jobs))
        if self._survey():
            self._look_around()
            self._redaction = self._begin()
            self._survey()
        while True:
            output.begin_again()
            told.begin_again()
            self._listed = 0
            self._redaction.start_writing()
            before = self._redaction.learnt
            watch = self._write(output, told)
            if self._redaction.learnt == before or self._nothing_more_is_named(watch):
                break
        if not self._reported:
            told.as_they_came(self._resources - self._listed)
        return self._redaction

    # --------------------------------------------------------------------------------------------------- first pass

    def _survey(self) -> bool:
        """Whether the redaction has to know what is around Binaries, and did not."""
        survey = BlockSurvey(self._redaction, self._glance)
        self._redaction.signed = False
        self._firsts = []
        self._resources = 0
        binaries, name, first = False, "", 1

        def look(range_: Range) -> Surveyed:
            return _surveyed(survey, range_)

        with at_once(look, self._ranges, self._jobs) as found:
            for range_, said in zip(self._ranges, found, strict=True):
                first = first if range_.file.name == name else 1
                name = range_.file.name
                self._firsts.append(first)
                binaries = binaries or said.binaries
                self._redaction.signed = self._redaction.signed or said.signed
                self._resources += said.released
                for number, line in said.to_survey:
                    part = Part(name, line, first + number)
                    self._resources += self._redaction.survey(read_part(part), part.place)
                if said.refused is not None:
                    number, refused = said.refused
                    raise UnreadableRecord(f"{name}:{first + number}: {refused.message}", code=refused.code)
                first += said.lines
        for part in self._files.documents():
            binaries = binaries or b"Binary" in part.data or b"\\u" in part.data
            self._resources += self._redaction.survey(self._opened(part, survey), part.place)
            self._redaction.signed = True
        return binaries

    # --------------------------------------------------------------------------------------------------- other passes

    def _write(self, output: WholeOutput, told: Told) -> Watch | None:
        """Writes all; returns by what it chose the lines that were walked."""
        watch = None if self._redaction.is_clean else self._redaction.watch(self._sample())
        survey = BlockSurvey(self._redaction, self._glance)
        report = BlockReport(self._redaction, survey) if self._reported else None

        def look(task: tuple[Range, int]) -> _Walked:
            return _walked(watch, report, *task)

        tasks = list(zip(self._ranges, self._firsts, strict=True))
        with at_once(look, tasks, self._jobs) as found:
            for file in self._files.files:
                if not file.has_lines:
                    continue
                with output.copying(file) as copy:
                    for _range in (each for each in self._ranges if each.file is file):
                        self._write_range(next(found), file.name, copy, told)
        for part in self._files.documents():
            new = self._redaction.write(resource := self._opened(part, survey, watch), part.place)
            self._tell(told)
            if new is resource:
                output.write(part)
            elif new is not None:
                output.write(Part(part.name, write(new)))
        return watch

    def _nothing_more_is_named(self, before: Watch | None) -> bool:
        """Whether no line holds a name that was learnt while all was written, so that it was written rightly."""
        if before is None or not all(each.has_lines for each in self._files.files):
            return False
        watch = self._redaction.watch().since(before)
        if watch is None:
            return False

        def look(task: tuple[Range, int]) -> list[str]:
            range_, first = task
            return [f"{range_.file.name}:{number}" for number, *_rest in _walked(watch, None, range_, first).lines]

        with at_once(look, list(zip(self._ranges, self._firsts, strict=True)), self._jobs) as found:
            return all(self._redaction.stays_out(path) for paths in found for path in paths)

    def _opened(self, part: Part, survey: BlockSurvey, watch: Watch | None = None) -> Json:
        """A document; of a Bundle only what may have to change. Raises `UnreadableRecord`."""
        opened = None if self._all_is_read else open_bundle(part.data, survey)
        if opened is None:
            return read_part(part)
        if watch is not None:
            opened.read_what_is_named(watch)
        return opened.bundle

    def _write_range(self, walked: _Walked, name: str, copy: Copying, told: Told) -> None:
        others = iter(walked.others)
        other = next(others, None)
        for number, start, end, line in walked.lines:
            while other is not None and other[0] < number:
                told.list(other[1])
                other = next(others, None)
            part = Part(name, line, number)
            resource = read_part(part)
            new = self._redaction.write(resource, part.place)
            self._tell(told)
            if new is not resource:
                copy.replace(start, end, b"" if new is None else write(new) + b"\n")
        while other is not None:
            told.list(other[1])
            other = next(others, None)

    def _tell(self, told: Told) -> None:
        self._listed += len(self._redaction.findings)
        told.list(self._redaction.findings)
        told.stay(self._redaction.kept_back)
        self._redaction.findings.clear()
        self._redaction.kept_back.clear()

    def _sample(self) -> bytes:
        """Some of every file, by which rare pieces of words are told from common ones."""
        firsts = {range_.file.name: range_ for range_ in reversed(self._ranges)}
        share = _SAMPLE // max(1, len(firsts))
        return b"".join(block[:share] for each in firsts.values() for _at, block in islice(each.blocks(), 1))


@contextmanager
def at_once(look: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int) -> Iterator[Iterator[_Result]]:
    """What `look` finds in each, in order, by as many processes as there may be. They are ended with the block."""
    if jobs == 1 or len(tasks) < 2:
        yield map(look, tasks)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(min(jobs, len(tasks)), initializer=_start, initargs=(look,)) as pool:
        yield pool.imap(_run, tasks)


def _surveyed(survey: BlockSurvey, range_: Range) -> Surveyed:
    """A range as one block, with numbers of lines from 0."""
    whole = Surveyed()
    for _start, block in range_.blocks():
        said = survey.look(block)
        whole.to_survey += [(whole.lines + number, line) for number, line in said.to_survey]
        whole.released += said.released
        whole.signed = whole.signed or said.signed
        whole.binaries = whole.binaries or said.binaries
        if said.refused is not None:
            number, refused = said.refused
            whole.refused = (whole.lines + number, refused)
            break
        whole.lines += said.lines
    return whole


def _walked(watch: Watch | None, report: BlockReport | None, range_: Range, first: int) -> _Walked:
    found = _Walked([], [])
    for start, block in range_.blocks():
        numbers = watch.lines(block, range_.file.name, first) if watch is not None else []
        if numbers:
            ends = _ends(block)
            for number in numbers:
                begin = ends[number - 1] if number else 0
                line = block[begin : ends[number]]
                if line.strip():
                    found.lines.append((first + number, start + begin, start + ends[number], line.rstrip(b"\r\n")))
        if report is not None:
            said = report.findings(block, range_.file.name, first, set(numbers))
            found.others.extend((first + number, said[number]) for number in sorted(said))
        first += block.count(b"\n")
    return found


def _ends(block: bytes) -> list[int]:
    """Where each line of a block ends, with its line break."""
    ends, at = [], 0
    while (at := block.find(b"\n", at) + 1) > 0:
        ends.append(at)
    if not ends or ends[-1] != len(block):
        ends.append(len(block))
    return ends


_look: Callable[[Any], Any] | None = None
"""In a process of the pool: what it does with each task."""


def _start(look: Callable[[Any], Any]) -> None:
    global _look
    _look = look


def _run(task: Any) -> Any:
    assert _look is not None
    return _look(task)
