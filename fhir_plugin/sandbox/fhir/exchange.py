"""A request and its answer in FHIR's terms: what HTTP carries, and what the entries of a Bundle carry too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.session import Version

FHIR_JSON = "application/fhir+json"

_VERSION_TAG = re.compile(r'\s*(?:W/)?"?([A-Za-z0-9\-.]{1,64})"?\s*')


@dataclass(frozen=True)
class Call:
    """One interaction that is asked for. Header names in lower case; `path` is below the base, decoded."""

    method: str
    path: tuple[str, ...]
    base: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Json | None = field(default=None, repr=False)
    """The body, where it is JSON."""
    content: bytes | None = field(default=None, repr=False)
    """The body, where it is a Binary in its own type."""
    content_type: str = ""
    patch: object = field(default=None, repr=False)
    """The body, where it is a JSON Patch."""
    promised_id: str | None = None
    """For a create inside a transaction: the id that the others already call it by."""

    @property
    def body(self) -> Json:
        """Raises `FhirError` 400 without a resource."""
        if self.resource is None:
            raise FhirError(400, "structure", "A resource is needed as the body")
        return self.resource

    @property
    def strict(self) -> bool:
        """`Prefer: handling=strict`."""
        return "handling=strict" in self._prefer

    @property
    def wants(self) -> Literal["minimal", "representation", "OperationOutcome"] | None:
        """`Prefer: return=...`."""
        for wish in ("minimal", "representation", "OperationOutcome"):
            if f"return={wish}".lower() in self._prefer:
                return wish
        return None

    @property
    def _prefer(self) -> list[str]:
        return [part.strip().lower() for part in re.split("[,;]", self.headers.get("prefer", ""))]

    def first(self, name: str) -> str | None:
        """The first query parameter of that name."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True)
class Reply:
    """What is answered. At most one of `resource` and `content`."""

    status: int
    resource: Json | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    content_type: str = FHIR_JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    version: Version | None = None
    """What was written, or matched."""


def read_tags(header: str) -> Sequence[str]:
    """The versions in If-Match or If-None-Match: weak or strong tags, or bare numbers; `*` stays."""
    tags = list[str]()
    for part in header.split(","):
        match = _VERSION_TAG.fullmatch(part)
        if match is None and part.strip() != "*":
            raise FhirError(400, "value", 'A version is given as W/"1"')
        tags.append(match[1] if match else "*")
    return tags


def split_url(url: str, base: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Path segments below `base` and query of an entry's request.url, relative or absolute."""
    below = url.removeprefix(base.rstrip("/") + "/") if url.startswith(base.rstrip("/") + "/") else url
    if "://" in below.partition("?")[0]:
        raise FhirError(400, "value", "request.url goes to another server", expression="request.url")
    path, _, query = below.partition("?")
    return tuple(unquote(part) for part in path.split("/") if part), read_query(query)


def read_query(query: str) -> tuple[tuple[str, str], ...]:
    """Names and values, decoded, in order."""
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=200))
    except ValueError:
        raise FhirError(400, "too-costly", "More than 200 parameters") from None
