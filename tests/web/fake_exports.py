"""Signed files of what an EHR did not take, as the pages ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_plugin.errors import NotFound
from mappings.model.identifiers import CaptureId
from mappings.model.people import ClinicalSession


@dataclass
class FakeExports:
    """`files`: what there is, by capture; `copies`: of which capture a copy is."""

    files: dict[str, bytes] = field(default_factory=dict)
    copies: dict[str, CaptureId] = field(default_factory=dict)

    def may(self, session: ClinicalSession, capture_id: CaptureId) -> bool:
        return capture_id in self.files

    def of(self, session: ClinicalSession, capture_id: CaptureId) -> Iterator[bytes]:
        if capture_id not in self.files:
            raise NotFound("nothing to export", status=404)
        return iter([self.files[capture_id]])

    def capture_of(self, session: ClinicalSession, copy_id: str) -> CaptureId:
        if copy_id not in self.copies:
            raise NotFound("no such copy", status=404)
        return self.copies[copy_id]
