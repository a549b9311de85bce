"""What filing holds of an image, destroyed with it: what was said about it, its hashes, and the patient's own link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.sealed import bare
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import FhirBase, PatientId, Sha256

NO_HASH = Sha256("")


@dataclass(frozen=True)
class Filed:
    parts: RequestParts

    def forget(self, fhir_base: FhirBase, patient: PatientId, image: BoundImage) -> int:
        """The receipt says nothing of it any more, and no answer about it stays; once nothing of a capture is left, the
        link by which it was sent opens nothing. Joins the open transaction; safe twice."""
        drafts, gone = self.parts.capture.drafts, 0
        for each in drafts.of(fhir_base=fhir_base, patient=patient, user=None):
            if each.state is not DraftState.FILED or not any(_is_it(line, image) for line in _lines(each)):
                continue
            draft = drafts.get(each.capture_id, for_change=True)
            without = _without(draft, image)
            drafts.save(without)
            if not _lines(without):
                self._close_links(fhir_base, patient, draft)
            gone += 1
        return gone

    def _close_links(self, fhir_base: FhirBase, patient: PatientId, draft: Draft) -> None:
        requests = self.parts.requests
        for each in requests.of_patient(fhir_base, patient):
            if each.capture_id == draft.capture_id and not each.link_closed:
                fresh = requests.get(each.request_id, for_change=True)
                requests.save(replace(fresh, link_closed=True, browser_digest=""))


def _without(draft: Draft, image: BoundImage) -> Draft:
    lines = _lines(draft)
    names = {line["image_id"] for line in lines if _is_it(line, image)}
    left = [line for line in lines if not _is_it(line, image)]
    per_image = {name: said for name, said in draft.answers.per_image.items() if name not in names}
    answers = replace(draft.answers, per_image=per_image) if left else Answers()
    images = tuple(_hashless(each) if each.image_id in names else each for each in draft.images)
    return replace(draft, images=images, answers=answers, result={**(draft.result or {}), "filed": left})


def _hashless(image: DraftImage) -> DraftImage:
    return replace(bare(image), sha256_received=NO_HASH, sha256_clean=None, size=0, clean_size=0, captured_at=None)


def _lines(draft: Draft) -> list[Mapping[str, Any]]:
    filed = (draft.result or {}).get("filed", [])
    return list(filed) if isinstance(filed, list) else []


def _is_it(line: Mapping[str, Any], image: BoundImage) -> bool:
    return line.get("reference") == image.reference
