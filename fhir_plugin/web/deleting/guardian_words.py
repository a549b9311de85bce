"""How a request for permanent deletion is said to whoever decides about it or watches over it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mappings.model.deletion import DeletionCase, DeletionItem, DeletionState, Principle

PRINCIPLES: Final[Mapping[Principle, tuple[str, str]]] = MappingProxyType(
    {
        Principle.JUSTIFY: (
            "Justify the purpose(s) for using confidential information",
            "The reason given for destroying it holds, and is written down.",
        ),
        Principle.NECESSARY: (
            "Use confidential information only when it is necessary",
            "Hiding would not be enough; nobody needs this image for care, a complaint or the law.",
        ),
        Principle.MINIMUM: (
            "Use the minimum necessary confidential information",
            "Exactly this image is destroyed and nothing else; the written description stays.",
        ),
        Principle.NEED_TO_KNOW: (
            "Access to confidential information should be on a strict need-to-know basis",
            "I looked at no more of it than I needed for this decision.",
        ),
        Principle.RESPONSIBILITY: (
            "Everyone with access to confidential information should be aware of their responsibilities",
            "Whoever asks, and whoever has seen or received it, knows theirs.",
        ),
        Principle.LAW: (
            "Comply with the law",
            "No hold, access request, complaint or duty to keep it stands against this.",
        ),
        Principle.DUTY_TO_SHARE: (
            "The duty to share information for individual care is as important as the duty to protect patient "
            "confidentiality",
            "Nobody’s care will suffer because it is gone.",
        ),
        Principle.NO_SURPRISES: (
            "Inform patients and service users about how their confidential information is used",
            "The patient has been told, or will be, so that it does not surprise them.",
        ),
    }
)
"""The eight Caldicott Principles (National Data Guardian, December 2020), word for word, and what each asks here."""

WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "task-edited": "Its Task was changed in the EHR, past this app: the approval no longer counts",
        "version-changed": "The image was changed after the approval, which no longer counts",
        "legal-hold": "A legal hold",
        "open-access-request": "An open request for a copy of the record",
        "open-complaint": "An open complaint",
        "open-concern": "An open safeguarding concern",
        "expired": "The approval ran out",
        "taken-back": "A Guardian took the approval back",
        "task-gone": "Its Task was removed from the EHR, past this app: the approval no longer counts",
        "patient-changed": "The EHR says that the patient goes by another NHS number now: approve again, or not",
        "patient-deceased": "The patient has died since it was asked for: approve again, or not",
        "not-the-guardian": "Who approved it is no Caldicott Guardian any more",
        "clock": "The approval is dated later than now: a clock was wrong",
        "more-asked": "Something was asked, and has not been answered",
        "awaits-cosign": "A second signature is waited for",
    }
)
"""Codes of a stop, a hold or a voided approval. One that is not here is read as it is."""

LOOK_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "right-image": "To be sure that it is the image that is meant",
        "description": "To compare it with the written description",
        "law": "The law or a complaint may need it to be kept",
    }
)
"""Why a Guardian opens a picture: offered, so that the audit trail holds a code and no words."""

DECIDABLE: Final = frozenset({DeletionState.REQUESTED, DeletionState.RECEIVED})
"""Where a Guardian's decision may follow."""


def why_words(code: str) -> str:
    """A code of `DeletionItem.why`, as a person reads it."""
    return WHY.get(code, code.replace("-", " ").capitalize())


def images(number: int) -> str:
    """1 image, 3 images."""
    return "1 image" if number == 1 else f"{number} images"


def undecided(case: DeletionCase) -> list[DeletionItem]:
    """Those that wait for a Guardian, held ones as well."""
    return [each for each in case.items if (each.held_from or each.state) in DECIDABLE]


def days_left(due: dt.date, today: dt.date) -> tuple[str, bool]:
    """In words, and whether it is late: red only then."""
    days = (due - today).days
    if days < 0:
        return ("1 day late" if days == -1 else f"{-days} days late"), True
    return ("due today" if days == 0 else "1 day left" if days == 1 else f"{days} days left"), False
