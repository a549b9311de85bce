"""A password that can be said over the telephone: six groups of two syllables, 96 bits (proquints, arXiv:0901.4016).

WinZip's AES stretches a password only a thousandfold, so that it must be strong by itself.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"
_GROUPS: Final = 6
_UNFORTUNATE: Final = re.compile("fuk|fag|fak|dik|kok|kak|kum|tit|pis|nig|bum|sut|jap|gip|pak|rap|vag")


def new_password() -> str:
    """lusab-babad-gutih-tugad-nuvop-zutik: shown once, kept nowhere."""
    return "-".join(_group() for _ in range(_GROUPS))


def _group() -> str:
    while True:
        pick = secrets.choice
        found = "".join(pick(_VOWELS if place % 2 else _CONSONANTS) for place in range(5))
        if not _UNFORTUNATE.search(found):
            return found
