"""Images that may need a label: found by what they look like, by what a server lost, and by what no longer holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, RecordRefused, Refused
from fhir_plugin.keep.label_review import LabelFinding, Why
from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelLevel
from mappings.model.labels import ACT_CODE, NORMAL, RESTRICTED, SEXUALITY, Label
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.keep.labelled import AMY, FOREIGN, OURS, filed, foreign, lose_labels, on_server, provenances
from tests.keep.relabelling import INTIMATE, change, lower, standing
from tests.work.test_practice import DESK, NURSE, at

BREAST = {"coding": [{"system": "http://snomed.info/sct", "code": "76752008"}]}
FOREARM = {"text": "Left forearm"}
WHY_ORDINARY = "Plaster cast, nothing private on it"


def found(bench: PracticeBench, reference: Reference | None = None) -> list[LabelFinding]:
    return [each for each in bench.label_reviews.findings(at()) if reference in (None, each.reference)]


def why(bench: PracticeBench, reference: Reference) -> set[Why]:
    return {each for finding in found(bench, reference) for each in finding.why}


def chosen(bench: PracticeBench) -> list[tuple[Reference, str]]:
    return [(each.reference, each.seen) for each in found(bench)]


# ------------------------------------------------------------------------------------------------ what looks private


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"bodySite": BREAST}, {Why.SITE}),
        ({"bodySite": {"text": "Left groin"}}, {Why.SITE}),
        ({"bodySite": {"text": "PERI-ANAL skin"}}, {Why.SITE}),
        (
            {"bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "Natal cleft"}]}},
            {Why.SITE},
        ),
        ({"bodySite": FOREARM}, set()),
        ({"bodySite": {"text": "Analysis"}}, set()),
        ({"modality": {"text": "Colposcopy"}}, {Why.KIND}),
        ({"reasonCode": [{"text": "swelling of the penis"}]}, {Why.KIND}),
        ({"content": {"contentType": "image/jpeg", "url": "Binary/b-x1", "title": "vulva_2.jpg"}}, {Why.KIND}),
        ({"content": {"contentType": "image/jpeg", "url": "Binary/b-x1", "title": "vulva 2.jpg"}}, {Why.KIND}),
        ({"operator": {"display": "Sexual Health Clinic, Anytown"}}, {Why.CLINIC}),
        ({"bodySite": BREAST, "operator": {"display": "Breast clinic"}}, {Why.SITE, Why.CLINIC}),
        ({}, set()),
    ],
)
def test_another_systems_image_is_on_the_list_for_what_it_says_of_itself(
    says: dict[str, Any], expected: set[Why]
) -> None:
    bench = PracticeBench()
    foreign(bench, **says)
    assert why(bench, FOREIGN) == expected
    assert bench.label_reviews.count(at()) == bool(expected)


def test_the_clinic_is_found_in_the_encounter_where_it_may_be_read() -> None:
    bench = PracticeBench()
    encounter = {"resourceType": "Encounter", "id": "e1", "serviceType": {"text": "Genitourinary medicine"}}
    bench.record.put(encounter)
    foreign(bench, encounter={"reference": "Encounter/e1"})
    assert why(bench, FOREIGN) == {Why.CLINIC}
    assert isinstance(bench.record, FakeRecord)

    def hidden(call: str, what: str) -> None:
        if what == "Encounter/e1":
            raise RecordRefused("hidden", status=403)

    bench.record.on_call = hidden
    assert why(bench, FOREIGN) == set()


def test_what_somebody_has_labelled_strictly_is_not_asked_and_n_is_no_such_label() -> None:
    bench = PracticeBench()
    foreign(bench, RESTRICTED, SEXUALITY, bodySite=BREAST)
    assert not found(bench)
    foreign(bench, NORMAL, reference=Reference("Media/x2"), bodySite=BREAST)
    assert [each.reference for each in found(bench)] == ["Media/x2"]


def test_ours_are_not_asked_about_their_site_which_was_judged_when_they_were_filed() -> None:
    bench = PracticeBench()
    filed(bench)
    resource = bench.record.read("Media", "m1")
    bench.record.put({**resource, "bodySite": {"text": "Groin, for the rash"}})
    assert not found(bench)


# ------------------------------------------------------------------------------------------------ what a server lost


def test_a_label_that_a_server_lost_without_a_version_is_found_and_hides_all_the_while() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    version = bench.record.read("Media", "m1")["meta"]["versionId"]
    lose_labels(bench, OURS)
    assert bench.record.read("Media", "m1")["meta"]["versionId"] == version
    assert bench.label_reviews.count(at()) == 1
    [finding] = found(bench)
    assert finding.why == (Why.LOST,) and not finding.ordinary and finding.item.sensitive
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(), OURS)
    with pytest.raises(Refused):
        bench.label_reviews.find_ordinary(at(), chosen(bench), WHY_ORDINARY)
    assert bench.label_reviews.confirm(at(), AMY, chosen(bench)) == 1
    assert on_server(bench, OURS) == {each.code for each in INTIMATE}
    assert not found(bench) and standing(bench).same
    newest = standing(bench).history.newest
    assert newest is not None and newest.holds and set(newest.labels) == set(INTIMATE)


@pytest.mark.parametrize(
    "tampered",
    [
        lambda labels: [{**each, "code": "N"} if each["code"] == "R" else each for each in labels],
        lambda labels: [each for each in labels if each["code"] != "SEX"],
        lambda labels: [],
    ],
)
def test_a_weakened_label_is_found(tampered: Callable[[list[Any]], list[Any]]) -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    assert isinstance(bench.record, FakeRecord)
    bench.record.tamper(OURS, lambda meta: {**meta, "security": tampered(meta["security"])})
    assert why(bench, OURS) == {Why.LOST}
    assert bench.gallery.images(at())[0].sensitive


def test_a_label_that_somebody_added_is_confirmed_and_signed() -> None:
    bench = PracticeBench()
    filed(bench)
    assert isinstance(bench.record, FakeRecord)
    bench.record.tamper(
        OURS, lambda meta: {**meta, "security": [*meta["security"], {"system": ACT_CODE, "code": "HIV"}]}
    )
    assert why(bench, OURS) == {Why.ADDED}
    bench.label_reviews.confirm(at(), AMY, chosen(bench))
    assert not found(bench)
    newest = standing(bench).history.newest
    assert newest is not None and Label(ACT_CODE, "HIV") in newest.labels


def test_after_a_change_the_new_statement_is_what_counts() -> None:
    bench = PracticeBench()
    filed(bench)
    change(bench, LabelLevel.PRIVATE)
    assert not found(bench)
    assert isinstance(bench.record, FakeRecord)
    bench.record.tamper(OURS, lambda meta: {**meta, "security": [{"system": NORMAL.system, "code": "N"}]})
    assert why(bench, OURS) == {Why.LOST}, "the label of the filing is no longer the label"


def test_what_an_ehr_never_took_is_on_the_list() -> None:
    bench = PracticeBench()
    filed(bench)
    assert isinstance(bench.record, FakeRecord)

    def refuse(call: str, what: str) -> None:
        if call == "put" and what == OURS:
            raise RecordRefused("no", status=403, code="forbidden")

    bench.record.on_call = refuse
    change(bench, LabelLevel.PRIVATE)
    assert why(bench, OURS) == {Why.NOT_TAKEN}


# ------------------------------------------------------------------------------------------------ statements


def test_a_statement_that_is_gone_is_known_to_be_missing() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    bench.record.delete("Provenance", "p-m1")
    assert why(bench, OURS) == {Why.GONE}
    bench.label_reviews.confirm(at(), AMY, chosen(bench))
    assert not found(bench) and len(provenances(bench, OURS)) == 1


def test_a_statement_that_was_changed_or_belongs_elsewhere_is_found() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    other = filed(bench, reference=Reference("Media/m2"))
    mine, theirs = bench.record.read("Provenance", "p-m1"), bench.record.read("Provenance", "p-m2")
    bench.record.put({**theirs, "id": "p-m1", "target": mine["target"]})
    lose_labels(bench, OURS)
    assert why(bench, OURS) == {Why.LOST, Why.FORGED}
    assert not why(bench, other)
    assert not [line for line in standing(bench).history.lines if line.holds]
    bench.label_reviews.confirm(at(), AMY, chosen(bench))
    assert on_server(bench, OURS) == {each.code for each in INTIMATE} and not found(bench)


def test_a_statement_that_somebody_else_put_there_changes_nothing() -> None:
    """One of ours about another image, said to be about this one: it holds for that one only."""
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    filed(bench, reference=Reference("Media/m2"))
    theirs = bench.record.read("Provenance", "p-m2")
    bench.record.put({**theirs, "id": "planted", "target": [{"reference": OURS}], "recorded": "2030-01-01T00:00:00Z"})
    assert not found(bench)
    lines = standing(bench).history.lines
    assert [line.holds for line in lines if line.reference == "Provenance/planted"] == [False]
    newest = standing(bench).history.newest
    assert newest is not None and set(newest.labels) == set(INTIMATE)


def test_an_image_of_ours_that_the_register_does_not_know_is_learnt_from_its_statement() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE, known=False)
    lose_labels(bench, OURS)
    assert why(bench, OURS) == {Why.LOST}
    assert bench.gallery.images(at())[0].sensitive
    bench.record.delete("Provenance", "p-m1")
    bare = PracticeBench()
    filed(bare, known=False)
    bare.record.delete("Provenance", "p-m1")
    assert why(bare, OURS) == {Why.GONE}


# ------------------------------------------------------------------------------------------------ deciding


def test_a_set_is_labelled_at_once_and_each_has_its_own_statement() -> None:
    bench = PracticeBench()
    several = [Reference(f"Media/x{number}") for number in range(1, 5)]
    for reference in several:
        foreign(bench, reference=reference, bodySite=BREAST)
    assert bench.label_reviews.confirm(at(), AMY, chosen(bench)[:3]) == 3
    assert len(found(bench)) == 1
    labelled = [each for each in several if "SEX" in on_server(bench, each)]
    assert len(labelled) == 3 and all(len(provenances(bench, each)) == 1 for each in labelled)
    assert len(bench.audit.entries(action="label.raised")) == 3


def test_ordinary_is_noted_with_a_reason_and_asked_again_when_something_changes() -> None:
    bench = PracticeBench()
    foreign(bench, bodySite=BREAST)
    with pytest.raises(Incomplete):
        bench.label_reviews.find_ordinary(at(), chosen(bench), " ")
    assert bench.label_reviews.find_ordinary(at(), chosen(bench), WHY_ORDINARY) == 1
    assert not found(bench) and bench.label_reviews.count(at(NURSE)) == 0
    assert on_server(bench, FOREIGN) == set(), "nothing was written to the record"
    [entry] = bench.audit.entries(subject=FOREIGN, action="label.found-ordinary")
    assert WHY_ORDINARY not in str(entry)
    resource = bench.record.read("Media", "x1")
    bench.record.put(resource)
    assert not found(bench), "a new version that says the same is nothing new"
    bench.record.put({**resource, "bodySite": {"text": "Breast, with the nipple"}})
    assert why(bench, FOREIGN) == {Why.SITE}


def test_a_lowered_label_of_another_systems_image_is_not_asked_again() -> None:
    bench = PracticeBench()
    foreign(bench, bodySite=BREAST)
    bench.label_reviews.confirm(at(), AMY, chosen(bench))
    assert not found(bench)


def test_what_has_changed_since_the_page_was_made_is_looked_at_again() -> None:
    bench = PracticeBench()
    foreign(bench, bodySite=BREAST)
    seen = chosen(bench)
    acts: list[Callable[[], object]] = [
        lambda: bench.label_reviews.confirm(at(), AMY, seen),
        lambda: bench.label_reviews.find_ordinary(at(), seen, WHY_ORDINARY),
        lambda: bench.label_reviews.confirm(at(), AMY, [(Reference("Media/nobody"), "x")]),
    ]
    bench.record.put({**bench.record.read("Media", "x1"), "bodySite": FOREARM})
    for decide in acts:
        with pytest.raises(Refused):
            decide()
    with pytest.raises(Incomplete):
        bench.label_reviews.confirm(at(), AMY, [])


def test_only_clinicians() -> None:
    bench = PracticeBench()
    foreign(bench, bodySite=BREAST)
    acts: list[Callable[[], object]] = [
        lambda: bench.label_reviews.findings(at(DESK)),
        lambda: bench.label_reviews.confirm(at(DESK), AMY, chosen(bench)),
        lambda: bench.label_reviews.find_ordinary(at(DESK), chosen(bench), WHY_ORDINARY),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()


def test_while_a_second_person_is_asked_nothing_is_on_the_list() -> None:
    bench = PracticeBench()
    filed(bench, *INTIMATE)
    lower(bench)
    assert not found(bench)
