"""Consent to receive and to store an image, as it was said; not asked is not refused (G-R58 to G-R80)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from mappings.model.identifiers import CaptureId, Reference


class ConsentScope(StrEnum):
    RECEIVE = "receive"
    STORE = "store"


class ConsentAnswer(StrEnum):
    GIVEN = "given"
    REFUSED = "refused"
    NOT_ASKED = "not-asked"


class ConsentForm(StrEnum):
    """How consent was given (X15)."""

    VERBAL = "verbal"
    ELECTRONIC = "electronic"
    WRITTEN = "written"


@dataclass(frozen=True)
class PhotoConsent:
    """What this patient said about the images of one capture, recorded by one clinician.

    `receive` and `store` are separate decisions. `understood`: the clinician checked that the patient
    understood what the image is for, where it is kept and who sees it.
    """

    capture_id: CaptureId
    patient: Reference
    recorded_by: Reference
    recorded_at: dt.datetime
    receive: ConsentAnswer
    store: ConsentAnswer
    form: ConsentForm | None
    understood: bool
    policy_version: str
    private: bool = False
