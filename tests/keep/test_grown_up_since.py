"""What a parent said, and what was said later: who has grown up decides alone, and the newest word stands."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import Refused
from fhir_plugin.keep.consent_change import ConsentChange
from fhir_plugin.keep.opinion import OpinionState
from fhir_plugin.policy.choices import OpinionConsent
from fhir_plugin.policy.earlier_images import SHUT_UNTIL_ASKED, answer_that_counts, blocked
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.consent import ConsentAnswer, ConsentGiver, ConsentScope, Grantor, PhotoConsent, ScopeDecision
from mappings.model.identifiers import Reference
from mappings.model.kept import OwnConsent
from mappings.r4.consent import to_consent
from tests.fakes.clock import START
from tests.keep.consulting import SCOPE, Room
from tests.keep.test_withdraw import AMY, CONSENT, ONE, TWO, consent, furnished
from tests.work.test_practice import GP, HERE

TODAY = START.date()
BORN = dt.date(2010, 3, 1)
"""Sixteen the day before START."""
YOUNG = replace(AMY, birth_date=BORN)
YEARS_AGO, JUST_NOW = START - dt.timedelta(days=900), START - dt.timedelta(hours=2)


def parents(*said: ScopeDecision) -> PhotoConsent:
    plain = consent(ConsentScope.RECEIVE, ConsentScope.STORE)
    return replace(plain, giver=ConsentGiver(Grantor.PARENT, "Pat LEE"), decisions=(*plain.decisions, *said))


def said(answer: ConsentAnswer, at: dt.datetime, right: Grantor | None = None) -> ScopeDecision:
    return ScopeDecision(SCOPE, answer, at, GP, right)


YES, NO = ConsentAnswer.GIVEN, ConsentAnswer.REFUSED


@pytest.mark.parametrize(
    ("decisions", "counts"),
    [
        ([said(YES, YEARS_AGO)], ConsentAnswer.NOT_ASKED),
        ([said(NO, YEARS_AGO)], ConsentAnswer.NOT_ASKED),
        ([said(YES, JUST_NOW, Grantor.PARENT)], ConsentAnswer.NOT_ASKED),
        ([said(YES, YEARS_AGO, Grantor.COMPETENT_CHILD)], ConsentAnswer.NOT_ASKED),
        ([said(NO, YEARS_AGO), said(YES, JUST_NOW, Grantor.PATIENT)], YES),
        ([said(YES, YEARS_AGO), said(NO, JUST_NOW, Grantor.PATIENT)], NO),
        ([said(YES, JUST_NOW, Grantor.PATIENT), said(NO, JUST_NOW, Grantor.PARENT)], YES),
        ([ScopeDecision(SCOPE, YES, JUST_NOW, Reference("Patient/amy"))], YES),
        ([], ConsentAnswer.NOT_ASKED),
    ],
)
def test_once_they_agreed_themselves_only_what_they_say_themselves_counts(
    decisions: list[ScopeDecision], counts: ConsentAnswer
) -> None:
    room = Room()
    given = parents(*decisions)
    room.bench.record.put(to_consent(given, images=[ONE, TWO], id="c1"))
    grown = replace(room.bench.kept.get(HERE, ONE), birth_date=BORN, own_consent=OwnConsent.GIVEN)
    room.bench.kept.keep(grown)
    ground = room.consult.ground(room.gp, YOUNG, ONE)
    assert ground.answer is counts
    assert bool(ground.stops) == (counts is NO)
    pack = shipped_pack()
    unknown = replace(grown, birth_date=None)
    assert answer_that_counts(unknown, given, SCOPE, TODAY, pack) is ConsentAnswer.NOT_ASKED
    child = replace(grown, own_consent=OwnConsent.NOT_DUE)
    assert answer_that_counts(child, given, SCOPE, TODAY, pack) is given.answer(SCOPE), "a child's parent still speaks"
    taken_back = replace(grown, withdrawn=frozenset({SCOPE}))
    room.bench.kept.keep(taken_back)
    assert room.consult.ground(room.gp, YOUNG, ONE).answer is ConsentAnswer.WITHDRAWN


def test_what_was_asked_on_a_parent_s_word_stops_though_nobody_looked_between() -> None:
    room = Room()
    room.bench.clock.advance(hours=-48)
    opinion = room.ask()
    room.bench.clock.advance(hours=48)
    image = room.bench.kept.get(HERE, ONE)
    room.bench.kept.keep(replace(image, birth_date=BORN, own_consent=OwnConsent.GIVEN))
    assert room.consult.tidy() == 1
    assert room.state(opinion.id) is OpinionState.STOPPED


@pytest.mark.parametrize("taken_back", [ConsentScope.RECEIVE, ConsentScope.STORE])
@pytest.mark.parametrize("scope", list(ConsentScope))
def test_who_takes_back_keeping_takes_back_every_other_use(taken_back: ConsentScope, scope: ConsentScope) -> None:
    image = replace(furnished().kept.get(HERE, ONE), withdrawn=frozenset({taken_back}))
    assert bool(blocked(image, scope, TODAY)) == (scope is taken_back or scope in SHUT_UNTIL_ASKED)


def test_taken_back_at_the_patient_s_link_the_colleague_s_picture_shuts() -> None:
    room = Room()
    opinion = room.ask()
    room.consult.accept(room.nurse, opinion.id)
    shut = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})
    room.bench.kept.keep(replace(room.bench.kept.get(HERE, ONE), withdrawn=shut, untold=shut))
    with pytest.raises(Refused):
        room.consult.open(room.nurse, opinion.id)
    assert (room.state(opinion.id), room.bench.vault.items()) == (OpinionState.STOPPED, [])
    with pytest.raises(Refused):
        room.ask()


def test_a_colleague_has_a_picture_of_that_consent_while_it_is_live() -> None:
    bench = furnished()
    bench.policy = replace(shipped_pack(), opinion_consent=OpinionConsent.ASK_AND_RECORD)
    bench.keeping = replace(bench.keeping, policy=bench.policy)
    room = Room(bench)
    assert not room.consult.live_on(room.gp, CONSENT)
    opinion = room.ask(consent=ConsentAnswer.NOT_ASKED, right="")
    assert room.consult.live_on(room.gp, CONSENT)
    assert not room.consult.live_on(room.gp, Reference("Consent/another"))
    room.consult.cancel(room.gp, opinion.id)
    assert not room.consult.live_on(room.gp, CONSENT)


def change(answer: ConsentAnswer, at: dt.datetime) -> ConsentChange:
    return ConsentChange(CONSENT, (SCOPE, ConsentScope.STORE), answer, GP, Grantor.PATIENT, at)


@pytest.mark.parametrize(
    ("late", "newer"),
    [(ConsentAnswer.WITHDRAWN, YES), (YES, ConsentAnswer.WITHDRAWN), (NO, YES), (YES, NO)],
)
def test_what_arrives_late_is_not_written_over_what_was_said_later(late: ConsentAnswer, newer: ConsentAnswer) -> None:
    before = parents(said(YES, YEARS_AGO), said(newer, JUST_NOW, Grantor.PATIENT))
    arrives = change(late, JUST_NOW - dt.timedelta(days=1))
    after = arrives.applied(before)
    assert after.answer(SCOPE) is newer
    assert arrives.is_in(after), "the ledger does not try for ever"
    assert arrives.applied(after) == after
    now = change(late, START)
    assert now.applied(before).answer(SCOPE) is late, "what is newest is written"
