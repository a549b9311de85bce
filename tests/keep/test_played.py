"""Playing a video from the record: asked of the EHR once, allowed anew for every piece, one log entry each viewing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from fhir_plugin.errors import NotAllowed, NotFound
from fhir_plugin.keep.played import LONGEST, MOST, PLAYED_FOR, Played
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


class Clock:
    """Time that passes when somebody says so; what was to be done later is done then."""

    def __init__(self) -> None:
        self.now = NOW
        self.due: list[tuple[dt.datetime, Callable[[], None]]] = []

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.due.append((self.now + dt.timedelta(seconds=seconds), work))

    def pass_by(self, span: dt.timedelta) -> None:
        until = self.now + span
        while self.due and min(self.due)[0] <= until:
            self.due.sort(key=lambda each: each[0])
            self.now, work = self.due.pop(0)
            work()
        self.now = until


SECOND = dt.timedelta(seconds=1)
VIEWINGS = [(LaunchId("l"), Reference(f"Media/{number}"), "1") for number in range(MOST + 1)]


def playing(clock: Clock) -> Played:
    return Played(lambda: clock.now, clock.later)


def held(played: Played) -> int:
    """How many videos are in memory, whether anybody asks or not."""
    return len(played._kept)


def test_only_a_few_are_kept_and_not_for_long() -> None:
    clock = Clock()
    played = playing(clock)
    for viewing in VIEWINGS:
        played.keep(viewing, FILM)
    assert [played.get(viewing) for viewing in VIEWINGS] == [None, *[FILM] * MOST]
    clock.now += PLAYED_FOR
    assert played.get(VIEWINGS[-1]) == FILM
    clock.now += PLAYED_FOR + SECOND
    assert played.get(VIEWINGS[-1]) is None
    assert FILM.decode() not in repr(played)


def test_they_go_by_themselves_though_nobody_comes_back() -> None:
    clock = Clock()
    played = playing(clock)
    played.keep(VIEWINGS[0], FILM)
    clock.pass_by(PLAYED_FOR)
    assert held(played) == 1
    clock.pass_by(PLAYED_FOR / 4 + SECOND)
    assert held(played) == 0
    assert clock.due == [], "with nothing kept nobody looks any more"
    played.keep(VIEWINGS[0], FILM)
    clock.pass_by(2 * PLAYED_FOR)
    assert held(played) == 0, "and looks again for the next one"


def test_one_that_is_asked_for_without_end_has_an_end() -> None:
    clock = Clock()
    played = playing(clock)
    played.keep(VIEWINGS[0], FILM)
    while clock.now - NOW <= LONGEST:
        assert played.get(VIEWINGS[0]) == FILM
        clock.pass_by(dt.timedelta(seconds=30))
    assert played.get(VIEWINGS[0]) is None


def test_the_end_of_a_launch_ends_its_own_and_no_other() -> None:
    played = playing(Clock())
    other = (LaunchId("other"), *VIEWINGS[0][1:])
    for viewing in (VIEWINGS[0], other):
        played.keep(viewing, FILM)
    played.end(LaunchId("l"))
    assert (held(played), played.get(VIEWINGS[0]), played.get(other)) == (1, None, FILM)


def test_signing_out_empties_the_memory_of_the_gallery(room: Room) -> None:
    reference = film(room, restricted=False)
    asked = asked_for(room)
    room.gallery.picture(SESSION, reference)
    room.gallery.ended(SESSION.launch_id)
    room.gallery.picture(SESSION, reference)
    assert asked.count("read_binary") == 2
