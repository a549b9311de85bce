"""What holds of every ruling, whatever is answered: said of random situations and packs."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fhir_plugin.policy.choices import (
    LacksCapacityRoute,
    ParentalOverride,
    ReceiveConsent,
    StoreConsent,
    UnsolicitedOrdinary,
)
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.policy.questions import FACTS, answerable, catalogue
from fhir_plugin.policy.ruling import Act, May, Ruling
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.images import Arrival
from mappings.model.labels import Intimacy
from mappings.model.situation import ContactOutcome, Modality, Situation
from mappings.model.work import WorkKind
from tests.policy import situations as of

PACKS = tuple(
    shipped_pack(name)
    for name in ("strict", "gp-inform-only", "nhs-intimate-2020", "strict+sexual-health", "strict+paediatrics")
)
RAISING = {"capacity_doubt", "vulnerable", "sexual_health", "patient_says_private", "concern"}
"""Not answers that something waits for, but flags that somebody raises: taking one back may allow more. So may taking
back what was volunteered although nothing waited for it: a refusal (of looking before anybody asked; of storing what is
only described, where another way must then be offered), or that somebody could not speak freely (advice is taken)."""
REFUSALS = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)

PEOPLE = [None, *(of.born(years) for years in (0, 3, 12, 15, 16, 17, 18, 46, 99)), dt.date(2008, 2, 29)]
TAKEN = [None, of.TODAY, dt.date(2012, 1, 1), dt.date(2026, 12, 31)]


def _values(name: str, kind: type) -> st.SearchStrategy[Any]:
    if issubclass(kind, StrEnum):
        return st.sampled_from([None, *kind])
    if kind is str:
        return st.sampled_from(["", "x", "A reason that is long enough for every pack there is"])
    field = Situation.__dataclass_fields__[name]
    return st.booleans() if field.default is False else st.sampled_from([None, True, False])


FACT_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "birth_date": st.sampled_from(PEOPLE),
    "today": st.just(of.TODAY),
    "captured_on": st.sampled_from(TAKEN),
    "modality": st.sampled_from(list(Modality)),
    "second_person": st.sampled_from([None, True, False]),
    **{
        name: st.booleans()
        for name in (
            "deceased",
            "requested",
            "preauthorised_private",
            "private_site",
            "open_concern",
            "said_intimate_before",
        )
    },
    "said_intimate_before": st.booleans(),
    "record_changed": st.sampled_from([False, False, False, False, True]),
}
ANSWERS = {name: _values(name, kind) for name, kind in answerable().items()}
BASES = st.sampled_from([*of.COMPLETE.values(), of.EMAILED, of.CARE_WORKER])


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A complete situation with up to eight things changed, so that a yes is never far; or anything at all."""
    everything = {**FACT_VALUES, **ANSWERS}
    base = draw(BASES)
    names = draw(st.lists(st.sampled_from(sorted(everything)), max_size=8, unique=True))
    if draw(st.integers(0, 9)) == 0:
        names = sorted(everything)
    changes: dict[str, Any] = {name: draw(everything[name]) for name in names}
    return replace(base, **changes)


packs = st.sampled_from(PACKS)
often = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def allowed(ruling: Ruling) -> set[Act]:
    return {act for act, may in ruling.acts.items() if may is May.YES}


@often
@given(situations(), packs, st.data())
def test_taking_an_answer_back_never_allows_more(situation: Situation, pack: PolicyPack, data: st.DataObject) -> None:
    """Only an answer that was wrong (`problem`) or a flag that somebody raised may be taken back to any effect."""
    before = rule(situation, pack)
    name = data.draw(st.sampled_from(sorted(set(answerable()) - RAISING)))
    assume(not (name in ("consent_receive", "consent_store") and getattr(situation, name) in REFUSALS))
    assume(not (name == "speaks_freely" and situation.speaks_freely is False))
    after = rule(of.without(situation, name), pack)
    wrong = {each.id for each in rule(replace(situation, wish=None), pack).questions if each.problem}
    looked = {Act.REVEAL} if name in ("device", "intimacy") else set()  # known only by looking: eyes do not shut again
    looked |= {Act.DISCARD} if name == "arrival" else set()  # a slip goes before anybody says how it came
    if name not in wrong:
        assert allowed(after) - looked <= allowed(before), name


@often
@given(situations(), packs)
def test_a_stop_never_allows_more(situation: Situation, pack: PolicyPack) -> None:
    before = allowed(rule(situation, pack))
    stops: list[dict[str, Any]] = [
        {"consent_receive": ConsentAnswer.REFUSED},
        {"consent_store": ConsentAnswer.WITHDRAWN},
        {"open_concern": True},
        {"record_changed": True},
        {"second_person": False},
        {"face_to_face": False},
    ]
    for stop in stops:
        assert allowed(rule(replace(situation, **stop), pack)) <= before, stop
    assert allowed(rule(replace(situation, record_changed=True), pack)) == set()
    concerned = rule(replace(situation, concern=True), pack)
    assert not allowed(concerned) & {Act.DESCRIBE, Act.DISCARD}


@often
@given(situations(), packs)
def test_a_stricter_choice_never_allows_more(situation: Situation, pack: PolicyPack) -> None:
    pairs: list[tuple[str, StrEnum, StrEnum]] = [
        ("store_consent", StoreConsent.REQUIRED, StoreConsent.INFORM_AND_OBJECTION),
        ("receive_consent", ReceiveConsent.REQUIRED, ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST),
        ("unsolicited_ordinary", UnsolicitedOrdinary.CONFIRM, UnsolicitedOrdinary.IMPLIED_OK),
        ("lacks_capacity_route", LacksCapacityRoute.AUTHORITY_REQUIRED, LacksCapacityRoute.MCA_BEST_INTERESTS),
        (
            "parental_override",
            ParentalOverride.NEVER,
            ParentalOverride.ALLOWED_WITH_REASON_AND_SECOND_PERSON,
        ),
    ]
    for name, strict, lax in pairs:
        stricter: dict[str, Any] = {name: strict}
        laxer: dict[str, Any] = {name: lax}
        assert allowed(rule(situation, replace(pack, **stricter))) <= allowed(
            rule(situation, replace(pack, **laxer))
        ), name


@often
@given(situations(), packs)
def test_floors_hold_under_every_pack(situation: Situation, pack: PolicyPack) -> None:
    ruling = rule(situation, pack)
    may = allowed(ruling)
    if "unsolicited" in ruling.flags and situation.contact is None and not _ordinary(situation, pack):
        assert not may & {Act.STORE, Act.DESCRIBE}
        seen = situation.requested  # asked for, and private: what was seen and is of no use may go
        assert seen or not may & {Act.REVEAL, Act.DISCARD}
    if situation.contact is ContactOutcome.NOT_REACHED and situation.arrival is Arrival.UNASKED:
        assert not may or _ordinary(situation, pack)
    if {"intimate", "under-18", "no-capacity", "unsolicited"} & ruling.flags and Act.STORE in may:
        settled = situation.consent_store is ConsentAnswer.GIVEN or situation.best_interests
        assert settled
    if Act.STORE in may and "intimate" in ruling.flags:
        assert len(situation.store_justification) >= pack.shortest_justification
    if Act.STORE in may and situation.wish is None:
        raise AssertionError("nobody decided about it")
    young = situation.birth_date is None or situation.birth_date > dt.date(2008, 11, 22)
    if may & {Act.STORE, Act.DESCRIBE} and young:
        assert situation.child_view not in (None, ChildView.NOT_ASKED)


def _ordinary(situation: Situation, pack: PolicyPack) -> bool:
    return pack.unsolicited_ordinary is UnsolicitedOrdinary.IMPLIED_OK and situation.intimacy is Intimacy.NO


@often
@given(situations(), packs)
def test_whatever_could_not_wait_is_on_somebodys_list(situation: Situation, pack: PolicyPack) -> None:
    ruling = rule(situation, pack)
    due = {each.kind: each.hours for each in ruling.work}
    wished = situation.wish and Act(situation.wish)
    if wished and ruling.second_person and ruling.acts[wished] is May.YES and situation.second_person is None:
        assert due[WorkKind.URGENT_REVIEW] <= 24
    opened = situation.contact is ContactOutcome.EMERGENCY and ruling.acts[Act.REVEAL] is May.YES
    if opened and "unsolicited" in ruling.flags and not _ordinary(situation, pack):
        assert due[WorkKind.UNSOLICITED] <= 24
    if situation.concern:
        assert due[WorkKind.SAFEGUARDING] <= 24


@often
@given(situations(), packs)
def test_a_ruling_is_whole_and_says_the_same_again(situation: Situation, pack: PolicyPack) -> None:
    ruling = rule(situation, pack)
    assert ruling == rule(situation, pack)
    assert set(ruling.acts) == set(Act) == set(ruling.reasons)
    assert ruling.pack == pack.reference
    ids = [each.id for each in ruling.questions]
    assert len(ids) == len(set(ids))
    assert ids == [name for name in catalogue() if name in ids], "in the order to ask"
    assert not set(ids) & FACTS
    everything = [*ruling.stops, *ruling.warnings, *(reason for each in ruling.reasons.values() for reason in each)]
    for reason in everything:
        assert reason.code
        assert reason.source.startswith(("G-R", "X")), reason
        assert reason.text.endswith("."), reason
        assert not reason.action or reason.action.endswith("."), reason
    for stop in ruling.stops:
        assert stop.action, f"{stop.code} says what to do now"
    for question in ruling.questions:
        assert question.why.endswith("."), question
        assert question.sources
    for act, may in ruling.acts.items():
        if may is May.NO:
            assert ruling.reasons[act], act
    for due in ruling.work:
        assert due.hours > 0
        assert due.source
    wished = situation.wish and Act(situation.wish)
    if wished and ruling.acts[wished] is May.NOT_YET:
        assert ruling.open or ruling.reasons[wished], "it says what it waits for"


@often
@given(situations(), packs)
def test_no_word_of_an_answer_is_in_a_ruling(situation: Situation, pack: PolicyPack) -> None:
    """Rulings are kept and audited; what people write is not in them."""
    texts: dict[str, Any] = {
        each.name: f"Canary {each.name} " + "x" * 40
        for each in fields(Situation)
        if isinstance(getattr(situation, each.name), str) and each.name in catalogue() and each.type == "str"
    }
    assert "Canary" not in repr(rule(replace(situation, **texts), pack))
