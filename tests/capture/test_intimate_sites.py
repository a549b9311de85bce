"""The policy's list of intimate sites decides, and not what the terminology proposes (X11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.order import assess_draft, labels_of, site
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.labels import is_restricted
from mappings.r4.elements import labels_of as labels_of_resource
from mappings.r4.questionnaire_response import from_questionnaire_response
from tests.capture.bench import SESSION, Bench
from tests.fakes.record import FakeRecord

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


def restricted_labels(bench: Bench, capture: CaptureId, image: ImageId) -> bool:
    assessment = assess_draft(bench.parts, bench.draft(capture), bench.captures.patient(SESSION))
    return is_restricted(list(labels_of(assessment, image)))


@pytest.mark.parametrize("first", ["intimate", "private"])
def test_who_goes_back_on_intimate_says_why(first: str) -> None:
    bench = Bench()
    capture, [image] = bench.add("one")
    bench.answer(capture, {image: "store"}, intimacy=first)
    bench.captures.answer(SESSION, capture, {"intimacy": ""})
    bench.captures.answer(SESSION, capture, {"intimacy": "no"})
    view = bench.captures.assess(SESSION, capture)
    assert "intimacy_cleared_reason" in view.missing and not view.may_file
    bench.captures.answer(SESSION, capture, {"intimacy_cleared_reason": "A slip: it is the back of the hand"})
    receipt = bench.file(capture)
    assert receipt.state == "filed"
    assert "Not held for intimate because: A slip: it is the back of the hand" in receipt.note_text
    assert "restricted label" not in receipt.note_text


def test_a_listed_site_that_was_cleared_keeps_its_label_and_the_note_and_decision_say_so() -> None:
    record = FakeRecord()
    bench = Bench(record, policy=replace(STRICT, intimate_sites=STRICT.intimate_sites | {FOREARM}))
    capture, [image] = bench.add("one")
    bench.answer(capture, {image: "store"}, intimacy_cleared_reason="Only the wrist is seen")
    assert restricted_labels(bench, capture, image)
    receipt = bench.file(capture)
    assert receipt.state == "filed"
    assert "The restricted label stays." in receipt.note_text.splitlines()
    (decision,) = record.stored("QuestionnaireResponse")
    assert "label-stays" in {ground.code for ground in from_questionnaire_response(decision).decision.warnings}
    (media,) = record.stored("Media")
    assert is_restricted(labels_of_resource(media))
