"""Pictures with something wrong in them, without end and always the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.imaging.bombs import heic
from tests.imaging.drawing import Canaries, as_jpeg, as_png, as_webp, grainy, loaded_jpeg, loaded_png, png_chunk

SIDE = 96
MAGIC = 12
KEEPS_MAGIC = 0.6
"""Share of the mutations that still begin as their kind does, so that they get past the first look."""
_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\xff\xff\0\0")

Mutation = Callable[[bytearray, random.Random, list[bytes]], None]


def originals() -> dict[str, bytes]:
    """Valid pictures of every kind that the app takes, small ones."""
    picture = grainy(SIDE, SIDE)
    return {
        "jpeg": as_jpeg(picture),
        "progressive jpeg": as_jpeg(picture, progressive=True, subsampling="4:2:0"),
        "camera's jpeg": loaded_jpeg(Canaries(), orientation=6, image=picture),
        "png": as_png(picture),
        "palette png": as_png(picture.quantize(16)),
        "loaded png": loaded_png(Canaries(), orientation=3, image=picture),
        "webp": as_webp(picture),
        "lossy webp": as_webp(picture, lossless=False),
        "heic": heic(),
    }


def mutated(seed: int, how_many: int) -> Iterator[tuple[str, bytes]]:
    """`how_many` of them, each with a name that says what it was and what was done to it."""
    chance = random.Random(seed)
    whole = originals()
    others = list(whole.values())
    for number in range(how_many):
        name = chance.choice(list(whole))
        content = bytearray(whole[name])
        acts = [chance.choice(MUTATIONS) for _ in range(chance.choice((1, 1, 1, 2, 3, 8)))]
        for act in acts:
            act(content, chance, others)
            content = content or bytearray(1)
        if name.endswith("png") and chance.random() < 0.7:
            content = bytearray(with_right_checksums(bytes(content)))
        if chance.random() < KEEPS_MAGIC:
            content[:MAGIC] = whole[name][:MAGIC]
        yield f"{number}: {name}, {' and '.join(act.__name__ for act in acts)}", bytes(content)


def with_right_checksums(content: bytes) -> bytes:
    """Otherwise nothing that was done to a PNG would get past its checksums."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        out += png_chunk(content[at + 4 : at + 8], content[at + 8 : at + 8 + length])
        at += 12 + length
    return out + content[at:]


def _place(content: bytearray, chance: random.Random) -> int:
    """Anywhere, but mostly where the structure is: near the start."""
    return chance.randrange(min(len(content), 700) if chance.random() < 0.6 else len(content))


def flip_bits(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    for _ in range(chance.choice((1, 4, 30))):
        content[_place(content, chance)] ^= 1 << chance.randrange(8)


def overwrite_bytes(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    for _ in range(chance.choice((1, 10, 200))):
        content[_place(content, chance)] = chance.randrange(256)


def lie_about_a_length(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _place(content, chance)
    content[at : at + 4] = chance.choice(_NUMBERS)[: len(content) - at]


def cut_off(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    del content[_place(content, chance) :]


def cut_out(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _place(content, chance)
    del content[at : at + chance.randrange(1, 400)]


def swap_blocks(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    size = chance.choice((4, 16, 64, 512))
    one, two = _place(content, chance), _place(content, chance)
    first, second = bytes(content[one : one + size]), bytes(content[two : two + size])
    if abs(one - two) >= size and len(first) == len(second):
        content[one : one + size], content[two : two + size] = second, first


def repeat_a_block(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = _place(content, chance)
    content[at:at] = bytes(content[at : at + chance.randrange(1, 300)]) * chance.randrange(1, 6)


def splice(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    other = chance.choice(others)
    at = _place(content, chance)
    content[at:] = other[chance.randrange(len(other)) :][:20_000]


def append_another(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    content += chance.choice(others)[:20_000]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits,
    overwrite_bytes,
    lie_about_a_length,
    lie_about_a_length,
    cut_off,
    cut_out,
    swap_blocks,
    repeat_a_block,
    splice,
    append_another,
)
