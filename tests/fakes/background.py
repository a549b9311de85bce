"""Work that is done on the spot, or, while `held`, waits until somebody lets it run."""

from __future__ import annotations

from collections.abc import Callable


class InlineBackground:
    """`held`: nothing runs before `release`, as if all work took long. `lost` forgets it, as a crash does."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: dict[str, Callable[[], object]] = {}

    def begin(self, name: str, work: Callable[[], object]) -> None:
        if name in self.waiting:
            return
        self.waiting[name] = work
        if not self.held:
            self.release()

    def wait(self, name: str, seconds: float) -> bool:
        return name not in self.waiting

    def settle(self, seconds: float) -> bool:
        return not self.waiting

    def release(self) -> None:
        """Everything that waits is done now."""
        while self.waiting:
            name = next(iter(self.waiting))
            try:
                self.waiting[name]()
            finally:
                del self.waiting[name]

    def lost(self) -> None:
        """The process died."""
        self.waiting.clear()
