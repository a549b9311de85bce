"""What `RecordPurge` promises, for any place: each function is one promise."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from fhir_plugin.adapters.fhir_purge import ACCEPTS
from fhir_plugin.delete.looking import Sought
from fhir_plugin.delete.needles import needles_of
from fhir_plugin.delete.record_places import NotOffered, RecordPlaces
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ports import Answered, ClinicalRecord, RecordPurge, Stored
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import PatientId, Reference
from mappings.r4.tombstone import to_tombstone
from tests.fakes.clock import FakeClock
from tests.fakes.record import FakeRecord
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault

Json = dict[str, Any]

PHOTO: Final = b"\xff\xd8\xff" + bytes(range(256)) * 2


@dataclass
class Place:
    record: ClinicalRecord
    purge: RecordPurge
    patient: PatientId
    means: str
    outcome: str

    def photo(self) -> Stored:
        """A Binary with the photograph in its only version."""
        return self.record.create_binary(PHOTO, "image/jpeg", id=_our_id(), security_context=None)

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


def the_means_is_known_and_said_in_plain_words(place: Place) -> None:
    for resource_type in ("Media", "Binary", "DocumentReference"):
        means = place.purge.means(resource_type)
        assert means.name == place.means
        assert means.reaches_history is (place.means != "none")
        assert means.words.endswith(".")
        assert "administrator" in means.ask


def every_version_is_seen_until_it_is_purged(place: Place) -> None:
    reference, _media = place.gone()
    before = place.purge.versions(reference)
    assert _titles(before) == [None, "a mole", "a mole, renamed"]
    assert None in before.values(), "the deletion"
    place.purged(reference)
    left = _titles(place.purge.versions(reference))
    match place.outcome:
        case "gone":
            assert left == []
        case "half":
            assert left == ["a mole"]
        case _:
            assert left == [None, "a mole", "a mole, renamed"]


def it_may_be_asked_twice(place: Place) -> None:
    reference, _media = place.gone()
    place.purged(reference)
    once = place.purge.versions(reference)
    again = place.purged(reference)
    assert place.purge.versions(reference) == once
    if place.outcome == "gone":
        assert again["ehr"] in ("done", "absent")
        assert again["companion"] == "nothing"


def of_what_was_not_deleted_the_earlier_versions_go(place: Place) -> None:
    media = place.media()
    reference = place.record.put(media).reference
    place.record.put({**media, "status": "entered-in-error", "content": {"contentType": "image/jpeg"}})
    place.purged(reference)
    left = _titles(place.purge.versions(reference))
    match place.means, place.outcome:
        case (("medplum-expunge" | "erase"), "gone"):
            assert left == []
        case _, "gone":
            assert left == [None], "what is current stays: it says nothing by then"
        case _:
            assert left == [None, "a mole"]


def bytes_answer_under_some_accept_until_they_are_purged(place: Place) -> None:
    photo = place.photo()
    reference, version = photo.reference, photo.version or "1"
    before = place.purge.binary_answers(reference, [version])
    assert len(before) == 2 * len(ACCEPTS)
    assert {each.asked for each in before} >= {"read image/*", f"vread {version} application/fhir+json"}
    assert any(_holds(each) for each in before if each.asked.startswith("read"))
    assert any(_holds(each) for each in before if each.asked.startswith("vread"))
    place.record.delete("Binary", reference.partition("/")[2])
    after_delete = place.purge.binary_answers(reference, [version])
    assert any(_holds(each) for each in after_delete), "a deletion alone is none: the version still answers"
    place.purged(reference)
    after = place.purge.binary_answers(reference, [version])
    assert any(_holds(each) for each in after) is (place.outcome != "gone")
    assert all(each.status in (200, 404, 406, 410, 415) for each in after)


def what_never_was_is_absent(place: Place) -> None:
    reference = Reference(f"Media/{_our_id()}")
    if place.outcome == "forbidden":
        place.purged(reference)
        return
    assert place.purge.purge(reference)["ehr"] == ("no-means" if place.means == "none" else "absent")
    assert all(each is None for each in place.purge.versions(reference).values())


def nothing_else_is_purged(place: Place) -> None:
    other = place.media("another picture")
    kept = place.record.put(other).reference
    place.record.put({**other, "status": "entered-in-error"})
    reference, _media = place.gone()
    place.purged(reference)
    assert _titles(place.purge.versions(kept)) == ["another picture"] * 2


def everything_of_a_patient(place: Place) -> None:
    media = place.media()
    place.record.put(media)
    if "Patient/$everything" not in place.record.capability().operations and not isinstance(place.record, FakeRecord):
        with pytest.raises(RecordRefused):
            place.purge.everything(place.patient)
        return
    assert media["id"] in {each["id"] for each in place.purge.everything(place.patient)}
    place.record.delete("Media", media["id"])
    assert media["id"] not in {each["id"] for each in place.purge.everything(place.patient)}


def what_is_left_is_found_by_looking_and_what_is_gone_is_not(place: Place) -> None:
    """The proof, at each stage: while it is there, after it was deleted, and once its versions were purged."""
    photo = place.photo()
    media = {**place.media(), "content": {"contentType": "image/jpeg", "url": photo.reference}}
    stored = place.record.put(media)
    vault = FakeVault(FakeClock(), FakeUnitOfWork())
    needles = needles_of([PHOTO], media, vault)
    image = BoundImage(stored.reference, stored.version or "", vault.keyed_digest(PHOTO), (photo.reference,))
    sought = Sought(image, needles, vault.keyed_digest)
    places = RecordPlaces(place.record, place.purge, place.patient, image, needles, sought)
    assert _found(places) >= {"record-read", "record-versions", "search-id", "search-patient", "binary"}
    place.record.delete("Binary", photo.id)
    place.record.put(to_tombstone({**media, "meta": {}}))
    place.record.delete("Media", media["id"])
    assert _found(places) == {"record-versions", "binary-versions"}
    place.purged(stored.reference)
    place.purged(photo.reference)
    left = _found(places)
    match place.outcome:
        case "gone":
            assert left == set()
        case _:
            assert left == {"record-versions", "binary-versions"}


def _found(places: RecordPlaces) -> set[str]:
    """The places where anything is left. Each could be looked at, or is not offered by the server."""
    found = set()
    for name, look in places.looks().items():
        with contextlib.suppress(NotOffered):
            if list(look()):
                found.add(name)
    return found


def _titles(versions: Mapping[str, Json | None]) -> list[str | None]:
    """Of the versions that have content, without a title first."""
    found = [each["content"].get("title") for each in versions.values() if each is not None]
    return sorted(found, key=lambda title: title or "")


def _holds(answer: Answered) -> bool:
    content = answer.content or b""
    return PHOTO in content or base64.b64encode(PHOTO) in content


Promise = Callable[[Place], None]

PROMISES: Final[tuple[Promise, ...]] = (
    the_means_is_known_and_said_in_plain_words,
    every_version_is_seen_until_it_is_purged,
    it_may_be_asked_twice,
    of_what_was_not_deleted_the_earlier_versions_go,
    bytes_answer_under_some_accept_until_they_are_purged,
    what_never_was_is_absent,
    nothing_else_is_purged,
    everything_of_a_patient,
    what_is_left_is_found_by_looking_and_what_is_gone_is_not,
)
