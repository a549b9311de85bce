"""Pictures and videos as they go out: clean, with a watermark where one is asked for, one at a time in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from fhir_plugin.disclose.contents import PackagedImage
from fhir_plugin.disclose.package.files import PackedFile, packed
from fhir_plugin.disclose.package.names import PICTURE_ENDINGS, picture_name
from fhir_plugin.errors import Refused, UnacceptableImage
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

    Raises `UnacceptableImage` for what cannot be made anew, `Refused` (`picture-type`) for what cannot go out as a
    picture: each says which one, and what to do.
    """
    try:
        content, media_type = _content(image, worker, watermark)
    except UnacceptableImage as error:
        raise UnacceptableImage(_which(image, error.code), code=error.code) from error
    if media_type not in PICTURE_ENDINGS:
        raise Refused(_which(image, "picture-type"), code="picture-type")
    name = picture_name(number, media_type)
    return packed(name, media_type, content, image.reference, derived=image.derived), content


def smaller(content: bytes, worker: ImageWorker, longest_side: int) -> bytes:
    """A JPEG of the picture for a page, without metadata. Raises `UnacceptableImage`."""
    return worker.preview(_received(content, "image/jpeg"), longest_side=longest_side)


def _which(image: PackagedImage, why: str) -> str:
    of = f"of {image.taken} " if image.taken else ""
    return (
        f"The picture {of}({image.reference}) cannot go into a package: its file is damaged, or of a kind that cannot "
        f"be made anew from its pixels ({why}). Keep this item back and send its file in another way, or have it "
        "filed anew as JPEG."
    )


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
