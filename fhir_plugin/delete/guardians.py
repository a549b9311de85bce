"""Who else may decide: named to somebody who asked for a deletion and is the Guardian (G-R266)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mappings.model.deletion import DeletionCase
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession

Known = Iterable[tuple[Reference, str]]
"""Logins or people, each with a name."""


@dataclass(frozen=True)
class Guardians:
    """`known`: everybody who is a Guardian at the EHR of a launch, appointed or seen here in that role lately."""

    known: Callable[[ClinicalSession], Known]

    def others(self, session: ClinicalSession, case: DeletionCase) -> list[str]:
        """Their names, each once, but for who asked and who reads this: nobody decides about their own request."""
        asked = {case.requested_by, session.user.reference, session.user.person}
        names = {name for reference, name in self.known(session) if reference not in asked and name}
        return sorted(names - {case.requested_by_name, session.user.display})
