"""Whether two pictures show the same, by their prints: somebody else has opened them and made those.

A print is width and height of the upright picture (four bytes each), the SHA-256 of its pixels, and the picture in 24
by 24 shades of grey, one byte each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

PixelReader = Callable[[bytes], bytes | None]
"""The print of a picture file; None for what it cannot open."""

_SIZES: Final = 8
_EXACT: Final = 40
_SIDE: Final = 24
PRINT_SIZE: Final = _EXACT + _SIDE * _SIDE
_MOST_ON_AVERAGE: Final = 5.0
"""Shades of 256 by which the same picture, compressed anew, scaled or without its colour profile, differs from itself:
root of the mean square. Real photographs came to 4.3 and 16, pictures of one kind to 3.5 and 25 at the least."""
_MOST_ANYWHERE: Final = 18.0
"""The same for any one of the 576 places."""
_FLAT: Final = 4.0
"""Shades: pictures that hardly vary are all alike; of those only the same pixels count."""
_OTHER_SHAPE: Final = 0.03

_FIRST_BYTES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"MiHE", b"miaf", b"avif"})


def is_picture(beginning: bytes) -> bool:
    """JPEG, PNG, GIF, TIFF, WebP or HEIC, by its first twelve bytes. Videos are none."""
    if beginning.startswith(_FIRST_BYTES):
        return True
    if beginning.startswith(b"RIFF"):
        return beginning[8:12] == b"WEBP"
    return beginning[4:8] == b"ftyp" and beginning[8:12] in _HEIC


class Prints:
    """Those of the pictures that stay, each with the resource that it belongs to."""

    def __init__(self, known: Mapping[bytes, str]) -> None:
        whole = {each: of for each, of in known.items() if len(each) == PRINT_SIZE}
        self._exact = {each[:_EXACT]: of for each, of in whole.items()}
        self._of = tuple(whole.values())
        self._shapes = np.array([_shape(each) for each in whole])
        self._greys = np.array([_grey(each) for each in whole]).reshape(len(whole), _SIDE * _SIDE)

    def __bool__(self) -> bool:
        return bool(self._of)

    def same(self, print_: bytes) -> frozenset[str]:
        """Whose pictures show what this one shows."""
        found = {self._exact[print_[:_EXACT]]} if print_[:_EXACT] in self._exact else set()
        grey = _grey(print_)
        if float(grey.std()) >= _FLAT:
            away = np.abs(self._greys - grey)
            near = (np.sqrt((away * away).mean(axis=1)) <= _MOST_ON_AVERAGE) & (away.max(axis=1) <= _MOST_ANYWHERE)
            near &= np.abs(np.log(self._shapes / _shape(print_))) <= _OTHER_SHAPE
            found |= {self._of[place] for place in near.nonzero()[0].tolist()}
        return frozenset(found)


def _shape(print_: bytes) -> float:
    return max(int.from_bytes(print_[:4], "big"), 1) / max(int.from_bytes(print_[4:_SIZES], "big"), 1)


def _grey(print_: bytes) -> NDArray[np.float32]:
    """How much brighter than the whole each place is."""
    grey = np.frombuffer(print_, dtype=np.uint8, offset=_EXACT).astype(np.float32)
    brighter: NDArray[np.float32] = grey - grey.mean()
    return brighter
