"""Changing a label: stricter at once and whatever the EHR does, less strict with a reason and a second person."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, RecordRefused, RecordUnavailable, Refused
from fhir_plugin.keep.label_plan import NOT_TAKEN
from fhir_plugin.keep.relabel import LabelStanding
from fhir_plugin.ledger.intents import IntentState, Outcome
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.identifiers import LaunchId, Reference
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.labels import (
    ACT_CODE,
    BY_CLINICIAN,
    BY_PATIENT,
    NO_REDISCLOSURE,
    REPORTED_BY_PATIENT,
    RESTRICTED,
    SEXUALITY,
    Label,
)
from mappings.model.people import ClinicalSession, Role, User
from mappings.model.work import WorkKind
from mappings.r4.label_provenance import from_label_provenance
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord, Lie
from tests.keep.labelled import AMY, FOREIGN, OURS, filed, foreign, on_server, provenances
from tests.work.test_practice import DESK, GP, NURSE, at

INTIMATE = (RESTRICTED, SEXUALITY, BY_CLINICIAN, REPORTED_BY_PATIENT, NO_REDISCLOSURE)
HIV = Label(ACT_CODE, "HIV")
ONE = replace(shipped_pack(), label_lowered_alone=True)
WHY = "Taken for the rash beside it"


def standing(
    bench: PracticeBench, reference: Reference = OURS, session: ClinicalSession | None = None
) -> LabelStanding:
    return bench.relabelling.standing(session or at(), AMY, reference)


def change(
    bench: PracticeBench,
    level: LabelLevel,
    reason: LabelReason | None = None,
    words: str = "",
    reference: Reference = OURS,
    session: ClinicalSession | None = None,
) -> None:
    who = session or at()
    seen = standing(bench, reference, who).seen
    bench.relabelling.change(who, AMY, reference, level, reason, words, seen)


def lower(
    bench: PracticeBench, level: LabelLevel = LabelLevel.ORDINARY, session: ClinicalSession | None = None
) -> None:
    change(bench, level, LabelReason.LABELLED_WRONGLY, WHY, session=session)


def agree(bench: PracticeBench, agrees: bool = True, session: ClinicalSession | None = None, words: str = "") -> None:
    asked = standing(bench).asked
    assert asked is not None
    bench.relabelling.answer(session or at(NURSE), asked.item.id, agrees, words, asked.seen)


# ------------------------------------------------------------------------------------------------ raising


def test_a_raise_is_written_signed_read_back_and_told_in_plain_words() -> None:
    bench = PracticeBench()
    filed(bench)
    bench.clock.advance(hours=1)
    change(bench, LabelLevel.INTIMATE, words="It shows more than I saw at first")
    assert on_server(bench, OURS) == {"R", "SEX", "PHY", "NORDSCLCD", "PATRPT"}
    now = standing(bench)
    assert now.level is LabelLevel.INTIMATE and now.same and now.known is not None and not now.known.untold
    newest, filing = now.history.lines
    assert newest.holds and filing.holds and filing.filing and not newest.filing
    assert (newest.by, newest.by_name, newest.reason) == (GP, "Dr Shah", LabelReason.PRIVATE_AREA)
    assert newest.words == "It shows more than I saw at first"
    assert newest.reference == now.known.statement
    [told] = [each for each in provenances(bench, OURS) if "label" in str(each["activity"])]
    assert {each["code"] for each in told["meta"]["security"]} >= {"R", "SEX"}
    assert bench.signer.verify(from_label_provenance(told).statement or {}, from_label_provenance(told).jws or "")
    [entry] = bench.audit.entries(subject=OURS, action="label.raised")
    assert (entry.entry.outcome, entry.entry.detail["why"]) == ("success", "private-area")


def test_a_raise_hides_pixels_before_the_ehr_has_answered() -> None:
    bench = PracticeBench()
    filed(bench)
    assert isinstance(bench.record, FakeRecord)
    bench.gallery.reveal(at(), OURS, bench.policy.reveal_reasons[0])
    thumbnail = bench.gallery.thumbnail(at(), OURS)
    bench.clock.advance(seconds=1)
    seen: list[str] = []

    def hidden(call: str, what: str) -> None:
        if call == "put" and what == OURS:
            for show in (bench.gallery.picture, bench.gallery.thumbnail):
                with pytest.raises(NotAllowed, match="reason"):
                    show(at(NURSE), OURS)
                with pytest.raises(NotAllowed, match="reason"):  # also where a reason was given before
                    show(at(), OURS)
            seen.append(call)
            raise RecordUnavailable("down")

    bench.record.on_call = hidden
    change(bench, LabelLevel.PRIVATE)
    assert seen and thumbnail
    bench.record.on_call = lambda _call, _what: None
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(), OURS)
    [item] = bench.gallery.images(at())
    assert item.sensitive and not item.revealed
    bench.clock.advance(seconds=10)
    bench.gallery.reveal(at(), OURS, bench.policy.reveal_reasons[0])
    assert bench.gallery.picture(at(), OURS)


def test_the_thumbnail_of_before_and_the_day_of_review_follow_the_label() -> None:
    bench = PracticeBench()
    filed(bench)
    kept = bench.kept.get(at().fhir_base, OURS)
    years = bench.policy.retained("adult").review_years
    bench.kept.keep(replace(kept, adult=True, retention_review=kept.filed.date().replace(year=kept.filed.year + years)))
    bench.gallery.thumbnail(at(), OURS)
    owner = kept_under(at().fhir_base, OURS)
    assert bench.vault.items(compartment=Compartment.THUMBNAIL, owner=owner)
    change(bench, LabelLevel.INTIMATE)
    assert not bench.vault.items(compartment=Compartment.THUMBNAIL, owner=owner)
    review = bench.kept.get(at().fhir_base, OURS).retention_review
    assert review is not None and review.year == kept.filed.year + bench.policy.retained("intimate").review_years


def test_another_systems_image_is_labelled_and_all_else_of_it_stays() -> None:
    bench = PracticeBench()
    content = {"contentType": "image/jpeg", "url": "Binary/b-x1", "title": "theirs"}
    foreign(bench, HIV, content=content, note=[{"text": "their words"}])
    change(bench, LabelLevel.INTIMATE, reference=FOREIGN)
    assert on_server(bench, FOREIGN) == {"R", "SEX", "PHY", "NORDSCLCD", "HIV", "CLINAST"}
    resource = bench.record.read("Media", "x1")
    assert resource["content"] == content and resource["note"] == [{"text": "their words"}]
    [line] = standing(bench, FOREIGN).history.lines
    assert line.holds and not line.filing


def test_a_document_says_it_in_both_places_and_its_bytes_say_it_too() -> None:
    bench = PracticeBench()
    document = filed(bench, reference=Reference("DocumentReference/d1"))
    change(bench, LabelLevel.PRIVATE, reference=document)
    resource = bench.record.read("DocumentReference", "d1")
    said = {each["coding"][0]["code"] for each in resource["securityLabel"]}
    assert said == on_server(bench, document) == {"R", "PRS", "NORDSCLCD", "PATRPT"}
    assert on_server(bench, Reference("Binary/b-d1")) == said


def test_an_ehr_that_refuses_leaves_it_hidden_here_and_is_told_again() -> None:
    bench = PracticeBench()
    filed(bench)
    assert isinstance(bench.record, FakeRecord)

    def refuse(call: str, what: str) -> None:
        if call == "put" and what == OURS:
            raise RecordRefused("no", status=403, code="forbidden")

    bench.record.on_call = refuse
    change(bench, LabelLevel.PRIVATE)
    now = standing(bench)
    assert now.known is not None and now.known.untold and now.level is LabelLevel.PRIVATE and not now.same
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    assert item.kind is WorkKind.FOLLOW_UP and NOT_TAKEN in item.words
    bench.relabelling.resume_for(at(NURSE))
    assert len(bench.worklist.of_patient(at().fhir_base, at().patient_id)) == 1
    bench.record.on_call = lambda _call, _what: None
    bench.relabelling.resume_for(at(NURSE))
    assert on_server(bench, OURS) == {"R", "PRS", "NORDSCLCD", "PATRPT"}
    after = standing(bench)
    assert after.same and after.known is not None and not after.known.untold
    assert bench.worklist.of_patient(at().fhir_base, at().patient_id) == []
    assert after.history.newest is not None and after.history.newest.by == GP


def test_what_somebody_has_seen_to_is_not_told_again() -> None:
    bench = PracticeBench()
    filed(bench)
    assert isinstance(bench.record, FakeRecord)

    def refuse(call: str, what: str) -> None:
        if call == "put" and what == OURS:
            raise RecordRefused("no", status=403, code="forbidden")

    bench.record.on_call = refuse
    change(bench, LabelLevel.PRIVATE)
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    bench.practice.finish(at(), item.id, "settled", "Changed in the EHR")
    bench.relabelling.resume_for(at(NURSE))
    assert bench.worklist.of_patient(at().fhir_base, at().patient_id) == []
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(NURSE), OURS)


# ------------------------------------------------------------------------------------------------ lowering


@pytest.mark.parametrize("reason", [None, LabelReason.PRIVATE_AREA])
def test_a_lowering_needs_a_reason_of_its_own_kind(reason: LabelReason | None) -> None:
    bench = PracticeBench(policy=ONE)
    filed(bench, *INTIMATE)
    with pytest.raises(Incomplete) as missing:
        change(bench, LabelLevel.ORDINARY, reason, WHY)
    assert set(missing.value.fields) == {"reason"}
    with pytest.raises(Incomplete) as missing:
        change(bench, LabelLevel.ORDINARY, LabelReason.OTHER, " a ")
    assert set(missing.value.fields) == {"words"}
    assert on_server(bench, OURS) >= {"R", "SEX"}


def test_where_policy_lets_one_person_lower_it_it_is_lowered_with_a_reason() -> None:
    bench = PracticeBench(policy=ONE)
    filed(bench, *INTIMATE)
    lower(bench)
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    now = standing(bench)
    assert now.level is LabelLevel.ORDINARY and now.same
    newest = now.history.newest
    assert newest is not None and newest.reason is LabelReason.LABELLED_WRONGLY and newest.words == WHY
    assert not bench.gallery.images(at())[0].sensitive
    [entry] = bench.audit.entries(subject=OURS, action="label.lowered")
    assert entry.entry.outcome == "success"


def test_two_people_lower_it_and_never_one_twice() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    lower(bench)
    assert on_server(bench, OURS) >= {"R", "SEX"}
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    assert item.kind is WorkKind.SECOND_PERSON and item.about_a_label and item.not_by == GP
    with pytest.raises(Refused, match="already"):
        lower(bench, session=at(NURSE))
    with pytest.raises(NotAllowed, match="yourself"):
        agree(bench, session=at(GP))
    in_a_role = replace(at(), user=User(Reference("PractitionerRole/r"), "Dr Shah", at().user.roles, practitioner=GP))
    with pytest.raises(NotAllowed, match="yourself"):
        agree(bench, session=in_a_role)
    agree(bench, words="I have looked")
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    newest = standing(bench).history.newest
    assert newest is not None and (newest.by_name, newest.second_name) == ("Dr Shah", "Nurse Okoro")
    assert newest.words == f"{WHY}\nI have looked"
    [told] = [each for each in provenances(bench, OURS) if "label" in str(each["activity"])]
    assert {each["code"] for each in told["meta"]["security"]} >= {"R", "SEX"}, "that it was private is private"
    with pytest.raises(NotFound):
        bench.relabelling.answer(at(NURSE), item.id, True, "", "")


def test_a_no_ends_it_and_says_why() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    lower(bench)
    with pytest.raises(Incomplete):
        agree(bench, False)
    agree(bench, False, words="It does show it")
    assert on_server(bench, OURS) >= {"R", "SEX"} and standing(bench).asked is None
    assert not bench.ledger.for_subject(OURS)
    lower(bench)
    assert standing(bench).asked is not None


def test_a_raise_meanwhile_ends_the_asking_and_who_asked_can_take_it_back() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    lower(bench)
    asked = standing(bench).asked
    assert asked is not None and asked.mine and not bench.relabelling.lowering(at(NURSE), asked.item.id)[0].mine
    change(bench, LabelLevel.STRICTEST, session=at(NURSE))
    assert standing(bench).asked is None
    lower(bench, LabelLevel.INTIMATE)
    asked = standing(bench).asked
    assert asked is not None
    with pytest.raises(NotAllowed):
        bench.relabelling.take_back(at(NURSE), asked.item.id)
    bench.relabelling.take_back(at(), asked.item.id)
    assert standing(bench).asked is None
    assert not bench.vault.items(compartment=Compartment.DRAFT)


@pytest.mark.parametrize("born", [dt.date(2015, 5, 5), None], ids=["a child", "nobody knows"])
def test_two_people_whatever_the_pack_says_where_it_is_a_childs_or_very_sensitive(born: dt.date | None) -> None:
    bench = PracticeBench(policy=ONE)
    filed(bench, *INTIMATE)
    child = replace(AMY, birth_date=born)
    seen = bench.relabelling.standing(at(), child, OURS)
    assert seen.two_people and not standing(bench).two_people
    bench.relabelling.change(at(), child, OURS, LabelLevel.ORDINARY, LabelReason.OTHER, WHY, seen.seen)
    asked = standing(bench).asked
    assert asked is not None and asked.level is LabelLevel.PRIVATE, "a young person's image is not ordinary"
    strict = PracticeBench(policy=ONE)
    filed(strict)
    change(strict, LabelLevel.STRICTEST)
    assert standing(strict).two_people


def test_what_others_had_a_reason_for_is_not_taken_away() -> None:
    bench = PracticeBench(policy=ONE)
    filed(bench, *INTIMATE, HIV)
    lower(bench)
    assert on_server(bench, OURS) == {"R", "HIV", "PATRPT"}
    with pytest.raises(Incomplete) as nothing:
        lower(bench)
    assert "stays" in nothing.value.fields["level"]


def test_a_page_of_before_changes_nothing() -> None:
    bench = PracticeBench()
    filed(bench)
    seen = standing(bench).seen
    change(bench, LabelLevel.PRIVATE, session=at(NURSE))
    with pytest.raises(Refused, match="otherwise since"):
        bench.relabelling.change(at(), AMY, OURS, LabelLevel.INTIMATE, None, "", seen)


def test_nothing_is_signed_where_nothing_would_change() -> None:
    bench = PracticeBench()
    filed(bench, RESTRICTED, BY_PATIENT, NO_REDISCLOSURE, REPORTED_BY_PATIENT)
    with pytest.raises(Incomplete) as nothing:
        change(bench, LabelLevel.PRIVATE)
    assert "already" in nothing.value.fields["level"]
    assert len(provenances(bench, OURS)) == 1


# ------------------------------------------------------------------------------------------------ whose


def test_other_patients_and_other_people_reach_nothing() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    lower(bench)
    asked = standing(bench).asked
    assert asked is not None
    elsewhere = at(NURSE, "bert")
    with pytest.raises(NotFound):
        bench.relabelling.standing(elsewhere, AMY, OURS)
    with pytest.raises(NotFound):
        bench.relabelling.lowering(elsewhere, asked.item.id)
    for who in (at(DESK), at(GP, "amy", at().fhir_base, Role.DISCLOSURE_OFFICER)):
        with pytest.raises(NotAllowed):
            bench.relabelling.standing(who, AMY, OURS)
        with pytest.raises(NotAllowed):
            bench.relabelling.change(who, AMY, OURS, LabelLevel.INTIMATE, None, "", "")


# ------------------------------------------------------------------------------------------------ servers


def merging(**how: bool) -> PracticeBench:
    return PracticeBench(record=FakeRecord(merges_labels=True, **how), policy=ONE)  # type: ignore[arg-type]


def test_a_server_that_only_adds_is_asked_to_take_away() -> None:
    bench = merging()
    filed(bench, *INTIMATE)
    lower(bench)
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    change(bench, LabelLevel.PRIVATE)
    assert on_server(bench, OURS) == {"R", "PRS", "NORDSCLCD", "PATRPT"}
    assert standing(bench).same


def test_where_nothing_takes_a_label_away_it_is_said_and_all_is_as_it_was() -> None:
    bench = merging(meta_operations=False)
    filed(bench, *INTIMATE)
    lower(bench)
    [intent] = bench.ledger.for_subject(OURS)
    assert (intent.outcome, intent.reason) == (Outcome.NOTHING_CURRENT, "label-not-lowered")
    assert "never takes one away" in intent.message
    now = standing(bench)
    assert now.level is LabelLevel.INTIMATE and len(provenances(bench, OURS)) == 1
    assert bench.gallery.images(at())[0].sensitive
    change(bench, LabelLevel.STRICTEST)
    assert {"V", "SEX", "HUAPRV"} <= on_server(bench, OURS)
    assert standing(bench).same, "a weaker confidentiality beside it says nothing else"


def test_a_server_that_says_so_and_does_not_is_found_out() -> None:
    bench = PracticeBench(record=FakeRecord(merges_labels=True, lies=frozenset({Lie.KEEPS_LABELS})), policy=ONE)
    filed(bench, *INTIMATE)
    lower(bench)
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT and standing(bench).level is LabelLevel.INTIMATE


def test_a_server_that_drops_labels_leaves_it_hidden_here() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)
    record.lies = frozenset({Lie.DROPS_LABELS})
    change(bench, LabelLevel.INTIMATE)
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT
    assert standing(bench).level is LabelLevel.INTIMATE
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(), OURS)


def test_a_server_that_chooses_ids_gets_one_statement_whatever_is_lost() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)
    record._our_ids = False
    record.lose_answer(record.writes + 1, record.writes + 2, record.writes + 3)
    change(bench, LabelLevel.PRIVATE)
    for _ in range(4):
        bench.clock.advance(minutes=20)
        bench.engine.run_due()
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.DONE
    assert len(provenances(bench, OURS)) == 2 and standing(bench).same


def test_somebody_elses_new_label_stops_a_lowering_and_not_a_raise() -> None:
    for level in (LabelLevel.ORDINARY, LabelLevel.STRICTEST):
        bench = PracticeBench(policy=ONE)
        filed(bench, *INTIMATE)
        assert isinstance(bench.record, FakeRecord)
        record, once = bench.record, [1]

        def first(call: str, what: str, record: FakeRecord = record, once: list[int] = once) -> None:
            if call == "put" and what == OURS and once:
                once.pop()
                resource = record.read("Media", "m1")
                resource["meta"]["security"].append({"system": ACT_CODE, "code": "HIV"})
                record.put(resource)

        record.on_call = first
        reason = LabelReason.OTHER if level is LabelLevel.ORDINARY else None
        change(bench, level, reason, WHY)
        assert "HIV" in on_server(bench, OURS) and "SEX" in on_server(bench, OURS)
        [intent] = bench.ledger.for_subject(OURS)
        expected = Outcome.NOTHING_CURRENT if level is LabelLevel.ORDINARY else Outcome.DONE
        assert intent.outcome is expected, intent.reason


def test_what_waits_for_a_sign_in_goes_on_after_it() -> None:
    bench = PracticeBench()
    filed(bench)
    seen = standing(bench).seen
    session = at()

    def signed_out_now(call: str, what: str) -> None:
        bench.signed_out.add(session.launch_id)

    assert isinstance(bench.record, FakeRecord)
    bench.record.on_call = signed_out_now
    bench.relabelling.change(session, AMY, OURS, LabelLevel.PRIVATE, None, "", seen)
    bench.record.on_call = lambda _call, _what: None
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.state is IntentState.WAITING_FOR_SIGN_IN
    again = replace(session, launch_id=LaunchId("later"))
    with pytest.raises(NotAllowed):
        bench.gallery.picture(again, OURS)
    bench.relabelling.resume_for(again)
    assert on_server(bench, OURS) == {"R", "PRS", "NORDSCLCD", "PATRPT"}


def test_a_lost_answer_writes_nothing_twice() -> None:
    for lost in range(1, 7):
        record = FakeRecord()
        bench = PracticeBench(record=record, policy=ONE)
        filed(bench, *INTIMATE)
        record.lose_answer(record.writes + lost)
        lower(bench)
        for _ in range(3):
            bench.clock.advance(minutes=20)
            bench.engine.run_due()
        [intent] = bench.ledger.for_subject(OURS)
        assert intent.outcome is Outcome.DONE
        assert on_server(bench, OURS) == {"N", "PATRPT"}
        assert len(provenances(bench, OURS)) == 2
