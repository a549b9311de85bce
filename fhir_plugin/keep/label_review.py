"""Images whose label somebody should look at: those that look private and carry no such label, and those whose label in
the record is not what we signed. Servers lose or change labels without a new version, so that nobody else would notice.

A clinician confirms them one by one or as a set, which makes them stricter, or notes that one is ordinary, which is not
asked again until it changes. Nothing here ever makes a label less strict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fhir_plugin.errors import Incomplete, RecordRefused, Refused
from fhir_plugin.keep.label_history import Broken, LabelHistory, history_of
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.relabel import LONGEST, SHORTEST, Labels, is_child, need_clinician
from fhir_plugin.keep.view import Gallery, GalleryItem
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import Reference
from mappings.model.label_change import (
    ImageLabel,
    LabelLevel,
    LabelReason,
    covers,
    level_of,
    raised,
    says_the_same,
    together,
)
from mappings.model.labels import Label, is_restricted
from mappings.model.people import ClinicalSession, Patient
from mappings.r4.private_signs import Sign, encounter_of, private_signs
from mappings.r4.relabelled import labels_of_image


class Why(StrEnum):
    """Why an image is on the list."""

    SITE = "site"
    KIND = "kind"
    CLINIC = "clinic"
    LOST = "lost"
    """The record lacks labels that we signed."""
    ADDED = "added"
    """The record has labels that we did not sign."""
    NOT_TAKEN = "not-taken"
    """The record never took what was set here."""
    GONE = "gone"
    """The signed statement itself is gone."""
    FORGED = "forged"
    """A statement is there that we did not sign, or not about this image."""


_SIGNS = {Sign.SITE: Why.SITE, Sign.KIND: Why.KIND, Sign.CLINIC: Why.CLINIC}
LOOKS_PRIVATE = frozenset(_SIGNS.values())


@dataclass(frozen=True)
class LabelFinding:
    """One image on the list. `level`: what confirming makes of it; `ordinary`: whether it may be noted as ordinary."""

    item: GalleryItem
    why: tuple[Why, ...]
    level: LabelLevel
    ordinary: bool
    seen: str
    """Digest of what was found: goes back with the decision."""

    @property
    def reference(self) -> Reference:
        return self.item.entry.reference


class LabelReviews:
    """For clinicians at the patient's chart."""

    def __init__(self, parts: KeepParts, gallery: Gallery, labels: Labels) -> None:
        self._parts = parts
        self._gallery = gallery
        self._labels = labels

    def count(self, session: ClinicalSession) -> int:
        """How many images of this patient somebody should look at, without reading what was signed."""
        return len(self._found(session, thorough=False))

    def findings(self, session: ClinicalSession) -> list[LabelFinding]:
        """All of them, the newest image first. Reads and checks every statement of ours about this patient's images."""
        need_clinician(session)
        return [finding for finding, _resource, _labels in self._found(session, thorough=True)]

    def confirm(self, session: ClinicalSession, patient: Patient, chosen: Iterable[tuple[Reference, str]]) -> int:
        """Each of `chosen` (with what was seen) becomes as strict as its finding says; returns how many.

        Raises `Incomplete` where nothing is chosen, `Refused` (label-changed) before anything is done where one is no
        longer what was seen.
        """
        need_clinician(session)
        found = self._chosen(session, chosen)
        for finding, resource, signed in found:
            before = together(finding.item.entry.labels)
            wanted = together(before, signed)
            reason = LabelReason.LABEL_LOST
            if LOOKS_PRIVATE.intersection(finding.why):
                child = is_child(finding.item.entry, patient, self._parts)
                wanted, reason = raised(wanted, finding.level, child=child), LabelReason.PRIVATE_AREA
            self._labels.raise_to(session, finding.reference, resource, before, wanted, reason, "")
        return len(found)

    def find_ordinary(self, session: ClinicalSession, chosen: Iterable[tuple[Reference, str]], words: str) -> int:
        """Notes that each of `chosen` is as it should be, and why; returns how many. Asked again once it changes."""
        need_clinician(session)
        said = words.strip()
        if not SHORTEST <= len(said) <= LONGEST:
            raise Incomplete("Say why.", fields={"words": "Say in a sentence why they are ordinary."})
        found = self._chosen(session, chosen)
        if not all(finding.ordinary for finding, _resource, _labels in found):
            raise Refused("What was signed is not given up here: change it at the picture.", code="not-ordinary")
        parts = self._parts
        with parts.work.transaction():
            for finding, _resource, _labels in found:
                held = parts.labels.find(session.fhir_base, finding.reference, for_change=True)
                known = held or ImageLabel(session.fhir_base, finding.reference, session.patient_id)
                parts.labels.keep(replace(known, found_ordinary=finding.seen, ordinary_words=said))
                parts.note(session, "label.found-ordinary", finding.reference, why=" ".join(finding.why))
        return len(found)

    # ------------------------------------------------------------------------------------------ inside

    def _chosen(
        self, session: ClinicalSession, chosen: Iterable[tuple[Reference, str]]
    ) -> list[tuple[LabelFinding, Json, tuple[Label, ...]]]:
        asked = dict(chosen)
        if not asked:
            raise Incomplete("Choose at least one picture.", fields={"chosen": "Choose at least one picture."})
        found = {each[0].reference: each for each in self._found(session, thorough=True)}
        if any(reference not in found or found[reference][0].seen != seen for reference, seen in asked.items()):
            raise Refused("What was found has changed since. Look at the list again.", code="label-changed")
        return [found[reference] for reference in asked]

    def _found(self, session: ClinicalSession, *, thorough: bool) -> list[tuple[LabelFinding, Json, tuple[Label, ...]]]:
        parts, found = self._parts, []
        record = parts.records(session.launch_id)
        encounters = _Encounters(record)
        said = {each.reference: each for each in parts.labels.of_patient(session.fhir_base, session.patient_id)}
        for item, resource in self._gallery.with_resources(session):
            known = said.get(item.entry.reference)
            if known is not None and known.pending:
                continue  # a change is on its way: what the record says now is neither
            history = self._history(session, item, resource, known) if thorough else None
            if known is None and item.entry.ours and history is not None:
                known = self._learn(session, item, history)
            on_server = labels_of_image(resource)
            signed = known.labels if known is not None else ()
            why = [*_against(on_server, signed, known), *_broken(history)]
            if not item.entry.ours and not _signed_here(known) and not _says_private(on_server):
                signs = private_signs(resource, encounter=encounters.of(resource), sites=parts.policy.intimate_sites)
                why += [_SIGNS[sign] for sign in signs]
            seen = _digest(on_server, signed, why, resource)
            if not why or (known is not None and known.found_ordinary == seen):
                continue
            looks_private = bool(LOOKS_PRIVATE.intersection(why))
            both = together(item.entry.labels, signed)
            now = level_of(both)
            level = LabelLevel.INTIMATE if looks_private and now is not LabelLevel.STRICTEST else now
            finding = LabelFinding(item, tuple(dict.fromkeys(why)), level, _may_be_ordinary(why), seen)
            found.append((finding, resource, signed))
        return found

    def _history(
        self, session: ClinicalSession, item: GalleryItem, resource: Json, known: ImageLabel | None
    ) -> LabelHistory | None:
        if not item.entry.ours and (known is None or known.statement is None):
            return None
        return history_of(self._parts, session, item.entry.reference, resource, known)

    def _learn(self, session: ClinicalSession, item: GalleryItem, history: LabelHistory) -> ImageLabel | None:
        """Ours, and our register does not know it: what was signed last is what it has to be."""
        newest = history.newest
        if newest is None:
            return None
        learnt = ImageLabel(
            fhir_base=session.fhir_base,
            reference=item.entry.reference,
            patient=session.patient_id,
            labels=newest.labels,
            since=newest.at,
            by=newest.by,
            by_name=newest.by_name,
            statement=newest.reference,
        )
        with self._parts.work.transaction():
            held = self._parts.labels.find(session.fhir_base, item.entry.reference, for_change=True)
            if held is not None:
                return held
            self._parts.labels.keep(learnt)
        return learnt


class _Encounters:
    """Those that images were made in, each read once, where this launch may read them."""

    def __init__(self, record: ClinicalRecord) -> None:
        self._record = record
        self._may = record.capability().may("Encounter", "read")
        self._read: dict[str, Json | None] = {}

    def of(self, image: Json) -> Json | None:
        reference = encounter_of(image)
        if reference is None or not self._may:
            return None
        if reference not in self._read:
            try:
                self._read[reference] = self._record.read(*reference.split("/"))
            except RecordRefused:
                self._read[reference] = None
        return self._read[reference]


def _against(on_server: Sequence[Label], signed: Sequence[Label], known: ImageLabel | None) -> list[Why]:
    """How the record differs from what we say."""
    if known is None or not signed or says_the_same(on_server, signed):
        return []
    if not covers(on_server, signed):
        return [Why.NOT_TAKEN if known.untold else Why.LOST]
    return [Why.ADDED]


def _broken(history: LabelHistory | None) -> list[Why]:
    if history is None or history.broken is None:
        return []
    return [Why.GONE if history.broken is Broken.GONE else Why.FORGED]


def _signed_here(known: ImageLabel | None) -> bool:
    return known is not None and bool(known.labels)


def _says_private(labels: Sequence[Label]) -> bool:
    """Whether somebody has labelled it, and so strictly that it restricts. No label at all is nobody's word."""
    return bool(labels) and is_restricted(list(labels))


def _may_be_ordinary(why: Sequence[Why]) -> bool:
    return LOOKS_PRIVATE.issuperset(why)


def _digest(on_server: Sequence[Label], signed: Sequence[Label], why: Sequence[Why], resource: Json) -> str:
    """Of what a person judges: labels, why it is here, and what the image says of itself, but not when it was read."""
    said = repr(sorted((name, value) for name, value in resource.items() if name != "meta"))
    parts = [*sorted(map(str, on_server)), "", *sorted(map(str, signed)), "", *sorted(why), "", said]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
