"""What comes before the first destroying act: approved as it stands, by what it can be looked for, what refers to it,
and the line in the log that no restore undoes. Nothing here destroys anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.bound import bound_now, contents_of, need_of
from fhir_plugin.delete.copies import kept_beside, not_shared, versions_of, with_copies
from fhir_plugin.delete.destroying import BEGUN, Destroying, Stop
from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.needles import keep_needles, kept_needles, needles_of
from fhir_plugin.delete.references import find, unlink
from fhir_plugin.delete.tell import edited
from fhir_plugin.errors import (
    Gone,
    NotFound,
    RecordRefused,
    RecordUnavailable,
    SignInNeeded,
    Tampered,
    WrongPatient,
)
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import Compartment, Destroyed, Json, VaultItem, kept_under
from mappings.model.deletion import DeletionItem, DeletionState
from mappings.model.identifiers import IntentId, Reference, VaultId
from mappings.r4 import elements
from mappings.r4.relabelled import binaries_of
from mappings.r4.tombstone import is_tombstone

_OURS: Final = (Compartment.THUMBNAIL, Compartment.AUDIT_COPY, Compartment.HIDDEN, Compartment.CLEAN)
"""What the vault may hold of an image under its own name."""
_APPROVED: Final = frozenset({DeletionState.ACCEPTED, DeletionState.IN_PROGRESS, DeletionState.FAILED})


def check(doing: Destroying) -> Evidence:
    """Approved, of this version and these bytes, unexpired, not held, of this patient, and its Task as it was told.

    One that had begun before is checked against what may be there by now. Nothing has been begun yet.
    """
    parts = doing.parts
    doing.may_destroy()
    case, item = doing.now()
    wrong = edited(parts, doing.record, case, item)
    if wrong:
        raise _void(item, wrong)
    hidden = parts.hidden.find(case.fhir_base, item.image.reference)
    if hidden is not None and hidden.pending and not _ended(doing, hidden.pending):
        raise RecordUnavailable("this image is being hidden or shown again", code="hiding-under-way")
    _launch_may(doing, item)
    _as_approved(doing, item)
    return {"version": item.image.version}


def begun(doing: Destroying) -> Evidence:
    """From here on the first destroying act may happen: the item says so, and names every Binary that any version of
    the image has shown."""
    item = doing.may_destroy()
    binaries = tuple(dict.fromkeys((*item.image.binaries, *_of_every_version(doing, item.image.reference))))
    event = {DeletionState.ACCEPTED: Event.BEGUN, DeletionState.FAILED: Event.RETRIED}

    def begin(now: DeletionItem) -> DeletionItem:
        found = replace(now, image=replace(now.image, binaries=binaries))
        return moved(found, event[now.state], at=doing.parts.clock.now()) if now.state in event else found

    item = doing.save(begin, told=True)
    _may_be_done(doing, item)
    return {"binaries": " ".join(binaries)}


def needles(doing: Destroying) -> Evidence:
    """Before anything goes: by what it can be looked for afterwards."""
    if kept_needles(doing.parts, doing.now()[1].id) is not None:
        return {"kept": "before"}
    parts, (case, item) = doing.parts, doing.now()
    try:
        resource = doing.record.read(*item.image.reference.split("/"))
    except (NotFound, Gone):
        resource = {}
    contents = [each.content for each in contents_of(doing.record, resource)] if resource else []
    for held in kept_of(doing, item):
        with suppress(NotFound, Tampered):
            contents.append(parts.vault.get(held.vault_id))
    hidden = parts.hidden.find(case.fhir_base, item.image.reference)
    if hidden is not None and hidden.content is not None:
        contents.append(parts.vault.get(hidden.content))
    if not contents:
        return {"kept": "nothing was there to look for"}
    found = with_copies(doing, needles_of(contents, resource, parts.vault))
    with parts.work.transaction():
        keep_needles(parts, item.id, found)
    return {"kept": "now"}


def references(doing: Destroying) -> Evidence:
    """What refers to it is found first, and handled by policy; bytes that another image shows stop it."""
    case, item = doing.now()
    image = item.image.reference
    not_shared(doing)
    found = find(
        doing.record,
        doing.purge,
        patient=case.patient,
        image=image,
        binaries=item.image.binaries,
        alive=doing.parts.engine.keep_lease,
    )
    approved = {each.image.reference for each in case.items if each.state in _APPROVED}
    if not approved.issuperset(found.sharing):
        raise Stop("Another image shows the same bytes, and nobody has approved that one.", code="bytes-shared")
    if found.pointing and not doing.parts.policy.deletion_unlinks:
        raise Stop("Other entries of the record refer to this image.", code="referred-to")
    unlinked = 0
    for pointing in found.pointing:
        doing.may_destroy()
        try:
            unlinked += unlink(doing.record, pointing, image)
        except RecordRefused as refused:
            raise Stop(f"{pointing} refers to it, and cannot be changed.", code="reference-stays") from refused
    return {"unlinked": str(unlinked), "unasked": str(len(found.unasked))}


def log(doing: Destroying) -> Evidence:
    """Beside the database, durable, before the first destroying act: a restore must not bring it back."""
    parts, item = doing.parts, doing.may_destroy()
    if doing.begun_before():
        return {"logged": "before"}
    _as_approved(doing, item)
    parts.destroyed.append(
        Destroyed(
            at=parts.clock.now(),
            item=item.id,
            fhir_base=doing.intent.fhir_base,
            reference=item.image.reference,
            vault_items=tuple(each.vault_id for each in kept_of(doing, item)),
            digest=item.image.digest,
        )
    )
    return {"logged": "now"}


def logged(doing: Destroying) -> Evidence | None:
    return {"logged": "before"} if doing.begun_before() else None


# ------------------------------------------------------------------------------------------ inside


def _as_approved(doing: Destroying, item: DeletionItem) -> None:
    """What is there is what was approved; of one that had begun, what is left of that, and nothing new."""
    parts, intent, image = doing.parts, doing.intent, item.image
    if not doing.begun_before():
        try:
            found, _contents = bound_now(
                doing.record,
                parts.vault,
                parts.hidden,
                fhir_base=intent.fhir_base,
                patient=intent.patient,
                reference=image.reference,
            )
        except (NotFound, Gone) as error:
            raise _void(item, "gone-already") from error
        except WrongPatient as error:
            raise _void(item, "another-patient") from error
        except RecordRefused as error:
            raise _void(item, "cannot-be-read") from error
        if (found.version, found.digest) != (image.version, image.digest):
            raise _void(item, "changed-since")
        return
    with suppress(NotFound, Gone):
        resource = doing.record.read(*image.reference.split("/"))
        need_of(resource, intent.fhir_base, intent.patient)
        if not is_tombstone(resource) and (elements.version_of(resource) or "") != image.version:
            raise Stop("Somebody has written another version since.", code="changed-since")


def _void(item: DeletionItem, why: str) -> Stop:
    """Before it began the approval is void and goes to a person; afterwards it stops where it is."""
    how = Event.STOPPED if item.state in BEGUN else Event.VOIDED
    return Stop("What was approved is not what is there.", code=why, how=how)


def _may_be_done(doing: Destroying, item: DeletionItem) -> None:
    """Where the EHR's server says beforehand that it will neither delete nor change, nothing is begun: what we hold is
    then the lesser part, and would be gone for nothing."""
    for reference in (item.image.reference, *item.image.binaries):
        capability, resource_type = doing.record.capability_of(reference), reference.split("/")[0]
        may = capability.may(resource_type, "delete") or capability.may(resource_type, "update")
        if capability.may(resource_type, "create") and not may:
            raise Stop(f"This server neither deletes nor changes a {resource_type}.", code="record-refuses")


def _launch_may(doing: Destroying, item: DeletionItem) -> None:
    """What the server offers and this launch was not given waits for a launch that was."""
    for each in (item.image.reference, *item.image.binaries):
        capability, resource_type = doing.record.capability_of(each), each.split("/")[0]
        offered = {"delete", "update"} & capability.interactions.get(resource_type, frozenset())
        if offered and not any(capability.granted(resource_type, what) for what in offered):
            raise SignInNeeded("This launch may not delete images. It waits for one that may.", code="may-not-delete")


def _ended(doing: Destroying, intent: str) -> bool:
    try:
        return doing.parts.ledger.get(IntentId(intent)).ended
    except NotFound:
        return True


def _of_every_version(doing: Destroying, image: Reference) -> Sequence[Reference]:
    """Binaries that any version of the image has shown. Where nobody can be asked for versions, the proof says so."""
    try:
        beside = kept_beside(doing.parts, doing.intent.fhir_base, image)
        versions: Iterable[Json | None] = versions_of(doing.record, doing.purge, image, beside=beside).values()
    except RecordRefused:
        return ()
    found = (binaries_of(each, base=doing.record.base) for each in versions if each is not None)
    return [reference for references in found for reference in references]


def kept_of(doing: Destroying, item: DeletionItem) -> list[VaultItem]:
    """What the vault holds of it under its own name, what was kept while it was hidden, and the Guardian's copy."""
    parts, base, image = doing.parts, doing.intent.fhir_base, item.image.reference
    found = [
        each
        for each in parts.vault.items(owner=kept_under(base, image))
        if each.compartment in _OURS or each.compartment is Compartment.CASE
    ]
    hidden = parts.hidden.find(base, image)
    named: set[VaultId | None] = {item.picture}
    if hidden is not None:
        named |= {hidden.content, hidden.resource}
    known = {each.vault_id for each in found}
    wanted = named - known - {None}
    if wanted:
        found += [each for each in parts.vault.items() if each.vault_id in wanted]
    return found
