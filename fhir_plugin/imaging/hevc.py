"""Just enough of HEVC (ITU-T H.265) to know how large a picture a decoder would make room for."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.imaging.refusals import refuse

_SPS = 33
_PARAMETER_SETS = frozenset({32, 33, 34})
_MAX_UNITS = 10_000


def declared_size(configuration: bytes) -> tuple[int, int]:
    """Width and height in the sequence parameter set of an `hvcC` property (7.3.2.2). Raises `UnacceptableImage`."""
    sizes = {_size(unit) for kind, unit in _stored_units(configuration) if kind == _SPS}
    if len(sizes) != 1:
        raise refuse("damaged")
    return sizes.pop()


def length_size(configuration: bytes) -> int:
    """Bytes of the length before each unit of the coded data."""
    if len(configuration) < 23:
        raise refuse("damaged")
    return (configuration[21] & 3) + 1


def check_units(coded: bytes, prefix: int) -> None:
    """Raises `UnacceptableImage` where coded data is cut off or brings its own parameter sets.

    A picture of type hvc1 may not bring them (ISO/IEC 14496-15, 8.3.3.1).
    """
    at = 0
    for _ in range(_MAX_UNITS):
        if at == len(coded):
            return
        if at + prefix + 2 > len(coded):
            raise refuse("truncated")
        length = int.from_bytes(coded[at : at + prefix], "big")
        if at + prefix + length > len(coded):
            raise refuse("truncated")
        if length < 2 or coded[at + prefix] >> 1 & 63 in _PARAMETER_SETS:
            raise refuse("damaged")
        at += prefix + length
    raise refuse("hidden-bulk")


def _stored_units(configuration: bytes) -> Iterator[tuple[int, bytes]]:
    at = 23
    if len(configuration) < at:
        raise refuse("damaged")
    for _ in range(configuration[22]):
        if at + 3 > len(configuration):
            raise refuse("damaged")
        kind = configuration[at] & 63
        count = int.from_bytes(configuration[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(configuration[at : at + 2], "big")
            if at + 2 + length > len(configuration):
                raise refuse("damaged")
            unit = configuration[at + 2 : at + 2 + length]
            # The array says what it holds; the unit itself says what it is. The decoder believes the unit.
            if len(unit) >= 2 and unit[0] >> 1 & 63 != kind:
                raise refuse("damaged")
            yield kind, unit
            at += 2 + length


def _size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.read(4)
    layers = bits.read(3)
    bits.read(1)
    _skip_profile(bits, layers)
    bits.exp_golomb()
    chroma = bits.exp_golomb()
    if chroma == 3:
        bits.read(1)
    return bits.exp_golomb(), bits.exp_golomb()


def _skip_profile(bits: _Bits, layers: int) -> None:
    bits.read(88 + 8)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content[:512], "big")
        self._left = 8 * len(content[:512])

    def read(self, count: int) -> int:
        if count > self._left:
            raise refuse("damaged")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        zeros = 0
        while self.read(1) == 0:
            zeros += 1
            if zeros > 31:
                raise refuse("damaged")
        return (1 << zeros) - 1 + self.read(zeros)
