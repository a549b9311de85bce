"""What was said about a second opinion stands, whatever the EHR says; a parent's no ends with the parent's say."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete, RecordRefused, Refused, Tampered
from fhir_plugin.keep.consent_change import NOT_TAKEN
from fhir_plugin.keep.opinion import OpinionState
from fhir_plugin.policy.choices import OpinionConsent
from fhir_plugin.policy.earlier_images import SHUT_UNTIL_ASKED, blocked
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.ports import Json, Stored
from mappings.model.consent import ConsentAnswer, ConsentGiver, ConsentScope, Grantor
from mappings.model.identifiers import VaultId
from mappings.model.kept import A_PARENT, THEMSELVES, KeptImage, OwnConsent
from mappings.model.people import Patient
from mappings.model.work import WorkItem, WorkKind
from mappings.r4.consent import to_consent
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord
from tests.keep.consulting import ASKING, SCOPE, Room
from tests.keep.test_withdraw import AMY, CONSENT, ONE, TWO, consent, furnished, in_the_record
from tests.work.test_practice import CLINICIANS, GP, HERE, LOCUM, at

CHILD = replace(AMY, birth_date=START.date() - dt.timedelta(days=14 * 366))
NO = replace(ASKING, consent=ConsentAnswer.REFUSED, to="", reason="", checked=frozenset())


class Stubborn(FakeRecord):
    """Takes no change of a Consent while it is `shut`."""

    shut = False

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        if self.shut and resource["resourceType"] == "Consent":
            raise RecordRefused("no", status=422, code="bad-consent")
        return super().put(resource, version=version)


@pytest.fixture
def record() -> Stubborn:
    return Stubborn()


@pytest.fixture
def room(record: Stubborn) -> Room:
    return Room(furnished(record))


def follow_ups(room: Room, *, done: bool = False) -> list[WorkItem]:
    every = room.bench.worklist.of_patient(HERE, AMY.id, done=done)
    return [each for each in every if each.kind is WorkKind.FOLLOW_UP]


@pytest.mark.parametrize("answer", [ConsentAnswer.GIVEN, ConsentAnswer.REFUSED])
def test_what_the_ehr_refuses_is_told_kept_and_tried_at_every_launch(
    room: Room, record: Stubborn, answer: ConsentAnswer
) -> None:
    record.shut = True
    room.consult.ask(room.gp, AMY, ONE, ASKING if answer is ConsentAnswer.GIVEN else NO)
    (item,) = follow_ups(room)
    assert (item.owner, item.owner_name, item.done_at) == (GP, "Dr Shah", None)
    said = "Agreed" if answer is ConsentAnswer.GIVEN else "Refused"
    assert item.words == f"{said} on 2 March 2026: “Show the image to a colleague for a second opinion”. {NOT_TAKEN}"
    if answer is ConsentAnswer.REFUSED:
        for reference in (ONE, TWO):
            with pytest.raises(Refused):
                room.consult.ask(room.gp, AMY, reference, ASKING)
    later = at(LOCUM)
    for _ in range(3):
        room.bench.withdrawals.resume_for(later)
        assert [each.words for each in follow_ups(room)] == [item.words], "said once"
        assert [each.owner for each in room.bench.vault.items() if each.owner == item.id] == [item.id]
    record.shut = False
    room.bench.withdrawals.resume_for(later)
    (decision,) = [each for each in in_the_record(room.bench).decisions if each.scope is SCOPE]
    assert (decision.answer, decision.by, decision.at) == (answer, GP, START)
    (done,) = follow_ups(room, done=True)
    assert (done.outcome, done.done_by) == ("written", LOCUM)
    assert [each for each in room.bench.vault.items() if each.owner == item.id] == []
    before = in_the_record(room.bench)
    room.bench.withdrawals.resume_for(later)
    assert in_the_record(room.bench) == before


def test_who_saw_to_it_themselves_is_not_written_over(room: Room, record: Stubborn) -> None:
    record.shut = True
    room.consult.ask(room.gp, AMY, ONE, NO)
    (item,) = follow_ups(room)
    room.bench.worklist.save(replace(item, done_at=START, done_by=GP, outcome="settled"))
    record.shut = False
    room.bench.withdrawals.resume_for(room.gp)
    assert in_the_record(room.bench).answer(SCOPE) is ConsentAnswer.NOT_ASKED
    assert room.bench.vault.items() == [], "it is not kept either"
    assert room.bench.kept.get(HERE, ONE).withdrawn == {SCOPE}, "shut it stays"


def test_a_withdrawal_that_the_ehr_refuses_is_tried_again_and_its_review_says_both(
    room: Room, record: Stubborn
) -> None:
    record.shut = True
    room.bench.withdrawals.withdraw(room.gp, AMY, ONE, (ConsentScope.TEACHING,), Grantor.PATIENT)
    (item,) = room.bench.worklist.of_patient(HERE, AMY.id)
    assert (item.kind, item.words.count(NOT_TAKEN)) == (WorkKind.WITHDRAWAL, 1)
    record.shut = False
    for _ in range(2):
        room.bench.withdrawals.resume_for(room.gp)
    (item,) = room.bench.worklist.of_patient(HERE, AMY.id)
    assert item.done_at is None and item.words.endswith("The EHR has taken it since.")
    assert in_the_record(room.bench).answer(ConsentScope.TEACHING) is ConsentAnswer.WITHDRAWN
    assert room.bench.vault.items() == []


def test_what_is_refused_after_another_was_taken_is_told_too(room: Room, record: Stubborn) -> None:
    """One item for all that was taken back: it does not go on saying that the EHR has taken it."""
    for scope in (ConsentScope.TEACHING, ConsentScope.RESEARCH):
        record.shut = True
        room.bench.withdrawals.withdraw(room.gp, AMY, ONE, (scope,), Grantor.PATIENT)
        (item,) = room.bench.worklist.of_patient(HERE, AMY.id)
        assert item.words.endswith(NOT_TAKEN)
        record.shut = False
        room.bench.withdrawals.resume_for(room.gp)


def test_one_that_cannot_be_read_keeps_no_other_from_the_record(
    room: Room, record: Stubborn, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.shut = True
    for scope in (ConsentScope.TEACHING, ConsentScope.STORE):
        room.bench.withdrawals.withdraw(room.gp, AMY, ONE, (scope,), Grantor.PATIENT)
    damaged, _ = room.bench.vault.items()
    get = room.bench.vault.get

    def unless_it_is_that(vault_id: VaultId) -> bytes:
        if vault_id == damaged.vault_id:
            raise Tampered("damaged")
        return get(vault_id)

    monkeypatch.setattr(room.bench.vault, "get", unless_it_is_that)
    record.shut = False
    room.bench.withdrawals.resume_for(room.gp)
    said = in_the_record(room.bench)
    assert said.answer(ConsentScope.STORE) is ConsentAnswer.WITHDRAWN
    assert [each.vault_id for each in room.bench.vault.items()] == [damaged.vault_id]


def test_a_no_ends_what_another_colleague_could_still_open() -> None:
    bench = furnished()
    bench.policy = replace(shipped_pack(), opinion_consent=OpinionConsent.ASK_AND_RECORD)
    bench.keeping = replace(bench.keeping, policy=bench.policy)
    room = Room(bench)
    opinion = room.ask(consent=ConsentAnswer.NOT_ASKED, right="")
    room.consult.accept(room.nurse, opinion.id)
    room.consult.ask(room.gp, AMY, TWO, NO)
    assert (room.state(opinion.id), bench.vault.items()) == (OpinionState.STOPPED, [])


# ----------------------------------------------------------------------------------------------- a parent's no


def refused_by_a_parent(room: Room) -> None:
    parents = replace(consent(ConsentScope.RECEIVE, ConsentScope.STORE), giver=ConsentGiver(Grantor.PARENT, "Pat LEE"))
    room.bench.record.put(to_consent(parents, images=[ONE, TWO], id="c1"))
    assert room.consult.ask(room.gp, CHILD, ONE, replace(NO, right=Grantor.PARENT)) is None
    assert room.bench.kept.get(HERE, TWO).a_parents == {SCOPE}


def grow_up(room: Room, own: OwnConsent) -> Patient:
    room.bench.clock.advance(days=3 * 366)
    for user in CLINICIANS:
        room.bench.practice.seen(at(user))
    for reference in (ONE, TWO):
        image = room.bench.kept.get(HERE, reference)
        room.bench.kept.keep(replace(image, birth_date=CHILD.birth_date, own_consent=own))
    return CHILD


@pytest.mark.parametrize("pack_asks", list(OpinionConsent))
def test_a_parent_s_no_stands_until_the_young_person_is_asked_and_binds_them_no_longer(
    pack_asks: OpinionConsent,
) -> None:
    bench = furnished()
    bench.policy = replace(shipped_pack(), opinion_consent=pack_asks)
    bench.keeping = replace(bench.keeping, policy=bench.policy)
    room = Room(bench)
    refused_by_a_parent(room)
    grown = grow_up(room, OwnConsent.DUE)
    assert room.consult.ground(room.gp, grown, ONE).stops, "first they are asked whether it is kept"
    grow_up(room, OwnConsent.GIVEN)
    ground = room.consult.ground(room.gp, grown, ONE)
    assert (ground.stops, ground.parents_no, ground.answer, ground.rights) == (
        (),
        True,
        ConsentAnswer.NOT_ASKED,
        (Grantor.PATIENT,),
    )
    unasked = replace(ASKING, consent=ConsentAnswer.NOT_ASKED, right="")
    for wrong in (unasked, replace(ASKING, right=Grantor.PARENT)):
        with pytest.raises(Incomplete):
            room.consult.ask(room.gp, grown, ONE, wrong)
    assert room.consult.ask(room.gp, grown, ONE, ASKING) is not None
    for reference in (ONE, TWO):
        image = room.bench.kept.get(HERE, reference)
        assert (image.withdrawn, image.a_parents) == (frozenset(), frozenset())
    assert room.consult.ground(room.gp, grown, TWO).answer is ConsentAnswer.GIVEN, "nobody asks them twice"


def test_a_competent_child_decides_and_their_own_no_is_theirs_for_good(room: Room) -> None:
    refused_by_a_parent(room)
    ground = room.consult.ground(room.gp, CHILD, ONE)
    assert (ground.stops, ground.parents_no, ground.rights) == ((), True, (Grantor.COMPETENT_CHILD,))
    with pytest.raises(Incomplete):
        room.consult.ask(room.gp, CHILD, ONE, replace(ASKING, right=Grantor.PARENT))
    assert room.consult.ask(room.gp, CHILD, ONE, replace(NO, right=Grantor.COMPETENT_CHILD)) is None
    image = room.bench.kept.get(HERE, ONE)
    assert (set(image.withdrawn), set(image.a_parents)) == ({SCOPE}, set())
    assert room.consult.ground(room.gp, CHILD, ONE).stops
    grow_up(room, OwnConsent.GIVEN)
    assert room.consult.ground(room.gp, CHILD, ONE).stops, "their own no is not a parent's"


def test_a_parent_s_no_after_the_child_s_own_is_not_the_last_word_and_opens_nothing(room: Room) -> None:
    said = replace(consent(ConsentScope.STORE), giver=ConsentGiver(Grantor.PARENT, "Pat LEE"))
    room.bench.record.put(to_consent(said, images=[ONE, TWO], id="c1"))
    assert room.consult.ask(room.gp, CHILD, ONE, replace(NO, right=Grantor.COMPETENT_CHILD)) is None
    image = room.bench.kept.get(HERE, ONE)
    room.bench.kept.keep(replace(image, withdrawn=frozenset()))  # as if only the record knew of it
    room.bench.withdrawals.withdraw(room.gp, CHILD, ONE, (SCOPE,), Grantor.PARENT)
    assert room.bench.kept.get(HERE, ONE).a_parents == {SCOPE}
    ground = room.consult.ground(room.gp, CHILD, ONE)
    assert ground.stops and not ground.parents_no


def test_while_a_parent_s_no_stands_nothing_is_open(room: Room) -> None:
    opinion = room.ask()
    room.consult.accept(room.nurse, opinion.id)
    room.bench.kept.keep(room.bench.kept.get(HERE, ONE).shut((SCOPE,), Grantor.PARENT))
    with pytest.raises(Refused):
        room.consult.open(room.nurse, opinion.id)
    assert room.state(opinion.id) is OpinionState.STOPPED


@pytest.mark.parametrize("right", list(Grantor))
@pytest.mark.parametrize("scope", list(ConsentScope))
def test_every_no_shuts_and_only_a_parent_s_is_opened_by_the_patient(scope: ConsentScope, right: Grantor) -> None:
    image = KeptImage(HERE, ONE, AMY.id, furnished().kept.get(HERE, ONE).capture_id, START, CONSENT)
    shut = image.shut((scope,), right)
    (reason, *_) = blocked(shut, scope, START.date())
    a_parents = right in A_PARENT
    assert reason.code == ("parents-no" if a_parents and scope in SHUT_UNTIL_ASKED else "withdrawn")
    for anybody in Grantor:
        opened = scope not in shut.opened(scope, anybody).withdrawn
        assert opened == (a_parents and anybody in THEMSELVES)
    assert shut.shut((scope,), Grantor.PATIENT).opened(scope, Grantor.PATIENT).withdrawn == {scope}, "now it is theirs"
    own = image.shut((scope,), Grantor.PATIENT).shut((scope,), Grantor.PARENT)
    assert own.a_parents == frozenset(), "what they said themselves never becomes a parent's"
