"""Where one patient's record and our own places disagree, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_plugin.delete.disagreement import Finding, Kind, Known
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.reconcile_copies import copy_findings, documents_of
from fhir_plugin.delete.tell import EDITED, GONE, edited, not_told
from fhir_plugin.errors import Gone, NotFound, RecordRefused, Tampered
from fhir_plugin.ports import ClinicalRecord, Compartment, Json, kept_under
from mappings.model.deletion import DeletionState
from mappings.model.hiding import HidingState
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.r4 import elements
from mappings.r4.deletion_task import from_deletion_task
from mappings.r4.hidden_stub import Form, form_of
from mappings.r4.relabelled import binaries_of
from mappings.r4.tombstone import ENTERED_IN_ERROR, is_tombstone
from mappings.terminology import systems

IMAGES: Final = ("Media", "DocumentReference")
_STUBS: Final = (Form.PICTURE, Form.EMPTY)
_TASKS: Final = {EDITED: Kind.TASK_EDITED, GONE: Kind.TASK_GONE}


def record_findings(
    parts: DeleteParts, record: ClinicalRecord, known: Known, base: FhirBase, patient: PatientId
) -> Iterator[Finding]:
    """Everything that this patient's record says against vault and database. Raises as the record does: what could not
    be read is no disagreement."""
    there = {f"{each['resourceType']}/{each['id']}": each for each in _images(record, patient)}

    def said(kind: Kind, what: str, *, mendable: bool = False) -> Finding:
        return Finding(kind, what, base, patient, mendable)

    kept = [ref for (at, ref), each in known.kept.items() if (at, each.patient) == (base, patient)]
    hidden = [ref for (at, ref), each in known.hidden.items() if (at, each.patient) == (base, patient)]
    destroyed = _destroyed(known, base, patient)
    for reference in dict.fromkeys((*kept, *hidden, *destroyed)):
        if reference not in there and (found := _read(record, reference)) is not None:
            there[reference] = found
    for reference in kept:
        resource = there.get(reference)
        if resource is None or (is_tombstone(resource) and not known.destroying(base, reference)):
            yield said(Kind.KEPT_WITHOUT_RESOURCE, reference)
        elif not _is_of(resource, base, patient):
            yield said(Kind.KEPT_OF_ANOTHER, reference)
    copies = documents_of(parts.copies.of_patient(base, patient))
    for name, found_there in sorted(there.items()):
        if name in copies:
            continue
        yield from _resource(parts, record, known, base, patient, Reference(name), found_there)
    for reference in destroyed:
        if reference in there and not is_tombstone(there[reference]):
            yield said(Kind.DESTROYED_SHOWS, reference)
    yield from _thumbnails(parts, record, base, patient, [each for each in kept if each not in there])
    yield from copy_findings(parts, record, known, base, patient, there)
    yield from _tasks(parts, record, known, base, patient)


# ------------------------------------------------------------------------------------------ one resource


def _resource(
    parts: DeleteParts,
    record: ClinicalRecord,
    known: Known,
    base: FhirBase,
    patient: PatientId,
    reference: Reference,
    resource: Json,
) -> Iterator[Finding]:
    at = (base, reference)
    hidden, form = known.hidden.get(at), form_of(resource, picture=neutral_picture())
    if is_tombstone(resource):
        if not known.destroying(base, reference):
            yield Finding(Kind.TOMBSTONE_WITHOUT_DESTRUCTION, reference, base, patient)
        return
    if hidden is not None and hidden.state is HidingState.HIDDEN and form is None:
        yield Finding(Kind.HIDDEN_SHOWS, reference, base, patient)
    if form in _STUBS and reference not in parts.hidden.references(base, patient):
        yield Finding(Kind.STUB_WITHOUT_HIDDEN, reference, base, patient)
    if resource.get("status") == ENTERED_IN_ERROR or not _is_of(resource, base, patient):
        return
    ours = elements.identifier_in(resource, systems.IMAGE) is not None
    if ours and form not in _STUBS and not known.destroying(base, reference) and not _is_kept(parts, at):
        yield Finding(Kind.RESOURCE_WITHOUT_REGISTER, reference, base, patient, mendable=hidden is None)
    if ours and form is None and _is_empty(record, resource):
        yield Finding(Kind.BYTES_GONE, reference, base, patient)


def _is_kept(parts: DeleteParts, at: tuple[FhirBase, Reference]) -> bool:
    """Whether the register has a row of it, also one that cannot be opened."""
    try:
        parts.kept.get(*at)
    except NotFound:
        return False
    except Tampered:
        return True
    return True


def _is_empty(record: ClinicalRecord, resource: Json) -> bool:
    """Whether it names bytes of this record and none of them are there."""
    binaries = binaries_of(resource, base=record.base)
    return bool(binaries) and not any(_has_bytes(record, each) for each in binaries)


def _has_bytes(record: ClinicalRecord, binary: Reference) -> bool:
    try:
        record.read_binary(binary)
    except (NotFound, Gone):
        return False
    except RecordRefused:  # somebody there, who does not show it
        return True
    return True


def _destroyed(known: Known, base: FhirBase, patient: PatientId) -> list[Reference]:
    """What is proven to be destroyed in this patient's record; and what the log alone still knows of, at this EHR:
    whose it was went with the database, and only a launch of that patient would be shown it."""
    forgotten = [each for each in known.destroyed if each.fhir_base == base and each.item not in known.items]
    return [each.reference for each in forgotten] + [
        item.image.reference
        for case in known.of_patient(base, patient)
        for item in case.items
        if item.state is DeletionState.COMPLETED
    ]


# ------------------------------------------------------------------------------------------ beside the images


def _thumbnails(
    parts: DeleteParts, record: ClinicalRecord, base: FhirBase, patient: PatientId, gone: list[Reference]
) -> Iterator[Finding]:
    """Of what we filed and the record says is deleted. Of images of other systems nobody here knows whose they are, and
    no launch asks for what may be another patient's."""
    for reference in gone:
        held = parts.vault.items(compartment=Compartment.THUMBNAIL, owner=kept_under(base, reference))
        if held and _is_gone(record, reference):
            for item in held:
                yield Finding(Kind.THUMBNAIL_WITHOUT_IMAGE, item.vault_id, base, patient, mendable=True)


def _tasks(
    parts: DeleteParts, record: ClinicalRecord, known: Known, base: FhirBase, patient: PatientId
) -> Iterator[Finding]:
    for case in known.of_patient(base, patient):
        wrong = {item.id: edited(parts, record, case, item) for item in case.items}
        for item in case.items:
            if wrong[item.id]:
                yield Finding(_TASKS[wrong[item.id]], item.id, base, patient, mendable=True)
            elif not_told(parts, record, case, item):
                yield Finding(Kind.TASK_NOT_TOLD, item.id, base, patient, mendable=True)
    ours = {str(case.id) for case in known.cases.values()}
    if base in known.unreadable:
        return
    try:
        tasks = record.search("Task", {"patient": patient})
    except RecordRefused:
        return
    for task in tasks:
        if elements.code_in(task.get("code"), systems.DELETION_TASK) is not None:
            case_id = from_deletion_task(task).case
            if case_id is None or case_id not in ours:
                yield Finding(Kind.TASK_WITHOUT_CASE, f"Task/{task['id']}", base, patient)


# ------------------------------------------------------------------------------------------ reading


def _images(record: ClinicalRecord, patient: PatientId) -> Iterator[Json]:
    for resource_type in IMAGES:
        if record.searchable(resource_type):
            yield from record.search(resource_type, {"patient": patient})


def _read(record: ClinicalRecord, reference: Reference) -> Json | None:
    try:
        return record.read(*reference.split("/"))
    except (NotFound, Gone):
        return None


def _is_gone(record: ClinicalRecord, reference: Reference) -> bool:
    """The record itself says so (410). That it shows nothing (404) may be that it shows it to others."""
    try:
        record.read(*reference.split("/"))
    except Gone:
        return True
    except RecordRefused:
        return False
    return False


def _is_of(resource: Json, base: FhirBase, patient: PatientId) -> bool:
    said = elements.text_of(elements.object_of(resource.get("subject")).get("reference"))
    return said.split("/_history/")[0].removeprefix(f"{base}/") == f"Patient/{patient}"
