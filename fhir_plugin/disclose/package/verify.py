"""Whether a package is whole and unchanged, and by which key it was signed. Needs nothing but the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact
from joserfc.util import urlsafe_b64encode

from fhir_plugin.disclose.package import names
from fhir_plugin.disclose.package.archive import Archive, BadArchive, Member
from fhir_plugin.disclose.package.manifest import FORMAT, FORMAT_VERSION, canonical, key_check, kid_of
from fhir_plugin.ports import Json

_MOST_LIST: Final = 64 << 20
_MOST_SMALL: Final = 1 << 20
_ALGORITHM: Final = "ES384"
_WORTH_DOUBTING: Final = 64 << 20
_MOST_PACKED: Final = 250
"""A record packs to a twentieth or less; a thousandth is a bomb."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with which file. `code` is stable."""

    code: str
    where: str
    message: str


@dataclass(frozen=True)
class Verified:
    """What was found. `whole`: nothing is wrong. `trusted`: the key was among those that were given to compare with;
    None where none were."""

    faults: tuple[Fault, ...]
    package: str = ""
    made: str = ""
    files: int = 0
    bytes: int = 0
    kid: str = ""
    key_check: str = ""
    trusted: bool | None = None
    encrypted: bool = False

    @property
    def whole(self) -> bool:
        return not self.faults


def verify_package(
    file: BinaryIO, *, password: str | None = None, keys: Iterable[Json] | None = None, expected_key: str | None = None
) -> Verified:
    """Checks structure, signature, list and every byte. `keys`: the JSON Web Keys that are trusted; without them the
    key in the package is used, which proves that it is whole, but not whose it is. `expected_key`: the key check that
    somebody read out. Raises `NotOpened` for a password that is missing or wrong.
    """
    try:
        archive = Archive(file, None if password is None else password.encode())
    except BadArchive as bad:
        return Verified((Fault("structure", bad.where, bad.what),))
    members = {each.name: each for each in archive.members}
    try:
        return _Verifying(archive, members, None if keys is None else list(keys), expected_key).result()
    except BadArchive as bad:
        return Verified((Fault("structure", bad.where, bad.what),), encrypted=archive.is_encrypted)


class _Verifying:
    def __init__(
        self, archive: Archive, members: Mapping[str, Member], keys: list[Json] | None, expected_key: str | None
    ) -> None:
        self._archive = archive
        self._members = members
        self._keys = keys
        self._expected = expected_key
        self._faults: list[Fault] = []

    def result(self) -> Verified:
        for name in (names.MANIFEST, names.SIGNATURE, names.KEYS):
            if name not in self._members:
                self._fault("missing", name, "is missing")
        if self._faults:
            return Verified(tuple(self._faults), encrypted=self._archive.is_encrypted)
        raw = self._all(names.MANIFEST, _MOST_LIST)
        manifest = _object(raw)
        listed = _listed(manifest)
        if manifest is None or listed is None or canonical(manifest) != raw:
            self._fault("manifest", names.MANIFEST, "is not a list of files as a package has it")
            return Verified(tuple(self._faults), encrypted=self._archive.is_encrypted)
        kid, check, trusted = self._signature(manifest, raw)
        size = self._files(listed)
        return Verified(
            faults=tuple(self._faults),
            package=str(manifest.get("package", "")),
            made=str(manifest.get("made", "")),
            files=len(listed),
            bytes=size,
            kid=kid,
            key_check=check,
            trusted=trusted,
            encrypted=self._archive.is_encrypted,
        )

    # ---------------------------------------------------------------------------------------------- the signature

    def _signature(self, manifest: Json, raw: bytes) -> tuple[str, str, bool | None]:
        jws = self._all(names.SIGNATURE, _MOST_SMALL).decode("ascii", "replace")
        inside = _object(self._all(names.KEYS, _MOST_SMALL)) or {}
        own = inside.get("keys")
        keys = self._keys if self._keys is not None else [each for each in _list(own) if isinstance(each, dict)]
        try:
            kid = kid_of(jws)
        except ValueError:
            self._fault("signature", names.SIGNATURE, "is not a signature")
            return "", "", None
        jwk = next((each for each in keys if each.get("kid") == kid), None)
        if jwk is None:
            where = names.KEYS if self._keys is None else names.SIGNATURE
            self._fault("key", where, "was signed by a key that is not among those to compare with")
            return kid, "", False if self._keys is not None else None
        check = key_check(jwk)
        if not _signed(jws, raw, jwk):
            self._fault("signature", names.SIGNATURE, "does not fit the manifest: it was changed")
        if manifest.get("key_check") != check:
            self._fault("key", names.MANIFEST, "names another key than the one that signed")
        if self._expected is not None and _bare(self._expected) != _bare(check):
            self._fault("key", names.KEYS, "is not the key that you were told")
            return kid, check, False
        given = self._keys is not None or self._expected is not None
        return kid, check, True if given else None

    # -------------------------------------------------------------------------------------------------- the files

    def _files(self, listed: Mapping[str, tuple[int, str]]) -> int:
        unlisted = self._members.keys() - listed.keys() - {names.MANIFEST, names.SIGNATURE}
        for name in sorted(unlisted):
            self._fault("unlisted", name, "is not on the list")
        total = 0
        for name, (size, sha256) in listed.items():
            member = self._members.get(name)
            if member is None:
                self._fault("missing", name, "is missing")
                continue
            if size > _WORTH_DOUBTING and size > _MOST_PACKED * max(1, member.packed):
                self._fault("structure", name, "would unpack to far more than a package holds")
                continue
            total += size
            self._file(member, size, sha256)
        return total

    def _file(self, member: Member, size: int, sha256: str) -> None:
        digest, length = hashlib.sha256(), 0
        try:
            for piece in self._archive.read(member, size):
                digest.update(piece)
                length += len(piece)
        except BadArchive as bad:
            self._fault("changed", member.name, bad.what)
            return
        if length != size or digest.hexdigest() != sha256:
            self._fault("changed", member.name, "is not the file that was signed")

    def _all(self, name: str, most: int) -> bytes:
        return b"".join(self._archive.read(self._members[name], most))

    def _fault(self, code: str, where: str, message: str) -> None:
        self._faults.append(Fault(code, where, message))


def _signed(jws: str, payload: bytes, jwk: Json) -> bool:
    """A detached JWS (RFC 7515, appendix F) of exactly these bytes, ES384 and nothing else."""
    parts = jws.split(".")
    if len(parts) != 3 or parts[1]:
        return False
    try:
        compact = f"{parts[0]}.{urlsafe_b64encode(payload).decode('ascii')}.{parts[2]}"
        public = {name: value for name, value in jwk.items() if name != "d"}
        found = deserialize_compact(compact, ECKey.import_key(public), algorithms=[_ALGORITHM])
    except (JoseError, ValueError, TypeError, KeyError):
        return False
    return set(found.headers()) == {"alg", "kid"}


def _object(raw: bytes) -> Json | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _listed(manifest: Json | None) -> dict[str, tuple[int, str]] | None:
    if manifest is None or manifest.get("format") != FORMAT or manifest.get("version") != FORMAT_VERSION:
        return None
    found: dict[str, tuple[int, str]] = {}
    for each in _list(manifest.get("files")):
        name, size, sha256 = (each.get(key) if isinstance(each, dict) else None for key in ("name", "size", "sha256"))
        if not isinstance(name, str) or not isinstance(sha256, str) or type(size) is not int or size < 0:
            return None
        if name in found or not names.ALLOWED.fullmatch(name) or name in (names.MANIFEST, names.SIGNATURE):
            return None
        found[name] = (size, sha256)
    return found


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _bare(check: str) -> str:
    """A key check without the gaps that people write."""
    return "".join(check.split()).casefold().replace(":", "").replace("-", "")


__all__ = ["Fault", "Verified", "verify_package"]
