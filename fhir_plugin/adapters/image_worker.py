"""Pictures are opened in processes of their own: warm, limited, recycled, and never believed.

Each child is a fresh interpreter (no fork of a threaded program), gets bytes over a pipe and no secrets, and
is watched while it works: too much memory, CPU or time and it is killed. Any death in the middle of a picture
is a refusal of that picture; the next one finds a new child. What a child answers is walked again here before
it counts as clean, so that a decoder taken over by its input cannot smuggle metadata past us.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import fhir_plugin
from fhir_plugin.adapters.image_belief import believe, believe_video
from fhir_plugin.adapters.image_pipe import ChildDied, OverLimit, Pipe
from fhir_plugin.errors import UnacceptableImage, Unavailable
from fhir_plugin.imaging import wire
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.pixel_hash import PRINT_SIZE
from fhir_plugin.imaging.refusals import MAX_BYTES, REFUSALS, refuse
from fhir_plugin.imaging.video_anatomy import MAX_VIDEO_BYTES, sniff_video
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms

MEBIBYTE = 1 << 20
Progress = Callable[[float], None]
"""Hears which share is done."""
_ROOT = str(Path(fhir_plugin.__file__).resolve().parent.parent)
_START = "import sys; sys.path.append(sys.argv[1]); from fhir_plugin.imaging.child import main; main()"
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(MEBIBYTE),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""All that a child knows of the world. Pixels get fresh zeroed pages from the system for every picture, so that
none can show what is left of the one before; huge pages make that no slower (glibc, mallopt(3))."""
_ATTEMPTS = 3
_TOLD_TO_STOP = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
"""A service manager ends a service with all its processes at once: that says nothing about a picture."""
_OF_VIDEO = {"too-many-bytes": "video-too-many-bytes", "too-slow": "video-too-slow"}


@dataclass(frozen=True)
class Bounds:
    """What one job may take: processor and clock in seconds, resident memory and input in bytes."""

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    most_bytes: int


class ProcessImageWorker:
    """The `ImageWorker` port. Thread-safe; safe to make before a server forks.

    `workers` children at most; each is replaced after `jobs_per_child` pictures, or when it keeps more than
    `idle_memory_bytes`. One picture may take `cpu_seconds` of processor and `wall_seconds` of time, and
    `memory_bytes` of resident memory; a video may take `video_cpu_seconds` (of all its threads) and
    `video_wall_seconds`, and all videos together leave one child to pictures where there are several. A caller
    waits at most `wait_seconds` for a free child, then gets `Unavailable`.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        jobs_per_child: int = 200,
        cpu_seconds: float = 20,
        wall_seconds: float = 40,
        video_cpu_seconds: float = 600,
        video_wall_seconds: float = 600,
        wait_seconds: float = 60,
        memory_bytes: int = 1024 * MEBIBYTE,
        idle_memory_bytes: int = 256 * MEBIBYTE,
        command: tuple[str, ...] = (sys.executable, "-I", "-c", _START, _ROOT),
    ) -> None:
        if workers < 1:
            raise ValueError("at least one worker")
        self._workers = workers
        self._jobs_per_child = jobs_per_child
        self._bounds = Bounds(cpu_seconds, wall_seconds, memory_bytes, MAX_BYTES)
        self._video_bounds = Bounds(video_cpu_seconds, video_wall_seconds, memory_bytes, MAX_VIDEO_BYTES)
        self._wait_seconds = wait_seconds
        self._idle_memory_bytes = idle_memory_bytes
        self._command = command
        self._lock = threading.Lock()
        self._closed = False
        self._video_turn = threading.BoundedSemaphore(max(1, workers - 1))
        self._begin()

    def start(self) -> None:
        """Starts all children now, so that the first picture finds them warm. Otherwise they start when needed."""
        idle = self._idle_here()
        taken: list[Pipe | None] = []
        with contextlib.suppress(queue.Empty):
            for _ in range(self._workers):
                taken.append(idle.get_nowait())
        for child in taken:
            idle.put(child if child is not None and child.is_alive() else self._spawn_or_none())

    def close(self) -> None:
        """Ends every child, by its own id, also those at work: their callers get `Unavailable`. Final."""
        with self._lock:
            self._closed = True
            children = list(self._children)
            idle = self._idle
        for child in children:
            child.kill()
        # Who waits for a child at work sees its end and lets go of its pipes; the idle ones are left to us.
        while not idle.empty():
            resting = idle.get_nowait()
            if resting is not None:
                self._end(resting)
        # Who still waits for a free child is let through, to be told that there will be none.
        idle.put(None)

    def __enter__(self) -> ProcessImageWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pids(self) -> list[int]:
        """The process ids of the living children."""
        with self._lock:
            return [child.pid for child in self._children if child.is_alive()]

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Progress | None = None,
    ) -> CleanImage:
        """See `ImageWorker.clean`."""
        if sniff_video(received.content) is not None:
            return self._clean_video(received, geometry, lossless, video, progress)
        header = {"job": "clean", "geometry": wire.geometry_to_json(geometry), "lossless": lossless}
        answer, parts = self._ask(header, received.content, self._bounds)
        try:
            return believe(answer, parts, received, geometry, lossless)
        except wire.BrokenFrame:
            raise refuse("decoder-crashed") from None

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        """See `ImageWorker.preview`."""
        size = {"quarter_turns": quarter_turns, "longest_side": longest_side}
        if sniff_video(received.content) is not None:
            answer, parts = self._ask_about_video({"job": "video-preview", **size}, received.content)
        else:
            answer, parts = self._ask({"job": "preview", **size}, received.content, self._bounds)
        return _only_jpeg(answer, parts)

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        """See `ImageWorker.mark`."""
        if sniff_video(received.content) is not None:
            raise refuse("video")
        job = {"job": "mark", "words": words, "below": below}
        return _only_jpeg(*self._ask(job, received.content, self._bounds))

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        """See `ImageWorker.fitted`."""
        if sniff_video(content) is not None:
            raise refuse("video")
        return _only_jpeg(*self._ask({"job": "fitted", "most_bytes": most_bytes}, content, self._bounds))

    def pixels(self, content: bytes) -> bytes | None:
        """See `ImageWorker.pixels`."""
        try:
            answer, parts = self._ask({"job": "pixels"}, content, self._bounds)
        except UnacceptableImage:
            return None
        if answer.get("status") != "pixels" or len(parts) != 1 or len(parts[0]) != PRINT_SIZE:
            return None
        return parts[0]

    def _clean_video(
        self,
        received: ReceivedImage,
        geometry: Geometry,
        lossless: bool,
        terms: VideoTerms | None,
        progress: Progress | None,
    ) -> CleanImage:
        if terms is None:
            raise refuse("video")
        if lossless:
            raise refuse("video-not-lossless")
        header = {"job": "video", "geometry": wire.geometry_to_json(geometry), "terms": wire.terms_to_json(terms)}
        answer, parts = self._ask_about_video(header, received.content, progress)
        try:
            return believe_video(answer, parts, received, geometry, terms)
        except wire.BrokenFrame:
            raise refuse("decoder-crashed") from None

    def _ask_about_video(
        self, header: wire.Header, content: bytes, progress: Progress | None = None
    ) -> tuple[wire.Header, list[bytes]]:
        """As `_ask`, but a video leaves a child to the pictures, which take a second where it takes a minute."""
        if not self._video_turn.acquire(timeout=self._wait_seconds):
            raise _busy()
        try:
            return self._ask(header, content, self._video_bounds, progress)
        except UnacceptableImage as refusal:
            raise refuse(_OF_VIDEO.get(refusal.code, refusal.code)) from None
        finally:
            self._video_turn.release()

    # ------------------------------------------------------------------ children

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._children: set[Pipe] = set()
        self._idle: queue.LifoQueue[Pipe | None] = queue.LifoQueue()
        for _ in range(self._workers):
            self._idle.put(None)

    def _idle_here(self) -> queue.LifoQueue[Pipe | None]:
        """The idle children of this very process: after a fork, the parent's are the parent's."""
        with self._lock:
            if self._owner != os.getpid():
                for child in self._children:
                    child.forget()
                self._begin()
            return self._idle

    def _spawn(self) -> Pipe:
        child = Pipe(
            subprocess.Popen(  # noqa: S603 - our own interpreter, no shell, nothing from outside
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=_ENVIRONMENT,
            )
        )
        with self._lock:
            if not self._closed:
                self._children.add(child)
                return child
        child.end()
        raise _closing()

    def _end(self, child: Pipe) -> int:
        status = child.end()
        with self._lock:
            self._children.discard(child)
        return status

    def _ask(
        self, header: wire.Header, content: bytes, bounds: Bounds, progress: Progress | None = None
    ) -> tuple[wire.Header, list[bytes]]:
        """One job on one child. Raises `UnacceptableImage` or `Unavailable`."""
        if len(content) > bounds.most_bytes:
            raise refuse("too-many-bytes")
        header = {**header, "cpu_seconds": bounds.cpu_seconds}
        idle = self._idle_here()
        try:
            child = idle.get(timeout=self._wait_seconds)
        except queue.Empty:
            raise _busy() from None
        try:
            for _ in range(_ATTEMPTS):
                if child is None or not child.is_alive():
                    child = self._replace(child)
                try:
                    child.send(header, content, within=bounds.wall_seconds)
                except ChildDied:
                    # It never began, so it is not the picture's fault.
                    self._end(child)
                    child = None
                    continue
                return self._outcome(child, bounds, progress)
            raise Unavailable(
                "Pictures cannot be prepared just now. Nothing is lost: try again later.",
                code="image-worker-unavailable",
            )
        finally:
            idle.put(self._fit_for_more(child))

    def _outcome(self, child: Pipe, bounds: Bounds, progress: Progress | None) -> tuple[wire.Header, list[bytes]]:
        """The answer to a job that has begun; a child that fails is ended and its picture refused."""
        try:
            answer, parts = self._heard(child, bounds, progress)
        except OverLimit as limit:
            self._end(child)
            raise refuse(limit.code) from None
        except ChildDied:
            status = child.died_of()
            self._end(child)
            if self._closed or -status in _TOLD_TO_STOP:
                raise _closing() from None
            raise refuse("too-slow" if status == -signal.SIGXCPU else "decoder-crashed") from None
        if answer.get("status") == "refused":
            code = answer.get("code")
            raise refuse(code if isinstance(code, str) and code in REFUSALS else "decoder-crashed")
        return answer, parts

    def _heard(self, child: Pipe, bounds: Bounds, progress: Progress | None) -> tuple[wire.Header, list[bytes]]:
        """What comes after how far it is. However often it says that, the time for all of it is one."""
        ends = time.monotonic() + bounds.wall_seconds
        while True:
            answer, parts = child.receive(within=ends - time.monotonic(), memory_bytes=bounds.memory_bytes)
            if answer.get("status") != "progress":
                return answer, parts
            try:
                if progress is not None:
                    progress(wire.share_from_json(answer.get("share")))
            except wire.BrokenFrame:
                raise ChildDied from None
            except BaseException:
                self._end(child)  # its answer is still to come, and would be taken for the next picture's
                raise

    def _replace(self, child: Pipe | None) -> Pipe:
        if child is not None:
            self._end(child)
        return self._spawn()

    def _fit_for_more(self, child: Pipe | None) -> Pipe | None:
        """The child itself, or a fresh one in the place of a tired one, warm by the time it is needed."""
        if child is None or not child.is_alive():
            if child is not None:
                self._end(child)
            return None if self._closed else self._spawn_or_none()
        if child.jobs < self._jobs_per_child and child.memory() <= self._idle_memory_bytes:
            return child
        self._end(child)
        return self._spawn_or_none()

    def _spawn_or_none(self) -> Pipe | None:
        try:
            return self._spawn()
        except (OSError, Unavailable):
            # The next job tries again, and says so if it fails.
            return None


def _only_jpeg(answer: wire.Header, parts: list[bytes]) -> bytes:
    """The one picture of an answer, if it holds nothing but a picture."""
    if answer.get("status") != "preview" or len(parts) != 1:
        raise refuse("decoder-crashed")
    if look_at_jpeg(parts[0]).found:
        raise refuse("decoder-crashed")
    return parts[0]


def _busy() -> Unavailable:
    return Unavailable(
        "Too many pictures are being prepared just now. Nothing is lost: try again in a minute.",
        code="image-worker-busy",
    )


def _closing() -> Unavailable:
    return Unavailable(
        "The service is stopping. Nothing is lost: try again in a minute.", code="image-worker-unavailable"
    )
