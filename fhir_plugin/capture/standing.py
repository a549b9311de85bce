"""Where a capture stands, as its screen shows it: what is asked, missing or stops, and the note to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_plugin.capture.answers import PER_IMAGE
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft, SecondAnswer
from fhir_plugin.capture.foretell import foretold
from fhir_plugin.capture.ladder_words import Forecast
from fhir_plugin.capture.order import labels_of, note_text, online_default, still_cleaning
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.second_person import why_not_ask
from fhir_plugin.capture.verdicts import Verdict
from fhir_plugin.policy.ruling import OpenQuestion, Reason, Ruling
from mappings.model.identifiers import ImageId
from mappings.model.people import ClinicalSession, Patient
from mappings.terminology.labels import plain_label


@dataclass(frozen=True)
class CaptureView:
    """What the add-images screen shows of a capture.

    `questions` are asked once for the whole set, `own_questions` of each picture. `revealed`: pictures whose pixels
    may be shown. `labels` in people's words. `kept_because` is what forbids destroying anything of this patient now.
    """

    verdicts: Mapping[ImageId, Verdict]
    missing: Mapping[str, str]
    holds: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    may_file: bool
    note: str
    labels: Mapping[ImageId, tuple[str, ...]]
    show_online_default: Mapping[ImageId, bool]
    questions: tuple[OpenQuestion, ...] = ()
    own_questions: Mapping[ImageId, tuple[OpenQuestion, ...]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    revealed: frozenset[ImageId] = frozenset()
    second_person: bool = False
    second: SecondAnswer | None = None
    second_asked: bool = False
    """Whether another clinician is asked now and has not answered."""
    second_may_ask: bool = True
    """Whether another clinician may be asked, or asked again, as it stands."""
    kept_because: tuple[Reason, ...] = ()
    cleaning: str = ""
    """What filing waits for besides answers (`may_file`), in words."""
    forecast: Forecast | None = None
    """What *File* will do in this EHR; None while nothing is to be stored, or the EHR cannot be asked."""


def view_of(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, assessment: Assessment, patient: Patient
) -> CaptureView:
    """The view of an assessment."""
    labels = {image: labels_of(assessment, image) for image in assessment.rulings}
    return CaptureView(
        verdicts=assessment.verdicts,
        missing=assessment.missing,
        holds=assessment.holds,
        warnings=assessment.warnings,
        may_file=assessment.may_file,
        note=note_text(draft, assessment, patient, now=parts.clock.now(), pack=parts.policy.reference),
        labels={image: tuple(plain_label(label) for label in each) for image, each in labels.items()},
        show_online_default={image: online_default(each, parts) for image, each in labels.items()}
        if parts.policy.ask_online_record
        else {},
        questions=assessment.questions,
        own_questions={image: own_questions(ruling) for image, ruling in assessment.rulings.items()},
        flags=assessment.flags,
        revealed=frozenset(image for image in assessment.rulings if assessment.may_reveal(image)),
        second_person=assessment.second_person,
        second=draft.second_under(parts.policy.reference),
        second_asked=draft.second_waits(parts.policy.reference),
        second_may_ask=why_not_ask(parts, draft, assessment) is None,
        kept_because=parts.held(draft.fhir_base, draft.patient),
        cleaning=still_cleaning(draft),
        forecast=foretold(parts, session, draft, assessment),
    )


def own_questions(ruling: Ruling) -> tuple[OpenQuestion, ...]:
    """What each picture answers for itself."""
    return tuple(question for question in ruling.questions if question.id in PER_IMAGE)
