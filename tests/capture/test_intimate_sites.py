"""The policy's list of intimate sites decides, and not what the terminology proposes (X11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.order import assess_draft, labels_of, site
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.labels import is_restricted
from tests.capture.bench import SESSION, Bench

FOREARM, GROIN = "14975008", "26893007"
STRICT = shipped_pack()


@pytest.mark.parametrize(
    ("code", "listed", "restricted"),
    [(FOREARM, False, False), (FOREARM, True, True), (GROIN, True, True), (GROIN, False, False)],
)
def test_the_list_of_the_pack_decides(code: str, listed: bool, restricted: bool) -> None:
    others = STRICT.intimate_sites - {FOREARM, GROIN}
    bench = Bench(policy=replace(STRICT, intimate_sites=others | ({code} if listed else set())))
    capture, [image] = bench.add("one")
    draft = bench.answer(capture, {image: "store"})
    draft = replace(
        draft, answers=replace(draft.answers, per_image={image: {**draft.answers.per_image[image], "site": code}})
    )
    assessment = assess_draft(bench.parts, draft, bench.captures.patient(SESSION))
    assert assessment.situations[image].private_site is listed
    assert is_restricted(list(labels_of(assessment, image))) is restricted
    assert ("intimate" in assessment.rulings[image].flags) is listed
    chosen = site(draft, image, bench.policy.intimate_sites)
    assert chosen is not None and (chosen.code, chosen.private) == (code, listed)
