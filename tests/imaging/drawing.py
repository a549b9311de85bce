"""Pictures drawn for the tests, and files that carry canaries in every place where metadata can hide."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import ReceivedImage

SAMPLES = Path(__file__).parent / "samples"
CORNERS = ((200, 40, 40), (40, 180, 60), (50, 60, 200), (220, 210, 60))
"""Colours of the upright chart: top left, top right, bottom left, bottom right."""

Pixels = NDArray[np.uint8]


def received(content: bytes) -> ReceivedImage:
    digest = Sha256(hashlib.sha256(content).hexdigest())
    return ReceivedImage(ImageId("image-1"), content, "image/jpeg", digest)


def chart(width: int = 64, height: int = 48) -> Image.Image:
    """Four flat corners: any turn or mirroring moves them."""
    image = Image.new("RGB", (width, height))
    half, middle = width // 2, height // 2
    for corner, box in zip(CORNERS, ((0, 0), (half, 0), (0, middle), (half, middle)), strict=True):
        image.paste(corner, (*box, box[0] + width - half, box[1] + height - middle))
    return image


def grainy(width: int, height: int, seed: int = 1) -> Image.Image:
    """Gradients with grain: like a photograph to an encoder."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width]
    ground = 120 + 80 * np.sin(across / 17) * np.cos(down / 23)
    photo = np.stack((ground + 30, ground, ground - 30), axis=-1) + random.normal(0, 6, (height, width, 1))
    return Image.fromarray(photo.clip(0, 255).astype(np.uint8), "RGB")


def as_jpeg(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "JPEG", {"quality": 95, "subsampling": "4:4:4", **options})


def as_png(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "PNG", options)


def as_webp(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "WEBP", {"lossless": True, **options})


def _saved(image: Image.Image, kind: str, options: Mapping[str, object]) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


# ---------------------------------------------------------------------------------- EXIF by hand


def tiff(
    main: Mapping[int, bytes | int],
    camera: Mapping[int, bytes | int] | None = None,
    gps: Mapping[int, bytes | int] | None = None,
    thumbnail: bytes = b"",
    order: str = ">",
) -> bytes:
    """A TIFF block: bytes become ASCII tags, numbers become shorts (or longs, for pointers)."""
    directories: list[dict[int, bytes | int]] = [dict(main)]
    if camera:
        directories.append(dict(camera))
    if gps:
        directories.append(dict(gps))
    sizes = [2 + 12 * (len(main) + bool(camera) + bool(gps)) + 4]
    sizes += [2 + 12 * len(extra) + 4 for extra in directories[1:]]
    starts = [8 + sum(sizes[:n]) for n in range(len(sizes))]
    end = 8 + sum(sizes)
    if camera:
        directories[0][0x8769] = starts[1]
    if gps:
        directories[0][0x8825] = starts[-1]
    thumbnail_directory = end
    end += 2 + 24 + 4 if thumbnail else 0
    body, tail = b"", b""
    for number, directory in enumerate(directories):
        body += struct.pack(order + "H", len(directory))
        for tag, value in sorted(directory.items()):
            if isinstance(value, int):
                kind = 4 if tag in (0x8769, 0x8825) else 3
                packed = struct.pack(order + ("I" if kind == 4 else "H2x"), value)
                body += struct.pack(order + "HHI", tag, kind, 1) + packed
            else:
                body += struct.pack(order + "HHI", tag, 7 if tag == 0x927C else 2, len(value))
                if len(value) <= 4:
                    body += value.ljust(4, b"\0")
                else:
                    body += struct.pack(order + "I", end + len(tail))
                    tail += value
        body += struct.pack(order + "I", thumbnail_directory if thumbnail and number == 0 else 0)
    if thumbnail:
        body += struct.pack(order + "HHHII", 2, 0x0201, 4, 1, end + len(tail))
        body += struct.pack(order + "HHIII", 0x0202, 4, 1, len(thumbnail), 0)
        tail += thumbnail
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", 8) + body + tail


# ---------------------------------------------------------------------------------- canaries


class Canaries:
    """A long word of its own for every carrier, so that a survivor says where it hid."""

    def __init__(self) -> None:
        self.words: list[bytes] = []

    def new(self, carrier: str) -> bytes:
        word = b"CANARY-" + carrier.encode() + b"-" + hashlib.sha256(carrier.encode()).hexdigest()[:24].encode()
        self.words.append(word)
        return word

    def survivors(self, content: bytes) -> list[bytes]:
        """Canaries found in the bytes, in any of the usual encodings."""
        return [
            word
            for word in self.words
            if any(word.decode().encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
        ]


def exif_with(canaries: Canaries, orientation: int = 1) -> bytes:
    thumbnail = as_jpeg(chart(16, 16), comment=canaries.new("exif-thumbnail"))
    return tiff(
        {
            0x0112: orientation,
            0x010E: canaries.new("exif-description"),
            0x010F: canaries.new("exif-make"),
            0x0110: canaries.new("exif-model"),
            0x0131: canaries.new("exif-software"),
            0x013B: canaries.new("exif-artist"),
            0x8298: canaries.new("exif-copyright"),
            0x9C9D: canaries.new("exif-xp-author").decode().encode("utf-16-le"),
        },
        {
            0x9003: b"2024:02:29 10:11:12\0",
            0x9011: b"+01:00\0",
            0x9286: b"ASCII\0\0\0" + canaries.new("exif-user-comment"),
            0x927C: canaries.new("exif-maker-note"),
            0xA430: canaries.new("exif-owner"),
            0xA431: canaries.new("exif-serial"),
        },
        {0x0001: b"N\0", 0x001B: canaries.new("gps-method"), 0x001D: canaries.new("gps-date")},
        thumbnail,
    )


def xmp_with(canaries: Canaries) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>'
        + canaries.new("xmp-creator")
        + b"</dc:creator><exif:GPSLatitude>"
        + canaries.new("xmp-gps")
        + b"</exif:GPSLatitude><xmpMM:History>"
        + canaries.new("xmp-history")
        + b"</xmpMM:History></x:xmpmeta>"
    )


def icc_with(canaries: Canaries, profile: bytes) -> bytes:
    """The profile with its own words replaced by canaries, and more of them in header and padding."""
    whole = bytearray(profile)
    count = int.from_bytes(profile[128:132], "big")
    end = len(whole)
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(whole[at : at + 4])
        if name in (b"desc", b"cprt"):
            text = b"text\0\0\0\0" + canaries.new("icc-" + name.decode())
            whole[at + 4 : at + 12] = struct.pack(">II", end, len(text))
            whole += text
            end = len(whole)
    whole += canaries.new("icc-padding")
    whole[48:52] = b"CNRY"
    whole[:4] = struct.pack(">I", len(whole))
    return bytes(whole)


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def iptc_with(canaries: Canaries) -> bytes:
    datasets = b""
    for number, carrier in ((80, "iptc-byline"), (90, "iptc-city"), (120, "iptc-caption")):
        word = canaries.new(carrier)
        datasets += b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(word)) + word
    datasets += b"\0" * (len(datasets) % 2)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(datasets)) + datasets
    return b"Photoshop 3.0\0" + resource


def loaded_jpeg(
    canaries: Canaries, *, orientation: int = 1, icc: bytes = b"", image: Image.Image | None = None
) -> bytes:
    """A JPEG with a canary in every carrier that the format has, between scans and after the end too."""
    plain = as_jpeg(image or chart())
    extended = canaries.new("xmp-extended")
    carriers = segment(0xE0, b"JFXX\0\x13" + canaries.new("jfxx"))
    carriers += segment(0xE1, b"Exif\0\0" + exif_with(canaries, orientation))
    carriers += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_with(canaries))
    carriers += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + extended)
    if icc:
        carriers += segment(0xE2, b"ICC_PROFILE\0\x01\x01" + icc_with(canaries, icc))
    carriers += segment(0xE2, b"MPF\0" + canaries.new("mpf"))
    carriers += segment(0xE2, b"FPXR\0" + canaries.new("flashpix"))
    for number in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15):
        carriers += segment(0xE0 + number, canaries.new(f"app{number}"))
    carriers += segment(0xED, iptc_with(canaries))
    carriers += segment(0xEE, b"Adobe\0\x64" + b"\0\0\0\0\x01" + canaries.new("adobe"))
    carriers += segment(0xFE, canaries.new("comment"))
    trailer = b"\0\0\0\x18ftypmp42" + canaries.new("motion-photo") + canaries.new("trailer")
    return plain[:20] + carriers + plain[20:] + trailer


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def loaded_png(
    canaries: Canaries, *, orientation: int = 1, icc: bytes = b"", image: Image.Image | None = None
) -> bytes:
    """A PNG with a canary in every text, private and metadata chunk, and after the end."""
    plain = as_png(image or chart())
    carriers = b""
    if icc:
        carriers += png_chunk(b"iCCP", canaries.new("iccp-name") + b"\0\0" + zlib.compress(icc_with(canaries, icc)))
    carriers += png_chunk(b"tEXt", b"Author\0" + canaries.new("text"))
    carriers += png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(canaries.new("ztxt")))
    carriers += png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_with(canaries))
    carriers += png_chunk(b"iTXt", b"Title\0\1\0en\0\0" + zlib.compress(canaries.new("itxt")))
    carriers += png_chunk(b"tEXt", canaries.new("keyword") + b"\0value")
    carriers += png_chunk(b"eXIf", exif_with(canaries, orientation))
    carriers += png_chunk(b"tIME", b"\x07\xe8\x02\x1d\x0a\x0b\x0c")
    carriers += png_chunk(b"sPLT", canaries.new("splt") + b"\0\x08")
    carriers += png_chunk(b"prVt", canaries.new("private"))
    return plain[:33] + carriers + plain[33:] + canaries.new("trailer")


def riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def loaded_webp(canaries: Canaries, *, orientation: int = 1, image: Image.Image | None = None) -> bytes:
    """An extended WebP with EXIF, XMP, an unknown chunk and a trailer."""
    picture = image or chart()
    plain = as_webp(picture)
    size = (picture.width - 1).to_bytes(3, "little") + (picture.height - 1).to_bytes(3, "little")
    body = b"WEBP" + riff_chunk(b"VP8X", struct.pack("<I", 0x2C) + size) + plain[12:]
    body += riff_chunk(b"EXIF", exif_with(canaries, orientation))
    body += riff_chunk(b"XMP ", xmp_with(canaries))
    body += riff_chunk(b"PRVT", canaries.new("unknown-chunk"))
    return b"RIFF" + struct.pack("<I", len(body)) + body + canaries.new("trailer")
