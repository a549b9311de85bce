"""Why a label is changed, and how sensitive an image is, in words that people choose and read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mappings.model.label_change import LabelLevel, LabelReason

REASON_WORDS: Final[Mapping[LabelReason, str]] = MappingProxyType(
    {
        LabelReason.PATIENT_ASKED: "The patient asked for it",
        LabelReason.PRIVATE_AREA: "It shows a private area",
        LabelReason.AT_RISK: "Somebody is at risk if the wrong person sees it",
        LabelReason.LABEL_LOST: "The record had lost or changed its label",
        LabelReason.LABELLED_WRONGLY: "The label was wrong when it was filed",
        LabelReason.SITE_CORRECTED: "The body site was wrong and has been corrected",
        LabelReason.NO_LONGER_PRIVATE: "The patient says that it need not be private",
        LabelReason.OTHER: "Another reason, in my own words",
    }
)
LEVEL_WORDS: Final[Mapping[LabelLevel, tuple[str, str]]] = MappingProxyType(
    {
        LabelLevel.ORDINARY: ("Ordinary", "Shown like the rest of the record."),
        LabelLevel.PRIVATE: ("Private", "The patient wants it kept private. It opens with a reason."),
        LabelLevel.INTIMATE: (
            "Private area",
            "It shows a private area. It opens with a reason, and is not passed on without consent.",
        ),
        LabelLevel.STRICTEST: (
            "Very sensitive",
            "Somebody is at risk if the wrong person sees it. A person has to approve every release.",
        ),
    }
)
