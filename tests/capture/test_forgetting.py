"""An image that is destroyed: nothing that was said about it stays with its capture, and no hash of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from fhir_plugin.capture.draft_json import draft_to_json
from fhir_plugin.capture.forgetting import Filed
from fhir_plugin.capture.requests.parts import RequestParts
from mappings.model.deletion import BoundImage
from mappings.model.identifiers import Reference
from tests.capture.bench import SESSION, Bench
from tests.fakes.photo_requests import FakePhotoRequests


@dataclass
class Parts:
    capture: Any
    requests: FakePhotoRequests


def forget(bench: Bench, reference: Reference) -> int:
    parts = cast(RequestParts, Parts(bench.parts, FakePhotoRequests(bench.work)))
    with bench.work.transaction():
        return Filed(parts).forget(SESSION.fhir_base, SESSION.patient_id, BoundImage(reference, "1", "digest"))


def test_what_was_said_about_it_goes_and_the_other_picture_keeps_its_own() -> None:
    bench = Bench()
    capture, (one, two) = bench.add("a", "b")
    bench.answer(capture, {one: "store", two: "store"})
    receipt = bench.file(capture)
    first, second = sorted(receipt.filed, key=lambda each: [one, two].index(each.image_id))
    assert forget(bench, first.reference) == 1
    assert forget(bench, first.reference) == 0
    draft = bench.drafts.get(capture)
    said = json.dumps(draft_to_json(draft))
    assert first.sha256_clean not in said and first.sha256_received not in said and first.reference not in said
    assert second.sha256_clean in said and second.reference in said
    assert set(draft.answers.per_image) == {two}
    assert forget(bench, second.reference) == 1
    assert not bench.drafts.get(capture).answers.shared, "nothing is left that anybody said"
    again = bench.captures.receipt(SESSION, capture)
    assert (again.state, again.filed) == ("filed", ())
