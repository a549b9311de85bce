"""The ports of hiding and destroying: part of `fhir_plugin.ports`, which gives them to everybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mappings.model.deletion import CaseId, Certificate, CertificateNumber, DeletionCase
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId

Json = dict[str, Any]


class HiddenImages(Protocol):
    """What ordinary view does not show. Joins the open transaction."""

    def keep(self, image: HiddenImage) -> None:
        """Adds it, or takes the place of what is known of this reference."""

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> HiddenImage | None:
        """None: it is not hidden. Raises `Tampered` for a row that cannot be read: then nothing is shown."""

    def references(self, fhir_base: FhirBase, patient: PatientId) -> frozenset[Reference]:
        """Of a patient, those that are hidden, without opening anything: one that cannot be read is hidden too."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[HiddenImage]:
        """Newest first. One that cannot be read is logged and left out."""

    def at(self, fhir_base: FhirBase) -> list[HiddenImage]:
        """Everything hidden at this EHR, newest first: the privacy officer's register."""

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        """It is hidden no more, or destroyed. Idempotent."""


class DeletionCases(Protocol):
    """Requests for permanent deletion. Every method joins the open transaction."""

    def add(self, case: DeletionCase) -> None:
        """Raises `AlreadyThere` where one has this id."""

    def get(self, id: CaseId, *, for_change: bool = False) -> DeletionCase:
        """Raises `NotFound`; `Tampered` for a row that was changed past the app."""

    def save(self, case: DeletionCase) -> None:
        """Takes the place of the one with the revision before. Raises `AnswersChanged` where that is no more."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DeletionCase]:
        """Newest first. One that cannot be read is logged and left out."""

    def open_at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        """Every open one at this EHR, oldest first: the Guardian's queue."""

    def at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        """Every one at this EHR, newest first: the register."""

    def bases(self) -> list[FhirBase]:
        """Every EHR at which there is one: for whoever runs the installation."""

    def of_nhs_number(self, fhir_base: FhirBase, nhs_number: str) -> list[DeletionCase]:
        """Found by a keyed digest; newest first."""

    def due(self, now: dt.datetime) -> list[CaseId]:
        """Those at which the app itself looks again, oldest first (`mappings.model.deletion.look_at`): whatever is
        undecided, approved or held, and proofs whose time to be repeated has come."""

    def certify(self, certificate: Certificate) -> None:
        """Keeps a certificate. The same one again changes nothing."""

    def certificate(self, number: CertificateNumber) -> Certificate:
        """Raises `NotFound`."""

    def certificates(self, fhir_base: FhirBase, patient: PatientId) -> list[Certificate]:
        """Oldest first."""


@dataclass(frozen=True)
class Answered:
    """What a server answered to one look: the form that was asked for, its status, and the content if there was any."""

    asked: str
    """A code: `read image/*`, `read application/fhir+json`, `vread 2 image/*` ..."""
    status: int
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PurgeMeans:
    """How a server gets rid of old versions: data of the adapter (`adapters/purge/*.toml`)."""

    name: str
    """`expunge`, `medplum-expunge`, `erase`, `google-purge`, `purge-history`, `delete-history`, `none`."""
    words: str
    """In plain words, for a person: what it does, and with which access."""
    reaches_history: bool
    ask: str
    """What the server's administrator must do where it is refused or there is none, in plain words."""


class RecordPurge(Protocol):
    """What destroying and proving need of a record beside `ClinicalRecord`: for one launch, both places.

    Errors as `ClinicalRecord` raises them; `RecordRefused` says that the server will not.
    """

    def means(self, resource_type: str) -> PurgeMeans:
        """By what is known of the server and what it advertises; never by trying."""

    def purge(self, reference: Reference) -> Mapping[str, str]:
        """Gets rid of every earlier version, and of a deleted resource altogether, by the server's own means and in
        our companion store. Idempotent. Returns what each place answered, as codes. That it says yes proves nothing."""

    def everything(self, patient: PatientId) -> Iterator[Json]:
        """`Patient/$everything`, all pages (bounded). Raises `RecordRefused` where it is not offered."""

    def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
        """`Binary/id` and each of `versions` under every Accept that might bring its bytes. A refusal is an answer."""

    def versions(self, reference: Reference) -> Mapping[str, Json | None]:
        """Every version that any place tells of or still answers to, `_history` and vread together; None: that version
        says that it was deleted. Empty: there is none."""


class Traces(Protocol):
    """Looking for bytes wherever this installation may have left them: database, queue, state folder, temp, logs."""

    def places(self) -> tuple[str, ...]:
        """Codes of all places that `find` looks at."""

    def find(self, place: str, needles: Sequence[bytes]) -> tuple[str, ...]:
        """Where any needle stands there, plainly or as base64 at any offset: file names relative to that place, or
        names of tables. Raises `Unavailable` where not everything of the place can be looked at."""


@dataclass(frozen=True)
class Destroyed:
    """One destruction, as a restore of our database must not undo it: ids and keyed digests only."""

    at: dt.datetime
    item: str
    fhir_base: FhirBase
    reference: Reference
    vault_items: tuple[VaultId, ...]
    digest: str


class DestructionLog(Protocol):
    """Beside the database, not in it: append-only and durable, so that a restored backup can be told what is gone."""

    def append(self, destroyed: Destroyed) -> None:
        """Durable when it returns. The same one again changes nothing."""

    def entries(self) -> list[Destroyed]:
        """Oldest first. Raises `Tampered` where a line was changed past the app."""
