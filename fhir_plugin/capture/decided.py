"""What was decided, as it stood when *File* was pressed: pack, verdicts with their grounds, answers, second person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from fhir_plugin.capture.answers import FORM_NAMES
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Store, Verdict
from fhir_plugin.policy.ruling import Reason
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import ImageId

WORDS: Mapping[type[Verdict], str] = {Store: "store", DescribeOnly: "describe", Discard: "discard"}
_OWN = frozenset({"taken_on", "taken_unknown", "show_online", "laterality", "purpose"})
"""Answers that no rule asks for and that describe the picture."""


def decision_of(draft: Draft, assessment: Assessment, *, pack: str) -> DecisionRecord:
    """Everything that led to the order. An answer to a question that no longer applies is no part of it."""
    asked = {question.id for question in assessment.questions}
    second = draft.second_under(pack)
    agreed = second.by if assessment.second_person and second is not None and second.agrees else None
    reason = draft.answers.said("urgent_reason") if "urgent_reason" in asked and agreed is None else ""
    return DecisionRecord(
        pack=pack,
        images=tuple(
            DecidedImage(image_id, WORDS[type(verdict)], _grounds(verdict.reasons))
            for image_id, verdict in assessment.verdicts.items()
            if type(verdict) in WORDS
        ),
        answers=tuple(_answers(draft, assessment, asked)),
        warnings=(*_grounds(assessment.warnings), *_refused(draft)),
        flags=tuple(sorted(assessment.flags)),
        second_person=agreed,
        urgent=bool(reason),
        urgent_reason=reason,
    )


def _refused(draft: Draft) -> Iterable[Ground]:
    """Every second clinician who said no, whatever somebody else said afterwards (X10, X25)."""
    last = (draft.second,) if draft.second is not None and not draft.second.agrees else ()
    for each in dict.fromkeys((*draft.refusals, *last)):
        text = f"A second clinician, {each.name or each.by}, did not agree: {each.words}"
        yield Ground("second-person-refused", text, "X10, X25")


def _answers(draft: Draft, assessment: Assessment, asked: Collection[str]) -> Iterable[Answered]:
    shared = _fields(asked)
    for name, value in draft.answers.shared.items():
        if name in shared and value.strip():
            yield Answered(name, value)
    for image_id, said in draft.answers.per_image.items():
        own = _fields(_questions_of(assessment, image_id))
        for name, value in said.items():
            if name in own and value.strip():
                yield Answered(name, value, image_id)


def _questions_of(assessment: Assessment, image_id: ImageId) -> list[str]:
    ruling = assessment.rulings.get(image_id)
    found = [question.id for question in ruling.questions] if ruling is not None else []
    return [*found, "store_justification"] if isinstance(assessment.verdicts.get(image_id), Store) else found


def _fields(questions: Collection[str]) -> set[str]:
    return {FORM_NAMES.get(question, question) for question in questions} | _OWN


def _grounds(reasons: Iterable[Reason]) -> tuple[Ground, ...]:
    return tuple(Ground(reason.code, reason.text, reason.source) for reason in reasons)
