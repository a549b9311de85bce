"""What the pages of the Guardian, the privacy officer and the auditor ask of permanent deletion, and nothing more.

Every method raises errors of `fhir_plugin.errors`: `Incomplete` with `fields` named as here, `AnswersChanged` where
`revision` is not the one that stands now, `NotAllowed` for somebody who may not. None of them reads the launch's
patient: a case is at the launch's EHR, and about its own patient.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from fhir_plugin.delete.register import Found as Found
from fhir_plugin.ports import ChainReport, Json
from mappings.model.deletion import CaseId, Certificate, CertificateNumber, DeletionCase, ItemId, Principle
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession
from mappings.model.practice import Hold


class Decisions(Protocol):
    """What a Caldicott Guardian decides, image by image (`fhir_plugin.delete.decide`)."""

    def queue(self, session: ClinicalSession) -> Sequence[DeletionCase]:
        """Every open one at this EHR, oldest first."""

    def case(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """One at this EHR, of whichever patient; for every other EHR it does not exist (`NotFound`)."""

    def holds(self, session: ClinicalSession, case: DeletionCase) -> Sequence[Hold]:
        """What forbids it now: legal holds, open access requests, complaints, concerns."""

    def opened(self, session: ClinicalSession, id: CaseId) -> DeletionCase:
        """Notes that a Guardian has opened it: `requested` items are `received`. Not for one's own request."""

    def approve(
        self,
        session: ClinicalSession,
        id: CaseId,
        item: ItemId,
        principles: Collection[Principle],
        words: str,
        *,
        revision: int,
    ) -> DeletionCase:
        """Of the version that was asked for, until the approval expires. Fields: `principles`, `words`."""

    def reject(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """Fields: `words`."""

    def ask_more(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """Fields: `words`."""

    def take_back(
        self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int
    ) -> DeletionCase:
        """An approval that has not been begun, one's own or another's. Fields: `words`."""

    def cosign(self, session: ClinicalSession, id: CaseId, item: ItemId, words: str, *, revision: int) -> DeletionCase:
        """The second signature, by a third person, where policy asks for one. Fields: `words`."""


class Looks(Protocol):
    """A Guardian's deliberate look at the marked copy (`fhir_plugin.delete.look`)."""

    def open(self, session: ClinicalSession, id: CaseId, item: ItemId, reason: str) -> str:
        """A ticket for one look, in this launch, within two minutes. `reason`: a code."""

    def picture(self, session: ClinicalSession, id: CaseId, item: ItemId, ticket: str) -> bytes:
        """JPEG, once."""


class Guardians(Protocol):
    """Who else decides (`fhir_plugin.delete.guardians`)."""

    def others(self, session: ClinicalSession, case: DeletionCase) -> Sequence[str]:
        """Names; neither who asked nor who reads this."""


class Register(Protocol):
    """What is hidden and what became of requests (`fhir_plugin.delete.register`)."""

    def whole(self, session: ClinicalSession) -> Found: ...
    def of_nhs_number(self, session: ClinicalSession, number: str) -> Found: ...
    def on(self, session: ClinicalSession, day: dt.date) -> Found: ...
    def certificate(self, session: ClinicalSession, number: CertificateNumber) -> Certificate: ...
    def signed(self, certificate: Certificate) -> bool:
        """Whether this installation signed exactly this."""

    def chain(self, session: ClinicalSession) -> ChainReport: ...


class BreakGlass(Protocol):
    """Opening what is hidden, with a reason (`fhir_plugin.delete.break_glass`): privacy officers and auditors alone, at
    any launch of the same EHR."""

    def open(self, session: ClinicalSession, reference: Reference, reason: str) -> str:
        """A ticket for one look, in this launch, within two minutes; logged. Fields: `reason`, in their own words."""

    def picture(self, session: ClinicalSession, reference: Reference, ticket: str) -> tuple[bytes, str]:
        """The bytes that were kept, and their type, once. `NotFound` where none are kept."""


class Offices(Protocol):
    """The services behind these pages, as `fhir_plugin.deleting` joins them."""

    @property
    def decisions(self) -> Decisions: ...
    @property
    def looks(self) -> Looks: ...
    @property
    def guardians(self) -> Guardians: ...
    @property
    def register(self) -> Register: ...
    @property
    def break_glass(self) -> BreakGlass: ...

    def certificate_file(self, certificate: Certificate) -> Json:
        """What `fhir-plugin verify-certificate` checks: the statement, its signature, and the public keys."""

    def certificate_pdf(self, certificate: Certificate) -> bytes:
        """To be printed and filed on paper; content-free as the certificate is."""
