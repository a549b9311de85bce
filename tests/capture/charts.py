"""EHRs that take less than an image, in memory: each with a companion store beside it, and none takes a reference to
something that it does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.errors import RecordRefused, TooLarge
from fhir_plugin.ports import EntryOutcome, Stored, TransactionEntry
from mappings.model.chart_document import DocumentNeed
from mappings.model.identifiers import Reference
from tests.fakes.record import TYPES, FakeRecord

NEVER_CHECKED = frozenset({"Patient", "Practitioner", "Encounter"})
PDF, TEXT, XHTML = "application/pdf", "text/plain", "application/xhtml+xml"
ORACLE_NEEDS = frozenset({DocumentNeed.PERIOD_END, DocumentNeed.AUTHOR, DocumentNeed.TIMES})
EPIC_NEEDS = frozenset(
    {DocumentNeed.ENCOUNTER, DocumentNeed.PRELIMINARY, DocumentNeed.NOTE_TYPE, DocumentNeed.POST_ONCE}
)


class Chart(FakeRecord):
    """`documents`: the MIME types that its DocumentReferences take. `cannot`: interactions that it does not do at all.
    `unsearched`: parameters that it does not know; `forgets`: an element that it drops on create. It learns what it
    refused as too large, as `ServerLimits` does."""

    def __init__(
        self,
        types: frozenset[str],
        documents: frozenset[str] | None = None,
        needs: frozenset[str] = frozenset(),
        cannot: frozenset[str] = frozenset(),
        refused_size: int | None = None,
        unsearched: frozenset[str] = frozenset(),
        forgets: str = "",
        **more: Any,
    ) -> None:
        super().__init__(types=types, **more)
        self.vendor = VendorFacts(name="chart", raw_binary=True, document_types=documents, document_needs=needs)
        self.cannot = cannot
        self.unsearched = unsearched
        self.forgets = forgets
        self.hides = False
        """Whether documents that are found show what they hold."""
        self.refused_size = refused_size

    def capability(self) -> Capability:
        said = super().capability()
        interactions = {each: done - self.cannot for each, done in said.interactions.items()}
        known = {each: names - self.unsearched for each, names in said.search_params.items()}
        return replace(
            said,
            interactions=interactions,
            search_params=known,
            vendor=self.vendor,
            refused_size=self.refused_size,
        )

    def forget_sizes(self) -> None:
        self.refused_size = None

    def create(self, resource: dict[str, Any], *, if_none_exist: str | None = None) -> Stored:
        self._take(resource)
        resource = {name: value for name, value in resource.items() if name != self.forgets}
        return super().create(resource, if_none_exist=if_none_exist)

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        found = super().search(resource_type, params)
        for each in found if self.hides else ():
            for content in each.get("content", ()):
                del content["attachment"]["data"]
        return found

    def put(self, resource: dict[str, Any], *, version: str | None = None) -> Stored:
        if "update" in self.cannot:
            raise RecordRefused("put", status=405, code="type-not-supported")
        self._take(resource)
        return super().put(resource, version=version)

    def delete(self, resource_type: str, id: str) -> None:
        if "delete" in self.cannot:
            raise RecordRefused("delete", status=405, code="type-not-supported")
        super().delete(resource_type, id)

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        coming = {f"{each.resource['resourceType']}/{each.resource['id']}" for each in entries if each.resource}
        for each in entries:
            if each.resource is not None:
                self._take(each.resource, coming)
        return super().transact(entries)

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        try:
            return super().create_binary(content, content_type, id=id, security_context=security_context)
        except TooLarge:
            self.refused_size = min(len(content), self.refused_size or len(content))
            raise

    def _take(self, resource: dict[str, Any], coming: set[str] = frozenset()) -> None:  # type: ignore[assignment]  # never changed
        for reference in literal_references(resource):
            resource_type, _, id = reference.partition("/")
            there = reference in coming or any(each["id"] == id for each in self.stored(resource_type))
            if resource_type not in NEVER_CHECKED and not there:
                raise RecordRefused(f"{reference} is not here", status=400, code="dangling")
        if resource["resourceType"] == "DocumentReference":
            self._take_document(resource)

    def _take_document(self, resource: dict[str, Any]) -> None:
        (content,) = resource["content"]
        kind = content["attachment"]["contentType"].partition(";")[0]
        context, needs = resource.get("context", {}), self.vendor.document_needs
        wrong = [
            self.vendor.document_types is not None and kind not in self.vendor.document_types,
            DocumentNeed.ENCOUNTER in needs and "encounter" not in context,
            DocumentNeed.PERIOD_END in needs and "end" not in context.get("period", {}),
            DocumentNeed.PRELIMINARY in needs and resource.get("docStatus") != "preliminary",
        ]
        if any(wrong):
            raise RecordRefused(f"a document that this chart does not take: {wrong}", status=422, code="invalid")


def literal_references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from literal_references(each)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("reference", "url") and isinstance(value, str) and value.count("/") == 1:
                yield value
            else:
                yield from literal_references(value)


NO_IMAGES: Mapping[str, Mapping[str, Any]] = {
    "pdf": {"types": frozenset({"DocumentReference"}), "documents": frozenset({PDF, TEXT}), "needs": ORACLE_NEEDS},
    "xhtml": {"types": frozenset({"DocumentReference", "Consent"}), "documents": frozenset({XHTML, TEXT})},
    "pdf alone, no text": {"types": frozenset({"DocumentReference"}), "documents": frozenset({PDF})},
    "text-note": {"types": frozenset({"DocumentReference"}), "documents": frozenset({TEXT})},
    "text-note, once and for all": {
        "types": frozenset({"DocumentReference"}),
        "documents": frozenset({TEXT}),
        "needs": EPIC_NEEDS,
        "cannot": frozenset({"update", "delete"}),
        "our_ids": False,
        "transactions": False,
    },
    "text-note, found by patient alone": {
        "types": frozenset({"DocumentReference"}),
        "documents": frozenset({TEXT}),
        "our_ids": False,
        "transactions": False,
        "unsearched": frozenset({"identifier", "_tag"}),
    },
    "signed-export": {"types": frozenset({"QuestionnaireResponse"})},
    "nothing at all": {"types": frozenset()},
    "pdf, as nothing larger is taken": {
        "types": TYPES,
        "documents": frozenset({PDF, TEXT}),
        "largest": 1_000_000,
        "refused_size": 1_200_000,
    },
}
"""By the rung that is left, and what else there is to say."""


IMAGES_ONLY: Mapping[str, Mapping[str, Any]] = {
    "no Consent": {"types": TYPES - {"Consent"}},
    "no Provenance, ids of its own": {"types": TYPES - {"Provenance"}, "our_ids": False, "transactions": False},
    "no QuestionnaireResponse, no Media": {"types": TYPES - {"QuestionnaireResponse", "Media"}},
    "no notes": {"types": TYPES - {"Media"}, "documents": frozenset({"image/jpeg"})},
}
"""Charts that hold the image itself, and not all that goes with it."""


class Two:
    """A chart, the companion store, and the two as one."""

    def __init__(self, kind: str) -> None:
        self.chart = Chart(**{**NO_IMAGES, **IMAGES_ONLY}[kind])
        self.companion = FakeRecord()
        self.both = CompositeRecord(self.chart, self.companion)

    def copies(self) -> list[dict[str, Any]]:
        return [each for each in self.chart.stored("DocumentReference") if _identified(each, "chart-copy")]

    def notes(self) -> list[dict[str, Any]]:
        return [
            each
            for record in (self.chart, self.companion)
            for each in record.stored("DocumentReference")
            if _identified(each, "note")
        ]

    def standing(self) -> list[str]:
        """What counts as current, anywhere."""
        found = [*self.chart.stored(), *self.companion.stored()]
        return [
            f"{each['resourceType']}/{each['id']}"
            for each in found
            if each.get("status") in ("completed", "current", "active", "preparation")
        ]


def _identified(document: dict[str, Any], kind: str) -> bool:
    return any(each["system"].endswith(f":{kind}") for each in document.get("identifier", []))
