"""Addresses within one FHIR base, and nothing else."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from fhir_plugin.errors import RecordRefused
from mappings.model.identifiers import FhirBase

_TYPE: Final = re.compile(r"^[A-Z][A-Za-z]{1,63}\Z")
_ID: Final = re.compile(r"^[A-Za-z0-9\-.]{1,64}\Z")
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\<>\"^`{}]|[^\x00-\x7f]")


def resource_path(resource_type: str, id: str | None = None, version: str | None = None) -> str:
    """`Type`, `Type/id` or `Type/id/_history/version`. Raises `RecordRefused` (`bad-id`) on anything else."""
    parts = [part for part in (id, version) if part is not None]
    if not _TYPE.match(resource_type) or not all(_ID.match(p) and p.strip(".") for p in parts):
        raise RecordRefused("that is not the name of a FHIR resource", code="bad-id")
    if id is None:
        return resource_type
    return f"{resource_type}/{id}" if version is None else f"{resource_type}/{id}/_history/{version}"


class Within:
    """The addresses that begin with `base`: same scheme, host, port and path."""

    def __init__(self, base: FhirBase) -> None:
        self.base = FhirBase(base.rstrip("/"))
        self._origin, self._path = _origin_and_path(self.base)

    def resolve(self, url: str, *, seen_from: str | None = None) -> str | None:
        """The absolute address of `url`, or None when it does not lie within the base or could be misread.

        A relative `url` is relative to the base, as references are (R4, References, 2.3.0.1); one found in a
        page, to that page (`seen_from`, RFC 3986).
        """
        if _UNSAFE.search(url) or not url:
            return None
        try:
            absolute = urljoin(seen_from or f"{self.base}/", url)
            parts = urlsplit(absolute)
            origin, path = _origin_and_path(absolute)
        except ValueError:
            return None
        if parts.fragment or parts.username is not None or parts.password is not None or origin != self._origin:
            return None
        if any(step in (".", "..") for step in re.split(r"[/\\]", unquote(unquote(path)))):
            return None
        if path != self._path and not path.startswith(f"{self._path}/"):
            return None
        return absolute


def _origin_and_path(url: str) -> tuple[tuple[str, str, int | None], str]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, (parts.hostname or "").rstrip("."), port), parts.path
