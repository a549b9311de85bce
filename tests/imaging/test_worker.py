"""The worker processes: what they may not do, what happens when they die, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from fhir_plugin.adapters.image_worker import MEBIBYTE, ProcessImageWorker
from fhir_plugin.errors import UnacceptableImage, Unavailable
from fhir_plugin.imaging.clean import clean
from fhir_plugin.ports import ImageWorker
from mappings.model.images import Geometry, Region
from tests.imaging.bombs import BOMBS
from tests.imaging.drawing import Canaries, as_jpeg, as_png, chart, grainy, loaded_jpeg, received

ROOT = str(Path(__file__).parents[2])
_CHILD = "import sys, os, time; sys.path.append(sys.argv[1]); import fhir_plugin.imaging.child as child; "


def _child_that(instead: str) -> tuple[str, ...]:
    """A child whose work on a picture is replaced: only what begins with the word `bad` misbehaves."""
    code = (
        _CHILD + f"good = child._answer\n"
        f"def bad():\n    {instead}\n"
        "child._answer = lambda h, c, p: (bad() if c.startswith(b'bad') else good(h, c, p))\n"
        "child.main()"
    )
    return (sys.executable, "-I", "-c", code, ROOT)


def _worker_that(instead: str, **options: float) -> ProcessImageWorker:
    return ProcessImageWorker(workers=1, command=_child_that(instead), **options)  # type: ignore[arg-type]  # numbers all


@pytest.fixture
def worker() -> Iterator[ProcessImageWorker]:
    with ProcessImageWorker(workers=2) as pool:
        yield pool


def _code(work: Callable[[], object]) -> str:
    with pytest.raises(UnacceptableImage) as refusal:
        work()
    return refusal.value.code


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_it_gives_what_the_same_code_gives_here(worker: ProcessImageWorker) -> None:
    port: ImageWorker = worker
    content = received(loaded_jpeg(Canaries(), orientation=6, image=grainy(90, 60)))
    geometry = Geometry(1, Region(0.1, 0, 1, 1), (Region(0.2, 0.2, 0.4, 0.4),))
    assert port.clean(content, geometry=geometry) == clean(content, geometry=geometry)
    assert port.clean(content, lossless=True) == clean(content, lossless=True)
    translucent = grainy(40, 30).convert("RGBA")
    translucent.putalpha(100)
    assert port.clean(received(as_png(translucent))) == clean(received(as_png(translucent)))
    assert port.preview(content, longest_side=30).startswith(b"\xff\xd8")


@pytest.mark.parametrize("name", ["2000-scans", "svg", "nothing", "too-many-bytes", "heic-of-ten-pictures"])
def test_refusals_come_through_and_the_child_lives_on(name: str) -> None:
    make, code = BOMBS[name]
    with ProcessImageWorker(workers=1) as worker:
        worker.start()
        before = worker.pids()
        assert _code(lambda: worker.clean(received(make()))) == code
        assert _code(lambda: worker.preview(received(make()))) == code
        assert worker.pids() == before


def test_fifty_pictures_from_eight_threads(worker: ProcessImageWorker) -> None:
    sizes = [(20 + n, 70 - n) for n in range(50)]
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(lambda size: worker.clean(received(as_png(grainy(*size)))), sizes))
    assert [(image.width, image.height) for image in images] == sizes
    assert len(worker.pids()) <= 2


def test_a_killed_child_refuses_its_picture_and_the_pool_heals() -> None:
    with _worker_that("time.sleep(60)") as worker:
        worker.start()
        (pid,) = worker.pids()
        with ThreadPoolExecutor(1) as thread:
            job = thread.submit(lambda: _code(lambda: worker.clean(received(b"bad"))))
            _wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
            time.sleep(0.5)
            os.kill(pid, signal.SIGKILL)
            assert job.result(10) == "decoder-crashed"
        assert worker.clean(received(as_jpeg(chart()))).width == 64
        assert worker.pids() != [pid]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_a_child_told_to_stop_refuses_nothing(told: signal.Signals) -> None:
    """systemd tells every process of a service: a video in the making would be destroyed as a damaged one."""
    as_ever = f"__import__('signal').signal({int(told)}, 0)"  # below nohup, nobody hears SIGHUP
    with (
        _worker_that(f"{as_ever}; os.kill(os.getpid(), {int(told)})") as worker,
        pytest.raises(Unavailable, match="Nothing is lost"),
    ):
        worker.clean(received(b"bad"))


def test_a_child_killed_while_idle_costs_nobody_anything() -> None:
    with ProcessImageWorker(workers=1) as worker:
        worker.clean(received(as_jpeg(chart())))
        (pid,) = worker.pids()
        os.kill(pid, signal.SIGKILL)
        assert worker.clean(received(as_jpeg(chart()))).width == 64


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        ("os.abort()", "decoder-crashed"),
        ("os.kill(os.getpid(), 11)", "decoder-crashed"),
        ("os._exit(0)", "decoder-crashed"),
        ("raise MemoryError", "decoder-crashed"),
        ("return {'status': 'refused', 'code': 'made-up'}, []", "decoder-crashed"),
        ("return {'status': 'clean'}, []", "decoder-crashed"),
        ("return {'status': 'refused', 'code': 'animated'}, []", "animated"),
    ],
)
def test_any_death_or_nonsense_is_a_refusal(instead: str, code: str) -> None:
    with _worker_that(instead) as worker:
        assert _code(lambda: worker.clean(received(b"bad"))) == code
        assert worker.clean(received(as_jpeg(chart()))).width == 64


@pytest.mark.parametrize("smuggles", [True, False])
def test_a_child_that_smuggles_metadata_is_not_believed(smuggles: bool, tmp_path: Path) -> None:
    instead = (
        "picture = open(sys.argv[2], 'rb').read()\n"
        "    return {'status': 'clean', 'content_type': 'image/jpeg', 'width': 64, 'height': 48, 'removed': [],"
        " 'captured_at': None}, [picture, picture]"
    )
    content = loaded_jpeg(Canaries()) if smuggles else clean(received(as_jpeg(chart()))).content
    path = tmp_path / "answer.jpg"
    path.write_bytes(content)
    with ProcessImageWorker(workers=1, command=(*_child_that(instead), str(path))) as worker:
        if smuggles:
            assert _code(lambda: worker.clean(received(b"bad"))) == "decoder-crashed"
        else:
            assert worker.clean(received(b"bad")).content == content


def test_a_processor_hog_is_stopped() -> None:
    with _worker_that("\n    while True: pass", cpu_seconds=1, wall_seconds=30) as worker:
        assert _code(lambda: worker.clean(received(b"bad"))) == "too-slow"
        assert worker.clean(received(as_jpeg(chart()))).width == 64


def test_the_processor_limit_is_for_each_picture_not_for_the_life() -> None:
    burn = (
        "t = time.process_time()\n"
        "    while time.process_time() < t + 0.7: pass\n"
        "    return {'status': 'refused', 'code': 'damaged'}, []"
    )
    with _worker_that(burn, cpu_seconds=2) as worker:
        for _ in range(5):
            assert _code(lambda: worker.clean(received(b"bad"))) == "damaged"


def test_a_sleeper_is_stopped_by_the_wall_clock() -> None:
    with _worker_that("time.sleep(60)", wall_seconds=2) as worker:
        worker.start()
        assert _code(lambda: worker.clean(received(b"bad"))) == "too-slow"


def test_a_memory_hog_is_stopped() -> None:
    hog = "\n    hoard = []\n    while True: hoard.append(b'x' * 10_000_000); time.sleep(0.002)"
    with _worker_that(hog, memory_bytes=300 * MEBIBYTE) as worker:
        assert _code(lambda: worker.clean(received(b"bad"))) == "too-much-memory"
        assert worker.clean(received(as_jpeg(chart()))).width == 64


def test_children_are_replaced_before_they_grow_old() -> None:
    with ProcessImageWorker(workers=1, jobs_per_child=3) as worker:
        seen: list[int] = []
        for _ in range(7):
            worker.start()
            seen += worker.pids()
            worker.clean(received(as_jpeg(chart())))
        assert len(set(seen)) == 3
        assert sum(not _gone(pid) for pid in set(seen)) == 1


def test_a_child_that_keeps_too_much_is_replaced() -> None:
    with ProcessImageWorker(workers=1, idle_memory_bytes=MEBIBYTE) as worker:
        worker.start()
        before = worker.pids()
        worker.clean(received(as_jpeg(chart())))
        assert worker.pids() != before


def test_children_are_gone_after_close() -> None:
    worker = ProcessImageWorker(workers=2)
    worker.start()
    pids = worker.pids()
    assert len(pids) == 2
    worker.close()
    assert all(_gone(pid) for pid in pids)
    for _ in range(3):
        with pytest.raises(Unavailable) as closed:
            worker.clean(received(as_jpeg(chart())))
        assert closed.value.code == "image-worker-unavailable"


def test_closing_in_the_middle_of_a_picture_says_try_again() -> None:
    worker = _worker_that("time.sleep(60)")
    worker.start()
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(worker.clean, received(b"bad"))
        time.sleep(1)
        worker.close()
        with pytest.raises(Unavailable):
            job.result(10)
    assert worker.pids() == []


def test_who_waits_too_long_for_a_free_child_is_told_so() -> None:
    with _worker_that("time.sleep(60)", wall_seconds=3, wait_seconds=0.2) as worker:
        worker.start()
        with ThreadPoolExecutor(1) as thread:
            job = thread.submit(lambda: _code(lambda: worker.clean(received(b"bad"))))
            time.sleep(1)
            with pytest.raises(Unavailable) as busy:
                worker.clean(received(as_jpeg(chart())))
            assert busy.value.code == "image-worker-busy"
            assert job.result(10) == "too-slow"


def test_a_child_that_cannot_start_is_unavailable_not_a_refusal() -> None:
    with (
        ProcessImageWorker(workers=1, command=(sys.executable, "-I", "-c", "raise SystemExit(3)")) as worker,
        pytest.raises(Unavailable) as broken,
    ):
        worker.clean(received(as_jpeg(chart())))
    assert broken.value.code == "image-worker-unavailable"


def test_children_die_with_their_parent() -> None:
    code = (
        "import sys, time; sys.path.append(sys.argv[1])\n"
        "from fhir_plugin.adapters.image_worker import ProcessImageWorker\n"
        "worker = ProcessImageWorker(workers=2); worker.start()\n"
        "print(*worker.pids(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, ROOT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    _wait_for(lambda: all(_gone(pid) for pid in pids))


def test_a_busy_child_dies_with_its_parent_too() -> None:
    code = (
        "import sys, threading, time; sys.path.append(sys.argv[1])\n"
        "from tests.imaging.test_worker import _worker_that\n"
        "from tests.imaging.drawing import received\n"
        "worker = _worker_that('\\n    while True: pass', wall_seconds=300, cpu_seconds=200); worker.start()\n"
        "threading.Thread(target=worker.clean, args=(received(b'bad'),), daemon=True).start()\n"
        "time.sleep(1.5); print(*worker.pids(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, ROOT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 1
        parent.kill()
    _wait_for(lambda: all(_gone(pid) for pid in pids))


def test_a_forked_copy_has_children_of_its_own() -> None:
    code = (
        "import os, sys; sys.path.append(sys.argv[1])\n"
        "from fhir_plugin.adapters.image_worker import ProcessImageWorker\n"
        "from tests.imaging.drawing import as_jpeg, chart, received\n"
        "worker = ProcessImageWorker(workers=1); worker.start()\n"
        "first = worker.pids()\n"
        "picture = received(as_jpeg(chart()))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    ok = worker.clean(picture).width == 64 and worker.pids() != first\n"
        "    worker.close()\n"
        "    os._exit(0 if ok else 1)\n"
        "_, status = os.waitpid(pid, 0)\n"
        "ok = worker.clean(picture).width == 64 and worker.pids() == first\n"
        "worker.close()\n"
        "sys.exit(0 if ok and status == 0 else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code, ROOT], timeout=60, check=False).returncode == 0


def test_a_child_has_no_secrets_no_files_and_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PLUGIN_SECRET", "canary-of-the-environment")
    with ProcessImageWorker(workers=1) as worker, open(__file__, "rb"):
        worker.clean(received(as_jpeg(chart())))
        (pid,) = worker.pids()
        child = psutil.Process(pid)
        assert "canary-of-the-environment" not in str(child.environ())
        assert child.open_files() == []
        assert child.net_connections() == []
        assert child.num_fds() <= 5
        if sys.platform == "linux":
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert "Max core file size        0" in limits
            assert "Max file size             0" in limits
            assert "Umask:\t0077" in Path(f"/proc/{pid}/status").read_text()
