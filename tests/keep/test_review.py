"""Looking again: each review once, whatever crashes; the day shuts, not the job; what a young person says counts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep.review import OUTCOMES, Outcome, Reviews
from fhir_plugin.policy.earlier_images import blocked
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.review_days import birthday, with_review_days
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import CaptureId, PatientId, Reference, WorkId
from mappings.model.kept import KeptImage, OwnConsent
from mappings.model.people import ClinicalSession, Patient
from mappings.model.work import WorkItem, WorkKind
from tests.fakes.clock import START
from tests.fakes.practice_parts import PracticeBench
from tests.keep.test_withdraw import CONSENT, ONE, TWO, furnished, in_the_record
from tests.work.test_practice import DESK, ELSEWHERE, GP, HERE, at

PACK = shipped_pack()
TODAY = START.date()
SHUT = (ConsentScope.SECOND_OPINION, ConsentScope.TEACHING, ConsentScope.RESEARCH, ConsentScope.PUBLICATION)


def kept(
    born: dt.date | None, filed: dt.date = TODAY, *, private: bool = False, reference: Reference = ONE
) -> KeptImage:
    at_noon = dt.datetime.combine(filed, dt.time(12), dt.UTC)
    plain = KeptImage(HERE, reference, PatientId("amy"), CaptureId("capture-1"), at_noon, CONSENT, birth_date=born)
    return with_review_days(replace(plain, patient_name="Amy LEE"), PACK, filed, private=private)


def born_years_ago(years: int, days: int = 0) -> dt.date:
    """Turned `years` so many days ago."""
    return TODAY.replace(year=TODAY.year - years) - dt.timedelta(days=days)


@pytest.fixture
def bench() -> PracticeBench:
    return furnished()


def open_items(bench: PracticeBench) -> list[WorkItem]:
    return bench.worklist.of_practice(HERE)


# ----------------------------------------------------------------------------------------------- the days


@pytest.mark.parametrize(
    ("born", "sixteen", "eighteen"),
    [
        (dt.date(2015, 5, 6), dt.date(2031, 5, 6), dt.date(2033, 5, 6)),
        (dt.date(2012, 2, 29), dt.date(2028, 2, 29), dt.date(2030, 3, 1)),
        (dt.date(2010, 3, 3), dt.date(2026, 3, 3), dt.date(2028, 3, 3)),
        (dt.date(2010, 3, 2), None, dt.date(2028, 3, 2)),
        (dt.date(2008, 3, 2), None, None),
        (None, None, None),
    ],
)
def test_birthdays_to_come_are_the_days(
    born: dt.date | None, sixteen: dt.date | None, eighteen: dt.date | None
) -> None:
    image = kept(born)
    assert (image.review_at_16, image.review_at_18) == (sixteen, eighteen)
    assert image.adult == (born == dt.date(2008, 3, 2))


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 30))
def test_somebody_is_of_that_age_on_the_day_and_not_the_day_before(born: dt.date, age: int) -> None:
    patient = Patient(PatientId("p"), "P", born)
    day = birthday(born, age)
    assert patient.age_on(day) == age
    assert age == 0 or patient.age_on(day - dt.timedelta(days=1)) == age - 1


def test_retention_is_looked_at_sooner_for_what_is_private_or_a_child_s() -> None:
    adult, child = kept(born_years_ago(40)), kept(born_years_ago(5))
    private = kept(born_years_ago(40), private=True)
    assert private.retention_review == TODAY.replace(year=2027)
    assert child.retention_review == TODAY.replace(year=2031)
    assert adult.retention_review == TODAY.replace(year=2036)
    assert kept(None).retention_review == child.retention_review, "an unknown age counts as a child's"


# ------------------------------------------------------------------------------------------------ the job


def test_a_birthday_raises_one_item_for_all_pictures_once_however_often_the_job_runs(bench: PracticeBench) -> None:
    born = born_years_ago(16, -1)
    bench.kept.keep(kept(born))
    bench.kept.keep(kept(born, reference=TWO))
    assert bench.reviews.raise_due() == 0
    bench.clock.advance(days=1)
    assert [bench.reviews.raise_due() for _ in range(3)] == [2, 0, 0]
    item = open_items(bench)[0]
    assert (len(open_items(bench)), item.kind, item.owner) == (1, WorkKind.MATURITY, None)
    assert [bench.kept.get(HERE, each).own_consent for each in (ONE, TWO)] == [OwnConsent.DUE] * 2
    assert len(bench.reviews.item(at(GP), item.id)[1]) == 2


def test_eighteen_asks_again_after_sixteen_was_answered(bench: PracticeBench) -> None:
    bench.kept.keep(kept(born_years_ago(16, -1)))
    bench.clock.advance(days=1)
    bench.reviews.raise_due()
    bench.reviews.decide(at(GP), open_items(bench)[0].id, Outcome.AGREED, "")
    assert open_items(bench) == []
    bench.clock.advance(days=731)
    bench.reviews.raise_due()
    assert [item.subject[-3:] for item in open_items(bench)] == ["#18"]
    assert bench.kept.get(HERE, ONE).own_consent is OwnConsent.DUE


def test_a_crash_between_item_and_register_leaves_neither(bench: PracticeBench) -> None:
    bench.kept.keep(kept(born_years_ago(17), filed=born_years_ago(3)))
    real = bench.kept.keep

    def crash(image: KeptImage) -> None:
        raise KeyboardInterrupt

    bench.kept.keep = crash  # type: ignore[method-assign]  # dies in the middle
    with pytest.raises(KeyboardInterrupt):
        bench.reviews.raise_due()
    assert open_items(bench) == []
    bench.kept.keep = real  # type: ignore[method-assign]  # as it was
    bench.reviews.raise_due()
    assert len(open_items(bench)) == 1


def test_a_pack_may_ask_at_other_ages_too_and_who_was_away_for_years_is_asked_once(bench: PracticeBench) -> None:
    pack = replace(PACK, maturity_ages=(13, 16, 18, 21))
    plain = KeptImage(HERE, ONE, PatientId("amy"), CaptureId("c"), START, birth_date=born_years_ago(12))
    image = with_review_days(plain, pack, TODAY, private=False)
    assert (image.review_at_16, image.review_at_18) == (
        birthday(born_years_ago(12), 13),
        birthday(born_years_ago(12), 18),
    )
    bench.kept.keep(kept(born_years_ago(12)))
    bench.clock.advance(days=366 * 7)
    assert [bench.reviews.raise_due() for _ in range(2)] == [1, 0]
    maturity = [item for item in open_items(bench) if item.kind is WorkKind.MATURITY]
    assert [item.subject for item in maturity] == ["Patient/amy#18"]


@pytest.mark.parametrize("scope", list(ConsentScope))
def test_the_day_shuts_other_uses_whether_or_not_the_job_ran(scope: ConsentScope) -> None:
    image = kept(born_years_ago(16, -1))
    assert blocked(image, scope, TODAY) == ()
    assert bool(blocked(image, scope, TODAY + dt.timedelta(days=1))) == (scope in SHUT)


def test_a_birth_date_that_becomes_known_or_is_corrected_brings_the_days(bench: PracticeBench) -> None:
    bench.kept.keep(kept(None))
    young = Patient(PatientId("amy"), "Amy LEE", born_years_ago(15))
    bench.reviews.learn_birth_date(at(GP), replace(young, birth_date=None))
    assert bench.kept.get(HERE, ONE).review_at_16 is None
    bench.reviews.learn_birth_date(at(GP), young)
    known = bench.kept.get(HERE, ONE)
    assert known.review_at_16 == birthday(born_years_ago(15), 16)
    assert known.retention_review == kept(None).retention_review
    bench.reviews.learn_birth_date(at(GP), replace(young, birth_date=dt.date(1980, 1, 1)))
    assert bench.kept.get(HERE, ONE).review_at_16 is None


# --------------------------------------------------------------------------------------------- the reviews


def due_for_maturity(bench: PracticeBench) -> WorkId:
    bench.kept.keep(kept(born_years_ago(17), filed=born_years_ago(3)))
    bench.reviews.raise_due()
    return open_items(bench)[0].id


def test_who_agrees_themselves_is_asked_no_more_and_the_consent_says_whose_it_is_now(bench: PracticeBench) -> None:
    bench.clock.advance(seconds=5)
    bench.reviews.decide(at(GP), due_for_maturity(bench), Outcome.AGREED, "Asked on the phone.")
    assert bench.kept.get(HERE, ONE).own_consent is OwnConsent.GIVEN
    said = [each for each in in_the_record(bench).decisions if each.right is Grantor.PATIENT]
    assert [(each.scope, each.answer, each.by) for each in said] == [(ConsentScope.STORE, ConsentAnswer.GIVEN, GP)]
    assert bench.reviews.waiting_to_be_asked(at(GP)) == []


def test_who_took_all_back_and_agrees_again_has_agreed_to_both(bench: PracticeBench) -> None:
    """Receiving does not stay withdrawn, which would keep second opinions and other uses shut for good."""
    item = due_for_maturity(bench)
    young = Patient(PatientId("amy"), "Amy LEE", bench.kept.get(HERE, ONE).birth_date)
    both = (ConsentScope.RECEIVE, ConsentScope.STORE)
    bench.withdrawals.withdraw(at(GP), young, ONE, both, Grantor.PATIENT)
    assert {in_the_record(bench).answer(scope) for scope in both} == {ConsentAnswer.WITHDRAWN}
    bench.clock.advance(minutes=5)
    bench.reviews.decide(at(GP), item, Outcome.AGREED, "Asked on the phone.")
    assert {in_the_record(bench).answer(scope) for scope in both} == {ConsentAnswer.GIVEN}
    image = bench.kept.get(HERE, ONE)
    assert image.withdrawn == image.untold == frozenset()
    assert [blocked(image, scope, TODAY) for scope in ConsentScope] == [()] * len(ConsentScope)
    bench.clock.advance(minutes=5)
    bench.withdrawals.withdraw(at(GP), young, ONE, both, Grantor.PATIENT)
    assert {in_the_record(bench).answer(scope) for scope in both} == {ConsentAnswer.WITHDRAWN}


def test_who_objects_keeps_other_uses_shut_for_good(bench: PracticeBench) -> None:
    item = due_for_maturity(bench)
    with pytest.raises(Incomplete):
        bench.reviews.decide(at(GP), item, Outcome.OBJECTED, " ")
    bench.reviews.decide(at(GP), item, Outcome.OBJECTED, "He does not want it used.")
    image = bench.kept.get(HERE, ONE)
    assert image.own_consent is OwnConsent.OBJECTED
    for scope in ConsentScope:
        assert bool(blocked(image, scope, TODAY)) == (scope in SHUT)
    assert [each.reference for each in bench.reviews.waiting_to_be_asked(at(GP))] == [ONE]


@pytest.mark.parametrize("wish", [Outcome.WISH_HIDDEN, Outcome.WISH_DESTROYED])
def test_a_wish_that_nobody_can_carry_out_yet_is_recorded_and_the_review_stays_open(
    bench: PracticeBench, wish: Outcome
) -> None:
    item = due_for_maturity(bench)
    bench.reviews.decide(at(GP), item, wish, "She asked for it.")
    stays = bench.worklist.get(item)
    assert stays.done_at is None and "She asked for it." in stays.words and "Wish recorded" in stays.words
    assert bench.kept.get(HERE, ONE).own_consent is OwnConsent.DUE


def test_a_wish_that_is_carried_out_ends_the_review_and_what_is_left_to_do_keeps_it_open(bench: PracticeBench) -> None:
    item = due_for_maturity(bench)
    hidden: list[tuple[Reference, WorkKind, str]] = []
    works: list[bool] = []
    asked: set[Reference] = set()

    def hide(_session: ClinicalSession, reference: Reference, kind: WorkKind, words: str) -> None:
        hidden.append((reference, kind, words))
        if works:
            image = HiddenImage(
                HERE, reference, PatientId("amy"), START, HidingState.HIDDEN, HidingReason.PATIENT_ASKED, GP
            )
            bench.hidden.keep(image)

    reviews = Reviews(bench.keeping, hide=hide, asked_to_destroy=lambda _session: frozenset(asked))
    with pytest.raises(Incomplete):
        reviews.decide(at(GP), item, Outcome.WISH_HIDDEN, " ")
    assert not hidden
    assert reviews.decide(at(GP), item, Outcome.WISH_HIDDEN, "She asked.").done_at is None
    assert hidden == [(ONE, WorkKind.MATURITY, "She asked.")]
    assert reviews.decide(at(GP), item, Outcome.WISH_DESTROYED, "She asked.").done_at is None
    asked.add(ONE)
    works.append(True)
    ended = reviews.decide(at(GP), item, Outcome.WISH_DESTROYED, "She asked again.")
    assert ended.done_at is not None and ended.outcome == "wish-destroyed" and len(hidden) == 1
    assert bench.kept.get(HERE, ONE).own_consent is OwnConsent.OBJECTED
    again = due_for_maturity(bench)
    assert again != item
    assert reviews.decide(at(GP), again, Outcome.WISH_HIDDEN, "She asked.").outcome == "wish-hidden"


def test_a_retention_review_ends_with_a_reason_and_a_new_day(bench: PracticeBench) -> None:
    bench.kept.keep(replace(kept(born_years_ago(40)), retention_review=TODAY))
    bench.reviews.raise_due()
    item = open_items(bench)[0]
    assert item.kind is WorkKind.RETENTION
    bench.reviews.decide(at(GP), item.id, Outcome.KEEP, "Still compared with.")
    image = bench.kept.get(HERE, ONE)
    assert (image.retention_due, image.retention_review) == (False, TODAY.replace(year=2036))
    assert bench.reviews.raise_due() == 0 and open_items(bench) == []


def test_a_withdrawal_s_review_keeps_only_with_a_reason(bench: PracticeBench) -> None:
    patient = Patient(PatientId("amy"), "Amy LEE", dt.date(1984, 6, 21))
    bench.withdrawals.withdraw(at(GP), patient, ONE, [ConsentScope.STORE], Grantor.PATIENT)
    item = open_items(bench)[0]
    with pytest.raises(Incomplete):
        bench.reviews.decide(at(GP), item.id, Outcome.KEEP, "")
    done = bench.reviews.decide(at(GP), item.id, Outcome.KEEP, "Needed for the referral under way.")
    assert done.outcome == "keep"
    assert bench.kept.get(HERE, ONE).withdrawn == {ConsentScope.STORE}, "kept is not agreed"


def test_of_two_who_decide_the_second_is_told(bench: PracticeBench) -> None:
    item = due_for_maturity(bench)
    bench.reviews.decide(at(GP), item, Outcome.OBJECTED, "No.")
    with pytest.raises(Refused) as raised:
        bench.reviews.decide(at(GP), item, Outcome.AGREED, "Yes.")
    assert raised.value.code == "done-meanwhile"


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_a_review_ends_only_as_its_kind_can(bench: PracticeBench, kind: WorkKind, outcome: Outcome) -> None:
    item = WorkItem(WorkId("w"), kind, HERE, PatientId("amy"), "s", START, START)
    bench.worklist.add(item)
    if outcome in OUTCOMES[kind]:
        bench.reviews.decide(at(GP), item.id, outcome, "words")
    else:
        with pytest.raises(Incomplete):
            bench.reviews.decide(at(GP), item.id, outcome, "words")


def test_reviews_are_for_clinicians_at_this_chart(bench: PracticeBench) -> None:
    item = due_for_maturity(bench)
    for session, error in ((at(DESK), NotAllowed), (at(GP, "sam"), NotFound), (at(GP, "amy", ELSEWHERE), NotFound)):
        with pytest.raises(error):
            bench.reviews.decide(session, item, Outcome.AGREED, "")
    call = bench.worklist.add(WorkItem(WorkId("w"), WorkKind.CALL_ME, HERE, PatientId("amy"), "s", START, START))
    with pytest.raises(NotFound):
        bench.reviews.item(at(GP), call.id)


# ------------------------------------------------------------------------------------------------- deceased


def test_known_wishes_of_the_dead_are_recorded_once_for_every_picture(bench: PracticeBench) -> None:
    dead = Patient(PatientId("amy"), "Amy LEE", dt.date(1984, 6, 21), deceased=True)
    codes = [reason.code for reason in bench.reviews.blocked(at(GP), dead, ONE, ConsentScope.TEACHING)]
    assert codes == ["known-wishes"]
    with pytest.raises(Refused):
        bench.reviews.record_wishes(at(GP), replace(dead, deceased=False), "x")
    with pytest.raises(Incomplete):
        bench.reviews.record_wishes(at(GP), dead, " ")
    bench.reviews.record_wishes(at(GP), dead, "She wanted students to learn from it, says her sister.")
    assert bench.reviews.blocked(at(GP), dead, ONE, ConsentScope.TEACHING) == ()
    assert "students" not in repr(bench.audit.entries())
    assert bench.reviews.blocked(at(GP), dead, Reference("Media/of-another-system"), ConsentScope.TEACHING) == ()
