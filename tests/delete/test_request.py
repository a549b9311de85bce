"""Asking for permanent deletion: what it needs, what it is bound to, when it is due, and what follows for who asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.delete.clock import reply_due
from fhir_plugin.delete.lifecycle import NoSuchStep
from fhir_plugin.delete.request import Asked, ask
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound, Refused, WrongPatient
from fhir_plugin.ports import Compartment
from mappings.model.deletion import DeletionReason, DeletionState, ItemId
from mappings.model.identifiers import Reference
from mappings.model.people import Patient, Role, User
from mappings.model.work import WorkKind
from tests.delete.deciding_bench import COLLEAGUE, GP, GUARDIAN, OFFICER, SAM, DecidingBench
from tests.delete.destroying_bench import AMY, IMAGE, OTHER


@pytest.fixture
def bench() -> DecidingBench:
    return DecidingBench()


def test_a_request_is_about_exact_images_and_waits_for_the_guardian(bench: DecidingBench) -> None:
    case = bench.ask(images=[IMAGE, OTHER])
    assert [each.image.reference for each in case.items] == [IMAGE, OTHER]
    assert all(each.image.version and each.image.digest for each in case.items)
    assert {each.state for each in case.items} == {DeletionState.REQUESTED}
    assert (case.requested_by, case.nhs_number, case.policy) == (GP.person, "9990000018", bench.parts.policy.reference)
    assert case.seen_by == (f"Dr Seen opened {IMAGE}", f"Dr Seen opened {OTHER}")
    item = bench.waiting()[WorkKind.DELETION]
    assert (item.subject, item.owner, item.not_by) == (case.id, None, GP.person)
    assert item.due.date() == case.due
    assert bench.actions(case) == ["deletion.asked"]


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ({"reason": None}, "reason"),
        ({"words": " "}, "words"),
        ({"described": ""}, "described"),
        ({"gmc_looked_at": False}, "gmc_looked_at"),
        ({"instead": ""}, "instead"),
        ({"images": []}, "images"),
        ({"images": [Reference(f"Media/{number}") for number in range(201)]}, "images"),
        ({"instead": "x" * 4001}, "instead"),
        ({"reason": DeletionReason.OBJECTION}, "asked_by_patient"),
        ({"reason": DeletionReason.ERASURE_REQUEST, "asked_by_patient": dt.date(2999, 1, 1)}, "asked_by_patient"),
        ({"reason": DeletionReason.ERASURE_REQUEST, "asked_by_patient": dt.date(2001, 1, 1)}, "asked_by_patient"),
    ],
)
def test_what_is_missing_is_said_by_name(bench: DecidingBench, missing: dict[str, Any], field: str) -> None:
    with pytest.raises(Incomplete) as raised:
        bench.ask(**missing)
    assert list(raised.value.fields) == [field]
    assert bench.parts.cases.at(bench.at(GP).fhir_base) == []


def test_only_clinicians_ask(bench: DecidingBench) -> None:
    for user in (GUARDIAN, OFFICER, User(Reference("Practitioner/t"), "Desk", frozenset({Role.TRIAGE}))):
        with pytest.raises(NotAllowed):
            bench.ask(user)


def test_nobody_asks_for_an_image_of_somebody_else(bench: DecidingBench) -> None:
    said = Asked({IMAGE: ""}, DeletionReason.NO_CONSENT, "", "described", True, "instead")
    with pytest.raises(WrongPatient):
        ask(bench.parts, bench.at(GP, SAM), Patient(SAM, "Sam"), said)
    with pytest.raises(WrongPatient):
        ask(bench.parts, bench.at(GP), Patient(SAM, "Sam"), said)


def test_another_version_than_the_page_showed_is_not_what_was_meant(bench: DecidingBench) -> None:
    said = Asked({IMAGE: "99"}, DeletionReason.NO_CONSENT, "", "described", True, "instead")
    with pytest.raises(AnswersChanged):
        ask(bench.parts, bench.at(GP), Patient(AMY, "Amy"), said)


def test_sent_twice_it_is_one_request_and_nobody_elses(bench: DecidingBench) -> None:
    first, again = bench.ask(once="a key of the page"), bench.ask(once="a key of the page")
    assert first == again
    assert len(bench.parts.cases.of_patient(first.fhir_base, AMY)) == 1
    other = bench.ask(COLLEAGUE, images=[OTHER], once="a key of the page")
    assert other.id != first.id
    assert other.requested_by == COLLEAGUE.person


def test_an_image_is_in_one_open_request(bench: DecidingBench) -> None:
    case = bench.ask()
    with pytest.raises(Refused) as raised:
        bench.ask(COLLEAGUE, images=[OTHER, IMAGE])
    assert raised.value.code == "already-asked"
    bench.requests.cancel(bench.at(GP), case.id, case.items[0].id, "Not needed.", revision=case.revision)
    bench.ask(COLLEAGUE, images=[OTHER, IMAGE])


def test_a_patient_who_asked_is_answered_within_a_month(bench: DecidingBench) -> None:
    today = bench.parts.clock.now().date()
    case = bench.ask(reason=DeletionReason.ERASURE_REQUEST, asked_by_patient=today - dt.timedelta(days=25))
    assert case.reply_due == reply_due(today - dt.timedelta(days=25), bench.parts.days_off)
    assert case.due <= case.reply_due
    item = bench.waiting()[WorkKind.DELETION_REPLY]
    assert (item.owner, item.due.date()) == (GP.person, case.reply_due)
    case = bench.requests.cancel(bench.at(GP), case.id, case.items[0].id, "She changed her mind.", revision=1)
    assert set(bench.waiting()) == {WorkKind.DELETION_REPLY}
    case = bench.requests.replied(bench.at(GP), case.id, revision=case.revision)
    assert case.replied == bench.parts.clock.now()
    assert bench.waiting() == {}
    with pytest.raises(Refused):
        bench.requests.replied(bench.at(GP), case.id, revision=case.revision)


def test_the_day_that_the_patient_asked_counts_only_where_the_patient_did(bench: DecidingBench) -> None:
    case = bench.ask(reason=DeletionReason.COURT_ORDER, asked_by_patient=dt.date(2026, 11, 2))
    assert (case.asked_by_patient, case.reply_due) == (None, None)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        (dt.date(2026, 11, 3), dt.date(2026, 12, 3)),
        (dt.date(2026, 1, 31), dt.date(2026, 3, 2)),  # the last of February is a Saturday
        (dt.date(2024, 1, 30), dt.date(2024, 2, 29)),
        (dt.date(2026, 12, 31), dt.date(2027, 2, 1)),  # a Sunday
        (dt.date(2026, 11, 25), dt.date(2026, 12, 29)),  # Christmas, Boxing Day, a weekend, its substitute day
        (dt.date(2026, 10, 6), dt.date(2026, 11, 6)),
    ],
)
def test_one_calendar_month(asked: dt.date, due: dt.date) -> None:
    """ICO, right to erasure: the corresponding date, else the last of the month, else the next working day."""
    days_off = {dt.date(2026, 12, 25), dt.date(2026, 12, 26), dt.date(2026, 12, 28)}
    assert reply_due(asked, days_off) == due


def test_a_question_is_answered_by_a_colleague_too(bench: DecidingBench) -> None:
    case = bench.ask()
    guardian, item = bench.at(GUARDIAN, SAM), case.items[0].id
    case = bench.decisions.ask_more(guardian, case.id, item, "Who took it?", revision=1)
    assert set(bench.waiting()) == {WorkKind.DELETION_MORE_ASKED}
    with pytest.raises(Incomplete):
        bench.requests.answer(bench.at(COLLEAGUE), case.id, item, " ", revision=case.revision)
    case = bench.requests.answer(bench.at(COLLEAGUE), case.id, item, "A nurse.", revision=case.revision)
    assert set(bench.waiting()) == {WorkKind.DELETION}
    assert [each.words for each in case.items[0].timeline[-2:]] == ["Who took it?", "A nurse."]
    with pytest.raises(Refused):
        bench.requests.answer(bench.at(COLLEAGUE), case.id, item, "Again.", revision=case.revision)


def test_only_who_asked_or_a_privacy_officer_takes_it_back(bench: DecidingBench) -> None:
    case = bench.ask(images=[IMAGE, OTHER])
    first, second = (each.id for each in case.items)
    with pytest.raises(NotAllowed):
        bench.requests.cancel(bench.at(COLLEAGUE), case.id, first, "No.", revision=case.revision)
    case = bench.requests.cancel(bench.at(OFFICER), case.id, first, "Kept.", revision=case.revision)
    case = bench.requests.in_error(bench.at(GP), case.id, second, "The wrong one.", revision=case.revision)
    assert [each.state.value for each in case.items] == ["cancelled", "entered-in-error"]
    assert bench.waiting() == {}
    with pytest.raises(NoSuchStep):
        bench.requests.cancel(bench.at(GP), case.id, first, "Again.", revision=case.revision)


def test_at_another_chart_it_does_not_exist(bench: DecidingBench) -> None:
    case = bench.ask()
    item = case.items[0].id
    acts: list[Callable[[], object]] = [
        lambda: bench.requests.get(bench.at(GP, SAM), case.id),
        lambda: bench.requests.cancel(bench.at(GP, SAM), case.id, item, "x", revision=1),
        lambda: bench.requests.carry_out(bench.at(GP, SAM), case.id, item, revision=1),
        lambda: bench.requests.cancel(bench.at(GP), case.id, ItemId("nobody's"), "x", revision=1),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()


def test_the_guardians_copy_is_marked_and_goes_with_the_decision(bench: DecidingBench) -> None:
    case = bench.ask()
    picture = case.items[0].picture
    assert picture is not None
    assert [each.vault_id for each in bench.parts.vault.items(compartment=Compartment.CASE)] == [picture]
    bench.requests.cancel(bench.at(GP), case.id, case.items[0].id, "No.", revision=case.revision)
    assert bench.parts.vault.items(compartment=Compartment.CASE) == []
    assert bench.item(case).picture is None


def test_a_request_that_fails_leaves_no_copy(bench: DecidingBench) -> None:
    bench.ask()
    before = bench.parts.vault.items(compartment=Compartment.CASE)
    real = bench.parts.cases.of_patient
    answers = iter([[], real(bench.at(GP).fhir_base, AMY)])  # somebody else asks in the very moment
    parts = replace(bench.parts, cases=_Between(bench.parts.cases, answers))
    said = Asked({IMAGE: ""}, DeletionReason.NO_CONSENT, "", "described", True, "instead")
    with pytest.raises(Refused):
        ask(parts, bench.at(COLLEAGUE), Patient(AMY, "Amy"), said)
    assert bench.parts.vault.items(compartment=Compartment.CASE) == before


class _Between:
    """The store, but for `of_patient`, which answers what it is told."""

    def __init__(self, real: Any, answers: Any) -> None:
        self._real, self._answers = real, answers

    def of_patient(self, *_whose: object) -> Any:
        return next(self._answers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
