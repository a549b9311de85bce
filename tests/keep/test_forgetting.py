"""An image that is destroyed: second opinions about it end with their copies, and whoever asked is told why."""

from __future__ import annotations

from fhir_plugin.keep.forgetting import KeptElsewhere
from fhir_plugin.keep.opinion import OpinionState
from fhir_plugin.ports import Compartment
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import PatientId, Reference
from tests.keep.consulting import Room
from tests.keep.test_withdraw import ONE, TWO
from tests.work.test_practice import HERE


def test_its_copies_go_and_the_asker_is_told() -> None:
    room, watched = Room(), list[Reference]()
    opinion = room.ask()
    elsewhere = KeptElsewhere(room.bench.keeping, room.bench.opinions, watched.append)
    about, other = BoundImage(ONE, "3", "digest"), BoundImage(TWO, "3", "digest")
    with room.bench.work.transaction():
        assert elsewhere.end_opinions(HERE, PatientId("amy"), other) == 0
        assert room.state(opinion.id) is OpinionState.ASKED
        assert elsewhere.end_opinions(HERE, PatientId("amy"), about) == 1
        assert elsewhere.end_opinions(HERE, PatientId("amy"), about) == 0
        assert elsewhere.end_orders(HERE, PatientId("amy"), about) == 0
    assert room.state(opinion.id) is OpinionState.STOPPED
    assert room.bench.vault.items(compartment=Compartment.OPINION) == []
    assert watched == [ONE]
    items = room.bench.worklist.of_patient(HERE, PatientId("amy"))
    assert any("permanently deleted" in each.words for each in items)
