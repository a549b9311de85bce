"""What stands for a resource that need not be read."""

from __future__ import annotations

from fhir_plugin.disclose.redact.strict import AsItCame, Json
from mappings.model.disclosure import Release


class Unread(AsItCame):
    """Only the type and the id of a resource that policy releases. As long as no name of anything withheld stands in
    its bytes, nothing else of it matters."""

    __slots__ = ("release",)

    def __init__(self, type_: str, id_: str | None, raw: bytes, release: Release) -> None:
        known: Json = {"resourceType": type_} if id_ is None else {"resourceType": type_, "id": id_}
        super().__init__(known, raw)
        self.release = release


class HasToBeRead(Exception):
    """Something that holds an `Unread` is to be kept back: all that it goes by must be known for that."""
