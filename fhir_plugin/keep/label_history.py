"""What was signed about the label of one image, newest first, and whether it holds.

A server may lose, change or swap what we wrote: a statement counts only if our key signed it, about this very image of
this very patient. That one is missing is known from our own register.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.errors import Gone, NotFound, RecordRefused
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import Reference
from mappings.model.label_change import ImageLabel, LabelReason
from mappings.model.labels import Label
from mappings.model.people import ClinicalSession
from mappings.r4 import elements
from mappings.r4.errors import NotReadable
from mappings.r4.label_provenance import RecordedLabelChange, from_label_provenance
from mappings.r4.statement import LABEL_VERSION, VERSION
from mappings.terminology import systems


class Broken(StrEnum):
    """What is wrong with what was signed."""

    GONE = "gone"
    """The record no longer has a statement that we know we wrote."""
    FORGED = "forged"
    """One is there, and our signature does not hold, or it is about another image."""


@dataclass(frozen=True)
class Signed:
    """One statement about the label of this image."""

    reference: Reference
    at: dt.datetime | None
    by: Reference | None
    by_name: str = field(repr=False)
    second_name: str = field(repr=False)
    reason: LabelReason | None
    words: str = field(repr=False)
    labels: tuple[Label, ...] = field(repr=False)
    filing: bool
    """Made when the image was filed; otherwise by a change since."""
    holds: bool


@dataclass(frozen=True)
class LabelHistory:
    """`lines`: newest first. `complete`: this server could be asked for all of them."""

    lines: tuple[Signed, ...]
    broken: Broken | None
    complete: bool

    @property
    def newest(self) -> Signed | None:
        """The latest that holds: what the label has to be."""
        return next((line for line in self.lines if line.holds), None)


def history_of(
    parts: KeepParts, session: ClinicalSession, reference: Reference, resource: Json, known: ImageLabel | None
) -> LabelHistory:
    """Reads and checks every statement about an image of this launch's patient."""
    record = parts.records(session.launch_id)
    told, complete = _told(record, reference)
    broken = None
    if known is not None and known.statement is not None and known.statement not in {each.reference for each in told}:
        one = _read_one(record, known.statement)
        if one is None:
            broken = Broken.GONE
        else:
            told = [*told, one]
    image = elements.identifier_in(resource, systems.IMAGE)
    lines = [line for each in told if (line := _line(parts, session, reference, image, each)) is not None]
    if broken is None:
        broken = _broken(known, lines, ours=image is not None and complete)
    return LabelHistory(tuple(sorted(lines, key=_age, reverse=True)), broken, complete)


def _told(record: ClinicalRecord, reference: Reference) -> tuple[list[RecordedLabelChange], bool]:
    try:
        found = record.search("Provenance", {"target": reference})
    except RecordRefused:
        return [], False
    told = [each for each in map(_readable, found) if each is not None]
    return [each for each in told if reference in each.targets], True


def _read_one(record: ClinicalRecord, reference: Reference) -> RecordedLabelChange | None:
    try:
        return _readable(record.read(*reference.split("/")))
    except (NotFound, Gone):
        return None


def _readable(resource: Json) -> RecordedLabelChange | None:
    try:
        return from_label_provenance(resource)
    except NotReadable:
        return None


def _line(
    parts: KeepParts, session: ClinicalSession, reference: Reference, image: str | None, told: RecordedLabelChange
) -> Signed | None:
    """None: another system's Provenance, which we never signed and know nothing by."""
    statement = told.statement
    if statement is None or told.labels is None or told.jws is None:
        return None
    filing = statement["version"] == VERSION
    about = {
        VERSION: image is not None and statement.get("image") == image,
        LABEL_VERSION: statement.get("target") == reference and statement.get("image") == image,
    }
    mine = statement["patient"] == f"Patient/{session.patient_id}" and about[statement["version"]]
    return Signed(
        reference=told.reference,
        at=told.at if filing else elements.parse_instant(statement["at"]),
        by=told.by if filing else Reference(statement["by"]),
        by_name=told.by_name,
        second_name=told.second_name,
        reason=told.reason,
        words=told.words,
        labels=told.labels,
        filing=filing,
        holds=mine and parts.signer.verify(statement, told.jws),
    )


def _broken(known: ImageLabel | None, lines: Sequence[Signed], *, ours: bool) -> Broken | None:
    """What is wrong with the statement that counts: the one that our register names, else with all there is of an image
    of ours. Any other that does not hold is no statement of ours, and says nothing."""
    if known is not None and known.statement is not None:
        holds = any(line.holds for line in lines if line.reference == known.statement)
        return None if holds else Broken.FORGED
    if known is not None or not ours or any(line.holds for line in lines):
        return None
    return Broken.FORGED if lines else Broken.GONE


def _age(line: Signed) -> tuple[bool, str]:
    """Filing comes first of all; changes by the moment that was signed, which no server can move."""
    return (not line.filing, line.at.astimezone(dt.UTC).isoformat() if line.at is not None else "")
