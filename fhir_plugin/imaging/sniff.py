"""What a file really is, whatever its name or declared type says: by its first bytes and its structure."""

from __future__ import annotations

from fhir_plugin.imaging.anatomy import Kind
from fhir_plugin.imaging.refusals import refuse

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"MiHE", b"miaf"})
_SEQUENCE_BRANDS = frozenset({b"msf1", b"hevc", b"hevx", b"hevm", b"hevs", b"avis"})
_RAW_BRANDS = frozenset({b"crx "})
_HEIC_CODED = frozenset({b"heic", b"heix", b"heim", b"heis", b"MiHE"})

_REFUSED_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"GIF87a", "unsupported-format"),
    (b"GIF89a", "unsupported-format"),
    (b"BM", "unsupported-format"),
    (b"II*\0\x10\0\0\0CR", "raw-photo"),
    (b"IIRO", "raw-photo"),
    (b"IIU\0", "raw-photo"),
    (b"FUJIFILM", "raw-photo"),
    (b"FOVb", "raw-photo"),
    (b"\0MRM", "raw-photo"),
    (b"II*\0", "unsupported-format"),
    (b"MM\0*", "unsupported-format"),
    (b"II+\0", "unsupported-format"),
    (b"MM\0+", "unsupported-format"),
    (b"8BPS", "unsupported-format"),
    (b"\0\0\x01\0", "unsupported-format"),
    (b"\0\0\0\x0cjP  ", "unsupported-format"),
    (b"\xff\x4f\xff\x51", "unsupported-format"),
    (b"\xff\x0a", "unsupported-format"),
    (b"\0\0\0\x0cJXL ", "unsupported-format"),
    (b"qoif", "unsupported-format"),
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xfe\xed\xfa", "executable"),
    (b"\xce\xfa\xed\xfe", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"dex\n", "executable"),
    (b"\0asm", "executable"),
    (b"#!", "executable"),
    (b"%PDF", "pdf"),
    (b"%!PS", "pdf"),
    (b"PK\x03\x04", "archive"),
    (b"PK\x05\x06", "archive"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"\xfd7zXZ", "archive"),
    (b"BZh", "archive"),
    (b"\xd0\xcf\x11\xe0", "archive"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"FLV\x01", "video"),
    (b"\0\0\x01\xba", "video"),
    (b"\0\0\x01\xb3", "video"),
    (b"OggS", "video"),
    (b"#EXTM3U", "video"),
)


def sniff(content: bytes) -> Kind:
    """The kind of picture, or `UnacceptableImage` with the reason why this is none that can be filed."""
    if not content:
        raise refuse("empty-file")
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Kind.WEBP
    if content[4:8] == b"ftyp":
        return _sniff_boxes(content)
    raise refuse(_why_not(content))


def _sniff_boxes(content: bytes) -> Kind:
    """ISO base media files: HEIC stills among videos, AVIF and raw photos, told apart by their brands."""
    size = int.from_bytes(content[:4], "big")
    if not 16 <= size <= 1024 or size > len(content):
        raise refuse("damaged" if len(content) >= 16 else "truncated")
    major = content[8:12]
    brands = {major} | {content[at : at + 4] for at in range(16, size - 3, 4)}
    if major in _RAW_BRANDS:
        raise refuse("raw-photo")
    if b"avif" in brands or major == b"avis":
        raise refuse("unsupported-format")
    if major in _SEQUENCE_BRANDS:
        raise refuse("animated")
    if major in _HEIC_BRANDS:
        if major in _HEIC_CODED or brands & _HEIC_CODED or not brands - _HEIC_BRANDS:
            return Kind.HEIC
        raise refuse("unsupported-format")
    raise refuse("video")


def _why_not(content: bytes) -> str:
    for start, code in _REFUSED_STARTS:
        if content.startswith(start):
            return code
    if content.startswith(b"RIFF"):
        return "video" if content[8:12] == b"AVI " else "not-an-image"
    if content[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video"
    head = content[:4096]
    if not head.strip(b"\0 \t\r\n"):
        return "not-an-image"
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "not-an-image"
    return _what_text(head)


def _what_text(head: bytes) -> str:
    plain = head.replace(b"\0", b"").lower()
    if b"<svg" in plain:
        return "svg"
    readable = sum(1 for byte in plain if byte >= 0x20 or byte in b"\t\r\n\f\x1b")
    return "text" if readable >= 0.95 * len(plain) and _decodes(plain) else "not-an-image"


def _decodes(plain: bytes) -> bool:
    try:
        plain[: len(plain) - 4 if len(plain) > 64 else None].decode()
    except UnicodeDecodeError as error:
        # Text in an old one-byte encoding has few bytes above 0x7f; a random file has half.
        return error.start > 0 and sum(byte > 0x7F for byte in plain) < len(plain) / 5
    return True
