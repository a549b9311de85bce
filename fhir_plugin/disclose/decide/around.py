"""What others say about a Binary, which cannot say what it shows: its security context, and who points to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from fhir_plugin.disclose.decide.facts import Said, read

_BINARY: Final = re.compile(r"(?:^|/)Binary/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")
_PLACE: Final = re.compile(r"(?:^|/)([A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")


class Around(Protocol):
    """The resources around one that is judged."""

    def at(self, reference: str) -> Said | None:
        """What the resource that is so named says; None if it is not here."""

    def describers(self, key: str) -> Iterable[Said]:
        """Those whose attachments are this Binary (`Binary/id`)."""

    def images(self, image_id: str) -> Iterable[Said]:
        """The images that this app identified so, and no copies of them."""


class Alone:
    """Nothing is around."""

    def at(self, reference: str) -> Said | None:
        return None

    def describers(self, key: str) -> Iterable[Said]:
        return ()

    def images(self, image_id: str) -> Iterable[Said]:
        return ()


class Together:
    """The resources of one Bundle, folder or export, each seen once before any is judged."""

    def __init__(self, resources: Iterable[Mapping[str, Any]] = ()) -> None:
        self._said: dict[str, list[Said]] = {}
        self._describers: dict[str, list[Said]] = {}
        self._images: dict[str, list[Said]] = {}
        for resource in resources:
            self.see(resource)

    def see(self, resource: Mapping[str, Any], full_url: str = "") -> None:
        """`full_url`: how an entry of a Bundle names it."""
        said = read(resource)
        for name in {said.key, full_url} - {""}:
            self._said.setdefault(name, []).append(said)
        if said.image_id and not said.copied:
            self._images.setdefault(said.image_id, []).append(said)
        if not said.is_bytes and said.kind != "AuditEvent":
            for key in set(_binaries_in(resource)):
                self._describers.setdefault(key, []).append(said)

    def at(self, reference: str) -> Said | None:
        """The union of what is said under one name: two resources with one id are one for the strictest reading."""
        place = _PLACE.search(reference)
        names = {reference, place.group(1) if place else reference}
        found = [said for name in names for said in self._said.get(name, [])]
        return together(found) if found else None

    def describers(self, key: str) -> Iterable[Said]:
        return tuple(self._describers.get(key, ()))

    def images(self, image_id: str) -> Iterable[Said]:
        return tuple(self._images.get(image_id, ()))


def together(found: list[Said]) -> Said:
    """Everything that several resources say, as if one said it all."""
    first = found[0]
    return Said(
        key=first.key,
        kind=first.kind if all(said.kind for said in found) else None,
        labels=frozenset().union(*(said.labels for said in found)),
        unreadable=any(said.unreadable for said in found),
        image=any(said.image for said in found),
        in_error=any(said.in_error for said in found),
        site_codes=frozenset().union(*(said.site_codes for said in found)),
        site_words=frozenset().union(*(said.site_words for said in found)),
        context=first.context,
        is_bytes=first.is_bytes,
        image_id=first.image_id,
        copied=first.copied,
    )


def _binaries_in(resource: Mapping[str, Any]) -> Iterator[str]:
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            url = node.get("url")
            found = _BINARY.search(url) if isinstance(url, str) else None
            if found:
                yield f"Binary/{found.group(1)}"
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
