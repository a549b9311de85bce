"""What `ClinicalRecord` promises, one function each. A promise that is broken raises `AssertionError`.

The same functions run on the fake, our own stores and servers (`test_clinical_record`), and on fakes that lie
(`test_record_lies`), where they must fail. Where a server is known to do otherwise, its deviation (data, in
`record_deviations.toml`) is asserted instead; nothing is skipped.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pytest

from fhir_plugin.errors import Gone, NotFound, RecordRefused, TooLarge, VersionConflict
from fhir_plugin.ports import ClinicalRecord, EntryOutcome, Stored, TransactionEntry
from mappings.model.identifiers import Reference

Json = dict[str, Any]

OURS: Final = "https://fhir-plugin.example/identifier//capture"
"""A system with a double slash inside: one proxy collapses it unless it is percent-encoded."""
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RESTRICTED: Final = {"system": CONFIDENTIALITY, "code": "R"}
NORMAL: Final = {"system": CONFIDENTIALITY, "code": "N"}
SENSITIVE: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SEX"}
LARGE: Final = 5 * 2**20


@dataclass
class Place:
    """One implementation under test: its record, two patients in it, and how it is known to deviate."""

    name: str
    record: ClinicalRecord
    patient: Reference
    other_patient: Reference
    deviations: frozenset[str] = frozenset()
    made: list[Stored] = field(default_factory=list)

    def deviates(self, name: str) -> bool:
        return name in self.deviations

    def media(self, **changes: Any) -> Json:
        """A Media with an identifier that nobody else has, about `patient`."""
        return {
            "resourceType": "Media",
            "meta": {"security": [dict(RESTRICTED), dict(SENSITIVE)], "tag": [{"system": OURS, "code": "t1"}]},
            "identifier": [{"system": OURS, "value": f"a b&c+d/{uuid.uuid4()}"}],
            "status": "completed",
            "subject": {"reference": self.patient},
            "content": {"contentType": "image/jpeg", "title": "no picture"},
            **changes,
        }

    def make(self, **changes: Any) -> tuple[Stored, Json]:
        """A Media in the record, by whichever way gives it an id."""
        resource = self.media(**changes)
        stored = self.record.create(resource)
        return stored, resource


Promise = Callable[[Place], None]


def our_id() -> str:
    return f"p-{uuid.uuid4()}"


def key_of(resource: Json) -> dict[str, str]:
    """The search for the one resource with this identifier."""
    identifier = resource["identifier"][0]
    return {"identifier": f"{identifier['system']}|{identifier['value']}"}


def content_of(resource: Json) -> Json:
    """Without what the server adds."""
    return {key: value for key, value in resource.items() if key not in ("id", "meta", "text")}


def labels_of(resource: Json) -> set[tuple[str, str]]:
    return {(label["system"], label["code"]) for label in resource.get("meta", {}).get("security", [])}


# ---------------------------------------------------------------------------------- one resource


def creates_and_reads(place: Place) -> None:
    stored, resource = place.make()
    found = place.record.read("Media", stored.id)
    assert stored.resource_type == "Media"
    assert content_of(found) == content_of(resource)
    assert found["id"] == stored.id
    if stored.version is not None:
        assert found["meta"]["versionId"] == stored.version


def creates_one_and_only_one(place: Place) -> None:
    stored, resource = place.make()
    assert [found["id"] for found in place.record.search("Media", key_of(resource))] == [stored.id]


def keeps_labels_and_tags(place: Place) -> None:
    stored, resource = place.make()
    found = place.record.read("Media", stored.id)
    assert labels_of(found) == labels_of(resource)
    assert {"system": OURS, "code": "t1"}.items() <= found["meta"]["tag"][0].items()


def replaces_labels(place: Place) -> None:
    stored, resource = place.make()
    relabelled = {**resource, "id": stored.id, "meta": {"security": [dict(NORMAL)]}}
    place.record.put(relabelled)
    left = labels_of(place.record.read("Media", stored.id))
    if place.deviates("labels-merge-on-update"):
        assert left == labels_of(resource) | labels_of(relabelled)
    else:
        assert left == labels_of(relabelled)


def changes_labels_alone(place: Place) -> None:
    """`$meta-add` and `$meta-delete`: sets of labels, nothing else touched; told before it is tried, refused else."""
    stored, resource = place.make()
    if not place.record.capability().changes_labels("Media", remove=True):
        with pytest.raises(RecordRefused):
            place.record.remove_labels(stored.reference, [dict(SENSITIVE)])
        assert labels_of(place.record.read("Media", stored.id)) == labels_of(resource)
        return
    for _ in range(2):
        place.record.remove_labels(stored.reference, [dict(SENSITIVE), dict(NORMAL)])
        place.record.add_labels(stored.reference, [dict(RESTRICTED)])
    found = place.record.read("Media", stored.id)
    assert labels_of(found) == {(RESTRICTED["system"], RESTRICTED["code"])}
    assert len(found["meta"]["security"]) == 1
    assert content_of(found) == content_of(resource)
    place.record.add_labels(stored.reference, [dict(SENSITIVE)])
    assert labels_of(place.record.read("Media", stored.id)) == labels_of(resource)


def keeps_numbers(place: Place) -> None:
    stored, _ = place.make(duration=Decimal("1.50"), height=9007199254740993 % 2**31, width=4032)
    found = place.record.read("Media", stored.id)
    assert (found["height"], found["width"]) == (9007199254740993 % 2**31, 4032)
    assert found["duration"] == Decimal("1.5")
    if place.deviates("drops-trailing-zeros"):
        assert str(found["duration"]) == "1.5"
    else:
        assert str(found["duration"]) == "1.50"


def keeps_every_script(place: Place) -> None:
    note = [{"text": 'Ünïcödé, 皮膚, \U0001f9d1\u200d\u2695\ufe0f, "quotes" and \\ strokes'}]
    stored, _ = place.make(note=note)
    assert place.record.read("Media", stored.id)["note"] == note


def puts_under_our_id(place: Place) -> None:
    id = our_id()
    resource = place.media(id=id)
    if place.deviates("server-chooses-ids"):
        with pytest.raises(RecordRefused):
            place.record.put(resource)
        assert not place.record.capability().takes_our_id("Media")
        return
    first = place.record.put(resource)
    again = place.record.put({**resource, "status": "entered-in-error"})
    assert (first.id, again.id) == (id, id)
    assert place.record.read("Media", id)["status"] == "entered-in-error"
    assert len(place.record.search("Media", key_of(resource))) == 1


def puts_over_the_expected_version_only(place: Place) -> None:
    stored, resource = place.make()
    first = place.record.read("Media", stored.id)["meta"]["versionId"]
    changed = {**resource, "id": stored.id, "status": "on-hold"}
    second = place.record.put(changed, version=first)
    assert second.version != first
    with pytest.raises(VersionConflict):
        place.record.put({**changed, "status": "stopped"}, version=first)
    assert place.record.read("Media", stored.id)["status"] == "on-hold"


def creates_once_under_a_condition(place: Place) -> None:
    resource = place.media()
    resource["identifier"][0]["value"] = str(uuid.uuid4())
    condition = f"identifier={OURS.replace(':', '%3A').replace('/', '%2F')}%7C{resource['identifier'][0]['value']}"
    first = place.record.create(resource, if_none_exist=condition)
    again = place.record.create(resource, if_none_exist=condition)
    assert first.reference == again.reference
    assert len(place.record.search("Media", key_of(resource))) == 1


def deletes(place: Place) -> None:
    stored, resource = place.make()
    place.record.delete("Media", stored.id)
    with pytest.raises(Gone):
        place.record.read("Media", stored.id)
    assert place.record.search("Media", key_of(resource)) == []
    place.record.delete("Media", stored.id)
    place.record.delete("Media", our_id())


def does_not_know_what_never_was(place: Place) -> None:
    for ask in (
        lambda: place.record.read("Media", our_id()),
        lambda: place.record.read_version("Media", our_id(), "1"),
        lambda: place.record.history("Media", our_id()),
    ):
        with pytest.raises(NotFound):
            ask()


def refuses_types_it_does_not_know(place: Place) -> None:
    assert not place.record.capability().holds("Starship")
    with pytest.raises(RecordRefused) as refused:
        place.record.create({"resourceType": "Starship"})
    assert refused.value.code == "type-not-supported"


# ---------------------------------------------------------------------------------- versions


def keeps_versions(place: Place) -> None:
    stored, resource = place.make()
    first = place.record.read("Media", stored.id)["meta"]["versionId"]
    place.record.put({**resource, "id": stored.id, "status": "on-hold"})
    assert place.record.read_version("Media", stored.id, first).get("status") == "completed"
    assert [version["status"] for version in place.record.history("Media", stored.id)] == ["on-hold", "completed"]


def shows_a_deletion_in_the_history(place: Place) -> None:
    stored, _ = place.make()
    first = place.record.read("Media", stored.id)["meta"]["versionId"]
    place.record.delete("Media", stored.id)
    versions = place.record.history("Media", stored.id)
    assert len(versions) == 2
    latest, earlier = versions
    assert latest["meta"]["deleted"] is True
    assert (latest["resourceType"], latest["id"]) == ("Media", stored.id)
    assert earlier.get("status") == "completed"
    # said by name, because deletion is proven only where this is refused
    assert place.record.read_version("Media", stored.id, first).get("status") == "completed"


# ---------------------------------------------------------------------------------- search


def finds_by_id(place: Place) -> None:
    stored, _ = place.make()
    assert [found["id"] for found in place.record.search("Media", {"_id": stored.id})] == [stored.id]
    assert place.record.search("Media", {"_id": our_id()}) == []


def finds_by_identifier(place: Place) -> None:
    stored, resource = place.make()
    place.make()
    assert [found["id"] for found in place.record.search("Media", key_of(resource))] == [stored.id]
    assert place.record.search("Media", {"identifier": f"{OURS}|{uuid.uuid4()}"}) == []


def finds_by_label_and_tag(place: Place) -> None:
    code = f"t-{uuid.uuid4()}"
    meta = {"security": [dict(RESTRICTED)], "tag": [{"system": OURS, "code": code}]}
    stored, _ = place.make(meta=meta)
    other, _ = place.make(meta={"security": [dict(NORMAL)]})
    assert [found["id"] for found in place.record.search("Media", {"_tag": f"{OURS}|{code}"})] == [stored.id]
    ids = f"{stored.id},{other.id}"
    restricted = place.record.search("Media", {"_security": f"{CONFIDENTIALITY}|R", "_id": ids})
    assert [found["id"] for found in restricted] == [stored.id]


def finds_one_patient_only(place: Place) -> None:
    mine, _ = place.make()
    theirs, _ = place.make(subject={"reference": place.other_patient})
    for params in ({"patient": place.patient.partition("/")[2]}, {"subject": place.patient}):
        ids = {found["id"] for found in place.record.search("Media", params)}
        assert mine.id in ids
        assert theirs.id not in ids


def finds_provenance_by_target(place: Place) -> None:
    target, _ = place.make()
    other, _ = place.make()
    made = place.record.create(provenance(place, target.reference))
    place.record.create(provenance(place, other.reference))
    found = place.record.search("Provenance", {"target": target.reference})
    assert [resource["id"] for resource in found] == [made.id]


def finds_all_pages(place: Place) -> None:
    code = f"t-{uuid.uuid4()}"
    meta = {"tag": [{"system": OURS, "code": code}]}
    made = {place.make(meta=meta)[0].id for _ in range(7)}
    found = place.record.search("Media", {"_tag": f"{OURS}|{code}", "_count": "2"})
    assert {resource["id"] for resource in found} == made
    assert len(found) == 7


def refuses_parameters_it_does_not_know(place: Place) -> None:
    with pytest.raises(RecordRefused):
        place.record.search("Media", {"colour-of-the-sky": "blue"})


# ---------------------------------------------------------------------------------- transactions


def provenance(place: Place, target: str, **more: Any) -> Json:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target}],
        "recorded": "2026-03-02T09:30:00Z",
        "agent": [{"who": {"reference": place.patient}}],
        **more,
    }


def transacts(place: Place) -> None:
    full_url = f"urn:uuid:{uuid.uuid4()}"
    gone, _ = place.make()
    resource, gone_id = place.media(), gone.id
    outcomes = place.record.transact(
        [
            TransactionEntry("POST", "Provenance", provenance(place, full_url), f"urn:uuid:{uuid.uuid4()}"),
            TransactionEntry("DELETE", f"Media/{gone_id}"),
            TransactionEntry("POST", "Media", resource, full_url),
        ]
    )
    assert [outcome.ok for outcome in outcomes] == [True, True, True]
    traced, deleted, made = outcomes
    assert traced.stored is not None
    assert made.stored is not None
    assert deleted.stored is None
    assert (traced.stored.resource_type, made.stored.resource_type) == ("Provenance", "Media")
    assert content_of(place.record.read("Media", made.stored.id)) == content_of(resource)
    target = place.record.read("Provenance", traced.stored.id)["target"][0]["reference"]
    if place.deviates("transaction-as-batch"):
        assert target == full_url
    else:
        assert target == made.stored.reference
    with pytest.raises(Gone):
        place.record.read("Media", gone_id)


def transacts_under_our_ids(place: Place) -> None:
    media_id, provenance_id = our_id(), our_id()
    entries = [
        TransactionEntry("PUT", f"Media/{media_id}", place.media(id=media_id)),
        TransactionEntry(
            "PUT",
            f"Provenance/{provenance_id}",
            provenance(place, f"Media/{media_id}", id=provenance_id),
        ),
    ]
    if place.deviates("server-chooses-ids"):
        with pytest.raises(RecordRefused):
            place.record.transact(entries)
        return
    outcomes = place.record.transact(entries)
    assert [outcome.stored and outcome.stored.reference for outcome in outcomes] == [
        f"Media/{media_id}",
        f"Provenance/{provenance_id}",
    ]
    assert place.record.read("Provenance", provenance_id)["target"][0]["reference"] == f"Media/{media_id}"


def tells_the_truth_of_a_failed_transaction(place: Place) -> None:
    """All or nothing; or, where a server only batches, every entry's own fate, as it really is."""
    existing, resource = place.make()
    new = place.media()
    stale = {**resource, "id": existing.id, "status": "on-hold"}
    entries = [
        TransactionEntry("POST", "Media", new, f"urn:uuid:{uuid.uuid4()}"),
        TransactionEntry("PUT", f"Media/{existing.id}", stale, if_match="no-such-version-9"),
    ]
    outcomes: list[EntryOutcome] | None
    try:
        outcomes = place.record.transact(entries)
    except RecordRefused:
        outcomes = None
    found = place.record.search("Media", key_of(new))
    assert place.record.read("Media", existing.id)["status"] == "completed"
    if place.deviates("transaction-as-batch"):
        assert outcomes is not None
        assert [outcome.ok for outcome in outcomes] == [True, False]
        assert len(found) == 1
    else:
        assert outcomes is None
        assert found == []


# ---------------------------------------------------------------------------------- bytes


def keeps_a_large_binary(place: Place) -> None:
    content = os.urandom(LARGE)
    if place.deviates("no-bytes"):
        with pytest.raises(RecordRefused) as refused:
            place.record.create_binary(content, "image/jpeg", id=None, security_context=None)
        assert refused.value.code == "type-not-supported"
        return
    if place.deviates("one-megabyte-bodies"):
        with pytest.raises(TooLarge):
            place.record.create_binary(content, "image/jpeg", id=None, security_context=None)
        content = content[: 600 * 1024]
    stored = place.record.create_binary(content, "image/jpeg", id=None, security_context=None)
    found = place.record.read_binary(stored.reference)
    assert found.content == content
    assert found.content_type == "image/jpeg"
    assert place.record.read_binary(f"{place.record.base}/{stored.reference}").content == content


def keeps_a_binary_under_our_id(place: Place) -> None:
    if place.deviates("no-bytes"):
        return keeps_a_large_binary(place)
    id, subject = our_id(), place.make()[0]
    content = bytes(range(256)) * 9

    def put() -> Stored:
        return place.record.create_binary(content, "image/png", id=id, security_context=subject.reference)

    if place.deviates("server-chooses-ids"):
        with pytest.raises(RecordRefused):
            put()
        return None
    assert put().reference == put().reference == f"Binary/{id}"
    found = place.record.read_binary(f"Binary/{id}")
    assert (found.content, found.content_type) == (content, "image/png")
    return None


def does_not_know_a_binary_that_never_was(place: Place) -> None:
    if place.deviates("no-bytes"):
        return keeps_a_large_binary(place)
    with pytest.raises(NotFound):
        place.record.read_binary(f"Binary/{our_id()}")
    return None


def reads_no_binary_elsewhere(place: Place) -> None:
    with pytest.raises(RecordRefused) as refused:
        place.record.read_binary("https://elsewhere.example/fhir/Binary/1")
    assert refused.value.code == ("type-not-supported" if place.deviates("no-bytes") else "outside-base")


PROMISES: Final[tuple[Promise, ...]] = (
    creates_and_reads,
    creates_one_and_only_one,
    keeps_labels_and_tags,
    replaces_labels,
    changes_labels_alone,
    keeps_numbers,
    keeps_every_script,
    puts_under_our_id,
    puts_over_the_expected_version_only,
    creates_once_under_a_condition,
    deletes,
    does_not_know_what_never_was,
    refuses_types_it_does_not_know,
    keeps_versions,
    shows_a_deletion_in_the_history,
    finds_by_id,
    finds_by_identifier,
    finds_by_label_and_tag,
    finds_one_patient_only,
    finds_provenance_by_target,
    finds_all_pages,
    refuses_parameters_it_does_not_know,
    transacts,
    transacts_under_our_ids,
    tells_the_truth_of_a_failed_transaction,
    keeps_a_large_binary,
    keeps_a_binary_under_our_id,
    does_not_know_a_binary_that_never_was,
    reads_no_binary_elsewhere,
)
