"""One resource, or more, of each of our profiles, made by the mappings that write the real ones. Nobody in them is
real, and their signatures are no signatures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mappings.profiles.examples import afterwards, filed, people
from mappings.profiles.shape import profile_url
from mappings.profiles.which import profile_of
from mappings.r4.elements import Json


@dataclass(frozen=True)
class Example:
    """`profile`: the id of the one that it keeps; None for what they are about, such as the patient."""

    title: str
    resource: Json
    profile: str | None

    @property
    def claiming(self) -> Json:
        """The resource as it is published: it says which profile it keeps, as what we write does not."""
        if self.profile is None:
            return self.resource
        meta = {"profile": [profile_url(self.profile)], **self.resource.get("meta", {})}
        return {**self.resource, "meta": meta}


@cache
def examples() -> tuple[Example, ...]:
    """Every example, in order of types and ids."""
    made = {**people.examples(), **filed.examples(), **afterwards.examples()}
    found = (Example(title, resource, profile_of(resource)) for title, resource in made.items())
    return tuple(sorted(found, key=lambda one: (one.resource["resourceType"], one.resource["id"])))
