"""Videos in a capture: bounded on their own, silent unless a reason says otherwise, made anew when that changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from fhir_plugin.capture.sanitise import settle_sound
from fhir_plugin.errors import Refused, UnacceptableImage
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.identifiers import CaptureId
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms
from tests.capture.bench import SESSION, Bench
from tests.fakes.worker import MAGIC, FakeImageWorker, picture

FILM = b"\0\0\0\x18ftypisom" + MAGIC + b"a film with sound"


@dataclass
class Cinema(FakeImageWorker):
    """Cleans films: with sound on terms that let it stay."""

    asked: list[VideoTerms | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CleanImage:
        if not received.content.startswith(FILM[:12]):
            return super().clean(received, geometry=geometry, lossless=lossless)
        self.asked.append(video)
        if video is None:
            raise UnacceptableImage("No films.", code="video")
        inner = replace(received, content=received.content[12:])
        clean = super().clean(inner, geometry=geometry, lossless=lossless)
        removed = ("location",) if video.sound else ("location", "sound")
        return replace(clean, content_type="video/mp4", seconds=2.5, sound=video.sound, removed=removed)


def stage(bench: Bench) -> tuple[Cinema, CaptureId]:
    worker = Cinema()
    bench.parts = replace(bench.parts, worker=worker)
    bench.captures = type(bench.captures)(bench.parts)
    return worker, bench.captures.begin(SESSION)


def test_a_film_comes_in_silent_and_as_long_as_policy_lets_it_be() -> None:
    bench = Bench()
    worker, capture = stage(bench)
    image = bench.captures.receive(SESSION, capture, FILM, "video/mp4")
    assert (image.is_video, image.seconds, image.sound, image.had_sound) == (True, 2.5, False, True)
    assert worker.asked == [VideoTerms(sound=False, most_seconds=bench.policy.video_most_seconds)]
    assert bench.captures.draft(SESSION, capture).image(image.image_id) == image


@pytest.mark.parametrize(("content", "what"), [(FILM, "video"), (picture(), "picture")])
def test_each_kind_has_its_own_bound(content: bytes, what: str) -> None:
    pack = replace(shipped_pack(), video_most_bytes=len(FILM) - 1, most_bytes_per_image=len(picture()) - 1)
    bench = Bench(policy=pack)
    _, capture = stage(bench)
    with pytest.raises(Refused, match=f"This {what} is larger") as refusal:
        bench.captures.receive(SESSION, capture, content, "video/mp4")
    assert refusal.value.code == "too-large"
    assert bench.vault.items() == []


def test_a_film_may_be_larger_than_a_picture() -> None:
    bench = Bench(policy=replace(shipped_pack(), most_bytes_per_image=len(FILM) - 1))
    _, capture = stage(bench)
    assert bench.captures.receive(SESSION, capture, FILM, "video/mp4").is_video


def test_sound_comes_back_for_a_reason_and_goes_with_it() -> None:
    bench = Bench()
    worker, capture = stage(bench)
    image = bench.captures.receive(SESSION, capture, FILM, "video/mp4")
    settle_sound(bench.parts, SESSION, capture)
    assert len(worker.asked) == 1, "nothing changed, so nothing is made anew"
    bench.captures.answer(SESSION, capture, {"sound_reason": "The cough is the finding"})
    settle_sound(bench.parts, SESSION, capture)
    changed = bench.captures.draft(SESSION, capture).image(image.image_id)
    assert (changed.sound, changed.had_sound) == (True, True)
    bench.captures.answer(SESSION, capture, {"sound_reason": "  "})
    settle_sound(bench.parts, SESSION, capture)
    assert bench.captures.draft(SESSION, capture).image(image.image_id).sound is False
    assert [each.sound for each in worker.asked if each] == [False, True, False]
    assert len(bench.vault.items()) == 3, "received, clean and thumbnail: what was made before is destroyed"


def test_where_policy_drops_sound_no_reason_keeps_it() -> None:
    bench = Bench(policy=replace(shipped_pack(), video_sound=False))
    worker, capture = stage(bench)
    bench.captures.receive(SESSION, capture, FILM, "video/mp4")
    bench.captures.answer(SESSION, capture, {"sound_reason": "The cough is the finding"})
    settle_sound(bench.parts, SESSION, capture)
    assert [each.sound for each in worker.asked if each] == [False]


def test_turning_a_film_leaves_its_sound_as_it_is() -> None:
    bench = Bench()
    worker, capture = stage(bench)
    image = bench.captures.receive(SESSION, capture, FILM, "video/mp4")
    bench.captures.answer(SESSION, capture, {"sound_reason": "The cough is the finding"})
    settle_sound(bench.parts, SESSION, capture)
    bench.captures.edit(SESSION, capture, image.image_id, Geometry(quarter_turns=1))
    assert worker.asked[-1] == VideoTerms(sound=True, most_seconds=bench.policy.video_most_seconds)
