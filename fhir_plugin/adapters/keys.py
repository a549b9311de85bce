"""The master key, and everything that is sealed under it.

One master key (32 bytes) comes from the settings or from a file that only we may read; older ones stay until
all is sealed again under the newest. Each use has its own key (HKDF-SHA-256, RFC 5869), and each message one
derived from it with a random salt, so that no AES-256-GCM key ever sees two messages with one nonce.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fhir_plugin.errors import Tampered, Unavailable

KEY_BYTES = 32
_FORMAT = b"\x01"
_ID_BYTES, _SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 8, 16, 12, 16
SEAL_OVERHEAD = len(_FORMAT) + _ID_BYTES + _SALT_BYTES + _NONCE_BYTES + _TAG_BYTES


class KeyUse(StrEnum):
    """What a key derived from the master may be used for. One that leaks says nothing about the others."""

    VAULT = "vault"
    TOKENS = "tokens"
    SESSIONS = "sessions"
    COMPANION = "companion"
    DIGEST = "digest"
    SIGNING = "signing"
    DRAFTS = "drafts"
    CLIENT = "client"
    APPOINTMENTS = "appointments"
    WORK = "work"
    REQUESTS = "requests"
    OPINIONS = "opinions"
    MACHINES = "machines"
    DISCLOSURES = "disclosures"
    DELETIONS = "deletions"
    COPIES = "copies"


class MasterKeys:
    """The masters of this installation, the current one first. Never printed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a master key has {KEY_BYTES} bytes, and there is at least one")
        self._keys = {_master_id(key): key for key in keys}
        self._current = _master_id(keys[0])

    def __repr__(self) -> str:
        return f"MasterKeys(current={self.current_id}, {len(self._keys)} in all)"

    @property
    def current_id(self) -> str:
        """A name for the current master that says nothing about it."""
        return self._current.hex()

    @classmethod
    def from_text(cls, text: str) -> MasterKeys:
        """From settings or a key file: one base64url key of 32 bytes a word, the current one first."""
        try:
            return cls([base64.b64decode(_padded(word), altchars=b"-_", validate=True) for word in text.split()])
        except (ValueError, binascii.Error):
            raise Unavailable(
                f"The master key cannot be read: base64url of {KEY_BYTES} bytes is expected.",
                code="master-key",
            ) from None

    @classmethod
    def from_file(cls, path: Path) -> MasterKeys:
        """From a key file, made with a fresh key when there is none. `Unavailable` if others may read it."""
        if not path.exists():
            _create_whole(path, new_master_key())
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Unavailable(
                    "The master key file can be read by other users of this machine: chmod 600 it, and "
                    "rotate the key, which others may know.",
                    code="master-key",
                )
            return cls.from_text(file.read().decode("ascii", errors="replace"))

    @classmethod
    def add_to_file(cls, path: Path) -> MasterKeys:
        """Puts a fresh key before those in the file. Then seal everything again, then `forget_old`."""
        cls.from_file(path)
        _replace_whole(path, f"{new_master_key()}\n{path.read_text('ascii')}")
        return cls.from_file(path)

    @classmethod
    def forget_old(cls, path: Path) -> MasterKeys:
        """Keeps only the current key in the file. What is still sealed under an old one is lost."""
        cls.from_file(path)
        _replace_whole(path, path.read_text("ascii").split()[0] + "\n")
        return cls.from_file(path)

    def seal(self, use: KeyUse, content: bytes, *, bound_to: Sequence[str]) -> bytes:
        """`content` encrypted under the current master. It opens only with the same `use` and `bound_to`."""
        salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
        head = _FORMAT + self._current + salt
        cipher = AESGCM(_derive(self._keys[self._current], use, salt))
        return head + nonce + cipher.encrypt(nonce, content, _binding(head, bound_to))

    def open(self, use: KeyUse, sealed: bytes, *, bound_to: Sequence[str]) -> bytes:
        """What was sealed. `Tampered` if a byte, the use or the binding differs, or the master is gone."""
        if len(sealed) < SEAL_OVERHEAD or not sealed.startswith(_FORMAT):
            raise Tampered("Something that was stored sealed is damaged.", code="sealed-damaged")
        head, rest = sealed[: 1 + _ID_BYTES + _SALT_BYTES], sealed[1 + _ID_BYTES + _SALT_BYTES :]
        master = self._keys.get(head[1 : 1 + _ID_BYTES])
        if master is None:
            raise Tampered("Something is sealed under a master key that we do not have.", code="master-key-unknown")
        cipher = AESGCM(_derive(master, use, head[1 + _ID_BYTES :]))
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _binding(head, bound_to))
        except InvalidTag:
            raise Tampered("Something that was stored sealed does not verify.", code="sealed-damaged") from None

    def seal_again(self, use: KeyUse, sealed: bytes, *, bound_to: Sequence[str]) -> bytes:
        """The same content under the current master. Raises `Tampered` as `open` does."""
        return self.seal(use, self.open(use, sealed, bound_to=bound_to), bound_to=bound_to)

    def is_current(self, sealed: bytes) -> bool:
        """Whether it is sealed under the current master already."""
        return sealed[1 : 1 + _ID_BYTES] == self._current


def new_master_key() -> str:
    """A fresh random master key, in the form that settings and key file take."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii").rstrip("=")


def bytes_of(bound_to: Sequence[str]) -> bytes:
    """The parts of a binding as bytes that no other parts give (RFC 8785 of the list)."""
    return rfc8785.dumps(list(bound_to))


def _binding(head: bytes, bound_to: Sequence[str]) -> bytes:
    return head + bytes_of(bound_to)


def _derive(master: bytes, use: KeyUse, salt: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, b"fhir-plugin/1/" + use.value.encode("ascii")).derive(master)


def _master_id(key: bytes) -> bytes:
    return hashlib.sha256(b"fhir-plugin/1/master-id" + key).digest()[:_ID_BYTES]


def _padded(word: str) -> str:
    return word + "=" * (-len(word) % 4)


def _create_whole(path: Path, text: str) -> None:
    """Appears complete or not at all; the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = _write_aside(path, text)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    sync_directory(path.parent)


def _replace_whole(path: Path, text: str) -> None:
    _write_aside(path, text).replace(path)
    sync_directory(path.parent)


def _write_aside(path: Path, text: str) -> Path:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return aside


def sync_directory(path: Path) -> None:
    """Makes the names in a directory as durable as the bytes behind them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
