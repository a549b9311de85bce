"""A quick look that may say "perhaps" too often, but never "no" wrongly: whether it is worth looking closely.

Of every name only its most telling run of letters and digits is kept. Whatever names it, in any form that is not
escaped, holds that run.
"""

from __future__ import annotations

import re
from typing import Final

_RUN: Final = re.compile(r"[a-z0-9]+")
_BYTES_RUN: Final = re.compile(rb"[a-z0-9]+")
_ESCAPES: Final = (b"\\u", b"\\/", b"%", b"&")
_REMEMBERED: Final = 20_000


class Guard:
    """The runs to look for."""

    def __init__(self) -> None:
        self._runs: set[str] = set()
        self._bytes: set[bytes] = set()
        self._blind = False
        self._answers: dict[str, bool] = {}

    def learn(self, name: str) -> None:
        """A name that must be noticed. One without a Latin letter or digit makes everything worth looking at."""
        runs = _RUN.findall(name.lower())
        if not runs:
            self._blind = True
        else:
            run = max(runs, key=lambda each: (len(each), any(one.isdigit() for one in each)))
            self._runs.add(run)
            self._bytes.add(run.encode("ascii"))
        self._answers.clear()

    def answer(self, text: str) -> bool | None:
        """What was found out about this very text before; None when nothing was."""
        return self._answers.get(text)

    def remember(self, text: str, answer: bool) -> bool:
        """Keep an answer until something new is learnt."""
        if len(text) < 200:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            self._answers[text] = answer
        return answer

    def meets(self, text: str) -> bool:
        """Whether a text without escapes may hold a name."""
        return self._blind or not self._runs.isdisjoint(_RUN.findall(text.lower()))

    def meets_line(self, data: bytes) -> bool:
        """Whether a line of JSON may hold a name, escaped or not."""
        if self._blind or any(each in data for each in _ESCAPES):
            return True
        return not self._bytes.isdisjoint(_BYTES_RUN.findall(data.lower()))
