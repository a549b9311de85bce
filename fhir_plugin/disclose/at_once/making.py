"""The whole of a disclosure in one go: policy alone decides, and what needs a person is left out and listed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.disclose.at_once.asked import WhatIsAsked
from fhir_plugin.disclose.at_once.cover import cover_of
from fhir_plugin.disclose.contents import PackageContents, PackagedImage
from fhir_plugin.disclose.desk.deciding import counts, decide
from fhir_plugin.disclose.desk.gathered import Gathered
from fhir_plugin.disclose.desk.hidden_copies import add_hidden_copies
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.reading import KeptBytes, read_record
from fhir_plugin.disclose.desk.released import needles_of, released_pictures
from fhir_plugin.disclose.package import Package, write_package
from fhir_plugin.disclose.package.spool import Aside, SealedSpool
from fhir_plugin.disclose.redact import Finding
from fhir_plugin.disclose.redact.strict import write
from fhir_plugin.errors import Refused
from fhir_plugin.ports import AuditEntry, ClinicalRecord, Json, Vault
from mappings.model.disclosure import Authority, ConsentToRelease, Mode, RequesterRow
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, MadePackage, RequestState
from mappings.model.identifiers import Reference, VaultId
from mappings.r4.patient import from_patient

ACTION: Final = "record.disclosed"
MACHINE: Final = Reference("Device/fhir-plugin")
"""Who made it: nobody signed."""


@dataclass(frozen=True)
class Disclosure:
    """`package`: its pieces, once through; then `finish` says that it went out.

    `findings` and `counts`: what became of each resource. `items`: the same as a person counts, a picture with its
    file once. `not_read`: what the server did not give, and why.
    `pictures`: how many go out; `digests`: keyed ones of their bytes, by what shows them.
    """

    package: Package
    package_id: str
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    items: Mapping[str, int]
    row: RequesterRow
    mode: Mode
    not_read: Mapping[str, str]
    pictures: int
    digests: Mapping[Reference, str] = field(repr=False)
    _parts: DeskParts = field(repr=False)
    _asked: WhatIsAsked = field(repr=False)
    _request: DisclosureRequest = field(repr=False)

    @property
    def waiting(self) -> tuple[Finding, ...]:
        """What a person has to look at first. It is not in the package."""
        return tuple(each for each in self.findings if each.word == "review")

    def report(self) -> Json:
        """Types, ids, rules, reasons and counts; never content. Raises `NotProven` where the package is not whole."""
        return {
            "resources": [each.as_json() for each in self.findings],
            "counts": dict(self.counts),
            "review": [each.as_json() for each in self.waiting],
            "not_read": dict(self.not_read),
            "pictures": self.pictures,
            "purpose": self.row.purpose,
            "requester": self.row.requester,
            "recipient": self._asked.recipient,
            "mode": self.mode,
            "package_id": self.package_id,
            "sha256": self.package.proven.sha256,
        }

    def finish(self) -> None:
        """Writes down that it goes out, in the audit chain and where the desk looks for what was sent before.

        Raises `NotProven` where the package is not whole.
        """
        proven, parts = self.package.proven, self._parts
        detail: dict[str, str | int | bool] = {
            "purpose": self.row.purpose,
            "requester": self.row.requester.value,
            "mode": self.mode.value,
            "by": self._asked.by,
            "package": proven.sha256,
            "pictures": self.pictures,
            "not_read": len(self.not_read),
            "encrypted": self._asked.password is not None,
            **self.counts,
        }
        if self._asked.recipient:
            detail["recipient"] = parts.vault.keyed_digest(self._asked.recipient.encode())
        made = MadePackage(
            vault_id=None,
            sha256=proven.sha256,
            size=proven.size,
            counts=dict(self.items),
            images=tuple(self.digests),
            at=parts.clock.now(),
            digests=dict(self.digests),
            manifest=proven.manifest,
        )
        with parts.work.transaction():
            parts.requests.add(replace(self._request, state=RequestState.SENT, package=made))
            parts.audit.append(
                AuditEntry(
                    action=ACTION,
                    actor="operator",
                    patient=f"Patient/{self._asked.patient}",
                    subject=self.package_id,
                    policy=f"{parts.policy.reference} {parts.rules.version}",
                    detail=detail,
                )
            )


@contextmanager
def disclose(parts: DeskParts, record: ClinicalRecord, asked: WhatIsAsked) -> Iterator[Disclosure]:
    """Raises `UnknownPurpose`, `SilenceNotAllowed`, what reading the record raises, and what writing a package does.

    Pictures lie aside sealed, under a key of this process, until the context ends.
    """
    row = parts.rules.row(asked.purpose)
    mode = parts.rules.mode_for(row.requester, asked.mode)
    with SealedSpool() as spool:
        aside: dict[VaultId, Aside] = {}

        def keep(content: bytes, content_type: str) -> KeptBytes:
            name = VaultId(f"aside-{len(aside)}")
            aside[name] = spool.put(content)
            return KeptBytes(name, content_type, parts.vault.keyed_digest(content), len(content))

        read = read_record(record, asked.patient, keep=keep, tell=lambda _share: None)
        add_hidden_copies(parts, read, record.base, asked.patient, keep)
        lines = tuple(write(resource) for _key, resource in sorted(read.resources.items()))
        gathered = Gathered(lines, dict(read.pictures), "")
        person = from_patient(read.resources[f"Patient/{asked.patient}"])
        now = parts.clock.now()
        request = DisclosureRequest(
            id=DisclosureId(parts.new_id()),
            fhir_base=record.base,
            patient=asked.patient,
            requester=row.requester,
            received=parts.today,
            created=now,
            created_by=MACHINE,
            created_by_name=f"{asked.by} (command line)",
            patient_name=person.name,
            born=person.birth_date,
            recipient=asked.recipient,
            consent=ConsentToRelease.GENERAL,
            authority=Authority.SEEN,
            mode=mode,
        )
        decision = decide(parts, request, gathered, on=parts.today, sent_before={})
        if not decision.record.parts:
            raise Refused("Nothing of this record may go out to this recipient.", code="nothing-goes-out")
        goes_out = decision.record.parts

        def picture(kept: VaultId) -> bytes:
            return spool.get(aside[kept])

        images = tuple(released_pictures(decision, goes_out, picture, parts.signer))
        needles = needles_of(decision, picture, parts.worker.pixels)
        cover = cover_of(person, row, asked, decision.record, now=now, today=parts.today, policy=parts.policy)
        package_id = parts.new_id()
        package = write_package(
            PackageContents(lambda: goes_out, images, cover, watermark=_watermark(asked, parts.today)),
            package_id=package_id,
            signer=parts.signer,
            needles=needles,
            worker=parts.worker,
            password=asked.password,
        )
        yield Disclosure(
            package=package,
            package_id=package_id,
            findings=decision.record.findings,
            counts=decision.record.counts,
            row=row,
            mode=mode,
            not_read=dict(read.not_read),
            pictures=len(images),
            items=counts(decision.items),
            digests=_digests(images, gathered, parts.vault),
            _parts=parts,
            _asked=asked,
            _request=replace(request, not_read=dict(read.not_read)),
        )


def _digests(images: Sequence[PackagedImage], gathered: Gathered, vault: Vault) -> dict[Reference, str]:
    found: dict[Reference, list[str]] = {}
    for each in images:
        kept = gathered.pictures.get(str(each.binary))
        digest = kept.digest if kept is not None else vault.keyed_digest(each.read())
        found.setdefault(each.reference, []).append(digest)
    return {reference: " ".join(digests) for reference, digests in found.items()}


def _watermark(asked: WhatIsAsked, today: dt.date) -> str:
    return f"For {asked.recipient or asked.purpose}, {today.isoformat()}" if asked.watermark else ""
