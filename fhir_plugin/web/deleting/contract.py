"""What a clinician's pages ask of hiding and permanent deletion, and nothing more (`fhir_plugin.delete` answers).

Every method raises errors of `fhir_plugin.errors`: `Incomplete` with `fields` named as here, `AnswersChanged` where
`revision` is not the one that stands now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fhir_plugin.delete.request import Asked as Asked
from fhir_plugin.delete.wrong_patient import HandOver as HandOver
from mappings.model.deletion import CaseId, DeletionCase, ItemId
from mappings.model.hiding import HiddenImage, HidingReason
from mappings.model.identifiers import CaptureId, Reference, VaultId
from mappings.model.people import ClinicalSession, Patient


class Hiding(Protocol):
    """Hiding, restoring, and the wrong patient."""

    def hide(
        self, session: ClinicalSession, patient: Patient, reference: Reference, reason: HidingReason | None, words: str
    ) -> HiddenImage:
        """Hidden here from the moment it returns. The same one again changes nothing. Fields: `reason`, `words`."""

    def wrong_patient(
        self, session: ClinicalSession, patient: Patient, reference: Reference, words: str
    ) -> HiddenImage:
        """Hidden and entered in error, and its destruction asked for. Fields: `words`."""

    def restore(self, session: ClinicalSession, patient: Patient, reference: Reference, words: str) -> HiddenImage:
        """Begins to put back exactly what was. Fields: `words`. `Refused` for one of a wrong patient."""

    def of_patient(self, session: ClinicalSession) -> Sequence[HiddenImage]:
        """Newest first."""

    def seen_by(self, session: ClinicalSession, reference: Reference) -> Sequence[str]:
        """Who has seen or received it, as far as this app knows, each in plain words; oldest first."""


class HandOvers(Protocol):
    """A picture of a wrong chart on its way to the right one, for the same person alone."""

    def offer(self, session: ClinicalSession, reference: Reference) -> HandOver:
        """In the wrong chart: from now on it waits for this person. Done twice, it is done once."""

    def waiting(self, session: ClinicalSession) -> Sequence[HandOver]:
        """What this person can file in this chart; nothing of what came from it."""

    def take(self, session: ClinicalSession, id: VaultId) -> CaptureId:
        """Begins an ordinary capture with it: everything is asked anew."""


class Requests(Protocol):
    """Requests for permanent deletion, as whoever asks sees them."""

    def ask(self, session: ClinicalSession, patient: Patient, asked: Asked, *, once: str) -> DeletionCase:
        """`once`: a key of the page. Sent twice with it is one request."""

    def of_patient(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        """Newest first."""

    def get(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """One of this launch's patient; for every other launch it does not exist."""

    def answer(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """What the Guardian wanted to know. Fields: `words`."""

    def cancel(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """Takes one image's request back, before anything was destroyed. Fields: `words`."""

    def in_error(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """The request was a mistake: the wrong picture, or the wrong chart. Fields: `words`."""

    def replied(self, session: ClinicalSession, id: CaseId, *, revision: int) -> DeletionCase:
        """The patient who asked was answered, today."""

    def carry_out(self, session: ClinicalSession, id: CaseId, item: ItemId, *, revision: int) -> DeletionCase:
        """Begins to destroy what was approved, at its own patient's chart."""


class Deletion(Protocol):
    """All of it, as `fhir_plugin.deleting` joins them."""

    @property
    def hiding(self) -> Hiding: ...
    @property
    def hand_overs(self) -> HandOvers: ...
    @property
    def requests(self) -> Requests: ...

    def under_way(self, item: ItemId) -> bool:
        """Whether carrying it out has been begun and has not ended: it goes on by itself."""
