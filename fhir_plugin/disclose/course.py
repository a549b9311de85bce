"""Where a request may go from where it stands. Pure: a request in, the changed request out; nothing is saved here.

Every change raises the revision by one, and takes a signature away: who signed had something else before them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_plugin.errors import AnswersChanged, Refused
from mappings.model.disclosure_request import DisclosureRequest, MadePackage, RequestState, Signature

TAKES_CHANGES = frozenset({RequestState.OPEN, RequestState.WAITS_FOR_SECOND})


def need_revision(request: DisclosureRequest, revision: int) -> None:
    """Raises `AnswersChanged` where somebody has changed it since the page was made."""
    if request.revision != revision:
        raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")


def need_changeable(request: DisclosureRequest) -> None:
    """Raises `Refused` for one that is being made, was sent, or has ended."""
    if request.state not in TAKES_CHANGES:
        raise Refused("This request takes no changes any more.", code=f"request-{request.state}")


def changed(request: DisclosureRequest, **changes: Any) -> DisclosureRequest:
    """With these fields; open again, and signed by nobody."""
    need_changeable(request)
    return replace(
        request,
        **changes,
        state=RequestState.OPEN,
        first=None,
        second=None,
        why_not="",
        revision=request.revision + 1,
    )


def signed(request: DisclosureRequest, signature: Signature, *, needs_second: bool) -> DisclosureRequest:
    """With one signature more. Raises `Refused` where the first was about something else."""
    need_changeable(request)
    first = request.first
    if request.state is RequestState.OPEN or first is None or first.about != signature.about:
        state = RequestState.WAITS_FOR_SECOND if needs_second else RequestState.MAKING
        return replace(request, first=signature, second=None, state=state, why_not="", revision=request.revision + 1)
    return replace(request, second=signature, state=RequestState.MAKING, why_not="", revision=request.revision + 1)


def refused(request: DisclosureRequest, reason: str, *, closed: bool) -> DisclosureRequest:
    """Ended without a package."""
    need_changeable(request)
    state = RequestState.CLOSED if closed else RequestState.REFUSED
    return replace(request, state=state, why_not=reason, first=None, second=None, revision=request.revision + 1)


def sent(request: DisclosureRequest, package: MadePackage) -> DisclosureRequest:
    """The package was made, proven clean and written down."""
    _need_making(request)
    return replace(request, state=RequestState.SENT, package=package, why_not="", revision=request.revision + 1)


def not_made(request: DisclosureRequest, why: str) -> DisclosureRequest:
    """Open again, with why it could not be made. Its signatures are gone: who signs again knows what happened."""
    _need_making(request)
    return replace(
        request, state=RequestState.OPEN, first=None, second=None, why_not=why, revision=request.revision + 1
    )


def _need_making(request: DisclosureRequest) -> None:
    if request.state is not RequestState.MAKING:
        raise Refused("This request is not being made.", code=f"request-{request.state}")
