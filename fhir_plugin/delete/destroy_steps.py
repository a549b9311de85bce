"""The acts of one destruction up to the last version in the record: each asks the world, each may stop.

Ours first, then the record: what the EHR refuses leaves nothing behind here that speaks. Everything can be done again:
what is gone already is gone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.before_destroying import kept_of
from fhir_plugin.delete.copies import kept_beside, only_here, versions_of
from fhir_plugin.delete.destroying import Destroying, Stop
from fhir_plugin.errors import (
    Gone,
    NotFound,
    RecordRefused,
    VersionConflict,
)
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import Json
from mappings.model.deletion import DeletionItem
from mappings.model.identifiers import Reference
from mappings.r4 import elements
from mappings.r4.tombstone import is_tombstone, to_tombstone

_NOTHING: Final = b"This was permanently deleted."
"""Put over bytes that a server does not delete."""


def vault(doing: Destroying) -> Evidence:
    """Everything that this installation holds of it, key first: here, and with every other flow."""
    parts, item = doing.parts, doing.may_destroy()
    intent = doing.intent
    places: list[str] = []
    with parts.work.transaction():
        kept = kept_of(doing, item)
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
            beside = _beside(doing, doing.now()[1].image.reference)
            if beside and bytes_gone(doing) is not None:  # it was only kept here, and the EHR takes no such thing
                how[each] = "deleted"
                continue
            _overwrite(doing, each)
            how[each] = "overwritten"
    return {**how, **doing.emptied(["binary"] if how else [])}


def bytes_gone(doing: Destroying) -> Evidence | None:
    """Whether nothing is left of any of them where everybody reads them."""
    image = doing.now()[1].image
    for each in image.binaries:
        try:
            doing.record.read_binary(each)
            return None
        except (NotFound, Gone):
            continue
        except RecordRefused:
            if not (_beside(doing, image.reference) and only_here(doing.record, "Binary")):
                raise
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
        beside = _beside(doing, image.reference)
        versions = versions_of(doing.record, doing.purge, each, beside=beside)
        if any(found is None or not is_tombstone(found) for found in versions.values()):
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


def _beside(doing: Destroying, image: Reference) -> bool:
    return kept_beside(doing.parts, doing.intent.fhir_base, image)


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
    if doing.record.capability_of(reference).changes_labels(resource_type, remove=True):
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
