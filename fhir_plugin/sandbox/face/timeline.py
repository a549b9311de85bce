"""A patient's chart as a list of entries: what was filed, newest first, and the history before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fhir_plugin.sandbox.face.banner import read_date, read_name
from fhir_plugin.sandbox.fhir.references import read_reference

Json = dict[str, Any]

_FILED = ("Media", "DocumentReference", "Consent", "Task", "Communication", "DiagnosticReport", "Procedure",
          "ServiceRequest", "QuestionnaireResponse", "ClinicalImpression", "List", "Composition")  # fmt: skip
_HISTORY = ("Encounter", "Condition", "Observation", "Flag")
_AROUND = (("Provenance", "target"), ("AuditEvent", "entity"))
_ORDER = ("Media", "DocumentReference", "Consent", "Task", "Communication", "Provenance", "AuditEvent")
_PER_SEARCH = 40
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
"""What the chart opens as a picture. Anything else stays raw FHIR."""


class Record(Protocol):
    """What the chart needs of the FHIR store."""

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]: ...


@dataclass(frozen=True)
class Chip:
    """One security label: what a person reads, and the code behind it."""

    text: str
    code: str


@dataclass(frozen=True)
class Entry:
    """One line of the chart."""

    resource_type: str
    id: str
    when: str
    title: str
    details: tuple[str, ...]
    chips: tuple[Chip, ...]
    has_picture: bool

    @property
    def anchor(self) -> str:
        """The fragment under which the entry is found in the chart page: `Media-123`."""
        return f"{self.resource_type}-{self.id}"


def read_filed(record: Record, patient: str) -> list[Entry]:
    """What apps and people have filed for this patient, newest first."""
    found = [r for kind in _FILED for r in record.search(kind, {"patient": f"Patient/{patient}"})]
    subjects = [f"Patient/{patient}", *(f"{r['resourceType']}/{r['id']}" for r in found)]
    for kind, parameter in _AROUND:
        around = {}
        for start in range(0, len(subjects), _PER_SEARCH):
            wanted = ",".join(subjects[start : start + _PER_SEARCH])
            around.update({r["id"]: r for r in record.search(kind, {parameter: wanted})})
        found.extend(around.values())
    # What was filed within one second belongs together: the image before what surrounds it.
    found.sort(key=_updated, reverse=True)
    found.sort(key=lambda r: _ORDER.index(r["resourceType"]) if r["resourceType"] in _ORDER else len(_ORDER))
    found.sort(key=lambda r: _updated(r)[:19], reverse=True)
    return [_entry(resource, _updated(resource)) for resource in found]


def read_history(record: Record, patient: str) -> list[Entry]:
    """Visits, problems, measurements and flags, newest first by the day they are about."""
    found = [r for kind in _HISTORY for r in record.search(kind, {"patient": f"Patient/{patient}"})]
    found.sort(key=_about, reverse=True)
    return [_entry(resource, _about(resource)) for resource in found]


def read_related(record: Record, patient: str) -> list[Entry]:
    """Relatives, attorneys and the like, as recorded."""
    found = record.search("RelatedPerson", {"patient": f"Patient/{patient}"})
    return [_entry(resource, "") for resource in found]


def read_attachment(resource: Json) -> Json:
    """The first attachment of a Media or DocumentReference; empty if there is none."""
    if resource.get("resourceType") == "Media":
        return _dict(resource.get("content"))
    for content in resource.get("content") or ():
        return _dict(_dict(content).get("attachment"))
    return {}


def owner_of(resource: Json, base: str) -> str | None:
    """The id of the patient whom a resource is about, as far as it says so itself."""
    if resource.get("resourceType") == "Patient":
        return str(resource["id"])
    for element in ("subject", "patient", "for", "securityContext"):
        target = read_reference(str(_dict(resource.get(element)).get("reference", "")), base)
        if target is not None and target.resource_type == "Patient":
            return target.id
    return None


def _updated(resource: Json) -> str:
    return str(_dict(resource.get("meta")).get("lastUpdated", ""))


def _about(resource: Json) -> str:
    period = _dict(resource.get("period"))
    for value in (period.get("start"), resource.get("effectiveDateTime"), resource.get("recordedDate")):
        if value:
            return str(value)
    return _updated(resource)


def _entry(resource: Json, when: str) -> Entry:
    kind = resource["resourceType"]
    title, details = _DESCRIBE.get(kind, _describe_other)(resource)
    return Entry(
        kind,
        str(resource["id"]),
        read_date(when),
        title or kind,
        tuple(detail for detail in details if detail),
        _chips(resource),
        kind in ("Media", "DocumentReference") and read_attachment(resource).get("contentType") in IMAGE_TYPES,
    )


def _chips(resource: Json) -> tuple[Chip, ...]:
    codings = [*(_dict(resource.get("meta")).get("security") or ())]
    for concept in resource.get("securityLabel") or ():
        codings.extend(_dict(concept).get("coding") or ())
    chips = [Chip(str(c.get("display") or c.get("code", "")), str(c.get("code", ""))) for c in codings]
    return tuple(dict.fromkeys(chip for chip in chips if chip.text))


def _describe_media(media: Json) -> tuple[str, tuple[str, ...]]:
    attachment = read_attachment(media)
    return "Clinical image", (
        _text(media.get("bodySite")) and f"Site: {_text(media.get('bodySite'))}",
        _first_text(media.get("reasonCode")),
        media.get("createdDateTime", "") and f"Taken: {read_date(str(media['createdDateTime']))}",
        _size(attachment),
        f"Status: {media.get('status', 'unknown')}",
    )


def _describe_document(document: Json) -> tuple[str, tuple[str, ...]]:
    attachment = read_attachment(document)
    return _text(document.get("type")) or "Document", (
        str(document.get("description", "")),
        str(attachment.get("title", "")),
        _size(attachment),
        f"Status: {document.get('status', 'unknown')}",
    )


def _describe_consent(consent: Json) -> tuple[str, tuple[str, ...]]:
    provision = _dict(consent.get("provision"))
    return "Consent", (
        _text(consent.get("scope")) or _first_text(consent.get("category")),
        provision.get("type", "") and f"Decision: {provision['type']}",
        f"Status: {consent.get('status', 'unknown')}",
    )


def _describe_provenance(provenance: Json) -> tuple[str, tuple[str, ...]]:
    agents = [_reference(_dict(agent).get("who")) for agent in provenance.get("agent") or ()]
    targets = [_reference(target) for target in provenance.get("target") or ()]
    return "Provenance", (
        _text(provenance.get("activity")),
        "For: " + ", ".join(t for t in targets if t) if targets else "",
        "By: " + ", ".join(a for a in agents if a) if any(agents) else "",
        "Signed" if provenance.get("signature") else "",
    )


def _describe_audit(event: Json) -> tuple[str, tuple[str, ...]]:
    about = [_reference(_dict(entity).get("what")) for entity in event.get("entity") or ()]
    return "Audit entry", (
        str(_dict(event.get("type")).get("display", "")),
        "About: " + ", ".join(a for a in about if a) if any(about) else "",
    )


def _describe_encounter(encounter: Json) -> tuple[str, tuple[str, ...]]:
    return "Visit", (_first_text(encounter.get("reasonCode")), f"Status: {encounter.get('status', 'unknown')}")


def _describe_observation(observation: Json) -> tuple[str, tuple[str, ...]]:
    values = [_quantity(observation.get("valueQuantity"))]
    values += [_quantity(_dict(part).get("valueQuantity")) for part in observation.get("component") or ()]
    return _text(observation.get("code")), (" / ".join(value for value in values if value),)


def _describe_related(person: Json) -> tuple[str, tuple[str, ...]]:
    relations = []
    for relationship in person.get("relationship") or ():
        relations += [str(c.get("display") or c.get("code") or "") for c in relationship.get("coding") or ()]
        relations.append(str(relationship.get("text", "")))
    return read_name(person), tuple(relations)


def _describe_other(resource: Json) -> tuple[str, tuple[str, ...]]:
    title = _text(resource.get("code")) or str(resource["resourceType"])
    return title, (str(resource.get("status", "")) and f"Status: {resource['status']}",)


_DESCRIBE = {
    "Media": _describe_media,
    "DocumentReference": _describe_document,
    "Consent": _describe_consent,
    "Provenance": _describe_provenance,
    "AuditEvent": _describe_audit,
    "Encounter": _describe_encounter,
    "Observation": _describe_observation,
    "RelatedPerson": _describe_related,
}


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(concept: object) -> str:
    """The words of a CodeableConcept."""
    found = _dict(concept)
    if found.get("text"):
        return str(found["text"])
    return next((str(c.get("display") or c.get("code")) for c in found.get("coding") or ()), "")


def _first_text(concepts: Iterable[object] | None) -> str:
    return next((text for concept in concepts or () if (text := _text(concept))), "")


def _reference(reference: object) -> str:
    found = _dict(reference)
    return str(found.get("display") or found.get("reference") or "")


def _quantity(quantity: object) -> str:
    found = _dict(quantity)
    return f"{found['value']} {found.get('unit', '')}".strip() if "value" in found else ""


def _size(attachment: Json) -> str:
    parts = [str(attachment.get("contentType", ""))]
    if isinstance(attachment.get("size"), int):
        parts.append(f"{attachment['size'] / 1000:,.0f} kB")
    return ", ".join(part for part in parts if part)
