"""What people do to a label in the tests: look at it, change it, lower it with a reason, agree as the second."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.keep.relabel import LabelStanding
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.labels import (
    ACT_CODE,
    BY_CLINICIAN,
    NO_REDISCLOSURE,
    REPORTED_BY_PATIENT,
    RESTRICTED,
    SEXUALITY,
    Label,
)
from mappings.model.people import ClinicalSession
from tests.fakes.practice_parts import PracticeBench
from tests.keep.labelled import AMY, OURS
from tests.work.test_practice import NURSE, at

INTIMATE = (RESTRICTED, SEXUALITY, BY_CLINICIAN, REPORTED_BY_PATIENT, NO_REDISCLOSURE)
HIV = Label(ACT_CODE, "HIV")
ONE = replace(shipped_pack(), label_lowered_alone=True)
WHY = "Taken for the rash beside it"


def standing(
    bench: PracticeBench, reference: Reference = OURS, session: ClinicalSession | None = None
) -> LabelStanding:
    return bench.relabelling.standing(session or at(), AMY, reference)


def change(
    bench: PracticeBench,
    level: LabelLevel,
    reason: LabelReason | None = None,
    words: str = "",
    reference: Reference = OURS,
    session: ClinicalSession | None = None,
) -> None:
    who = session or at()
    seen = standing(bench, reference, who).seen
    bench.relabelling.change(who, AMY, reference, level, reason, words, seen)


def lower(
    bench: PracticeBench, level: LabelLevel = LabelLevel.ORDINARY, session: ClinicalSession | None = None
) -> None:
    change(bench, level, LabelReason.LABELLED_WRONGLY, WHY, session=session)


def agree(bench: PracticeBench, agrees: bool = True, session: ClinicalSession | None = None, words: str = "") -> None:
    asked = standing(bench).asked
    assert asked is not None
    bench.relabelling.answer(session or at(NURSE), asked.item.id, agrees, words, asked.seen)
