"""The desk itself, a new request, what is known about one, and the accounting for the patient."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import AnswersChanged, Incomplete
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import own_page, parts, same_patient
from fhir_plugin.web.disclosing import words
from fhir_plugin.web.disclosing.blueprint import (
    DESK,
    NONE,
    OFFICERS,
    Trouble,
    desk,
    disclosing,
    is_officer,
    may_change,
    page,
    revision_seen,
)
from fhir_plugin.web.disclosing.contract import Facts
from fhir_plugin.web.disclosing.leaves import leaf
from fhir_plugin.web.disclosing.waiting import hidden_waiting, signature_waits
from fhir_plugin.web.words import local
from mappings.model.disclosure import Mode, Requester, age_band
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest
from mappings.model.people import ClinicalSession

MOST: Final = 50
"""Requests of other patients on one page."""
FIELDS: Final = (
    "requester",
    "received",
    "recipient",
    "relationship",
    "identity_checked",
    "identity_on",
    "purpose",
    "consent",
    "authority",
    "competence",
    "agrees",
    "mode",
    "watermark",
)


@dataclass(frozen=True)
class Line:
    """One request on the list. `here`: of this launch's patient, so that it opens."""

    request: DisclosureRequest
    who: str
    left: str
    late: bool
    here: bool
    hidden: int = 0
    due: dt.date | None = None
    gone: int | None = None
    signs: bool = False
    """Whether it waits for this person's signature as the second."""


def _line(session: ClinicalSession, each: DisclosureRequest) -> Line:
    due, days = desk().due(each)
    late = each.is_open and days is not None and days < 0
    here = each.patient == session.patient_id and each.fhir_base == session.fhir_base
    who = words.row_of(desk().rows(), each.requester).title
    hidden = hidden_waiting(session, each) if here else 0
    left = words.time_left(days) if each.is_open else words.STATES[each.state]
    gone = words.share_gone(each, due, days) if each.is_open else None
    return Line(each, who, left, late, here, hidden, due, gone, here and signature_waits(session, each))


@disclosing.get("")
@launched(*DESK)
def at_the_desk(session: ClinicalSession) -> ResponseReturnValue:
    """This patient's requests, and below them what is open at the practice."""
    of_patient = desk().of_patient(session)
    known = {each.id for each in of_patient}
    others = leaf(
        [each for each in desk().of_practice(session) if each.id not in known], request.args.get("page"), MOST
    )
    return page(
        "desk.html",
        session,
        unreadable=desk().unreadable(session),
        lines=[_line(session, each) for each in of_patient],
        others=[_line(session, each) for each in others.here],
        leaf=others,
        states=words.STATES,
    )


@disclosing.get("/new")
@launched(*OFFICERS)
def new(session: ClinicalSession) -> ResponseReturnValue:
    """Who asks; then what else has to be known about exactly that."""
    asked = request.args.get("requester", "")
    if asked not in set(Requester):
        problems = (
            {"requester-patient": "Choose who asks."} if "requester" in request.args or "on" in request.args else {}
        )
        rows = {row.requester: row for row in desk().rows()}
        return page("who.html", session, who_asks=words.WHO_ASKS, rows=rows, problems=problems)
    today = local(parts().clock.now()).date()
    said = {"requester": asked, "received": today.isoformat(), "mode": Mode.MARKED.value}
    if asked == Requester.PATIENT:
        said |= {"recipient": parts().captures.patient(session).name, "relationship": "The patient"}
    return _facts_page(session, said, NONE, None)


def _facts_page(
    session: ClinicalSession, said: Mapping[str, str], trouble: Trouble, found: DisclosureRequest | None
) -> str:
    patient = parts().captures.patient(session)
    requester = Requester(said["requester"])
    return page(
        "facts.html",
        session,
        row=words.row_of(desk().rows(), requester),
        questions=words.questions_for(requester, age_band(patient.birth_date, local(parts().clock.now()).date())),
        modes=desk().allowed_modes(requester),
        choices=words,
        said=said,
        problems=trouble.problems,
        found=found,
        once=request.form.get("once") or secrets.token_urlsafe(18),
    )


def _said() -> dict[str, str]:
    said = {name: request.form[name] for name in FIELDS if name in request.form}
    said.setdefault("watermark", "no")  # a box without a tick is not sent
    if said.get("requester") not in set(Requester):
        raise Incomplete("Nobody asks.", fields={"requester": "Choose who asks."})
    return said


@disclosing.post("/new")
@launched(*OFFICERS)
def begin(session: ClinicalSession) -> ResponseReturnValue:
    """Takes the request down, and begins to read the record. What is wrong is marked, and nothing typed is lost."""
    same_patient(session)
    said = _said()
    try:
        made = desk().begin(session, Facts(said), once=request.form.get("once", ""))
    except Incomplete as error:
        trouble = Trouble.of(error)
        return _facts_page(session, said, trouble, None), trouble.status
    if made.gathered is None and may_change(made):  # else the same page was sent twice
        desk().gather(session, made.id)
    return redirect(url_for(".one", disclosure_id=made.id), 303)


@disclosing.get("/<disclosure_id>/facts")
@launched(*OFFICERS)
def facts(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """What is known about the request, to be set right."""
    found = desk().view(session, DisclosureId(disclosure_id)).request
    return _facts_page(session, _as_said(found), NONE, found)


@disclosing.post("/<disclosure_id>/facts")
@launched(*OFFICERS)
def set_facts(session: ClinicalSession, disclosure_id: str) -> ResponseReturnValue:
    """Sets it right. What policy proposes may be different from then on."""
    own_page(session)
    same_patient(session)
    id, said = DisclosureId(disclosure_id), _said()
    try:
        desk().change(session, id, Facts(said), revision=revision_seen())
    except (Incomplete, AnswersChanged) as error:
        trouble = Trouble.of(error)
        return _facts_page(session, said, trouble, desk().view(session, id).request), trouble.status
    return redirect(url_for(".one", disclosure_id=id), 303)


def _as_said(found: DisclosureRequest) -> dict[str, str]:
    agrees = {True: "yes", False: "no", None: ""}[found.agrees]
    known = {name: str(getattr(found, name) or "") for name in FIELDS if name not in ("agrees", "watermark")}
    return {**known, "agrees": agrees, "watermark": "yes" if found.watermark else "no"}


@disclosing.get("/accounting")
@launched(*DESK)
def accounting(session: ClinicalSession) -> ResponseReturnValue:
    """What was sent to whom, to be printed and given to the patient."""
    made = parts().clock.now()
    return page(
        "accounting.html",
        session,
        sent=desk().accounting(session),
        unreadable=desk().unreadable(session),
        made=made,
        home=is_officer(session),
    )


@disclosing.get("/accounting/sheet")
@launched(*OFFICERS)
def accounting_sheet(session: ClinicalSession) -> ResponseReturnValue:
    """The same as a sheet for the patient, without what somebody would have to decide first that they are told."""
    pieces = desk().accounting_sheet(session, request.args.getlist("also"))
    response = Response(pieces, content_type="application/pdf")
    response.headers.set("Content-Disposition", "attachment", filename="copies-that-were-sent.pdf")
    return response
