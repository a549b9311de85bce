"""What servers refused as too large or of another type, in memory."""

from __future__ import annotations

from mappings.model.identifiers import FhirBase


class FakeServerLimits:
    def __init__(self) -> None:
        self._refused: dict[FhirBase, int] = {}
        self._types: set[tuple[FhirBase, str]] = set()

    def body_limit(self, fhir_base: FhirBase) -> int | None:
        return self._refused.get(fhir_base)

    def refused(self, fhir_base: FhirBase, size: int) -> None:
        if size >= 64 * 1024:
            self._refused[fhir_base] = min(size, self._refused.get(fhir_base, size))

    def refused_types(self, fhir_base: FhirBase) -> frozenset[str]:
        return frozenset(content_type for base, content_type in self._types if base == fhir_base)

    def refused_type(self, fhir_base: FhirBase, content_type: str) -> None:
        self._types.add((fhir_base, content_type))
