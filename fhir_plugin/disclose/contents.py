"""What goes into a package: between redacting and packaging. Values, and functions that give bytes when asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fhir_plugin.disclose.redact import Part
from mappings.model.disclosure import Mode, RequesterRow
from mappings.model.identifiers import Reference, Sha256


@dataclass(frozen=True)
class PackagedImage:
    """One picture or video that goes out. `read` gives its bytes, clean already; called when its turn comes.

    `reference`: the Media or DocumentReference of the redacted record that shows it, and `binary` the Binary that
    holds it there, if one does. `title`: what a person may call it: site and date, never a file name.
    """

    reference: Reference
    binary: Reference | None
    content_type: str
    title: str = field(repr=False)
    taken: str
    read: Callable[[], bytes] = field(repr=False)
    signed: Sha256 | None = None
    """The hash that we signed when we had cleaned it. Bytes that still have it go out as they are where there is no
    watermark; anything else is rebuilt from its pixels first."""
    derived: bool = False
    """Parts of it were made black for this copy: it is not the picture of the record. Never called anonymous."""


@dataclass(frozen=True)
class CoverSheet:
    """What the first page says, in plain words. `checked` and `not_checked`: one sentence each."""

    patient_name: str = field(repr=False)
    nhs_number: str = field(repr=False)
    born: dt.date | None = field(repr=False)
    recipient: str = field(repr=False)
    row: RequesterRow
    mode: Mode
    purpose: str = field(repr=False)
    received: dt.date
    made: dt.datetime
    signed_by: tuple[str, ...] = field(repr=False)
    organisation: str
    counts: Mapping[str, int]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    taken_out: Mapping[str, int] = field(default_factory=dict)
    """How many resources were redacted for which reason (`Reason.text`); told in `Mode.MARKED` only."""
    contact: str = ""
    """Where to ask again: an address, telephone number or both. Empty: whoever sent it."""


def named(organisation: str) -> str:
    """How a cover sheet names whoever makes a copy: a policy that came with the app is anybody's ("any")."""
    return "the practice" if organisation in ("", "any") else organisation


@dataclass(frozen=True)
class PackageContents:
    """Everything that one package holds. `record`: redacted parts (NDJSON lines or one Bundle), given anew each time.

    Only `RedactedRecord` parts come here: what has not been redacted cannot be packaged.
    """

    record: Callable[[], Iterable[Part]] = field(repr=False)
    images: tuple[PackagedImage, ...]
    cover: CoverSheet
    watermark: str = field(default="", repr=False)
    """Words on a strip under each picture: for whom, and when. Empty: none."""
    marked_all_over: bool = False
    """Those words stand all over each picture instead, which is made smaller (`imaging.watermark.LONGEST_SIDE`)."""


Pieces = Iterator[bytes]
