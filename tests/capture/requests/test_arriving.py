"""What came back: who may take it, what the list says, and what taking it back means once somebody has begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.journey import Holder, Place, journey
from fhir_plugin.capture.requests.page import Stage
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference
from mappings.model.people import Role
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkKind
from tests.capture.bench import SESSION
from tests.capture.requests.bench import Asking, clinician

OWNER = SESSION.user.reference


def came_back(asking: Asking) -> CaptureId:
    request_id, _ = asking.answered()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    return capture


def test_the_owner_opens_it_as_a_capture_of_their_own() -> None:
    asking = Asking()
    capture = came_back(asking)
    assert [draft.capture_id for draft in asking.bench.captures.open_captures(SESSION)] == [capture]
    assert asking.requests.take(SESSION, capture, from_user=OWNER)


def test_any_clinician_at_the_chart_takes_it_and_that_is_written_down() -> None:
    asking = Asking()
    capture, other = came_back(asking), clinician("cover")
    with pytest.raises(NotFound):
        asking.bench.captures.draft(other, capture)
    asking.requests.take(other, capture, from_user=OWNER)
    assert asking.bench.captures.draft(other, capture).launch == other.launch_id
    with pytest.raises(NotFound):
        asking.bench.captures.draft(SESSION, capture)
    (entry,) = asking.bench.audit.entries(action="capture.taken")
    assert (entry.entry.actor, entry.entry.detail["taken_from"]) == (other.user.reference, OWNER)


def test_of_two_who_take_it_at_once_the_second_is_told() -> None:
    asking = Asking()
    capture = came_back(asking)
    asking.requests.take(clinician("a", "l2"), capture, from_user=OWNER)
    with pytest.raises(Refused, check=lambda error: error.code == "taken"):
        asking.requests.take(clinician("b", "l3"), capture, from_user=OWNER)
    asking.requests.take(clinician("b", "l3"), capture, from_user=Reference("Practitioner/a"))


def test_nobody_takes_it_at_another_chart_or_without_being_a_clinician_or_once_it_is_decided() -> None:
    asking = Asking()
    capture = came_back(asking)
    for elsewhere in (
        replace(clinician("a"), patient_id=PatientId("p2")),
        replace(clinician("a"), fhir_base=FhirBase("https://other.example/fhir")),
    ):
        with pytest.raises(NotFound):
            asking.requests.take(elsewhere, capture, from_user=OWNER)
    triage = replace(clinician("t"), user=replace(clinician("t").user, roles=frozenset({Role.TRIAGE})))
    with pytest.raises(NotAllowed):
        asking.requests.take(triage, capture, from_user=OWNER)
    draft = asking.bench.draft(capture)
    asking.bench.drafts.save(replace(draft, state=DraftState.FILING))
    with pytest.raises(Refused, check=lambda error: error.code == "taken"):
        asking.requests.take(clinician("a"), capture, from_user=OWNER)


def test_a_capture_that_nobody_asked_for_is_not_taken() -> None:
    asking = Asking()
    capture, _ = asking.bench.add()
    with pytest.raises(NotFound):
        asking.requests.take(clinician("a"), capture, from_user=OWNER)


def test_deciding_ends_the_item_of_the_list() -> None:
    asking = Asking()
    capture = came_back(asking)
    assert asking.kinds() == ["came-back"]
    captures = asking.bench.captures
    digest = captures.identity_digest(captures.patient(SESSION))
    captures.discard_all(
        SESSION, capture, reason="unusable", patient_id=str(SESSION.patient_id), identity_digest=digest
    )
    (standing,) = asking.requests.of_patient(SESSION)
    assert standing.draft in (DraftState.DISCARDED, DraftState.DESCRIBED)
    assert "came-back" not in asking.kinds()
    (item,) = asking.bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id, done=True)
    assert (item.outcome, item.done_by) == (standing.draft.value, OWNER)


@pytest.mark.parametrize("state", [DraftState.FILING, DraftState.FILED, DraftState.DESCRIBED])
def test_taken_back_after_somebody_decided_is_reviewed_not_erased(state: DraftState) -> None:
    asking = Asking()
    request_id, door = asking.answered()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    asking.bench.drafts.save(replace(asking.bench.draft(capture), state=state))
    before = asking.bench.vault.items()
    asking.visits.withdraw(door)
    assert asking.now(request_id).state is RequestState.WITHDRAWN
    assert asking.bench.vault.items() == before
    assert WorkKind.WITHDRAWAL.value in asking.kinds()


def test_taken_back_after_it_was_discarded_leaves_nothing_to_review() -> None:
    asking = Asking()
    request_id, door = asking.answered()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    asking.bench.drafts.save(replace(asking.bench.draft(capture), state=DraftState.DISCARDED, images=()))
    asking.visits.withdraw(door)
    assert asking.now(request_id).state is RequestState.WITHDRAWN
    assert "withdrawal" not in asking.kinds()


def test_taken_back_while_a_concern_is_open_is_kept_and_reviewed() -> None:
    asking = Asking()
    request_id, door = asking.answered()
    now = asking.bench.clock.now()
    asking.bench.holds.add(
        Hold("h1", HoldKind.SAFEGUARDING, SESSION.fhir_base, SESSION.patient_id, now, OWNER, words="bruises")
    )
    asking.visits.withdraw(door)
    assert asking.bench.vault.items() != []
    assert "withdrawal" in asking.kinds()
    assert asking.visits.open(door).stage is Stage.OVER
    assert asking.now(request_id).state is RequestState.WITHDRAWN


def test_resume_ends_what_nobody_looks_at() -> None:
    asking = Asking()
    asking.sending()
    asking.bench.clock.advance(hours=80)
    assert tidy(asking.parts) == 1
    assert tidy(asking.parts) == 0
    assert asking.kinds() == ["request-expired"]
    assert asking.messages.sent == {}


def test_the_item_of_an_expired_link_says_how_far_it_came() -> None:
    said = set()
    for begin in ("sent", "opened", "sending"):
        asking = Asking()
        getattr(asking, begin)()
        asking.bench.clock.advance(hours=80)
        tidy(asking.parts)
        said.add(asking.work()[0].words)
    assert len(said) == 3


def test_a_prepared_request_that_was_never_linked_ends_without_a_word() -> None:
    asking = Asking()
    asking.prepared()
    asking.bench.clock.advance(hours=80)
    assert tidy(asking.parts) == 1
    assert asking.kinds() == []


@pytest.mark.parametrize(
    ("way", "here", "holder"),
    [
        ("prepared", "Prepared", Holder.OWNER),
        ("sent", "Link sent", Holder.PATIENT),
        ("opened", "Opened", Holder.PATIENT),
        ("sending", "Sending", Holder.PATIENT),
        ("answered", "Sent back", Holder.OWNER),
    ],
)
def test_the_pathway_says_where_it_stands_and_who_holds_it(way: str, here: str, holder: Holder) -> None:
    asking = Asking()
    getattr(asking, way)()
    (standing,) = asking.requests.of_patient(SESSION)
    found = journey(standing)
    assert [stop.words for stop in found.stops if stop.place is Place.HERE] == [here]
    assert (found.holder, bool(found.holder_name)) == (holder, holder is Holder.OWNER)


@pytest.mark.parametrize("way", ["decline", "call_me"])
def test_the_pathway_shows_where_it_left_the_straight_way(way: str) -> None:
    asking = Asking()
    _, door = asking.sent()
    getattr(asking.visits, way)(door)
    (standing,) = asking.requests.of_patient(SESSION)
    found = journey(standing)
    assert [stop.words for stop in found.stops][:2] == ["Prepared", "Link sent"]
    assert found.stops[-1].place is Place.HERE
    assert found.holder is Holder.OWNER
