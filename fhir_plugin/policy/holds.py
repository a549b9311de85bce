"""What forbids destroying anything of a patient, in words: a safeguarding concern, a complaint, a request for access, a
legal hold."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_plugin.policy.ruling import Reason
from mappings.model.practice import Hold, HoldKind

_REASONS = {
    HoldKind.SAFEGUARDING: Reason(
        "open-concern",
        "A safeguarding concern about this patient is open.",
        "Nothing of this patient is destroyed until somebody closes it with a reason.",
        "G-R312",
    ),
    HoldKind.COMPLAINT: Reason(
        "open-complaint",
        "A complaint that concerns this patient is open.",
        "Nothing of this patient is destroyed until somebody closes it with a reason.",
        "G-R278",
    ),
    HoldKind.ACCESS_REQUEST: Reason(
        "open-access-request",
        "A request for a copy of this patient’s record is open.",
        "Nothing of this patient is destroyed until it has been answered.",
        "G-R255",
    ),
    HoldKind.LEGAL: Reason(
        "legal-hold",
        "What is in this patient’s record is under a legal hold.",
        "Nothing of this patient is destroyed until somebody lifts it with a reason.",
        "G-R278, G-R281",
    ),
}


def reasons(holds: Iterable[Hold]) -> tuple[Reason, ...]:
    """Why nothing may be destroyed, each kind once; nothing when nothing holds."""
    kinds = {hold.kind for hold in holds if hold.lifted is None}
    return tuple(_REASONS[kind] for kind in HoldKind if kind in kinds)
