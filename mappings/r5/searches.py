"""Search parameters that have another name in R5 (R5 searchparameter-registry.html), for the types that `translate`
knows. The rest have the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

RENAMED: Final[dict[str, dict[str, str]]] = {
    "AuditEvent": {"type": "category", "subtype": "code"},
    "CommunicationRequest": {"sender": "information-provider"},
    "Consent": {"organization": "manager"},
    "DocumentReference": {
        "authenticator": "attester",
        "encounter": "context",
        "event": "event-code",
        "format": "format-code",
    },
}
"""By type: R4's name, R5's name."""


def asked_in_r5(resource_type: str, params: Mapping[str, str]) -> dict[str, str]:
    """The same search of an R5 server; modifiers and chains stay."""
    known = RENAMED.get(resource_type, {})
    return {_with_head(name, known): value for name, value in params.items()}


def offered_in_r4(resource_type: str, names: Iterable[str]) -> frozenset[str]:
    """What an R5 server says that it can be searched by, in R4's names."""
    offered = frozenset(names)
    known = RENAMED.get(resource_type, {})
    return frozenset({old for old, new in known.items() if new in offered} | (offered - set(known.values())))


def _with_head(name: str, known: Mapping[str, str]) -> str:
    ends = min((at for at in (name.find(":"), name.find(".")) if at >= 0), default=len(name))
    return known.get(name[:ends], name[:ends]) + name[ends:]
