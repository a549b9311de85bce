"""Every promise of `RecordPurge`: on the fake, on the sandbox as each kind of server, on one written by others.

The table says of each place by which means it gets rid of versions and what comes of it; a server that is mended makes
its line fail.
"""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_purge import ACCEPTS, FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import NotFound, RecordRefused
from fhir_plugin.ports import Answered, ClinicalRecord, RecordPurge
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase, PatientId, Reference
from smart_launch.transport import Transport
from tests.conftest import OwnStores
from tests.contracts.sekmet_server import running_sekmet
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge, PurgeLie

Json = dict[str, Any]

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 2

PLACES: Mapping[str, tuple[str, str]] = {
    "fake": ("expunge", "gone"),
    "fake-none": ("none", "kept"),
    "fake-lies": ("expunge", "kept"),
    "fake-half": ("expunge", "half"),
    "fake-forbidden": ("expunge", "forbidden"),
    "sandbox-default": ("expunge", "gone"),
    "sandbox-hapi": ("expunge", "gone"),
    "sandbox-medplum": ("medplum-expunge", "gone"),
    "sandbox-erase": ("erase", "gone"),
    "sandbox-google-purge": ("google-purge", "gone"),
    "sandbox-purge-history": ("purge-history", "gone"),
    "sandbox-delete-history": ("delete-history", "gone"),
    "sandbox-no-purge": ("none", "kept"),
    "sandbox-purge-lies": ("expunge", "kept"),
    "sandbox-purge-half": ("expunge", "half"),
    "sandbox-purge-forbidden": ("expunge", "forbidden"),
    "sekmet": ("none", "kept"),
}
"""Place -> its means, and what is left of a deleted resource after a purge."""


@dataclass
class Place:
    record: ClinicalRecord
    purge: RecordPurge
    patient: PatientId
    means: str
    outcome: str

    def photo(self) -> Reference:
        """A Binary with the photograph in its first version."""
        return self.record.create_binary(PHOTO, "image/jpeg", id=_our_id(), security_context=None).reference

    def media(self, title: str = "a mole") -> Json:
        about = {"reference": f"Patient/{self.patient}"}
        content = {"contentType": "image/jpeg", "title": title}
        return {"resourceType": "Media", "id": _our_id(), "status": "completed", "subject": about, "content": content}

    def gone(self) -> tuple[Reference, Json]:
        """A Media of two versions and a third that says nothing, deleted; and its first version."""
        media = self.media()
        stored = self.record.put(media)
        self.record.put({**media, "content": {"contentType": "image/jpeg", "title": "a mole, renamed"}})
        self.record.put({**media, "status": "entered-in-error", "content": {"contentType": "image/jpeg"}})
        self.record.delete("Media", media["id"])
        return stored.reference, media

    def purged(self, reference: Reference) -> Mapping[str, str]:
        """What `purge` answers; nothing where it is forbidden, as that place does."""
        if self.outcome != "forbidden":
            return self.purge.purge(reference)
        with pytest.raises(RecordRefused) as refused:
            self.purge.purge(reference)
        assert refused.value.code == "forbidden"
        return {}


def _our_id() -> str:
    return f"p-{uuid.uuid4()}"


@pytest.fixture(scope="session")
def bases() -> Iterator[Mapping[str, FhirBase]]:
    with contextlib.ExitStack() as running:
        found = {"sekmet": running.enter_context(running_sekmet())}
        for name in PLACES:
            kind, _, personality = name.partition("-")
            if kind == "sandbox":
                config = SandboxConfig(personality=personality, open=True)
                found[name] = FhirBase(running.enter_context(running_sandbox(config)).fhir_base)
        yield found


@pytest.fixture(scope="session")
def transport() -> Iterator[Transport]:
    transport = Transport(read_timeout=30, total_timeout=60)
    yield transport
    transport.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    name: str = request.param
    means, outcome = PLACES[name]
    if name.startswith("fake"):
        lies = {"lies": {PurgeLie.KEEPS}, "half": {PurgeLie.HALF}, "forbidden": {PurgeLie.FORBIDDEN}}
        record = FakeRecord()
        told = frozenset(lies.get(name.partition("-")[2], ()))
        return Place(record, FakeRecordPurge(record, means=means, lies=told), PatientId("a"), means, outcome)
    own: OwnStores = request.getfixturevalue("own")
    base: FhirBase = request.getfixturevalue("bases")[name]
    ehr = FhirServerRecord(request.getfixturevalue("transport"), base, binary_forms=BinaryForms())
    patient = PatientId(ehr.create({"resourceType": "Patient"}).id)
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    return Place(ehr, FhirPurge(ehr, companion, patient), patient, means, outcome)


# ------------------------------------------------------------------------------------------ promises


def test_the_means_is_known_and_said_in_plain_words(place: Place) -> None:
    for resource_type in ("Media", "Binary", "DocumentReference"):
        means = place.purge.means(resource_type)
        assert means.name == place.means
        assert means.reaches_history is (place.means != "none")
        assert means.words.endswith(".")
        assert "administrator" in means.ask


def test_every_version_is_seen_until_it_is_purged(place: Place) -> None:
    reference, _media = place.gone()
    before = place.purge.versions(reference)
    assert [_title(before[number]) for number in ("1", "2", "3")] == ["a mole", "a mole, renamed", None]
    assert before["4"] is None, "the deletion"
    place.purged(reference)
    left = {number: _title(each) for number, each in place.purge.versions(reference).items() if each is not None}
    match place.outcome:
        case "gone":
            assert left == {}
        case "half":
            assert left == {"1": "a mole"}
        case _:
            assert left == {"1": "a mole", "2": "a mole, renamed", "3": None}


def test_it_may_be_asked_twice(place: Place) -> None:
    reference, _media = place.gone()
    place.purged(reference)
    once = place.purge.versions(reference)
    again = place.purged(reference)
    assert place.purge.versions(reference) == once
    if place.outcome == "gone":
        assert again["ehr"] in ("done", "absent")
        assert again["companion"] == "nothing"


def test_of_what_was_not_deleted_the_earlier_versions_go(place: Place) -> None:
    media = place.media()
    reference = place.record.put(media).reference
    place.record.put({**media, "status": "entered-in-error", "content": {"contentType": "image/jpeg"}})
    place.purged(reference)
    left = [_title(each) for each in place.purge.versions(reference).values() if each is not None]
    match place.means, place.outcome:
        case (("medplum-expunge" | "erase"), "gone"):
            assert left == []
        case _, "gone":
            assert left == [None], "what is current stays: it says nothing by then"
        case _:
            assert sorted(left, key=str) == [None, "a mole"]


def test_bytes_answer_under_some_accept_until_they_are_purged(place: Place) -> None:
    reference = place.photo()
    before = place.purge.binary_answers(reference, ["1"])
    assert len(before) == 2 * len(ACCEPTS)
    assert {each.asked for each in before} >= {"read image/*", "vread 1 application/fhir+json"}
    assert any(_holds(each) for each in before if each.asked.startswith("read"))
    assert any(_holds(each) for each in before if each.asked.startswith("vread"))
    place.record.delete("Binary", reference.partition("/")[2])
    after_delete = place.purge.binary_answers(reference, ["1"])
    assert any(_holds(each) for each in after_delete), "a deletion alone is none: the version still answers"
    place.purged(reference)
    after = place.purge.binary_answers(reference, ["1"])
    assert any(_holds(each) for each in after) is (place.outcome != "gone")
    assert all(each.status in (200, 404, 406, 410, 415) for each in after)


def test_what_never_was_is_absent(place: Place) -> None:
    reference = Reference(f"Media/{_our_id()}")
    if place.outcome == "forbidden":
        place.purged(reference)
        return
    assert place.purge.purge(reference)["ehr"] == ("no-means" if place.means == "none" else "absent")
    assert all(each is None for each in place.purge.versions(reference).values())


def test_nothing_else_is_purged(place: Place) -> None:
    other = place.media("another picture")
    kept = place.record.put(other).reference
    place.record.put({**other, "status": "entered-in-error"})
    reference, _media = place.gone()
    place.purged(reference)
    assert [_title(each) for each in place.purge.versions(kept).values()] == ["another picture"] * 2


def test_everything_of_a_patient(place: Place) -> None:
    media = place.media()
    place.record.put(media)
    if "Patient/$everything" not in place.record.capability().operations and not isinstance(place.record, FakeRecord):
        with pytest.raises(RecordRefused):
            place.purge.everything(place.patient)
        return
    assert media["id"] in {each["id"] for each in place.purge.everything(place.patient)}
    place.record.delete("Media", media["id"])
    assert media["id"] not in {each["id"] for each in place.purge.everything(place.patient)}


# ------------------------------------------------------------------------------------------ our own store


@pytest.mark.parametrize("kind", ["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def test_the_rows_of_the_companion_store_are_gone(kind: str, request: pytest.FixtureRequest) -> None:
    own: OwnStores = request.getfixturevalue(kind)
    base = FhirBase("https://ehr.example/fhir")
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    consent = {"resourceType": "Consent", "id": "c1", "patient": {"reference": "Patient/a"}}
    for status in ("draft", "active"):
        companion.put({**consent, "status": status})
    companion.put({**consent, "id": "c2"})
    companion.delete("Consent", "c1")
    assert companion.purge(Reference("Consent/c1")) == 3
    assert companion.purge(Reference("Consent/c1")) == 0
    with pytest.raises(NotFound):
        companion.history("Consent", "c1")
    with pytest.raises(NotFound):
        companion.read("Consent", "c1")
    assert companion.read("Consent", "c2")["id"] == "c2"
    assert companion.put({**consent, "status": "draft"}).version == "1"


def test_our_store_is_emptied_even_where_the_ehr_refuses(
    own: OwnStores, bases: Mapping[str, FhirBase], transport: Transport
) -> None:
    base = bases["sandbox-purge-forbidden"]
    companion = CompanionRecord(own.database, own.masters, base, own.clock)
    ehr = FhirServerRecord(transport, base)
    purge = FhirPurge(ehr, companion, None)
    companion.put({"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order"})
    assert list(purge.versions(Reference("Task/t1"))) == ["companion/1"]
    with pytest.raises(RecordRefused):
        purge.purge(Reference("Task/t1"))
    assert purge.versions(Reference("Task/t1")) == {}


def _title(resource: Json | None) -> str | None:
    return None if resource is None else resource["content"].get("title")


def _holds(answer: Answered) -> bool:
    content = answer.content or b""
    return PHOTO in content or base64.b64encode(PHOTO) in content
