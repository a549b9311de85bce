"""Security labels: what they are, and which an image gets (`mappings.terminology` gives systems and displays).

One confidentiality code per image; sensitivity says why; who-decided says on whose word; the reporting tag
says who vouches for the picture; handling says what a recipient must do. Sources: HL7 HCS, FHIR R4 security
labels, DS4P IG 1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


@dataclass(frozen=True, order=True)
class Label:
    """One security label. Two are the same when system and code are (FHIR R4 Meta.security)."""

    system: str
    code: str

    def __str__(self) -> str:
        return f"{self.system}|{self.code}"


class Intimacy(StrEnum):
    """Whether the image shows a private area, or the patient wants it kept private (G-R172)."""

    NO = "no"
    PRIVATE = "private"
    INTIMATE = "intimate"


NORMAL = Label(CONFIDENTIALITY, "N")
RESTRICTED = Label(CONFIDENTIALITY, "R")
VERY_RESTRICTED = Label(CONFIDENTIALITY, "V")
SEXUALITY = Label(ACT_CODE, "SEX")
YOUNG = Label(ACT_CODE, "ADOL")
"""Of somebody under 18 when it was taken (labels-and-shapes A2): stays on when they grow up, until a review."""
BY_DEFAULT = Label(ACT_CODE, "PDS")
BY_CLINICIAN = Label(ACT_CODE, "PHY")
BY_PATIENT = Label(ACT_CODE, "PRS")
NO_REDISCLOSURE = Label(ACT_CODE, "NORDSCLCD")
HUMAN_APPROVAL = Label(ACT_CODE, "HUAPRV")
"""A person must approve every release."""
ASSERTED_BY_CLINICIAN = Label(OBSERVATION_VALUE, "CLINAST")
REPORTED_BY_PATIENT = Label(OBSERVATION_VALUE, "PATRPT")
REPORTED_BY_PROXY = Label(OBSERVATION_VALUE, "SDMRPT")


class Source(StrEnum):
    """Who vouches for the picture."""

    CLINICIAN = "clinician"
    PATIENT = "patient"
    PROXY = "proxy"


def image_labels(
    *,
    intimacy: Intimacy,
    private_site: bool,
    source: Source,
    patient_says_private: bool = False,
    child: bool = False,
) -> tuple[Label, ...]:
    """The labels of one image: confidentiality, why, on whose word, who reports, handling.

    `private_site`: the body site is on the policy's list of private areas, which alone makes the image intimate.
    `patient_says_private` beside what the clinician found. `child`: under 18 when it was taken, or nobody knows; an
    intimate one gets the strictest label that there is, and a person must approve every release (G-R186).
    """
    reported = {
        Source.CLINICIAN: ASSERTED_BY_CLINICIAN,
        Source.PATIENT: REPORTED_BY_PATIENT,
        Source.PROXY: REPORTED_BY_PROXY,
    }[source]
    intimate = private_site or intimacy is Intimacy.INTIMATE
    private = patient_says_private or intimacy is Intimacy.PRIVATE
    if not intimate and not private and not child:
        return (NORMAL, reported)
    labels = [VERY_RESTRICTED if intimate and child else RESTRICTED]
    if intimate:
        labels.append(SEXUALITY)
    if child:
        labels.append(YOUNG)
    if private_site or (child and not intimate and not private):
        labels.append(BY_DEFAULT)
    elif intimate:
        labels.append(BY_CLINICIAN)
    if private and not private_site:
        labels.append(BY_PATIENT)
    labels += [reported, NO_REDISCLOSURE]
    if intimate and child:
        labels.append(HUMAN_APPROVAL)
    return tuple(labels)


def is_restricted(labels: tuple[Label, ...] | list[Label]) -> bool:
    """Fail closed: everything but U, L, M or N counts as restricted, as does no confidentiality label at all.

    A sensitivity, obligation or refrain label (all v3-ActCode) restricts whatever confidentiality stands beside it:
    other systems write N and SEX on the same image.
    """
    levels = {label.code for label in labels if label.system == CONFIDENTIALITY}
    sensitive = any(label.system == ACT_CODE for label in labels)
    return sensitive or not levels or not levels <= {"U", "L", "M", "N"}
