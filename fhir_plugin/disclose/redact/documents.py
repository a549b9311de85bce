"""A record as documents: one resource or Bundle each, or the lines of NDJSON files, resolved across all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from fhir_plugin.disclose.redact.blocks import BlockSurvey, Glance
from fhir_plugin.disclose.redact.entries import OpenBundle, open_bundle
from fhir_plugin.disclose.redact.places import Place
from fhir_plugin.disclose.redact.redaction import Redaction
from fhir_plugin.disclose.redact.report import Finding, Part, RedactedRecord, counts
from fhir_plugin.disclose.redact.strict import Json, UnreadableRecord, read_resource, write
from fhir_plugin.disclose.redact.unread import HasToBeRead
from mappings.model.disclosure import Judge, Mode


def lines(name: str, data: bytes) -> Iterator[Part]:
    """The lines of an NDJSON file; blank ones are no part."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield Part(name, line, number)


def redact_documents(
    documents: Iterable[Part], judge: Judge, mode: Mode, *, cleared: Collection[str] = (), glance: Glance | None = None
) -> RedactedRecord:
    """What may go out of a record that fits in memory, and what became of every resource.

    `glance`: what can be said without reading, of the same policy as the judge; with it not all of a Bundle is read.
    Raises `UnreadableRecord` for the first part that cannot be read without ambiguity: then nothing goes out.
    """
    parts = list(documents)
    if glance is not None:
        redaction = Redaction(judge, mode, cleared=cleared)
        survey = BlockSurvey(redaction, glance)
        try:
            return _in_memory(redaction, parts, [open_bundle(part.data, survey) for part in parts])
        except HasToBeRead:
            pass
    return _in_memory(Redaction(judge, mode, cleared=cleared), parts, [None] * len(parts))


def _in_memory(redaction: Redaction, parts: Sequence[Part], opened: Sequence[OpenBundle | None]) -> RedactedRecord:
    """Raises `UnreadableRecord`; `HasToBeRead` where nothing may be left unread."""
    parsed = [each.bundle if each else read_part(part) for part, each in zip(parts, opened, strict=True)]
    for part, resource in zip(parts, parsed, strict=True):
        redaction.survey(resource, part.place)
    redaction.signed = any(b'"signature"' in part.data or _has_escapes(part.data) for part in parts)
    while True:  # a pass that learns nothing new has written what goes out
        before = redaction.learnt
        if not redaction.is_clean and any(opened):
            watch = redaction.watch(next(each.sample for each in opened if each is not None))
            for each in opened:
                if each is not None:
                    each.read_what_is_named(watch)
        redaction.start_writing()
        new = [redaction.write(each, part.place, part.data) for part, each in zip(parts, parsed, strict=True)]
        if redaction.learnt == before:
            break
    written = tuple(
        part if after is before_ else Part(part.name, write(after), part.line)
        for part, before_, after in zip(parts, parsed, new, strict=True)
        if after is not None
    )
    found = redaction.findings
    return RedactedRecord(written, tuple(found), counts(found), tuple(redaction.kept_back), frozenset(redaction.common))


def _has_escapes(data: bytes) -> bool:
    return b"\\" in data and b"\\u" in data  # one byte alone is found much faster


Listed = Callable[[list[Finding]], None]


def redact_stream(
    redaction: Redaction,
    read_parts: Callable[[], Iterable[Part]],
    listed: Listed,
    stays: Callable[[list[Place]], None] = lambda _places: None,
) -> Iterator[Part]:
    """The same for a record of any size: `read_parts` gives the parts anew for every pass, in the same order.

    Nothing is yielded before the whole record has been read and settled. `listed` is told, part by part, what became
    of each resource, `stays` which resources do not go out, so that a proof can look for them.
    """
    yield from _redact(redaction, lambda: ((part, read_part(part)) for part in read_parts()), listed, stays)


def _redact(
    redaction: Redaction,
    read_all: Callable[[], Iterable[tuple[Part, Json]]],
    listed: Listed,
    stays: Callable[[list[Place]], None],
) -> Iterator[Part]:
    for part, resource in read_all():
        redaction.survey(resource, part.place)
    settled = redaction.is_clean
    while not settled:
        settled = True
        redaction.start_writing()
        for part, resource in read_all():
            if redaction.settle(resource, part.place, part.data):
                settled = False
            redaction.findings.clear()
            redaction.kept_back.clear()
    redaction.start_writing()
    for part, resource in read_all():
        new = redaction.write(resource, part.place, part.data)
        listed(redaction.findings)
        stays(redaction.kept_back)
        redaction.findings.clear()
        redaction.kept_back.clear()
        if new is resource:
            yield part
        elif new is not None:
            yield Part(part.name, write(new), part.line)


def read_part(part: Part) -> Json:
    """One part, parsed. Raises `UnreadableRecord`, saying which part."""
    try:
        return read_resource(part.data)
    except UnreadableRecord as refused:
        raise UnreadableRecord(f"{part.place}: {refused.message}", code=refused.code) from None


__all__: Sequence[str] = ("lines", "read_part", "redact_documents", "redact_stream")
