"""Joins hiding: what the flows around it do once a picture is hidden. A part of `deleting`, which is long enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.damage import unless_damaged
from fhir_plugin.delete import request as asking
from fhir_plugin.delete.break_glass import OPENED as HIDDEN_OPENED
from fhir_plugin.delete.break_glass import BreakGlass
from fhir_plugin.delete.hide import Around, Hiding, Pictures
from fhir_plugin.delete.hiding_order import KIND
from fhir_plugin.delete.hiding_plan import HidingActs
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.wrong_patient import HandOvers, TakesPictures
from fhir_plugin.errors import NotFound
from fhir_plugin.keep.opinion import SecondOpinions
from fhir_plugin.ledger.engine import PlanFor
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.ports import ChainedEntry, DisclosureRequests
from mappings.model.deletion import DeletionReason
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import ClinicalSession

_LOOKED: Final = frozenset({"image.revealed", "image.viewed", HIDDEN_OPENED})
_NO_PICTURE: Final = "The picture is of another patient: nothing of it belongs into this record."
_NOT_ENOUGH: Final = "Hidden, it is still in the record of somebody whom it does not concern."
_ELSEWHERE: Final = "Whoever read this record with another program of the EHR is not known to this app."


@dataclass(frozen=True)
class SeenBy:
    """Who has seen or received one image, as far as this app knows: from its audit chain, and from what it sent.

    `name_of`: of a login, empty where nobody knows it.
    """

    parts: DeleteParts = field(repr=False)
    opinions: SecondOpinions = field(repr=False)
    disclosures: DisclosureRequests = field(repr=False)
    name_of: Callable[[FhirBase, str], str] = field(repr=False)

    def __call__(self, session: ClinicalSession, reference: Reference) -> Sequence[str]:
        """Each in plain words, oldest first; last what nobody here can know. Audit entries of the same person on the
        same day are one."""
        found: list[tuple[dt.datetime, str]] = []
        base, patient = session.fhir_base, session.patient_id
        filed: dt.datetime | None = None
        try:
            kept = self.parts.kept.get(base, reference)
        except NotFound:
            pass
        else:
            filed = kept.filed
            if kept.owner_name:
                found.append((kept.filed, f"{kept.owner_name} filed it on {_day(kept.filed)}."))
        found += self._looked(session, reference)
        found += self._at_the_chart(session, filed)
        for opinion in self.opinions.of_patient(base, patient):
            if opinion.image == reference and opinion.opened:
                times = "once" if opinion.opened == 1 else f"{opinion.opened} times"
                asked = f"{opinion.recipient_name} opened it {times} for a second opinion"
                found.append((opinion.created, f"{asked} that was asked on {_day(opinion.created)}."))
        for request in self.disclosures.of_patient(base, patient):
            if request.package is not None and reference in request.package.images:
                sent = request.package.at
                found.append((sent, f"{request.recipient} was sent a copy of the record with it on {_day(sent)}."))
        said = dict.fromkeys(words for _at, words in sorted(found))
        return (*said, _ELSEWHERE)

    def _looked(self, session: ClinicalSession, reference: Reference) -> list[tuple[dt.datetime, str]]:
        entries = self.parts.audit.entries(subject=reference)
        return [
            (each.at, f"{self._who(session, each)} opened it on {_day(each.at)}.")
            for each in entries
            if each.entry.action in _LOOKED and each.entry.outcome == "success"
        ]

    def _at_the_chart(self, session: ClinicalSession, since: dt.datetime | None) -> list[tuple[dt.datetime, str]]:
        """Ordinary pictures are seen without an entry of their own: whoever had this chart open may have seen it."""
        entries = self.parts.audit.entries(patient=f"Patient/{session.patient_id}", action="launch.completed")
        first: dict[str, ChainedEntry] = {}
        for each in entries:
            if since is None or each.at >= since:
                first.setdefault(each.entry.actor, each)
        return [
            (each.at, f"{self._who(session, each)} had this record open on {_day(each.at)}, and may have seen it.")
            for each in first.values()
        ]

    def _who(self, session: ClinicalSession, entry: ChainedEntry) -> str:
        return self.name_of(session.fhir_base, entry.entry.actor) or entry.entry.actor


@dataclass(frozen=True)
class JoinedHiding:
    """Hiding, joined."""

    hiding: Hiding
    break_glass: BreakGlass
    hand_overs: HandOvers
    seen_by: SeenBy


def join_hiding(
    parts: DeleteParts,
    *,
    pictures: Pictures,
    takes: TakesPictures,
    opinions: SecondOpinions,
    disclosures: DisclosureRequests,
    stop: Callable[[ClinicalSession], None],
    name_of: Callable[[FhirBase, str], str],
    plans: MutableMapping[str, PlanFor],
) -> JoinedHiding:
    """`stop`: ends second opinions about what is hidden, and whatever else shows it elsewhere."""
    seen_by = SeenBy(parts, opinions, disclosures, name_of)

    def ask_to_destroy(session: ClinicalSession, image: HiddenImage) -> None:
        unless_damaged("wrong-patient", lambda: _ask(parts, session, image, seen_by), None)

    plans[KIND] = HidingActs(parts)
    hiding = Hiding(parts, pictures, Around(stop, ask_to_destroy, seen_by))
    return JoinedHiding(hiding, BreakGlass(parts), HandOvers(parts, takes), seen_by)


def _ask(parts: DeleteParts, session: ClinicalSession, image: HiddenImage, seen_by: SeenBy) -> None:
    """Once for each image, whoever asked, and whatever became of it."""
    for case in parts.cases.of_patient(image.fhir_base, image.patient):
        if any(item.image.reference == image.reference for item in case.items) and case.created >= image.since:
            return
    asked = asking.Asked(
        images={image.reference: ""},
        reason=DeletionReason.WRONG_PATIENT,
        words=image.words,
        described=_NO_PICTURE,
        instead=_NOT_ENOUGH,
    )
    said = tuple(seen_by(session, image.reference))
    asking.ask(
        parts,
        session,
        parts.patient(session),
        asked,
        once=f"wrong patient {image.reference} {image.since.isoformat()}",
        seen_by=said,
        by_itself=True,
    )


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(UK).strftime("%d %B %Y").lstrip("0")
