"""Deciding: by another person, with the role, about what they saw, and while nothing forbids it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.delete.decide import Decisions
from fhir_plugin.delete.lifecycle import Event, NoSuchStep
from fhir_plugin.delete.standing import SKEW, forbidden, look, patient_seen, tidy, void
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, NotFound, Refused
from mappings.model.deletion import DeletionState, ItemId, Principle
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import Patient, Role, User
from mappings.model.practice import HoldKind
from mappings.model.work import WorkKind
from tests.delete.deciding_bench import (
    BOTH,
    COLLEAGUE,
    COSIGNED,
    DEPUTY,
    EIGHT,
    GP,
    GUARDIAN,
    OFFICER,
    SAM,
    DecidingBench,
)
from tests.delete.destroying_bench import AMY, IMAGE, OTHER

S = DeletionState


@pytest.fixture
def bench() -> DecidingBench:
    return DecidingBench()


@pytest.fixture
def two() -> DecidingBench:
    """Where a senior clinician signs as well."""
    return DecidingBench(COSIGNED)


def test_an_approval_is_of_that_version_by_that_person_until_it_expires(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    item, now = case.items[0], bench.parts.clock.now()
    assert item.state is S.ACCEPTED
    assert item.approval is not None
    assert (item.approval.by, item.approval.login, item.approval.principles) == (
        GUARDIAN.person,
        GUARDIAN.reference,
        EIGHT,
    )
    assert item.expires == now + bench.parts.policy.deletion_approval
    assert forbidden(bench.parts, case, item) is None
    waits = bench.waiting()
    assert set(waits) == {WorkKind.DELETION_APPROVED}
    assert waits[WorkKind.DELETION_APPROVED].owner == GP.person
    assert waits[WorkKind.DELETION_APPROVED].due <= item.expires


def test_the_guardian_who_asked_does_not_decide(bench: DecidingBench) -> None:
    case = bench.ask(BOTH)
    other_login = User(Reference("PractitionerRole/r9"), "A. S. Ks", BOTH.roles, Reference("Practitioner/gp"))
    for user in (BOTH, other_login):
        for act in ("approve", "reject", "ask_more"):
            with pytest.raises(NotAllowed) as raised:
                words = ("x",) if act != "approve" else (EIGHT, "x")
                decide = getattr(bench.decisions, act)
                decide(bench.at(user), case.id, case.items[0].id, *words, revision=case.revision)
            assert raised.value.code == "own-request"
        assert bench.decisions.opened(bench.at(user), case.id) == case
    assert bench.item(case).state is S.REQUESTED


def test_logins_of_nobody_known_are_not_two_people(bench: DecidingBench) -> None:
    """A job whose person the EHR does not name may be anybody's, also that of who asked."""
    case = bench.ask()
    unknown = User(Reference("PractitionerRole/r1"), "Somebody", frozenset({Role.CALDICOTT_GUARDIAN}))
    with pytest.raises(NotAllowed) as raised:
        bench.approve(case, unknown)
    assert raised.value.code == "who"


@pytest.mark.parametrize("user", [GP, COLLEAGUE, OFFICER])
def test_nobody_else_decides(bench: DecidingBench, user: User) -> None:
    case = bench.ask()
    with pytest.raises(NotAllowed):
        bench.approve(case, user)
    for act in (bench.decisions.reject, bench.decisions.ask_more, bench.decisions.take_back):
        with pytest.raises(NotAllowed):
            act(bench.at(user), case.id, case.items[0].id, "x", revision=1)
    with pytest.raises(NotAllowed):
        bench.decisions.queue(bench.at(user))


def test_all_eight_principles_and_a_reason(bench: DecidingBench) -> None:
    case = bench.ask()
    with pytest.raises(Incomplete) as raised:
        bench.approve(case, ticks=EIGHT - {Principle.LAW})
    assert list(raised.value.fields) == ["principles"]
    with pytest.raises(Incomplete):
        bench.decisions.approve(bench.at(GUARDIAN), case.id, case.items[0].id, EIGHT, " ", revision=1)
    assert bench.now(case) == case


def test_approved_twice_and_by_two_guardians_of_one_page(bench: DecidingBench) -> None:
    case = bench.ask()
    approved = bench.approve(case)
    for user in (GUARDIAN, DEPUTY):
        with pytest.raises(AnswersChanged):
            bench.approve(case, user)
        with pytest.raises(NoSuchStep):
            bench.approve(approved, user)
        with pytest.raises(AnswersChanged):
            bench.decisions.reject(bench.at(user), case.id, case.items[0].id, "No.", revision=case.revision)
    assert bench.now(case) == approved


def test_each_image_is_decided_by_itself(bench: DecidingBench) -> None:
    case = bench.ask(images=[IMAGE, OTHER])
    case = bench.approve(case, number=1)
    case = bench.decisions.reject(bench.at(DEPUTY), case.id, case.items[0].id, "Needed.", revision=case.revision)
    assert [each.state for each in case.items] == [S.REJECTED, S.ACCEPTED]
    assert set(bench.waiting()) == {WorkKind.DELETION_APPROVED, WorkKind.DELETION_REJECTED}
    assert case.items[0].rejection is not None
    assert case.items[0].rejection.words == "Needed."


def test_opening_is_noted_once(bench: DecidingBench) -> None:
    case = bench.decisions.opened(bench.at(GUARDIAN), bench.ask().id)
    assert case.items[0].state is S.RECEIVED
    assert bench.decisions.opened(bench.at(DEPUTY), case.id) == case


def test_at_another_ehr_it_does_not_exist(bench: DecidingBench) -> None:
    case = bench.ask()
    elsewhere = replace(bench.at(GUARDIAN), fhir_base=FhirBase("https://other.example/fhir"))
    assert bench.decisions.queue(elsewhere) == []
    with pytest.raises(NotFound):
        bench.decisions.case(elsewhere, case.id)
    with pytest.raises(NotFound):
        bench.decisions.approve(elsewhere, case.id, case.items[0].id, EIGHT, "x", revision=1)
    with pytest.raises(NotFound):
        bench.decisions.reject(bench.at(GUARDIAN), case.id, ItemId("of another case"), "x", revision=1)


# ------------------------------------------------------------------------------------------------- second signature


def test_a_second_signature_is_of_a_third_person(two: DecidingBench) -> None:
    case = two.approve(two.ask())
    assert (case.items[0].state, case.items[0].why) == (S.RECEIVED, "awaits-cosign")
    assert forbidden(two.parts, case, case.items[0]) == (Event.VOIDED, "not-approved")
    assert set(two.waiting()) == {WorkKind.DELETION_COSIGN}
    signer = User(GUARDIAN.reference, "Dr Guards", frozenset({Role.CLINICIAN}))
    for user, code in ((GP, "same-person"), (signer, "same-person"), (OFFICER, "not-allowed")):
        with pytest.raises(NotAllowed):
            two.decisions.cosign(two.at(user), case.id, case.items[0].id, "Yes.", revision=case.revision)
        del code
    with pytest.raises(Refused):
        two.approve(case, DEPUTY)
    case = two.decisions.cosign(two.at(COLLEAGUE), case.id, case.items[0].id, "Yes.", revision=case.revision)
    assert case.items[0].state is S.ACCEPTED
    assert forbidden(two.parts, case, case.items[0]) is None


def test_a_second_signature_is_given_at_that_chart_while_the_first_is_good(two: DecidingBench) -> None:
    case = two.approve(two.ask())
    item = case.items[0].id
    with pytest.raises(NotFound):
        two.decisions.cosign(two.at(COLLEAGUE, SAM), case.id, item, "Yes.", revision=case.revision)
    two.bench.guardians.clear()
    with pytest.raises(Refused) as raised:
        two.decisions.cosign(two.at(COLLEAGUE), case.id, item, "Yes.", revision=case.revision)
    assert raised.value.code == "not-the-guardian"
    two.bench.guardians = {GUARDIAN.reference}
    two.parts.clock.advance(days=15)  # type: ignore[attr-defined]  # the fake one
    with pytest.raises(Refused) as raised:
        two.decisions.cosign(two.at(COLLEAGUE), case.id, item, "Yes.", revision=case.revision)
    assert raised.value.code == "expired"
    assert tidy(two.parts) == 1
    assert (two.item(case).state, two.item(case).approval) == (S.REQUESTED, None)


def test_rejected_or_asked_about_while_the_second_is_waited_for(two: DecidingBench) -> None:
    case = two.approve(two.ask())
    item = case.items[0].id
    case = two.decisions.ask_more(two.at(DEPUTY), case.id, item, "Why?", revision=case.revision)
    assert (case.items[0].approval, case.items[0].expires) == (None, None)
    with pytest.raises(Refused):
        two.decisions.cosign(two.at(COLLEAGUE), case.id, item, "Yes.", revision=case.revision)


# ------------------------------------------------------------------------------------------- what comes afterwards


def test_the_role_is_asked_for_again_when_it_is_carried_out(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    bench.bench.guardians.clear()
    assert forbidden(bench.parts, case, case.items[0]) == (Event.VOIDED, "not-the-guardian")


def test_an_approval_expires_and_is_asked_for_again(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    bench.bench.clock.advance(days=14)
    assert forbidden(bench.parts, case, case.items[0]) == (Event.EXPIRED, "expired")
    assert (tidy(bench.parts), tidy(bench.parts)) == (1, 0)
    item = bench.item(case)
    assert (item.state, item.why, item.approval) == (S.REQUESTED, "expired", None)
    assert set(bench.waiting()) == {WorkKind.DELETION}
    bench.approve(bench.now(case), DEPUTY)
    assert bench.item(case).state is S.ACCEPTED


def test_a_clock_that_ran_back_approves_nothing(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    bench.bench.clock.advance(seconds=-SKEW.total_seconds())
    assert forbidden(bench.parts, case, case.items[0]) is None
    bench.bench.clock.advance(seconds=-1)
    assert forbidden(bench.parts, case, case.items[0]) == (Event.VOIDED, "clock")


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_stops_it_wherever_it_stands_and_it_goes_on_from_there(bench: DecidingBench, kind: HoldKind) -> None:
    case = bench.ask(images=[IMAGE, OTHER])
    case = bench.approve(case)
    bench.hold(kind=kind)
    found = forbidden(bench.parts, case, case.items[0])
    assert found is not None
    assert found[0] is Event.HELD
    with pytest.raises(Refused) as raised:
        bench.approve(case, number=1)
    assert raised.value.code == found[1]
    assert tidy(bench.parts) == 1
    assert [(each.state, each.why) for each in bench.now(case).items] == [(S.ON_HOLD, found[1])] * 2
    assert bench.waiting() == {}
    with pytest.raises(NoSuchStep):
        bench.approve(bench.now(case), number=1)
    hold = bench.parts.holds.get("hold-1")
    bench.parts.holds.save(replace(hold, lifted=bench.parts.clock.now()))
    assert tidy(bench.parts) == 1
    assert [each.state for each in bench.now(case).items] == [S.ACCEPTED, S.REQUESTED]
    assert set(bench.waiting()) == {WorkKind.DELETION, WorkKind.DELETION_APPROVED}


def test_an_approval_that_runs_out_while_it_is_held_is_none_afterwards(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    bench.hold()
    tidy(bench.parts)
    bench.bench.clock.advance(days=15)
    tidy(bench.parts)
    assert (bench.item(case).state, bench.item(case).approval) == (S.ON_HOLD, None)
    bench.parts.holds.save(replace(bench.parts.holds.get("hold-1"), lifted=bench.parts.clock.now()))
    tidy(bench.parts)
    assert (bench.item(case).state, bench.item(case).why) == (S.REQUESTED, "expired")


def test_a_question_is_still_open_after_a_hold(bench: DecidingBench) -> None:
    case = bench.ask()
    bench.decisions.ask_more(bench.at(GUARDIAN), case.id, case.items[0].id, "Who?", revision=1)
    bench.hold()
    tidy(bench.parts)
    case = bench.now(case)
    bench.requests.answer(bench.at(GP), case.id, case.items[0].id, "I did.", revision=case.revision)
    bench.parts.holds.save(replace(bench.parts.holds.get("hold-1"), lifted=bench.parts.clock.now()))
    tidy(bench.parts)
    assert (bench.item(case).state, bench.item(case).why) == (S.RECEIVED, "")
    assert set(bench.waiting()) == {WorkKind.DELETION}


def test_a_changed_version_voids_the_approval_and_the_next_is_of_what_is_there(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    item = case.items[0]
    changed = replace(item.image, version="2", digest="another")
    after = void(bench.parts, case.id, item.id, why="version-changed", image=changed).items[0]
    assert (after.state, after.why, after.approval, after.image) == (S.REQUESTED, "version-changed", None, changed)
    assert after.picture is None
    with pytest.raises(NoSuchStep):
        void(bench.parts, case.id, item.id, why="version-changed")
    assert bench.approve(bench.now(case)).items[0].image == changed


def test_a_guardian_takes_an_approval_back(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    case = bench.decisions.take_back(
        bench.at(DEPUTY, SAM), case.id, case.items[0].id, "She asks to keep it.", revision=case.revision
    )
    assert (case.items[0].state, case.items[0].why) == (S.REQUESTED, "taken-back")
    with pytest.raises(Refused):
        bench.decisions.take_back(bench.at(DEPUTY), case.id, case.items[0].id, "Again.", revision=case.revision)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (Patient(AMY, "Amy", nhs_number="9990000026"), "patient-changed"),
        (Patient(AMY, "Amy", nhs_number="999 000 0018", deceased=True), "patient-deceased"),
        (Patient(AMY, "Amy", nhs_number="999 000 0018"), ""),
        (Patient(AMY, "Amy"), ""),
    ],
)
def test_a_patient_who_was_merged_or_has_died_is_decided_about_again(
    bench: DecidingBench, now: Patient, why: str
) -> None:
    case = bench.approve(bench.ask())
    bench.bench.parts = replace(bench.parts, patient=lambda _session: now)
    assert patient_seen(bench.parts, bench.at(GP)) == bool(why)
    assert bench.item(case).why == why
    assert bench.item(case).state is (S.REQUESTED if why else S.ACCEPTED)
    assert patient_seen(bench.parts, bench.at(GP)) == 0
    assert bench.approve(bench.now(case), DEPUTY).items[0].state is S.ACCEPTED if why else True


def test_whoever_was_never_asked_for_is_never_read(bench: DecidingBench) -> None:
    def unread(_session: object) -> Patient:
        raise AssertionError("no request is open: nobody needs to know")

    bench.bench.parts = replace(bench.parts, patient=unread)
    assert patient_seen(bench.parts, bench.at(GP)) == 0


def test_a_case_that_cannot_be_read_stops_none_of_the_others(bench: DecidingBench) -> None:
    first, second = bench.ask(), bench.ask(images=[OTHER])
    bench.approve(second)
    bench.bench.clock.advance(days=15)
    real = bench.parts.cases

    class Damaged:
        def due(self, now: dt.datetime) -> list[str]:
            return ["never there", *real.due(now)]

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    bench.bench.parts = replace(bench.parts, cases=Damaged())  # type: ignore[arg-type]  # the rest is the real one's
    assert tidy(bench.parts) == 1
    assert [bench.item(each).state for each in (first, second)] == [S.REQUESTED, S.REQUESTED]


def test_what_was_said_goes_with_the_last_image_where_one_is_destroyed(bench: DecidingBench) -> None:
    from fhir_plugin.delete.lifecycle import moved
    from fhir_plugin.delete.standing import changed

    case = bench.approve(bench.ask(images=[IMAGE, OTHER], words="What can be seen on it."))
    now = bench.parts.clock.now()
    with bench.parts.work.transaction():
        begun = moved(case.items[0], Event.BEGUN, at=now)
        case = changed(bench.parts, case, begun)
        case = changed(bench.parts, case, moved(begun, Event.PROVEN, at=now))
    assert case.words == "What can be seen on it."
    case = bench.decisions.reject(
        bench.at(DEPUTY), case.id, case.items[1].id, "Needed: a word.", revision=case.revision
    )
    assert (case.words, case.instead, case.described) == ("", "", "DocumentReference/described")
    assert "a word" not in repr([[line.words for line in item.timeline] for item in case.items])
    assert (case.reason.value, case.requested_by) == ("other", GP.person)


def test_an_approval_at_the_own_chart_is_handed_on_at_once() -> None:
    bench = DecidingBench()
    handed: list[str] = []
    bench.decisions = Decisions(bench.parts, at_once=lambda _session, _case, item: handed.append(item.id))
    case = bench.ask(images=[IMAGE, OTHER])
    case = bench.approve(case)
    assert handed == []
    item = case.items[1].id
    bench.decisions.approve(bench.at(GUARDIAN, AMY), case.id, item, EIGHT, "Yes.", revision=case.revision)
    assert handed == [item]
    outside = bench.at(DEPUTY, PatientId(""), requests_only=True)
    assert [each.id for each in bench.decisions.queue(outside)] == [case.id]


def test_looking_twice_changes_nothing(bench: DecidingBench) -> None:
    case = bench.approve(bench.ask())
    assert not look(bench.parts, case.id)
    assert bench.now(case) == case
