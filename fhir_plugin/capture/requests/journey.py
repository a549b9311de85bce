"""The pathway of a request as people see it: where it stands, who holds it, what happens next (G-R147)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.asking import Standing
from fhir_plugin.capture.requests.decided import DECIDED
from fhir_plugin.capture.requests.request import PhotoRequest, RequestState


class Place(StrEnum):
    """Where one stop of the pathway lies."""

    PASSED = "passed"
    HERE = "here"
    AHEAD = "ahead"


class Holder(StrEnum):
    """Who has to do something for it to go on."""

    OWNER = "owner"
    PATIENT = "patient"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Stop:
    words: str
    place: Place


@dataclass(frozen=True)
class Journey:
    """`holder_name`: of the clinician who holds it; empty for the patient and for nobody."""

    stops: tuple[Stop, ...]
    holder: Holder
    next_words: str
    holder_name: str = field(default="", repr=False)


S = RequestState

_WAY = ("Prepared", "Link sent", "Opened", "Sending", "Sent back", "Decided")
_AT: Mapping[RequestState, int] = {S.PREPARED: 0, S.SENT: 1, S.OPENED: 2, S.SENDING: 3, S.ANSWERED: 4}
_ELSEWHERE: Mapping[RequestState, str] = {
    S.DECLINED: "Would rather not",
    S.CALL_ME: "Wants to be called",
    S.WITHDRAWN: "Taken back",
    S.EXPIRED: "Not answered in time",
    S.CANCELLED: "Cancelled",
}
"""Where a pathway leaves the straight way."""

_NEXT: Mapping[RequestState, tuple[Holder, str]] = {
    S.PREPARED: (Holder.OWNER, "Confirm the number and make the link."),
    S.SENT: (Holder.PATIENT, "The patient opens the link."),
    S.OPENED: (Holder.PATIENT, "The patient takes a photo, or says that they would rather not."),
    S.SENDING: (Holder.PATIENT, "The patient looks at the photos and sends them."),
    S.ANSWERED: (Holder.OWNER, "Look at the photos and decide about each one."),
    S.DECLINED: (Holder.OWNER, "Offer another way of being assessed."),
    S.CALL_ME: (Holder.OWNER, "Ring the patient. You can then make a new link."),
    S.WITHDRAWN: (Holder.NOBODY, "Nothing, unless the practice list says so."),
    S.EXPIRED: (Holder.OWNER, "Ask the patient how they are, and offer another way."),
    S.CANCELLED: (Holder.NOBODY, "Nothing."),
}


def journey(standing: Standing) -> Journey:
    """From what is known, without looking at anything else."""
    request = standing.request
    if request.state is S.ANSWERED and standing.draft in DECIDED:
        return Journey(_stops(_WAY, len(_WAY) - 1), Holder.NOBODY, "Nothing: every photo has been decided about.")
    holder, words = _NEXT[request.state]
    if request.link_closed and request.state is S.SENT:
        holder, words = Holder.OWNER, "The link closed after wrong dates of birth. Ring the patient."
    if request.state is S.ANSWERED and standing.draft is DraftState.FILING:
        words = "It is being filed."
    name = request.owner_name if holder is Holder.OWNER else ""
    if request.state in _ELSEWHERE:
        way = (*_WAY[: _left_at(request) + 1], _ELSEWHERE[request.state])
        return Journey(_stops(way, len(way) - 1), holder, words, name)
    return Journey(_stops(_WAY, _AT[request.state]), holder, words, name)


def _left_at(request: PhotoRequest) -> int:
    """The last stop of the straight way that is known to have been passed."""
    if request.confirmed_at is not None:
        return _AT[S.ANSWERED]
    if request.browser_digest:
        return _AT[S.OPENED]
    return _AT[S.SENT] if request.links else _AT[S.PREPARED]


def _stops(way: tuple[str, ...], at: int) -> tuple[Stop, ...]:
    def place(position: int) -> Place:
        return Place.HERE if position == at else (Place.PASSED if position < at else Place.AHEAD)

    return tuple(Stop(words, place(position)) for position, words in enumerate(way))
