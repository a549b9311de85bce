"""Letters that can be shown as they are: no control characters, and none that turn the direction of what follows."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TURNING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u2060\ufeff\U000e0000-\U000e007f]")
INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


def showable(text: str) -> str:
    """The text with a visible mark for every control character, and without those that turn or hide what is written.

    Hebrew and Arabic read right as they stand; only a file's own turning marks can make words lie about their order.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _CONTROL.sub(INSTEAD, _INVISIBLE.sub("", _TURNING.sub("", text)))
