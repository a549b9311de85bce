"""Changing a label: stricter at once and whatever the EHR does, told in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, RecordRefused, RecordUnavailable, Refused
from fhir_plugin.keep.label_plan import NOT_TAKEN
from fhir_plugin.ledger.intents import Outcome
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.labels import (
    BY_PATIENT,
    NO_REDISCLOSURE,
    REPORTED_BY_PATIENT,
    RESTRICTED,
)
from mappings.model.work import WorkKind
from mappings.r4.label_provenance import from_label_provenance
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.keep.labelled import AMY, FOREIGN, OURS, filed, foreign, on_server, provenances
from tests.keep.relabelling import HIV, change, standing
from tests.work.test_practice import GP, NURSE, at


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
