"""The language between app and child: what does not fit is a broken frame, never anything else."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.imaging import wire
from mappings.model.images import Geometry, Region

_FRACTION = st.floats(0, 1)


@settings(deadline=None)
@given(st.integers(0, 3), st.lists(st.tuples(_FRACTION, _FRACTION), max_size=4))
def test_geometry_comes_through_whole(turns: int, corners: list[tuple[float, float]]) -> None:
    regions = tuple(Region(min(a, 0.5), min(b, 0.5), max(a, 0.75), max(b, 0.75)) for a, b in corners)
    geometry = Geometry(turns, regions[0] if regions else None, regions)
    text = json.dumps(wire.geometry_to_json(geometry))
    assert wire.geometry_from_json(json.loads(text)) == geometry


def test_a_header_comes_through_whole() -> None:
    packed = wire.pack_header({"status": "clean"}, [b"abc", b""])
    length = wire.header_length(packed[:4])
    assert wire.unpack_header(packed[4 : 4 + length]) == ({"status": "clean"}, [3, 0])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"\xff\xfe",
        b'{"parts": 3}',
        b'{"parts": [-1]}',
        b'{"parts": [1, 2, 3]}',
        b'{"parts": ["1"]}',
        b'{"parts": [99999999999]}',
        b"[" * 60_000,
    ],
)
def test_nonsense_is_a_broken_frame(text: bytes) -> None:
    with pytest.raises(wire.BrokenFrame):
        wire.unpack_header(text)


@pytest.mark.parametrize("prefix", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\1\0\1"])
def test_a_length_out_of_range_is_a_broken_frame(prefix: bytes) -> None:
    with pytest.raises(wire.BrokenFrame):
        wire.header_length(prefix)


def test_only_an_aware_instant_is_a_time() -> None:
    assert wire.time_from_json(None) is None
    assert wire.time_from_json("2024-02-29T10:11:12+01:00") == dt.datetime(2024, 2, 29, 9, 11, 12, tzinfo=dt.UTC)
    wrong: tuple[object, ...] = ("2024-02-29T10:11:12", "yesterday", 5, [])
    for value in wrong:
        with pytest.raises(wire.BrokenFrame):
            wire.time_from_json(value)


def test_a_header_too_long_to_send_is_not_sent() -> None:
    with pytest.raises(wire.BrokenFrame):
        wire.pack_header({"words": "x" * (1 << 17)}, [])
