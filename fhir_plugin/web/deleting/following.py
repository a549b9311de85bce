"""A clinician's requests for permanent deletion: how each picture stands, what is asked of them, carrying it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.delete import told
from fhir_plugin.delete.lifecycle import Event, may
from fhir_plugin.disclose.contents import named
from fhir_plugin.errors import NotFound, PluginError
from fhir_plugin.keep.view import GalleryItem
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.concern import HOLDS
from fhir_plugin.web.deleting import words
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, deleting, page, revision_seen
from fhir_plugin.web.deleting.requesting import day_of, facts_of
from fhir_plugin.web.deleting.standing import deletion
from fhir_plugin.web.gallery import site_of
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, Happened, ItemId
from mappings.model.people import ClinicalSession, Role

deleting.add_app_template_filter(words.mid_sentence)
deleting.add_app_template_filter(words.why_unasked)
deleting.add_app_template_filter(words.purged_words)

AGAIN_SECONDS = 5
"""How soon a page that waits looks again by itself."""
_MAY_BE_BEGUN = frozenset({DeletionState.ACCEPTED, DeletionState.IN_PROGRESS})


class Line(NamedTuple):
    """One picture of a request, as the page tells of it. `shown`: None where ordinary view does not have it."""

    item: DeletionItem
    number: int
    shown: GalleryItem | None
    state: tuple[str, str]
    journey: Sequence[words.Stop]
    asked: Happened | None
    begun: bool
    carried_out_here: bool
    taken_back: bool
    places: Sequence[tuple[str, Any]]


@deleting.get("/deletions")
@launched(Role.CLINICIAN)
def cases(session: ClinicalSession) -> ResponseReturnValue:
    """Every request about this patient, newest first: what waits for whom."""
    found = deletion().requests.of_patient(session)
    return page("cases.html", session, cases=[(case, words.in_short(case)) for case in found])


@deleting.get("/deletions/<case_id>")
@launched(Role.CLINICIAN)
def case(session: ClinicalSession, case_id: str) -> ResponseReturnValue:
    """One request, picture by picture, each with its timeline."""
    return _case_page(session, CaseId(case_id), NONE)


def _case_page(session: ClinicalSession, id: CaseId, trouble: Trouble) -> ResponseReturnValue:
    found = deletion().requests.get(session, id)
    lines = _lines(session, found)
    return page(
        "case.html",
        session,
        case=found,
        lines=lines,
        short=words.in_short(found),
        facts=facts_of(found),
        holds=[(HOLDS[hold.kind], hold) for hold in parts().concerns.of_chart(session)],
        asked="asked" in request.args and found.revision == 1,
        again=AGAIN_SECONDS if any(line.begun or line.item.state is DeletionState.IN_PROGRESS for line in lines) else 0,
        late=bool(found.reply_due and not found.replied and found.reply_due < parts().clock.now().date()),
        event_words=words.event_words,
        site_of=site_of,
        problems=trouble.problems,
        form=request.form,
    ), trouble.status


def _lines(session: ClinicalSession, found: DeletionCase) -> list[Line]:
    shown = {each.entry.reference: each for each in parts().gallery.images(session)}
    theirs = session.user.person == found.requested_by or Role.PRIVACY_OFFICER in session.user.roles
    return [_line(item, number, shown.get(item.image.reference), theirs) for number, item in enumerate(found.items, 1)]


def _line(item: DeletionItem, number: int, shown: GalleryItem | None, theirs: bool) -> Line:
    begun = item.state in _MAY_BE_BEGUN and deletion().under_way(item.id)
    return Line(
        item=item,
        number=number,
        shown=shown,
        state=words.BEGUN if begun and item.state is DeletionState.ACCEPTED else words.STATES[item.state],
        journey=words.journey(item),
        asked=words.more_asked(item),
        begun=begun,
        carried_out_here=may(item, Event.BEGUN) and not begun,
        taken_back=may(item, Event.CANCELLED) and theirs and not begun,
        places=words.places_of(item),
    )


def _one(session: ClinicalSession, case_id: str, item_id: str) -> tuple[DeletionCase, DeletionItem]:
    found = deletion().requests.get(session, CaseId(case_id))
    try:
        return found, found.item(ItemId(item_id))
    except KeyError as error:
        raise NotFound("no such picture in this request", status=404) from error


def number_of(case: DeletionCase, item: DeletionItem) -> int:
    """Which of the pictures of a request it is, from 1: what the fields of its own forms are called by."""
    return next(number for number, each in enumerate(case.items, 1) if each.id == item.id)


@deleting.post("/deletions/<case_id>/items/<item_id>/answer")
@launched(Role.CLINICIAN)
def answer(session: ClinicalSession, case_id: str, item_id: str) -> ResponseReturnValue:
    """What the Caldicott Guardian wanted to know."""
    same_patient(session)
    found, item = _one(session, case_id, item_id)
    try:
        said = request.form.get(f"answer-{number_of(found, item)}", "")
        deletion().requests.answer(session, found.id, item.id, said, revision=revision_seen())
    except PluginError as error:
        return _case_page(session, found.id, Trouble.told(error, words=f"answer-{number_of(found, item)}"))
    return redirect(url_for(".case", case_id=case_id, _anchor=f"item-{item_id}"), 303)


@deleting.post("/deletions/<case_id>/items/<item_id>/take-back")
@launched(Role.CLINICIAN)
def take_back(session: ClinicalSession, case_id: str, item_id: str) -> ResponseReturnValue:
    """This picture is not to be destroyed after all, or was never meant."""
    same_patient(session)
    found, item = _one(session, case_id, item_id)
    try:
        said = request.form.get(f"because-{number_of(found, item)}", "")
        requests = deletion().requests
        end = requests.in_error if request.form.get("mistake") else requests.cancel
        end(session, found.id, item.id, said, revision=revision_seen())
    except PluginError as error:
        return _case_page(session, found.id, Trouble.told(error, words=f"because-{number_of(found, item)}"))
    return redirect(url_for(".case", case_id=case_id, _anchor=f"item-{item_id}"), 303)


@deleting.post("/deletions/<case_id>/replied")
@launched(Role.CLINICIAN)
def replied(session: ClinicalSession, case_id: str) -> ResponseReturnValue:
    """The patient who asked has been answered."""
    same_patient(session)
    found = deletion().requests.get(session, CaseId(case_id))
    try:
        deletion().requests.replied(session, found.id, revision=revision_seen())
    except PluginError as error:
        return _case_page(session, found.id, Trouble.told(error))
    return redirect(url_for(".case", case_id=case_id), 303)


@deleting.get("/deletions/<case_id>/items/<item_id>/carry-out")
@launched(Role.CLINICIAN)
def carry_out(session: ClinicalSession, case_id: str, item_id: str) -> ResponseReturnValue:
    """What will be destroyed, once more, before anything is."""
    return _carry_out_page(session, case_id, item_id, NONE)


def _carry_out_page(session: ClinicalSession, case_id: str, item_id: str, trouble: Trouble) -> ResponseReturnValue:
    found, item = _one(session, case_id, item_id)
    line = next(each for each in _lines(session, found) if each.item.id == item.id)
    if not line.carried_out_here:
        return redirect(url_for(".case", case_id=case_id, _anchor=f"item-{item_id}"), 303)
    return page(
        "carry_out.html",
        session,
        case=found,
        line=line,
        holds=[(HOLDS[hold.kind], hold) for hold in parts().concerns.of_chart(session)],
        site_of=site_of,
        problems=trouble.problems,
        form=request.form,
    ), trouble.status


@deleting.post("/deletions/<case_id>/items/<item_id>/carry-out")
@launched(Role.CLINICIAN)
def do_carry_out(session: ClinicalSession, case_id: str, item_id: str) -> ResponseReturnValue:
    """Begins it. Pressed twice, it has begun once."""
    same_patient(session)
    found, item = _one(session, case_id, item_id)
    try:
        deletion().requests.carry_out(session, found.id, item.id, revision=revision_seen())
    except PluginError as error:
        return _carry_out_page(session, case_id, item_id, Trouble.told(error))
    return redirect(url_for(".case", case_id=case_id, _anchor=f"item-{item_id}"), 303)


@deleting.get("/deletions/<case_id>/words")
@launched(Role.CLINICIAN)
def letters(session: ClinicalSession, case_id: str) -> ResponseReturnValue:
    """What the patient may be told of each picture, and whoever had received one: to read out, copy or print. `sent`:
    the day on which they received it."""
    found = deletion().requests.get(session, CaseId(case_id))
    organisation, sent = named(parts().policy.organisation), request.args.get("sent", "")
    day = day_of(sent)
    first = found.items[0] if found.items else None
    return page(
        "letters.html",
        session,
        case=found,
        to_the_patient=[told.to_the_patient(found, item, organisation=organisation) for item in found.items],
        to_a_recipient=told.to_a_recipient(first, sent=day, organisation=organisation) if day and first else None,
        not_said_yet=told.not_said_yet(found),
        problems={"sent": "Give a day, for example 23/11/2026."} if sent and day is None else {},
        sent=sent,
    ), 200
