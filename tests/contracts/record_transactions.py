"""What `ClinicalRecord` promises of transactions: all or nothing, under our ids, and the truth of one that failed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from fhir_plugin.errors import RecordRefused
from fhir_plugin.ports import EntryOutcome, TransactionEntry
from tests.contracts.record_places import Json, Place, content_of, key_of, our_id


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
    with pytest.raises(place.error_of_deleted):
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
        TransactionEntry("PUT", f"Media/{existing.id}", stale, if_match="99"),
    ]
    outcomes: list[EntryOutcome] | None
    try:
        outcomes = place.record.transact(entries)
    except RecordRefused:
        outcomes = None
    found = place.record.search("Media", key_of(new))
    assert place.record.read("Media", existing.id)["status"] == "completed"
    if place.deviates("transaction-as-batch") or place.deviates("transaction-not-undone"):
        assert outcomes is not None
        assert [outcome.ok for outcome in outcomes] == [True, False]
        assert len(found) == 1
    else:
        assert outcomes is None
        assert found == []
