"""Blocks of whole lines: which of them have to be read, so that all others need no more than a glance.

The same holds for every line as when each is read: what is not surely valid JSON, surely released and surely without
anything to learn from is given to the redaction itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.redact.redaction import Redaction
from fhir_plugin.disclose.redact.report import Finding
from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.skeleton import Shape, Skeletons, Skimmed
from fhir_plugin.disclose.redact.strict import UnreadableRecord, read_resource
from mappings.model.disclosure import Release

Glance = Callable[[str, frozenset[str]], tuple[Release, tuple[bytes, ...]] | None]
"""What policy says about every resource of this type with these keys anywhere in it, if none of these texts stands in
it; None: it has to be read. Never an answer that reading would not give."""

_REMEMBERED: Final = 100_000
_ASKED: Final = ("Bundle", "Parameters", "AuditEvent")


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


class BlockTexts:
    """Which texts stand anywhere in a block, looked for once."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._found: dict[bytes, bool] = {}

    def has(self, text: bytes) -> bool:
        found = self._found.get(text)
        if found is None:
            found = self._found[text] = text in self._block
        return found


class BlockSurvey:
    """The first pass over blocks. It changes nothing: what it finds is for `Redaction.survey`."""

    def __init__(self, redaction: Redaction, glance: Glance) -> None:
        self._redaction = redaction
        self._glance = glance
        self._skeletons = Skeletons()
        self._said: dict[int, tuple[Shape, tuple[Release, tuple[bytes, ...]] | None]] = {}

    def skim(self, block: bytes) -> Skimmed:
        """The lines of a block, and the shapes of those that are surely valid."""
        return self._skeletons.skim(block)

    def look(self, block: bytes) -> Surveyed:
        skimmed = self.skim(block)
        said = Surveyed(len(skimmed.starts))
        texts = BlockTexts(block)
        for number, shape in enumerate(skimmed.shapes):
            if shape is not None and self.at_a_glance(skimmed, number, shape, texts) is not None:
                said.released += 1
                said.signed = said.signed or shape.signed
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

    def at_a_glance(self, skimmed: Skimmed, number: int, shape: Shape, texts: BlockTexts) -> Release | None:
        """Why a line that was not read is released; None when it has to be read."""
        known = self._said.get(id(shape))
        if known is None:
            known = self._learn(shape)
        if known[1] is None:
            return None
        release, telling = known[1]
        if skimmed.value(number, shape.id_at).startswith(b"withheld-"):
            return None
        for text in telling:
            if texts.has(text) and text in skimmed.block[skimmed.starts[number] : skimmed.ends[number]]:
                return None
        return release

    def _learn(self, shape: Shape) -> tuple[Shape, tuple[Release, tuple[bytes, ...]] | None]:
        """Kept with its shape, so that no other object can be taken for it."""
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        quiet = shape.type in shapes().resources and shape.type not in _ASKED and not (shape.nested or shape.odd)
        known = self._said[id(shape)] = (shape, self._glance(shape.type, shape.keys) if quiet else None)
        return known

    def _read(self, skimmed: Skimmed, number: int, shape: Shape | None, line: bytes, said: Surveyed) -> int | None:
        """The resources in a line of which none has anything to learn from; None when one has."""
        small = line if shape is None else skimmed.without_data(number, shape)
        resource = read_resource(small)
        said.signed = said.signed or shape is None or shape.signed
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
        texts = BlockTexts(block)
        found: dict[int, list[Finding]] = {}
        for number, shape in enumerate(skimmed.shapes):
            if number in walked:
                continue
            verdict = self._survey.at_a_glance(skimmed, number, shape, texts) if shape is not None else None
            path = f"{name}:{first + number}"
            if verdict is not None and shape is not None:
                id_ = skimmed.value(number, shape.id_at)
                if b"\\" not in id_:
                    found[number] = [Finding(shape.type, id_.decode("utf-8"), verdict, within=path)]
                    continue
            line = block[skimmed.starts[number] : skimmed.ends[number]]
            if line.strip():
                small = line if shape is None else skimmed.without_data(number, shape)
                found[number] = self._redaction.as_it_came(read_resource(small), path)
        return found
