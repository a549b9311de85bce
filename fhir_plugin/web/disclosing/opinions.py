"""The health professional's pages: would it do serious harm to anybody, were the patient to see this?"""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import AnswersChanged, Incomplete, NotFound
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import same_patient
from fhir_plugin.web.disclosing import words
from fhir_plugin.web.disclosing.blueprint import (
    NONE,
    Trouble,
    desk,
    disclosing,
    for_health_professional,
    page,
    revision_seen,
)
from mappings.model.disclosure import Opinion
from mappings.model.disclosure_request import DeskItem, DeskView, DisclosureId
from mappings.model.people import ClinicalSession, Role


@disclosing.get("/opinions")
@launched(Role.CLINICIAN)
def opinions(session: ClinicalSession) -> ResponseReturnValue:
    """What waits for an opinion about this patient: where the practice's list leads to."""
    views = [desk().view(session, each.id) for each in desk().of_patient(session) if each.is_open]
    cases = [
        (view, item, words.token(view.request.id, item.key))
        for view in views
        for item in view.items
        if for_health_professional(item)
    ]
    return page("opinions.html", session, cases=cases, rows={row.requester: row for row in desk().rows()})


@disclosing.get("/<disclosure_id>/items/<item>/opinion")
@launched(Role.CLINICIAN)
def opinion(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """One item, and the question."""
    return _opinion_page(session, DisclosureId(disclosure_id), item, NONE)


def _opinion_page(session: ClinicalSession, id: DisclosureId, wanted: str, trouble: Trouble) -> ResponseReturnValue:
    view = desk().view(session, id)
    found = _found(view, wanted)
    return page(
        "opinion.html",
        session,
        found=view.request,
        item=found,
        wanted=wanted,
        said=desk().words(session, id, found.key),
        row=words.row_of(desk().rows(), view.request.requester),
        choices=words,
        reasons=words.REVEAL_REASONS[3:4],
        problems=trouble.problems,
        typed=request.form,
    ), trouble.status


def _found(view: DeskView, wanted: str) -> DeskItem:
    for each in filter(for_health_professional, view.items):
        if words.token(view.request.id, each.key) == wanted:
            return each
    raise NotFound("nobody asks for an opinion about this", status=404)


@disclosing.post("/<disclosure_id>/items/<item>/opinion")
@launched(Role.CLINICIAN)
def opine(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """Yes or no, in their own words."""
    same_patient(session)
    id = DisclosureId(disclosure_id)
    said, why = request.form.get("opinion", ""), request.form.get("words", "").strip()
    try:
        problems = {}
        if said not in words.OPINIONS:
            problems["opinion"] = "Choose whether it is likely to cause serious harm."
        if not why:
            problems["words"] = "Say why, in your own words."
        if problems:
            raise Incomplete("Not answered.", fields=problems)
        found = _found(desk().view(session, id), item)
        desk().opine(session, id, found.key, Opinion(said), why, revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        return _opinion_page(session, id, item, Trouble.of(error))
    return redirect(url_for(".opinions"), 303)
