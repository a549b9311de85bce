"""What cannot be a clinical picture is refused, with the right code, before it costs anything."""

from __future__ import annotations

import re

import pytest

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging import refusals
from fhir_plugin.imaging.clean import clean, look, preview
from fhir_plugin.imaging.refusals import REFUSALS
from tests.imaging.bombs import BOMBS, huge_claim_jpeg, many_scans
from tests.imaging.drawing import as_jpeg, as_png, chart, grainy, received


@pytest.mark.parametrize("name", BOMBS)
def test_each_is_refused_for_its_own_reason(name: str) -> None:
    make, code = BOMBS[name]
    content = make()
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(content))
    assert refusal.value.code == code
    assert refusal.value.message == REFUSALS[code]
    with pytest.raises(UnacceptableImage):
        preview(content)


def test_there_are_forty_of_them() -> None:
    assert len(BOMBS) >= 40


@pytest.mark.parametrize("name", [name for name, (_, code) in BOMBS.items() if code.startswith("too-many")])
def test_size_is_refused_before_decoding(name: str) -> None:
    with pytest.raises(UnacceptableImage):
        look(BOMBS[name][0]())


def test_the_limits_are_where_they_say() -> None:
    assert clean(received(many_scans(80))).width == 64
    with pytest.raises(UnacceptableImage) as refusal:
        refusals.check_pixels(50_000, 1001)
    assert refusal.value.code == "too-many-pixels"
    refusals.check_pixels(50_000, 1000)


def test_a_claim_that_its_data_cannot_fill_is_truncated() -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(huge_claim_jpeg(2000, 2000)))
    assert refusal.value.code == "truncated"


@pytest.mark.parametrize(
    "trailer",
    [b"PK\x03\x04 a zip", b"%PDF-1.7", b"<script>", b"\0" * 4096, b"MZ\x90\0", as_jpeg(grainy(30, 30))],
    ids=["zip", "pdf", "html", "padding", "exe", "jpeg"],
)
@pytest.mark.parametrize("make", [as_jpeg, as_png])
def test_a_trailer_is_dropped_not_refused(make: object, trailer: bytes) -> None:
    assert callable(make)
    image = clean(received(make(chart()) + trailer))
    assert trailer not in image.content
    assert image.content == clean(received(make(chart()))).content


def test_codes_and_messages_are_fit_for_people() -> None:
    for code, message in REFUSALS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert message.endswith(".")
        assert 30 <= len(message) <= 200
