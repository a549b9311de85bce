"""Whose resource it is: this patient's, or not to be taken in.

A server may answer a search with other people's resources. What says that it is about somebody else is somebody
else's, whoever else it names: what a mother observed on her child is the child's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from mappings.model.identifiers import FhirBase, PatientId

SUBJECTS: Final = ("subject", "patient", "for", "beneficiary", "individual")
"""Elements that say whom a resource is about (R4, every type of the Patient compartment that has one)."""
_LITERAL: Final = re.compile(
    r"^(?:(?P<base>https?://.*)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$"
)


class Whose:
    """The patient of one launch at one EHR."""

    def __init__(self, base: FhirBase, patient: PatientId) -> None:
        self._base = base
        self._me = f"Patient/{patient}"

    def is_mine(self, resource: Mapping[str, Any]) -> bool | None:
        """True: about this patient and nobody else. False: not to be taken. None: names no patient at all."""
        if resource.get("resourceType") == "Patient":
            return f"Patient/{resource.get('id')}" == self._me
        if says_whom(resource):
            about = [self._key(each) for name in SUBJECTS for each in _references(resource.get(name), deep=False)]
            return bool(about) and all(each == self._me for each in about)
        named = {key for key in map(self._key, _references(resource)) if key.startswith("Patient/") or not key}
        people = {each for each in named if each}
        if not people:
            return None
        return people == {self._me}

    def is_unclear(self, resource: Mapping[str, Any]) -> bool:
        """Whether it says whom it is about in a way that nobody can follow: by a number, or by a name alone."""
        return says_whom(resource) and not any(
            self._key(each) for name in SUBJECTS for each in _references(resource.get(name), deep=False)
        )

    def names_me(self, resource: Mapping[str, Any]) -> bool:
        """Whether it speaks of this patient at all, beside others."""
        return any(self._key(each) == self._me for each in _references(resource))

    def points_to(self, resource: Mapping[str, Any], taken: Collection[str]) -> bool:
        """Whether it is about something that was taken: a Provenance of an image names no patient."""
        return any(self._key(each) in taken for each in _references(resource))

    def _key(self, reference: str) -> str:
        """`Type/id`; with another server's base in front where it is another server's."""
        found = _LITERAL.match(reference)
        if found is None:
            return ""
        key = f"{found['type']}/{found['id']}"
        if found["base"] in (None, self._base):
            return key
        return f"Patient/ of {found['base']}" if found["type"] == "Patient" else f"{found['base']}/{key}"


def says_whom(resource: Mapping[str, Any]) -> bool:
    """Whether it has an element that says whom it is about."""
    return any(resource.get(name) for name in SUBJECTS)


def _references(value: Any, *, deep: bool = True) -> Iterator[str]:
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            reference = node.get("reference")
            if isinstance(reference, str):
                yield reference
            if deep:
                waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
