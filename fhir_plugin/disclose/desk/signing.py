"""Signing with one's own name, and the second person."""

from __future__ import annotations

import datetime as dt
from typing import Final

from fhir_plugin.disclose.course import signed
from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.people import OFFICERS, SECOND, need
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, Refused
from mappings.model.disclosure import Opinion
from mappings.model.disclosure_request import DisclosureRequest, RequestState, Signature
from mappings.model.people import ClinicalSession

OWN_WORD: Final = (
    "Whoever said that it would cause serious harm signs, too. One person alone keeps nothing back for that."
)


def with_signature(
    session: ClinicalSession,
    request: DisclosureRequest,
    decision: Decision,
    missing: tuple[str, ...],
    name: str,
    about: str,
    now: dt.datetime,
) -> DisclosureRequest:
    """Raises `NotAllowed`, `Incomplete` for another name, `AnswersChanged` where `about` is not what is decided now,
    `Refused` while something is missing."""
    if about != decision.digest:
        raise AnswersChanged("What is decided has changed since this page was made. Look at it again.")
    first = request.first if request.state is RequestState.WAITS_FOR_SECOND else None
    if first is not None and first.about != about:
        first = None  # it was about something else: this is the first signature again
    need(session, OFFICERS if first is None else SECOND, "signing what goes out of a record")
    if first is not None and session.user.person == first.by:
        raise NotAllowed("Somebody else than the one who signed first has to sign now.", code="same-person")
    if missing:
        raise Refused(missing[0], code="not-ready")
    if same_name(name) != same_name(session.user.display):
        problem = "Sign with your own name, as the EHR knows you."
        raise Incomplete(problem, fields={"name": problem})
    signature = Signature(session.user.person, session.user.display, now, about)
    return signed(request, signature, needs_second=bool(why_second(session, request, decision)))


def why_second(session: ClinicalSession, request: DisclosureRequest, decision: Decision) -> tuple[str, ...]:
    """Why somebody else has to sign after this person, or after whoever signed this first: policy says so, or they
    said themselves, as the health professional, that it would do serious harm. Nobody alone keeps anything from a
    patient. Nothing when nobody else has to."""
    first = request.first
    signers = {session.user.person}
    if first is not None and first.about == decision.digest:
        signers.add(first.by)
    own_word = any(each.opinion is Opinion.SERIOUS_HARM and each.by in signers for each in request.opinions.values())
    return (*(each.text for each in decision.seconds), *((OWN_WORD,) if own_word else ()))


def same_name(name: str) -> str:
    """A name without what nobody minds: case and spaces."""
    return " ".join(name.split()).casefold()
