"""One package: a ZIP in pieces, every byte proven before it is packed, listed and signed at the end.

Constant memory: one picture at a time. Nothing may be released before `Package.proven` can be had.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from stat import S_IFREG
from typing import Final

from stream_zip import ZIP_AUTO, Method, stream_zip

from fhir_plugin.disclose.contents import PackageContents
from fhir_plugin.disclose.package import names
from fhir_plugin.disclose.package.manifest import Listed, SigningKey, canonical, kid_of, manifest_of, signing_key
from fhir_plugin.disclose.package.members import Member, Members
from fhir_plugin.disclose.package.spool import SealedSpool
from fhir_plugin.disclose.prove import Clean, Kind, Leaks, Needles, Proof
from fhir_plugin.disclose.proven import CannotLook, NotProven
from fhir_plugin.errors import Unavailable
from fhir_plugin.ports import ImageWorker, StatementSigner
from mappings.model.identifiers import Reference, Sha256

_MODE: Final = S_IFREG | 0o644
_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class ProvenPackage:
    """A package that is whole and proven clean. `sha256` and `size`: of the ZIP as sent. `manifest`: SHA-256 of
    `manifest.json`, which `jws` signs. `shown`: what each picture that went out shows, with the hash of its file."""

    package_id: str
    sha256: Sha256
    size: int
    files: int
    manifest: Sha256
    jws: str
    key_check: str
    shown: tuple[tuple[Reference, Sha256], ...] = field(repr=False)
    looked_at: int


class Package(Iterator[bytes]):
    """The pieces of one ZIP, once through. Raises what making it raises, and from then on gives nothing more:

    `NotProven` (something withheld was found), `CannotLook`, `Refused` (a picture that cannot go out, `Unreadable
    Record`), `UnacceptableImage`, `Unavailable` (the signing key or a picture changed meanwhile).
    """

    def __init__(self, pieces: Callable[[Package], Iterator[bytes]]) -> None:
        self._pieces = pieces(self)
        self._proven: ProvenPackage | None = None

    def __next__(self) -> bytes:
        return next(self._pieces)

    @property
    def proven(self) -> ProvenPackage:
        """Raises `NotProven` while it is not whole."""
        if self._proven is None:
            raise NotProven("This package has not been made to its end: nothing of it may go out.")
        return self._proven


def write_package(
    contents: PackageContents,
    *,
    package_id: str,
    signer: StatementSigner,
    needles: Needles,
    worker: ImageWorker,
    password: str | None = None,
) -> Package:
    """The package of `contents` as pieces; `proven` once the last one was taken.

    `needles`: what must not be found in any byte (`prove.what_to_look_for`). `password`: AES-256 (WinZip AE-2);
    nothing of it is kept. Pictures are compared with those of `needles` by the worker.
    """

    def pieces(package: Package) -> Iterator[bytes]:
        whole, size = hashlib.sha256(), 0
        with SealedSpool() as spool:
            # Where nothing stays, nothing can be in what nobody can look into: an encrypted letter of one's own goes.
            proof = Proof(needles, pixels=worker.pixels) if needles.needles or needles.prints else None
            making = _Making(contents, package_id, signer, proof, worker, spool)
            for piece in stream_zip(making.packed(), chunk_size=_PIECE, password=password):
                whole.update(piece)
                size += len(piece)
                yield piece
        package._proven = making.proven(Sha256(whole.hexdigest()), size)

    return Package(pieces)


_Packed = tuple[str, dt.datetime, int, Method, Iterable[bytes]]


class _Making:
    """One package while it is made."""

    def __init__(
        self,
        contents: PackageContents,
        package_id: str,
        signer: StatementSigner,
        proof: Proof | None,
        worker: ImageWorker,
        spool: SealedSpool,
    ) -> None:
        self._id = package_id
        self._made = contents.cover.made.astimezone(dt.UTC)
        self._mode = contents.cover.mode
        self._signer = signer
        self._proof = proof
        self._key: SigningKey = signing_key(signer)
        self._members = Members(contents, package_id, self._key, worker, spool)
        self._listed: list[Listed] = []
        self._jws = ""

    def packed(self) -> Iterator[_Packed]:
        for member in self._members.all():
            yield self._pack(member)
        statement = manifest_of(self._id, self._made, self._mode, self._key.check, self._listed)
        yield self._pack(Member(names.MANIFEST, "application/json", [canonical(statement)]))
        self._jws = self._signer.sign(statement)
        if kid_of(self._jws) != self._key.kid:
            raise Unavailable("The key that signs was changed meanwhile: try again.", code="key-changed")
        yield self._pack(Member(names.SIGNATURE, "application/jose", [self._jws.encode("ascii")]))

    def proven(self, sha256: Sha256, size: int) -> ProvenPackage:
        verdict = Clean(0, 0, 0) if self._proof is None else self._proof.verdict()
        assert not isinstance(verdict, Leaks), "each part was looked at as it closed"
        return ProvenPackage(
            package_id=self._id,
            sha256=sha256,
            size=size,
            files=len(self._listed),
            manifest=next(each.sha256 for each in self._listed if each.name == names.MANIFEST),
            jws=self._jws,
            key_check=self._key.check,
            shown=tuple((each.of, each.sha256) for each in self._members.pictures),
            looked_at=verdict.bytes,
        )

    def _pack(self, member: Member) -> _Packed:
        method = ZIP_AUTO(member.most_bytes, level=0 if member.stored else 6)
        return member.name, self._made, _MODE, method, self._through(member)

    def _through(self, member: Member) -> Iterator[bytes]:
        look = None if self._proof is None else self._proof.part(member.name)
        digest, size = hashlib.sha256(), 0
        for piece in member.pieces:
            digest.update(piece)
            size += len(piece)
            if look is not None:
                look.feed(piece)
            yield piece
        if look is not None and self._proof is not None:
            look.close()
            verdict = self._proof.verdict()
            if isinstance(verdict, Leaks):
                raise _leak(verdict, member.name)
        self._listed.append(Listed(member.name, member.media_type, size, Sha256(digest.hexdigest()), member.derived))


def _leak(found: Leaks, name: str) -> NotProven | CannotLook:
    kinds = sorted({find.kind for find in found.finds})
    if kinds == [Kind.UNSEEN]:
        return CannotLook(f"{name} holds a file that cannot be looked into, so that nobody can say it is clean.")
    return NotProven(f"Something that must stay back is in {name} ({', '.join(kinds)}). Nothing goes out.")
