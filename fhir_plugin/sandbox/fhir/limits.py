"""What a personality refuses to hold: long strings and attachments of other types."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.personality import Personality


def check_limits(personality: Personality, resource: Json, *, content: bytes | None = None) -> None:
    """Raises `FhirError`: 415 for raw bytes where only JSON is taken, 400 for length, 422 for a MIME type."""
    if content is not None and personality.raw_binary == "refused":
        raise FhirError(
            personality.raw_binary_status, "not-supported", "A Binary is taken as application/fhir+json only"
        )
    longest = personality.max_string_bytes
    if longest is None and not personality.attachment_types:
        return
    for key, text in _strings(resource):
        if longest is not None and len(text.encode()) > longest:
            raise FhirError(400, "too-long", f"A string cannot be larger than {longest} bytes", expression=key)
        wrong_type = key == "contentType" and text.split(";")[0].strip().lower() not in personality.attachment_types
        if wrong_type and personality.attachment_types:
            text = "This server does not hold attachments of this type"
            raise FhirError(422, "not-supported", text, expression=key)


def _strings(value: object) -> Iterator[tuple[str, str]]:
    pending: list[tuple[str, object]] = [("", value)]
    while pending:
        key, item = pending.pop()
        if isinstance(item, str):
            yield key, item
        elif isinstance(item, dict):
            pending.extend(item.items())
        elif isinstance(item, list):
            pending.extend((key, child) for child in item)
