"""From a video that nobody believes to a clean one: every frame decoded, shaped, and coded anew into a new file.

FFmpeg (through PyAV) reads from memory only. The demuxer is forced by what we saw ourselves, no protocol is
allowed, and nothing but the kept picture and sound track is visible to it: see `video_mp4` and `video_webm`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from PIL import Image

from fhir_plugin.imaging.cleaned import Cleaned
from fhir_plugin.imaging.rebuild import preview_jpeg, thumbnail
from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.video_anatomy import (
    MAX_FRAME_PIXELS,
    MAX_FRAMES,
    MAX_VIDEO_BYTES,
    VideoAnatomy,
    VideoKind,
    check_frame,
    sniff_video,
)
from fhir_plugin.imaging.video_filters import Shape, shape_of
from fhir_plugin.imaging.video_mp4 import look_at_mp4
from fhir_plugin.imaging.video_proof import in_order
from fhir_plugin.imaging.video_source import PatchedBytes
from fhir_plugin.imaging.video_webm import look_at_webm
from mappings.model.images import SILENT, UNCHANGED, Geometry, VideoTerms

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

CLOCK = Fraction(1, 90_000)
"""Every frame keeps its own moment, so that a variable frame rate stays as it was filmed."""
_MOST_A_SECOND = 60
_POSTER_AT = 1.0
"""Seconds in: the first frames of a telephone are often dark or blurred."""
_SOUND_RATE = 48_000
_DEMUXER = {VideoKind.MP4: "mov", VideoKind.WEBM: "matroska"}
_MUXER = {VideoKind.MP4: "mp4", VideoKind.WEBM: "webm"}
CONTENT_TYPE = {VideoKind.MP4: "video/mp4", VideoKind.WEBM: "video/webm"}
_ENCODER: dict[VideoKind, tuple[str, dict[str, str]]] = {
    VideoKind.MP4: ("libx264", {"preset": "superfast", "crf": "22", "bf": "0", "maxrate": "5M", "bufsize": "10M"}),
    VideoKind.WEBM: (
        "libvpx",
        {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M", "auto-alt-ref": "0", "lag-in-frames": "0"},
    ),
}
_SOUND_ENCODER = {VideoKind.MP4: "aac", VideoKind.WEBM: "libopus"}
_MUXING = {VideoKind.MP4: {"use_editlist": "0"}, VideoKind.WEBM: {}}
_DECODERS = (
    "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,"
    "aac,opus,libopus,vorbis,alac,mp3float,mp3,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le"
)
_OPTIONS = {
    "protocol_whitelist": "none",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "codec_whitelist": _DECODERS,
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "max_streams": "32",
    "max_pixels": str(MAX_FRAME_PIXELS),
    "probesize": str(8 << 20),
    "fflags": "+bitexact",
}


def frame_encoder(kind: str) -> tuple[str, dict[str, str]]:
    """The encoder of a kind's pictures and its options, for whoever measures against it."""
    return _ENCODER[VideoKind(kind)]


def look_at_video(content: bytes | memoryview) -> VideoAnatomy:
    """What the file is and holds, without decoding it. Raises `UnacceptableImage`."""
    if len(content) > MAX_VIDEO_BYTES:
        raise refuse("video-too-many-bytes")
    kind = sniff_video(content)
    if kind is None:
        raise refuse("video-format")
    return look_at_mp4(content) if kind is VideoKind.MP4 else look_at_webm(content)


def clean_video(
    content: bytes,
    *,
    geometry: Geometry = UNCHANGED,
    terms: VideoTerms = SILENT,
    progress: Callable[[float], None] | None = None,
) -> Cleaned:
    """The clean video with its poster as thumbnail. Raises `UnacceptableImage`. `progress` hears the share done."""
    anatomy = look_at_video(content)
    made = _Transcoding(anatomy, geometry, terms).run(content, progress)
    found = set(anatomy.found)
    if made.has_sound:
        found.discard("sound")
    return Cleaned(
        content=made.content,
        content_type=CONTENT_TYPE[anatomy.kind],
        width=made.poster.width,
        height=made.poster.height,
        thumbnail=thumbnail(made.poster),
        removed=tuple(sorted(found)),
        captured_at=anatomy.captured_at,
        captured_at_has_offset=anatomy.captured_at_has_offset,
        seconds=made.seconds,
        sound=made.has_sound,
    )


def preview_video(content: bytes, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
    """A JPEG of the poster frame, upright and turned, uncropped: for the editor. Raises `UnacceptableImage`."""
    anatomy = look_at_video(content)
    terms = VideoTerms(most_seconds=MAX_FRAMES)
    for frame, _ in _Transcoding(anatomy, Geometry(quarter_turns=quarter_turns % 4), terms).frames(content):
        return preview_jpeg(_picture(frame), longest_side)
    raise refuse("video-no-frames")


@dataclass(frozen=True)
class _Made:
    content: bytes
    seconds: float
    poster: Image.Image
    has_sound: bool


class _Transcoding:
    """One video on its way. What FFmpeg cannot read is a refusal, never a traceback."""

    def __init__(self, anatomy: VideoAnatomy, geometry: Geometry, terms: VideoTerms) -> None:
        self._anatomy = anatomy
        self._geometry = geometry
        self._terms = terms
        self._shape: Shape | None = None
        self._aspect = Fraction(1)
        self._first: float | None = None
        self._last = -1.0
        self._ends = 0.0

    def run(self, content: bytes, progress: Callable[[float], None] | None = None) -> _Made:
        """Decodes and codes anew, one frame at a time."""
        av = _av()
        out, poster = io.BytesIO(), None
        try:
            with self._open(content) as source, _writing(av, out, self._anatomy.kind) as target:
                video = source.streams.video[0]
                sound = self._sound(source, target)
                writer: _FrameWriter | None = None
                for packet in source.demux([video] + ([sound.source] if sound else [])):
                    if packet.stream.type == "audio":
                        if sound is not None:
                            sound.take(packet)
                        continue
                    if progress is not None and packet.pos:
                        progress(min(1.0, packet.pos / len(content)))
                    for frame, second in self._shaped(packet.decode()):
                        if writer is None:
                            writer = _FrameWriter(av, target, self._anatomy.kind, frame, video)
                            if sound is not None:
                                sound.begin()
                        if poster is None or (second >= _POSTER_AT and not writer.poster_taken):
                            poster = _picture(frame)
                            writer.poster_taken = second >= _POSTER_AT
                        writer.take(frame, second)
                if writer is None or poster is None:
                    raise refuse("video-no-frames")
                writer.finish()
                if sound is not None:
                    sound.finish()
        except (av.error.FFmpegError, ValueError, MemoryError, EOFError) as error:
            raise refuse("video-damaged") from error
        made = in_order(out.getvalue()) if self._anatomy.kind is VideoKind.MP4 else out.getvalue()
        return _Made(made, round(self._ends, 3), poster, sound is not None)

    def frames(self, content: bytes) -> Iterator[tuple[av.VideoFrame, float]]:
        """The shaped frames alone, with their moments in seconds."""
        av = _av()
        try:
            with self._open(content) as source:
                for packet in source.demux(source.streams.video[0]):
                    yield from self._shaped(packet.decode())
        except (av.error.FFmpegError, ValueError, MemoryError, EOFError) as error:
            raise refuse("video-damaged") from error

    def _open(self, content: bytes) -> InputContainer:
        av = _av()
        source: InputContainer = av.open(
            PatchedBytes(content, self._anatomy.patches),
            "r",
            format=_DEMUXER[self._anatomy.kind],
            options=_OPTIONS,
            buffer_size=1 << 18,
            io_open=_open_nothing,
        )
        if len(source.streams.video) != 1:
            source.close()
            raise refuse("video-no-frames")
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        self._aspect = stream.sample_aspect_ratio or Fraction(1)
        stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        return source

    def _sound(self, source: InputContainer, target: Any) -> _SoundWriter | None:
        if not self._terms.sound or not self._anatomy.has_sound or not source.streams.audio:
            return None
        return _SoundWriter(target, source.streams.audio[0], _SOUND_ENCODER[self._anatomy.kind], self)

    def _shaped(self, frames: list[Any]) -> Iterator[tuple[av.VideoFrame, float]]:
        for frame in frames:
            check_frame(frame.width, frame.height)
            if frame.pts is None or frame.time_base is None:
                raise refuse("video-damaged")
            moment = float(frame.pts * frame.time_base)
            self._first = moment if self._first is None else self._first
            second = moment - self._first
            if second > self._terms.most_seconds:
                raise refuse("video-too-long")
            if second - self._last < 0.9 / _MOST_A_SECOND:
                continue
            length = float(frame.duration * frame.time_base) if frame.duration else 0.0
            self._last, self._ends = second, second + min(max(length, 0.0), 1.0)
            if self._shape is None or not self._shape.fits(frame):
                before = self._shape
                self._shape = shape_of(frame, self._anatomy.turn, self._geometry, like=before, aspect=self._aspect)
            yield self._shape.apply(frame), second

    @property
    def begins(self) -> float:
        """The moment of the first frame on the source's clock: sound before it is not kept."""
        return self._first or 0.0


class _FrameWriter:
    """The picture track of the new file."""

    def __init__(self, av: Any, target: Any, kind: VideoKind, frame: av.VideoFrame, source: VideoStream) -> None:
        name, options = _ENCODER[kind]
        rate = source.average_rate or source.guessed_rate or Fraction(30)
        rate = min(max(Fraction(rate), Fraction(1)), Fraction(_MOST_A_SECOND)).limit_denominator(1001)
        self._target = target
        self._stream: Any = target.add_stream(name, rate=rate, options=dict(options))
        self._stream.width, self._stream.height, self._stream.pix_fmt = frame.width, frame.height, "yuv420p"
        context = self._stream.codec_context
        context.time_base = CLOCK
        context.gop_size = 2 * round(rate)
        context.thread_count = 2
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        # Notes to the decoder (SEI, type 6) can carry anything, and x264 writes its own settings there.
        self._filter = (
            av.bitstream.BitStreamFilterContext("filter_units=remove_types=6", self._stream)
            if kind is VideoKind.MP4
            else None
        )
        self.poster_taken = False

    def take(self, frame: av.VideoFrame, second: float) -> None:
        frame.pts, frame.time_base = round(second / CLOCK), CLOCK
        frame.pict_type = 0  # the encoder chooses
        self._write(self._stream.encode(frame))

    def finish(self) -> None:
        self._write(self._stream.encode(None))

    def _write(self, packets: list[Any]) -> None:
        for packet in packets:
            for clean in self._filter.filter(packet) if self._filter is not None else [packet]:
                clean.stream = self._stream
                self._target.mux(clean)


class _SoundWriter:
    """The sound track of the new file, where it was asked for: decoded and coded anew like the pictures."""

    def __init__(self, target: Any, source: AudioStream, encoder: str, clock: _Transcoding) -> None:
        av = _av()
        self.source = source
        self._target = target
        self._clock = clock
        layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self._stream: Any = target.add_stream(encoder, rate=_SOUND_RATE, layout=layout)
        self._stream.bit_rate = 96_000
        self._resampler = av.AudioResampler(format=self._stream.format.name, layout=layout, rate=_SOUND_RATE)
        self._waiting: list[Any] = []
        self._begun = False
        self._next = 0

    def begin(self) -> None:
        """The first frame is there: what was heard until now can be laid on its clock."""
        self._begun = True
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.take(packet)

    def take(self, packet: Any) -> None:
        if not self._begun:
            if len(self._waiting) > 5000:
                raise refuse("video-damaged")
            self._waiting.append(packet)
            return
        for frame in packet.decode():
            if frame.pts is None or frame.time_base is None:
                continue
            second = float(frame.pts * frame.time_base) - self._clock.begins
            if second < 0 or second > self._clock._terms.most_seconds:
                continue
            self._write(self._resampler.resample(frame))

    def finish(self) -> None:
        self._write(self._resampler.resample(None))
        for packet in self._stream.encode(None):
            self._target.mux(packet)

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self._next, Fraction(1, _SOUND_RATE)
            self._next += frame.samples
            for packet in self._stream.encode(frame):
                self._target.mux(packet)


def _writing(av: Any, out: io.BytesIO, kind: VideoKind) -> OutputContainer:
    container: OutputContainer = av.open(
        out, "w", format=_MUXER[kind], options={"fflags": "+bitexact", **_MUXING[kind]}, io_open=_open_nothing
    )
    return container


def _picture(frame: Any) -> Image.Image:
    image: Image.Image = frame.to_image()
    return image


def _open_nothing(_url: str, _flags: int, _options: dict[str, str]) -> object:
    """What a file asks to have opened besides itself."""
    raise refuse("video-refers-elsewhere")


def _av() -> Any:
    """PyAV, where video is installed (extra `video`)."""
    try:
        import av
        import av.bitstream
        import av.error
    except ImportError:
        raise refuse("video-off") from None
    return av
