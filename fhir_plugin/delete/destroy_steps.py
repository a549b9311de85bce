"""The acts of one destruction up to the last version in the record: each asks the world, each may stop.

Ours first, then the record: what the EHR refuses leaves nothing behind here that speaks. Everything can be done again:
what is gone already is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.bound import bound_now, contents_of, need_of
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
    Tampered,
    VersionConflict,
    WrongPatient,
)
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import Compartment, Destroyed, Json, VaultItem, kept_under
from mappings.model.deletion import DeletionItem, DeletionState
from mappings.model.identifiers import IntentId, Reference, VaultId
from mappings.r4 import elements
from mappings.r4.relabelled import binaries_of
from mappings.r4.tombstone import is_tombstone, to_tombstone

_OURS: Final = (Compartment.THUMBNAIL, Compartment.AUDIT_COPY, Compartment.HIDDEN, Compartment.CLEAN)
"""What the vault may hold of an image under its own name."""
_NOTHING: Final = b"This was permanently deleted."
"""Put over bytes that a server does not delete."""
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
    for held in _kept_of(doing, item):
        with suppress(NotFound, Tampered):
            contents.append(parts.vault.get(held.vault_id))
    hidden = parts.hidden.find(case.fhir_base, item.image.reference)
    if hidden is not None and hidden.content is not None:
        contents.append(parts.vault.get(hidden.content))
    if not contents:
        return {"kept": "nothing was there to look for"}
    with parts.work.transaction():
        keep_needles(parts, item.id, needles_of(contents, resource, parts.vault))
    return {"kept": "now"}


def references(doing: Destroying) -> Evidence:
    """What refers to it is found first, and handled by policy; bytes that another image shows stop it."""
    case, item = doing.now()
    image = item.image.reference
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
            vault_items=tuple(each.vault_id for each in _kept_of(doing, item)),
            digest=item.image.digest,
        )
    )
    return {"logged": "now"}


def logged(doing: Destroying) -> Evidence | None:
    return {"logged": "before"} if doing.begun_before() else None


def vault(doing: Destroying) -> Evidence:
    """Everything that this installation holds of it, key first: here, and with every other flow."""
    parts, item = doing.parts, doing.may_destroy()
    intent = doing.intent
    places: list[str] = []
    with parts.work.transaction():
        kept = _kept_of(doing, item)
        for each in kept:
            parts.vault.destroy(each.vault_id)
        places += sorted({each.compartment.value for each in kept})
        for place, destroy in doing.elsewhere.items():
            if destroy(intent.fhir_base, intent.patient, item.image):
                places.append(place)
        doing.save(lambda now: replace(now, picture=None))
        return doing.emptied(places)


def binary(doing: Destroying) -> Evidence:
    """The bytes, where they lie apart: deleted; where a server refuses that, words put over them."""
    how: dict[str, str] = {}
    for each in doing.may_destroy().image.binaries:
        doing.may_destroy()
        try:
            doing.record.delete(*each.split("/"))
            how[each] = "deleted"
        except RecordRefused:
            _overwrite(doing, each)
            how[each] = "overwritten"
    return {**how, **doing.emptied(["binary"] if how else [])}


def bytes_gone(doing: Destroying) -> Evidence | None:
    """Whether nothing is left of any of them where everybody reads them."""
    for each in doing.now()[1].image.binaries:
        with suppress(NotFound, Gone):
            doing.record.read_binary(each)
            return None
    return doing.emptied(["binary"])


def image_gone(doing: Destroying) -> Evidence | None:
    """Whether it is deleted. Where our tombstone stands, deleting it is tried again."""
    with suppress(NotFound, Gone):
        doing.record.read(*doing.now()[1].image.reference.split("/"))
        return None
    return {"stands": "", "record": "deleted", **doing.emptied(["image"])}


def image(doing: Destroying) -> Evidence:
    """A tombstone over it, so that the version that everybody gets says nothing; then deleted where the server lets us.

    What it refuses to delete, because others refer to it or because it never deletes, is left as our tombstone.
    """
    item = doing.may_destroy()
    reference = item.image.reference
    over = _entomb(doing, item)
    try:
        doing.record.delete(*reference.split("/"))
        how = "deleted"
    except RecordRefused:
        how = "tombstone" if over else ""
    if not how:
        raise Stop("The record neither deletes this image nor lets it be written over.", code="record-refuses")
    return {"stands": "" if how == "deleted" else "yes", "record": how, **doing.emptied(["image"])}


def history_gone(doing: Destroying) -> Evidence | None:
    """Whether no place tells of any version but a tombstone of ours any more."""
    image = doing.now()[1].image
    for each in (image.reference, *image.binaries):
        if any(found is None or not is_tombstone(found) for found in doing.purge.versions(each).values()):
            return None
    return {"versions": "none", **doing.emptied(["history"])}


def history(doing: Destroying) -> Evidence:
    """Every earlier version, by the server's own means. That it says yes proves nothing; that it says no is told by the
    proof, with what its administrator must do."""
    item = doing.may_destroy()
    told: dict[str, str] = {}
    for each in (item.image.reference, *item.image.binaries):
        doing.may_destroy()
        try:
            for place, answer in doing.purge.purge(each).items():
                told[f"{each} {place}"] = answer
        except RecordRefused as refused:
            told[f"{each} ehr"] = refused.code
    purged = any(key.endswith(" ehr") and answer == "done" for key, answer in told.items())
    return {**told, **doing.emptied(["history"] if purged else [])}


def registers(doing: Destroying) -> Evidence:
    """What we filed and what is hidden name it no more, once the record shows it no more: until then, what was hidden
    stays hidden, whatever a server has said."""
    parts, intent, item = doing.parts, doing.intent, doing.may_destroy()
    if not _nothing_shows(doing, item.image.reference):
        return {"registers": "it is still shown"}
    with parts.work.transaction():
        parts.kept.forget(intent.fhir_base, item.image.reference)
        parts.hidden.forget(intent.fhir_base, item.image.reference)
        for work in parts.worklist.of_patient(intent.fhir_base, intent.patient):
            if work.subject == item.image.reference:
                held = parts.worklist.get(work.id, for_change=True)
                parts.worklist.save(replace(held, done_at=parts.clock.now(), words="", outcome="destroyed"))
    return {"registers": "forgotten"}


# ------------------------------------------------------------------------------------------ inside


def _nothing_shows(doing: Destroying, reference: Reference) -> bool:
    try:
        return is_tombstone(doing.record.read(*reference.split("/")))
    except (NotFound, Gone):
        return True


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
    capability = doing.record.capability()
    for resource_type in dict.fromkeys(each.split("/")[0] for each in (item.image.reference, *item.image.binaries)):
        may = capability.may(resource_type, "delete") or capability.may(resource_type, "update")
        if capability.may(resource_type, "create") and not may:
            raise Stop(f"This server neither deletes nor changes a {resource_type}.", code="record-refuses")


def _ended(doing: Destroying, intent: str) -> bool:
    try:
        return doing.parts.ledger.get(IntentId(intent)).ended
    except NotFound:
        return True


def _of_every_version(doing: Destroying, image: Reference) -> Sequence[Reference]:
    """Binaries that any version of the image has shown. Where nobody can be asked for versions, the proof says so."""
    try:
        versions: Iterable[Json | None] = doing.purge.versions(image).values()
    except RecordRefused:
        return ()
    found = (binaries_of(each, base=doing.record.base) for each in versions if each is not None)
    return [reference for references in found for reference in references]


def _kept_of(doing: Destroying, item: DeletionItem) -> list[VaultItem]:
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


def _overwrite(doing: Destroying, binary: Reference) -> None:
    id = binary.split("/")[1]
    doing.record.create_binary(_NOTHING, "text/plain", id=id, security_context=None)


def _entomb(doing: Destroying, item: DeletionItem) -> bool:
    """Whether our tombstone is the current version now, or nothing is there."""
    reference = item.image.reference
    resource_type, id = reference.split("/")
    approved: str | None = item.image.version
    for tries_left in reversed(range(TRIES)):
        try:
            resource = doing.record.read(resource_type, id)
        except (NotFound, Gone):
            return True
        if is_tombstone(resource):
            return True
        version = elements.version_of(resource)
        if (version or "") != approved:
            raise Stop("Somebody has written another version since.", code="changed-since")
        try:
            doing.record.put(to_tombstone(resource), version=version)
            break
        except VersionConflict:
            if not tries_left:
                raise
        except RecordRefused:
            return False
    resource = doing.record.read(resource_type, id)
    if doing.record.capability().changes_labels(resource_type, remove=True):
        _bare_labels(doing, reference, resource)
        resource = doing.record.read(resource_type, id)
    return is_tombstone(resource)


def _bare_labels(doing: Destroying, reference: Reference, resource: Json) -> None:
    """Where a server only ever adds labels, what the image was about still stands there."""
    said = to_tombstone(resource)["meta"]["security"]
    codes = {(each["system"], each["code"]) for each in said}
    surplus = [
        each
        for each in elements.objects_of(elements.object_of(resource.get("meta")).get("security"))
        if (each.get("system"), each.get("code")) not in codes
    ]
    if surplus:
        with suppress(RecordRefused):
            doing.record.remove_labels(reference, surplus)
