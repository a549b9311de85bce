"""Screenshots, stills of a live video, the times of a recording, and where care staff work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ConsentAnswer
from mappings.model.images import Arrival, Photographer
from mappings.model.situation import Identity, Made, Situation
from tests.policy import situations as of
from tests.policy.ruled import open_ids, ruling, stops, store

SCREEN = replace(of.ADULT, looks_like_screen=True)
ON_VIDEO = replace(of.TAKEN_NOW, identity=Identity.VIDEO)
RECORDED = {"recording_reason": "The rash comes and goes", "consent_record_video": ConsentAnswer.GIVEN}


def test_a_camera_s_picture_is_not_asked_about() -> None:
    for situation in (of.ADULT, of.TAKEN_NOW, of.VIDEO, replace(of.VIDEO, looks_like_screen=True)):
        assert "made" not in {each.id for each in ruling(situation).questions}


@pytest.mark.parametrize("situation", [SCREEN, ON_VIDEO], ids=["looks like one", "the patient was on video"])
def test_what_may_be_a_screenshot_is_asked_about_and_a_camera_s_picture_goes_on(situation: Situation) -> None:
    assert open_ids(situation) == {"made"}
    assert store(situation) is May.NOT_YET
    assert store(situation, made=Made.CAMERA) is May.YES


def test_a_still_of_a_live_video_is_a_recording() -> None:
    still = replace(ON_VIDEO, made=Made.LIVE_VIDEO)
    assert {"recording_reason", "consent_record_video"} <= open_ids(still)
    assert stops(still, consent_record_video=ConsentAnswer.REFUSED) == {"recording-refused"}
    assert "video" in ruling(still).flags
    assert store(still, **RECORDED) is May.YES
    beside = replace(of.TAKEN_NOW, made=Made.LIVE_VIDEO)
    assert open_ids(beside) == set(), "an answer to a question that is not asked changes nothing"


def test_a_copy_of_another_picture_is_warned_about_and_was_not_taken_now() -> None:
    copy = replace(SCREEN, made=Made.SCREEN)
    assert store(copy) is May.YES
    assert "copied-from-screen" in {each.code for each in ruling(copy).warnings} and "screen" in ruling(copy).flags
    now = replace(ON_VIDEO, looks_like_screen=True, made=Made.SCREEN)
    problems = {each.id: each.problem for each in ruling(now).questions if each.problem}
    assert set(problems) == {"arrival"} and store(now) is May.NOT_YET
    assert store(now, arrival=Arrival.OTHER) is not May.NO


def test_the_times_of_a_recording_may_be_said_and_need_not_be() -> None:
    asked = {each.id: each for each in ruling(of.VIDEO).questions}
    assert not asked["recording_began"].needed_for and "recording_ended" not in asked
    assert store(of.VIDEO) is May.YES
    said = replace(of.VIDEO, recording_began="14:05")
    assert {each.id for each in ruling(said).questions} >= {"recording_began", "recording_ended"}
    assert store(said) is May.YES and store(said, recording_ended="14:07") is May.YES
    assert store(said, recording_began="23:59", recording_ended="00:01") is May.YES
    unsaid = replace(of.VIDEO, recording_confirmed=None)
    assert "recording_began" not in {each.id for each in ruling(unsaid).questions}


@pytest.mark.parametrize(
    ("began", "ended", "wrong"),
    [
        ("2 o'clock", "", "recording_began"),
        ("14:05", "soon", "recording_ended"),
        ("14:05", "14:01", "recording_ended"),
        ("", "25:00", "recording_ended"),
    ],
)
def test_a_time_that_cannot_be_waits_for_a_better_one(began: str, ended: str, wrong: str) -> None:
    found = ruling(of.VIDEO, recording_began=began, recording_ended=ended)
    assert {each.id for each in found.questions if each.problem} == {wrong}
    assert found.acts[Act.STORE] is May.NOT_YET
    assert found.acts[Act.DESCRIBE] is ruling(of.VIDEO).acts[Act.DESCRIBE], "describing it does not wait for a time"


def test_where_care_workers_look_after_somebody_is_asked_of_them_alone() -> None:
    assert "care_setting" in {each.id for each in ruling(of.CARE_WORKER).questions} or stops(of.CARE_WORKER)
    family = replace(of.ADULT, photographer=Photographer.FAMILY_CARER, helper_agreed=True)
    assert "care_setting" not in {each.id for each in ruling(family).questions}
