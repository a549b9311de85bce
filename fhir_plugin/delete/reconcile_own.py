"""Where vault and database disagree, in both directions, without asking any record."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.delete.disagreement import DERIVED, GRACE, Finding, Kind, Known, Sources, vault_ids
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Compartment, Destroyed, VaultItem, kept_under
from mappings.model.deletion import TERMINAL, DeletionItem, DeletionState
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import IntentId

_BEGUN = frozenset({DeletionState.IN_PROGRESS, DeletionState.FAILED, DeletionState.ON_HOLD, DeletionState.COMPLETED})
"""What a logged destruction may stand at: the log is written before the first act, and after it has begun."""


def own_findings(sources: Sources, known: Known) -> Iterator[Finding]:
    """Everything that our own places say against one another."""
    parts = sources.parts
    keyless, empty = sources.strays()
    for name in keyless:
        yield Finding(Kind.BYTES_WITHOUT_KEY, name, mendable=True)
    for vault_id in empty:
        yield Finding(Kind.KEY_WITHOUT_BYTES, vault_id)
    for base in sorted(known.unreadable):
        yield Finding(Kind.CASES_UNREADABLE, base, base)
    yield from _vault(parts, known)
    yield from _hidden(parts, known)
    yield from _orders(parts, known)
    yield from _cases(known)
    yield from _destroyed(known)


def _vault(parts: DeleteParts, known: Known) -> Iterator[Finding]:
    before = parts.clock.now() - GRACE
    gone = {vault_id for each in known.destroyed if _is_over(known, each) for vault_id in each.vault_items}
    under = {kept_under(*each) for each in known.completed}
    for item in known.vault:
        if item.vault_id in gone or item.owner in under:
            yield Finding(Kind.DESTROYED_IN_VAULT, item.vault_id, mendable=True)
        elif item.created >= before:
            continue
        elif item.compartment is Compartment.CASE and _has_ended_owner(known, item):
            yield Finding(Kind.PICTURE_OF_ENDED, item.vault_id, mendable=True)
        elif not known.owns(item.owner) and not _is_cache(item):
            yield Finding(Kind.VAULT_WITHOUT_OWNER, item.vault_id, mendable=item.compartment in DERIVED)


def _is_cache(item: VaultItem) -> bool:
    """A thumbnail of an image of another system lies under its address and needs no row: the record is asked."""
    return item.compartment is Compartment.THUMBNAIL and item.owner.startswith(("https://", "http://"))


def _has_ended_owner(known: Known, item: VaultItem) -> bool:
    """Whether it is the copy of an image about which nobody decides any more."""
    found = known.items.get(item.owner.rpartition("/")[2])
    return found is not None and found[1].state in TERMINAL


def _hidden(parts: DeleteParts, known: Known) -> Iterator[Finding]:
    there = vault_ids(known.vault)
    for image in known.hidden.values():
        named = {each for each in (image.content, image.resource) if each is not None}
        if not named <= there:
            yield _about(Kind.HIDDEN_WITHOUT_BYTES, image)
        if image.pending and _has_ended(parts, IntentId(image.pending)):
            yield _about(Kind.HIDING_STUCK, image)


def _about(kind: Kind, image: HiddenImage) -> Finding:
    return Finding(kind, image.reference, image.fhir_base, image.patient)


def _has_ended(parts: DeleteParts, intent: IntentId) -> bool:
    try:
        return parts.ledger.get(intent).ended
    except NotFound:
        return True


def _orders(parts: DeleteParts, known: Known) -> Iterator[Finding]:
    there = vault_ids(known.vault)
    for intent in parts.ledger.unsettled():
        if intent.plan is not None and intent.plan not in there:
            yield Finding(Kind.ORDER_WITHOUT_PLAN, intent.id, intent.fhir_base, intent.patient)


def _cases(known: Known) -> Iterator[Finding]:
    logged = {each.item for each in known.destroyed}
    certified = {each.item: each for each in known.certificates}
    for case in known.cases.values():
        for item in case.items:
            if item.state is not DeletionState.COMPLETED:
                continue
            if item.id not in logged:
                yield Finding(Kind.DESTROYED_WITHOUT_LOG, item.id, case.fhir_base, case.patient, mendable=True)
            if item.id not in certified or item.certificate != certified[item.id].number:
                yield Finding(Kind.DESTROYED_WITHOUT_CERTIFICATE, item.id, case.fhir_base, case.patient)
    for certificate in known.certificates:
        found = known.items.get(certificate.item)
        if found is None and certificate.fhir_base in known.unreadable:
            continue
        if found is None or found[0].id != certificate.case or not _is_certified(found[1]):
            yield Finding(Kind.CERTIFICATE_WITHOUT_CASE, certificate.number, certificate.fhir_base, certificate.patient)


def _is_certified(item: DeletionItem) -> bool:
    return item.state is DeletionState.COMPLETED and item.certificate is not None


def _destroyed(known: Known) -> Iterator[Finding]:
    for each in known.destroyed:
        found = known.items.get(each.item)
        if found is None and each.fhir_base in known.unreadable:
            continue
        if found is None or found[1].state not in _BEGUN:
            yield Finding(Kind.DESTROYED_WITHOUT_CASE, each.item, each.fhir_base)
            continue
        at = (each.fhir_base, each.reference)
        if found[1].state is DeletionState.COMPLETED and (at in known.kept or at in known.hidden):
            yield Finding(Kind.DESTROYED_IN_REGISTER, each.reference, each.fhir_base, found[0].patient, mendable=True)


def _is_over(known: Known, each: Destroyed) -> bool:
    """Whether what was logged has been carried out, as far as we know: not while it is under way, or held."""
    found = known.items.get(each.item)
    if found is None:
        return each.fhir_base not in known.unreadable
    return found[1].state not in _BEGUN or found[1].state is DeletionState.COMPLETED
