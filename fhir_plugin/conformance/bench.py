"""What a run works with, and what its checks have left behind so far."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.adapters.fhir_purge import FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.capability import Capability
from fhir_plugin.conformance import specimen
from fhir_plugin.ports import Stored
from mappings.model.identifiers import Reference

Json = dict[str, Any]


class CheckFailed(Exception):
    """The server does not do what it says, or what R4 asks of every server. Its words are for the report."""


class CannotDo(Exception):
    """The server cannot do it, and does not say that it could."""


class NothingToTry(Exception):
    """An earlier check did not leave what this one needs."""


@dataclass
class Bench:
    """`run`: random, in everything that is made. `about`: the image's reference once it is there, `shape` its type."""

    record: FhirServerRecord
    purge: FhirPurge
    run: str
    today: dt.date
    large: int
    """Bytes of the large photograph that is tried."""
    made: list[Reference] = field(default_factory=list)
    patient: Reference | None = None
    binary: Reference | None = None
    about: Reference | None = None
    copy: Reference | None = None
    """A document in the chart that stands for an image."""
    content: bytes = field(default_factory=specimen.drawn_image)

    @property
    def capability(self) -> Capability:
        return self.record.capability()

    @property
    def shape(self) -> str:
        """What an image is filed as here. Raises `CannotDo` where it takes no image."""
        if self.capability.holds("Media"):
            return "Media"
        if self.capability.takes_document("image/jpeg"):
            return "DocumentReference"
        raise CannotDo("This server takes no image, as Media or as DocumentReference: the app keeps it.")

    def keep(self, stored: Stored) -> Reference:
        """Remembers what has been made, so that it is removed again."""
        if stored.reference not in self.made:
            self.made.append(stored.reference)
        return stored.reference

    def need(self, what: str) -> Reference:
        """What an earlier check made. Raises `NothingToTry`."""
        found: Reference | None = getattr(self, what)
        if found is None:
            raise NothingToTry(f"There is no {'image' if what == 'about' else what} on this server to try it with.")
        return found

    def image(self) -> Json:
        """The image as it is on the server now."""
        return self.record.read(*self.need("about").split("/"))


@dataclass(frozen=True)
class Check:
    """One thing that is tried. `act` says in a sentence what it saw, or raises how it did not go."""

    name: str
    title: str
    group: str
    requirement: str
    act: Callable[[Bench], str] = field(repr=False)


def need_true(is_so: bool, otherwise: str) -> None:
    """Raises `CheckFailed` with these words where it is not so."""
    if not is_so:
        raise CheckFailed(otherwise)
