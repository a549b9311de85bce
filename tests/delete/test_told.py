"""What is told to the patient and to those who had the picture: easy words, nothing intimate, nothing untrue."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.delete.told import REASONS, Letter, not_said_yet, to_a_recipient, to_the_patient
from mappings.model.deletion import DeletionReason, DeletionState
from tests.delete.certified import proven
from tests.web.test_patient_words import MOST_GRADE, grade

PRACTICE = "The practice"


def letters() -> list[tuple[str, Letter]]:
    found = []
    for state in DeletionState:
        for reason in DeletionReason:
            case, item = proven(reason=reason)
            item = replace(item, state=state)
            found.append((f"{state} {reason}", to_the_patient(case, item, organisation=PRACTICE)))
    return found


def test_every_letter_can_be_read_by_a_child_of_ten() -> None:
    for name, letter in letters():
        assert grade(list(letter.paragraphs)) <= MOST_GRADE, (name, grade(list(letter.paragraphs)))
    _, item = proven()
    letter = to_a_recipient(item, sent=dt.date(2026, 5, 4), organisation=PRACTICE)
    assert grade(list(letter.paragraphs)) <= MOST_GRADE + 1


def test_nothing_of_the_picture_and_nobodys_name_is_said() -> None:
    _, item = proven()
    texts = [letter.text for _, letter in letters()]
    texts.append(to_a_recipient(item, sent=dt.date(2026, 5, 4), organisation=PRACTICE).text)
    for text in texts:
        for word in ("canary", "9990000018", "amy", "Media/", "intimate", "sexual", "NHS"):
            assert word not in text, word
        assert PRACTICE in text


@pytest.mark.parametrize("state", [each for each in DeletionState if each is not DeletionState.COMPLETED])
def test_only_what_is_proven_is_called_gone(state: DeletionState) -> None:
    case, item = proven()
    text = to_the_patient(case, replace(item, state=state), organisation=PRACTICE).text
    assert "gone for good" not in text and "We have deleted" not in text
    text = to_a_recipient(replace(item, state=state), sent=dt.date(2026, 5, 4), organisation=PRACTICE).text
    assert "We have deleted" not in text


def test_what_is_gone_names_the_day_and_the_backups() -> None:
    case, item = proven()
    letter = to_the_patient(case, item, organisation=PRACTICE)
    assert "2026" in letter.text and "backup" in letter.text and "found nothing" in letter.text
    wrong = to_the_patient(replace(case, reason=DeletionReason.WRONG_PATIENT), item, organisation=PRACTICE)
    assert "sorry" in wrong.text


def test_every_reason_has_words_and_what_nobody_attested_is_listed() -> None:
    assert set(REASONS) == {each.value for each in DeletionReason}
    case, _ = proven()
    assert "Backups of the EHR" not in not_said_yet(case) and "Backups of this app" in not_said_yet(case)
