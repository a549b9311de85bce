"""Hiding an image of the record: gone from ordinary view, reversible, and nothing is ever purged by it (G-R264)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId


class HidingReason(StrEnum):
    """Why it was hidden."""

    PATIENT_ASKED = "patient-asked"
    WITHDRAWN = "withdrawn"
    NOT_NEEDED = "not-needed"
    POOR_QUALITY = "poor-quality"
    WRONG_PATIENT = "wrong-patient"
    """It belongs to another chart: marked as entered in error as well, and never simply restored."""
    OTHER = "other"


class HidingState(StrEnum):
    """It counts as hidden here from the first moment, whatever the server has taken of it by now."""

    HIDING = "hiding"
    HIDDEN = "hidden"
    HIDDEN_HERE_ONLY = "hidden-here-only"
    """The server did not take the change: this app hides it, other systems may show it."""
    RESTORING = "restoring"
    """On its way back: hidden until it is proven to be there as it was."""


@dataclass(frozen=True)
class HiddenImage:
    """One image that ordinary view does not show. Sealed but for whose it is.

    `content` and `resource`: its bytes and its resource as they were, in the vault's compartment `hidden`; None while
    they have not been put there, or where the server would not take a stub and still holds them. `digest`: keyed, of
    the bytes. `remains`: who can still see earlier versions at this server, in plain words.
    """

    fhir_base: FhirBase
    reference: Reference
    patient: PatientId
    since: dt.datetime
    state: HidingState
    reason: HidingReason
    by: Reference
    by_name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    content: VaultId | None = None
    resource: VaultId | None = None
    digest: str = ""
    remains: tuple[str, ...] = field(default=(), repr=False)
    pending: str = ""
    """The intent on its way to the server."""
    policy: str = ""
    looks: tuple[str, ...] = field(default=(), repr=False)
    """Who opened it by break-glass, when, and why in their own words; gone with it."""

    @property
    def wrong_patient(self) -> bool:
        return self.reason is HidingReason.WRONG_PATIENT
