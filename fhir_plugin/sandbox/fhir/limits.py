"""What a personality refuses to hold: long strings, attachments of other types, resources without what it demands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.personality import Personality


def check_limits(personality: Personality, resource: Json, *, content: bytes | None = None) -> None:
    """Raises `FhirError`: 415 for raw bytes where only JSON is taken, 400 for length, 422 for a MIME type."""
    if content is not None and personality.raw_binary == "refused":
        raise FhirError(
            personality.raw_binary_status, "not-supported", "A Binary is taken as application/fhir+json only"
        )
    most = personality.max_attachment_bytes
    if most is not None and content is not None and len(content) > most:
        raise FhirError(413, "too-long", f"An attachment may have {most} bytes at most")
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


def check_demands(personality: Personality, resource: Json, *, user: str | None = None) -> None:
    """What this server wants of a resource beyond R4. `user`: the reference of who signed in, if somebody did.
    Raises `FhirError`: 422, or 413 for an attachment that is too large."""
    for path in personality.required:
        if _of(resource, path) == []:
            raise FhirError(422, "required", f"{path} is required here", expression=path)
    for path in personality.timed:
        if any(not isinstance(each, str) or "T" not in each for each in _of(resource, path) or ()):
            raise FhirError(422, "value", f"{path} needs a time", expression=path)
    for path, systems in personality.code_systems.items():
        for concept in _of(resource, path) or ():
            if not systems & {each.get("system") for each in concept.get("coding", [])}:
                raise FhirError(422, "code-invalid", f"{path} needs a coding of {sorted(systems)}", expression=path)
    for path, taken in personality.statuses.items():
        for value in _of(resource, path) or ():
            if value not in taken:
                raise FhirError(422, "code-invalid", f"{path} may be {sorted(taken)}", expression=path)
    if personality.author_is_user and user is not None and resource["resourceType"] == "DocumentReference":
        authors = [str(each.get("reference", "")) for each in resource.get("author", [])]
        if not any(each == user or each.endswith(f"/{user}") for each in authors):
            raise FhirError(422, "business-rule", "The author must be who signed in", expression="author")
    _check_attachments(personality, resource)


def _check_attachments(personality: Personality, resource: Json) -> None:
    found = [resource] if resource["resourceType"] == "Binary" else list(attachments_of(resource))
    for each in found:
        data = each.get("data")
        if personality.attachment_data == "inline" and each is not resource and data is None:
            raise FhirError(422, "required", "An attachment is taken with its data only", expression="data")
        most = personality.max_attachment_bytes
        if most is not None and isinstance(data, str) and len(data) // 4 * 3 > most + 2:
            raise FhirError(413, "too-long", f"An attachment may have {most} bytes at most", expression="data")


def as_kept(personality: Personality, resource: Json) -> Json:
    """The resource as this server keeps it; the one that was sent is left alone."""
    contents = resource.get("content")
    if personality.attachments == "first-only" and isinstance(contents, list) and len(contents) > 1:
        return {**resource, "content": contents[:1]}
    return resource


def attachments_of(resource: Json) -> Iterator[Json]:
    """The attachments of a Media or DocumentReference."""
    contents = resource.get("content")
    for each in contents if isinstance(contents, list) else [contents]:
        if isinstance(each, dict):
            attachment = each.get("attachment", each)
            if isinstance(attachment, dict):
                yield attachment


def _of(resource: Json, path: str) -> list[Any] | None:
    """Every value at `Type.path`; None where the resource is of another type."""
    resource_type, *names = path.split(".")
    if resource.get("resourceType") != resource_type:
        return None
    found: list[Any] = [resource]
    for name in names:
        below = [each.get(name) for each in found if isinstance(each, dict)]
        found = [one for each in below if each for one in (each if isinstance(each, list) else [each])]
    return found


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
