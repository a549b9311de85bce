"""A ZIP from anybody, read with suspicion: what its directory says must be exactly what lies in it, and nothing more.

The standard library reads the directory; the members are read one by one through `stream_unzip`, which also opens
AES-256. Memory does not grow with what a member claims to be.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from stat import S_IFMT, S_IFREG
from typing import BinaryIO, Final

from stream_unzip import (
    AE_2,
    AES_256,
    NO_ENCRYPTION,
    EncryptionMechanismNotAllowed,
    IncorrectAESPasswordError,
    MissingPasswordError,
    UnzipError,
    stream_unzip,
)

from fhir_plugin.disclose.package.names import ALLOWED

_HEADER: Final = struct.Struct("<4s5H3I2H")
_PIECE: Final = 1 << 16
_MOST_MEMBERS: Final = 100_000
_LONGEST_DESCRIPTOR: Final = 24
_SIZES_AFTER: Final = 8
_NEWEST: Final = 51
_EXTRAS: Final = {0x5455: (5,), 0x0001: (8, 16, 24), 0x9901: (7,)}
"""Extra fields of a package and how long they are: time of making, sizes, AES."""
_MOST_32: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 1
_METHODS: Final = (8, 99)
"""Deflate, and AES around it."""


class BadArchive(Exception):
    """It is no package, or is not as a package must be. `where`: the file in it, or empty; `what`: in plain words."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where


class NotOpened(Exception):
    """Whoever asks has to do something else: give a password, or another one. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Member:
    """One file as the directory has it."""

    name: str
    size: int
    packed: int
    start: int
    encrypted: bool


class Archive:
    """The members of a ZIP whose structure was checked. Raises `BadArchive` for what is wrong with it."""

    def __init__(self, file: BinaryIO, password: bytes | None) -> None:
        self._file = file
        self._password = password
        self.members = _checked(file)

    @property
    def is_encrypted(self) -> bool:
        return any(each.encrypted for each in self.members)

    def read(self, member: Member, most: int) -> Iterator[bytes]:
        """The content in pieces. Raises `BadArchive` for damage or more than `most` bytes; `NotOpened`."""
        if member.encrypted and self._password is None:
            raise NotOpened("password-needed", "This package is encrypted: give its password.")
        size = 0
        try:
            opened = stream_unzip(
                _pieces(self._file, member.start),
                password=self._password,
                allowed_encryption_mechanisms=(NO_ENCRYPTION, AE_2, AES_256),
            )
            _name, _size, pieces = next(opened)
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise BadArchive("is longer than the manifest says", member.name)
                yield piece
        except IncorrectAESPasswordError:
            raise NotOpened("password-wrong", "The password does not open this package.") from None
        except MissingPasswordError:
            raise NotOpened("password-needed", "This package is encrypted: give its password.") from None
        except EncryptionMechanismNotAllowed:
            raise BadArchive("is encrypted in a way that is not AES-256", member.name) from None
        except (UnzipError, StopIteration):
            raise BadArchive("is damaged", member.name) from None


def _checked(file: BinaryIO) -> tuple[Member, ...]:
    try:
        with zipfile.ZipFile(file) as opened:
            infos = opened.infolist()
            directory, comment = opened.start_dir, opened.comment
    # NotImplementedError is Python's, for a directory that claims a later version of ZIP than it reads.
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, UnicodeDecodeError):
        raise BadArchive("is no ZIP, or not a whole one") from None
    if not infos:
        raise BadArchive("is empty")
    if len(infos) > _MOST_MEMBERS:
        raise BadArchive("holds more files than a package can")
    if comment:
        raise BadArchive("has a comment, which no package has")
    seen: set[str] = set()
    for info in infos:
        if not ALLOWED.fullmatch(info.filename) or info.orig_filename != info.filename:
            raise BadArchive("holds a file that is not part of a package", _shown(info.filename))
        if info.filename in seen:
            raise BadArchive("is in it twice", info.filename)
        seen.add(info.filename)
        mode = info.external_attr >> 16
        if S_IFMT(mode) not in (0, S_IFREG):
            raise BadArchive("is not an ordinary file", info.filename)
    if len({info.flag_bits & _ENCRYPTED for info in infos}) > 1:
        raise BadArchive("is encrypted in part only")
    in_order = sorted(infos, key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in in_order[1:]), directory]
    starts = 0
    for info, end in zip(in_order, ends, strict=True):
        if info.header_offset != starts:
            raise BadArchive("has something before it that the directory does not name", info.filename)
        _same_in_both(file, info, end)
        starts = end
    _nothing_after(file, directory, len(infos))
    return tuple(
        Member(info.filename, info.file_size, info.compress_size, info.header_offset, bool(info.flag_bits & _ENCRYPTED))
        for info in in_order
    )


def _same_in_both(file: BinaryIO, info: zipfile.ZipInfo, end: int) -> None:
    """The header before the file must say what the directory says, and the file must reach to the next one."""
    file.seek(info.header_offset)
    raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        raise BadArchive("is damaged", info.filename)
    signature, version, flags, method, _time, _date, _crc, _packed, _size, name, extra = _HEADER.unpack(raw)
    if signature != b"PK\x03\x04" or flags != info.flag_bits or method != info.compress_type:
        raise BadArchive("is described in two ways", info.filename)
    if method not in _METHODS:
        raise BadArchive("is packed in a way that no package uses", info.filename)
    if file.read(name) != info.filename.encode():
        raise BadArchive("goes by two names", info.filename)
    if max(version, info.extract_version) > _NEWEST:
        raise BadArchive("wants a newer kind of ZIP than a package is", info.filename)
    if not (_only_known(file.read(extra)) and _only_known(info.extra)):
        raise BadArchive("carries something beside its content", info.filename)
    ends = info.header_offset + _HEADER.size + name + extra + info.compress_size
    follows = 0 <= end - ends <= _LONGEST_DESCRIPTOR  # no file can be read at the place that 64 bits may name
    file.seek(ends if follows else end)
    if not follows or file.read(end - ends) not in _descriptors(info):
        raise BadArchive("is followed by something that the directory does not name", info.filename)


def _only_known(extra: bytes) -> bool:
    """Times, sizes over 4 GB and AES: nothing else that could hold words."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if size not in _EXTRAS.get(kind, ()):
            return False
        at += 4 + size
    return at == len(extra)


def _descriptors(info: zipfile.ZipInfo) -> list[bytes]:
    """What may stand after a file: nothing, or its sizes once more (APPNOTE 4.3.9)."""
    if not info.flag_bits & _SIZES_AFTER:
        return [b""]
    sizes = (info.CRC, info.compress_size, info.file_size)
    bare = [struct.pack("<IQQ", *sizes)]
    if max(sizes) <= _MOST_32:
        bare.append(struct.pack("<III", *sizes))
    return [start + each for each in bare for start in (b"PK\x07\x08", b"")]


def _nothing_after(file: BinaryIO, directory: int, count: int) -> None:
    """After the directory only its own end: no second archive, no words."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(directory)
    at = directory
    for _ in range(count):
        header = file.read(46)
        if len(header) < 46 or header[:4] != b"PK\x01\x02":
            raise BadArchive("has a directory that cannot be read")
        at += 46 + sum(struct.unpack_from("<3H", header, 28))
        file.seek(at)
    rest = file.read(size - at) if size - at <= 98 else b""
    zip64 = rest[:4] == b"PK\x06\x06" and len(rest) == 56 + 20 + 22 and rest[56:60] == b"PK\x06\x07"
    if not (rest[-22:-18] == b"PK\x05\x06" and (len(rest) == 22 or zip64)):
        raise BadArchive("has something after its end")


def _pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    at = start
    while True:
        file.seek(at)
        piece = file.read(_PIECE)
        if not piece:
            return
        at += len(piece)
        yield piece


def _shown(name: str) -> str:
    """A name from anybody, fit for a terminal."""
    return name.encode("ascii", "backslashreplace").decode()[:80].translate(dict.fromkeys(range(32), "?"))
