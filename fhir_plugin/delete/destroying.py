"""What the steps of one destruction share: the item as it stands, whether it may go on, and how a step stops.

The engine of the ledger undoes what a server refuses. Nothing of a destruction can be undone, so that here a refusal is
what a step found out, and not an error: it is written down as the place where it stopped, the steps after it
leave everything as it is, and what the item then says is exactly what was destroyed and why it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.standing import changed, forbidden
from fhir_plugin.delete.tell import tell
from fhir_plugin.errors import NotFound, ReadBackMismatch, RecordRefused, Refused, Tampered
from fhir_plugin.ledger.intents import Evidence, Intent
from fhir_plugin.ports import ClinicalRecord, RecordPurge
from mappings.model.deletion import BoundImage, DeletionCase, DeletionItem, DeletionState, ItemId
from mappings.model.identifiers import FhirBase, PatientId

STOPPED: Final = "stopped"
"""Evidence: the code of why a step stopped."""
HOW: Final = "how"
"""Evidence: what the stop means for the item: a code of `Event`."""
LEFT: Final = "left"
"""Evidence: the step did nothing, because one before it had stopped."""
DESTROYED: Final = "destroyed"
"""Evidence: the places that the step has emptied, with spaces between."""
BEGUN: Final = frozenset({DeletionState.IN_PROGRESS, DeletionState.FAILED})
_SAYS_NO: Final = (RecordRefused, ReadBackMismatch, Refused, Tampered)


class Stop(Refused):
    """It goes no further now. `how`: what becomes of the item."""

    def __init__(self, message: str, *, code: str, how: Event = Event.STOPPED) -> None:
        super().__init__(message, code=code)
        self.how = how


Elsewhere = Mapping[str, Callable[[FhirBase, PatientId, BoundImage], int]]
"""What other flows hold of an image (second opinions, packages, captures), by the code of the place: each destroys it
in the open transaction and says how many there were; safe twice."""


def find_item(
    parts: DeleteParts, fhir_base: FhirBase, patient: PatientId, id: str
) -> tuple[DeletionCase, DeletionItem]:
    """An item of this patient by its id. Raises `NotFound`, also where its case cannot be read."""
    for case in parts.cases.of_patient(fhir_base, patient):
        for item in case.items:
            if item.id == id:
                return case, item
    raise NotFound("there is no such request for permanent deletion", status=404)


@dataclass
class Destroying:
    """One run of one destruction. Holds nothing that a crash could lose."""

    parts: DeleteParts
    elsewhere: Elsewhere
    intent: Intent
    _reached: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def record(self) -> ClinicalRecord:
        if "record" not in self._reached:
            self._reached["record"] = self.parts.records(self.intent.launch)
        found: ClinicalRecord = self._reached["record"]
        return found

    @property
    def purge(self) -> RecordPurge:
        if "purge" not in self._reached:
            self._reached["purge"] = self.parts.purges(self.intent.launch)
        found: RecordPurge = self._reached["purge"]
        return found

    def now(self) -> tuple[DeletionCase, DeletionItem]:
        """As they stand now."""
        return find_item(self.parts, self.intent.fhir_base, self.intent.patient, self.intent.subject)

    def may_destroy(self) -> DeletionItem:
        """Asked before every destroying act. Raises `Stop`: a hold may have come, an approval have run out."""
        case, item = self.now()
        found = forbidden(self.parts, case, item)
        if found is not None:
            how, why = found
            # Once it has begun, there is nothing to approve anew: it stops, and says how far it has come.
            begun = item.state in BEGUN and how is not Event.HELD
            raise Stop("This may not go on now.", code=why, how=Event.STOPPED if begun else how)
        self.parts.engine.keep_lease()
        return item

    def save(self, change: Callable[[DeletionItem], DeletionItem], *, told: bool = False) -> DeletionItem:
        """The item changed, over what it is now, in a transaction of its own or in the open one.

        `told`: the record is told how the case stands then, under this launch.
        """
        parts, intent = self.parts, self.intent
        with parts.work.transaction():
            case = parts.cases.get(self.now()[0].id, for_change=True)
            item = case.item(ItemId(intent.subject))
            wanted = change(item)
            if wanted != item:
                case = changed(parts, case, wanted)
                if told:
                    tell(parts, case, launch=intent.launch, user=intent.user)
            return case.item(item.id)

    def move(self, event: Event, **changes: Any) -> DeletionItem:
        """The item after `event`, which the app itself brought about; told to the record."""
        at = self.parts.clock.now()
        return self.save(lambda item: moved(item, event, at=at, **changes), told=True)

    def emptied(self, places: Sequence[str]) -> Evidence:
        """Written down on the item at once, so that whoever looks knows how far it has come."""
        if places:
            self.save(lambda item: replace(item, purged=tuple(dict.fromkeys((*item.purged, *places)))))
        return {DESTROYED: " ".join(places)}

    def begun_before(self) -> bool:
        """Whether anything of it may have been destroyed already: it was written down before the first act."""
        return any(each.item == self.intent.subject for each in self.parts.destroyed.entries())

    def evidence(self, name: str) -> Evidence | None:
        """Of a step of this run or an earlier one of this intent; None while it has not been done."""
        found = self.parts.ledger.steps(self.intent.id).get(name)
        return found.evidence if found is not None and found.evidence else None

    def stopped(self) -> bool:
        """Whether any step has stopped."""
        return any(STOPPED in each.evidence for each in self.parts.ledger.steps(self.intent.id).values())


@dataclass
class Careful:
    """One step that turns a refusal into evidence. `even_stopped`: whether it has to be done after a stop as well."""

    name: str
    doing: Destroying = field(repr=False)
    act: Callable[[], Evidence] = field(repr=False)
    asked: Callable[[], Evidence | None] = field(default=lambda: None, repr=False)
    even_stopped: Callable[[], bool] = field(default=lambda: False, repr=False)

    def happened(self) -> Evidence | None:
        if self._left():
            return None
        try:
            return self.asked()
        except _SAYS_NO as refused:
            return _stop(refused)

    def do(self) -> Evidence:
        if self._left():
            return {LEFT: "stopped before"}
        try:
            return self.act()
        except _SAYS_NO as refused:
            return _stop(refused)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        """What was destroyed is not brought back."""
        return tuple(f"{place} is destroyed" for place in evidence.get(DESTROYED, "").split())

    def _left(self) -> bool:
        return self.doing.stopped() and not self.even_stopped()


def _stop(refused: RecordRefused | ReadBackMismatch | Refused | Tampered) -> Evidence:
    how = refused.how if isinstance(refused, Stop) else Event.STOPPED
    return {STOPPED: refused.code, HOW: how.value}


def stop_in(evidence: Mapping[str, Evidence]) -> tuple[str, Event, str] | None:
    """The first step that stopped, what it means for the item, and why; None where all went to its end."""
    for name, found in evidence.items():
        if STOPPED in found:
            return name, Event(found[HOW]), found[STOPPED]
    return None
