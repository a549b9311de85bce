"""One request: the list of what the record holds, one item of it, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.disclose.desk.deciding import READ_TO_CLEAR
from fhir_plugin.disclose.desk.view import is_kept_hidden
from fhir_plugin.disclose.package import new_password
from fhir_plugin.errors import AnswersChanged, Incomplete
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import asked_by_script, same_patient
from fhir_plugin.web.disclosing import words
from fhir_plugin.web.disclosing.blueprint import (
    DESK,
    NONE,
    OFFICERS,
    Trouble,
    decides,
    desk,
    disclosing,
    for_whom,
    item_of,
    may_change,
    modes_of,
    page,
    revision_seen,
    signed_first,
    visible_item,
)
from fhir_plugin.web.disclosing.contract import ItemWords
from fhir_plugin.web.disclosing.cuts import Difference, difference, shortened
from fhir_plugin.web.disclosing.leaves import leaf
from mappings.model.disclosure import Reviewer
from mappings.model.disclosure_request import Decided, DeskItem, DeskView, DisclosureId, RequestState
from mappings.model.people import ClinicalSession

ON_A_LEAF = 200
"""Items on one page of the list."""
AGAIN = 2
"""Seconds after which a page that waits looks again."""


@disclosing.get("/<disclosure_id>")
@launched(*DESK)
def one(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """The request: while it is read or made, how far that is; once it has ended, how; else the list."""
    view = desk().view(session, DisclosureId(disclosure_id))
    if waits(view):
        return _progress(session, view)
    if view.request.state in (RequestState.SENT, RequestState.REFUSED, RequestState.CLOSED):
        return page("ended.html", session, password=new_password(), **shared(view))
    return _list_page(session, view, None, NONE)


def waits(view: DeskView) -> bool:
    """Whether there is nothing to do but wait."""
    return view.reading is not None or view.request.state is RequestState.MAKING


def _progress(session: ClinicalSession, view: DeskView) -> ResponseReturnValue:
    if not asked_by_script():
        return page("progress.html", session, again=AGAIN, **shared(view))
    if waits(view):
        return page("_progress.html", session, again=AGAIN, **shared(view))
    onward = Response(status=204)
    onward.headers["HX-Redirect"] = url_for(".one", disclosure_id=view.request.id)
    return onward


@disclosing.get("/<disclosure_id>/progress")
@launched(*DESK, touches=False)
def progress(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """How far it is, for a page that looks by itself."""
    view = desk().view(session, DisclosureId(disclosure_id))
    if not asked_by_script():
        return redirect(url_for(".one", disclosure_id=disclosure_id), 303)
    return _progress(session, view)


@disclosing.post("/<disclosure_id>/gather")
@launched(*OFFICERS)
def gather(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Reads the record again: what came since is in it, too."""
    same_patient(session)
    desk().gather(session, DisclosureId(disclosure_id))
    return redirect(url_for(".one", disclosure_id=disclosure_id), 303)


@disclosing.post("/<disclosure_id>/unread")
@launched(*OFFICERS)
def accept_unread(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Goes on without what the EHR did not give, and says why."""
    same_patient(session)
    id = DisclosureId(disclosure_id)
    try:
        desk().accept_unread(session, id, request.form.get("unread-reason", ""), revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        trouble = Trouble.of(error)
        named = {"unread-reason" if name == "reason" else name: text for name, text in trouble.problems.items()}
        return _again(session, id, "", Trouble(named, trouble.status))
    return redirect(url_for(".one", disclosure_id=disclosure_id), 303)


@disclosing.get("/<disclosure_id>/items/<item>")
@launched(*DESK)
def shown(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """The list, with one item open."""
    view = desk().view(session, DisclosureId(disclosure_id))
    if waits(view):
        return redirect(url_for(".one", disclosure_id=disclosure_id), 303)
    return _list_page(session, view, item_of(view, for_whom(session, view), item), NONE)


def shared(view: DeskView) -> dict[str, object]:
    """What every page of one request says of it."""
    decided, whole = words.share_decided(view, sum(map(is_kept_hidden, view.items)))
    return {
        "view": view,
        "found": view.request,
        "row": words.row_of(desk().rows(), view.request.requester),
        "time_left": words.time_left(view.days_left),
        "late": view.days_left is not None and view.days_left < 0,
        "gone": words.share_gone(view.request, view.due, view.days_left),
        "state": words.STATES[view.request.state],
        "decided": decided,
        "whole": whole,
        "choices": words,
    }


def _list_page(session: ClinicalSession, view: DeskView, open_item: DeskItem | None, trouble: Trouble) -> str:
    items = for_whom(session, view)
    groups = words.grouped(items)
    order = [item for group in groups for item in group.items]
    asked = request.args.get("page")
    if open_item is not None:
        keys = [each.key for each in order]
        asked = str(keys.index(open_item.key) // ON_A_LEAF + 1) if open_item.key in keys else asked
    on_page = leaf(order, asked, ON_A_LEAF)
    here = {each.key for each in on_page.here}
    detail: dict[str, object] = {}
    if open_item is not None:
        said = desk().words(session, view.request.id, open_item.key)
        detail = {
            "said": said,
            "difference": _difference(open_item, said, items),
            "before": shortened(said.before),
            "after": shortened(said.after) if said.after is not None else None,
            "to_read": _to_read(open_item),
            "sent_to": desk().sent_to(session, view.request.id, open_item.key) if open_item.sent_before else (),
            "mine": decides(session, open_item),
        }
    return page(
        "request.html",
        session,
        groups=groups,
        leaf=on_page,
        leaf_of=lambda group: order.index(group.items[0]) // ON_A_LEAF + 1,
        here=lambda items: [each for each in items if each.key in here],
        answered_once=words.answered_once(view.request.requester),
        shares=words.shares(groups, words.share_decided(view, sum(map(is_kept_hidden, view.items)))[1]),
        item=open_item,
        following=_token_after(view, order, open_item),
        waiting=_token_after(view, [each for each in order if words.fate(each) == "needs"], open_item),
        token=lambda each: words.token(view.request.id, each.key),
        fate=lambda each: words.fate_words(each, mine=decides(session, each)),
        offered=words.offered(open_item, modes_of(view.request)) if open_item else [],
        offered_several=words.offered(order[0], modes_of(view.request)) if order else [],
        editable=may_change(view.request),
        own=signed_first(session, view.request),
        problems=trouble.problems,
        typed=request.form,
        reasons=words.REVEAL_REASONS[:3],
        **detail,
        **shared(view),
    )


def _difference(item: DeskItem, said: ItemWords, items: Sequence[DeskItem]) -> Difference:
    """What is left out of it; nothing is, where nobody has decided yet. Other items go by the list's names."""
    fate = words.fate(item)
    names = {str(each.key): words.name_of(each) for each in items}
    if fate == "needs" and said.after is None:
        return Difference(())
    return difference(said.before, said.after if fate in ("out", "needs") else None, names)


def _to_read(item: DeskItem) -> bool:
    """Whether a person has to read its words, and may then say that they go out."""
    if item.asks is not Reviewer.OFFICER:
        return False
    return item.decided.reason.rule in READ_TO_CLEAR or (
        item.consequence is not None and item.consequence.rule in READ_TO_CLEAR
    )


def _token_after(view: DeskView, order: Sequence[DeskItem], item: DeskItem | None) -> str:
    """Of the item after this one, from the beginning again after the last; empty where there is no other."""
    others = [each for each in order if item is None or each.key != item.key]
    if not others:
        return ""
    keys = [each.key for each in order]
    at = keys.index(item.key) + 1 if item is not None and item.key in keys else 0
    return words.token(view.request.id, order[at % len(order)].key)


@disclosing.post("/<disclosure_id>/decide")
@launched(*DESK)
def decide(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Another decision than the proposed one, about one item or several; or the proposed one again."""
    same_patient(session)
    view = desk().view(session, DisclosureId(disclosure_id))
    items = for_whom(session, view)
    chosen = [item_of(view, items, each) for each in request.form.getlist("item")]
    at = request.form.get("at", "")
    several = "several-" if request.form.get("several") == "yes" else ""
    said = request.form.get(f"{several}decided", "")
    problems = {}
    if not chosen:
        problems["several-item"] = "Choose the items first, with the boxes on the list."
    if said not in (*Decided, "as-proposed"):
        problems[f"{several}decided"] = "Choose what becomes of it."
    try:
        if problems:
            raise Incomplete("Not decided.", fields=problems)
        desk().decide(
            session,
            view.request.id,
            [each.key for each in chosen],
            None if said == "as-proposed" else Decided(said),
            request.form.get(f"{several}reason", ""),
            revision=revision_seen(),
        )
    except (Incomplete, AnswersChanged) as error:
        return _again(session, view.request.id, at, _prefixed(Trouble.of(error), several))
    return redirect(_onward(session, view.request.id, at, several), 303)


def _prefixed(trouble: Trouble, several: str) -> Trouble:
    """The flow says `reason`; the field on the page may be the one of several items."""
    named = {
        (f"{several}{name}" if name in ("reason", "decided") else name): text for name, text in trouble.problems.items()
    }
    return Trouble(named, trouble.status)


def _again(session: ClinicalSession, id: DisclosureId, at: str, trouble: Trouble) -> Response:
    """The same page, as things stand now, with every word still there."""
    view = desk().view(session, id)
    items = for_whom(session, view)
    opened = next((each for each in items if words.token(id, each.key) == at), None)
    return make_response(_list_page(session, view, opened, trouble), trouble.status)


def _onward(session: ClinicalSession, id: DisclosureId, at: str, several: str) -> str:
    """On to what waits next; back to the same item, where nothing does or several were decided."""
    if several or not at:
        return url_for(".shown", disclosure_id=id, item=at) if at else url_for(".one", disclosure_id=id)
    view = desk().view(session, id)
    order = [each for group in words.grouped(for_whom(session, view)) for each in group.items]
    here = next((each for each in order if words.token(id, each.key) == at), None)
    waiting = [each for each in order if words.fate(each) == "needs" and decides(session, each)]
    following = _token_after(view, waiting, here) if waiting else ""
    return url_for(".shown", disclosure_id=id, item=following or at, _anchor="item")


@disclosing.post("/<disclosure_id>/items/<item>/read")
@launched(*DESK)
def read(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """A person has read its words, and they may go out."""
    same_patient(session)
    view, found = visible_item(session, disclosure_id, item)
    try:
        desk().read(session, view.request.id, found.key, revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        return _again(session, view.request.id, item, Trouble.of(error))
    return redirect(_onward(session, view.request.id, item, ""), 303)


@disclosing.post("/<disclosure_id>/items/<item>/ask")
@launched(*DESK)
def ask(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """Asks a health professional whether it would do serious harm."""
    same_patient(session)
    view, found = visible_item(session, disclosure_id, item)
    try:
        desk().ask_opinion(
            session, view.request.id, found.key, request.form.get("question", ""), revision=revision_seen()
        )
    except (Incomplete, AnswersChanged) as error:
        trouble = Trouble.of(error)
        named = {"question" if name == "words" else name: text for name, text in trouble.problems.items()}
        return _again(session, view.request.id, item, Trouble(named, trouble.status))
    return redirect(url_for(".shown", disclosure_id=disclosure_id, item=item, _anchor="item"), 303)
