"""What `ClinicalRecord` promises, one function each. A promise that is broken raises `AssertionError`.

The same functions run on the fake, our own stores and servers (`test_clinical_record`), and on fakes that lie
(`test_record_lies`), where they must fail. Where a server is known to do otherwise, its deviation (data, in
`record_deviations.toml`) is asserted instead; nothing is skipped.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Final

import pytest

from fhir_plugin.errors import NotFound, RecordRefused, VersionConflict
from tests.contracts.record_bytes import (
    does_not_know_a_binary_that_never_was,
    keeps_a_binary_under_our_id,
    keeps_a_large_binary,
    reads_no_binary_elsewhere,
)
from tests.contracts.record_places import (
    CONFIDENTIALITY,
    NORMAL,
    OURS,
    RESTRICTED,
    SENSITIVE,
    Place,
    Promise,
    content_of,
    key_of,
    labels_of,
    our_id,
)
from tests.contracts.record_transactions import (
    provenance,
    tells_the_truth_of_a_failed_transaction,
    transacts,
    transacts_under_our_ids,
)

"""A system with a double slash inside: one proxy collapses it unless it is percent-encoded."""


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
    assert any({"system": OURS, "code": "t1"}.items() <= tag.items() for tag in found["meta"]["tag"])


def replaces_labels(place: Place) -> None:
    stored, resource = place.make()
    relabelled = {**resource, "id": stored.id, "meta": {"security": [dict(NORMAL)]}}
    if place.deviates("changes-nothing"):
        with pytest.raises(RecordRefused):
            place.put(relabelled)
        assert labels_of(place.record.read("Media", stored.id)) == labels_of(resource)
        return
    place.put(relabelled)
    left = labels_of(place.record.read("Media", stored.id))
    if place.deviates("labels-merge-on-update"):
        assert left == labels_of(resource) | labels_of(relabelled)
    else:
        assert left == labels_of(relabelled)


def changes_labels_alone(place: Place) -> None:
    """`$meta-add` and `$meta-delete`: sets of labels, nothing else touched; told before it is tried, refused else."""
    stored, resource = place.make()
    if not place.record.capability_of(stored.reference).changes_labels("Media", remove=True):
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
    if place.deviates("changes-nothing"):
        with pytest.raises(RecordRefused):
            place.record.put(changed, version=first)
        return
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
    if place.deviates("no-conditional-create"):
        assert "Media" not in place.record.capability().conditional_create
        assert len(place.record.search("Media", key_of(resource))) == 2
        return
    assert first.reference == again.reference
    assert len(place.record.search("Media", key_of(resource))) == 1


def deletes(place: Place) -> None:
    stored, resource = place.make()
    place.record.delete("Media", stored.id)
    with pytest.raises(place.error_of_deleted):
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
        with pytest.raises(RecordRefused if place.deviates("reads-no-versions") else NotFound):
            ask()


def refuses_types_it_does_not_know(place: Place) -> None:
    assert not place.record.capability().holds("Starship")
    if place.deviates("takes-any-type"):
        place.record.create({"resourceType": "Starship"})
        return
    with pytest.raises(RecordRefused) as refused:
        place.record.create({"resourceType": "Starship"})
    assert refused.value.code == "type-not-supported"


# ---------------------------------------------------------------------------------- versions


def keeps_versions(place: Place) -> None:
    stored, resource = place.make()
    first = place.record.read("Media", stored.id)["meta"]["versionId"]
    if place.deviates("changes-nothing"):
        assert [version["status"] for version in place.record.history("Media", stored.id)] == ["completed"]
        return
    place.put({**resource, "id": stored.id, "status": "on-hold"})
    assert place.record.read_version("Media", stored.id, first).get("status") == "completed"
    assert [version["status"] for version in place.record.history("Media", stored.id)] == ["on-hold", "completed"]


def shows_a_deletion_in_the_history(place: Place) -> None:
    stored, _ = place.make()
    first = place.record.read("Media", stored.id)["meta"]["versionId"]
    place.record.delete("Media", stored.id)
    if place.deviates("forgets-what-is-deleted"):
        with pytest.raises(NotFound):
            place.record.history("Media", stored.id)
        return
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
    if place.deviates("no-label-search"):
        with pytest.raises(RecordRefused):
            place.record.search("Media", {"_security": f"{CONFIDENTIALITY}|R", "_id": ids})
        assert not place.record.capability().searches("Media", "_security")
        return
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
    if place.deviates("no-next-page"):
        with pytest.raises(RecordRefused, match="kept the rest to itself"):
            place.record.search("Media", {"_tag": f"{OURS}|{code}", "_count": "2"})
        return
    found = place.record.search("Media", {"_tag": f"{OURS}|{code}", "_count": "2"})
    assert {resource["id"] for resource in found} == made
    assert len(found) == 7


def refuses_parameters_it_does_not_know(place: Place) -> None:
    if place.deviates("ignores-unknown-parameters"):
        place.record.search("Media", {"colour-of-the-sky": "blue"})
        return
    with pytest.raises(RecordRefused):
        place.record.search("Media", {"colour-of-the-sky": "blue"})


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
