"""Carrying out where a server does not do everything: nothing is begun in vain, and a tombstone says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.capability import Capability
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ledger.intents import IntentState
from fhir_plugin.ports import Json
from mappings.model.deletion import DeletionState
from mappings.model.identifiers import Reference
from mappings.r4.tombstone import is_tombstone
from tests.delete.destroying_bench import BINARY, BYTES, IMAGE, DestroyingBench
from tests.fakes.record import FakeRecord

REFUSED = RecordRefused("no", status=409, code="referred-to")


class Limited(FakeRecord):
    """`narrowed` changes what it says that it does; `undeletable`: types that it never deletes."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.narrowed: Callable[[Capability], Capability] = lambda said: said
        self.undeletable: frozenset[str] = frozenset()

    def capability(self) -> Capability:
        return self.narrowed(super().capability())

    def delete(self, resource_type: str, id: str) -> None:
        if resource_type in self.undeletable:
            raise REFUSED
        super().delete(resource_type, id)


def without(capability: Capability, *interactions: str) -> Capability:
    kept = {kind: offered - set(interactions) for kind, offered in capability.interactions.items()}
    return replace(capability, interactions=kept)


@pytest.fixture
def record() -> Limited:
    return Limited(merges_labels=True)


@pytest.fixture
def bench(record: Limited) -> DestroyingBench:
    bench = DestroyingBench(record=record)
    bench.approve()
    return bench


def test_what_is_referred_to_stays_as_a_tombstone_without_its_labels(bench: DestroyingBench, record: Limited) -> None:
    record.undeletable = frozenset({"Media"})
    item = bench.carry_out()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    left = record.read(*IMAGE.split("/"))
    assert is_tombstone(left) and "SEX" not in str(left["meta"])
    assert len(record.versions_of(IMAGE)) == 1
    provenances = [each for each in record.stored("Provenance") if IMAGE in str(each.get("target"))]
    assert any("destr" in str(each).lower() for each in provenances)


def test_bytes_that_are_never_deleted_are_written_over_and_not_proven(bench: DestroyingBench, record: Limited) -> None:
    record.undeletable = frozenset({"Binary"})
    item = bench.carry_out()
    assert item.state is DeletionState.FAILED and {"binary", "image"} <= set(item.purged)
    assert BYTES not in record.read_binary(BINARY).content
    assert bench.image_bytes_in_record() == []


def test_where_the_server_neither_deletes_nor_changes_nothing_is_begun_in_vain(
    bench: DestroyingBench, record: Limited
) -> None:
    record.narrowed = lambda said: without(said, "delete", "update")
    item = bench.carry_out()
    assert (item.state, item.why, item.purged) == (DeletionState.FAILED, "record-refuses", ())
    assert bench.image_bytes_in_vault() and bench.log.entries() == []
    assert record.read_binary(BINARY).content == BYTES


def test_a_launch_that_may_not_delete_waits_for_one_that_may(bench: DestroyingBench, record: Limited) -> None:
    record.narrowed = lambda said: replace(said, granted=lambda _type, what: what not in ("delete", "update"))
    item = bench.carry_out()
    assert item.state is DeletionState.ACCEPTED
    (intent,) = bench.intents()
    assert (intent.state, intent.reason) == (IntentState.WAITING_FOR_SIGN_IN, "may-not-delete")
    assert bench.image_bytes_in_vault()


def test_where_a_server_does_not_say_what_it_keeps_it_is_not_proven(bench: DestroyingBench, record: Limited) -> None:
    assert bench.purge is not None
    bench.purge._offers_everything = False

    def unsearchable(resource_type: str, params: Any) -> Sequence[Json]:
        raise RecordRefused("no search", status=403, code="search-not-supported")

    record.search = unsearchable  # type: ignore[method-assign, assignment]  # what this server does
    item = bench.carry_out()
    assert item.state is DeletionState.FAILED and item.certificate is None
    assert item.proof is not None and any(place.unasked for place in item.proof.places)


def test_two_runs_at_once_destroy_once(bench: DestroyingBench, record: Limited) -> None:
    intent = bench.begin()
    calls: list[str] = []

    def also(call: str, what: str) -> None:
        if call == "delete" and what == BINARY and not calls:
            calls.append(call)
            assert bench.engine.run(intent).state is IntentState.OPEN, "somebody else has it"

    record.on_call = also
    bench.engine.run(intent)
    assert calls and bench.item().state is DeletionState.COMPLETED
    assert len(record.stored("AuditEvent")) == 2 and len(bench.log.entries()) == 1
    assert Reference(IMAGE) not in bench.hidden.references(bench.session.fhir_base, bench.session.patient_id)
