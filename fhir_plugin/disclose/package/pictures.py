"""Pictures and videos as they go out: clean, with a watermark where one is asked for, one at a time in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from fhir_plugin.disclose.contents import PackagedImage
from fhir_plugin.disclose.package.files import PackedFile, packed
from fhir_plugin.disclose.package.names import PICTURE_ENDINGS, picture_name
from fhir_plugin.errors import Refused
from fhir_plugin.ports import ImageWorker
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import SILENT, ReceivedImage

_VIDEO: Final = "video/"


@dataclass(frozen=True)
class Watermark:
    """For whom each picture is. Without words there is none."""

    words: str
    all_over: bool


def going_out(image: PackagedImage, number: int, worker: ImageWorker, watermark: Watermark) -> tuple[PackedFile, bytes]:
    """The file and its bytes: the same for the same picture, however often it is asked for.

    Raises `UnacceptableImage`; `Refused` (`picture-type`) for what cannot go out as a picture.
    """
    content, media_type = _content(image, worker, watermark)
    if media_type not in PICTURE_ENDINGS:
        raise Refused(f"Picture {number} is of a kind that cannot go into a package.", code="picture-type")
    name = picture_name(number, media_type)
    return packed(name, media_type, content, image.reference, derived=image.derived), content


def smaller(content: bytes, worker: ImageWorker, longest_side: int) -> bytes:
    """A JPEG of the picture for a page, without metadata. Raises `UnacceptableImage`."""
    return worker.preview(_received(content, "image/jpeg"), longest_side=longest_side)


def _content(image: PackagedImage, worker: ImageWorker, watermark: Watermark) -> tuple[bytes, str]:
    content = image.read()
    received = _received(content, image.content_type)
    ours = image.signed == received.sha256
    if image.content_type.startswith(_VIDEO):
        if ours:
            return content, image.content_type
        clean = worker.clean(received, video=SILENT)
        return clean.content, clean.content_type
    if watermark.words:
        return worker.mark(received, watermark.words, below=not watermark.all_over), "image/jpeg"
    if ours and image.content_type in PICTURE_ENDINGS:
        return content, image.content_type
    clean = worker.clean(received)
    return clean.content, clean.content_type


def _received(content: bytes, declared_type: str) -> ReceivedImage:
    return ReceivedImage(ImageId("going-out"), content, declared_type, Sha256(hashlib.sha256(content).hexdigest()))
