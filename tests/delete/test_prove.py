"""A proof is proven only by what was looked at: honest records, and what honestly remains in each place."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

import pytest

from fhir_plugin.delete.looking import PUT_OVER
from fhir_plugin.delete.places import PLACES, place_words
from fhir_plugin.errors import SignInNeeded, WrongPatient
from fhir_plugin.ports import Compartment, Destroyed, kept_under
from mappings.model.deletion import Proof
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.kept import KeptImage
from tests.delete.proving import AMY, HERE, IMAGE, PICTURE, World, left, media, place
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge


def test_what_is_gone_everywhere_is_proven_with_every_place_and_its_time() -> None:
    world = World().destroy()
    proof = world.proof()
    assert proof.proven
    assert left(proof) == set()
    assert [each.place for each in proof.places] == [
        "record-control",
        "record-read",
        "record-versions",
        "search-id",
        "search-patient",
        "search-identifier",
        "search-security",
        "everything",
        "binary",
        "binary-versions",
        "vault",
        "registers",
        "traces-database",
        "traces-queue",
        "traces-state",
        "traces-temp",
    ]
    assert all(each.at >= START for each in proof.places)
    assert world.leases == len(proof.places), "another worker does not take over while it is looked"
    assert not proof.ask
    assert all(each.place in PLACES and place_words(each.place) != each.place for each in proof.places)


def test_nothing_destroyed_is_found_in_every_place_of_the_record() -> None:
    proof = World().proof()
    assert left(proof) == {
        "record-read",
        "record-versions",
        "search-id",
        "search-patient",
        "search-identifier",
        "search-security",
        "everything",
        "binary",
        "binary-versions",
    }
    assert place(proof, "record-read").found == ("Media/photo-1/_history/1",)
    assert proof.ask


def test_a_tombstone_of_ours_is_no_find_and_one_element_more_is() -> None:
    world = World().destroy(tombstone=True)
    assert world.proof().proven
    tombstone = world.record.read("Media", "photo-1")
    world.record.put({**tombstone, "note": [{"text": "left"}]})
    assert {"record-read", "record-versions", "search-id", "everything"} <= left(world.proof())


def test_old_versions_that_stay_readable_after_a_delete_are_found_by_version() -> None:
    world = World().destroy(purged=False)
    proof = world.proof()
    assert left(proof) == {"record-versions", "binary-versions"}
    assert "Media/photo-1/_history/1" in place(proof, "record-versions").found
    assert any("vread 1" in each for each in place(proof, "binary-versions").found)


def test_a_copy_under_another_id_is_found_by_its_bytes_its_hash_or_its_address() -> None:
    for content in (
        {"contentType": "image/jpeg", "data": base64.b64encode(PICTURE).decode()},
        {"contentType": "image/jpeg", "url": f"{HERE}/Binary/bytes-1/_history/1"},
        {
            "contentType": "image/jpeg",
            "url": "Binary/other",
            "hash": base64.b64encode(hashlib.sha1(PICTURE).digest()).decode(),
        },
    ):
        world = World().destroy()
        world.record.put(media("copy-2", content=content))
        proof = world.proof()
        assert place(proof, "search-patient").found == ("Media/copy-2/_history/1",), content
        assert place(proof, "everything").found == ("Media/copy-2/_history/1",)


def test_another_image_of_the_patient_is_no_find() -> None:
    world = World().destroy()
    world.record.create_binary(b"another picture altogether" * 9, "image/jpeg", id="other", security_context=None)
    world.record.put(media("photo-2", "other"))
    assert world.proof().proven


def test_bytes_inside_another_resource_are_found_as_base64_at_any_offset() -> None:
    for offset in range(3):
        world = World().destroy()
        text = base64.b64encode(b"x" * offset + PICTURE[:3000]).decode()
        world.record.put(
            {
                "resourceType": "Observation",
                "id": "o1",
                "subject": {"reference": f"Patient/{AMY}"},
                "valueString": f"see {text}",
            }
        )
        assert place(world.proof(), "everything").found == ("Observation/o1/_history/1",)


def test_what_is_put_over_bytes_that_cannot_be_deleted_is_no_find() -> None:
    world = World()
    world.record.create_binary(PUT_OVER, "text/plain", id="bytes-1", security_context=None)
    world.record.forget_versions(Reference("Binary/bytes-1"))
    world.record.delete("Media", "photo-1")
    world.record.forget_versions(IMAGE)
    proof = world.proof()
    assert "binary-versions" not in left(proof)
    assert all("read image" not in each for each in place(proof, "binary").found)


def test_the_vault_is_asked_by_owner_by_size_and_by_what_was_written_down_as_destroyed() -> None:
    world = World().destroy()
    thumbnail = world.vault.put(b"small", compartment=Compartment.THUMBNAIL, owner=kept_under(HERE, IMAGE))
    assert place(world.proof(), "vault").found == (f"thumbnail {thumbnail}",)
    world.vault.destroy(thumbnail)
    assert world.proof().proven

    stray = world.vault.put(PICTURE, compartment=Compartment.DRAFT, owner="a capture")
    assert place(world.proof(), "vault").found == (f"draft {stray}",)
    world.vault.destroy(stray)

    kept = world.vault.put(b"other size", compartment=Compartment.OPINION, owner="an opinion")
    world.destroyed.append(Destroyed(START, "item-1", HERE, IMAGE, (kept,), "digest"))
    assert place(world.proof(), "vault").found == (kept,)


def test_our_own_lists_may_not_name_it_any_more() -> None:
    world = World().destroy()
    world.kept.keep(KeptImage(HERE, IMAGE, AMY, CaptureId("c1"), START))
    assert place(world.proof(), "registers").found == ("kept",)


def test_traces_are_found_by_piece_and_a_place_that_cannot_be_read_is_not_clean() -> None:
    world = World().destroy()
    world.traces.files["temp"]["core.123"] = b"....." + PICTURE[1000:5000]
    world.traces.files["database"]["plugin.sqlite-wal"] = b"(" + base64.b64encode(b"?" + PICTURE)
    proof = world.proof()
    assert left(proof) == {"traces-temp", "traces-database"}
    world.traces.files["temp"].clear()
    world.traces.files["database"].clear()
    world.traces.shut.add("queue")
    proof = world.proof()
    assert left(proof) == {"traces-queue"}
    assert place(proof, "traces-queue").unasked == "not-readable"


def test_without_needles_nothing_is_proven() -> None:
    world = World().destroy()
    world.needles = None
    proof = world.proof()
    assert not proof.proven
    assert {each.unasked for each in proof.places if not each.clean} == {"no-needles"}


def test_no_place_at_all_is_no_proof() -> None:
    assert not Proof(START, ()).proven


def test_a_launch_of_another_record_or_one_that_has_ended_proves_nothing() -> None:
    world = World(record=FakeRecord(base="https://other.example/fhir")).destroy()
    with pytest.raises(WrongPatient):
        world.proof()

    def ended(call: str, what: str) -> None:
        raise SignInNeeded("again")

    world = World().destroy()
    world.record.on_call = ended
    with pytest.raises(SignInNeeded):
        world.proof()


def test_a_server_without_everything_is_told_so_and_the_rest_decides() -> None:
    record = FakeRecord()
    world = World(record=record, purge=FakeRecordPurge(record, everything=False)).destroy()
    proof = world.proof()
    assert proof.proven
    assert [each.place for each in proof.places if each.place.startswith("everything")] == ["everything-not-offered"]
    assert "does not offer" in place_words("everything-not-offered")


def test_what_is_found_says_ids_and_nothing_of_content() -> None:
    proof = World().proof()
    said = " ".join(found for each in proof.places for found in each.found) + " ".join(proof.ask)
    assert "canary" not in said and "Amy" not in said


def test_the_time_of_each_place_is_its_own() -> None:
    world = World().destroy()

    def takes_a_second(_call: str, _what: str) -> None:
        world.clock.advance(seconds=1)

    world.record.on_call = takes_a_second
    times = [each.at for each in world.proof().places]
    assert times == sorted(times) and times[0] < times[-1] <= world.clock.now()
    assert times[-1] - times[0] > dt.timedelta(seconds=10)
