"""An R5 server behind the same record: the flows speak R4, and every body is translated as it goes over the wire.

At the wire and not around the record, because everything above it reads resources: whether a search was answered,
what a transaction did, what is left of what was purged. So nothing but this module and `fhir_capability` knows that
there are two versions. Bytes are the same in both: a Binary passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fhir_plugin.adapters.fhir_json import UnusableJson, dump, parse_object
from fhir_plugin.adapters.fhir_replies import JSON_TYPES, media_type
from fhir_plugin.errors import RecordRefused
from mappings.r4.errors import NotMappable
from mappings.r5.searches import asked_in_r5
from mappings.r5.translate import from_r5, to_r5
from smart_launch.transport import Reply

Json = dict[str, Any]

R5: Final = re.compile(r"^5\.0(\.[0-9]+)?\Z")
_BINARY: Final = b'{"resourceType":"Binary"'
"""As `fhir_json.binary_json` begins: its bytes go through no decoder."""
_AS_THEY_ARE: Final = frozenset({"Binary", "CapabilityStatement", "OperationOutcome"})


class R4Wire:
    """R4 and R4B: what is said is what is sent."""

    def asked(self, _resource_type: str, params: Mapping[str, str]) -> Mapping[str, str]:
        """The search parameters as this server calls them."""
        return params

    def sent(self, content: bytes | None, _headers: Mapping[str, str]) -> bytes | None:
        """A request's body as this server wants it."""
        return content

    def came(self, reply: Reply) -> Reply:
        """An answer as the app reads it."""
        return reply


class R5Wire(R4Wire):
    """R5. What cannot be translated is left to whoever reads it: they say what is wrong with it."""

    def asked(self, resource_type: str, params: Mapping[str, str]) -> Mapping[str, str]:
        return asked_in_r5(resource_type, params)

    def sent(self, content: bytes | None, headers: Mapping[str, str]) -> bytes | None:
        """Raises `RecordRefused` (`type-not-supported`) for a type that R5 does not have."""
        if content is None or headers.get("Content-Type") not in JSON_TYPES or content.startswith(_BINARY):
            return content
        try:
            return _translated(content, to_r5)
        except NotMappable as error:
            raise RecordRefused(f"{error}", status=405, code="type-not-supported") from None

    def came(self, reply: Reply) -> Reply:
        if media_type(reply) not in JSON_TYPES or not reply.content:
            return reply
        try:
            return replace(reply, content=_translated(reply.content, from_r5))
        except UnusableJson:
            return reply


def wire_for(fhir_version: str) -> R4Wire:
    """How a server of this version is spoken to."""
    return R5Wire() if R5.match(fhir_version) else R4Wire()


def _translated(content: bytes, translate: Callable[[Json], Json]) -> bytes:
    resource = parse_object(content)
    return content if resource.get("resourceType") in _AS_THEY_ARE else dump(translate(resource))
