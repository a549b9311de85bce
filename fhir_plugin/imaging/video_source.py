"""The one thing that a demuxer gets to read: bytes in memory, with everything blanked out that is not for it."""

from __future__ import annotations

import bisect
import io
from collections.abc import Sequence

from fhir_plugin.imaging.video_anatomy import Patch


class PatchedBytes:
    """A read-only binary file over bytes that stay where they are; patches are laid over them as they are read."""

    def __init__(self, content: bytes | memoryview, patches: Sequence[Patch]) -> None:
        self._content = memoryview(content)
        self._patches = sorted(patches, key=lambda patch: patch.at)
        self._starts = [patch.at for patch in self._patches]
        self._longest = max((len(patch.instead) for patch in patches), default=0)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from here; all that is left for a negative size."""
        end = len(self._content) if size < 0 else min(self._at + size, len(self._content))
        start, self._at = self._at, max(end, self._at)
        first = bisect.bisect_left(self._starts, start - self._longest)
        last = bisect.bisect_left(self._starts, end)
        if first == last:
            return bytes(self._content[start:end])
        chunk = bytearray(self._content[start:end])
        for patch in self._patches[first:last]:
            instead, at = patch.instead, patch.at - start
            if at < 0:
                instead, at = instead[-at:], 0
            instead = instead[: max(0, len(chunk) - at)]
            chunk[at : at + len(instead)] = instead
        return bytes(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Raises ValueError before the beginning."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._content)}[whence]
        if origin + offset < 0:
            raise ValueError("before the beginning")
        self._at = origin + offset
        return self._at

    def tell(self) -> int:
        return self._at
