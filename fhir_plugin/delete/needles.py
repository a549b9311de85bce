"""What a proof looks for: small pieces of the bytes that are to be destroyed, and by what else they can be found again.

Taken before the first destroying act, kept sealed in the vault (compartment `case`) for as long as somebody may have to
look again, and destroyed once it is proven. Nobody could make a picture of them. Of its hashes only keyed digests.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import Compartment, Vault, VaultItem
from mappings.model.deletion import ItemId
from mappings.model.identifiers import VaultId

Json = dict[str, Any]

PIECE: Final = 32
"""Bytes of one piece: no other file has the same by chance."""
PIECES: Final = 12
"""Of one content, from all over it: a part of it that is left somewhere has one of them."""
_OWNER: Final = "needles/"
_SHORTEST: Final = 8
_LIVELY: Final = 12
"""Different bytes that a piece needs: an empty stretch stands in many files."""


@dataclass(frozen=True)
class Needles:
    """What to look for. `sizes` and `digests` (keyed): of each content; `marks`: keyed, of each content's SHA-1 and
    SHA-256, which an attachment may bear. `identifiers` and `labels`: `system|value`, to search by."""

    pieces: tuple[bytes, ...] = field(repr=False)
    sizes: frozenset[int] = frozenset()
    digests: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    labels: tuple[str, ...] = ()


def needles_of(contents: Iterable[bytes], resource: Json, vault: Vault) -> Needles:
    """Of an image's bytes, its thumbnail's and whatever else was made of it; `resource` as it stands in the record."""
    held = [each for each in contents if each]
    pieces = dict.fromkeys(piece for content in held for piece in pieces_of(content))
    marks = {vault.keyed_digest(digest) for content in held for digest in _hashes(content)}
    return Needles(
        pieces=tuple(pieces),
        sizes=frozenset(len(content) for content in held),
        digests=frozenset(vault.keyed_digest(content) for content in held),
        marks=frozenset(marks),
        identifiers=tuple(dict.fromkeys(_tokens(_identifiers(resource), "value"))),
        labels=tuple(dict.fromkeys(_tokens(_labels(resource), "code"))),
    )


def pieces_of(content: bytes) -> list[bytes]:
    """Up to `PIECES` telling pieces, spread over all of it but its head: that stands in every file of its encoder."""
    if len(content) <= PIECE:
        return [content] if len(content) >= _SHORTEST else []
    head = own_from(content)
    span = (len(content) - head - PIECE) / PIECES
    spans = ((head + int(number * span), head + int((number + 1) * span)) for number in range(PIECES))
    found = (_lively(content, start, end) for start, end in spans)
    return list(dict.fromkeys(piece for piece in found if piece is not None)) or [content[-PIECE:]]


def own_from(content: bytes) -> int:
    """Where what only this picture has begins, behind its tables and colour profile; 0 where nobody knows."""
    if content.startswith(b"\xff\xd8"):
        found = _behind(content, 2, lambda at: (content[at : at + 2], 2 + _number(content, at + 2, 2)), {b"\xff\xda"})
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        found = _behind(content, 8, lambda at: (content[at + 4 : at + 8], 12 + _number(content, at, 4)), {b"IDAT"})
    elif content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        found = _behind(
            content,
            12,
            lambda at: (content[at : at + 4], 8 + (int.from_bytes(content[at + 4 : at + 8], "little") + 1) // 2 * 2),
            {b"VP8 ", b"VP8L", b"ANMF"},
        )
    else:
        return 0
    return found if len(content) - found > PIECE * PIECES else 0


def _behind(content: bytes, at: int, part: Callable[[int], tuple[bytes, int]], wanted: Collection[bytes]) -> int:
    """A little behind where the first part with a wanted name begins; 0 where there is none."""
    while at + 8 <= len(content):
        name, length = part(at)
        if name in wanted:
            return at + PIECE
        at += length
    return 0


def _number(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(content[at : at + length], "big")


def keep_needles(parts: DeleteParts, item: ItemId, needles: Needles) -> VaultId:
    """Sealed, in place of any that were kept for this item. Joins the open transaction."""
    for each in _kept(parts, item):
        parts.vault.destroy(each)
    return parts.vault.put(_packed(needles), compartment=Compartment.CASE, owner=_owner(item))


def kept_needles(parts: DeleteParts, item: ItemId) -> Needles | None:
    """Those of this item; None where there are none any more, or they cannot be read: then it cannot be proven."""
    for each in reversed(_kept(parts, item)):
        try:
            return _unpacked(parts.vault.get(each))
        except (NotFound, Tampered):
            continue
    return None


def is_needles(item: VaultItem) -> bool:
    """Whether this is what somebody looks by, and not what is looked for."""
    return item.compartment is Compartment.CASE and item.owner.startswith(_OWNER)


def forget_needles(parts: DeleteParts, item: ItemId) -> None:
    """Nobody looks again. Idempotent; joins the open transaction."""
    for each in _kept(parts, item):
        parts.vault.destroy(each)


def _kept(parts: DeleteParts, item: ItemId) -> list[VaultId]:
    return [each.vault_id for each in parts.vault.items(compartment=Compartment.CASE, owner=_owner(item))]


def _owner(item: ItemId) -> str:
    return f"{_OWNER}{item}"


def _lively(content: bytes, start: int, end: int) -> bytes | None:
    """The first telling piece from `start`, which may reach beyond `end`; None where all of it is empty."""
    for at in range(start, max(start + 1, end), PIECE):
        piece = content[at : at + PIECE]
        if len(set(piece)) >= _LIVELY:
            return piece
    return None


def _hashes(content: bytes) -> Iterator[bytes]:
    yield hashlib.sha1(content, usedforsecurity=False).digest()
    yield hashlib.sha256(content).digest()


def _identifiers(resource: Json) -> Iterator[Json]:
    for each in (*_list(resource.get("identifier")), resource.get("masterIdentifier")):
        if isinstance(each, dict):
            yield each


def _labels(resource: Json) -> Iterator[Json]:
    meta = resource.get("meta")
    for each in _list(meta.get("security") if isinstance(meta, dict) else None):
        if isinstance(each, dict):
            yield each


def _tokens(elements: Iterable[Json], name: str) -> Iterator[str]:
    for each in elements:
        if isinstance(value := each.get(name), str) and value:
            yield f"{each.get('system', '')}|{value}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _packed(needles: Needles) -> bytes:
    told = {
        "pieces": [base64.b64encode(each).decode("ascii") for each in needles.pieces],
        "sizes": sorted(needles.sizes),
        "digests": sorted(needles.digests),
        "marks": sorted(needles.marks),
        "identifiers": list(needles.identifiers),
        "labels": list(needles.labels),
    }
    return json.dumps(told).encode("ascii")


def _unpacked(content: bytes) -> Needles:
    told = json.loads(content)
    return Needles(
        pieces=tuple(base64.b64decode(each) for each in told["pieces"]),
        sizes=frozenset(told["sizes"]),
        digests=frozenset(told["digests"]),
        marks=frozenset(told["marks"]),
        identifiers=tuple(told["identifiers"]),
        labels=tuple(told["labels"]),
    )
