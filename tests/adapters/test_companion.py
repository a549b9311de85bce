"""The companion store beyond its contract: sealed at rest, atomic, one base apart from another."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters.companion import HELD_TYPES, CompanionRecord, seal_again
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.errors import Gone, NotFound, RecordRefused, Tampered, VersionConflict
from fhir_plugin.ports import Stored, TransactionEntry
from mappings.model.identifiers import FhirBase
from tests.conftest import OwnStores

BASE = FhirBase("https://ehr.example/fhir")
CANARY = "zebra-canary-text"


@pytest.fixture
def companion(own: OwnStores) -> CompanionRecord:
    return CompanionRecord(own.database, own.masters, BASE, own.clock)


def consent(id: str = "c1", patient: str = "p1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "patient": {"reference": f"Patient/{patient}", "display": CANARY},
        "text": {"div": CANARY},
        **more,
    }


def files(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())


def test_nothing_readable_lies_on_the_disk(companion: CompanionRecord, own: OwnStores) -> None:
    companion.put(consent())
    companion.put(consent(status="inactive"))
    companion.delete("Consent", "c1")
    own.database.scrub()
    assert CANARY.encode() not in files(own.state)
    assert companion.read_version("Consent", "c1", "1")["text"]["div"] == CANARY


def test_a_row_that_was_changed_or_swapped_does_not_open(companion: CompanionRecord, own: OwnStores) -> None:
    for id in ("c1", "c2"):
        companion.put(consent(id))
    with sqlite3.connect(own.state / "plugin.db") as raw:
        raw.execute(
            "UPDATE companion_resources SET sealed = (SELECT sealed FROM companion_resources WHERE id = 'c2')"
            " WHERE id = 'c1'"
        )
    raw.close()
    with pytest.raises(Tampered):
        companion.read("Consent", "c1")
    with pytest.raises(Tampered):
        companion.search("Consent", {"patient": "p1"})
    assert companion.read("Consent", "c2")["id"] == "c2"


def test_an_old_version_cannot_be_passed_off_as_the_current_one(companion: CompanionRecord, own: OwnStores) -> None:
    companion.put(consent())
    companion.put(consent(status="inactive"))
    with sqlite3.connect(own.state / "plugin.db") as raw:
        raw.execute("UPDATE companion_resources SET sealed = (SELECT sealed FROM companion_history)")
    raw.close()
    with pytest.raises(Tampered):
        companion.read("Consent", "c1")


def test_one_ehr_does_not_see_what_is_kept_for_another(companion: CompanionRecord, own: OwnStores) -> None:
    other = CompanionRecord(own.database, own.masters, FhirBase("https://other.example/fhir"), own.clock)
    companion.put(consent())
    with pytest.raises(NotFound):
        other.read("Consent", "c1")
    assert other.search("Consent", {"patient": "p1"}) == []
    other.put(consent(status="inactive"))
    other.delete("Consent", "c1")
    assert companion.read("Consent", "c1")["status"] == "active"


def test_a_transaction_that_fails_leaves_nothing(companion: CompanionRecord) -> None:
    companion.put(consent("old"))
    entries = [
        TransactionEntry("DELETE", "Consent/old"),
        TransactionEntry("PUT", "Consent/new", consent("new")),
        TransactionEntry("PUT", "Consent/late", consent("late"), if_match="7"),
    ]
    with pytest.raises(VersionConflict):
        companion.transact(entries)
    assert [found["id"] for found in companion.search("Consent", {})] == ["old"]
    assert len(companion.history("Consent", "old")) == 1


@pytest.mark.parametrize(
    "entry",
    [
        TransactionEntry("PUT", "Consent/a", consent("b")),
        TransactionEntry("PUT", "Task/c1", consent()),
        TransactionEntry("PATCH", "Consent/c1", consent()),
        TransactionEntry("POST", "Consent"),
        TransactionEntry("POST", "Patient", {"resourceType": "Patient"}),
        TransactionEntry("DELETE", "Consent"),
        TransactionEntry("DELETE", "Consent?patient=p1"),
    ],
)
def test_a_crooked_entry_is_refused(companion: CompanionRecord, entry: TransactionEntry) -> None:
    with pytest.raises(RecordRefused):
        companion.transact([TransactionEntry("PUT", "Task/t", {"resourceType": "Task", "id": "t"}), entry])
    assert companion.search("Task", {}) == []


def test_one_resource_cannot_be_meant_twice(companion: CompanionRecord) -> None:
    with pytest.raises(RecordRefused):
        companion.transact([TransactionEntry("PUT", "Consent/c1", consent()), TransactionEntry("DELETE", "Consent/c1")])


def test_what_was_deleted_can_come_back_under_the_next_number(companion: CompanionRecord) -> None:
    companion.put(consent())
    companion.delete("Consent", "c1")
    with pytest.raises(VersionConflict):
        companion.put(consent(), version="2")
    assert companion.put(consent(status="inactive")) == Stored("Consent", "c1", "3")
    assert [v["meta"]["versionId"] for v in companion.history("Consent", "c1")] == ["3", "2", "1"]
    with pytest.raises(Gone):
        companion.read_version("Consent", "c1", "2")


@pytest.mark.parametrize("resource_type", ["Patient", "Encounter", "consent", "", None])
def test_what_belongs_to_the_ehr_is_not_kept(companion: CompanionRecord, resource_type: Any) -> None:
    assert resource_type not in HELD_TYPES
    for write in (companion.create, companion.put):
        with pytest.raises(RecordRefused) as raised:
            write({"resourceType": resource_type, "id": "x"})
        assert raised.value.code == "type-not-supported"


def test_a_search_by_patient_finds_what_names_several(companion: CompanionRecord) -> None:
    two = {"resourceType": "AuditEvent", "id": "a1", "entity": [{"what": {"reference": f"Patient/{p}"}} for p in "ab"]}
    companion.put(two)
    for patient, count in (("a", 1), ("b", 1), ("c", 0), ("Patient/a", 1), (f"{BASE}/Patient/b", 1), ("c,a", 1)):
        assert len(companion.search("AuditEvent", {"patient": patient})) == count


def test_what_was_given_is_not_changed(companion: CompanionRecord) -> None:
    given = consent(meta={"security": [{"code": "R"}]})
    before = repr(given)
    companion.put(given)
    assert repr(given) == before
    assert "versionId" in companion.read("Consent", "c1")["meta"]


def test_all_versions_are_sealed_again_under_a_new_master(companion: CompanionRecord, own: OwnStores) -> None:
    companion.put(consent())
    companion.put(consent(status="inactive"))
    companion.put(consent("c2"))
    companion.delete("Consent", "c2")
    key_file = own.state / "master.key"
    both = MasterKeys.add_to_file(key_file)
    assert seal_again(own.database, both) == 3
    assert seal_again(own.database, both) == 0
    fresh = CompanionRecord(own.database, MasterKeys.forget_old(key_file), BASE, own.clock)
    assert fresh.read("Consent", "c1")["status"] == "inactive"
    assert fresh.read_version("Consent", "c1", "1")["status"] == "active"
    assert fresh.read_version("Consent", "c2", "1")["status"] == "active"


def test_it_joins_the_open_transaction(companion: CompanionRecord, own: OwnStores) -> None:
    with pytest.raises(ZeroDivisionError), own.database.transaction():
        companion.put(consent())
        raise ZeroDivisionError
    with pytest.raises(NotFound):
        companion.read("Consent", "c1")


@pytest.mark.parametrize("stores", ["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def test_of_many_who_change_one_version_one_succeeds(stores: str, request: pytest.FixtureRequest) -> None:
    own: OwnStores = request.getfixturevalue(stores)
    companion = CompanionRecord(own.database, own.masters, BASE, own.clock)
    companion.put(consent())

    def change(number: int) -> bool:
        try:
            companion.put(consent(status=f"s{number}"), version="1")
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as many:
        assert sorted(many.map(change, range(12))) == [False] * 11 + [True]
    assert len(companion.history("Consent", "c1")) == 2


@pytest.mark.parametrize("stores", ["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def test_of_many_who_create_under_one_condition_one_creates(stores: str, request: pytest.FixtureRequest) -> None:
    own: OwnStores = request.getfixturevalue(stores)
    companion = CompanionRecord(own.database, own.masters, BASE, own.clock)
    resource = {**consent(), "identifier": [{"system": "urn:x", "value": "1"}]}

    def create(_number: int) -> str:
        return companion.create(resource, if_none_exist="identifier=urn%3Ax%7C1").id

    with ThreadPoolExecutor(6) as many:
        assert len(set(many.map(create, range(12)))) == 1
    assert len(companion.search("Consent", {})) == 1
