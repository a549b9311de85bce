"""Changing the security label of an image that is in the record: levels, what each change makes of the labels, and
what this installation knows of the label of one image.

A raise never takes a restricting label away. A lowering takes away what this app itself writes, and nothing that
somebody else had a reason for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.labels import (
    ACT_CODE,
    ASSERTED_BY_CLINICIAN,
    BY_CLINICIAN,
    BY_DEFAULT,
    BY_PATIENT,
    CONFIDENTIALITY,
    HUMAN_APPROVAL,
    NO_REDISCLOSURE,
    NORMAL,
    OBSERVATION_VALUE,
    RESTRICTED,
    SEXUALITY,
    VERY_RESTRICTED,
    YOUNG,
    Label,
    is_restricted,
)


class LabelLevel(StrEnum):
    """How sensitive an image is, as people choose it; the first one is the least."""

    ORDINARY = "ordinary"
    PRIVATE = "private"
    """The patient wants it kept private."""
    INTIMATE = "intimate"
    """It shows a private area."""
    STRICTEST = "strictest"
    """At risk if seen by the wrong person: somebody has to approve every release."""


LEVELS: Final = tuple(LabelLevel)


class LabelReason(StrEnum):
    """Why a label is changed: kept as a code in the signed statement."""

    PATIENT_ASKED = "patient-asked"
    PRIVATE_AREA = "private-area"
    AT_RISK = "at-risk"
    LABEL_LOST = "label-lost"
    """The record no longer says what we had signed."""
    LABELLED_WRONGLY = "labelled-wrongly"
    SITE_CORRECTED = "site-corrected"
    NO_LONGER_PRIVATE = "no-longer-private"
    """The patient says so themselves."""
    OTHER = "other"


TO_RAISE: Final = (
    LabelReason.PRIVATE_AREA,
    LabelReason.PATIENT_ASKED,
    LabelReason.AT_RISK,
    LabelReason.LABEL_LOST,
    LabelReason.OTHER,
)
TO_LOWER: Final = (
    LabelReason.LABELLED_WRONGLY,
    LabelReason.SITE_CORRECTED,
    LabelReason.NO_LONGER_PRIVATE,
    LabelReason.OTHER,
)

WRITTEN_HERE: Final = frozenset({SEXUALITY, BY_DEFAULT, BY_CLINICIAN, BY_PATIENT, NO_REDISCLOSURE, HUMAN_APPROVAL})
"""What a lowering may take away. `ADOL` is not among them: it stays until the review at 16 and 18."""
_RANKS: Final = {"U": 0, "L": 1, "M": 2, "N": 3, "R": 4, "V": 5}
_UNKNOWN: Final = _RANKS["R"]


def confidentiality(labels: Sequence[Label]) -> int | None:
    """The strictest confidentiality, from 0 (unrestricted) to 5; a code that is not known counts as restricted. None:
    it has none, which nobody may take for a low one."""
    return max((_rank(label) for label in labels if label.system == CONFIDENTIALITY), default=None)


def _rank(label: Label) -> int:
    return _RANKS.get(label.code, _UNKNOWN)


def _is_level(label: Label) -> bool:
    """A confidentiality of today's set, and nothing but how confidential it is."""
    return label.system == CONFIDENTIALITY and label.code in _RANKS


def at_least_as_strict(after: Sequence[Label], before: Sequence[Label]) -> bool:
    """Whether `after` lets nothing out that `before` kept in: no restricting label gone, no lower confidentiality."""
    had, has = confidentiality(before), confidentiality(after)
    if (had is None and has is not None and has < _UNKNOWN) or (had is not None and has is not None and has < had):
        return False
    if had is not None and has is None:
        return False
    return _restricting(before) <= _restricting(after)


def says_the_same(on_server: Sequence[Label], signed: Sequence[Label]) -> bool:
    """Whether a server's labels are what was signed. A lower confidentiality beside the signed one, as servers leave it
    that only ever add, says nothing else."""
    return set(signed) <= set(on_server) and set(on_server) - set(signed) <= set(weaker_levels(on_server))


def weaker_levels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """The confidentialities that lie beside a stricter one."""
    top = confidentiality(labels) or 0
    return tuple(each for each in labels if _is_level(each) and _rank(each) < top)


def covers(now: Sequence[Label], wanted: Sequence[Label]) -> bool:
    """Whether `now` says all that `wanted` says, and is as confidential at least."""
    others = {label for label in wanted if not _is_level(label)}
    return others <= set(now) and at_least_as_strict(now, wanted)


def together(*sets: Sequence[Label]) -> tuple[Label, ...]:
    """All labels of all of them with one confidentiality, the strictest. One that is not known, or of an older set,
    counts as restricted and stays beside it: it may say more than how confidential it is."""
    every = [label for labels in sets for label in labels]
    rank = confidentiality(every)
    level = [Label(CONFIDENTIALITY, code) for code, each in _RANKS.items() if each == rank]
    return tuple(dict.fromkeys([*level, *(label for label in every if not _is_level(label))]))


def level_of(labels: Sequence[Label]) -> LabelLevel:
    """The level that these labels amount to; one that is not known for what it is counts as private."""
    if not is_restricted(list(labels)):
        return LabelLevel.ORDINARY
    if (confidentiality(labels) or 0) > _UNKNOWN or HUMAN_APPROVAL in labels:
        return LabelLevel.STRICTEST
    return LabelLevel.INTIMATE if SEXUALITY in labels else LabelLevel.PRIVATE


def raised(before: Sequence[Label], level: LabelLevel, *, child: bool) -> tuple[Label, ...]:
    """`before` made as strict as `level`, and nothing of it weakened. `child`: under 18 when it was taken."""
    wanted = _wanted(level, child=child)
    return _vouched(together(wanted, before))


def lowered(before: Sequence[Label], level: LabelLevel, *, child: bool) -> tuple[Label, ...]:
    """`before` at `level` without what this app writes for a higher one. Labels of other systems, and `ADOL`, stay,
    and while one of them restricts it, so does the confidentiality."""
    wanted = _wanted(level, child=child or YOUNG in before)
    kept = [label for label in before if not _is_level(label) and label not in WRITTEN_HERE]
    still = [*wanted, *kept]
    if (
        any(label.system in (ACT_CODE, CONFIDENTIALITY) for label in kept)
        and RESTRICTED not in wanted
        and VERY_RESTRICTED not in wanted
    ):
        still = [RESTRICTED, *(label for label in still if label != NORMAL)]
    return _vouched(together(still))


def _wanted(level: LabelLevel, *, child: bool) -> list[Label]:
    """As `image_labels` gives them on a clinician's word (G-R172, G-R186, G-R254)."""
    intimate = level is LabelLevel.INTIMATE
    young = [YOUNG] if child else []
    match level:
        case LabelLevel.ORDINARY:
            return [RESTRICTED, *young, BY_DEFAULT, NO_REDISCLOSURE] if child else [NORMAL]
        case LabelLevel.PRIVATE:
            return [RESTRICTED, *young, BY_PATIENT, NO_REDISCLOSURE]
        case LabelLevel.INTIMATE if not child:
            return [RESTRICTED, SEXUALITY, BY_CLINICIAN, NO_REDISCLOSURE]
        case _:
            why = [SEXUALITY] if intimate else []
            return [VERY_RESTRICTED, *why, *young, BY_CLINICIAN, NO_REDISCLOSURE, HUMAN_APPROVAL]


def _vouched(labels: Sequence[Label]) -> tuple[Label, ...]:
    """With a word on who vouches for it, always."""
    said = any(label.system == OBSERVATION_VALUE for label in labels)
    return tuple(labels) if said else (*labels, ASSERTED_BY_CLINICIAN)


def _restricting(labels: Sequence[Label]) -> frozenset[Label]:
    """Everything but how confidential it is and who vouches for it: a label that is not known restricts, too."""
    return frozenset(label for label in labels if not _is_level(label) and label.system != OBSERVATION_VALUE)


@dataclass(frozen=True)
class ImageLabel:
    """What this installation says about the label of one image, ours or another system's.

    It hides pixels whatever the server says: while a raise is on its way, while the server does not take it, and when
    the server has lost it. A server's own labels can only add to it.
    """

    fhir_base: FhirBase
    reference: Reference
    patient: PatientId
    labels: tuple[Label, ...] = field(default=(), repr=False)
    """What it has to carry; empty: we say nothing, and the server's labels alone hold."""
    since: dt.datetime | None = None
    by: Reference | None = None
    by_name: str = field(default="", repr=False)
    statement: Reference | None = None
    """The Provenance that says so, signed by us."""
    hidden_since: dt.datetime | None = None
    """When it was raised: a reason that was given before does not open it."""
    untold: bool = False
    """The server has not taken it."""
    pending: str = ""
    """The latest change on its way to the server; what was ordered before it settles without a word here."""
    found_ordinary: str = ""
    """Digest of what a clinician looked at and found ordinary: asked again as soon as it differs."""
    ordinary_words: str = field(default="", repr=False)
    """Why, in their words."""

    def in_force(self, on_server: Sequence[Label]) -> tuple[Label, ...]:
        """Both, together: the most that either says."""
        return tuple(dict.fromkeys((*on_server, *self.labels)))
