"""What is kept of a hidden image, and putting it back: the resource and its bytes exactly as they were."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fhir_plugin.delete.bound import contents_of, need_of
from fhir_plugin.delete.hiding_order import KeptFile, KeptResource, kept_from_bytes, kept_to_bytes
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch, RecordRefused, Refused, VersionConflict
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import ClinicalRecord, Compartment, Json, Vault, kept_under
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.hidden_stub import Form, form_of
from mappings.r4.relabelled import binaries_of, labels_of_image
from mappings.terminology import systems
from mappings.terminology.labels import UNREADABLE

_BY_THE_SERVER = frozenset({"versionId", "lastUpdated", "source"})


@dataclass(frozen=True)
class Whose:
    """Which image of which record this is about."""

    fhir_base: FhirBase
    patient: PatientId
    reference: Reference

    @property
    def owner(self) -> str:
        return kept_under(self.fhir_base, self.reference)


@dataclass(frozen=True)
class HiddenKept:
    """The vault's side of one hidden image."""

    parts: DeleteParts = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    whose: Whose

    def row(self, *, for_change: bool = False) -> HiddenImage:
        """Raises `NotFound` where it is not hidden any more."""
        found = self.parts.hidden.find(self.whose.fhir_base, self.whose.reference, for_change=for_change)
        if found is None:
            raise NotFound("this image is not hidden any more", status=404)
        return found

    def kept(self) -> KeptResource | None:
        """None where nothing has been kept. Raises `Tampered` where it cannot be opened."""
        row = self.row()
        return None if row.resource is None else kept_from_bytes(self.parts.vault.get(row.resource))

    def keep(self, resource: Json) -> KeptResource:
        """Everything that it shows, verified in the vault, in the place of what was kept before.

        Raises `RecordRefused` where its bytes cannot be read: what cannot be put back is not taken out.
        """
        parts, whose = self.parts, self.whose
        need_of(resource, whose.fhir_base, whose.patient)
        contents = contents_of(self.record, resource)
        if not contents:
            raise RecordRefused("the bytes of this picture cannot be read", status=422, code="no-picture")
        shared = self._shown_by_others(resource)
        types = {each.binary: self._type_of(each.binary, each.content) for each in contents if each.binary is not None}
        with parts.work.transaction():
            row = self.row(for_change=True)
            self.forget()
            files, first = [], None
            for each in contents:
                vault_id = parts.vault.put(each.content, compartment=Compartment.HIDDEN, owner=whose.owner)
                first = first or vault_id
                if each.binary is not None:
                    digest = parts.vault.keyed_digest(each.content)
                    files.append(KeptFile(each.binary, vault_id, types[each.binary], digest, each.binary in shared))
            kept = KeptResource(resource, tuple(files))
            sealed = parts.vault.put(kept_to_bytes(kept), compartment=Compartment.HIDDEN, owner=whose.owner)
            digest = " ".join(sorted({parts.vault.keyed_digest(each.content) for each in contents}))
            parts.hidden.keep(replace(row, content=first, resource=sealed, digest=digest))
        return kept

    def verified(self) -> KeptResource | None:
        """What was kept, if all of it opens and is what was read; None where nothing was kept."""
        kept = self.kept()
        for each in kept.files if kept is not None else ():
            if self.parts.vault.keyed_digest(self.parts.vault.get(each.vault_id)) != each.digest:
                raise ReadBackMismatch("what was kept of this image is not what was read", code="not-kept")
        return kept

    def forget(self) -> None:
        """In the open transaction: nothing is kept of it any more."""
        for item in self.parts.vault.items(compartment=Compartment.HIDDEN, owner=self.whose.owner):
            self.parts.vault.destroy(item.vault_id)

    # ------------------------------------------------------------------------------------------ the record

    def read(self) -> Json:
        return self.record.read(*self.whose.reference.split("/"))

    def bytes_back(self, kept: KeptResource) -> None:
        """Every Binary as it was, by its digest. Raises `Refused` (changed-meanwhile) where somebody has put something
        else in its place, `ReadBackMismatch` where it is not as it was afterwards."""
        for each in kept.files:
            if each.shared or self._has(each):
                continue
            if not self._takes_back(each.binary):
                raise Refused("Somebody has changed this file of the record meanwhile.", code="changed-meanwhile")
            self.parts.engine.keep_lease()
            content = self.parts.vault.get(each.vault_id)
            self.record.create_binary(
                content, each.content_type, id=each.binary.split("/")[1], security_context=self.whose.reference
            )
            if not self._has(each):
                raise ReadBackMismatch(f"{each.binary} is not what was put back", code="bytes-not-back")

    def resource_back(self, kept: KeptResource, *, exact: bool = True) -> Json:
        """The resource as it was, over the version that stands there, and its labels exactly.

        `exact` False: labels that a server does not take away again may stay. Raises `Refused` (changed-meanwhile)
        where somebody has put something else in its place, `ReadBackMismatch` where it is not as it was afterwards.
        """
        for tries_left in reversed(range(TRIES)):
            current = self.read()
            if same_as_before(current, kept.resource):
                break
            if not self.is_ours(current, kept.resource):
                raise Refused("Somebody has changed this entry of the record meanwhile.", code="changed-meanwhile")
            try:
                self.record.put(_writable(kept.resource), version=elements.version_of(current))
                break
            except VersionConflict:
                if not tries_left:
                    raise
        self._take_labels_away(kept.resource)
        current = self.read()
        if not (same_as_before(current, kept.resource) or (not exact and _bare(current) == _bare(kept.resource))):
            raise ReadBackMismatch(f"{self.whose.reference} is not as it was", code="not-as-it-was")
        return current

    def digests(self) -> frozenset[str]:
        """Keyed, of what the record shows now."""
        contents = contents_of(self.record, self.read())
        return frozenset(self.parts.vault.keyed_digest(each.content) for each in contents)

    # ------------------------------------------------------------------------------------------ inside

    def is_ours(self, current: Json, original: Json) -> bool:
        """Whether what stands there is what we put there: then nothing of anybody else's is written over."""
        form = form_of(current, picture=neutral_picture())
        return form in (Form.PICTURE, Form.EMPTY) or _unmarked(current) == _unmarked(original)

    def _type_of(self, binary: Reference, content: bytes) -> str:
        read = self.record.read_binary(binary)
        if read.content != content:
            raise ReadBackMismatch(f"{binary} is read differently each time", code="bytes-differ")
        return read.content_type

    def _takes_back(self, binary: Reference) -> bool:
        """Whether nothing of anybody else's lies there."""
        try:
            return self.record.read_binary(binary).content == neutral_picture()
        except (NotFound, Gone):
            return True

    def _has(self, file: KeptFile) -> bool:
        try:
            return self.parts.vault.keyed_digest(self.record.read_binary(file.binary).content) == file.digest
        except RecordRefused:
            return False

    def _shown_by_others(self, resource: Json) -> frozenset[Reference]:
        """Binaries that another image of this patient shows as well: they are not this one's alone to take out."""
        mine = set(binaries_of(resource, base=self.record.base))
        found: set[Reference] = set()
        for type_ in ("Media", "DocumentReference"):
            if not mine or not self.record.searchable(type_):
                continue
            for each in self.record.search(type_, {"patient": self.whose.patient}):
                if f"{type_}/{each.get('id')}" != self.whose.reference:
                    found |= mine & set(binaries_of(each, base=self.record.base))
        return frozenset(found)

    def _take_labels_away(self, original: Json) -> None:
        """Where a server only ever adds to labels, what the stub had is taken away by its own operation."""
        surplus = [each for each in labels_of_image(self.read()) if each not in labels_of_image(original)]
        codings = elements.security([each for each in surplus if each != UNREADABLE and each.system and each.code])
        reference = self.whose.reference
        if codings and self.record.capability_of(reference).changes_labels(reference.split("/")[0], remove=True):
            self.record.remove_labels(reference, codings)


def owners_of_copy(fhir_base: FhirBase, document: Reference) -> tuple[str, str]:
    """Under which names the vault keeps what a hidden copy in a chart was, and the bytes that it showed."""
    return kept_under(fhir_base, document), f"{kept_under(fhir_base, document)} bytes"


def forget_hidden_copy(parts: DeleteParts, fhir_base: FhirBase, document: Reference) -> None:
    """In the open transaction: nothing is kept of a copy in a chart any more."""
    for owner in owners_of_copy(fhir_base, document):
        for item in parts.vault.items(compartment=Compartment.HIDDEN, owner=owner):
            parts.vault.destroy(item.vault_id)


def forget_thumbnails(vault: Vault, fhir_base: FhirBase, reference: Reference) -> None:
    """In the open transaction: one of before shows nothing any more."""
    for item in vault.items(compartment=Compartment.THUMBNAIL, owner=kept_under(fhir_base, reference)):
        vault.destroy(item.vault_id)


def same_as_before(current: Json, original: Json) -> bool:
    """Whether a resource says what it said: everything but what a server writes itself, and tags that it never drops.

    Its labels are the same set; its order is the server's.
    """
    if _labels(current) != _labels(original):
        return False
    return _bare(current) == _bare(original)


def _unmarked(resource: Json) -> Json:
    """Without what marking changes: labels, our tag, the status."""
    return {name: value for name, value in _bare(resource).items() if name != "status"}


def _labels(resource: Json) -> frozenset[Label]:
    return frozenset(labels_of_image(resource))


def _bare(resource: Json) -> Json:
    meta = {
        name: value
        for name, value in elements.object_of(resource.get("meta")).items()
        if name not in _BY_THE_SERVER and name not in ("security", "tag")
    }
    tags = elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))
    said = sorted((elements.text_of(t.get("system")), elements.text_of(t.get("code"))) for t in tags)
    meta["tag"] = [each for each in said if each[0] != systems.HIDDEN]
    bare = {name: value for name, value in resource.items() if name not in ("meta", "text", "securityLabel")}
    return {**bare, "meta": meta}


def _writable(resource: Json) -> Json:
    """Without what a server writes itself."""
    meta = {
        name: value
        for name, value in elements.object_of(resource.get("meta")).items()
        if name not in ("versionId", "lastUpdated")
    }
    return {**resource, "meta": meta}
