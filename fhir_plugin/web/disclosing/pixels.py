"""Pictures at the desk: grey until somebody opens one with a reason, and the editor that blacks parts of it out."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import AnswersChanged, Refused
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import same_patient
from fhir_plugin.web.disclosing import words
from fhir_plugin.web.disclosing.blueprint import (
    DESK,
    NONE,
    OFFICERS,
    Trouble,
    desk,
    disclosing,
    page,
    revision_seen,
    visible_item,
)
from fhir_plugin.web.geometry import read_geometry
from fhir_plugin.web.security import picture_response
from mappings.model.disclosure_request import DeskItem, DeskView
from mappings.model.people import ClinicalSession, Role


@disclosing.post("/<disclosure_id>/items/<item>/reveal")
@launched(*DESK, Role.CLINICIAN)
def reveal(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """One press with a reason, logged: shows this one picture to this person."""
    same_patient(session)
    reason = request.form.get("reason", "")
    if reason not in words.REVEAL_REASONS:
        raise Refused("Choose one of the reasons offered.", code="unknown-reason")
    view, found = visible_item(session, disclosure_id, item)
    desk().reveal(session, view.request.id, found.key, reason)
    back = ".opinion" if request.form.get("back") == "opinion" else ".shown"
    return redirect(url_for(back, disclosure_id=disclosure_id, item=item, _anchor="item"), 303)


@disclosing.get("/<disclosure_id>/items/<item>/picture")
@launched(*DESK, Role.CLINICIAN)
def picture(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """The pixels as they would go out: refused until opened with a reason, whatever the page shows."""
    view, found = visible_item(session, disclosure_id, item)
    return picture_response(*desk().picture(session, view.request.id, found.key))


@disclosing.get("/<disclosure_id>/items/<item>/upright")
@launched(*OFFICERS)
def upright(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """What the editor draws on."""
    turns = request.args.get("turns", "0")
    if turns not in ("0", "1", "2", "3"):
        raise Refused("A picture can be turned by 0, 1, 2 or 3 quarters.", code="bad-turn")
    view, found = visible_item(session, disclosure_id, item)
    return picture_response(desk().upright(session, view.request.id, found.key, int(turns)), "image/jpeg")


@disclosing.get("/<disclosure_id>/items/<item>/black-out")
@launched(*OFFICERS)
def editor(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """Boxes over what must not be seen, on a copy: the record's picture stays as it is."""
    view, found = visible_item(session, disclosure_id, item)
    if not found.revealed:
        return redirect(url_for(".shown", disclosure_id=disclosure_id, item=item, _anchor="item"), 303)
    return _editor_page(session, view, found, item, NONE), 200


def _editor_page(session: ClinicalSession, view: DeskView, found: DeskItem, wanted: str, trouble: Trouble) -> str:
    return page(
        "black_out.html",
        session,
        found=view.request,
        item=found,
        wanted=wanted,
        problems=trouble.problems,
        crop=request.form.get("crop", ""),
        turns=request.form.get("quarter_turns", "0"),
        black_outs=[each for each in request.form.getlist("black_out") if each.strip()],
    )


@disclosing.post("/<disclosure_id>/items/<item>/black-out")
@launched(*OFFICERS)
def black_out(session: ClinicalSession, disclosure_id: str, item: str) -> ResponseReturnValue:
    """Keeps the copy that goes out in the picture's place."""
    same_patient(session)
    view, found = visible_item(session, disclosure_id, item)
    if "quarter_turns" not in request.form:  # pressed before the editor had begun: it would take the boxes off
        return redirect(url_for(".editor", disclosure_id=disclosure_id, item=item), 303)
    geometry = read_geometry(request.form, request.form.getlist("black_out"))
    try:
        desk().black_out(session, view.request.id, found.key, geometry, revision=revision_seen())
    except AnswersChanged as error:
        view, found = visible_item(session, disclosure_id, item)
        trouble = Trouble.of(error)
        return _editor_page(session, view, found, item, trouble), trouble.status
    return redirect(url_for(".shown", disclosure_id=disclosure_id, item=item, _anchor="item"), 303)
