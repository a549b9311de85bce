"""What the record is told of a release: who signed, by what right, which images, which package. No content, no name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from mappings.model.disclosure import Requester
from mappings.model.disclosure_request import DisclosureId
from mappings.model.identifiers import PatientId, Reference, Sha256
from mappings.model.labels import Label


@dataclass(frozen=True)
class DisclosedImage:
    """One image that went out, with its labels as they went."""

    reference: Reference
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Disclosed:
    """One release. `purpose`: a v3-ActReason code. `decided`: the digest that was signed, of everything decided.

    `package`: SHA-256 of the ZIP as sent; `manifest`: that of the manifest inside, which names every file in it.
    `signed_by`: the first signature, then the second where policy asked for one.
    """

    id: DisclosureId
    patient: PatientId
    requester: Requester
    purpose: str
    at: dt.datetime
    signed_by: tuple[Reference, ...]
    images: tuple[DisclosedImage, ...]
    package: Sha256
    manifest: Sha256
    decided: str
    policy_version: str
