"""Nobody asked for it: no pixel is served, every touch is written down, and somebody reaches the sender today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.capture.unasked import HANDLED
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.identifiers import CaptureId, ImageId, PatientId, Reference, RequestId
from mappings.model.images import Geometry
from mappings.model.people import Role, User
from mappings.model.work import WorkItem, WorkKind
from tests.capture.bench import SESSION, SHARED, Bench, launched
from tests.fakes.worker import picture

UNASKED = {"arrival": "unasked", "photographer": "patient", "device": "patient", "taken_on": "2026-03-01"}
REACHED = {
    "contact": "reached",
    "contact_words": "She sent it to the wrong practice and can decide",
    "lacks_capacity": "no",
    "capacity_words": "Understood, remembered and weighed it up on the telephone",
    "consent_receive": "given",
    "consent_view": "given",
    "consent_form": "verbal",
    "understood": "yes",
}
"""Contact, capacity and consent (G-R116)."""
EMERGENCY = {"contact": "emergency", "emergency_reason": "A child in pain, and nobody answers the telephone"}


def held(bench: Bench, **more: str) -> tuple[CaptureId, ImageId]:
    """Said to be unasked before the first byte arrives."""
    capture = bench.captures.begin(SESSION)
    bench.captures.answer(SESSION, capture, {**UNASKED, **more})
    return capture, bench.captures.receive(SESSION, capture, picture(), "image/jpeg").image_id


def looks(bench: Bench, capture: CaptureId, image: ImageId) -> list[bool]:
    """Which of the ways to the pixels are open."""
    ways: list[Any] = [
        lambda: bench.captures.thumbnail(SESSION, capture, image),
        lambda: bench.captures.picture(SESSION, capture, image),
        lambda: bench.captures.preview(SESSION, capture, image, quarter_turns=0),
    ]
    found = []
    for way in ways:
        try:
            way()
            found.append(True)
        except NotAllowed as refused:
            assert refused.code == "held-unseen"
            found.append(False)
    return found


def contact_item(bench: Bench, *, done: bool = False) -> WorkItem | None:
    items = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id, done=done)
    return next((item for item in items if item.kind is WorkKind.UNSOLICITED), None)


def test_no_pixel_is_served_until_contact_is_recorded() -> None:
    bench = Bench()
    capture, image = held(bench)
    assert looks(bench, capture, image) == [False] * 3
    assert bench.captures.assess(SESSION, capture).revealed == frozenset()
    bench.captures.answer(SESSION, capture, {"contact": "not-reached"})
    assert looks(bench, capture, image) == [False] * 3
    bench.captures.answer(SESSION, capture, {"contact": "reached"})
    assert looks(bench, capture, image) == [False] * 3, "what came of it is part of it"
    bench.captures.answer(SESSION, capture, {**REACHED, "consent_view": ""})
    assert looks(bench, capture, image) == [False] * 3, "looking is agreed to apart from sending (G-R118)"
    bench.captures.answer(SESSION, capture, REACHED)
    assert looks(bench, capture, image) == [True] * 3
    bench.captures.answer(SESSION, capture, {"consent_receive": "refused"})
    assert looks(bench, capture, image) == [False] * 3, "no means no"


def test_said_afterwards_it_is_shut_from_then_on() -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    assert looks(bench, capture, image) == [True] * 3
    bench.captures.answer(SESSION, capture, UNASKED)
    assert looks(bench, capture, image) == [False] * 3


def test_the_sender_is_on_the_list_the_same_day_until_reached() -> None:
    bench = Bench()
    capture, _ = held(bench)
    item = contact_item(bench)
    assert item is not None and item.subject == capture and item.owner == SESSION.user.reference
    assert (item.due - item.created).total_seconds() <= 24 * 3600
    bench.captures.answer(SESSION, capture, EMERGENCY)
    assert contact_item(bench) == item, "an emergency does not take it off the list"
    bench.captures.answer(SESSION, capture, REACHED)
    done = contact_item(bench, done=True)
    assert contact_item(bench) is None and done is not None and done.outcome == "reached"


def test_an_emergency_opens_it_with_a_reason_and_nothing_more() -> None:
    bench = Bench()
    capture, image = held(bench)
    bench.captures.answer(SESSION, capture, {"contact": "emergency"})
    assert looks(bench, capture, image) == [False] * 3, "not without its reason"
    bench.captures.answer(SESSION, capture, EMERGENCY)
    assert looks(bench, capture, image) == [True] * 3
    view = bench.captures.assess(SESSION, capture)
    assert not view.may_file


def test_every_touch_is_in_the_log_from_the_first_receipt_and_nothing_of_the_reason() -> None:
    bench = Bench()
    capture, image = held(bench, **EMERGENCY)
    looks(bench, capture, image)
    looks(bench, capture, image)
    log = [(line.words, line.mine) for line in bench.captures.handling(SESSION, capture)]
    assert [words for words, _ in log] == [
        HANDLED["capture.begun"],
        HANDLED["capture.unasked"],
        HANDLED["image.received"],
        HANDLED["image.cleaned"],
        HANDLED["capture.emergency"],
        HANDLED["image.opened"],
    ], "opened once in this launch"
    opened = bench.audit.entries(subject=capture, action="image.opened")[0].entry
    assert opened.detail["warned"] is True and opened.detail["emergency"] is True
    assert "telephone" not in repr(bench.audit.entries())


def test_a_slip_is_taken_back_and_the_log_says_so() -> None:
    bench = Bench()
    capture, image = held(bench)
    bench.captures.answer(SESSION, capture, {"arrival": "other"})
    assert looks(bench, capture, image) == [True] * 3
    assert contact_item(bench) is None
    assert HANDLED["capture.asked-for"] in {line.words for line in bench.captures.handling(SESSION, capture)}


def test_what_came_by_our_link_without_a_request_is_unasked_too() -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    bench.captures.answer(SESSION, capture, {**UNASKED, "arrival": "our-link"})
    assert contact_item(bench) is not None and looks(bench, capture, image) == [False] * 3
    bench.captures.answer(SESSION, capture, EMERGENCY)
    assert looks(bench, capture, image) == [True] * 3
    assert len(bench.audit.entries(subject=capture, action="image.opened")) == 1
    bench.captures.answer(SESSION, capture, REACHED)
    assert contact_item(bench) is None


def test_what_came_on_a_request_and_goes_beyond_it_is_on_the_list() -> None:
    bench = Bench()
    capture, _ = bench.add()
    with bench.work.transaction():
        bench.drafts.save(replace(bench.draft(capture), request=RequestId("r1")))
    bench.captures.answer(SESSION, capture, {"arrival": "our-link", "photographer": "patient"})
    assert contact_item(bench) is None
    bench.captures.answer(SESSION, capture, {"patient_says_private": "yes"})
    assert contact_item(bench) is not None


def test_a_record_that_names_somebody_else_now_shuts_every_way() -> None:
    bench = Bench()
    capture, (image,) = bench.add()
    named = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.captures.answer(SESSION, capture, {**SHARED}, identity=named)
    assert looks(bench, capture, image) == [True] * 3
    bench.patient["birthDate"] = "2015-01-01"
    bench.clock.advance(minutes=5)
    revealed = bench.captures.assess(SESSION, capture).revealed
    assert looks(bench, capture, image) == [bool(revealed)] * 3
    with pytest.raises(NotAllowed):
        bench.captures.edit(SESSION, capture, image, Geometry(quarter_turns=1))


def test_a_cover_takes_over_what_waits_for_its_sender_and_only_that() -> None:
    bench = Bench()
    capture, _ = held(bench)
    cover = launched("l2", user=User(Reference("Practitioner/np"), "Nurse Oak", SESSION.user.roles))
    own = SESSION.user.reference
    elsewhere = replace(cover, patient_id=PatientId("p2"))
    desk = replace(cover, user=replace(cover.user, roles=frozenset({Role.TRIAGE})))
    with pytest.raises(NotFound):
        bench.captures.take_unsolicited(elsewhere, capture, owner_seen=own)
    with pytest.raises(NotAllowed):
        bench.captures.take_unsolicited(desk, capture, owner_seen=own)
    bench.captures.take_unsolicited(cover, capture, owner_seen=own)
    item = contact_item(bench)
    assert item is not None and item.owner == cover.user.reference
    assert bench.captures.draft(cover, capture).user == cover.user.reference
    entry = bench.audit.entries(subject=capture, action="capture.taken")[0].entry
    assert (entry.actor, entry.detail["taken_from"]) == (cover.user.reference, own)
    third = replace(cover, user=User(Reference("Practitioner/dr3"), "Dr Elm", SESSION.user.roles))
    with pytest.raises(Refused):
        bench.captures.take_unsolicited(third, capture, owner_seen=own)
    plain, _ = bench.add("plain")
    with pytest.raises(NotFound):
        bench.captures.take_unsolicited(cover, plain, owner_seen=own)


@pytest.mark.parametrize("down", [True, False])
def test_words_are_kept_and_listed_while_the_ehr_is_down(down: bool) -> None:
    bench = Bench()
    if down:
        bench.signed_out.add("l1")
    capture = bench.captures.begin(SESSION)
    bench.captures.answer(SESSION, capture, UNASKED)
    item = contact_item(bench)
    assert item is not None and item.patient_name == ("" if down else "Amy Example")
