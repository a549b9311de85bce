"""Forked children for tests: run something there, or die there at a counted step."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from fhir_plugin.adapters.database import Database

STEPS = ("open", "write", "utime", "fsync", "rename", "replace", "unlink", "link")
"""What counts as a step besides a commit: the calls that change what is on the disk."""


def fork(act: Callable[[], object]) -> int:
    """The process id of a child that runs `act` and leaves with 0, or 1 on an exception (printed)."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    try:
        act()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a forked test must not return into pytest
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def in_children(*acts: Callable[[], object]) -> None:
    """Runs all of them at once, each in a child; fails unless all end well."""
    children = [fork(act) for act in acts]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(acts)


def run_and_die(act: Callable[[Callable[[str], None]], object], at_step: int) -> tuple[bool, list[str]]:
    """Runs `act(acknowledge)` in a child that kills itself at its n-th step, counted from 1.

    Returns whether it was killed before the end, and what it had acknowledged by then. In the child, call
    `count_commits(database)` to make commits count too.
    """
    reader, writer = os.pipe()

    def child() -> None:
        os.close(reader)
        _Countdown.install(at_step)
        act(lambda line: _Countdown.acknowledge(writer, line))

    pid = fork(child)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        acknowledged = pipe.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0, acknowledged


def count_commits(database: Database) -> None:
    """Just before and just after each commit is a step."""
    database.on_commit.append(_Countdown.step)


class _Countdown:
    """Steps left in this process."""

    left = 0
    write = staticmethod(os.write)

    @classmethod
    def install(cls, steps: int) -> None:
        cls.left = steps
        for name in STEPS:
            setattr(os, name, cls._counted(getattr(os, name)))

    @classmethod
    def step(cls) -> None:
        cls.left -= 1
        if cls.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @classmethod
    def acknowledge(cls, writer: int, line: str) -> None:
        cls.write(writer, f"{line}\n".encode())

    @classmethod
    def _counted(cls, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            cls.step()
            answer = call(*args, **kwargs)
            cls.step()
            return answer

        return counted
