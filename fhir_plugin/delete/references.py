"""What in a record refers to an image: found before anything is destroyed, and handled by policy.

What says what happened (who filed it, who saw it, what was asked and decided) keeps its reference: it shows nothing. In
everything else the reference is taken out over the version that was read, or the destruction stops. Bytes that another
image shows as well are never destroyed with this one: nobody approved that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.errors import Gone, NotFound, RecordRefused, VersionConflict
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import ClinicalRecord, Json, RecordPurge
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.r4 import elements
from mappings.r4.relabelled import binaries_of

TELL_WHAT_HAPPENED: Final = frozenset(
    {"AuditEvent", "CommunicationRequest", "Consent", "Provenance", "QuestionnaireResponse", "Task"}
)
"""Types that keep their references: evidence, and answers that were given. They hold no picture."""
INSTEAD: Final = "An image that was permanently deleted"
"""Stands where the reference stood, so that what must say something there (R4 1..1) still does."""
IMAGES: Final = frozenset({"Media", "DocumentReference"})
_PARAMETERS: Final = ("patient", "subject", "individual", "beneficiary", "member", "actor")
_BY_NAME: Final = (
    ("Composition", "entry"),
    ("DiagnosticReport", "media"),
    ("DocumentReference", "relatesto"),
    ("DocumentReference", "related"),
    ("List", "item"),
    ("Media", "based-on"),
    ("Observation", "derived-from"),
    ("Observation", "has-member"),
    ("Procedure", "part-of"),
    ("Condition", "evidence-detail"),
    ("Communication", "part-of"),
)
"""R4 search parameters by which something may refer to an image without naming its patient."""


@dataclass(frozen=True)
class Found:
    """`pointing`: what refers to the image and says nothing of what happened. `sharing`: other images that show one of
    its Binaries. `unasked`: types that could not be searched, each with the code of why."""

    pointing: tuple[Reference, ...] = ()
    sharing: tuple[Reference, ...] = ()
    unasked: dict[str, str] = field(default_factory=dict)


def find(
    record: ClinicalRecord,
    purge: RecordPurge,
    *,
    patient: PatientId,
    image: Reference,
    binaries: Collection[Reference],
    alive: Callable[[], None] = lambda: None,
) -> Found:
    """Everything of this patient's that can be read is looked through, whatever a server's search makes of it."""
    unasked: dict[str, str] = {}
    seen: dict[str, Json] = {}
    for resource in _all(record, purge, patient, image, unasked, alive):
        seen.setdefault(f"{resource.get('resourceType')}/{resource.get('id')}", resource)
    pointing, sharing = [], []
    for key, resource in sorted(seen.items()):
        if key == image or key in binaries:  # its own bytes, which name it as their context, go with it
            continue
        if resource.get("resourceType") in IMAGES and set(binaries_of(resource, base=record.base)) & set(binaries):
            sharing.append(Reference(key))
        if resource.get("resourceType") not in TELL_WHAT_HAPPENED and refers(resource, image, base=record.base):
            pointing.append(Reference(key))
    return Found(tuple(pointing), tuple(sharing), unasked)


def unlink(record: ClinicalRecord, pointing: Reference, image: Reference) -> bool:
    """Takes the reference out over the version that was read; whether there was one. Raises `VersionConflict` where
    somebody else writes all the time, and what the server says no with."""
    for tries_left in reversed(range(TRIES)):
        try:
            resource = record.read(*pointing.split("/"))
        except (NotFound, Gone):
            return False
        if not refers(resource, image, base=record.base):
            return False
        try:
            record.put(without(resource, image, base=record.base), version=elements.version_of(resource))
            break
        except VersionConflict:
            if not tries_left:
                raise
    if refers(record.read(*pointing.split("/")), image, base=record.base):
        raise RecordRefused(f"{pointing} still refers to it", status=422, code="reference-kept")
    return True


def refers(resource: Json, image: Reference, *, base: FhirBase) -> bool:
    """Whether any reference in it, at any depth, is to the image or a version of it."""
    return any(_is_to(node, image, base) for node in _objects(resource))


def without(resource: Json, image: Reference, *, base: FhirBase) -> Json:
    """The same with words instead of each reference to the image: what it was called there goes as well."""

    def cleaned(node: Any) -> Any:
        if isinstance(node, list):
            return [cleaned(each) for each in node]
        if not isinstance(node, dict):
            return node
        if _is_to(node, image, base):
            return {"display": INSTEAD}
        return {name: cleaned(value) for name, value in node.items()}

    changed: Json = cleaned(resource)
    return changed


def _is_to(node: Json, image: Reference, base: FhirBase) -> bool:
    said = node.get("reference")
    if not isinstance(said, str):
        return False
    return said.removeprefix(f"{base.rstrip('/')}/").split("/_history/")[0] == image


def _objects(value: Any) -> Iterator[Json]:
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _all(
    record: ClinicalRecord,
    purge: RecordPurge,
    patient: PatientId,
    image: Reference,
    unasked: dict[str, str],
    alive: Callable[[], None],
) -> Iterator[Json]:
    """Of this patient, by every way in: `$everything`, each type by search, and who refers to the image by name."""
    try:
        yield from purge.everything(patient)
    except RecordRefused as refused:
        unasked["$everything"] = refused.code
    for resource_type, params in _searches(record, patient, image):
        alive()
        try:
            found: Sequence[Json] = record.search(resource_type, params)
        except RecordRefused as refused:
            unasked[resource_type] = refused.code
            continue
        yield from found


def _searches(record: ClinicalRecord, patient: PatientId, image: Reference) -> Iterator[tuple[str, dict[str, str]]]:
    capability = record.capability()
    for resource_type in sorted(capability.interactions):
        if resource_type in TELL_WHAT_HAPPENED or not capability.may(resource_type, "search-type"):
            continue
        known = capability.search_params.get(resource_type, frozenset())
        parameter = next((each for each in _PARAMETERS if each in known), None)
        if parameter is not None:
            yield resource_type, {parameter: patient if parameter == "patient" else f"Patient/{patient}"}
    for resource_type, name in _BY_NAME:
        if capability.searches(resource_type, name):
            yield resource_type, {name: image}
