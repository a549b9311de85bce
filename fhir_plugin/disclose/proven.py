"""Redacted and proven in one step, for a record that fits in memory: what has not been proven clean does not come out.

The proof looks for everything that is kept back, in the bytes that would go out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fhir_plugin.disclose.decide import Rules, Together, glance_for, judge_for
from fhir_plugin.disclose.kept_back import KeptBack
from fhir_plugin.disclose.prove import Clean, Kind, Leaks, Needles, prove
from fhir_plugin.disclose.redact import Part, RedactedRecord, read_part, redact_documents
from fhir_plugin.disclose.redact.places import places
from fhir_plugin.errors import PluginError, Refused
from mappings.model.disclosure import Asked, Mode
from mappings.terminology.systems import CHART_COPY


class NotProven(PluginError):
    """Something that was withheld was found in what would have gone out. Nothing goes out; the fault is ours."""

    code = "not-proven"


class CannotLook(Refused):
    """A file inside cannot be looked into (encrypted, damaged, too deep), so that nobody can say it is clean."""

    code = "cannot-look-inside"


@dataclass(frozen=True)
class Proven:
    """What goes out, what the proof looked at, and by what everything that stays can be named: for what is added."""

    record: RedactedRecord
    proof: Clean
    needles: Needles = field(repr=False)


def redact_and_prove(
    documents: Iterable[Part],
    asked: Asked,
    mode: Mode,
    *,
    rules: Rules,
) -> Proven:
    """What policy says of a request, done. Raises `UnreadableRecord`, `CannotLook`, `NotProven`."""
    parts = list(documents)
    around = Together()
    told = (b"Binary", b"\\u", CHART_COPY.encode())  # only they are judged by what is around
    if any(each in part.data for part in parts for each in told):
        for part in parts:
            for place in places(read_part(part), part.place):
                around.see(place.resource, place.full_url or "")
    judge = judge_for(asked, rules=rules, around=around)
    record = redact_documents(parts, judge, mode, glance=glance_for(asked, rules=rules))
    kept_back = KeptBack()
    kept_back.add(record.kept_back)
    kept_back.beside(parts)
    needles = kept_back.needles(record.common)
    return Proven(record, prove_record(record.parts, needles), needles)


def prove_record(parts: Sequence[Part], needles: Needles) -> Clean:
    """Clean, or raises `NotProven` or `CannotLook`. Where nothing is kept back there is nothing to look for."""
    if not needles.needles and not needles.prints:
        return Clean(len(parts), 0, 0)
    return _clean(prove(((part.name, [part.data]) for part in parts), needles))


class FileProof:
    """The same for files in pieces, some by one process and some by another: `look` at each, then `clean` of all."""

    def __init__(self, needles: Needles) -> None:
        self._needles = needles

    def look(self, files: Sequence[tuple[str, Callable[[], Iterable[bytes]]]]) -> tuple[Clean | Leaks, tuple[str, ...]]:
        """What is found in these files, and their names."""
        names = tuple(name for name, _read in files)
        if not self._needles.needles and not self._needles.prints:
            return Clean(0, 0, 0), names
        return prove(((name, read()) for name, read in files), self._needles), names

    @staticmethod
    def clean(found: Iterable[tuple[Clean | Leaks, tuple[str, ...]]]) -> None:
        """Raises `NotProven` or `CannotLook`, saying in which file and where in it, never what."""
        for verdict, names in found:
            _clean(verdict, names)


def _clean(verdict: Clean | Leaks, names: Sequence[str] = ()) -> Clean:
    if isinstance(verdict, Clean):
        return verdict
    kinds = {find.kind for find in verdict.finds}
    places = "".join(f" {find.kind}: {_place(find.place, names)}." for find in verdict.finds[:10]) if names else ""
    if kinds == {Kind.UNSEEN}:
        raise CannotLook(f"A file inside cannot be looked into, so that nobody can say what it shows.{places}")
    words = ", ".join(sorted(kinds))
    raise NotProven(f"Something that must stay back would have gone out ({words}). Nothing does.{places}")


def _place(place: str, names: Sequence[str]) -> str:
    """`part 2: byte 7` with the name of the second file instead."""
    return re.sub(r"part (\d+)", lambda found: names[int(found.group(1)) - 1], place, count=1)
