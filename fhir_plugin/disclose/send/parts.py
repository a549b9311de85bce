"""What sending works with, joined in `app`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from fhir_plugin.disclose.contents import PackageContents
from fhir_plugin.disclose.package import ProvenPackage
from fhir_plugin.disclose.prove import Needles
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditTrail,
    Background,
    ClinicalRecord,
    Clock,
    DisclosureRequests,
    Holds,
    JobQueue,
    StatementSigner,
    UnitOfWork,
    Vault,
)
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.identifiers import LaunchId


@dataclass(frozen=True)
class ToSend:
    """What was signed, worked out anew from what was gathered and decided: the same for the same request.

    `digest`: of everything decided, which signatures are about. `needles`: by what everything that stays can be named.
    """

    digest: str
    contents: PackageContents
    needles: Needles = field(repr=False)


class Writing(Protocol):
    """A package while it is written: its pieces, and once the last was taken, what proves it."""

    def __iter__(self) -> Iterator[bytes]: ...
    @property
    def proven(self) -> ProvenPackage:
        """Raises `Refused` while it is not whole."""


class Writes(Protocol):
    """Writes a package and proves it while it is written: `fhir_plugin.disclose.package.write_package` does.

    Raises `Refused` where something that stays was found, or where nobody could look.
    """

    def __call__(self, contents: PackageContents, *, package_id: str, needles: Needles) -> Writing: ...


class SendParts(Protocol):
    @property
    def work(self) -> UnitOfWork: ...
    @property
    def requests(self) -> DisclosureRequests: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def signer(self) -> StatementSigner: ...
    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def queue(self) -> JobQueue: ...
    @property
    def background(self) -> Background: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> PolicyPack: ...
    @property
    def holds(self) -> Holds: ...
    @property
    def records(self) -> Callable[[LaunchId], ClinicalRecord]: ...
    @property
    def new_id(self) -> Callable[[], str]: ...


@dataclass(frozen=True)
class Making:
    """How a package comes about: what is to be sent (the desk says), and who writes it."""

    prepare: Callable[[DisclosureRequest, LaunchId], ToSend]
    write: Writes
