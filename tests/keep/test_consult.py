"""Second opinions: asked, accepted before anything opens, answered; and nothing stays when it is over."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, PluginError, Refused
from fhir_plugin.keep.asking import CHECKS
from fhir_plugin.keep.opinion import LIVE, OpinionState
from fhir_plugin.policy.choices import OpinionConsent
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.work.listing import Whose
from mappings.model.consent import ConsentAnswer, Grantor
from mappings.model.identifiers import Reference
from mappings.model.images import Geometry, Region
from mappings.model.kept import OwnConsent
from mappings.model.people import Patient, Role
from mappings.model.work import WorkKind
from tests.fakes.clock import START
from tests.keep.consulting import ASKING, SCOPE, Room
from tests.keep.test_withdraw import AMY, ONE, TWO, furnished, in_the_record
from tests.work.test_practice import DESK, ELSEWHERE, GP, HERE, LOCUM, NURSE, at


@pytest.fixture
def room() -> Room:
    return Room()


def codes(room: Room, action: str = "") -> list[str]:
    actions = [each.entry.action for each in room.bench.audit.entries()]
    return [each for each in actions if each.startswith(f"opinion.{action}") and each != "opinion.recorded"]


def test_from_the_question_to_the_answer(room: Room) -> None:
    opinion = room.ask()
    assert in_the_record(room.bench).answer(SCOPE) is ConsentAnswer.GIVEN
    with pytest.raises(Refused):
        room.consult.open(room.nurse, opinion.id)
    room.consult.accept(room.nurse, opinion.id)
    seen = room.consult.open(room.nurse, opinion.id)
    assert seen.startswith(b"marked Nurse Okoro nurse 02 Mar 2026") and b"crop=Region" in seen
    room.consult.answer(room.nurse, opinion.id, "canary: it is eczema.")
    told = room.consult.one(room.gp, opinion.id)
    assert (told.state, told.answer, told.opened) == (OpinionState.ANSWERED, "canary: it is eczema.", 1)
    (item,) = room.bench.practice.at_chart(room.gp)
    assert (item.kind, item.owner, item.here) == (WorkKind.SECOND_OPINION, GP, True)
    for _ in range(2):
        room.consult.read(room.gp, opinion.id)
    assert room.bench.practice.at_chart(room.gp) == []
    assert codes(room) == [f"opinion.{each}" for each in ("consent", "asked", "accepted", "opened", "answered", "read")]
    assert room.bench.vault.items() == [], "the copy is gone with the answer"


def test_the_colleague_learns_nothing_of_whose_it_is_and_no_word_is_in_the_audit(room: Room) -> None:
    opinion = room.ask()
    shown = room.consult.asked_of_me(room.nurse, opinion.id)
    assert shown.patient_name == "" and "amy" not in f"{shown.id}{shown.case}".lower()
    for session in (room.nurse, at(NURSE)):
        (line,) = room.bench.practice.listed(session)[0]
        assert (line.here, line.patient_name, line.subject) == (False, "", opinion.id)
        assert "Amy" not in line.words and "canary" not in line.words
    assert room.bench.practice.at_chart(at(NURSE)) == [], "not even at this very patient's chart"
    with pytest.raises(NotFound):
        room.bench.practice.item(at(NURSE), line.id)
    room.consult.accept(room.nurse, opinion.id)
    room.consult.open(room.nurse, opinion.id)
    room.consult.answer(room.nurse, opinion.id, "canary: eczema")
    said = repr([each.entry for each in room.bench.audit.entries()])
    assert "canary" not in said and "Amy" not in said
    assert "Patient/somebody-else" not in said, "nothing is said about the chart that happened to be open"


def test_somebody_elses_opinion_does_not_exist_and_triage_does_nothing(room: Room) -> None:
    id = room.ask().id
    for stranger in (at(LOCUM, "somebody-else"), at(NURSE, "amy", ELSEWHERE), room.gp):
        for act in (room.consult.asked_of_me, room.consult.accept, room.consult.decline, room.consult.open):
            with pytest.raises(NotFound):
                act(stranger, id)
    for elsewhere in (room.nurse, at(GP, "amy", ELSEWHERE)):
        for see in (room.consult.one, room.consult.cancel, room.consult.read):
            with pytest.raises(NotFound):
                see(elsewhere, id)
    triage = at(NURSE, "amy", HERE, Role.TRIAGE)
    for forbidden in (room.consult.accept, room.consult.open, room.consult.one):
        with pytest.raises(NotAllowed):
            forbidden(triage, id)
    with pytest.raises(NotAllowed):
        room.consult.ask(triage, AMY, ONE, ASKING)
    (line,) = room.bench.practice.listed(at(DESK), Whose.ALL)[0]
    with pytest.raises(Refused):
        room.bench.practice.give(at(DESK), line.id, LOCUM, owner_seen=NURSE)
    assert line.words == ""


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "Is Lee’s arm infected?"}, "reason"),
        ({"reason": "Born 21/06/1984"}, "reason"),
        ({"checked": frozenset(CHECKS[1:])}, "checked"),
        ({"to": GP}, "to"),
        ({"to": "Practitioner/unknown"}, "to"),
        ({"to": DESK}, "to"),
        ({"purpose": "teaching"}, "purpose"),
        ({"anonymised": False}, "identified_reason"),
        ({"consent": ConsentAnswer.NOT_ASKED}, "consent"),
        ({"right": Grantor.BEST_INTERESTS}, "right"),
        ({"right": ""}, "right"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_shared(room: Room, changed: dict[str, object], field: str) -> None:
    with pytest.raises(Incomplete) as missing:
        room.ask(**changed)
    assert field in missing.value.fields
    assert room.bench.vault.items() == [] and codes(room) == []
    assert in_the_record(room.bench).answer(SCOPE) is ConsentAnswer.NOT_ASKED


def test_with_a_reason_it_is_identified(room: Room) -> None:
    opinion = room.ask(anonymised=False, identified_reason="She knows her.", checked=frozenset(), reason="About Amy")
    assert room.consult.asked_of_me(room.nurse, opinion.id).patient_name == "", "not before they agree to look"
    room.consult.accept(room.nurse, opinion.id)
    assert room.consult.asked_of_me(room.nurse, opinion.id).patient_name == "Amy LEE"


@pytest.mark.parametrize("end", ["answer", "decline", "cancel", "expire", "stop"])
def test_after_every_end_it_names_nobody(room: Room, end: str) -> None:
    id = room.ask(anonymised=False, identified_reason="She knows her.", checked=frozenset(), reason="About Amy").id
    room.consult.accept(room.nurse, id)
    room.consult.open(room.nurse, id)
    match end:
        case "answer":
            room.consult.answer(room.nurse, id, "Eczema.")
        case "decline":
            room.consult.decline(room.nurse, id)
        case "cancel":
            room.consult.cancel(room.gp, id)
        case "expire":
            room.bench.clock.advance(hours=72)
        case _:
            room.bench.withdrawals.withdraw(room.gp, AMY, ONE, (SCOPE,), Grantor.PATIENT)
    shown = room.consult.asked_of_me(room.nurse, id)
    assert (shown.patient_name, shown.identified_reason) == ("", "")
    assert shown.reason == ("About Amy" if end == "answer" else "")
    assert room.bench.opinions.get(id).patient_name == "", "it is not kept either"
    assert room.consult.one(room.gp, id).reason == "About Amy", "who asked still reads what they asked"


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "Is it a fungus?"},
        {"purpose": "treatment"},
        {"geometry": Geometry(crop=Region(0.2, 0.2, 0.8, 0.8))},
        {"anonymised": False, "identified_reason": "She knows her."},
    ],
)
def test_what_is_asked_otherwise_is_not_dropped_but_refused(changed: dict[str, object]) -> None:
    bench = furnished()
    bench.policy = replace(shipped_pack(), opinion_consent=OpinionConsent.ASK_AND_RECORD)
    bench.keeping = replace(bench.keeping, policy=bench.policy)
    room = Room(bench)
    first = room.ask(consent=ConsentAnswer.NOT_ASKED, right="")
    with pytest.raises(Refused, match="cancel it first"):
        room.ask(**changed)
    assert in_the_record(bench).answer(SCOPE) is ConsentAnswer.GIVEN, "what the patient said is recorded"
    assert [each.owner for each in bench.vault.items()] == [first.id]
    room.consult.cancel(room.gp, first.id)
    assert room.ask(**changed).id != first.id


def test_what_has_run_out_stands_in_nobodys_way(room: Room) -> None:
    first = room.ask()
    room.bench.clock.advance(hours=72)
    assert room.ask(reason="Is it a fungus?").id != first.id
    assert room.state(first.id) is OpinionState.EXPIRED


def test_a_no_is_recorded_and_stops(room: Room) -> None:
    refusing = replace(ASKING, consent=ConsentAnswer.REFUSED, to="", reason="", checked=frozenset())
    assert room.consult.ask(room.gp, AMY, ONE, refusing) is None
    assert in_the_record(room.bench).answer(SCOPE) is ConsentAnswer.REFUSED
    for reference in (ONE, TWO):
        with pytest.raises(Refused):
            room.consult.ask(room.gp, AMY, reference, ASKING)
    assert room.bench.opinions.live() == []


def test_where_the_organisation_only_wants_it_recorded_not_asked_may_go_on() -> None:
    bench = furnished()
    bench.policy = replace(shipped_pack(), opinion_consent=OpinionConsent.ASK_AND_RECORD)
    bench.keeping = replace(bench.keeping, policy=bench.policy)
    room = Room(bench)
    opinion = room.ask(consent=ConsentAnswer.NOT_ASKED, right="")
    room.consult.accept(room.nurse, opinion.id)
    assert room.consult.open(room.nurse, opinion.id)
    assert in_the_record(bench).answer(SCOPE) is ConsentAnswer.NOT_ASKED


def test_what_is_withdrawn_or_outgrown_shuts_at_once_and_is_destroyed(room: Room) -> None:
    first = room.ask()
    room.consult.accept(room.nurse, first.id)
    room.bench.withdrawals.withdraw(room.gp, AMY, TWO, (SCOPE,), Grantor.PATIENT)
    with pytest.raises(Refused):
        room.consult.open(room.nurse, first.id)
    assert (room.state(first.id), room.bench.vault.items()) == (OpinionState.STOPPED, [])
    grown = Room()
    second = grown.ask()
    image = grown.bench.kept.get(HERE, ONE)
    grown.bench.kept.keep(replace(image, own_consent=OwnConsent.DUE))
    assert grown.consult.tidy() == 1
    assert (grown.state(second.id), grown.bench.vault.items()) == (OpinionState.STOPPED, [])
    with pytest.raises(Refused):
        grown.ask()


def test_a_picture_that_is_gone_from_the_register_ends_it(room: Room) -> None:
    opinion = room.ask()
    room.bench.kept.forget(HERE, ONE)
    assert room.consult.tidy() == 1
    assert (room.state(opinion.id), room.bench.vault.items()) == (OpinionState.STOPPED, [])


def test_it_expires_once_and_the_asker_is_told(room: Room) -> None:
    opinion = room.ask()
    room.consult.accept(room.nurse, opinion.id)
    room.bench.clock.advance(hours=72)
    assert [room.consult.tidy() for _ in range(2)] == [1, 0]
    assert (room.state(opinion.id), room.bench.vault.items()) == (OpinionState.EXPIRED, [])
    for act in (room.consult.open, room.consult.accept):
        with pytest.raises(Refused):
            act(room.nurse, opinion.id)
    assert [line.owner for line in room.bench.practice.listed(room.gp)[0]] == [GP]
    assert codes(room, "expired") == ["opinion.expired"]


def test_asked_twice_it_is_asked_once_and_earlier_shares_are_counted(room: Room) -> None:
    assert room.consult.ground(room.gp, AMY, ONE).shared_before == 0
    assert room.ask().id == room.ask().id
    assert len(room.bench.vault.items()) == 1
    room.ask(to=LOCUM)
    assert room.consult.ground(room.gp, AMY, TWO).shared_before == 2


def test_of_two_who_act_at_once_one_wins(room: Room) -> None:
    opinion = room.ask()
    room.consult.accept(room.nurse, opinion.id)
    room.consult.open(room.nurse, opinion.id)

    def attempt(act: object) -> str:
        try:
            act()  # type: ignore[operator]
        except PluginError as error:
            return error.code
        return "done"

    acts = [
        lambda: room.consult.cancel(room.gp, opinion.id),
        lambda: room.consult.answer(room.nurse, opinion.id, "Eczema."),
    ]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, acts)) == ["done", "opinion-ended"]


def test_a_picture_without_a_consent_or_of_another_system_cannot_be_shared(room: Room) -> None:
    room.bench.kept.forget(HERE, ONE)
    with pytest.raises(Refused, match="filed with a consent"):
        room.ask()
    with pytest.raises(NotFound):
        room.consult.ask(room.gp, AMY, Reference("Media/nobody"), ASKING)
    with pytest.raises(NotFound):
        room.consult.ask(room.nurse, AMY, ONE, replace(ASKING, to=LOCUM))


def test_no_parent_consents_for_somebody_who_decides_themselves(room: Room) -> None:
    child = Patient(AMY.id, AMY.name, START.date() - dt.timedelta(days=10 * 366))
    rights = room.consult.ground(room.gp, child, ONE).rights
    assert Grantor.COMPETENT_CHILD in rights and Grantor.PATIENT not in rights
    assert room.consult.ground(room.gp, AMY, ONE).rights == (Grantor.PATIENT,)


ACTS = ("accept", "decline", "open", "answer", "cancel", "wait", "withdraw", "tidy", "ask")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=9))
def test_whatever_happens_a_copy_is_there_exactly_while_it_is_live(acts: list[str]) -> None:
    """Never a picture without acceptance; never a copy after an end; one item for the colleague while it is open."""
    room = Room()
    id = room.ask().id
    for act in acts:
        before = room.state(id)
        try:
            match act:
                case "accept" | "decline":
                    getattr(room.consult, act)(room.nurse, id)
                case "open":
                    room.consult.open(room.nurse, id)
                    assert before is OpinionState.ACCEPTED
                case "answer":
                    room.consult.answer(room.nurse, id, "Eczema.")
                    assert before is OpinionState.ACCEPTED
                case "cancel":
                    room.consult.cancel(room.gp, id)
                case "wait":
                    room.bench.clock.advance(hours=40)
                case "withdraw":
                    room.bench.withdrawals.withdraw(room.gp, AMY, ONE, (SCOPE,), Grantor.PATIENT)
                case "tidy":
                    room.consult.tidy()
                case _:
                    room.ask(to=LOCUM)
        except (Refused, Incomplete):
            pass
        if before not in LIVE:
            assert room.state(id) is before, "an end is an end"
    room.consult.tidy()
    every = [room.bench.opinions.get(each.id) for each in room.bench.opinions.of_patient(HERE, AMY.id)]
    assert all((each.copy is not None) == each.live for each in every)
    assert {each.vault_id for each in room.bench.vault.items()} == {each.copy for each in every if each.live}
    waiting = [each for each in room.bench.worklist.of_practice(HERE) if each.beside_the_chart]
    assert {each.subject for each in waiting} == {each.id for each in every if each.live}
