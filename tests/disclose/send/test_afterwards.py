"""After it was sent: fetched for a while, then destroyed; counted for the next request, told to the patient."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.disclose.send import accounting, earlier, pieces_of, tidy
from fhir_plugin.disclose.send.earlier import ANOTHER_APP, PURPOSES
from fhir_plugin.errors import Gone, RecordRefused, Refused, Tampered
from fhir_plugin.ports import Compartment, Json, VaultItem
from mappings.model.disclosure import Requester
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState, Signature
from mappings.model.identifiers import Reference
from mappings.model.practice import Hold, HoldKind
from mappings.r4.audit_event import to_audit_event
from mappings.r4.disclosure_event import to_disclosure_event
from mappings.terminology import systems
from mappings.terminology.audit import PURPOSE_DISPLAYS, Operation, Outcome
from tests.disclose.send.bench import (
    AMY,
    DIGEST,
    GUARDIAN,
    HERE,
    PIXELS,
    RECIPIENT,
    SEEN,
    SendBench,
    at_the_desk,
    signed_request,
)
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord, Lie
from tests.mappings.test_disclosure_event import disclosed


@pytest.fixture
def bench() -> SendBench:
    return SendBench()


def sent(bench: SendBench, id: str = "d1", **changed: object) -> DisclosureRequest:
    request = signed_request(id, **changed)
    bench.send(request)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT
    return done


def fetch(bench: SendBench, request: DisclosureRequest) -> bytes:
    return b"".join(pieces_of(bench.parts, at_the_desk(), request))


def test_only_the_hold_of_this_request_is_lifted(bench: SendBench) -> None:
    bench.holds.add(Hold("concern-1", HoldKind.SAFEGUARDING, HERE, AMY, START, GUARDIAN))
    bench.send()
    assert [each.id for each in bench.holds.of_patient(HERE, AMY)] == ["concern-1"]


# ------------------------------------------------------------------------------------------------ fetching


def test_who_fetches_a_package_is_written_down_before_the_first_byte_and_after_the_last(bench: SendBench) -> None:
    request = sent(bench)
    pieces = pieces_of(bench.parts, at_the_desk(GUARDIAN, "launch-2"), request)
    begun = bench.audit.entries(action="disclosure.fetched")
    assert [(each.entry.actor, each.entry.detail["whole"]) for each in begun] == [(GUARDIAN, False)]
    b"".join(pieces)
    assert bench.audit.entries(action="disclosure.fetched")[-1].entry.detail["whole"] is True


def test_fetched_it_can_be_fetched_again_for_a_day_and_then_only_the_fact_is_kept(bench: SendBench) -> None:
    request = sent(bench)
    first = fetch(bench, request)
    bench.clock.advance(hours=23, minutes=59)
    assert tidy(bench.parts) == 0 and fetch(bench, request) == first
    bench.clock.advance(minutes=1)
    assert tidy(bench.parts) == 1
    kept = bench.requests.get(request.id)
    assert kept.state is RequestState.SENT and kept.package is not None and request.package is not None
    assert kept.package == replace(request.package, vault_id=None)
    assert bench.vault.items() == []
    (said,) = bench.audit.entries(action="disclosure.package-destroyed")
    assert said.entry.detail["because"] == "fetched"
    with pytest.raises(Gone, match="kept no longer"):
        fetch(bench, kept)
    assert tidy(bench.parts) == 0


def test_one_that_was_fetched_half_counts_as_not_fetched(bench: SendBench) -> None:
    request = sent(bench)
    next(iter(pieces_of(bench.parts, at_the_desk(), request)))
    bench.clock.advance(days=27)
    assert tidy(bench.parts) == 0
    bench.clock.advance(days=1)
    assert tidy(bench.parts) == 1
    (said,) = bench.audit.entries(action="disclosure.package-destroyed")
    assert said.entry.detail["because"] == "not-fetched"


def test_pieces_that_belong_to_nothing_go_and_those_being_made_stay(bench: SendBench) -> None:
    bench.writer.leak = b"photo-secret-2"
    failed = bench.send()
    bench.vault.put(b"a piece that was late", compartment=Compartment.PACKAGE_PART, owner=failed.id)
    waiting = bench.sign(signed_request("d2"))
    bench.vault.put(b"being made", compartment=Compartment.PACKAGE_PART, owner=waiting)
    bench.vault.put(b"somebody else's", compartment=Compartment.PACKAGE_PART, owner="not an intent")
    assert tidy(bench.parts) == 0
    assert {each.owner for each in bench.vault.items()} == {waiting, "not an intent"}


def test_a_piece_that_is_not_itself_never_passes_for_the_package(
    bench: SendBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = sent(bench)
    pieces = bench.vault.items(compartment=Compartment.PACKAGE_PART)
    part = next(each for each in pieces if not each.owner.endswith("/whole"))
    kept = bench.vault.get
    monkeypatch.setattr(bench.vault, "get", lambda id: kept(id)[::-1] if id == part.vault_id else kept(id))
    with pytest.raises(Tampered):
        fetch(bench, request)
    assert [each.entry.detail["whole"] for each in bench.audit.entries(action="disclosure.fetched")] == [False]


def test_a_request_that_was_not_sent_has_nothing_to_fetch(bench: SendBench) -> None:
    bench.sign()
    with pytest.raises(Refused, match="not been made"):
        fetch(bench, bench.requests.get(signed_request().id))


# ------------------------------------------------------------------------------------------------ sent before


def test_earlier_releases_of_an_image_are_found_by_reference_and_by_what_it_shows(bench: SendBench) -> None:
    first = sent(bench)
    bench.clock.advance(days=1)
    twin = Reference("DocumentReference/same-photo")
    bench.pictures = {twin: PIXELS[SEEN]}
    sent(bench, "d2", requester=Requester.PATIENT, recipient="canary Amy herself")
    bench.sign(signed_request("d3"))
    known = bench.requests.of_patient(first.fhir_base, first.patient)
    digest = bench.vault.keyed_digest(PIXELS[SEEN])
    assert [each.request for each in earlier(known, bench.rules, SEEN)] == ["d1"]
    both = earlier(known, bench.rules, SEEN, digests=[digest])
    assert [(each.request, each.same_bytes) for each in both] == [("d2", True), ("d1", False)], "newest first"
    assert both[1].recipient == RECIPIENT and both[1].title == bench.rules.rows[Requester.INSURER].title
    assert earlier(known, bench.rules, Reference("Media/other")) == []
    assert "canary" not in repr(both)


# ------------------------------------------------------------------------------------------------ accounting


def test_the_patient_is_told_what_went_to_whom_by_what_right_and_who_signed(bench: SendBench) -> None:
    request = sent(bench, second=Signature(GUARDIAN, "canary guardian", START, DIGEST), purpose="A claim.")
    (told,) = accounting(bench.parts, bench.rules, at_the_desk())
    assert request.package is not None
    assert (told.on, told.recipient, told.purpose) == (START, RECIPIENT, "A claim.")
    assert (told.items, told.images, told.event) == (1, 1, request.package.event)
    assert told.signed_by == ("canary officer", "canary guardian")
    assert told.right == bench.rules.rows[Requester.INSURER].right
    assert "canary" not in repr(told)


def test_what_was_not_sent_is_not_told_and_nothing_of_another_patient(bench: SendBench) -> None:
    sent(bench)
    bench.sign(signed_request("d2"))
    assert len(accounting(bench.parts, bench.rules, at_the_desk())) == 1
    assert accounting(bench.parts, bench.rules, at_the_desk(patient="somebody-else")) == []


def another(patient: str = "amy", **changed: object) -> Json:
    """As another app wrote it."""
    event = to_disclosure_event(disclosed(patient=patient), act="x", software_version="1", id=None)
    event["entity"] = [each for each in event["entity"] if "identifier" not in each["what"]]
    return {**event, **changed}


def test_a_release_by_another_installation_of_this_app_is_told_from_the_record() -> None:
    record = FakeRecord()
    bench = SendBench(record=record)
    sent(bench)
    elsewhere = replace(disclosed(patient="amy"), id=DisclosureId("of another installation"))
    record.create(to_disclosure_event(elsewhere, act="y", software_version="1", id=None))
    assert len(accounting(bench.parts, bench.rules, at_the_desk())) == 2


def test_a_package_that_is_finished_while_old_ones_are_destroyed_stays(
    bench: SendBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = bench.sign()
    bench.vault.put(b"being made", compartment=Compartment.PACKAGE_PART, owner=intent)
    listed = bench.vault.items

    def finished_meanwhile(**asked: Any) -> list[VaultItem]:
        found = listed(**asked)
        if not bench.ledger.get(intent).ended:
            monkeypatch.setattr(bench.vault, "items", listed)
            bench.engine.run(intent)
        return found

    monkeypatch.setattr(bench.vault, "items", finished_meanwhile)
    assert tidy(bench.parts) == 0
    assert fetch(bench, bench.requests.get(signed_request().id))


@pytest.mark.parametrize("lie", [None, Lie.FINDS_EVERYTHING])
def test_a_release_by_another_app_is_told_from_the_record_and_ours_only_once(lie: Lie | None) -> None:
    record = FakeRecord()
    bench = SendBench(record=record)
    sent(bench)
    record.create(another(recorded="2026-03-01T10:00:00Z"))
    record.create(another("somebody-else"))
    record.create(another(recorded="not a moment"))
    record.create(
        to_audit_event(
            action="image.filed",
            operation=Operation.CREATE,
            at=START,
            user=GUARDIAN,
            patient=Reference("Patient/amy"),
            objects=[],
            purpose="TREAT",
            outcome=Outcome.SUCCESS,
            software_version="1",
        )
    )
    record.lies = frozenset({lie} if lie else ())
    ours, theirs = accounting(bench.parts, bench.rules, at_the_desk())
    assert ours.recipient == RECIPIENT
    assert (theirs.title, theirs.recipient, theirs.images) == (ANOTHER_APP, "", 2)
    assert theirs.on == dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC) and theirs.event is not None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("TREAT", "For treatment"),
        ("NEW", "For a purpose that this app has no words for (NEW)"),
        (None, ""),
        *((code, PURPOSES[code]) for code in PURPOSE_DISPLAYS),
    ],
)
def test_what_another_app_sent_it_for_is_said_in_words(code: str | None, words: str) -> None:
    record = FakeRecord()
    bench = SendBench(record=record)
    purposes = [{"coding": [{"system": systems.ACT_REASON, "code": code}]}] if code else []
    record.create(another(purposeOfEvent=purposes))
    (told,) = accounting(bench.parts, bench.rules, at_the_desk())
    assert told.purpose == words


def test_a_record_that_cannot_be_searched_leaves_what_we_know_ourselves() -> None:
    class Silent(FakeRecord):
        silent = False

        def search(self, resource_type: str, params: object) -> list[Json]:
            if self.silent:
                raise RecordRefused("no", status=403, code="search-not-supported")
            return super().search(resource_type, params)  # type: ignore[arg-type]  # passed on

    record = Silent()
    bench = SendBench(record=record)
    sent(bench)
    record.silent = True
    assert len(accounting(bench.parts, bench.rules, at_the_desk())) == 1


def test_the_same_request_is_kept_under_its_own_id(bench: SendBench) -> None:
    assert sent(bench).id == DisclosureId("d1")
