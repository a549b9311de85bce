"""What somebody decided holds for what they had before them: not for another recipient, nor for another picture."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.desk.values import Facts
from mappings.model.disclosure import Mode, Redact, Release
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey
from tests.disclose.desk.bench import INSURER, OFFICER, DeskBench
from tests.fakes.whole_record import INTIMATE, ORDINARY, UNLABELLED
from tests.fakes.worker import picture

ARM, PRIVATE, BARE, LETTER = (
    ItemKey(key) for key in (f"Media/{ORDINARY}", f"Media/{INTIMATE}", f"Media/{UNLABELLED}", "Communication/letter-1")
)


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench()


def changed(bench: DeskBench, request: DisclosureRequest, said: dict[str, str]) -> DisclosureRequest:
    now = bench.requests.get(request.id)
    return bench.desk.change(OFFICER, request.id, Facts(said), revision=now.revision)


def test_what_was_let_out_to_the_patient_is_not_let_out_to_an_insurer(bench: DeskBench) -> None:
    request = bench.gathered()
    bench.decided(request, PRIVATE, Decided.RELEASE)
    assert isinstance(bench.item(request, PRIVATE).decided, Release)
    after = changed(bench, request, {"requester": "insurer"})
    item = bench.item(request, PRIVATE)
    assert isinstance(item.decided, Redact) and item.override is None
    assert PRIVATE in after.changed, "the desk shows what has to be decided anew"


def test_what_was_let_out_with_the_patients_yes_stays_back_once_the_yes_is_gone(bench: DeskBench) -> None:
    request = bench.gathered(INSURER | {"consent": "named"})
    bench.decided(request, PRIVATE, Decided.RELEASE)
    changed(bench, request, {"consent": "general"})
    item = bench.item(request, PRIVATE)
    assert isinstance(item.decided, Redact) and item.override is None


def test_nothing_that_was_kept_back_in_silence_is_missing_without_a_word_for_the_patient(bench: DeskBench) -> None:
    request = bench.gathered(INSURER | {"mode": Mode.SILENT})
    bench.decided(request, ARM, Decided.WITHHOLD)
    changed(bench, request, {"requester": "patient"})
    assert isinstance(bench.item(request, ARM).decided, Release)


def test_other_words_about_the_same_recipient_leave_what_was_decided(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.decided(request, ARM, Decided.REDACT)
    after = changed(bench, request, {"recipient": "Example Insurance, Leeds", "purpose": "A claim"})
    assert set(after.overrides) == {ARM} and isinstance(bench.item(request, ARM).decided, Redact)


def test_words_that_were_read_for_one_recipient_are_read_again_for_another(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.desk.read(OFFICER, request.id, LETTER, revision=request.revision)
    assert isinstance(bench.item(request, LETTER).decided, Release)
    changed(bench, request, {"requester": "other-sides-solicitor"})
    assert bench.item(request, LETTER).asks is not None


def test_a_decision_about_a_picture_does_not_hold_for_the_next_picture_in_its_place(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.decided(request, ARM, Decided.REDACT)
    another = picture("another photograph, which nobody has decided about")
    bench.record.create_binary(another, "image/jpeg", id="bin-arm-1", security_context=None)
    bench.desk.gather(OFFICER, request.id)
    after = bench.requests.get(request.id)
    assert ARM in after.changed and not after.overrides
