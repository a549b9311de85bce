"""Walking WebM and Matroska (RFC 8794, RFC 9559) before a demuxer does: limits, and what to blank out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.video_anatomy import (
    MAX_ELEMENTS,
    MAX_TRACKS,
    Patch,
    VideoAnatomy,
    VideoKind,
    check_frame,
)

VIDEO_CODECS = frozenset({b"V_VP8", b"V_VP9", b"V_AV1", b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEVC"})
SOUND_CODECS = frozenset({b"A_OPUS", b"A_VORBIS", b"A_AAC"})

EBML, SEGMENT = 0x1A45DFA3, 0x18538067
DOCTYPE = 0x4282
SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B
TAGS, CHAPTERS, ATTACHMENTS, VOID, CRC = 0x1254C367, 0x1043A770, 0x1941A469, 0xEC, 0xBF
SEGMENT_LEVEL = frozenset({SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, TAGS, CHAPTERS, ATTACHMENTS})
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, ENCODINGS = 0xAE, 0xD7, 0x83, 0x86, 0x6D80
TRACK_NAME, FLAG_ENABLED = 0x536E, 0xB9
VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
DATE, TITLE, SEGMENT_UID, MUXER, WRITER = 0x4461, 0x7BA9, 0x73A4, 0x4D80, 0x5741
PREVIOUS_FILE, NEXT_FILE, SEGMENT_FILE, PREVIOUS_UID, NEXT_UID = 0x3C83AB, 0x3E83BB, 0x7384, 0x3CB923, 0x3EB923
_LINKS = frozenset({PREVIOUS_FILE, NEXT_FILE, SEGMENT_FILE, PREVIOUS_UID, NEXT_UID})

_IS_VIDEO, _IS_SOUND = 1, 2
_TYPE_WORDS = {_IS_SOUND: "sound", 17: "subtitles", 3: "hidden track", 16: "hidden track", 18: "hidden track"}
_WORDS = {CHAPTERS: "chapters", ATTACHMENTS: "attached files"}
_TAG_MARKS = (
    ("location", (b"LOCATION", b"GPS")),
    ("phone or camera model", (b"MAKE", b"MODEL", b"DEVICE")),
    ("description", (b"TITLE", b"COMMENT", b"DESCRIPTION")),
    ("owner or photographer", (b"ARTIST", b"AUTHOR", b"COPYRIGHT")),
)
_MATROSKA_EPOCH = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_YEARS = range(1990, 2100)
_MAX_HEAD = 8 << 20


@dataclass(frozen=True)
class Element:
    """One element by its place in the file. `end` of one of unknown length is that of its parent."""

    id: int
    at: int
    body: int
    end: int
    unknown: bool = False


class Elements:
    """A file's elements, counted: who nests or repeats without end is refused."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self._seen = 0

    def within(self, start: int, end: int) -> Iterator[Element]:
        """Side by side. An element of unknown length is given with its parent's end, and ends the walk."""
        at = start
        while at < end:
            self._seen += 1
            if self._seen > MAX_ELEMENTS:
                raise refuse("video-hidden-bulk")
            element = self.at(at, end)
            yield element
            if element.unknown:
                return
            at = element.end

    def at(self, at: int, end: int) -> Element:
        id, size_at = self._number(at, end, most=4, keep_marker=True)
        size, body = self._number(size_at, end, most=8, keep_marker=False)
        if size == (1 << 7 * (body - size_at)) - 1:
            return Element(id, at, body, end, unknown=True)
        if body + size > end:
            raise refuse("video-truncated" if end == len(self.content) else "video-damaged")
        return Element(id, at, body, body + size)

    def segment(self, segment: Element) -> Iterator[Element]:
        """The segment's children. A cluster of unknown length (a recording as it was streamed) ends where the next
        element of its parent's level begins."""
        at = segment.body
        while at < segment.end:
            self._seen += 1
            if self._seen > MAX_ELEMENTS:
                raise refuse("video-hidden-bulk")
            element = self.at(at, segment.end)
            if element.unknown:
                if element.id != CLUSTER:
                    raise refuse("video-damaged")
                element = Element(CLUSTER, element.at, element.body, self._end_of_cluster(element))
            yield element
            at = element.end

    def number(self, element: Element) -> int:
        return int.from_bytes(self.content[element.body : min(element.end, element.body + 8)], "big")

    def text(self, element: Element) -> bytes:
        return bytes(self.content[element.body : min(element.end, element.body + 64)]).rstrip(b"\0")

    def _end_of_cluster(self, cluster: Element) -> int:
        for inner in self.within(cluster.body, cluster.end):
            if inner.id in SEGMENT_LEVEL:
                return inner.at
        return cluster.end

    def _number(self, at: int, end: int, *, most: int, keep_marker: bool) -> tuple[int, int]:
        if at >= end:
            raise refuse("video-truncated" if end == len(self.content) else "video-damaged")
        first = self.content[at]
        length = 9 - first.bit_length()
        if first == 0 or length > most:
            raise refuse("video-damaged")
        if at + length > end:
            raise refuse("video-truncated" if end == len(self.content) else "video-damaged")
        value = int.from_bytes(self.content[at : at + length], "big")
        return (value if keep_marker else value & ((1 << 7 * length) - 1)), at + length


@dataclass
class _Track:
    element: Element
    number: int = 0
    kind: int = 0
    codec: bytes = b""
    size: tuple[int, int] = (0, 0)
    enabled: bool = True


def look_at_webm(content: bytes | memoryview) -> VideoAnatomy:
    """Raises `UnacceptableImage`: the codes that begin with `video-`."""
    elements = Elements(memoryview(content))
    whole = elements.within(0, len(content))
    header = next(whole, None)
    if header is None or header.id != EBML or header.unknown:
        raise refuse("video-damaged")
    names = [elements.text(each) for each in elements.within(header.body, header.end) if each.id == DOCTYPE]
    if names not in ([b"webm"], [b"matroska"]):
        raise refuse("video-format")
    segment = next(whole, None)
    while segment is not None and segment.id == VOID:
        segment = next(whole, None)
    if segment is None or segment.id != SEGMENT:
        raise refuse("video-truncated")
    return _look_at_segment(elements, segment, len(content))


def _look_at_segment(elements: Elements, segment: Element, length: int) -> VideoAnatomy:
    patches: list[Patch] = []
    found: set[str] = set()
    tracks: list[_Track] = []
    created: dt.datetime | None = None
    clusters = 0
    for child in elements.segment(segment):
        if child.id in (INFO, TRACKS) and child.end - child.body > _MAX_HEAD:
            raise refuse("video-hidden-bulk")
        if child.id == INFO:
            created = _look_at_info(elements, child, patches, found) or created
        elif child.id == TRACKS:
            for entry in elements.within(child.body, child.end):
                if entry.id == TRACK_ENTRY:
                    tracks.append(_look_at_track(elements, entry, patches))
                if len(tracks) > MAX_TRACKS:
                    raise refuse("video-hidden-bulk")
        elif child.id == CLUSTER:
            clusters += 1
        elif child.id not in (SEEK_HEAD, CUES, VOID, CRC):
            patches += _void(child)
            found |= _words(elements, child)
    if segment.end < length:
        found.add("data after the video")
    video, sound = _choose(tracks, found, patches)
    if not clusters:
        raise refuse("video-truncated")
    return VideoAnatomy(
        kind=VideoKind.WEBM,
        width=video.size[0],
        height=video.size[1],
        has_sound=sound is not None,
        patches=tuple(patches),
        found=frozenset(found),
        captured_at=created,
    )


def _words(elements: Elements, element: Element) -> set[str]:
    if element.id != TAGS:
        return {_WORDS.get(element.id, "software notes")}
    text = bytes(elements.content[element.body : min(element.end, element.body + (1 << 20))]).upper()
    return {word for word, marks in _TAG_MARKS if any(mark in text for mark in marks)} or {"software notes"}


def _choose(tracks: list[_Track], found: set[str], patches: list[Patch]) -> tuple[_Track, _Track | None]:
    videos = [track for track in tracks if track.kind == _IS_VIDEO]
    if not videos:
        raise refuse("video-no-frames")
    video = next((track for track in videos if track.enabled), videos[0])
    if video.codec not in VIDEO_CODECS:
        raise refuse("video-format")
    check_frame(*video.size)
    sound = next((track for track in tracks if track.kind == _IS_SOUND and track.codec in SOUND_CODECS), None)
    for track in tracks:
        if track is not video:
            found.add("second video track" if track.kind == _IS_VIDEO else _TYPE_WORDS.get(track.kind, "timed notes"))
        if track is not video and track is not sound:
            patches += _void(track.element)
    if len({track.number for track in tracks}) != len(tracks):
        raise refuse("video-damaged")
    return video, sound


def _look_at_info(elements: Elements, info: Element, patches: list[Patch], found: set[str]) -> dt.datetime | None:
    created = None
    for each in elements.within(info.body, info.end):
        if each.id in _LINKS:
            raise refuse("video-refers-elsewhere")
        if each.id == DATE and each.end - each.body == 8:
            found.add("time")
            nanoseconds = int.from_bytes(elements.content[each.body : each.end], "big", signed=True)
            moment = _MATROSKA_EPOCH + dt.timedelta(seconds=nanoseconds // 1_000_000_000)
            created = moment if moment.year in _YEARS else None
        elif each.id == TITLE:
            found.add("description")
        elif each.id in (MUXER, WRITER):
            found.add("software")
        if each.id in (DATE, TITLE, SEGMENT_UID):
            patches += _void(each)
    return created


def _look_at_track(elements: Elements, entry: Element, patches: list[Patch]) -> _Track:
    track = _Track(entry)
    for each in elements.within(entry.body, entry.end):
        if each.id == TRACK_NUMBER:
            track.number = elements.number(each)
        elif each.id == TRACK_TYPE:
            track.kind = elements.number(each)
        elif each.id == FLAG_ENABLED:
            track.enabled = bool(elements.number(each))
        elif each.id == CODEC_ID:
            track.codec = elements.text(each)
        elif each.id == ENCODINGS:
            # Compressed or encrypted frames: no phone or browser makes them.
            raise refuse("video-format")
        elif each.id == TRACK_NAME:
            patches += _void(each)
        elif each.id == VIDEO:
            track.size = _size(elements, each)
    return track


def _size(elements: Elements, video: Element) -> tuple[int, int]:
    sizes = {each.id: elements.number(each) for each in elements.within(video.body, video.end)}
    return sizes.get(PIXEL_WIDTH, 0), sizes.get(PIXEL_HEIGHT, 0)


def _void(element: Element) -> list[Patch]:
    """The element keeps its length, so that offsets stay true, but is a Void: a demuxer passes over it unread."""
    length = element.end - element.at
    if length >= 9:
        return [Patch(element.at, bytes([VOID, 1]) + (length - 9).to_bytes(7, "big"))]
    return [Patch(element.at, bytes([VOID, 0x80 | length - 2]))] if length >= 2 else []
