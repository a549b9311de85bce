"""Playing a video from the record: asked of the EHR once, allowed anew for every piece, one log entry each viewing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.errors import NotAllowed, NotFound
from fhir_plugin.keep.played import MOST, PLAYED_FOR, Played
from mappings.model.identifiers import LaunchId, Reference
from mappings.model.people import ClinicalSession
from tests.capture.bench import SESSION
from tests.keep.test_view import NORMAL, REASON, RESTRICTED, Room

FILM = b"frames as the EHR holds them"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def room() -> Room:
    return Room()


def film(room: Room, *, restricted: bool = True) -> Reference:
    return room.media("v1", content=FILM, content_type="video/mp4", security=RESTRICTED if restricted else NORMAL)


def asked_for(room: Room) -> list[str]:
    asked: list[str] = []
    room.record.on_call = lambda call, _what: asked.append(call)
    return asked


def test_the_pieces_of_one_viewing_are_read_and_logged_once(room: Room) -> None:
    reference = film(room)
    (item,) = room.gallery.images(SESSION)
    assert item.entry.is_video
    room.gallery.reveal(SESSION, reference, REASON)
    asked = asked_for(room)
    for _ in range(3):
        assert room.gallery.picture(SESSION, reference) == (FILM, "video/mp4")
    assert asked.count("read_binary") == 1
    assert asked.count("read") == 3
    assert room.bench.audit.actions.count("image.viewed") == 1


def test_a_viewing_that_goes_on_gives_nothing_to_anybody_else(room: Room) -> None:
    reference = film(room)
    room.gallery.reveal(SESSION, reference, REASON)
    room.gallery.picture(SESSION, reference)
    other: ClinicalSession = replace(SESSION, launch_id=LaunchId("another"))
    with pytest.raises(NotAllowed):
        room.gallery.picture(other, reference)


def test_a_video_that_is_taken_back_meanwhile_stops(room: Room) -> None:
    reference = film(room)
    room.gallery.reveal(SESSION, reference, REASON)
    room.gallery.picture(SESSION, reference)
    resource = room.record.read("Media", "v1")
    room.record.put({**resource, "status": "entered-in-error"})
    with pytest.raises(NotFound):
        room.gallery.picture(SESSION, reference)


def test_the_frame_that_stands_for_it_is_made_by_the_worker_and_kept(room: Room) -> None:
    reference = film(room, restricted=False)
    assert room.gallery.thumbnail(SESSION, reference) == (b"preview 0 320 " + FILM, "image/jpeg")
    asked = asked_for(room)
    room.gallery.thumbnail(SESSION, reference)
    assert "read_binary" not in asked


def test_only_a_few_are_kept_and_not_for_long() -> None:
    played = Played()
    viewings = [(LaunchId("l"), Reference(f"Media/{number}"), "1") for number in range(MOST + 1)]
    for viewing in viewings:
        played.keep(viewing, FILM, NOW)
    assert [played.get(viewing, NOW) for viewing in viewings] == [None, *[FILM] * MOST]
    assert played.get(viewings[-1], NOW + PLAYED_FOR) == FILM
    assert played.get(viewings[-1], NOW + 2 * PLAYED_FOR + dt.timedelta(seconds=1)) is None
    assert FILM.decode() not in repr(played)
