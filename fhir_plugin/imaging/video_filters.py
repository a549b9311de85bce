"""Frames made upright, turned, blacked out, cropped, in ordinary colours and of a size that plays everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.video_anatomy import Turn, check_frame
from mappings.model.images import Geometry

if TYPE_CHECKING:
    import av

LONGEST_SIDE = 1920
"""Pixels: larger frames are made smaller, so that any browser plays them and a record can take them."""
_TURNS = {
    Turn.NONE: "",
    Turn.CLOCKWISE: "transpose=clock",
    Turn.HALF: "hflip,vflip",
    Turn.ANTICLOCKWISE: "transpose=cclock",
    Turn.MIRRORED: "hflip",
    Turn.UPSIDE_DOWN: "vflip",
    Turn.TRANSPOSED: "transpose=cclock_flip",
    Turn.TRANSVERSED: "transpose=clock_flip",
}
_QUARTERS = {0: "", 1: "transpose=clock", 2: "hflip,vflip", 3: "transpose=cclock"}
_ON_ITS_SIDE = frozenset({Turn.CLOCKWISE, Turn.ANTICLOCKWISE, Turn.TRANSPOSED, Turn.TRANSVERSED})
_HDR = {16: "smpte2084", 18: "arib-std-b67"}
"""Transfer characteristics (ITU-T H.273) of HDR: PQ and HLG, as telephones film."""
_BT2020 = 9
_SMALLEST = 16
_SQUARE = Fraction(1)
_NARROWEST = Fraction(1, 4)

_Key = tuple[int, int, str, int, int]


@dataclass
class Shape:
    """A filter graph for frames of one size and format; `size` is that of every frame of the new video."""

    key: _Key
    size: tuple[int, int]
    _graph: Any
    _source: Any
    _sink: Any

    def fits(self, frame: av.VideoFrame) -> bool:
        """Whether the frame is as those that this was made for."""
        return _key(frame) == self.key

    def apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A new frame of yuv420p in BT.709."""
        self._source.push(frame)
        shaped: av.VideoFrame = self._sink.pull()
        return shaped


def shape_of(
    frame: av.VideoFrame, turn: Turn, geometry: Geometry, *, like: Shape | None, aspect: Fraction = _SQUARE
) -> Shape:
    """The graph for frames like this one, whose pixels are `aspect` as wide as high.

    A later size in one video (`like`) is fitted into the first one's.
    """
    from av.filter import Graph

    width, height = frame.width, frame.height
    steps = [_TURNS[turn], _QUARTERS[geometry.quarter_turns]]
    if aspect != _SQUARE:
        if not _NARROWEST <= aspect <= 1 / _NARROWEST:
            raise refuse("video-damaged")
        width = max(2, round(width * aspect / 2) * 2)
        check_frame(width, height)
        steps.insert(0, f"scale=w={width}:h={height}:flags=bicubic")
    if (turn in _ON_ITS_SIDE) != (geometry.quarter_turns % 2 == 1):
        width, height = height, width
    steps += [_black(region, width, height) for region in geometry.black_out]
    if geometry.crop is not None:
        left, top, right, bottom = _inward(geometry.crop, width, height)
        width, height = right - left, bottom - top
        if width < _SMALLEST or height < _SMALLEST:
            raise refuse("region-too-small")
        steps.append(f"crop={width}:{height}:{left}:{top}")
    size = like.size if like is not None else _final(width, height)
    scale = _scale(frame, size)
    if like is not None:
        scale += f":force_original_aspect_ratio=decrease:force_divisible_by=2,pad={size[0]}:{size[1]}:-1:-1"
    steps.append(scale)
    graph = Graph()
    matrix, span = (frame.colorspace, frame.color_range)
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={frame.time_base}"
        f":pixel_aspect=1/1:colorspace={int(matrix)}:range={int(span)}",
    )
    last = source
    for step in filter(None, ",".join(filter(None, [*steps, "setsar=1", "format=yuv420p"])).split(",")):
        name, _, arguments = step.partition("=")
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    return Shape(_key(frame), size, graph, source, sink)


def _key(frame: av.VideoFrame) -> _Key:
    return frame.width, frame.height, frame.format.name, int(frame.color_trc), int(frame.colorspace)


def _final(width: int, height: int) -> tuple[int, int]:
    """Even, as 4:2:0 needs, and no longer than `LONGEST_SIDE`."""
    check_frame(width, height)
    ratio = min(1.0, LONGEST_SIDE / max(width, height))
    return max(2, round(width * ratio / 2) * 2), max(2, round(height * ratio / 2) * 2)


def _scale(frame: av.VideoFrame, size: tuple[int, int]) -> str:
    step = f"scale=w={size[0]}:h={size[1]}:flags=bicubic:out_color_matrix=bt709:out_range=tv"
    transfer = _HDR.get(int(frame.color_trc))
    if transfer is not None:
        step += f":in_transfer={transfer}:out_transfer=bt709:in_primaries=bt2020:out_primaries=bt709"
    elif int(frame.color_primaries) == _BT2020:
        step += ":in_primaries=bt2020:out_primaries=bt709"
    return step


def _black(region: Any, width: int, height: int) -> str:
    """Outward to whole pairs of pixels: neighbours share their colour."""
    left, top = floor(region.left * width / 2) * 2, floor(region.top * height / 2) * 2
    right, bottom = ceil(region.right * width / 2) * 2, ceil(region.bottom * height / 2) * 2
    return f"drawbox=x={left}:y={top}:w={right - left}:h={bottom - top}:color=black:t=fill"


def _inward(region: Any, width: int, height: int) -> tuple[int, int, int, int]:
    """Inward to whole pairs of pixels: what was cut off shows in no row of the rest."""
    return (
        ceil(region.left * width / 2) * 2,
        ceil(region.top * height / 2) * 2,
        floor(region.right * width / 2) * 2 if region.right < 1 else width,
        floor(region.bottom * height / 2) * 2 if region.bottom < 1 else height,
    )
