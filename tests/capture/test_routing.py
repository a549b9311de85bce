"""Triage learns that pictures wait, for whom and since when: whatever else is known of them is not in what it gets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.routing import WaitingHere, WaitsFor, waiting_here
from fhir_plugin.errors import RecordRefused, RecordUnavailable, SignInNeeded
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import Role, User
from tests.capture.bench import CANARY, PATIENT, Bench, launched
from tests.fakes.drafts import FakeDrafts
from tests.fakes.record import TYPES, FakeRecord

TRIAGE = launched("triage", user=User(Reference("Practitioner/rec"), "Jo Desk", frozenset({Role.TRIAGE})))
GP: dict[str, Any] = {"resourceType": "Practitioner", "id": "gp", "name": [{"given": ["Priya"], "family": "Grey"}]}


def bench_with(gp: dict[str, Any] | None = GP) -> Bench:
    record = FakeRecord(types=TYPES | {"Practitioner"})
    if gp is not None:
        record.put(gp)
    return Bench(record)


def test_it_says_who_since_when_and_how_many() -> None:
    bench = bench_with()
    capture, images = bench.add("one", "two", "three")
    bench.answer(capture, dict.fromkeys(images, "store"), purpose=CANARY, intimacy="intimate")
    bench.captures.discard(launched(), capture, images[0], reason="duplicate")
    [item] = waiting_here(bench.parts, TRIAGE)
    assert item == WaitingHere(
        WaitsFor.DECISION, 2, Reference("Practitioner/gp"), "Priya Grey", bench.draft(capture).updated, False
    )
    assert bench.captures.waiting_here(TRIAGE) == [item]


def test_it_has_no_room_for_anything_else() -> None:
    assert {each.name for each in dataclasses.fields(WaitingHere)} == {
        "waits_for",
        "pictures",
        "user",
        "name",
        "since",
        "late",
    }


def test_the_longest_waiting_is_first_and_what_waits_too_long_says_so() -> None:
    bench = bench_with()
    bench.add("old")
    bench.clock.advance(hours=bench.policy.waiting_alert / dt.timedelta(hours=1), minutes=1)
    bench.add("new")
    assert [(each.late, each.since <= bench.clock.now()) for each in waiting_here(bench.parts, TRIAGE)] == [
        (True, True),
        (False, True),
    ]


def test_empty_discarded_filed_and_other_peoples_captures_do_not_wait() -> None:
    bench = bench_with()
    bench.captures.begin(launched())
    discarded, images = bench.add()
    bench.captures.discard(launched(), discarded, images[0], reason="duplicate")
    bench.filed()
    elsewhere, _ = bench.add()
    bench.drafts.save(replace(bench.draft(elsewhere), patient=PatientId("p2")))
    other_ehr, _ = bench.add()
    bench.drafts.save(replace(bench.draft(other_ehr), fhir_base=FhirBase("https://other.example/fhir")))
    assert waiting_here(bench.parts, TRIAGE) == []


def test_a_draft_that_says_itself_whose_it_is_is_believed_more_than_its_row() -> None:
    class Moved(FakeDrafts):
        def of(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference | None) -> list[Draft]:
            return self.unfinished()

    bench = bench_with()
    bench.add()
    moved = Moved()
    moved.add(replace(bench.drafts.unfinished()[0], patient=PatientId("p2")))
    assert waiting_here(replace(bench.parts, drafts=moved), TRIAGE) == []


def test_a_filing_that_waits_for_its_clinician_says_so_and_one_under_way_waits_for_nobody() -> None:
    bench = bench_with()
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    bench.captures.patient(launched())
    bench.file(capture)
    draft = bench.draft(capture)
    assert draft.state is DraftState.FILED and draft.intent is not None
    bench.drafts.save(replace(draft, state=DraftState.FILING))
    [item] = waiting_here(bench.parts, TRIAGE)
    assert item.waits_for is WaitsFor.RECORD

    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    record = bench.record
    bench.record = _SignsOut(record, bench)  # type: ignore[assignment]  # answers as the record does, then no more
    bench.file(capture)
    bench.record = record
    bench.signed_out.clear()
    waits = [each.waits_for for each in waiting_here(bench.parts, TRIAGE)]
    assert waits == [WaitsFor.RECORD, WaitsFor.SIGN_IN]


class _SignsOut:
    """A record whose sign-in ends at the first write."""

    def __init__(self, record: object, bench: Bench) -> None:
        self._record, self._bench = record, bench

    def __getattr__(self, name: str) -> object:
        if name in ("transact", "create", "put", "create_binary"):
            raise SignInNeeded("launch again")
        if name == "beside":
            return lambda _resource_types: self
        return getattr(self._record, name)


@pytest.mark.parametrize("gp", [None, {"resourceType": "Practitioner", "id": "gp"}])
def test_a_person_whom_the_ehr_does_not_name_stays_a_reference(gp: dict[str, Any] | None) -> None:
    bench = bench_with(gp)
    bench.add()
    [item] = waiting_here(bench.parts, TRIAGE)
    assert (item.user, item.name) == ("Practitioner/gp", "")


@pytest.mark.parametrize("user", ["PractitionerRole/r1", "https://ics.example/fhir/Practitioner/9"])
def test_only_a_practitioner_of_this_ehr_is_looked_up(user: str) -> None:
    bench = bench_with()
    capture, _ = bench.add()
    bench.drafts.save(replace(bench.draft(capture), user=Reference(user)))
    [item] = waiting_here(bench.parts, TRIAGE)
    assert (item.user, item.name) == (user, "")


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        (RecordRefused("read: 403", status=403), None),
        (RecordUnavailable("down"), RecordUnavailable),
        (SignInNeeded("launch again"), SignInNeeded),
    ],
)
def test_a_refusal_leaves_the_reference_and_a_record_that_is_down_is_said(
    trouble: Exception, raised: type[Exception] | None
) -> None:
    class Troubled:
        def read(self, kind: str, id: str) -> dict[str, object]:
            if kind == "Practitioner":
                raise trouble
            return dict(PATIENT)

    bench = Bench(Troubled())  # type: ignore[arg-type]  # only reads
    bench.add()
    if raised:
        with pytest.raises(raised):
            waiting_here(bench.parts, TRIAGE)
    else:
        assert [each.name for each in waiting_here(bench.parts, TRIAGE)] == [""]


def test_nothing_of_it_shows_who_in_a_log() -> None:
    bench = bench_with()
    bench.add()
    assert "Grey" not in repr(waiting_here(bench.parts, TRIAGE))
