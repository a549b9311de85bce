"""What vault, database and record may disagree about, and how somebody is told."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from fhir_plugin.delete.hidden_kept import owners_of_copy
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.ports import Compartment, Destroyed, VaultItem, kept_under
from mappings.model.deletion import CaseId, Certificate, DeletionCase, DeletionItem, DeletionState
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference, VaultId
from mappings.model.kept import KeptImage

GRACE: Final = dt.timedelta(hours=1)
"""What is younger may still be in the making, and is left alone."""
_BETWEEN: Final = re.compile(r"[\s/:]+")


class Kind(StrEnum):
    """One way in which two places disagree."""

    VAULT_WITHOUT_OWNER = "vault-without-owner"
    """Bytes that nothing in the database speaks of."""
    BYTES_WITHOUT_KEY = "bytes-without-key"
    """A file of the vault that nobody can open any more."""
    KEY_WITHOUT_BYTES = "key-without-bytes"
    """An item of the vault whose file is missing: what was in it is lost."""
    HIDDEN_WITHOUT_BYTES = "hidden-without-bytes"
    """The register of hidden images names bytes that the vault has not got: it cannot be shown again."""
    ORDER_WITHOUT_PLAN = "order-without-plan"
    """What is to be written into the record is not in the vault any more."""
    PICTURE_OF_ENDED = "picture-of-ended"
    """The Guardian's copy outlived the decision."""
    CASES_UNREADABLE = "cases-unreadable"
    """Requests for deletion that cannot be opened: what they say is not known, so nothing is concluded from it."""
    DESTROYED_IN_VAULT = "destroyed-in-vault"
    DESTROYED_IN_REGISTER = "destroyed-in-register"
    """Proven to be destroyed, and a register of ours still names it."""
    DESTROYED_WITHOUT_CASE = "destroyed-without-case"
    """The log of destructions knows of one that the database does not: an older database was put back."""
    DESTROYED_WITHOUT_LOG = "destroyed-without-log"
    """A restore of the database could bring it back."""
    DESTROYED_WITHOUT_CERTIFICATE = "destroyed-without-certificate"
    CERTIFICATE_WITHOUT_CASE = "certificate-without-case"
    """It certifies something else than what a request says was destroyed, or nothing."""
    HIDING_STUCK = "hiding-stuck"
    """It waits for an order that has ended."""
    KEPT_WITHOUT_RESOURCE = "kept-without-resource"
    KEPT_OF_ANOTHER = "kept-of-another"
    """The record says that it is another patient's."""
    RESOURCE_WITHOUT_REGISTER = "resource-without-register"
    BYTES_GONE = "bytes-gone"
    """The record shows an image whose bytes are not there."""
    HIDDEN_SHOWS = "hidden-shows"
    """Hidden, and the record shows it."""
    STUB_WITHOUT_HIDDEN = "stub-without-hidden"
    """The record hides it, and the register does not know."""
    DESTROYED_SHOWS = "destroyed-shows"
    """Destroyed, and it is back in the record."""
    TOMBSTONE_WITHOUT_DESTRUCTION = "tombstone-without-destruction"
    THUMBNAIL_WITHOUT_IMAGE = "thumbnail-without-image"
    TASK_EDITED = "task-edited"
    TASK_GONE = "task-gone"
    TASK_NOT_TOLD = "task-not-told"
    """The record was not told how a request stands, and nothing is on its way."""
    TASK_WITHOUT_CASE = "task-without-case"
    COPY_GONE = "copy-gone"
    COPY_SHOWS = "copy-shows"
    COPY_WITHOUT_REGISTER = "copy-without-register"


MEANING: Final[Mapping[Kind, str]] = {
    Kind.BYTES_WITHOUT_KEY: "A file of the vault that nobody can open. It may go.",
    Kind.KEY_WITHOUT_BYTES: "The file of something in the vault is missing. Put it back from a backup of the vault.",
    Kind.VAULT_WITHOUT_OWNER: "Bytes that nothing speaks of. They may be an only copy: find out whose, before they go.",
    Kind.HIDDEN_WITHOUT_BYTES: "What was kept of a hidden image is missing: it cannot be restored from here.",
    Kind.ORDER_WITHOUT_PLAN: "What was to be written to the record is missing. Whoever ordered it orders it anew.",
    Kind.PICTURE_OF_ENDED: "The Guardian's copy outlived the decision. It may go.",
    Kind.CASES_UNREADABLE: "Requests for deletion cannot be opened: a key is missing, or rows were changed.",
    Kind.DESTROYED_IN_VAULT: "Bytes of something that was destroyed are there again. They go.",
    Kind.DESTROYED_IN_REGISTER: "A register names what was destroyed. The row may go.",
    Kind.DESTROYED_WITHOUT_CASE: "The log knows of a destruction, the database does not: an older one was put back.",
    Kind.DESTROYED_WITHOUT_LOG: "The log does not know of a destruction: a restore could bring it back. It is added.",
    Kind.DESTROYED_WITHOUT_CERTIFICATE: "Something was destroyed, and its certificate is missing.",
    Kind.CERTIFICATE_WITHOUT_CASE: "A certificate certifies what no request says. Do not rely on it.",
    Kind.HIDING_STUCK: "Hiding or restoring waits for an order that has ended. Hide or restore it again.",
    Kind.KEPT_WITHOUT_RESOURCE: "What we filed is not in the record. Ask the EHR's administrator what happened to it.",
    Kind.KEPT_OF_ANOTHER: "What we filed is in another patient's record now. Treat it as a wrong patient.",
    Kind.RESOURCE_WITHOUT_REGISTER: "An image of ours has no row, so that nobody reviews it. The row is made anew.",
    Kind.BYTES_GONE: "The record shows an image whose bytes are gone.",
    Kind.HIDDEN_SHOWS: "A hidden image can be seen in the record. Hide it again.",
    Kind.STUB_WITHOUT_HIDDEN: "The record hides an image of which our register does not know.",
    Kind.DESTROYED_SHOWS: "A destroyed image is back in the record, as by a restore. Ask for its deletion again.",
    Kind.TOMBSTONE_WITHOUT_DESTRUCTION: "The record says that we destroyed an image, and nothing here says so.",
    Kind.THUMBNAIL_WITHOUT_IMAGE: "The small copy of an image that is gone. It may go.",
    Kind.TASK_EDITED: "A Task was changed by somebody else. What was approved by it is void; it is told anew.",
    Kind.TASK_GONE: "A Task was removed by somebody else. What was approved by it is void; it is told anew.",
    Kind.TASK_NOT_TOLD: "The record was not told how a request for deletion stands. It is told.",
    Kind.COPY_GONE: "A copy that we left in a chart is not there any more. The register says so from now on.",
    Kind.COPY_SHOWS: "A chart shows a copy of an image that is hidden or destroyed. Take it out, or hide it again.",
    Kind.COPY_WITHOUT_REGISTER: "A chart has a copy of an image of ours of which our register does not know.",
    Kind.TASK_WITHOUT_CASE: "The record has a Task for a deletion that nobody asked for here. Find out who wrote it.",
}
"""For whoever runs the installation: what it means, and what to do."""

MENDED: Final = frozenset(
    {
        Kind.BYTES_WITHOUT_KEY,
        Kind.PICTURE_OF_ENDED,
        Kind.DESTROYED_IN_VAULT,
        Kind.DESTROYED_IN_REGISTER,
        Kind.DESTROYED_WITHOUT_LOG,
        Kind.RESOURCE_WITHOUT_REGISTER,
        Kind.THUMBNAIL_WITHOUT_IMAGE,
        Kind.TASK_EDITED,
        Kind.TASK_GONE,
        Kind.TASK_NOT_TOLD,
        Kind.COPY_GONE,
    }
)
"""What the app may set right by itself, as nothing that anybody could still need goes by it. All else is a person's."""
DERIVED: Final = frozenset({Compartment.THUMBNAIL})
"""Without an owner these may go: they are made anew from what they show. Anything else may be the only copy."""


@dataclass(frozen=True)
class Finding:
    """One disagreement. `what`: the reference or id that it is about, never content."""

    kind: Kind
    what: str
    fhir_base: FhirBase | None = None
    patient: PatientId | None = field(default=None, repr=False)
    mendable: bool = False


@dataclass(frozen=True)
class Unasked:
    """A patient's record that could not be looked at, and why (a code)."""

    fhir_base: FhirBase
    patient: PatientId = field(repr=False)
    why: str = ""


@dataclass(frozen=True)
class Sources:
    """What reconciling has to know of the installation beside the ports of deletion.

    `owners`: every name under which something may lie in the vault: captures, intents, items of lists, requests, images
    of registers. `patients`: everybody of whom anything is kept. `launches`: those of a patient whose token may still
    work, the newest first. `cases`: how many requests for deletion there are at an EHR, opened or not. `strays`:
    files of the vault without a key, and keys without a file; `sweep` removes the former.
    """

    parts: DeleteParts = field(repr=False)
    owners: Callable[[], frozenset[str]] = field(repr=False)
    patients: Callable[[], Sequence[tuple[FhirBase, PatientId]]] = field(repr=False)
    launches: Callable[[FhirBase, PatientId], Sequence[LaunchId]] = field(repr=False)
    cases: Callable[[FhirBase], int] = field(repr=False)
    strays: Callable[[], tuple[Sequence[str], Sequence[VaultId]]] = field(repr=False)


@dataclass(frozen=True)
class Known:
    """What the database and the vault say, read once."""

    vault: tuple[VaultItem, ...]
    cases: Mapping[CaseId, DeletionCase]
    certificates: tuple[Certificate, ...]
    kept: Mapping[tuple[FhirBase, Reference], KeptImage]
    hidden: Mapping[tuple[FhirBase, Reference], HiddenImage]
    destroyed: tuple[Destroyed, ...]
    owners: frozenset[str]
    unreadable: frozenset[FhirBase]
    """EHRs with requests for deletion that cannot be opened."""
    busy: frozenset[tuple[FhirBase, PatientId]]
    """Of whom something is under way: what they disagree about may be right in a minute."""

    @cached_property
    def items(self) -> Mapping[str, tuple[DeletionCase, DeletionItem]]:
        """Every item of every request, by its id."""
        return {str(item.id): (case, item) for case in self.cases.values() for item in case.items}

    def of_patient(self, base: FhirBase, patient: PatientId) -> list[DeletionCase]:
        return self._by_patient.get((base, patient), [])

    @cached_property
    def completed(self) -> frozenset[tuple[FhirBase, Reference]]:
        """What some request says was destroyed, and proven."""
        return frozenset(
            (case.fhir_base, item.image.reference)
            for case, item in self.items.values()
            if item.state is DeletionState.COMPLETED
        )

    def destroying(self, base: FhirBase, reference: Reference) -> bool:
        """Whether the log of destructions, or a request that has begun, names it."""
        return (base, reference) in self._destroying

    @cached_property
    def _destroying(self) -> frozenset[tuple[FhirBase, Reference]]:
        logged = {(each.fhir_base, each.reference) for each in self.destroyed}
        begun = {(case.fhir_base, item.image.reference) for case, item in self.items.values() if item.purged}
        return frozenset(logged | begun | self.completed)

    @cached_property
    def _by_patient(self) -> Mapping[tuple[FhirBase, PatientId], list[DeletionCase]]:
        found: dict[tuple[FhirBase, PatientId], list[DeletionCase]] = {}
        for case in self.cases.values():
            found.setdefault((case.fhir_base, case.patient), []).append(case)
        return found

    def owns(self, owner: str) -> bool:
        """Whether a name in the vault is of something that the database speaks of."""
        return owner in self.owners or any(part in self.owners for part in _BETWEEN.split(owner) if part)


def known(sources: Sources) -> Known:
    """Reads everything of our own. Raises `Tampered` for a log that was changed: nothing is mended by such a log."""
    parts = sources.parts
    with parts.work.transaction():
        patients = list(dict.fromkeys(sources.patients()))
        at = {base: parts.cases.at(base) for base in dict.fromkeys(base for base, _ in patients)}
        cases = [case for each in at.values() for case in each]
        unsettled = parts.ledger.unsettled()
        kept = [image for base, patient in patients for image in parts.kept.of_patient(base, patient)]
        hidden = [image for base in at for image in parts.hidden.at(base)]
        owned = {kept_under(each.fhir_base, each.reference) for each in kept}
        owned |= {kept_under(each.fhir_base, each.reference) for each in hidden}
        owned |= {str(item.id) for case in cases for item in case.items} | {str(case.id) for case in cases}
        # The images of requests as well: their thumbnails and copies are there until they are destroyed.
        owned |= {
            kept_under(case.fhir_base, item.image.reference)
            for case in cases
            for item in case.items
            if item.state is not DeletionState.COMPLETED
        }
        copies = [copy for base, patient in patients for copy in parts.copies.of_patient(base, patient)]
        owned |= {each for copy in copies if copy.document for each in owners_of_copy(copy.fhir_base, copy.document)}
        return Known(
            vault=tuple(parts.vault.items()),
            cases={case.id: case for case in cases},
            certificates=tuple(each for base, patient in patients for each in parts.cases.certificates(base, patient)),
            kept={(each.fhir_base, each.reference): each for each in kept},
            hidden={(each.fhir_base, each.reference): each for each in hidden},
            destroyed=tuple(parts.destroyed.entries()),
            owners=frozenset(sources.owners() | owned | {intent.id for intent in unsettled}),
            unreadable=frozenset(base for base, each in at.items() if sources.cases(base) != len(each)),
            busy=frozenset((intent.fhir_base, intent.patient) for intent in unsettled),
        )


def vault_ids(items: Iterable[VaultItem]) -> frozenset[VaultId]:
    return frozenset(each.vault_id for each in items)
