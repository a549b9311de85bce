"""How far a video is: said by a child that nobody believes, heard within the time that there is for all of it."""

from __future__ import annotations

import sys
import time

import pytest

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.video import clean_video
from mappings.model.images import VideoTerms
from tests.imaging.drawing import as_jpeg, chart, received
from tests.imaging.test_worker import ROOT
from tests.imaging.videos import film

TERMS = VideoTerms(most_seconds=60)
_CHILD = """
import sys, time; sys.path.append(sys.argv[1]); import fhir_plugin.imaging.child as child
good = child._answer
def answer(h, c, p):
    if c[4:8] == b'ftyp':
        say = lambda share: child._send(p._answers, {'status': 'progress', 'share': share}, [])
        INSTEAD
    return good(h, c, p)
child._answer = answer
child.main()
"""


def child_that(instead: str, **options: float) -> ProcessImageWorker:
    """A child that does so at every video, and cleans pictures as ever."""
    command = (sys.executable, "-I", "-c", _CHILD.replace("INSTEAD", instead), ROOT)
    return ProcessImageWorker(workers=1, command=command, **options)  # type: ignore[arg-type]  # numbers all


def clean_picture(worker: ProcessImageWorker) -> int:
    return worker.clean(received(as_jpeg(chart()))).width


def test_the_share_of_a_video_grows_from_0_to_1() -> None:
    shares: list[float] = []
    clean_video(film(), terms=TERMS, progress=shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares) and 0 < shares[0] < 0.5 < shares[-1] <= 1


def test_the_parent_hears_it_before_the_answer() -> None:
    heard: list[float] = []
    with child_that("say(0.25); say(0.5)") as worker:
        clean = worker.clean(received(film()), video=TERMS, progress=heard.append)
    assert clean.content_type == "video/mp4"
    assert heard[:2] == [0.25, 0.5]


@pytest.mark.parametrize(
    "share",
    [
        *("-0.1", "'half'", "True", "float('nan')"),
        *(pytest.param(share, marks=pytest.mark.exhaustive) for share in ("1.5", "None", "[0.5]")),
    ],
)
def test_nonsense_about_it_is_a_refusal_and_never_heard(share: str) -> None:
    heard: list[float] = []
    with child_that(f"say({share})") as worker:
        with pytest.raises(UnacceptableImage):
            worker.clean(received(film()), video=TERMS, progress=heard.append)
        assert heard == []
        assert clean_picture(worker) == 64


def test_saying_it_without_end_buys_no_time() -> None:
    with child_that("while True: say(0.5); time.sleep(0.02)", video_wall_seconds=1.5) as worker:
        began = time.monotonic()
        with pytest.raises(UnacceptableImage) as refusal:
            worker.clean(received(film()), video=TERMS)
        assert refusal.value.code == "video-too-slow"
        assert time.monotonic() - began < 30
        assert clean_picture(worker) == 64


def test_where_the_listener_fails_the_next_picture_gets_its_own_answer() -> None:
    """The child is still to answer: it is ended, or its answer would be taken for somebody else's picture."""

    def fail(_share: float) -> None:
        raise OSError("the database is away")

    with child_that("say(0.5)") as worker:
        with pytest.raises(OSError, match="away"):
            worker.clean(received(film()), video=TERMS, progress=fail)
        assert clean_picture(worker) == 64
