"""Making minimal ICC profiles: numbers, and fixed words of our own."""

from __future__ import annotations

import struct

from fhir_plugin.imaging.colour_spaces import Primaries


def profile_of(primaries: Primaries) -> bytes:
    """A minimal ICC v2 matrix profile (ICC.1:2001-04) for the primaries; b"" of no use where they are degenerate."""
    try:
        red, green, blue = _columns(primaries)
    except ZeroDivisionError:
        return b""
    curve = _curve(primaries.gamma)
    return matrix_profile(
        {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    )


def matrix_profile(tags: dict[bytes, bytes], *, space: bytes = b"RGB ", version: int = 2) -> bytes:
    """An ICC display profile of the given tags and fixed texts of our own: nobody's words but ours."""
    texts = {b"desc": _description(version), b"cprt": _text(version), b"wtpt": _xyz((0.9642, 1.0, 0.8249))}
    everything = {**texts, **tags}
    offsets: dict[bytes, int] = {}
    body = b""
    table = struct.pack(">I", len(everything))
    start = 128 + 4 + 12 * len(everything)
    for name, content in everything.items():
        if content not in offsets:
            offsets[content] = start + len(body)
            body += content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", offsets[content], len(content))
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQIIII4s44s",
        start + len(body),
        b"\0\0\0\0",
        0x02400000 if version == 2 else 0x04300000,
        b"mntr",
        space,
        b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0),
        b"acsp",
        b"\0\0\0\0",
        0,
        b"\0\0\0\0",
        b"\0\0\0\0",
        0,
        1,
        0xF6D6,
        0x10000,
        0xD32D,
        b"\0\0\0\0",
        b"",
    )
    return header + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256))
    points = [(step / 1023) for step in range(1024)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in points]
    return struct.pack(">4sII1024H", b"curv", 0, 1024, *(round(v * 65535) for v in linear))


def _description(version: int) -> bytes:
    words = b"Picture\0"
    if version == 2:
        return b"desc\0\0\0\0" + struct.pack(">I", len(words)) + words + b"\0" * (4 + 4 + 2 + 1 + 67)
    return _multilingual(words)


def _text(version: int) -> bytes:
    return b"text\0\0\0\0None\0" if version == 2 else _multilingual(b"None\0")


def _multilingual(words: bytes) -> bytes:
    wide = words.rstrip(b"\0").decode("ascii").encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enGB", len(wide), 28) + wide


_Vector = tuple[float, float, float]
_BRADFORD: tuple[_Vector, _Vector, _Vector] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_D50: _Vector = (0.9642, 1.0, 0.8249)


def _columns(primaries: Primaries) -> tuple[_Vector, _Vector, _Vector]:
    """XYZ of red, green and blue, scaled to the white point and adapted to D50 (Bradford)."""
    white = _from_xy(primaries.white)
    corners = (_from_xy(primaries.red), _from_xy(primaries.green), _from_xy(primaries.blue))
    scales = _solve(corners, white)
    cone_white, cone_d50 = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    adapted = []
    for corner, scale in zip(corners, scales, strict=True):
        cone = _times(_BRADFORD, (corner[0] * scale, corner[1] * scale, corner[2] * scale))
        turned = (
            cone[0] * cone_d50[0] / cone_white[0],
            cone[1] * cone_d50[1] / cone_white[1],
            cone[2] * cone_d50[2] / cone_white[2],
        )
        adapted.append(_solve_rows(_BRADFORD, turned))
    return adapted[0], adapted[1], adapted[2]


def _from_xy(xy: tuple[float, float]) -> _Vector:
    return xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]


def _times(rows: tuple[_Vector, _Vector, _Vector], v: _Vector) -> _Vector:
    first, second, third = (row[0] * v[0] + row[1] * v[1] + row[2] * v[2] for row in rows)
    return first, second, third


def _solve(columns: tuple[_Vector, _Vector, _Vector], v: _Vector) -> _Vector:
    """x with x0*columns[0] + x1*columns[1] + x2*columns[2] = v, by Cramer's rule."""
    a, b, c = columns
    whole = _determinant(a, b, c)
    return _determinant(v, b, c) / whole, _determinant(a, v, c) / whole, _determinant(a, b, v) / whole


def _solve_rows(rows: tuple[_Vector, _Vector, _Vector], v: _Vector) -> _Vector:
    a, b, c = rows
    return _solve(((a[0], b[0], c[0]), (a[1], b[1], c[1]), (a[2], b[2], c[2])), v)


def _determinant(a: _Vector, b: _Vector, c: _Vector) -> float:
    return a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1])
