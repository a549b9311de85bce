"""One request as somebody at the desk may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.desk.deciding import Decision, counts
from fhir_plugin.disclose.desk.due import days_left, due_day
from fhir_plugin.disclose.desk.gather import WHOLE, share_read
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.people import only_opines, sees_hidden
from fhir_plugin.disclose.desk.signing import why_second
from fhir_plugin.errors import NotFound
from mappings.model.disclosure import Release, Reviewer
from mappings.model.disclosure_request import DeskItem, DeskView, DisclosureRequest, ItemKey
from mappings.model.people import ClinicalSession

REVEALED: Final = "disclosure.revealed"


def view(parts: DeskParts, session: ClinicalSession, request: DisclosureRequest, decision: Decision | None) -> DeskView:
    """`decision`: None while the record has not been read."""
    items = visible(session, decision) if decision is not None else ()
    opened = revealed(parts, session, request)
    items = tuple(replace(each, revealed=each.key in opened) if each.is_image else each for each in items)
    hidden = sum(is_kept_hidden(each) for each in decision.items) if decision is not None else 0
    missing = what_is_missing(parts, request, decision)
    return DeskView(
        request=_for(session, request, decision),
        items=items,
        hidden=hidden,
        counts=counts(items),
        undecided=len(decision.undecided) if decision is not None else 0,
        due=due_day(request, parts),
        days_left=days_left(request, parts),
        may_sign=not missing,
        why_second=why_second(session, request, decision) if decision is not None else (),
        missing=missing,
        digest=decision.digest if decision is not None else "",
        reading=share_read(parts, request.id),
    )


def _for(session: ClinicalSession, request: DisclosureRequest, decision: Decision | None) -> DisclosureRequest:
    """As much of the request as this person works with."""
    if sees_hidden(session):
        return request
    if only_opines(session):
        return for_professionals(request)
    return _without_hidden(request, decision)


def for_professionals(request: DisclosureRequest) -> DisclosureRequest:
    """What a health professional needs who is asked about an item: who asks, and what was asked."""
    bare = name_and_clock(request)
    return replace(bare, opinions=request.opinions, opinions_asked=request.opinions_asked)


def without_items(request: DisclosureRequest) -> DisclosureRequest:
    """For a list: without what it says about items, of which some may be hidden from whoever looks."""
    return replace(
        request,
        overrides={},
        opinions={},
        opinions_asked={},
        changed=frozenset(),
        read_words=frozenset(),
        black_outs={},
    )


def _without_hidden(request: DisclosureRequest, decision: Decision | None) -> DisclosureRequest:
    """The request without what it says about items that only the privacy officer may see."""
    kept = {each.key for each in decision.items if is_kept_hidden(each)} if decision is not None else set()
    if not kept:
        return request
    return replace(
        request,
        overrides={key: each for key, each in request.overrides.items() if key not in kept},
        opinions={key: each for key, each in request.opinions.items() if key not in kept},
        opinions_asked={key: each for key, each in request.opinions_asked.items() if key not in kept},
        black_outs={key: each for key, each in request.black_outs.items() if key not in kept},
        changed=request.changed - kept,
        read_words=request.read_words - kept,
    )


def visible(session: ClinicalSession, decision: Decision) -> tuple[DeskItem, ...]:
    """Hidden items for the privacy officer alone, until they decide that one goes out; a clinician who is nothing else
    here sees what a health professional is asked about."""
    found = decision.items
    if only_opines(session):
        return tuple(each for each in found if each.opinion or each.asks is Reviewer.HEALTH_PROFESSIONAL)
    if sees_hidden(session):
        return found
    return tuple(each for each in found if not is_kept_hidden(each))


def is_kept_hidden(item: DeskItem) -> bool:
    """Whether only the privacy officer may see it: once they let it out, whoever signs sees what they sign for."""
    return item.hidden and not (item.override is not None and isinstance(item.decided, Release))


def need_item(session: ClinicalSession, decision: Decision, key: ItemKey) -> DeskItem:
    """The item, if this person may see it. Otherwise it does not exist for them."""
    for each in visible(session, decision):
        if each.key == key:
            return each
    raise NotFound("there is no such item", status=404)


def revealed(parts: DeskParts, session: ClinicalSession, request: DisclosureRequest) -> frozenset[ItemKey]:
    """The pictures that this launch has opened, each with a reason. A log that was lost never shows more."""
    entries = parts.audit.entries(launch=session.launch_id, action=REVEALED)
    return frozenset(
        ItemKey(each.entry.subject or "") for each in entries if each.entry.detail.get("request") == request.id
    )


def what_is_missing(parts: DeskParts, request: DisclosureRequest, decision: Decision | None) -> tuple[str, ...]:
    """What stops signing, each in a sentence."""
    missing: list[str] = []
    if not request.recipient.strip():
        missing.append("Say who gets the copy.")
    if not request.identity_checked.strip():
        missing.append("Say how you checked who is asking.")
    if share_read(parts, request.id) is not None:
        missing.append("The record is being read.")
    if decision is None:
        failed = request.not_read.get(WHOLE)
        missing.append(
            "The record could not be read. Read it again." if failed else "The record has not been read yet."
        )
        return tuple(missing)
    if request.not_read and not request.accepted_unread:
        number = len(request.not_read)
        missing.append(f"{_things(number, 'part')} of the record could not be read: read it again, or say why not.")
    missing += list(_waiting(decision.undecided))
    return tuple(missing)


def _waiting(items: Sequence[DeskItem]) -> Sequence[str]:
    hidden = [each for each in items if is_kept_hidden(each)]
    others = [each for each in items if not is_kept_hidden(each)]
    asked = [each for each in others if each.asks is Reviewer.HEALTH_PROFESSIONAL]
    yours = [each for each in others if each.asks is not Reviewer.HEALTH_PROFESSIONAL]
    found = []
    if yours:
        found.append(f"{_things(len(yours), 'item')} still {'waits' if len(yours) == 1 else 'wait'} for you.")
    if asked:
        found.append(
            f"{_things(len(asked), 'item')} {'waits' if len(asked) == 1 else 'wait'} for a health professional."
        )
    if hidden:
        found.append(
            f"{_things(len(hidden), 'hidden item')} {'waits' if len(hidden) == 1 else 'wait'} for the privacy officer."
        )
    return found


def _things(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def name_and_clock(request: DisclosureRequest) -> DisclosureRequest:
    """What a list across patients shows: whose, who asks, and until when."""
    return DisclosureRequest(
        id=request.id,
        fhir_base=request.fhir_base,
        patient=request.patient,
        requester=request.requester,
        received=request.received,
        created=request.created,
        created_by=request.created_by,
        state=request.state,
        revision=request.revision,
        patient_name=request.patient_name,
        identity_on=request.identity_on,
        extended_because="extended" if request.extended_because else "",
    )
