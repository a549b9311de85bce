"""FHIR R4 elements that every resource shares: instants, codings, references, labels.

Writers raise `NotMappable`; readers take anything and give back a safe value: None, empty, or restricted.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import Label
from mappings.r4.errors import NotMappable, NotReadable
from mappings.terminology import systems
from mappings.terminology.labels import UNREADABLE, official_display

Json = dict[str, Any]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_OTHER_SPACE = re.compile(r"[^\S \t\r\n]")
_NEVER_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LONGEST_SECONDS = 1e6
_WIDEST_OFFSET = dt.timedelta(hours=14)


# ------------------------------------------------------------------------------------------------ writing


def instant(moment: dt.datetime) -> str:
    """R4 `instant` or `dateTime` to the microsecond. The offset is kept where R4 can say it (whole minutes up to 14
    hours), else the same moment is written in UTC. `NotMappable` (no-offset) for a naive one."""
    offset = moment.utcoffset()
    if offset is None:
        raise NotMappable("an instant needs an offset", code="no-offset")
    if abs(offset) <= _WIDEST_OFFSET and offset % dt.timedelta(minutes=1) == dt.timedelta(0):
        return moment.isoformat()
    try:
        return moment.astimezone(dt.UTC).isoformat()
    except OverflowError as error:
        raise NotMappable("an instant outside the years 1 to 9999", code="out-of-range") from error


def date_time(moment: dt.datetime | dt.date) -> str:
    """R4 `dateTime`: a day, or an instant with its offset."""
    return instant(moment) if isinstance(moment, dt.datetime) else moment.isoformat()


def string(text: str) -> str:
    """R4 `string`: other kinds of space (pasted text has no-break spaces) become plain ones, control characters and
    halves of surrogate pairs go."""
    spaced = _OTHER_SPACE.sub(" ", text)
    return _NEVER_IN_TEXT.sub("", spaced)


def coding(system: str, code: str, display: str | None = None) -> Json:
    """R4 `Coding`."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str, display: str | None = None) -> Json:
    """R4 `CodeableConcept` with one coding."""
    return {"coding": [coding(system, code, display)]}


def reference(target: Reference, display: str | None = None) -> Json:
    """R4 `Reference` to a literal target."""
    return {"reference": target} | ({"display": display} if display else {})


def security(labels: Sequence[Label]) -> list[Json]:
    """R4 `Meta.security`, in order. `NotMappable` for a label without system or code, or one we could not read."""
    for label in labels:
        if not label.system or not label.code or label == UNREADABLE:
            raise NotMappable("a label without system or code cannot be written", code="bad-label")
    return [coding(label.system, label.code, official_display(label)) for label in labels]


def capture_tag(capture_id: CaptureId) -> Json:
    """The `Meta.tag` that marks what one capture wrote."""
    return coding(systems.CAPTURE, capture_id)


def meta(labels: Sequence[Label], capture_id: CaptureId) -> Json:
    """R4 `Meta` of everything a capture writes: its labels and the capture it belongs to."""
    return {"security": security(labels), "tag": [capture_tag(capture_id)]}


def policy_uri(version: str) -> str:
    """The policy that was applied, as a URI that says its version."""
    return systems.POLICY_PREFIX + quote(version, safe="")


# ------------------------------------------------------------------------------------------------ reading


def resource_of_type(json: object, resource_type: str) -> Json:
    """The resource itself, or `NotReadable` (wrong-type) when it is something else."""
    if not isinstance(json, dict) or json.get("resourceType") != resource_type:
        raise NotReadable(f"not a {resource_type}", code="wrong-type")
    return json


def text_of(value: object) -> str:
    """A string as it stands; empty for anything else."""
    return value if isinstance(value, str) else ""


def seconds_of(value: object) -> float | None:
    """A length of time in seconds (R4 decimal); None for anything else, or less than nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if 0 <= value < _LONGEST_SECONDS else None


def object_of(value: object) -> Json:
    """A JSON object as it stands; empty for anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> Iterator[Json]:
    """The JSON objects of a list, skipping what is none; a lone object counts as a list of one."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def codings_of(value: object) -> Iterator[Json]:
    """The codings of a CodeableConcept or of a list of them."""
    for each in objects_of(value):
        yield from objects_of(each.get("coding"))


def code_in(value: object, *wanted: str) -> str | None:
    """The first code of a CodeableConcept (or list) that belongs to one of the systems `wanted`."""
    for each in codings_of(value):
        if each.get("system") in wanted and isinstance(each.get("code"), str):
            return text_of(each["code"])
    return None


def concept_words(value: object) -> str:
    """A CodeableConcept as people read it: its text, else a coding's display; never a bare code."""
    for each in objects_of(value):
        if text := text_of(each.get("text")).strip():
            return text
        for one in objects_of(each.get("coding")):
            if display := text_of(one.get("display")).strip():
                return display
    return ""


def id_of(json: Json) -> str:
    """The logical id; `NotReadable` (no-id) when missing or outside R4's `id`."""
    value = text_of(json.get("id"))
    if not _ID.fullmatch(value):
        raise NotReadable(f"{text_of(json.get('resourceType')) or 'resource'} without a usable id", code="no-id")
    return value


def version_of(json: Json) -> str | None:
    """`meta.versionId`, None where the server does not version."""
    return text_of(object_of(json.get("meta")).get("versionId")) or None


def reference_of(value: object) -> Reference | None:
    """`Type/id` of a literal reference, relative or absolute, version dropped; None for anything else."""
    text = text_of(object_of(value).get("reference"))
    tail = "/".join(text.split("/")[-4:]) if "/_history/" in text else "/".join(text.split("/")[-2:])
    match = _REFERENCE.fullmatch(tail)
    return Reference(f"{match[1]}/{match[2]}") if match else None


def parse_instant(value: object) -> dt.datetime | None:
    """An aware instant, cut to the microsecond; None when it is not one, or has no offset."""
    text = text_of(value)
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_date(value: object) -> dt.date | None:
    """A full day; None for a year or month alone, and for days that do not exist."""
    text = text_of(value)
    if not _DATE.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def parse_date_time(value: object) -> dt.datetime | dt.date | None:
    """An R4 `dateTime`: an aware instant, or the day when no more is sure; None for a year or month alone."""
    day, separator, _time = text_of(value).partition("T")
    return (parse_instant(value) if separator else None) or parse_date(day)


def labels_in(codings: object) -> tuple[Label, ...]:
    """Labels in their order, unknown ones kept. What cannot be read becomes `UNREADABLE`: it counts as restricted."""
    if codings is None:
        return ()
    labels: list[Label] = []
    items = codings if isinstance(codings, list) else [codings]
    for item in items:
        each = object_of(item)
        system, code = text_of(each.get("system")), text_of(each.get("code"))
        label = Label(system, code) if system and code else UNREADABLE
        if label not in labels:
            labels.append(label)
    return tuple(labels)


def labels_of(json: Json) -> tuple[Label, ...]:
    """The labels of a resource (`meta.security`), fail closed: a `meta` that is no object is a label we cannot read."""
    if "meta" not in json:
        return ()
    if not isinstance(json["meta"], dict):
        return (UNREADABLE,)
    return labels_in(json["meta"].get("security"))


def merged_labels(sets: Iterable[tuple[Label, ...]]) -> tuple[Label, ...]:
    """All labels of all sets, each once, in order of appearance: the most that any of them says."""
    return tuple(dict.fromkeys(label for labels in sets for label in labels))


def capture_of(json: Json) -> CaptureId | None:
    """The capture that wrote this resource, from its tag."""
    for tag in objects_of(object_of(json.get("meta")).get("tag")):
        if tag.get("system") == systems.CAPTURE and text_of(tag.get("code")):
            return CaptureId(tag["code"])
    return None


def identifier_in(json: Json, system: str) -> str | None:
    """The value of the resource's identifier in `system`."""
    for each in objects_of(json.get("identifier")):
        if each.get("system") == system and text_of(each.get("value")):
            return text_of(each["value"])
    return None


def extensions_of(element: Json, url: str) -> Iterator[Json]:
    """The extensions of an element with this URL."""
    return (each for each in objects_of(element.get("extension")) if each.get("url") == url)


def policy_version_in(uri: object) -> str | None:
    """The policy version that `policy_uri` wrote; None for other URIs."""
    text = text_of(uri)
    return unquote(text.removeprefix(systems.POLICY_PREFIX)) if text.startswith(systems.POLICY_PREFIX) else None
