"""What somebody who runs a disclosure in one go asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappings.model.disclosure import Mode
from mappings.model.identifiers import PatientId


@dataclass(frozen=True)
class WhatIsAsked:
    """`purpose`: the name or code of a row; naming it says that its right was seen. `by`: who runs this, for the log.

    `password`: AES-256. `watermark`: whether each picture says for whom it is.
    """

    patient: PatientId
    purpose: str
    mode: Mode
    recipient: str = field(default="", repr=False)
    by: str = ""
    password: str | None = field(default=None, repr=False)
    watermark: bool = False
