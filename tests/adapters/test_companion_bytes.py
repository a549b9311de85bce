"""The bytes of a Binary that an EHR does not take: in the vault, named by a row, gone with it, and shredded at once."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.errors import Gone, NotFound, RecordRefused
from fhir_plugin.ports import Compartment, Stored, TransactionEntry, kept_under
from mappings.model.identifiers import FhirBase, Reference
from tests.conftest import OwnStores
from tests.fakes.record import TYPES, FakeRecord

BASE = FhirBase("https://ehr.example/fhir")
IMAGE = Reference("Media/m1")
PHOTO = b"\xff\xd8\xff-canary-photograph-" + bytes(range(256)) * 40
OTHER = b"\x89PNG-another-" + bytes(300)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def stores(request: pytest.FixtureRequest) -> OwnStores:
    stores: OwnStores = request.getfixturevalue("own" if request.param == "sqlite" else "own_on_postgresql")
    return stores


@pytest.fixture
def companion(stores: OwnStores) -> CompanionRecord:
    return CompanionRecord(stores.database, stores.masters, BASE, stores.clock, stores.vault)


def keep(companion: CompanionRecord, content: bytes = PHOTO, id: str = "b1") -> Stored:
    return companion.create_binary(content, "image/jpeg", id=id, security_context=IMAGE)


def items(stores: OwnStores) -> list[str]:
    return [each.owner for each in stores.vault.items(compartment=Compartment.COMPANION)]


def files(state: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((state / "vault").rglob("*")) if path.is_file()]


def test_row_and_bytes_are_kept_apart(stores: OwnStores, companion: CompanionRecord) -> None:
    stored = keep(companion)
    resource = companion.read("Binary", "b1")
    assert (resource["contentType"], resource["securityContext"]) == ("image/jpeg", {"reference": IMAGE})
    assert "data" not in resource
    assert items(stores) == [kept_under(BASE, stored.reference)]
    assert companion.read_binary("Binary/b1").content == PHOTO
    assert not any(b"canary" in each for each in files(stores.state)), "sealed"


def test_what_is_written_again_takes_the_place_of_what_was_there(stores: OwnStores, companion: CompanionRecord) -> None:
    keep(companion)
    assert keep(companion, OTHER).version == "2"
    assert companion.read_binary("Binary/b1/_history/2").content == OTHER
    assert len(items(stores)) == len(files(stores.state)) == 1
    with pytest.raises(NotFound):
        companion.read_binary("Binary/b1/_history/1")


@pytest.mark.parametrize("purged", [False, True])
def test_deleting_shreds_at_once(stores: OwnStores, companion: CompanionRecord, purged: bool) -> None:
    keep(companion)
    if purged:
        assert companion.purge(Reference("Binary/b1")) == 1
        assert companion.search("Binary", {"_id": "b1"}) == []
        with pytest.raises(NotFound):
            companion.history("Binary", "b1")
    else:
        companion.delete("Binary", "b1")
        assert [each["meta"].get("deleted") for each in companion.history("Binary", "b1")] == [True, None]
    assert (items(stores), files(stores.state)) == ([], [])
    with pytest.raises(NotFound if purged else Gone):
        companion.read_binary("Binary/b1")


def test_what_was_undone_leaves_no_bytes(stores: OwnStores, companion: CompanionRecord) -> None:
    with pytest.raises(RuntimeError), stores.database.transaction():
        keep(companion)
        raise RuntimeError
    assert (items(stores), files(stores.state)) == ([], [])
    keep(companion)
    with pytest.raises(RuntimeError), stores.database.transaction():
        companion.delete("Binary", "b1")
        raise RuntimeError
    assert companion.read_binary("Binary/b1").content == PHOTO


def test_labels_change_and_bytes_stay(companion: CompanionRecord) -> None:
    keep(companion)
    companion.add_labels(Reference("Binary/b1"), [{"system": "s", "code": "R"}])
    resource = companion.read("Binary", "b1")
    assert resource["meta"]["security"] == [{"system": "s", "code": "R"}]
    assert companion.read_binary("Binary/b1").content == PHOTO


def test_a_binary_as_json_is_the_same_thing(stores: OwnStores, companion: CompanionRecord) -> None:
    data = base64.b64encode(PHOTO).decode()
    resource: dict[str, Any] = {"resourceType": "Binary", "id": "b1", "contentType": "image/jpeg", "data": data}
    companion.put(resource)
    companion.transact([TransactionEntry("PUT", "Binary/b2", {**resource, "id": "b2"})])
    for id in ("b1", "b2"):
        assert "data" not in companion.read("Binary", id)
        assert companion.read_binary(f"{BASE}/Binary/{id}").content == PHOTO
    with pytest.raises(RecordRefused):
        companion.put({**resource, "data": "not base64!"})
    assert companion.read_binary("Binary/b1").content == PHOTO


def test_the_same_id_at_another_ehr_is_another_binary(stores: OwnStores, companion: CompanionRecord) -> None:
    keep(companion)
    other = FhirBase("https://other.example/fhir")
    elsewhere = CompanionRecord(stores.database, stores.masters, other, stores.clock, stores.vault)
    with pytest.raises(NotFound):
        elsewhere.read_binary("Binary/b1")
    elsewhere.delete("Binary", "b1")
    assert companion.read_binary("Binary/b1").content == PHOTO


def test_without_a_vault_no_bytes_are_taken(stores: OwnStores) -> None:
    bare = CompanionRecord(stores.database, stores.masters, BASE, stores.clock)
    assert not bare.capability().holds("Binary")
    with pytest.raises(RecordRefused) as refused:
        keep(bare)
    assert refused.value.code == "type-not-supported"


class Two:
    def __init__(self, stores: OwnStores, **ehr: Any) -> None:
        self.ehr = FakeRecord(stores.clock, **ehr)
        self.companion = CompanionRecord(stores.database, stores.masters, self.ehr.base, stores.clock, stores.vault)
        self.both = CompositeRecord(self.ehr, self.companion)


def test_beside_the_chart_the_whole_image_is_ours_and_everybody_finds_it(stores: OwnStores) -> None:
    """Though the EHR holds both types: this image was too large for it."""
    two = Two(stores)
    filing = two.both.beside(frozenset({"Media", "Binary"}))
    filing.create_binary(PHOTO, "image/jpeg", id="b1", security_context=IMAGE)
    subject = {"reference": "Patient/p"}
    filing.put({"resourceType": "Media", "id": "m1", "status": "completed", "subject": subject})
    assert two.ehr.stored("Media") == two.ehr.stored("Binary") == []
    assert two.both.read_binary("Binary/b1").content == PHOTO
    assert [each["id"] for each in two.both.search("Media", {"patient": "p"})] == ["m1"]
    two.both.put({"resourceType": "Media", "id": "m1", "status": "completed", "subject": subject, "height": 2})
    two.both.create_binary(OTHER, "image/png", id="b1", security_context=None)
    assert two.companion.read("Media", "m1")["height"] == 2, "what lives here is changed here"
    assert two.both.read_binary("Binary/b1").content == OTHER
    assert two.ehr.stored("Media") == two.ehr.stored("Binary") == []
    for resource_type, id in (("Binary", "b1"), ("Media", "m1")):
        two.both.delete(resource_type, id)
    assert items(stores) == []
    with pytest.raises((NotFound, Gone)):
        two.both.read_binary("Binary/b1")


def test_what_is_put_here_is_found_here_though_the_ehr_is_silent(stores: OwnStores) -> None:
    two = Two(stores, types=TYPES - {"Provenance"})
    filing = two.both.beside(frozenset({"Media", "Binary"}))
    filing.create_binary(PHOTO, "image/jpeg", id="b1", security_context=None)
    filing.put({"resourceType": "Media", "id": "m1", "status": "preparation"})
    two.ehr.go_down()
    assert filing.read("Media", "m1")["status"] == "preparation"
    assert filing.read_binary("Binary/b1").content == two.both.read_binary("Binary/b1").content == PHOTO


@pytest.mark.parametrize("by", ["put", "create", "transact"])
def test_what_is_about_an_image_that_is_kept_here_is_kept_here(stores: OwnStores, by: str) -> None:
    """An EHR that checks references has none to check; about its own images it has everything."""
    two = Two(stores)
    two.companion.put({"resourceType": "Media", "id": "m1", "status": "completed"})
    two.ehr.put({"resourceType": "Media", "id": "m2", "status": "completed"})
    for number in (1, 2):
        told: dict[str, Any] = {"resourceType": "Provenance", "target": [{"reference": f"Media/m{number}"}]}
        if by == "put":
            two.both.put({**told, "id": f"v{number}"})
        elif by == "create":
            two.both.create(told)
        else:
            entry = TransactionEntry("PUT", f"Provenance/v{number}", {**told, "id": f"v{number}"})
            assert [each.ok for each in two.both.transact([entry])] == [True]
        found = two.both.search("Provenance", {"target": f"Media/m{number}"})
        assert [each["target"] for each in found] == [told["target"]]
    assert [each["target"][0]["reference"] for each in two.companion.search("Provenance", {})] == ["Media/m1"]
    assert [each["target"][0]["reference"] for each in two.ehr.stored("Provenance")] == ["Media/m2"]
    two.ehr.put({"resourceType": "Task", "id": "t1", "status": "requested"})
    two.both.put({"resourceType": "Task", "id": "t1", "status": "completed", "focus": {"reference": "Media/m1"}})
    assert [each["status"] for each in two.ehr.stored("Task")] == ["completed"], "what lives there is changed there"
