"""One worker process and the two pipes to it, watched while it works."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import time
from collections.abc import Iterator

import psutil

from fhir_plugin.imaging import wire

_LOOK_EVERY = 0.02
"""Seconds between two looks at the child's memory."""
_PIPE_BYTES = 1 << 20
_CHUNK = 1 << 20


class ChildDied(Exception):
    """The process has gone, or no longer makes sense."""


class OverLimit(Exception):
    """The process took more than it may. `code` is the refusal's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Pipe:
    """A child that has been started with `stdin` and `stdout` as pipes. One caller at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a child needs both pipes")
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        for end in (self._stdin, self._stdout):
            os.set_blocking(end.fileno(), False)
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                with contextlib.suppress(OSError):
                    fcntl.fcntl(end.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._measured = psutil.Process(process.pid)
        self.jobs = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def memory(self) -> int:
        """Resident bytes; 0 when it has gone."""
        try:
            return int(self._measured.memory_info().rss)
        except psutil.Error:
            return 0

    def send(self, header: wire.Header, content: bytes, *, within: float) -> None:
        """Hands over a job and waits until the child says that it has begun. Raises `ChildDied`."""
        self.jobs += 1
        deadline = time.monotonic() + within
        for part in (wire.pack_header(header, [content]), content):
            view = memoryview(part)
            while view:
                self._wait(self._stdin.fileno(), select.POLLOUT, deadline)
                try:
                    view = view[os.write(self._stdin.fileno(), view[:_CHUNK]) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise ChildDied from error
        try:
            begun, _ = self._read_frame(deadline, memory_bytes=None)
        except OverLimit as error:
            raise ChildDied from error
        if begun.get("status") != "started":
            raise ChildDied

    def receive(self, *, within: float, memory_bytes: int) -> tuple[wire.Header, list[bytes]]:
        """The answer to the job. Raises `ChildDied`, or `OverLimit` (the child is then still alive: end it)."""
        return self._read_frame(time.monotonic() + within, memory_bytes=memory_bytes)

    def end(self) -> int:
        """Kills it by its own id, waits for it, closes the pipes; its status as `Popen.returncode` has it."""
        status = self.kill()
        self._close()
        return status

    def kill(self) -> int:
        """Kills it and waits for it; whoever reads from it sees the end."""
        status = self._process.poll()
        if status is None:
            self._process.kill()
            status = self._process.wait()
        return status

    def died_of(self, patience: float = 5.0) -> int:
        """The status of a child that is going by itself (or is made to, after `patience` seconds)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        return self.end()

    def forget(self) -> None:
        """For a forked copy of the parent: lets go of the pipes without touching the child, which is not ours."""
        self._process.returncode = 0
        self._close()

    def _close(self) -> None:
        for end in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                end.close()

    # ------------------------------------------------------------------ reading

    def _read_frame(self, deadline: float, *, memory_bytes: int | None) -> tuple[wire.Header, list[bytes]]:
        try:
            length = wire.header_length(self._read_exactly(wire.PREFIX, deadline, memory_bytes))
            header, lengths = wire.unpack_header(self._read_exactly(length, deadline, memory_bytes))
        except wire.BrokenFrame as error:
            raise ChildDied from error
        return header, [self._read_exactly(length, deadline, memory_bytes) for length in lengths]

    def _read_exactly(self, length: int, deadline: float, memory_bytes: int | None) -> bytes:
        chunks: list[bytes] = []
        missing = length
        while missing:
            for _ in self._until(self._stdout.fileno(), select.POLLIN, deadline):
                if memory_bytes is not None and self.memory() > memory_bytes:
                    raise OverLimit("too-much-memory")
            try:
                chunk = os.read(self._stdout.fileno(), min(missing, _CHUNK))
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChildDied from error
            if not chunk:
                raise ChildDied
            chunks.append(chunk)
            missing -= len(chunk)
        return b"".join(chunks)

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        try:
            for _ in self._until(fd, event, deadline):
                pass
        except OverLimit as error:
            raise ChildDied from error

    def _until(self, fd: int, event: int, deadline: float) -> Iterator[None]:
        """Yields now and then until the pipe is ready (or broken, which reading or writing then tells)."""
        poll = select.poll()
        try:
            poll.register(fd, event)
        except ValueError as error:
            raise ChildDied from error
        while not poll.poll(_LOOK_EVERY * 1000):
            if time.monotonic() > deadline:
                raise OverLimit("too-slow")
            yield
