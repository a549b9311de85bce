"""One request for permanent deletion on one screen, and a Guardian's decision about each of its images by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.delete.lifecycle import Event, NoSuchStep, may
from fhir_plugin.delete.waiting import AWAITS_COSIGN
from fhir_plugin.errors import NotAllowed, NotFound, PluginError, Refused
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts
from fhir_plugin.web.concern import HOLDS
from fhir_plugin.web.deleting import guardian_words as words
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, revision_seen
from fhir_plugin.web.deleting.places import GUARDIAN, about, case_page, guarding, of_a_case, offices, today
from fhir_plugin.web.deleting.queue import is_own, line_of
from fhir_plugin.web.deleting.words import REASONS, STATES, event_words
from fhir_plugin.web.security import picture_response
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, ItemId, Principle
from mappings.model.people import ClinicalSession

guarding.add_app_template_filter(words.why_words)

MOVED: Final = (
    "This image has been decided about meanwhile, by somebody else or by you in another tab. Nothing was changed by "
    "this press: look at how it stands now."
)
ACTS: Final = ("approve", "reject", "more", "take-back")


@dataclass(frozen=True)
class Shown:
    """One image of the request as the page shows it. `number` from 1."""

    number: int
    item: DeletionItem
    state: str
    meaning: str
    decides: bool
    """Whether this person may decide about it now."""
    takes_back: bool
    looks: bool
    """Whether there may be a copy to look at."""
    waits_for_second: bool
    ticket: str = field(default="", repr=False)
    """For one look, right after it was opened."""


@guarding.get("/guardian/<case_id>")
@launched(*GUARDIAN, requests_only=True)
def one(session: ClinicalSession, case_id: str) -> ResponseReturnValue:
    """The whole request: metadata and justification first, every picture closed."""
    return _page(session, offices().decisions.case(session, CaseId(case_id)))


def _page(
    session: ClinicalSession,
    case: DeletionCase,
    trouble: Trouble = NONE,
    *,
    at: str = "",
    ticket: str = "",
) -> Response:
    """`at`: the item that `trouble` is about, or whose picture is open with `ticket`."""
    line = line_of(session, case, today())
    shown = [_shown(session, case, number, ticket if item.id == at else "") for number, item in _numbered(case)]
    held = offices().decisions.holds(session, case)
    page = case_page(
        "guardian_case.html",
        session,
        case,
        line=line,
        shown=shown,
        first_open=next((each.number for each in shown if each.decides), 0),
        why=REASONS[case.reason][0],
        holds=held,
        hold_words=HOLDS,
        event_words=event_words,
        words=words,
        others=offices().guardians.others(session, case) if line.own else (),
        problems=_named(trouble, case, at),
        at=at,
        typed=request.form if trouble.problems else {},
        ticked=set(request.form.getlist("principles")) if trouble.problems else set(),
        cosign_wanted=parts().policy.delete_cosign.value != "none",
    )
    return make_response(page, trouble.status)


def _numbered(case: DeletionCase) -> list[tuple[int, DeletionItem]]:
    return list(enumerate(case.items, start=1))


def _named(trouble: Trouble, case: DeletionCase, at: str) -> dict[str, str]:
    """Problems by the id of the field on the page: each image has fields of its own."""
    number = next((number for number, item in _numbered(case) if item.id == at), 0)
    return {f"{name}-{number}" if name != "form" else "form": text for name, text in trouble.problems.items()}


def _shown(session: ClinicalSession, case: DeletionCase, number: int, ticket: str) -> Shown:
    item = case.items[number - 1]
    second = item.why == AWAITS_COSIGN
    undecided = item.state in words.DECIDABLE and not second
    return Shown(
        number,
        item,
        *STATES[item.state],
        decides=undecided and not is_own(session, case),
        takes_back=item.approval is not None and may(item, Event.VOIDED),
        looks=(item.held_from or item.state) in words.DECIDABLE,
        waits_for_second=second,
        ticket=ticket,
    )


def _item(case: DeletionCase, id: str) -> DeletionItem:
    try:
        return case.item(ItemId(id))
    except KeyError:
        raise NotFound("there is no such image in this request", status=404) from None


@guarding.post("/guardian/<case_id>/items/<item>/look")
@launched(*GUARDIAN, requests_only=True)
def look(session: ClinicalSession, case_id: str, item: str) -> ResponseReturnValue:
    """One press with a reason, logged: the page comes back with this one picture, which is shown this one time."""
    of_a_case(session)
    case = offices().decisions.case(session, CaseId(case_id))
    about(session, case)
    _item(case, item)
    ticket = offices().looks.open(session, case.id, ItemId(item), request.form.get("reason", ""))
    return _page(session, offices().decisions.opened(session, case.id), at=item, ticket=ticket)


@guarding.get("/guardian/<case_id>/items/<item>/picture/<ticket>")
@launched(*GUARDIAN, touches=False, requests_only=True)
def picture(session: ClinicalSession, case_id: str, item: str, ticket: str) -> ResponseReturnValue:
    """The marked copy, once, in the launch that opened it."""
    return picture_response(offices().looks.picture(session, CaseId(case_id), ItemId(item), ticket), "image/jpeg")


@guarding.post("/guardian/<case_id>/items/<item>")
@launched(*GUARDIAN, requests_only=True)
def decide(session: ClinicalSession, case_id: str, item: str) -> ResponseReturnValue:
    """*Approve destruction*, *Reject*, *Ask for more*, or an approval taken back: about exactly one image, in one's own
    name."""
    of_a_case(session)
    act = request.form.get("act", "")
    if act not in ACTS:
        raise Refused("Choose one of the buttons.", code="unknown-act")
    decisions = offices().decisions

    def do(case: DeletionCase, said: str, revision: int) -> None:
        id = ItemId(item)
        match act:
            case "approve":
                decisions.approve(session, case.id, id, _principles(), said, revision=revision)
            case "reject":
                decisions.reject(session, case.id, id, said, revision=revision)
            case "take-back":
                decisions.take_back(session, case.id, id, said, revision=revision)
            case _:
                decisions.ask_more(session, case.id, id, said, revision=revision)

    return _done(session, case_id, item, do)


def _done(
    session: ClinicalSession, case_id: str, item: str, do: Callable[[DeletionCase, str, int], None]
) -> ResponseReturnValue:
    of_a_case(session)
    case = offices().decisions.case(session, CaseId(case_id))
    about(session, case)
    _item(case, item)
    try:
        do(case, request.form.get("words", "").strip(), revision_seen())
    except NoSuchStep:
        trouble = Trouble({"form": MOVED}, 409)
        return _page(session, offices().decisions.case(session, case.id), trouble, at=item)
    except PluginError as error:
        return _page(session, offices().decisions.case(session, case.id), Trouble.told(error), at=item)
    number = next(number for number, each in _numbered(case) if each.id == item)
    return redirect(url_for(".one", case_id=case_id, _anchor=f"image-{number}"), 303)


def _principles() -> frozenset[Principle]:
    ticked = request.form.getlist("principles")
    if not set(ticked) <= set(Principle):
        raise NotAllowed("This is no principle.", code="unknown-principle")
    return frozenset(Principle(each) for each in ticked)
