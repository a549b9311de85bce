"""The practice's list: who an item is with while people are away, what each person sees, and two who act at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, PluginError, Refused
from fhir_plugin.work.listing import Listed, Whose
from fhir_plugin.work.outcomes import ENDINGS
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference, WorkId
from mappings.model.people import ClinicalSession, Role, User
from mappings.model.practice import Absence
from mappings.model.work import WorkItem, WorkKind
from tests.fakes.clock import START
from tests.fakes.practice_parts import PracticeBench

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
GP, NURSE, LOCUM, DESK = (Reference(f"Practitioner/{each}") for each in ("gp", "nurse", "locum", "desk"))
CLINICIANS = {GP: "Dr Shah", NURSE: "Nurse Okoro", LOCUM: "Dr Lindqvist"}
WORDS = "canary: clinical words"


def at(user: Reference = GP, patient: str = "amy", base: FhirBase = HERE, *roles: Role) -> ClinicalSession:
    own = frozenset(roles) or frozenset({Role.CLINICIAN if user in CLINICIANS else Role.TRIAGE})
    person = User(user, CLINICIANS.get(user, "Reception"), own)
    return ClinicalSession(LaunchId(f"launch-{user}-{patient}"), base, "ehr", PatientId(patient), person)


@pytest.fixture
def bench() -> PracticeBench:
    bench = PracticeBench()
    for user in (GP, NURSE, LOCUM, DESK):
        bench.practice.seen(at(user))
    return bench


def add(bench: PracticeBench, id: str = "w1", *, due: float = 24, **changed: object) -> WorkItem:
    now = bench.clock.now()
    plain = WorkItem(
        id=WorkId(id),
        kind=WorkKind.CALL_ME,
        fhir_base=HERE,
        patient=PatientId("amy"),
        subject=f"subject-of-{id}",
        created=now,
        due=now + dt.timedelta(hours=due),
        patient_name="Amy LEE",
        words=WORDS,
    )
    return bench.worklist.add(replace(plain, **changed))  # type: ignore[arg-type]  # fields of WorkItem


def away(bench: PracticeBench, user: Reference, cover: Reference, days: int = 7) -> None:
    today = bench.parts.today
    bench.practice.set_away(at(DESK), user, cover, today, today + dt.timedelta(days=days))


def ids(bench: PracticeBench, session: ClinicalSession, whose: Whose = Whose.MINE) -> list[str]:
    return [line.id for line in bench.practice.listed(session, whose)[0]]


def owned(bench: PracticeBench, id: str, owner: Reference, **changed: object) -> WorkItem:
    return add(bench, id, owner=owner, owner_name=CLINICIANS[owner], **changed)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ looking


def test_mine_is_what_is_with_me_what_is_nobodys_and_what_is_late_whoever_has_it(bench: PracticeBench) -> None:
    owned(bench, "mine", GP, due=3)
    owned(bench, "theirs", NURSE, due=4)
    owned(bench, "theirs-late", NURSE, due=1)
    add(bench, "nobodys", due=2)
    bench.clock.advance(hours=1, seconds=1)
    assert ids(bench, at(GP)) == ["theirs-late", "nobodys", "mine"]
    assert ids(bench, at(GP), Whose.NOBODY) == ["nobodys"]
    assert ids(bench, at(GP), Whose.ALL) == ["theirs-late", "nobodys", "mine", "theirs"]
    _, counts = bench.practice.listed(at(GP))
    assert counts == {Whose.MINE: 3, Whose.NOBODY: 1, Whose.ALL: 4}


def test_while_somebody_is_away_their_items_are_with_the_cover_and_stay_on_their_own_list(bench: PracticeBench) -> None:
    owned(bench, "w1", GP)
    away(bench, GP, NURSE)
    line = bench.practice.listed(at(NURSE))[0][0]
    assert line.holder is not None
    assert (line.holder.user, line.holder.standing_in_for, line.mine) == (NURSE, "Dr Shah", True)
    assert ids(bench, at(GP)) == ["w1"]
    assert ids(bench, at(LOCUM)) == []
    bench.clock.advance(days=8)
    line = bench.practice.listed(at(NURSE), Whose.ALL)[0][0]
    assert line.holder is not None and line.holder.user == GP
    away(bench, GP, NURSE)
    bench.practice.end_away(at(DESK), GP)
    bench.practice.end_away(at(DESK), GP)
    absent = [each.entry for each in bench.audit.entries() if each.entry.action in ("work.away", "work.back")]
    assert {(entry.subject, entry.patient) for entry in absent} == {(GP, None)}, "about a person, not about a patient"
    line = bench.practice.listed(at(NURSE), Whose.ALL)[0][0]
    assert line.holder is not None and line.holder.user == GP


def test_where_the_cover_is_away_too_it_goes_on_to_theirs_and_in_a_circle_it_is_nobodys(bench: PracticeBench) -> None:
    owned(bench, "w1", GP)
    away(bench, GP, NURSE)
    away(bench, NURSE, LOCUM)
    assert ids(bench, at(LOCUM)) == ["w1"]
    away(bench, LOCUM, GP)
    for person in (GP, NURSE, LOCUM, DESK):
        line = bench.practice.listed(at(person))[0][0]
        assert line.holder is None, "on everybody's list"


def test_an_item_s_own_cover_comes_before_the_usual_one(bench: PracticeBench) -> None:
    owned(bench, "w1", GP)
    away(bench, GP, NURSE)
    bench.practice.cover(at(DESK), WorkId("w1"), LOCUM)
    assert ids(bench, at(LOCUM)) == ["w1"] and ids(bench, at(NURSE)) == []


def test_a_cover_who_asked_for_the_second_person_does_not_become_it(bench: PracticeBench) -> None:
    owned(bench, "w1", GP, kind=WorkKind.URGENT_REVIEW, not_by=NURSE)
    away(bench, GP, NURSE)
    line = bench.practice.listed(at(NURSE))[0][0]
    assert line.holder is None and line.not_for_me


def test_nothing_of_another_ehr_is_listed_given_or_found(bench: PracticeBench) -> None:
    add(bench, "w1", fhir_base=ELSEWHERE)
    assert ids(bench, at(GP), Whose.ALL) == []
    acts: list[Callable[[], object]] = [
        lambda: bench.practice.item(at(GP), WorkId("w1")),
        lambda: bench.practice.take(at(GP), WorkId("w1"), owner_seen=""),
        lambda: bench.practice.cover(at(GP), WorkId("w1"), NURSE),
        lambda: bench.practice.finish(at(GP), WorkId("w1"), "spoken"),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    assert bench.worklist.get(WorkId("w1")).owner is None


def test_an_item_is_opened_and_finished_at_its_own_patient_s_chart_only(bench: PracticeBench) -> None:
    add(bench)
    with pytest.raises(NotFound):
        bench.practice.item(at(GP, "sam"), WorkId("w1"))
    with pytest.raises(NotFound):
        bench.practice.line(at(GP, "sam"), WorkId("w1"))
    with pytest.raises(NotFound):
        bench.practice.finish(at(GP, "sam"), WorkId("w1"), "spoken")
    assert [line.id for line in bench.practice.at_chart(at(GP))] == ["w1"]
    assert bench.practice.at_chart(at(GP, "sam")) == []
    assert not bench.practice.listed(at(GP, "sam"))[0][0].here


def test_triage_routes_without_words_without_subject_and_without_learning_of_a_concern(bench: PracticeBench) -> None:
    add(bench, "w1")
    add(bench, "w2", kind=WorkKind.SAFEGUARDING)
    lines = {line.id: line for line in bench.practice.listed(at(DESK), Whose.ALL)[0]}
    assert lines[WorkId("w1")].kind is WorkKind.CALL_ME
    assert lines[WorkId("w2")].kind is None
    for line in lines.values():
        said = " ".join(str(getattr(line, each.name)) for each in fields(Listed))
        assert "canary" not in said and "subject-of" not in said
    assert [line.id for line in bench.practice.listed(at(DESK), Whose.ALL, WorkKind.SAFEGUARDING)[0]] == []
    clinician = bench.practice.listed(at(GP), Whose.ALL, WorkKind.SAFEGUARDING)[0]
    assert [line.words for line in clinician] == [WORDS]


# ------------------------------------------------------------------------------------------------ giving


def test_triage_gives_and_takes_back_and_every_time_it_is_in_the_audit(bench: PracticeBench) -> None:
    add(bench)
    given = bench.practice.give(at(DESK, "sam"), WorkId("w1"), NURSE, owner_seen="")
    assert (given.owner, given.owner_name, given.words) == (NURSE, "Nurse Okoro", WORDS)
    back = bench.practice.give(at(DESK, "sam"), WorkId("w1"), None, owner_seen=NURSE)
    assert (back.owner, back.owner_name) == (None, "")
    entries = [each.entry for each in bench.audit.entries(action="work.given")]
    assert [(entry.actor, entry.patient, entry.detail["to"]) for entry in entries] == [
        (DESK, "Patient/amy", NURSE),
        (DESK, "Patient/amy", "nobody"),
    ]


@pytest.mark.parametrize("to", [DESK, Reference("Practitioner/never-here"), Reference("Patient/amy")])
def test_only_clinicians_who_worked_here_can_be_given_work(bench: PracticeBench, to: Reference) -> None:
    add(bench)
    with pytest.raises(Incomplete):
        bench.practice.give(at(GP), WorkId("w1"), to, owner_seen="")
    with pytest.raises(Incomplete):
        bench.practice.cover(at(GP), WorkId("w1"), to)
    assert bench.worklist.get(WorkId("w1")).owner is None


def test_of_two_who_take_it_at_once_one_gets_it_and_the_other_is_told(bench: PracticeBench) -> None:
    add(bench)

    def take(user: Reference) -> str:
        try:
            return str(bench.practice.take(at(user), WorkId("w1"), owner_seen="").owner)
        except Refused as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        said = sorted(pool.map(take, (GP, NURSE, LOCUM)))
    assert said.count("taken-meanwhile") == 2
    assert bench.worklist.get(WorkId("w1")).owner in said


def test_whoever_asked_for_a_second_person_is_not_given_the_item_and_cannot_finish_it(bench: PracticeBench) -> None:
    add(bench, kind=WorkKind.URGENT_REVIEW, not_by=GP)
    acts: list[Callable[[], object]] = [
        lambda: bench.practice.take(at(GP), WorkId("w1"), owner_seen=""),
        lambda: bench.practice.give(at(DESK), WorkId("w1"), GP, owner_seen=""),
        lambda: bench.practice.finish(at(GP), WorkId("w1"), "agreed"),
    ]
    for act in acts:
        with pytest.raises(NotAllowed) as raised:
            act()
        assert raised.value.code == "not-by"


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.CLINICIAN, Role.TRIAGE)])
def test_nobody_else_passes_anything_on(bench: PracticeBench, role: Role) -> None:
    add(bench)
    session = at(GP, "amy", HERE, role)
    today = bench.parts.today
    acts: list[Callable[[], object]] = [
        lambda: bench.practice.give(session, WorkId("w1"), NURSE, owner_seen=""),
        lambda: bench.practice.cover(session, WorkId("w1"), NURSE),
        lambda: bench.practice.finish(session, WorkId("w1"), "spoken"),
        lambda: bench.practice.set_away(session, GP, NURSE, today, today),
        lambda: bench.practice.end_away(session, GP),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize(("first", "last"), [(0, -1), (-9, -2), (2, 1), (0, 400)])
def test_days_that_cannot_be_are_refused(bench: PracticeBench, first: int, last: int) -> None:
    today = bench.parts.today
    with pytest.raises(Incomplete):
        bench.practice.set_away(at(GP), GP, NURSE, today + dt.timedelta(first), today + dt.timedelta(last))
    assert bench.practice.absences(at(GP)) == []


def test_nobody_covers_for_themselves(bench: PracticeBench) -> None:
    owned(bench, "w1", GP)
    with pytest.raises(Incomplete):
        away(bench, GP, GP)
    with pytest.raises(Refused):
        bench.practice.cover(at(DESK), WorkId("w1"), GP)


# ------------------------------------------------------------------------------------------------ finishing


def test_triage_does_not_finish(bench: PracticeBench) -> None:
    add(bench)
    with pytest.raises(NotAllowed):
        bench.practice.finish(at(DESK), WorkId("w1"), "spoken")


@pytest.mark.parametrize(
    ("kind", "ending"), [(kind, ending) for kind, endings in ENDINGS.items() for ending in endings]
)
def test_every_ending_ends_its_kind_and_says_more_where_it_must(
    bench: PracticeBench, kind: WorkKind, ending: object
) -> None:
    code, needs_words = ending.code, ending.needs_words  # type: ignore[attr-defined]  # an Ending
    add(bench, kind=kind)
    if needs_words:
        with pytest.raises(Incomplete) as raised:
            bench.practice.finish(at(GP), WorkId("w1"), code, "  ")
        assert "words" in raised.value.fields
    done = bench.practice.finish(at(GP), WorkId("w1"), code, "Rang them.")
    assert (done.done_at, done.done_by, done.outcome) == (START, GP, code)
    assert done.words == f"{WORDS}\nDr Shah: Rang them."
    assert [entry.entry.detail["outcome"] for entry in bench.audit.entries(action="work.done")] == [code]


@pytest.mark.parametrize("kind", [kind for kind in WorkKind if kind not in ENDINGS])
def test_what_ends_elsewhere_is_not_ended_here(bench: PracticeBench, kind: WorkKind) -> None:
    item = add(bench, kind=kind, subject="o1#ended")  # the subject of a second opinion that came to an end
    assert bench.practice.endings(item) == ()
    for code in ("", "spoken", "agreed"):
        with pytest.raises(Incomplete):
            bench.practice.finish(at(GP), WorkId("w1"), code, "words")


def test_of_two_who_finish_at_once_the_first_counts(bench: PracticeBench) -> None:
    add(bench)

    def finish(user: Reference) -> str:
        try:
            return str(bench.practice.finish(at(user), WorkId("w1"), "spoken").done_by)
        except PluginError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(finish, (GP, NURSE, LOCUM)))
    assert said.count("done-meanwhile") == 2
    assert bench.worklist.get(WorkId("w1")).done_by in said
    assert len(bench.audit.entries(action="work.done")) == 1


def test_a_review_that_does_not_agree_goes_back_to_whoever_went_on(bench: PracticeBench) -> None:
    add(bench, kind=WorkKind.URGENT_REVIEW, not_by=GP)
    bench.practice.finish(at(NURSE), WorkId("w1"), "not-agreed", "It was not urgent.")
    follow = bench.practice.listed(at(GP))[0]
    assert [(line.kind, line.owner, line.not_for_me) for line in follow] == [(WorkKind.FOLLOW_UP, GP, False)]
    assert "It was not urgent." in follow[0].words
    assert bench.practice.finish(at(GP), follow[0].id, "settled", "Talked it through.").outcome == "settled"


def test_a_review_that_does_not_agree_while_they_are_away_is_on_everybody_s_list(bench: PracticeBench) -> None:
    add(bench, kind=WorkKind.URGENT_REVIEW, not_by=GP)
    bench.absences.set(Absence(HERE, GP, GP, bench.parts.today, bench.parts.today))
    bench.practice.finish(at(NURSE), WorkId("w1"), "not-agreed", "No.")
    assert [line.holder for line in bench.practice.listed(at(LOCUM))[0]] == [None]


def test_what_is_late_anywhere_is_for_whoever_runs_the_installation(bench: PracticeBench) -> None:
    add(bench, "here", due=1)
    add(bench, "there", due=1, fhir_base=ELSEWHERE)
    assert bench.practice.late() == []
    bench.clock.advance(hours=2)
    assert {item.id for item in bench.practice.late()} == {"here", "there"}
