"""Reading a patient's record: every type by search, every resource checked, every file that a picture lies in.

By search and not by `Patient/$everything`: nobody can tell whether that gives everything (R4 leaves it to the server
what it includes), while a search by type either gives a whole answer or says that it cannot (ADR 22).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.disclose.desk.types import to_ask
from fhir_plugin.disclose.desk.whose import Whose, says_whom
from fhir_plugin.disclose.redact.names import attachments
from fhir_plugin.disclose.redact.strict import read_resource, write
from fhir_plugin.errors import AnswerLost, PluginError, RecordRefused, RecordUnavailable, Refused, SignInNeeded
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import PatientId, VaultId
from mappings.terminology import systems

MOST_INSIDE: Final = 10 * 1024 * 1024
"""Bytes of a file that is no picture: it goes with the record itself, which is looked through whole."""
AT_ONCE: Final = 40
"""Targets named in one search for who entered them."""
UNCLEAR: Final = "subject-unclear"
NAMES_OTHERS: Final = "names-another-patient"
_BINARY: Final = re.compile(r"(?:^|/)Binary/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?$")
_FAILED: Final = (RecordRefused, RecordUnavailable, AnswerLost)


@dataclass(frozen=True)
class KeptBytes:
    """A picture's bytes as the record gave them, sealed. `digest`: keyed, alike for equal bytes only."""

    vault_id: VaultId
    content_type: str
    digest: str
    size: int


@dataclass
class Read:
    """What was read. `not_read`: a type, a resource or a file, with the code of why. `others`: how many resources of
    other people an answer held, which were left where they are."""

    resources: dict[str, Json] = field(default_factory=dict, repr=False)
    pictures: dict[str, KeptBytes] = field(default_factory=dict)
    not_read: dict[str, str] = field(default_factory=dict)
    others: int = 0


def read_record(
    record: ClinicalRecord,
    patient: PatientId,
    *,
    keep: Callable[[bytes, str], KeptBytes],
    tell: Callable[[float], None],
) -> Read:
    """Everything of this patient's, and of nobody else's.

    `keep` seals the bytes of a picture. `tell` hears from time to time which share is done. Raises `SignInNeeded`,
    and what reading the Patient raises: a record whose patient cannot be read is nobody's.
    """
    read = Read()
    whose = Whose(record.base, patient)
    person = record.read("Patient", patient)
    read.resources[f"Patient/{patient}"] = person
    about_others: list[Json] = []
    types = list(to_ask(record.capability()))
    for number, (type_, parameter, why_not) in enumerate(types):
        tell(0.8 * number / len(types))
        if why_not:
            read.not_read[type_] = why_not
        if parameter is None:
            continue
        value = patient if parameter == "patient" else f"Patient/{patient}"
        try:
            found = record.search(type_, {parameter: value})
        except _FAILED as error:
            read.not_read[type_] = error.code
            continue
        for resource in found:
            _take(read, whose, resource, about_others)
    _by_target(read, record, about_others)
    mine = frozenset(read.resources)
    for resource in about_others:
        if whose.is_mine(resource) is not False and whose.points_to(resource, mine):
            read.resources.setdefault(_key(resource), resource)
        else:
            read.others += 1
    _leave_out_ambiguous(read)
    files = list(_files(read.resources))
    for number, (owner, key, url, type_said) in enumerate(files):
        tell(0.8 + 0.2 * number / len(files))
        _read_file(read, record, owner, key, url, type_said, keep)
    return read


def _leave_out_ambiguous(read: Read) -> None:
    """What two programs could understand differently is told, and not taken."""
    for key, resource in list(read.resources.items()):
        try:
            read_resource(write(resource))
        except Refused as error:
            del read.resources[key]
            read.not_read[key] = error.code


def _by_target(read: Read, record: ClinicalRecord, later: list[Json]) -> None:
    """Who entered something, and when: `Provenance?patient=` finds only what is about the Patient resource itself."""
    if "Provenance" in read.not_read:
        return
    keys = sorted(read.resources)
    for start in range(0, len(keys), AT_ONCE):
        try:
            found = record.search("Provenance", {"target": ",".join(keys[start : start + AT_ONCE])})
        except _FAILED as error:
            read.not_read["Provenance"] = error.code
            return
        known = {_key(each) for each in later}
        fresh = [each for each in found if _key(each) not in known and _key(each) not in read.resources]
        later += [each for each in fresh if not is_of_a_release(each)]


def is_of_a_release(resource: Mapping[str, Any]) -> bool:
    """Whether it says that a copy of the record was sent to somebody: whom else the record went to is told to the
    patient apart (accounting of disclosures), and to nobody with the record."""
    targets = resource.get("target") if resource.get("resourceType") == "Provenance" else None
    return any(
        isinstance(each, dict)
        and isinstance(each.get("identifier"), dict)
        and each["identifier"].get("system") == systems.DISCLOSURE
        for each in (targets if isinstance(targets, list) else ())
    )


def _take(read: Read, whose: Whose, resource: Json, later: list[Json]) -> None:
    mine = whose.is_mine(resource)
    if is_of_a_release(resource):
        return
    if mine:
        read.resources[_key(resource)] = resource
    elif mine is None:
        later.append(resource)
    else:
        read.others += 1
        if whose.is_unclear(resource):
            read.not_read[_key(resource)] = UNCLEAR
        elif not says_whom(resource) and whose.names_me(resource):
            read.not_read[_key(resource)] = NAMES_OTHERS


def _files(resources: Mapping[str, Json]) -> Iterator[tuple[str, str | None, str, str]]:
    """Every file outside the record's own resources that one of them points to: once each."""
    seen: set[str] = set()
    for owner, resource in sorted(resources.items()):
        for each in attachments(resource):
            url, said = each.get("url"), each.get("contentType")
            if not isinstance(url, str) or url in seen or isinstance(each.get("data"), str):
                continue
            seen.add(url)
            yield owner, binary_at(url), url, said if isinstance(said, str) else ""


def binary_at(url: str) -> str | None:
    """`Binary/id`, of which this is the address, of whatever version; None for any other address."""
    found = _BINARY.search(url)
    return f"Binary/{found.group(1)}" if found else None


def _read_file(
    read: Read,
    record: ClinicalRecord,
    owner: str,
    key: str | None,
    url: str,
    said: str,
    keep: Callable[[bytes, str], KeptBytes],
) -> None:
    if key is None:
        read.not_read[owner] = "file-elsewhere"
        return
    if key in read.resources:
        return
    try:
        binary = record.read_binary(url)
    except SignInNeeded:
        raise
    except (PluginError, ValueError) as error:
        read.not_read[key] = error.code if isinstance(error, PluginError) else "not-readable"
        return
    type_ = binary.content_type.split(";")[0].strip().lower() or said
    resource: Json = {"resourceType": "Binary", "id": key.partition("/")[2], "contentType": type_}
    if type_.startswith(("image/", "video/")) or said.lower().startswith(("image/", "video/")):
        read.pictures[key] = keep(binary.content, type_)
    elif len(binary.content) > MOST_INSIDE:
        read.not_read[key] = "too-large"
        return
    else:
        resource["data"] = base64.b64encode(binary.content).decode("ascii")
    read.resources[key] = resource


def _key(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
