"""An EHR that takes documents and no images, as hosted ones do: honest, but for what it is told to drop or rewrite."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fhir_plugin.adapters.search_answers import answers
from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.errors import RecordRefused, TooLarge
from fhir_plugin.ports import BinaryContent, Stored
from tests.fakes.record import TYPES, FakeRecord, Lie

Json = dict[str, Any]
_READ = frozenset({"read", "search-type"})
_WRITTEN_HERE = {"QuestionnaireResponse", "Provenance", "AuditEvent", "Consent", "Media", "Binary"}


class PaperRecord(FakeRecord):
    """`takes`: MIME types of a document; `may`: what else it does with one; `finds_by`: search parameters; `largest`:
    bytes of its content; `drops`: elements that it does not keep; `rewrites`: what it makes of the content; `moves`:
    whether it puts that into a Binary of its own; all of contents with `only` in them."""

    def __init__(
        self,
        takes: frozenset[str] = frozenset({"application/pdf", "text/plain"}),
        *,
        may: frozenset[str] = frozenset({"read", "search-type", "update", "delete"}),
        finds_by: frozenset[str] = frozenset({"patient", "identifier"}),
        needs: frozenset[str] = frozenset(),
        largest: int | None = None,
        drops: tuple[str, ...] = (),
        rewrites: Callable[[bytes], bytes] = lambda content: content,
        moves: bool = False,
        only: bytes = b"",
        lies: frozenset[Lie] = frozenset(),
    ) -> None:
        super().__init__(transactions=False, our_ids=False, lies=lies)
        self._takes = takes
        self._may = may
        self._finds_by = finds_by
        self._vendor = VendorFacts(
            name="paper", raw_binary=True, document_types=takes, largest_document=largest, document_needs=needs
        )
        self._most = largest
        self._drops = drops
        self._rewrites = rewrites
        self._moves = moves
        self._only = only

    def capability(self) -> Capability:
        interactions = {**dict.fromkeys(TYPES - _WRITTEN_HERE, _READ), "Binary": frozenset({"read"})}
        interactions["DocumentReference"] = frozenset({"create", *self._may})
        return replace(
            super().capability(),
            interactions=interactions,
            search_params={**dict.fromkeys(TYPES, frozenset({"patient"})), "DocumentReference": self._finds_by},
            update_create=frozenset(),
            conditional_create=frozenset(),
            operations=frozenset(),
            system_interactions=frozenset(),
            vendor=self._vendor,
        )

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        if resource.get("resourceType") != "DocumentReference":
            raise RecordRefused("documents only", status=404, code="type-not-supported")
        return super().create(self._as_kept(resource))

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        if "update" not in self._may:
            raise RecordRefused("no update", status=405)
        return super().put(resource, version=version)

    def delete(self, resource_type: str, id: str) -> None:
        if "delete" not in self._may:
            raise RecordRefused("no delete", status=405)
        super().delete(resource_type, id)

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        self.on_call("search", resource_type)
        if resource_type == "DocumentReference" and not params.keys() <= self._finds_by:
            raise RecordRefused("not searched by that", status=400)
        return [each for each in self.stored(resource_type) if _answers(each, params, self.base)]

    def _as_kept(self, resource: Json) -> Json:
        (content,) = resource["content"]
        attachment = content["attachment"]
        if attachment["contentType"].split(";")[0] not in self._takes:
            raise RecordRefused("not that type", status=422)
        raw = base64.b64decode(attachment["data"])
        if self._most is not None and len(raw) > self._most:
            raise TooLarge("too large", status=413)
        touched = self._only in raw
        kept = self._rewrites(raw) if touched else raw
        inside = {**attachment, "data": base64.b64encode(kept).decode()}
        if self._moves and touched:
            inside.pop("data")
            binary = self._keep(
                {"resourceType": "Binary", "id": self._new_id(), "contentType": attachment["contentType"]}
            )
            self._bytes[("Binary", binary.id)] = [BinaryContent(kept, attachment["contentType"])]
            inside["url"] = f"{self.base}/{binary.reference}"
        whole = {key: value for key, value in resource.items() if not (touched and key in self._drops)}
        return {**whole, "content": [{"attachment": inside}]}


def _answers(resource: Json, params: Mapping[str, str], base: str) -> bool:
    return all(answers(resource, name, value, base=base) for name, value in params.items())
