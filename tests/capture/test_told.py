"""What note and Consent tell of answers that are not asked any more, or were about a picture that is not kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.policy.pack import shipped_pack
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.r4.consent import from_consent
from tests.capture.bench import SESSION, Bench
from tests.capture.test_consented import CANNOT_DECIDE
from tests.capture.test_other_uses import TEACHING, said_in
from tests.capture.test_recorded import film
from tests.fakes.record import FakeRecord

NOT_EXPLAINED = {"consent_teaching": "given", "uses_explained": "no", "uses_form": ""}


@pytest.mark.parametrize("said", [TEACHING, NOT_EXPLAINED])
def test_a_yes_to_teaching_is_about_a_kept_picture_or_about_nothing(said: dict[str, str]) -> None:
    """Only storing waits for the explanation: what is described only has nothing to teach with."""
    record = FakeRecord()
    _, receipt = Bench(record).filed("describe", **said, consent_research="refused")
    assert receipt.state == "described"
    consent = said_in(record)
    assert consent.decision(ConsentScope.TEACHING) is None
    assert consent.answer(ConsentScope.RESEARCH) is ConsentAnswer.REFUSED
    assert "Other uses, for research: refused." in receipt.note_text and "teaching" not in receipt.note_text


def test_a_no_stays_when_another_picture_shuts_the_question() -> None:
    """Else it would be "not asked", which a policy may read as nobody having objected (X13)."""
    record = FakeRecord()
    site = "22943007"
    bench = Bench(record, policy=replace(shipped_pack(), intimate_sites=frozenset({site})))
    capture, (one, two) = bench.add("a", "b")
    bench.answer(capture, {one: "store", two: "describe"}, consent_research="refused", consent_teaching="given")
    bench.captures.answer(SESSION, capture, {f"site-{two}": site, f"laterality-{two}": ""})
    view = bench.captures.assess(SESSION, capture)
    assert "consent_research" not in {each.id for each in view.questions}
    assert "for research: refused" in view.note and "teaching" not in view.note


def test_a_patients_own_no_stays_theirs_where_somebody_else_decides() -> None:
    record = FakeRecord()
    _, receipt = Bench(record).filed(
        "store", **CANNOT_DECIDE, consent_research="withdrawn", store_justification="To see whether it grows"
    )
    assert receipt.state == "filed", receipt
    (consent,) = record.stored("Consent")
    decision = from_consent(consent).decision(ConsentScope.RESEARCH)
    assert decision is not None
    assert (decision.answer, decision.right) == (ConsentAnswer.WITHDRAWN, Grantor.PATIENT)
    assert from_consent(consent).giver.right is Grantor.BEST_INTERESTS


def test_a_photo_of_a_screen_tells_the_day_of_the_copying_whoever_made_it() -> None:
    """Staff who see somebody on video are asked what they took: their own camera's day is not the copied picture's."""
    bench = Bench()
    bench.worker.captured_at = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)
    capture, (image,) = bench.add()
    bench.answer(capture, {image: "store"}, identity="video", made="screen", arrival="other")
    view = bench.captures.assess(SESSION, capture)
    assert "taken_on" in view.missing and "under-18" in view.flags
    bench.captures.answer(SESSION, capture, {"made": "camera"})
    assert "under-18" not in bench.captures.assess(SESSION, capture).flags


def test_a_recording_of_before_midnight_is_filed_after_it() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture = film(bench, recording_began="23:50", recording_ended="23:55")
    bench.clock.advance(hours=10, minutes=10)
    today = bench.clock.now().date()
    assert bench.clock.now().time() == dt.time(0, 10)
    assert bench.file(capture).state == "filed"
    (media,) = record.stored("Media")
    assert media["createdPeriod"]["end"].startswith(f"{today - dt.timedelta(days=1)}T23:55")


def test_a_recording_of_a_summer_night_has_the_day_of_the_room() -> None:
    """Between midnight and one o'clock of British Summer Time it is still yesterday in UTC."""
    record = FakeRecord()
    bench = Bench(record)
    capture = film(bench, recording_began="00:10", recording_ended="00:15")
    summer = dt.datetime(bench.clock.now().year + 1, 7, 1, 23, 30, tzinfo=dt.UTC)
    bench.clock.advance(seconds=(summer - bench.clock.now()).total_seconds())
    assert bench.file(capture).state == "filed"
    (media,) = record.stored("Media")
    assert dt.datetime.fromisoformat(media["createdPeriod"]["end"]) == summer.replace(minute=15)
