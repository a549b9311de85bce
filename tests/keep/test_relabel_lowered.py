"""Making a label less strict: a reason, a second person, and nobody of another patient's chart."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.people import Role, User
from mappings.model.work import WorkKind
from tests.fakes.practice_parts import PracticeBench
from tests.keep.labelled import AMY, OURS, filed, on_server, provenances
from tests.keep.relabelling import HIV, INTIMATE, ONE, WHY, agree, change, lower, standing
from tests.work.test_practice import DESK, GP, NURSE, at

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
