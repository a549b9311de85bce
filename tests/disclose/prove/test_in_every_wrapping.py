"""What was withheld is found in every wrapping and wherever it lies; the same wrappings of something else are clean."""

from __future__ import annotations

import base64
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.prove import Kind
from fhir_plugin.disclose.prove.looking import WINDOW
from tests.disclose.prove.withheld import BYTES, SECRETS, finds
from tests.disclose.prove.wrapped import PADDING, WRAPPINGS, pdf


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_it_is_found_in_every_wrapping(wrapping: str, secret: str) -> None:
    wrapped = WRAPPINGS[wrapping](SECRETS[secret])
    found = finds(wrapped)
    assert found, wrapped[:200]
    assert Kind.UNSEEN not in found
    assert finds(b'{"resourceType":"List","note":"' + wrapped + b'"}', size=997)


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_wrappings_of_something_else_are_clean(wrapping: str) -> None:
    for other in (b"Media/m2", b"Media/m11 and Binary/b-7f3", b"Right hand & ruler 77", b"1.2.840.10008.77.45"):
        assert finds(WRAPPINGS[wrapping](other)) == []


@pytest.mark.parametrize(
    "wrapping", ["plain", "base64", "gzip", "ZIP", "ZIP, stored", "PDF, deflated", "PDF, hexadecimal and deflated"]
)
def test_copied_bytes_are_found(wrapping: str) -> None:
    """The picture itself, under whatever name."""
    document = WRAPPINGS[wrapping](BYTES) if "PDF" not in wrapping else pdf(zlib.compress(BYTES))
    assert finds(document) == [Kind.BYTES]
    assert finds(b'{"data":"' + base64.b64encode(b"\xff\xd8" + BYTES) + b'"}', size=1000) == [Kind.BYTES]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 140_000), st.integers(1, 80_000), st.sampled_from(sorted(WRAPPINGS)))
def test_wherever_it_lies_and_however_it_comes(before: int, size: int, wrapping: str) -> None:
    """Across the edges of windows and of pieces."""
    data = b" " * before + WRAPPINGS[wrapping](b"Binary/b-7f3a") + b" " * (140_000 - before)
    assert finds(data, size=size)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(WINDOW - 500, WINDOW + 700),
    st.sampled_from(["plain", "JSON escapes", "base64", "HTML entities", "gzip", "ZIP", "UTF-16 LE"]),
)
def test_at_the_edge_of_a_window(before: int, wrapping: str) -> None:
    assert finds(b"." * before + b" " + WRAPPINGS[wrapping](b"Media/m1"))
    assert finds(b"." * before + b" " + WRAPPINGS[wrapping](b"Media/m11 x")) == []


@pytest.mark.parametrize(
    "wrapping", ["JSON escapes", "percent of everything", "HTML entities", "base64 of UTF-16", "base64 of gzip"]
)
def test_in_a_letter_within_something_that_is_no_text(wrapping: str) -> None:
    """As old formats of word processors are."""
    others = random.Random(8).randbytes(90_000)
    letter = PADDING + b" " + WRAPPINGS[wrapping](b"Binary/b-7f3a") + b" " + PADDING
    assert finds(others[:50_000] + letter + others[50_000:]) == [Kind.URL]
    assert finds(others + letter) == [Kind.URL]
    assert finds(others + PADDING + WRAPPINGS[wrapping](b" Binary/b-7f3b ") + PADDING + others) == []


@pytest.mark.parametrize("place", range(WINDOW - 22, WINDOW, 2))
def test_base64_at_the_edge_of_a_window_is_judged_where_it_lies_whole(place: int) -> None:
    for shift in range(3):
        edge = b"." * place + b'"' + base64.b64encode(b"-" * shift + b" Media/m11 and more") + b'"' + PADDING
        assert finds(edge) == [], shift


def test_a_run_of_base64_does_not_go_on_behind_something_that_is_no_text() -> None:
    run = b'"' + base64.b64encode(random.Random(3).randbytes(6000))[:5001]
    text = (PADDING * 100)[: WINDOW - len(run)] + run
    others = random.Random(8).randbytes(WINDOW)
    assert len(text) == WINDOW
    assert finds(text + others + WRAPPINGS["base64 of gzip"](b"Binary/b-7f3a") + b'"' + PADDING) == [Kind.URL]


@pytest.mark.parametrize(("shift", "cut"), [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)])
def test_base64_that_was_cut_off_on_the_left_is_found_all_the_same(shift: int, cut: int) -> None:
    run = base64.b64encode(b"x" * shift + b"Binary/b-7f3a and")[cut:]
    for before in (b"", b'"', b'ab"', b"a. "):
        assert finds(before + run) == [Kind.URL], before
        assert finds(PADDING + before + run + PADDING) == [Kind.URL], before
