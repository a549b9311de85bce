"""After a restore of our own database, what was destroyed is destroyed again: nothing comes back by a backup.

The log of destructions lies beside the database. What it names, and the database holds again, goes: bytes and keys in
the vault, copies of every kind under the name of the image, the words and the picture of its request. Whoever kept such
a backup can put back only what nobody ever destroyed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.lifecycle import silent
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.ports import AuditEntry, Compartment, Destroyed, VaultItem, kept_under
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionState, Happened
from mappings.model.identifiers import FhirBase, Reference

REPLAYED: Final = "destroyed-before"
"""A line of the timeline: the database is older than the destruction."""
_UNDER_WAY: Final = frozenset({DeletionState.IN_PROGRESS, DeletionState.FAILED, DeletionState.ON_HOLD})
"""Their own plan goes on from where it was, under its own checks: the log is written before the first act."""
_COPIES: Final = frozenset({Compartment.THUMBNAIL, Compartment.AUDIT_COPY, Compartment.HIDDEN, Compartment.CLEAN})


def replay(parts: DeleteParts, cases_at: Callable[[FhirBase], int]) -> int:
    """Destroys again what a restore brought back; how many things went. Safe at any time, and twice; it touches nothing
    of what is held or under way, or of which that cannot be said.

    `cases_at`: how many requests there are at an EHR, those that cannot be opened among them. Raises `Tampered` where
    the log was changed: nothing is destroyed by the word of somebody else.
    """
    entries = parts.destroyed.entries()
    if not entries:
        return 0
    gone = 0
    with parts.work.transaction():
        cases = {base: parts.cases.at(base) for base in {each.fhir_base for each in entries}}
        items = {str(item.id): (case, item) for each in cases.values() for case in each for item in case.items}
        vault = parts.vault.items()
        for each in entries:
            case_item = items.get(each.item)
            if case_item is None and cases_at(each.fhir_base) != len(cases[each.fhir_base]):
                continue
            if case_item is not None and case_item[1].state in _UNDER_WAY:
                continue
            gone += _again(parts, each, case_item, vault)
    return gone


def _again(
    parts: DeleteParts, each: Destroyed, case_item: tuple[DeletionCase, DeletionItem] | None, vault: list[VaultItem]
) -> int:
    left = [item for item in vault if _is_of(item, each, case_item)]
    for item in left:
        parts.vault.destroy(item.vault_id)
    count = len(left)
    completed = case_item is not None and case_item[1].state is DeletionState.COMPLETED
    if completed:
        count += _forget(parts, each)
    elif case_item is not None:
        count += _silence(parts, *case_item)
    if count:
        parts.audit.append(
            AuditEntry(
                action="destruction.replayed",
                actor=Reference("system"),
                patient="",
                launch=None,
                subject=each.item,
                policy=parts.policy.reference,
                detail={"things": count},
            )
        )
    return count


def _is_of(item: VaultItem, each: Destroyed, case_item: tuple[DeletionCase, DeletionItem] | None) -> bool:
    if item.vault_id in each.vault_items:
        return True
    if item.compartment in _COPIES and item.owner == kept_under(each.fhir_base, each.reference):
        return True
    picture = case_item[1].picture if case_item is not None else None
    return item.vault_id == picture


def _forget(parts: DeleteParts, each: Destroyed) -> int:
    """Registers of ours name nothing that is proven to be gone."""
    base, reference = each.fhir_base, each.reference
    found = parts.hidden.find(base, reference) is not None or _is_kept(parts, each)
    parts.kept.forget(base, reference)
    parts.hidden.forget(base, reference)
    return int(found)


def _is_kept(parts: DeleteParts, each: Destroyed) -> bool:
    return any(
        image.reference == each.reference
        for case in parts.cases.at(each.fhir_base)
        for item in case.items
        if item.id == each.item
        for image in parts.kept.of_patient(each.fhir_base, case.patient)
    )


def _silence(parts: DeleteParts, case: DeletionCase, item: DeletionItem) -> int:
    """A request from before the destruction: its words and picture are gone, and it says why. What was approved then is
    approved still; whoever carries it out finds nothing, and has that proven."""
    if any(line.event == REPLAYED for line in item.timeline):
        return 0
    now = parts.cases.get(case.id, for_change=True)
    quiet = silent(now.item(item.id))
    line = Happened(REPLAYED, parts.clock.now())
    items = tuple(
        replace(quiet, timeline=(*quiet.timeline, line)) if each.id == item.id else each for each in now.items
    )
    parts.cases.save(replace(now, items=items, revision=now.revision + 1))
    return 1
