"""How like two pictures are to an eye: structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WINDOW = 8
_STABLE_LIGHT = (0.01 * 255) ** 2
_STABLE_CONTRAST = (0.03 * 255) ** 2
_ROWS_AT_ONCE = 512

Grey = NDArray[np.uint8]
Sums = NDArray[np.float64]


def structural_similarity(first: Grey, second: Grey) -> float:
    """Mean over all 8 x 8 windows of two grey pictures of one size; 1 is identical."""
    if first.shape != second.shape or min(first.shape) < _WINDOW:
        raise ValueError("two pictures of one size, at least 8 x 8")
    total, count = 0.0, 0
    step = _ROWS_AT_ONCE
    for top in range(0, first.shape[0] - _WINDOW + 1, step):
        rows = slice(top, top + step + _WINDOW - 1)
        part = _similarity(first[rows].astype(np.float64), second[rows].astype(np.float64))
        total += float(part.sum())
        count += part.size
    return total / count


def _similarity(a: Sums, b: Sums) -> Sums:
    mean_a, mean_b = _means(a), _means(b)
    spread_a = _means(a * a) - mean_a**2
    spread_b = _means(b * b) - mean_b**2
    together = _means(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + _STABLE_LIGHT) / (mean_a**2 + mean_b**2 + _STABLE_LIGHT)
    structure: Sums = (2 * together + _STABLE_CONTRAST) / (spread_a + spread_b + _STABLE_CONTRAST)
    return light * structure


def _means(values: Sums) -> Sums:
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(0).cumsum(1)
    n = _WINDOW
    windows: Sums = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return windows / n**2
