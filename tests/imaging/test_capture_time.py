"""The camera's claim about time: kept when plausible, dropped when not."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.imaging.capture_time import capture_time
from fhir_plugin.imaging.clean import clean
from fhir_plugin.imaging.exif import ExifFacts, read_exif
from tests.imaging.drawing import Canaries, loaded_jpeg, loaded_png, loaded_webp, received, tiff

_BST = dt.timezone(dt.timedelta(hours=1))


@pytest.mark.parametrize("load", [loaded_jpeg, loaded_png, loaded_webp])
def test_it_is_kept_apart_from_the_picture(load: object) -> None:
    assert callable(load)
    image = clean(received(load(Canaries())))
    assert image.captured_at == dt.datetime(2024, 2, 29, 10, 11, 12, tzinfo=_BST)
    assert image.captured_at_has_offset


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order_is_read(order: str) -> None:
    facts = read_exif(tiff({0x0112: 3}, {0x9003: b"2020:01:02 03:04:05\0"}, order=order))
    assert facts.orientation == 3
    assert capture_time(facts) == (dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC), False)


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("2024:06:01 08:00:00", "+01:00", (dt.datetime(2024, 6, 1, 8, tzinfo=_BST), True)),
        ("2024:06:01 08:00:00", None, (dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC), False)),
        ("2024:06:01 08:00:00", "+25:00", (dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC), False)),
        ("2024:06:01 08:00:00", "+01:07", (dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC), False)),
        ("0000:00:00 00:00:00", None, (None, False)),
        ("1899:06:01 08:00:00", None, (None, False)),
        ("2024:13:01 08:00:00", None, (None, False)),
        ("2024:02:30 08:00:00", None, (None, False)),
        ("2024:06:01 24:00:00", None, (None, False)),
        ("2000:01:01 00:00:00", None, (None, False)),
        ("2024-06-01 08:00:00", None, (None, False)),
        ("٢٠٢٤:06:01 08:00:00", None, (None, False)),
        ("", None, (None, False)),
        (None, "+01:00", (None, False)),
    ],
)
def test_only_what_is_plausible_is_believed(
    text: str | None, offset: str | None, expected: tuple[dt.datetime | None, bool]
) -> None:
    assert capture_time(ExifFacts(date_time_original=text, offset_time_original=offset)) == expected
