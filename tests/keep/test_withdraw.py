"""Taking consent back: shut at once, told to the record once, reviewed by a person, never an erasure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import AnswerLost, Incomplete, NotAllowed, NotFound, Refused, VersionConflict
from fhir_plugin.policy.earlier_images import blocked, who_withdraws
from fhir_plugin.policy.jurisdiction import LAWS, Jurisdiction
from fhir_plugin.ports import Json, Stored
from mappings.model.consent import (
    LEGAL_AUTHORITY,
    SECONDARY_USES,
    ConsentAnswer,
    ConsentForm,
    ConsentScope,
    Grantor,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.identifiers import CaptureId, LaunchId, PatientId, Reference
from mappings.model.kept import KeptImage
from mappings.model.people import Patient, Role
from mappings.model.work import WorkKind
from mappings.r4.consent import from_consent, to_consent
from tests.fakes.clock import START
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.work.test_practice import DESK, ELSEWHERE, GP, HERE, NURSE, at

AMY = Patient(PatientId("amy"), "Amy LEE", dt.date(1984, 6, 21))
ONE, TWO = Reference("Media/one"), Reference("Media/two")
CONSENT = Reference("Consent/c1")
LAW = LAWS[Jurisdiction.ENGLAND]


def consent(*scopes: ConsentScope) -> PhotoConsent:
    return PhotoConsent(
        capture_id=CaptureId("capture-1"),
        patient=Reference("Patient/amy"),
        recorded_by=GP,
        recorded_at=START,
        decisions=tuple(ScopeDecision(scope, ConsentAnswer.GIVEN, START) for scope in ConsentScope if scope in scopes),
        form=ConsentForm.VERBAL,
        understood=True,
        policy_version="strict/1",
    )


def furnished(record: FakeRecord | None = None) -> PracticeBench:
    bench = PracticeBench(record=FakeRecord() if record is None else record)
    given = consent(ConsentScope.RECEIVE, ConsentScope.STORE, ConsentScope.TEACHING)
    bench.record.put(to_consent(given, images=[ONE, TWO], id="c1"))
    for reference in (ONE, TWO):
        kept = KeptImage(HERE, reference, PatientId("amy"), CaptureId("capture-1"), START, CONSENT, GP, "Dr Shah")
        bench.kept.keep(kept)
    other = KeptImage(HERE, Reference("Media/other"), PatientId("amy"), CaptureId("capture-2"), START)
    bench.kept.keep(other)
    return bench


@pytest.fixture
def bench() -> PracticeBench:
    return furnished()


def in_the_record(bench: PracticeBench) -> PhotoConsent:
    return from_consent(bench.record.read("Consent", "c1"))


def withdraw(bench: PracticeBench, *scopes: ConsentScope, words: str = "") -> None:
    bench.withdrawals.withdraw(at(GP), AMY, ONE, scopes, Grantor.PATIENT, words)


def test_one_scope_is_shut_at_once_said_in_the_record_and_reviewed(bench: PracticeBench) -> None:
    bench.clock.advance(days=3)
    withdraw(bench, ConsentScope.TEACHING, words="I do not want students to see it.")
    now = in_the_record(bench)
    assert now.answer(ConsentScope.TEACHING) is ConsentAnswer.WITHDRAWN
    assert now.answer(ConsentScope.STORE) is ConsentAnswer.GIVEN
    last = next(each for each in now.decisions if each.answer is ConsentAnswer.WITHDRAWN)
    assert (last.at, last.by) == (START + dt.timedelta(days=3), GP)
    for reference in (ONE, TWO):
        image = bench.kept.get(HERE, reference)
        assert [reason.code for reason in blocked(image, ConsentScope.TEACHING, START.date())] == ["withdrawn"]
        assert blocked(image, ConsentScope.STORE, START.date()) == ()
    assert bench.kept.get(HERE, Reference("Media/other")).withdrawn == frozenset()
    item = bench.worklist.of_practice(HERE)[0]
    assert (item.kind, item.subject, item.owner, item.done_at) == (WorkKind.WITHDRAWAL, CONSENT, GP, None)
    assert "teaching" in item.words and "students" in item.words
    assert "students" not in repr(bench.audit.entries())


def test_done_twice_it_is_done_once_and_a_second_scope_joins_the_same_review(bench: PracticeBench) -> None:
    for _ in range(2):
        withdraw(bench, ConsentScope.TEACHING)
    withdraw(bench, ConsentScope.STORE, ConsentScope.TEACHING)
    decisions = [each for each in in_the_record(bench).decisions if each.answer is ConsentAnswer.WITHDRAWN]
    assert sorted(each.scope for each in decisions) == ["store", "teaching"]
    assert len(bench.worklist.of_practice(HERE)) == 1
    assert len(bench.audit.entries(action="consent.withdrawn")) == 2
    assert bench.vault.items() == [], "what was said is sealed only until the record says it"


def test_nothing_is_erased_and_care_goes_on(bench: PracticeBench) -> None:
    before = len(bench.record.search("Consent", {"patient": "amy"}))
    withdraw(bench, ConsentScope.RECEIVE, ConsentScope.STORE, ConsentScope.TEACHING)
    assert len(bench.kept.of_patient(HERE, PatientId("amy"))) == 3
    assert len(bench.record.search("Consent", {"patient": "amy"})) == before
    assert bench.record.read("Consent", "c1")["status"] == "inactive"


def test_signed_out_it_is_shut_here_and_the_record_follows_after_the_next_launch(bench: PracticeBench) -> None:
    session = at(GP)
    bench.signed_out.add(session.launch_id)
    withdraw(bench, ConsentScope.TEACHING)
    assert in_the_record(bench).answer(ConsentScope.TEACHING) is ConsentAnswer.GIVEN
    assert blocked(bench.kept.get(HERE, ONE), ConsentScope.TEACHING, START.date())
    bench.clock.advance(hours=2)
    for _ in range(2):
        bench.withdrawals.resume_for(replace(session, launch_id=LaunchId("again")))
    said = in_the_record(bench)
    last = next(each for each in said.decisions if each.answer is ConsentAnswer.WITHDRAWN)
    assert last.at == START, "when it was said, not when the EHR learned of it"


def test_what_was_taken_back_at_the_link_reaches_the_record_with_the_next_clinician(bench: PracticeBench) -> None:
    shut = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})
    for one in (ONE, TWO):
        bench.kept.keep(replace(bench.kept.get(HERE, one), withdrawn=shut, untold=shut))
    bench.withdrawals.resume_for(at(DESK))
    assert in_the_record(bench).answer(ConsentScope.STORE) is ConsentAnswer.GIVEN, "nobody who may not change it"
    for _ in range(2):
        bench.withdrawals.resume_for(at(GP))
    said = in_the_record(bench)
    assert {said.answer(scope) for scope in shut} == {ConsentAnswer.WITHDRAWN}
    assert said.answer(ConsentScope.TEACHING) is ConsentAnswer.GIVEN
    last = [each for each in said.decisions if each.answer is ConsentAnswer.WITHDRAWN]
    assert {(each.by, each.right) for each in last} == {(Reference("Patient/amy"), Grantor.PATIENT)}
    assert len(last) == 2
    assert {bench.kept.get(HERE, one).untold for one in (ONE, TWO)} == {frozenset()}


class Losing(FakeRecord):
    """Writes, and loses its answer; or finds that somebody wrote meanwhile."""

    def __init__(self, error: type[Exception], *, times: int, writes: bool) -> None:
        super().__init__()
        self.error, self.times, self.writes_first = error, times, writes
        self.armed = False

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        if self.armed and self.times:
            self.times -= 1
            if self.writes_first:
                super().put(resource, version=version)
            raise self.error("lost") if self.error is AnswerLost else VersionConflict("meanwhile", status=412)
        return super().put(resource, version=version)


@pytest.mark.parametrize("writes", [True, False])
def test_an_answer_that_is_lost_neither_doubles_nor_loses_it(writes: bool) -> None:
    record = Losing(AnswerLost, times=1, writes=writes)
    bench = furnished(record)
    record.armed = True
    withdraw(bench, ConsentScope.TEACHING)
    bench.clock.advance(minutes=5)
    bench.engine.run_due()
    said = [each for each in in_the_record(bench).decisions if each.answer is ConsentAnswer.WITHDRAWN]
    assert [each.scope for each in said] == ["teaching"]


def test_somebody_else_s_version_is_not_overwritten_but_built_upon() -> None:
    record = Losing(VersionConflict, times=1, writes=False)
    bench = furnished(record)
    record.armed = True
    withdraw(bench, ConsentScope.TEACHING)
    assert in_the_record(bench).answer(ConsentScope.TEACHING) is ConsentAnswer.WITHDRAWN


def test_an_ehr_that_will_not_take_it_leaves_it_shut_here_and_says_so_on_the_item() -> None:
    record = Losing(VersionConflict, times=99, writes=False)
    bench = furnished(record)
    record.armed = True
    withdraw(bench, ConsentScope.TEACHING)
    assert blocked(bench.kept.get(HERE, ONE), ConsentScope.TEACHING, START.date())
    assert "write it into the record yourself" in bench.worklist.of_practice(HERE)[0].words
    assert bench.audit.entries(action="consent.changed")[0].entry.outcome == "failure"


def test_what_stands_is_shown_by_scope(bench: PracticeBench) -> None:
    withdraw(bench, ConsentScope.TEACHING)
    standing = bench.withdrawals.standing(at(NURSE), AMY, TWO)
    assert standing.pictures == 2
    assert dict(standing.scopes) == {
        ConsentScope.RECEIVE: ConsentAnswer.GIVEN,
        ConsentScope.STORE: ConsentAnswer.GIVEN,
        ConsentScope.TEACHING: ConsentAnswer.WITHDRAWN,
    }


def test_only_clinicians_at_this_chart_and_only_for_what_we_filed_with_a_consent(bench: PracticeBench) -> None:
    for session, error in ((at(DESK), NotAllowed), (at(GP, "sam"), NotFound), (at(GP, "amy", ELSEWHERE), NotFound)):
        with pytest.raises(error):
            bench.withdrawals.standing(session, AMY, ONE)
        with pytest.raises(error):
            bench.withdrawals.withdraw(session, AMY, ONE, [ConsentScope.STORE], Grantor.PATIENT)
    with pytest.raises(Refused):
        bench.withdrawals.withdraw(at(GP), AMY, Reference("Media/other"), [ConsentScope.STORE], Grantor.PATIENT)
    with pytest.raises(Incomplete):
        withdraw(bench)
    with pytest.raises(Incomplete):
        bench.withdrawals.withdraw(at(GP), AMY, ONE, [ConsentScope.STORE], Grantor.PARENT)
    assert in_the_record(bench).answer(ConsentScope.STORE) is ConsentAnswer.GIVEN


@pytest.mark.parametrize("years", range(25))
def test_who_may_take_it_back_goes_by_the_age_on_the_day(years: int) -> None:
    today = dt.date(2026, 3, 2)
    rights = who_withdraws(replace(AMY, birth_date=dt.date(2026 - years, 3, 2)), today, LAW)
    assert (Grantor.PATIENT in rights) == (years >= 16)
    assert (Grantor.COMPETENT_CHILD in rights) == (years < 16)
    assert bool(set(LEGAL_AUTHORITY) & set(rights)) == (years >= 18)
    assert (Grantor.PARENT in rights) == (years < 18)
    assert rights[0] in (Grantor.PATIENT, Grantor.COMPETENT_CHILD), "the patient themselves comes first"


def test_an_unknown_age_leaves_every_way_but_an_attorney_open() -> None:
    rights = who_withdraws(replace(AMY, birth_date=None), dt.date(2026, 3, 2), LAW)
    assert {Grantor.PATIENT, Grantor.COMPETENT_CHILD, Grantor.PARENT} <= set(rights)
    assert not set(LEGAL_AUTHORITY) & set(rights)


@pytest.mark.parametrize("scope", list(ConsentScope))
def test_after_a_death_other_uses_wait_for_known_wishes(scope: ConsentScope) -> None:
    image = KeptImage(HERE, ONE, PatientId("amy"), CaptureId("c"), START)
    shut = scope is ConsentScope.SECOND_OPINION or scope in SECONDARY_USES
    assert bool(blocked(image, scope, START.date(), deceased=True)) == shut
    wished = replace(image, known_wishes="For teaching, she said.")
    assert blocked(wished, scope, START.date(), deceased=True) == ()


def test_roles_that_only_look_elsewhere_see_nothing_here(bench: PracticeBench) -> None:
    for role in Role:
        if role is not Role.CLINICIAN:
            with pytest.raises(NotAllowed):
                bench.withdrawals.standing(at(GP, "amy", HERE, role), AMY, ONE)
