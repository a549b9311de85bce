"""What one request works with: the open session, the caller's access, and what must hold before the commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_plugin.sandbox.fhir.access import Access, OpenAccess
from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.parameters import resource_types
from fhir_plugin.sandbox.fhir.personality import Personality
from fhir_plugin.sandbox.fhir.session import Session, Version


@dataclass
class Unit:
    """One request, or one whole transaction."""

    session: Session
    access: Access
    personality: Personality
    base: str
    written: list[Version] = field(default_factory=list)
    deleted: list[Version] = field(default_factory=list)

    def require(self, resource_type: str, interaction: str) -> None:
        """Raises `FhirError`: 404 for a type that is not here, 405 for what it does not do, 403 for what the
        caller may not do."""
        if resource_type not in resource_types() or resource_type in self.personality.absent_types:
            raise FhirError(404, "not-supported", f"This server has no resource type {resource_type[:64]!r}")
        if not self.personality.does(resource_type, interaction):
            status, code = self.personality.refused_status, "not-supported"
            raise FhirError(status, code, f"This server does no {interaction} on {resource_type}")
        self.authorise(resource_type, interaction)

    def authorise(self, resource_type: str, interaction: str) -> None:
        """Raises `FhirError` 403."""
        if not self.access.allows(resource_type, interaction):
            raise FhirError(403, "forbidden", f"Your access does not include {interaction} on {resource_type}")

    def visible(self, version: Version | None) -> Version | None:
        """The version, if it is there, current and within the caller's reach."""
        if version is None or version.deleted or not self.access.sees(version.resource):
            return None
        return version

    def reaches(self, key: int) -> bool:
        """Whether the current resource with this key is within the caller's reach."""
        return isinstance(self.access, OpenAccess) or self.visible(self.session.by_key(key)) is not None

    def require_reach(self, resource: Json) -> None:
        """Before a write. Raises `FhirError` 403."""
        if not self.access.sees(resource):
            raise FhirError(403, "forbidden", "This resource is outside your access")

    def verify(self) -> None:
        """What must hold of everything that was written together. Raises `FhirError` 400 or 409."""
        if self.personality.references_must_exist:
            for version in self.written:
                if missing := self.session.dangling(version.key):
                    text = f"Resource {missing[0]} not found, which {version.type} refers to"
                    raise FhirError(400, "processing", text)
        if self.personality.refuses_delete_of_referenced:
            for version in self.deleted:
                referrers = self.session.referrers(version.type, version.id)
                if referrers and not self._back(version):
                    by = "/".join(referrers[0])
                    text = f"Unable to delete {version.reference}: {by} refers to it"
                    raise FhirError(409, "conflict", text)

    def _back(self, version: Version) -> bool:
        now = self.session.current(version.type, version.id)
        return now is not None and not now.deleted
