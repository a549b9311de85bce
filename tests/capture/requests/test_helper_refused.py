"""A patient who was not happy with whoever took it: nothing is sent, and somebody talks with them alone."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.capture.requests.request import RequestState, Said
from mappings.model.images import Photographer
from mappings.model.work import WorkKind
from tests.capture.requests.bench import LAST, Asking


def test_it_stops_in_one_step_with_its_own_words_for_the_practice() -> None:
    asking = Asking()
    request_id, door = asking.sending()
    asking.visits.say(door, replace(LAST, photographer=Photographer.FAMILY_CARER))
    before = len(asking.bench.audit.entries())
    visit = asking.visits.say(door, Said(helper_agreed=False))
    assert visit.state is RequestState.CALL_ME
    assert asking.bench.vault.items() == []
    (item,) = asking.work()
    assert item.kind is WorkKind.CALL_ME
    assert item.words.startswith("The patient did not agree to the person who took it.")
    assert "Talk with the patient alone; think of safeguarding." in item.words
    actions = [each.entry.action for each in asking.bench.audit.entries()][before:]
    assert actions.count("request.stopped") == actions.count("request.call-me") == 1
    (stopped,) = asking.bench.audit.entries(action="request.stopped")
    assert (stopped.entry.subject, stopped.entry.detail["why"]) == (request_id, "helper-refused")


def test_what_the_patient_wrote_is_to_be_read_first() -> None:
    asking = Asking()
    _, door = asking.sending()
    asking.visits.say(door, replace(LAST, notes="It bleeds at night"))
    asking.visits.confirm(door)
    (item,) = asking.work()
    assert "They wrote something: read it first." in item.words
    assert "bleeds" not in item.words
