"""What is kept of a request that has been over for long: ids, dates, where it stood, and that its reason was used."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.adapters.photo_requests import DatabasePhotoRequests
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.capture.requests.request_json import request_to_json
from fhir_plugin.errors import Incomplete
from fhir_plugin.policy.pack import shipped_pack
from tests.capture.requests.bench import FORM, Asking
from tests.conftest import OwnStores

DAYS = shipped_pack("strict").requests_kept.days


def test_a_year_after_it_is_over_only_its_bones_are_kept_and_its_reason_is_still_used() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    asking.visits.decline(door)
    asking.bench.until_settled()
    before = asking.now(request_id)
    asking.bench.clock.advance(hours=24 * (DAYS - 1))
    tidy(asking.parts)
    assert asking.now(request_id) == before
    asking.bench.clock.advance(hours=48)
    tidy(asking.parts)
    after = asking.now(request_id)
    assert (after.state, after.created, after.changed) == (before.state, before.created, before.changed)
    assert (after.request_id, after.patient, after.record) == (request_id, before.patient, before.record)
    assert (after.link_digest, after.browser_digest) == ("", "")
    text = repr(request_to_json(after))
    for said in ("Amy", "1980", FORM["purpose"], FORM["area"], FORM["justification"], "Elm Surgery", "Dr Cover"):
        assert said not in text
    assert len(asking.bench.audit.entries(action="request.reduced")) == 1
    tidy(asking.parts)
    assert len(asking.bench.audit.entries(action="request.reduced")) == 1
    with pytest.raises(Incomplete) as used:
        asking.prepared()
    assert set(used.value.fields) == {"justification"}
    asking.prepared(justification="Another reason, as she is away from home")


def test_what_nobody_has_decided_on_is_kept_whole() -> None:
    asking = Asking()
    request_id, _ = asking.answered()
    asking.bench.until_settled()
    asking.bench.clock.advance(hours=24 * (DAYS + 30))
    before = asking.now(request_id)
    tidy(asking.parts)
    assert asking.now(request_id) == before


def test_the_database_finds_each_once(own: OwnStores) -> None:
    store = DatabasePhotoRequests(own.database, own.masters)
    request = replace(Asking().prepared(), state=RequestState.DECLINED, link_digest="d" * 64)
    store.add(request)
    assert store.old(request.created - dt.timedelta(days=1)) == []
    assert store.old(request.created) == [request.request_id]
    store.save(request.to_bones("digest"))
    assert store.old(request.created) == []
    assert store.by_link("d" * 64) is None
    assert store.get(request.request_id) == request.to_bones("digest")
