"""Walking MP4 and QuickTime (ISO/IEC 14496-12) before a demuxer does: limits, links elsewhere, what to blank out."""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.video_anatomy import (
    MAX_ELEMENTS,
    MAX_FRAMES,
    MAX_TRACKS,
    Patch,
    Turn,
    VideoAnatomy,
    VideoKind,
    check_frame,
)

VIDEO_CODECS = frozenset({b"avc1", b"avc3", b"hvc1", b"hev1", b"dvh1", b"dvhe", b"vp08", b"vp09", b"av01", b"mp4v"})
SOUND_CODECS = frozenset({b"mp4a", b"Opus", b"alac", b"sowt", b"twos", b"lpcm", b"in24", b".mp3"})
_TOP = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide"})
_INDEXES = frozenset({b"mfra", b"sidx", b"styp", b"prft", b"emsg"})
_MAX_MOOV = 32 << 20
_MAX_SOUND_SAMPLES = 10 * 60 * 192_000
_EPOCH = dt.datetime(1904, 1, 1, tzinfo=dt.UTC)
_YEARS = range(1990, 2100)
_FIXED_ONE = 0x10000
_TURNS = {
    (1, 0, 0, 1): Turn.NONE,
    (0, 1, -1, 0): Turn.CLOCKWISE,
    (-1, 0, 0, -1): Turn.HALF,
    (0, -1, 1, 0): Turn.ANTICLOCKWISE,
    (-1, 0, 0, 1): Turn.MIRRORED,
    (1, 0, 0, -1): Turn.UPSIDE_DOWN,
    (0, 1, 1, 0): Turn.TRANSPOSED,
    (0, -1, -1, 0): Turn.TRANSVERSED,
}
_CREATED = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:?\d\d)")
_MARKS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("location", (b"\xa9xyz", b"loci", b"location.ISO6709", b"com.apple.quicktime.location")),
    (
        "phone or camera model",
        (b"\xa9mak", b"\xa9mod", b"quicktime.make", b"quicktime.model", b"manufacturer"),
    ),
    ("software", (b"\xa9swr", b"\xa9too", b"quicktime.software", b"\xa9enc")),
    ("time", (b"\xa9day", b"creationdate", b"yrrc")),
    ("owner or photographer", (b"\xa9ART", b"\xa9aut", b"cprt", b"perf", b"quicktime.author")),
    ("description", (b"\xa9nam", b"\xa9cmt", b"\xa9des", b"titl", b"dscp", b"desc")),
    ("cover picture", (b"covr", b"thmb", b"\xff\xd8\xff", b"\x89PNG")),
    ("chapters", (b"chpl",)),
)
_TRACK_WORDS = {
    b"soun": "sound",
    b"text": "chapters or subtitles",
    b"sbtl": "subtitles",
    b"subt": "subtitles",
    b"clcp": "subtitles",
    b"meta": "timed notes (places, faces, motion)",
    b"tmcd": "time code",
    b"hint": "streaming hints",
    b"vide": "second video track",
}


@dataclass(frozen=True)
class _Part:
    """One box by its place in the file: `at` its first byte, `body` where its content begins, `end` past it."""

    name: bytes
    at: int
    body: int
    end: int


@dataclass
class _Track:
    box: _Part
    handler: bytes = b""
    id: int = 0
    turn: Turn = Turn.NONE
    codecs: list[bytes] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    enabled: bool = True
    samples: int = 0


class _File:
    """A file's boxes, counted: who nests or repeats without end is refused."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self._seen = 0

    def boxes(self, start: int, end: int) -> Iterator[_Part]:
        at = start
        while at < end:
            self._seen += 1
            if self._seen > MAX_ELEMENTS:
                raise refuse("video-hidden-bulk")
            if at + 8 > end:
                if not any(self.content[at:end]):
                    return  # QuickTime ends some lists with four zero bytes
                raise refuse("video-damaged")
            size, name = struct.unpack_from(">I4s", self.content, at)
            body = at + 8
            if size == 1:
                if at + 16 > end:
                    raise refuse("video-damaged")
                (size,) = struct.unpack_from(">Q", self.content, at + 8)
                body = at + 16
            stop = at + size if size else end
            if stop < body:
                raise refuse("video-damaged")
            if stop > end:
                raise refuse("video-truncated" if end == len(self.content) else "video-damaged")
            yield _Part(name, at, body, stop)
            at = stop

    def numbers(self, layout: str, at: int, end: int) -> tuple[int, ...]:
        if at + struct.calcsize(layout) > end:
            raise refuse("video-damaged")
        return struct.unpack_from(layout, self.content, at)

    def bytes(self, at: int, end: int) -> bytes:
        return bytes(self.content[at:end])


def look_at_mp4(content: bytes | memoryview) -> VideoAnatomy:
    """Raises `UnacceptableImage`: the codes that begin with `video-`."""
    file = _File(memoryview(content))
    tops = list(file.boxes(0, len(content)))
    moovs = [part for part in tops if part.name == b"moov"]
    if not moovs:
        raise refuse("video-truncated")
    if len(moovs) > 1 or moovs[0].end - moovs[0].at > _MAX_MOOV:
        raise refuse("video-damaged" if len(moovs) > 1 else "video-hidden-bulk")
    patches: list[Patch] = []
    found: set[str] = set()
    for part in tops:
        if part.name not in _TOP:
            patches.append(_blank(part))
            if part.name not in _INDEXES:
                found |= _words(file, part)
    made = _look_at_movie(file, moovs[0], patches, found)
    video, sound, taken, has_offset = made
    kept = {video.id} | ({sound.id} if sound else set())
    samples = video.samples + sum(
        _look_at_fragment(file, part, kept, video.id, patches) for part in tops if part.name == b"moof"
    )
    if samples > MAX_FRAMES:
        raise refuse("video-too-long")
    if not samples:
        raise refuse("video-no-frames")
    return VideoAnatomy(
        kind=VideoKind.MP4,
        width=video.size[0],
        height=video.size[1],
        has_sound=sound is not None,
        patches=tuple(patches),
        turn=video.turn,
        found=frozenset(found),
        captured_at=taken,
        captured_at_has_offset=has_offset,
    )


def _look_at_movie(
    file: _File, moov: _Part, patches: list[Patch], found: set[str]
) -> tuple[_Track, _Track | None, dt.datetime | None, bool]:
    tracks: list[_Track] = []
    created: dt.datetime | None = None
    told: tuple[dt.datetime | None, bool] = (None, False)
    for part in file.boxes(moov.body, moov.end):
        if part.name == b"mvhd":
            created = _created(file, part)
            if created is not None:
                found.add("time")
        elif part.name == b"trak":
            if len(tracks) >= MAX_TRACKS:
                raise refuse("video-hidden-bulk")
            tracks.append(_look_at_track(file, part, patches, found))
        elif part.name in (b"cmov", b"rmra"):
            raise refuse("video-refers-elsewhere" if part.name == b"rmra" else "video-format")
        elif part.name != b"mvex":
            patches.append(_blank(part))
            if part.name not in (b"iods", b"free"):
                found |= _words(file, part)
                match = _CREATED.search(file.content, part.body, part.end)
                told = _instant(match[1]) if match and told[0] is None else told
    videos = [track for track in tracks if track.handler == b"vide"]
    sounds = [track for track in tracks if track.handler == b"soun" and set(track.codecs) <= SOUND_CODECS]
    if not videos:
        raise refuse("video-no-frames")
    video = next((track for track in videos if track.enabled), videos[0])
    if not video.codecs or not set(video.codecs) <= VIDEO_CODECS:
        raise refuse("video-format")
    check_frame(*video.size)
    sound = next((track for track in sounds if track.codecs and track.samples <= _MAX_SOUND_SAMPLES), None)
    for track in tracks:
        if track is not video:
            found.add(_TRACK_WORDS.get(track.handler, "hidden track"))
        if track is not video and track is not sound:
            patches.append(_blank(track.box))
    if len({track.id for track in tracks}) != len(tracks):
        raise refuse("video-damaged")
    return (video, sound, *(told if told[0] is not None else (created, False)))


def _look_at_track(file: _File, trak: _Part, patches: list[Patch], found: set[str]) -> _Track:
    track = _Track(trak)
    for part in file.boxes(trak.body, trak.end):
        if part.name == b"tkhd":
            _read_header(file, part, track)
        elif part.name == b"mdia":
            for inner in file.boxes(part.body, part.end):
                if inner.name == b"hdlr":
                    track.handler = file.bytes(inner.body + 8, min(inner.body + 12, inner.end))
                elif inner.name == b"minf":
                    _look_at_media(file, inner, track, patches)
                elif inner.name != b"mdhd":
                    patches.append(_blank(inner))
        elif part.name == b"edts":
            for inner in file.boxes(part.body, part.end):
                if inner.name == b"elst":
                    _count(file, inner, least=12, most=1000)
        else:
            patches.append(_blank(part))
            if part.name not in (b"tref", b"tapt", b"load", b"free"):
                found |= _words(file, part)
    return track


def _read_header(file: _File, part: _Part, track: _Track) -> None:
    (flags,) = file.numbers(">I", part.body, part.end)
    track.enabled = bool(flags & 1)
    long = flags >> 24 == 1
    (track.id,) = file.numbers(">I", part.body + (20 if long else 12), part.end)
    a, b, _, c, d = file.numbers(">5i", part.body + (52 if long else 40), part.end)
    track.turn = _TURNS.get(tuple(round(n / _FIXED_ONE) for n in (a, b, c, d)), Turn.NONE)  # type: ignore[arg-type]  # four


def _look_at_media(file: _File, minf: _Part, track: _Track, patches: list[Patch]) -> None:
    for part in file.boxes(minf.body, minf.end):
        if part.name == b"dinf":
            for inner in file.boxes(part.body, part.end):
                if inner.name == b"dref":
                    _look_at_references(file, inner)
        elif part.name == b"stbl":
            _look_at_samples(file, part, track, patches)


def _look_at_references(file: _File, dref: _Part) -> None:
    """Data may only be in this very file: anything else is how a video opens other files (ISO 14496-12, 8.7.2)."""
    file.numbers(">2I", dref.body, dref.end)
    for entry in file.boxes(dref.body + 8, dref.end):
        (flags,) = file.numbers(">I", entry.body, entry.end)
        if not flags & 1 or any(file.content[entry.body + 4 : entry.end]):
            raise refuse("video-refers-elsewhere")


def _look_at_samples(file: _File, stbl: _Part, track: _Track, patches: list[Patch]) -> None:
    for part in file.boxes(stbl.body, stbl.end):
        if part.name == b"stsd":
            _read_description(file, part, track)
        elif part.name == b"stsz":
            constant, track.samples = file.numbers(">2I", part.body + 4, part.end)
            if not constant and part.body + 12 + 4 * track.samples > part.end:
                raise refuse("video-damaged")
        elif part.name == b"stz2":
            (track.samples,) = file.numbers(">I", part.body + 8, part.end)
        elif part.name in (b"stts", b"ctts"):
            _count(file, part, least=8, most=MAX_ELEMENTS * 10)
        elif part.name == b"stsc":
            _count(file, part, least=12, most=MAX_ELEMENTS * 10)
        elif part.name in (b"stco", b"stss", b"stps"):
            _count(file, part, least=4, most=MAX_ELEMENTS * 10)
        elif part.name == b"co64":
            _count(file, part, least=8, most=MAX_ELEMENTS * 10)
        else:
            patches.append(_blank(part))
    if track.handler == b"vide" and track.samples > MAX_FRAMES:
        raise refuse("video-too-long")


def _read_description(file: _File, stsd: _Part, track: _Track) -> None:
    file.numbers(">2I", stsd.body, stsd.end)
    for entry in file.boxes(stsd.body + 8, stsd.end):
        if len(track.codecs) >= MAX_TRACKS:
            raise refuse("video-hidden-bulk")
        track.codecs.append(entry.name)
        if entry.name in VIDEO_CODECS:
            size = file.numbers(">2H", entry.body + 24, entry.end)
            check_frame(*size)
            track.size = (max(size[0], track.size[0]), max(size[1], track.size[1]))


def _count(file: _File, part: _Part, *, least: int, most: int) -> None:
    """A table holds as many entries as it says, and no more than anybody needs."""
    (count,) = file.numbers(">I", part.body + 4, part.end)
    if count > most:
        raise refuse("video-hidden-bulk")
    if part.body + 8 + least * count > part.end:
        raise refuse("video-damaged")


def _look_at_fragment(file: _File, moof: _Part, kept: set[int], video: int, patches: list[Patch]) -> int:
    """Frames in one fragment; tracks that are not kept are blanked out."""
    frames = 0
    for part in file.boxes(moof.body, moof.end):
        if part.name != b"traf":
            if part.name != b"mfhd":
                patches.append(_blank(part))
            continue
        id, samples = 0, 0
        for inner in file.boxes(part.body, part.end):
            if inner.name == b"tfhd":
                (id,) = file.numbers(">I", inner.body + 4, inner.end)
            elif inner.name == b"trun":
                (count,) = file.numbers(">I", inner.body + 4, inner.end)
                samples += count
            elif inner.name != b"tfdt":
                patches.append(_blank(inner))
        if id not in kept:
            patches.append(_blank(part))
        elif id == video:
            frames += samples
        elif samples > _MAX_SOUND_SAMPLES:
            raise refuse("video-hidden-bulk")
    return frames


def _blank(part: _Part) -> Patch:
    """The box keeps its length, so that offsets stay true, but is `free`: a demuxer passes over it unread."""
    return Patch(part.at + 4, b"free")


def _words(file: _File, part: _Part) -> set[str]:
    content = file.bytes(part.at, min(part.end, part.at + (1 << 20)))
    words = {word for word, marks in _MARKS if any(mark in content for mark in marks)}
    if any(content[8:]) and not words:
        words = {"software notes"}
    return words


def _created(file: _File, mvhd: _Part) -> dt.datetime | None:
    (version,) = file.numbers(">B", mvhd.body, mvhd.end)
    (seconds,) = file.numbers(">Q" if version == 1 else ">I", mvhd.body + 4, mvhd.end)
    if not 0 < seconds < 1 << 33:
        return None
    created = _EPOCH + dt.timedelta(seconds=seconds)
    return created if created.year in _YEARS else None


def _instant(text: bytes) -> tuple[dt.datetime | None, bool]:
    try:
        instant = dt.datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None, False
    return (instant, True) if instant.year in _YEARS else (None, False)
