"""What people decide about items: overrides with a reason, words that were read, a professional's opinion.

Pure but for what it is given: a request and what is decided about it, in; the changed request, out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from fhir_plugin.disclose.course import changed
from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.desk.deciding import PATIENTS_SIDE, READ_TO_CLEAR, Decision
from fhir_plugin.disclose.desk.people import OFFICERS, need, sees_hidden
from fhir_plugin.disclose.desk.standing import forbidden
from fhir_plugin.disclose.desk.view import need_item
from fhir_plugin.errors import Incomplete, NotAllowed, Refused
from mappings.model.disclosure import Opinion, Redact, Release, Reviewer, Withhold
from mappings.model.disclosure_request import (
    Decided,
    DeskItem,
    DisclosureRequest,
    HarmOpinion,
    ItemKey,
    Override,
)
from mappings.model.people import ClinicalSession


def overridden(
    session: ClinicalSession,
    request: DisclosureRequest,
    decision: Decision,
    keys: Sequence[ItemKey],
    decided: Decided | None,
    reason: str,
    *,
    rules: Rules,
    now: dt.datetime,
) -> DisclosureRequest:
    """With one decision about each of these items, or about none of them. Raises `NotAllowed`, `Refused`."""
    if not keys:
        raise Incomplete("Choose an item.", fields={"items": "Choose at least one item."})
    items = [need_item(session, decision, key) for key in dict.fromkeys(keys)]
    for item in items:
        _need_right(session, item)
    overrides = dict(request.overrides)
    for item in items:
        if decided is None:
            overrides.pop(item.key, None)
            continue
        _need_allowed(request, decision, item, decided, rules)
        overrides[item.key] = Override(decided, reason, session.user.person, session.user.display, now)
    more_stays = decided is not Decided.RELEASE and any(isinstance(item.decided, Release) for item in items)
    return changed(
        request,
        overrides=overrides,
        changed=request.changed - {item.key for item in items},
        read_words=frozenset() if more_stays else request.read_words,  # they were read beside less
    )


def words_read(
    session: ClinicalSession, request: DisclosureRequest, decision: Decision, key: ItemKey
) -> DisclosureRequest:
    """Somebody has read the words of this item: they may go out with it."""
    item = need_item(session, decision, key)
    _need_right(session, item)
    if item.decided.reason.rule not in READ_TO_CLEAR:
        raise Refused("Nothing about this item waits for its words to be read.", code="nothing-to-read")
    return changed(request, read_words=request.read_words | {key}, changed=request.changed - {key})


def asked_for_opinion(
    session: ClinicalSession, request: DisclosureRequest, decision: Decision, key: ItemKey, words: str
) -> DisclosureRequest:
    """It waits for a health professional from now on; an opinion that was given before counts no more."""
    item = need_item(session, decision, key)
    _need_right(session, item)
    opinions = {each: opinion for each, opinion in request.opinions.items() if each != key}
    return changed(request, opinions=opinions, opinions_asked={**request.opinions_asked, key: words})


def opined(
    session: ClinicalSession,
    request: DisclosureRequest,
    decision: Decision,
    key: ItemKey,
    opinion: Opinion,
    words: str,
    *,
    now: dt.datetime,
) -> DisclosureRequest:
    """A health professional's word. A decision of the desk that stands in its way goes: the officer decides anew."""
    item = need_item(session, decision, key)
    if item.asks is not Reviewer.HEALTH_PROFESSIONAL and item.opinion is None:
        raise Refused("Nobody has asked about this item.", code="not-asked")
    if opinion is Opinion.NOT_ASKED:
        raise Incomplete("Say what you think.", fields={"opinion": "Say whether it would cause serious harm."})
    said = HarmOpinion(opinion, words, session.user.person, session.user.display, now)
    changes: dict[str, Any] = {
        "opinions": {**request.opinions, key: said},
        "opinions_asked": {each: asked for each, asked in request.opinions_asked.items() if each != key},
        "overrides": {each: override for each, override in request.overrides.items() if each != key},
        "read_words": frozenset() if opinion is Opinion.SERIOUS_HARM else request.read_words,
    }
    return changed(request, **changes)


def _need_right(session: ClinicalSession, item: DeskItem) -> None:
    """Hidden items are the privacy officer's; everything else the disclosure officer's."""
    if item.hidden:
        if not sees_hidden(session):
            raise NotAllowed("Only the privacy officer decides about a hidden item.", code="hidden")
    else:
        need(session, OFFICERS, "deciding about this item")


def _need_allowed(
    request: DisclosureRequest, decision: Decision, item: DeskItem, decided: Decided, rules: Rules
) -> None:
    waits = item.asks is Reviewer.HEALTH_PROFESSIONAL
    if waits and (decided is Decided.RELEASE or request.requester in PATIENTS_SIDE):
        raise Refused("A health professional has to say first whether it would cause serious harm.", code="opinion")
    harm = item.opinion is not None and item.opinion.opinion is Opinion.SERIOUS_HARM
    if decided is Decided.RELEASE and harm and isinstance(item.proposed, Redact | Withhold):
        raise Refused("A health professional has said that it would cause serious harm.", code="serious-harm")
    if (why_not := forbidden(decision.asked, decision.facts[item.key], decided, rules)) is not None:
        raise why_not
