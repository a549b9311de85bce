"""What servers refused as too large, in memory."""

from __future__ import annotations

from mappings.model.identifiers import FhirBase


class FakeServerLimits:
    def __init__(self) -> None:
        self._refused: dict[FhirBase, int] = {}

    def body_limit(self, fhir_base: FhirBase) -> int | None:
        return self._refused.get(fhir_base)

    def refused(self, fhir_base: FhirBase, size: int) -> None:
        if size >= 64 * 1024:
            self._refused[fhir_base] = min(size, self._refused.get(fhir_base, size))
