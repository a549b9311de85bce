"""Blocks of whole lines: which of them have to be read, so that all others need no more than a glance.

The same holds for every line as when each is read: what is not surely valid JSON, surely released and surely without
anything to learn from is given to the redaction itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_plugin.disclose.redact.redaction import Redaction
from fhir_plugin.disclose.redact.report import Finding
from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.skeleton import Shape, Skeletons, Skimmed
from fhir_plugin.disclose.redact.strict import UnreadableRecord, read_resource
from mappings.model.disclosure import Release

Glance = Callable[[str, frozenset[str], bytes], Release | None]
"""What policy says about a resource of this type, with these keys anywhere in it, in this line; None: it has to be
read. Never an answer that reading would not give."""

_ASKED: tuple[str, ...] = ("Bundle", "Parameters", "AuditEvent")


@dataclass
class Surveyed:
    """What one block holds. `released`: the resources in lines that need no survey. `to_survey`: the lines that need
    one, by their number from 0. `refused`: the first line that cannot be read; nothing after it was looked at."""

    lines: int = 0
    released: int = 0
    to_survey: list[tuple[int, bytes]] = field(default_factory=list)
    signed: bool = False
    binaries: bool = False
    refused: tuple[int, UnreadableRecord] | None = None


class BlockSurvey:
    """The first pass over blocks. It changes nothing: what it finds is for `Redaction.survey`."""

    def __init__(self, redaction: Redaction, glance: Glance) -> None:
        self._redaction = redaction
        self._glance = glance
        self._skeletons = Skeletons()
        self._quiet: dict[tuple[int, bytes], Release | None] = {}

    def look(self, block: bytes) -> Surveyed:
        skimmed = self._skeletons.skim(block)
        said = Surveyed(len(skimmed.starts))
        for number, shape in enumerate(skimmed.shapes):
            if shape is not None and self.at_a_glance(skimmed, number, shape) is not None:
                said.released += 1
                said.signed = said.signed or "signature" in shape.keys
                continue
            line = block[skimmed.starts[number] : skimmed.ends[number]]
            if not line.strip():
                continue
            try:
                released = self._read(skimmed, number, shape, line, said)
            except UnreadableRecord as refused:
                said.refused = (number, refused)
                return said
            if released is None:
                said.to_survey.append((number, line.rstrip(b"\r\n")))
            else:
                said.released += released
        return said

    def at_a_glance(self, skimmed: Skimmed, number: int, shape: Shape) -> Release | None:
        """Why a line that was not read is released; None when it has to be read."""
        if shape.nested or shape.odd:
            return None
        if shape.id_at >= 0 and skimmed.value(number, shape.id_at).startswith((b"withheld-", b"\\")):
            return None
        type_ = skimmed.value(number, shape.type_at).decode("ascii", "replace")
        if type_ not in shapes().resources or type_ in _ASKED:
            return None
        return self._glance(type_, shape.keys, skimmed.block[skimmed.starts[number] : skimmed.ends[number]])

    def _read(self, skimmed: Skimmed, number: int, shape: Shape | None, line: bytes, said: Surveyed) -> int | None:
        """The resources in a line of which none has anything to learn from; None when one has."""
        small = line if shape is None else skimmed.without_data(number, shape)
        resource = read_resource(small)
        said.signed = said.signed or shape is None or "signature" in shape.keys
        said.binaries = said.binaries or b"Binary" in small or b"\\u" in small
        return self._redaction.needs_no_survey(resource)


class BlockReport:
    """What the report says of lines that go out as they came, in the last pass."""

    def __init__(self, redaction: Redaction, survey: BlockSurvey) -> None:
        self._redaction = redaction
        self._survey = survey
        self._skeletons = Skeletons()

    def findings(self, block: bytes, name: str, first: int, walked: set[int]) -> dict[int, list[Finding]]:
        """By line, of all but the walked ones."""
        skimmed = self._skeletons.skim(block)
        found: dict[int, list[Finding]] = {}
        for number, shape in enumerate(skimmed.shapes):
            if number in walked:
                continue
            verdict = self._survey.at_a_glance(skimmed, number, shape) if shape is not None else None
            path = f"{name}:{first + number}"
            if verdict is not None and shape is not None:
                id_ = skimmed.value(number, shape.id_at) if shape.id_at >= 0 else b""
                type_ = skimmed.value(number, shape.type_at).decode("ascii")
                if b"\\" not in id_:
                    found[number] = [Finding(type_, id_.decode("utf-8"), verdict, within=path)]
                    continue
            line = block[skimmed.starts[number] : skimmed.ends[number]]
            if line.strip():
                small = line if shape is None else skimmed.without_data(number, shape)
                found[number] = self._redaction.as_it_came(read_resource(small), path)
        return found
