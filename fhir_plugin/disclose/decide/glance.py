"""What can be said about a resource without reading it: that it is released, or nothing.

The judge looks at labels, kinds, pictures and places on the body. A resource of a kind that never shows a picture, in
which no key and no text stands that could be any of these, is judged as every such resource is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fhir_plugin.disclose.decide.rules import Rules, shipped_rules
from fhir_plugin.disclose.decide.verdict import grounds_of_nothing_special, strictest
from mappings.model.disclosure import Asked, Release
from mappings.terminology.resource_types import RESOURCE_TYPES

_READ: Final = frozenset(
    "AuditEvent Binary Bundle Composition DocumentReference ImagingSelection ImagingStudy Media Parameters".split()  # noqa: SIM905
)
_LABELS: Final = frozenset({"security", "_security", "securityLabel", "_securityLabel", "_meta"})
_KEYS: Final = _LABELS | {"confidentiality", "_confidentiality", "contentType", "contained"}
_TEXTS: Final = (b"sec-label", b"onfidentiality")
_IN_TAGS: Final = (*_TEXTS, b"v3-ActCode")


def glance_for(
    asked: Asked, *, rules: Rules | None = None
) -> Callable[[str, frozenset[str]], tuple[Release, tuple[bytes, ...]] | None]:
    """For a judge that knows nothing beside the resources: `judge_for` without `known`.

    Of a type and all keys of a resource, at any depth: its verdict, if none of the texts stands in its JSON (which has
    no escapes but `\\"` and the like); None when it has to be read.
    """
    use = rules or shipped_rules()
    verdict = strictest(grounds_of_nothing_special(asked, use))
    release = verdict if isinstance(verdict, Release) else None

    def glance(type_: str, keys: frozenset[str]) -> tuple[Release, tuple[bytes, ...]] | None:
        if release is None or type_ in _READ or type_ not in RESOURCE_TYPES or not keys.isdisjoint(_KEYS):
            return None
        if "tag" in keys:
            return release, _IN_TAGS
        return release, _TEXTS if "url" in keys else ()  # every extension has one

    return glance
