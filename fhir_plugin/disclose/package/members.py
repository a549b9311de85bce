"""The files of a package in the order in which they are written: pictures, the record, what people read, the keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fhir_plugin.disclose.contents import PackageContents, PackagedImage
from fhir_plugin.disclose.package import names
from fhir_plugin.disclose.package.cover import Inside, cover_page, cover_sheet
from fhir_plugin.disclose.package.files import PackedFile, packed
from fhir_plugin.disclose.package.manifest import SigningKey
from fhir_plugin.disclose.package.notes import words_of
from fhir_plugin.disclose.package.pdf import Pixels, pixels_of
from fhir_plugin.disclose.package.pictures import Watermark, going_out, smaller
from fhir_plugin.disclose.package.pointing import Loose, Pointing
from fhir_plugin.disclose.package.printable import SmallPicture, printable_record
from fhir_plugin.disclose.package.readable import longest_side, readable_page
from fhir_plugin.disclose.package.reading import Reading, Shown
from fhir_plugin.disclose.package.spool import Aside, SealedSpool
from fhir_plugin.disclose.redact import read_part
from fhir_plugin.disclose.redact.strict import write
from fhir_plugin.ports import ImageWorker
from mappings.model.identifiers import Reference

_HTML: Final = "text/html; charset=utf-8"
_PDF: Final = "application/pdf"
_UNKNOWN_SIZE: Final = 1 << 31


@dataclass(frozen=True)
class Member:
    """One file as it is written. `most_bytes`: it is no longer than that. `stored`: packing it gains nothing.
    `derived`: a picture of which parts were made black for this copy."""

    name: str
    media_type: str
    pieces: Iterable[bytes]
    most_bytes: int = _UNKNOWN_SIZE
    stored: bool = False
    derived: bool = False


class Members:
    """`all` gives every file but the manifest and its signature. `pictures`: those that were written so far."""

    def __init__(
        self, contents: PackageContents, package_id: str, key: SigningKey, worker: ImageWorker, spool: SealedSpool
    ) -> None:
        self._contents = contents
        self._id = package_id
        self._key = key
        self._worker = worker
        self._spool = spool
        self._small: dict[str, tuple[Aside, Pixels | None]] = {}
        self._words: dict[str, Aside] = {}
        self._pointing = Pointing(contents.images)
        self._reading = Reading()
        self._record_bytes = 0
        self._parts = 0
        self._lines = False
        self._longest_side = longest_side(0)
        self.pictures: list[PackedFile] = []

    def all(self) -> Iterator[Member]:
        loose_at, loose_pictures = self._survey()
        self._longest_side = longest_side(len(self._contents.images) + loose_pictures)
        yield from self._listed_pictures()
        listed = tuple(self.pictures)
        loose: list[tuple[Loose, PackedFile]] = []
        yield from self._loose_files(loose_at, loose)
        self._pointing.files(listed, loose)
        yield self._record()
        page = readable_page(self._contents.cover, self._reading, self._picture_of, self._words_of)
        yield Member(names.READABLE_PAGE, _HTML, page, self._most_bytes_to_read)
        print_ = printable_record(self._contents.cover, self._reading, self._printed, self._words_of)
        yield Member(names.READABLE_PRINT, _PDF, print_, self._most_bytes_to_read)
        inside = self._inside(len(loose))
        yield Member(names.COVER_PAGE, _HTML, cover_page(self._contents.cover, inside))
        yield Member(names.COVER_SHEET, _PDF, cover_sheet(self._contents.cover, inside))
        yield Member(names.KEYS, "application/jwk-set+json", [json.dumps({"keys": [self._key.jwk]}).encode()])

    def _inside(self, loose: int) -> Inside:
        return Inside(
            reading=self._reading,
            pictures=self.pictures,
            documents=loose - (len(self.pictures) - len(self._contents.images)),
            record_name=self._record_name,
            package_id=self._id,
            key_check=self._key.check,
        )

    @property
    def _most_bytes_to_read(self) -> int:
        """Of a page or print: where it might be over 4 GB, its place in the ZIP is made for that."""
        return max(_UNKNOWN_SIZE, 64 * self._record_bytes + 2 * sum(aside.size for aside, _ in self._small.values()))

    @property
    def _record_name(self) -> str:
        return names.RECORD_LINES if self._lines or not self._parts else names.RECORD

    # ------------------------------------------------------------------------------------------------ pictures

    def _survey(self) -> tuple[bool, int]:
        """Reads the whole record once: whether files stand in it, and how many of them are pictures.

        Raises what must not go out before anything does.
        """
        files = pictures = 0
        for number, part in enumerate(self._contents.record()):
            self._parts += 1
            self._record_bytes += len(part.data)
            self._lines = self._lines or part.line > 0 or number > 0
            for loose in self._pointing.survey(read_part(part)):
                files += 1
                pictures += loose.is_picture
        self._pointing.surveyed()
        return files > 0, pictures

    def _listed_pictures(self) -> Iterator[Member]:
        for image in self._contents.images:
            yield self._picture(image)

    def _picture(self, image: PackagedImage) -> Member:
        watermark = Watermark(self._contents.watermark, self._contents.marked_all_over)
        file, content = going_out(image, len(self.pictures) + 1, self._worker, watermark)
        self.pictures.append(file)
        if not file.is_video:
            small = smaller(content, self._worker, self._longest_side)
            self._small[file.name] = (self._spool.put(small), pixels_of(small))
        return Member(file.name, file.media_type, [content], file.size, stored=True, derived=file.derived)

    def _picture_of(self, shown: Shown) -> bytes:
        aside, _pixels = self._small[shown.name]
        return self._spool.get(aside)

    def _printed(self, shown: Shown) -> SmallPicture | None:
        _aside, pixels = self._small[shown.name]
        return SmallPicture(lambda: self._picture_of(shown), pixels) if pixels else None

    def _words_of(self, shown: Shown) -> str:
        aside = self._words.get(shown.name)
        return self._spool.get(aside).decode() if aside else ""

    def _loose_files(self, there: bool, found: list[tuple[Loose, PackedFile]]) -> Iterator[Member]:
        if not there:
            return
        again = Pointing(self._contents.images)
        documents = 0
        for part in self._contents.record():
            for loose in again.survey(read_part(part)):
                if loose.is_picture:
                    yield self._picture(_as_picture(loose))
                    found.append((loose.without_content(), self.pictures[-1]))
                else:
                    documents += 1
                    name = names.document_name(documents, loose.media_type)
                    found.append(
                        (loose.without_content(), packed(name, loose.media_type, loose.content, Reference(loose.owner)))
                    )
                    words = words_of(loose.media_type, loose.content)
                    if words:
                        self._words[name] = self._spool.put(words.encode())
                    yield Member(name, loose.media_type, [loose.content], len(loose.content))

    # -------------------------------------------------------------------------------------------------- record

    def _record(self) -> Member:
        most = 2 * self._record_bytes + 500 * self._parts + 500 * len(self.pictures)
        name = self._record_name
        media_type = "application/fhir+json" if name == names.RECORD else "application/fhir+ndjson"
        return Member(name, media_type, self._record_pieces(), most)

    def _record_pieces(self) -> Iterator[bytes]:
        for part in self._contents.record():
            resource, changed = self._pointing.point(read_part(part))
            if resource is None:
                continue
            self._reading.add(resource)
            data = write(resource) if changed or (self._lines and b"\n" in part.data) else part.data
            yield data + b"\n" if self._lines else data


def _as_picture(loose: Loose) -> PackagedImage:
    return PackagedImage(
        reference=Reference(loose.owner),
        binary=None,
        content_type=loose.media_type,
        title="",
        taken="",
        read=lambda: loose.content,
    )
