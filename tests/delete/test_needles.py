"""By what a destroyed image is looked for: pieces of it, in every form; sealed, and gone when nobody needs them."""

from __future__ import annotations

import base64
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fhir_plugin.delete.matching import Forms, base64_of, in_one_line
from fhir_plugin.delete.needles import (
    PIECE,
    PIECES,
    Needles,
    forget_needles,
    is_needles,
    keep_needles,
    kept_needles,
    needles_of,
    own_from,
    pieces_of,
)
from fhir_plugin.ports import Compartment
from mappings.model.deletion import ItemId
from tests.delete.proving import PICTURE, World, media
from tests.fakes.clock import FakeClock
from tests.fakes.vault import FakeVault

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@given(before=st.binary(max_size=40), piece=st.binary(min_size=3, max_size=64), after=st.binary(max_size=40))
def test_a_piece_is_found_in_base64_wherever_it_stands(before: bytes, piece: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + piece + after)
    assert any(form in encoded for form in base64_of(piece))
    assert Forms([piece]).stand_in(b"{" + base64.urlsafe_b64encode(before + piece + after) + b"}")


@given(piece=st.binary(min_size=24, max_size=64), other=st.binary(max_size=400))
def test_a_piece_is_not_found_where_it_does_not_stand(piece: bytes, other: bytes) -> None:
    decoded = [other]
    line = in_one_line(other)
    for start in range(4):
        letters = bytes(each for each in line if each in ALPHABET)[start:]
        decoded.append(base64.b64decode(letters[: len(letters) // 4 * 4]))
    if not any(piece[2:-2] in each for each in decoded):
        assert not Forms([piece]).stand_in(other)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("profile", [False, True])
def test_two_pictures_of_one_encoder_have_no_piece_in_common(kind: str, profile: bool) -> None:
    """Tables and colour profiles stand in every file that the same encoder wrote: they tell of no picture."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profile else None
    rng = random.Random(7)
    one, other = (encoded(Image.frombytes("RGB", (16, 12), rng.randbytes(576)), kind, icc) for _ in range(2))
    assert len(pieces_of(one)) > PIECES // 2
    assert not any(piece in other for piece in pieces_of(one))
    assert all(piece in one for piece in pieces_of(one))
    assert Forms(pieces_of(one)).stand_in(one[len(one) // 2 :]), "a half that is left is found"


def encoded(picture: Image.Image, kind: str, icc: bytes | None) -> bytes:
    file = io.BytesIO()
    picture.resize((320, 240)).save(file, kind, quality=85, icc_profile=icc)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8",
        b"\xff\xd8" + b"\xff\xe0\0\0" * 200,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 900,
        b"RIFF\0\0\0\0WEBP" + b"\xff" * 900,
    ],
)
def test_broken_heads_are_no_end(content: bytes) -> None:
    assert own_from(content) == 0


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\\n", b"\\r\\n", b" "])
def test_base64_in_lines_is_one_text(ending: bytes) -> None:
    encoded = base64.b64encode(b"before" + PICTURE)
    lines = ending.join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    assert Forms(pieces_of(PICTURE)).stand_in(b'{"data": "' + lines + b'"}')


def test_json_may_write_slashes_with_a_backslash() -> None:
    written = json.dumps(base64.b64encode(PICTURE).decode()).replace("/", "\\/").encode()
    assert written.count(b"\\/") > 10
    assert Forms(pieces_of(PICTURE)).stand_in(written)


def test_pieces_are_small_telling_and_from_all_over_it() -> None:
    pieces = pieces_of(PICTURE)
    assert len(pieces) == PIECES
    assert all(len(piece) == PIECE for piece in pieces)
    places = [PICTURE.index(piece) for piece in pieces]
    assert places == sorted(places) and places[-1] > len(PICTURE) * 0.8
    assert sum(map(len, pieces)) < len(PICTURE) / 10


def test_empty_stretches_are_no_needles() -> None:
    content = b"\0" * 5000 + PICTURE[:600] + b"\xff" * 5000
    pieces = pieces_of(content)
    assert pieces and all(len(set(piece)) >= 12 for piece in pieces)
    assert pieces_of(b"") == [] and pieces_of(b"abc") == []
    assert pieces_of(b"ten bytes!") == [b"ten bytes!"]


@given(start=st.integers(0, len(PICTURE) - 1500))
def test_any_quarter_of_a_picture_holds_a_needle(start: int) -> None:
    assert Forms(pieces_of(PICTURE)).stand_in(PICTURE[start : start + len(PICTURE) // 4])


def test_they_are_sealed_read_again_replaced_and_forgotten() -> None:
    world = World()
    parts, item = world.parts, ItemId("item-1")
    assert kept_needles(parts, item) is None
    assert world.needles is not None
    keep_needles(parts, item, Needles(pieces=(b"first",)))
    keep_needles(parts, item, world.needles)
    (kept,) = world.vault.items(compartment=Compartment.CASE)
    assert is_needles(kept)
    assert kept_needles(parts, item) == world.needles
    forget_needles(parts, item)
    forget_needles(parts, item)
    assert kept_needles(parts, item) is None and not world.vault.items()


def test_they_hold_no_hash_and_no_picture_and_say_nothing_when_printed() -> None:
    vault = FakeVault(FakeClock())
    needles = needles_of([PICTURE, b""], media(), vault)
    assert needles.identifiers == ("urn:example:capture|capture-of-photo-1",)
    assert needles.labels == ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R",)
    assert needles.sizes == {len(PICTURE)} and needles.digests == {vault.keyed_digest(PICTURE)}
    assert "capture-of" not in repr(needles) and "\\x" not in repr(needles)
