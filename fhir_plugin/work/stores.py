"""What the list of a practice is kept in, besides the list itself."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from mappings.model.identifiers import FhirBase, Reference
from mappings.model.practice import Absence, Colleague


class Colleagues(Protocol):
    """Who has worked here from which EHR. Every method joins the open transaction."""

    def seen(self, colleague: Colleague) -> None:
        """At a launch: name and roles as they are now."""

    def at(self, fhir_base: FhirBase, *, since: dt.datetime) -> list[Colleague]:
        """Those of this EHR who were here since then, by name."""


class Absences(Protocol):
    """Who is away and who covers. Every method joins the open transaction."""

    def set(self, absence: Absence) -> None:
        """In place of what was known of this person's absence."""

    def end(self, fhir_base: FhirBase, user: Reference) -> None:
        """They are back. Idempotent."""

    def at(self, fhir_base: FhirBase) -> list[Absence]:
        """Past, present and coming ones of this EHR's people."""
