"""What somebody decided holds for what they had before them: not for another recipient, nor for another picture."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import NotAllowed
from mappings.model.disclosure import Mode, Redact, Release, Reviewer
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.labels import RESTRICTED
from mappings.model.work import WorkKind
from tests.disclose.desk.bench import AMY, GUARDIAN, HERE, INSURER, OFFICER, DeskBench
from tests.disclose.desk.test_items import ours
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


def test_words_that_were_read_are_read_again_once_more_stays_back(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.desk.read(OFFICER, request.id, LETTER, revision=request.revision)
    bench.decided(request, BARE, Decided.RELEASE)
    assert isinstance(bench.item(request, LETTER).decided, Release), "letting more out asks for nothing to be read"
    bench.decided(request, ARM, Decided.REDACT)
    assert bench.item(request, LETTER).asks is not None


def test_whoever_may_only_sign_second_is_never_the_only_one_to_sign(bench: DeskBench) -> None:
    """What is decided has changed since the first signature: that one counts no more."""
    request = bench.gathered(INSURER | {"consent": "named"})
    first = bench.signed(bench.settled(request))
    assert first.state is RequestState.WAITS_FOR_SECOND
    ours(bench, RESTRICTED)
    with pytest.raises(NotAllowed) as raised:
        bench.signed(request, GUARDIAN)
    assert raised.value.code == "role"
    again = bench.signed(request)
    assert again.first is not None and again.first.by == OFFICER.user.person
    assert again.state is RequestState.WAITS_FOR_SECOND
    assert bench.signed(request, GUARDIAN).second is not None


def test_a_professional_is_asked_once_what_is_said_of_the_request_asks_for_it(bench: DeskBench) -> None:
    taboo = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "TBOO"}
    bench.record.put({**bench.record.read("Media", ORDINARY), "meta": {"security": [taboo]}})
    request = bench.gathered(INSURER)
    assert WorkKind.HARM_OPINION not in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
    changed(bench, request, {"requester": "patient"})
    assert bench.item(request, ARM).asks is Reviewer.HEALTH_PROFESSIONAL
    assert WorkKind.HARM_OPINION in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
