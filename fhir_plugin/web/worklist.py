"""The practice's list across patients: who sees to what, since when, what is late, and who covers for whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.keep.review import REVIEWED
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.work.listing import AT_THE_DESK, FOR_CLINICIANS, Listed, Whose
from mappings.model.identifiers import CaptureId, Reference, WorkId
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkItem, WorkKind

worklist = Blueprint("worklist", __name__, url_prefix="/l/<launch>/worklist")

KINDS: Final[Mapping[WorkKind, str]] = MappingProxyType(
    {
        WorkKind.CAME_BACK: "Pictures came back",
        WorkKind.CALL_ME: "Wants to be called",
        WorkKind.DECLINED: "Would rather not send pictures",
        WorkKind.REQUEST_EXPIRED: "Did not answer in time",
        WorkKind.UNSOLICITED: "Pictures that nobody asked for: contact the sender today",
        WorkKind.SECOND_PERSON: "A second person is needed",
        WorkKind.URGENT_REVIEW: "Went on urgently: to be reviewed",
        WorkKind.FOLLOW_UP: "Did not go through: look at it again",
        WorkKind.WITHDRAWAL: "Consent withdrawn: to be reviewed",
        WorkKind.MATURITY: "Has grown up: ask them themselves",
        WorkKind.RETENTION: "Time to review what is kept",
        WorkKind.SOURCE: "Mailbox or device still to be emptied",
        WorkKind.SAFEGUARDING: "Safeguarding concern",
        WorkKind.SECOND_OPINION: "Second opinion",
        WorkKind.DISCLOSURE: "A copy of the record is due",
        WorkKind.DISCLOSURE_SECOND: "A second person has to sign",
        WorkKind.HARM_OPINION: "Would it cause serious harm? An opinion is asked for",
        WorkKind.DELETION: "Permanent deletion: the Caldicott Guardian decides",
        WorkKind.DELETION_COSIGN: "Permanent deletion: a second signature is needed",
        WorkKind.DELETION_MORE_ASKED: "Permanent deletion: the Guardian asks you something",
        WorkKind.DELETION_APPROVED: "Permanent deletion: approved, to be carried out",
        WorkKind.DELETION_REJECTED: "Permanent deletion: not approved",
        WorkKind.DELETION_NOT_PROVEN: "Permanent deletion: not proven, something remains",
        WorkKind.BREACH: "It was in the wrong chart: consider whether to report a breach",
        WorkKind.DELETION_REPLY: "The patient waits for an answer about erasure",
        WorkKind.CHART_COPY: "The EHR takes no pictures: something is left to do by hand",
    }
)
"""Each kind as people read it. None of these says what a picture shows."""
ABOUT_A_DELETION: Final = frozenset({WorkKind.DELETION_MORE_ASKED, WorkKind.DELETION_APPROVED, WorkKind.DELETION_REPLY})
"""Kinds that end on the page of the request for permanent deletion, and lead there."""
FOR_A_CLINICIAN: Final = "For a clinician, today"
"""What triage reads of a kind that says more than whom to ask."""
WHOSE: Final[Mapping[Whose, str]] = MappingProxyType(
    {Whose.MINE: "For me", Whose.NOBODY: "Nobody’s yet", Whose.ALL: "Everything"}
)


def kind_words(line: Listed) -> str:
    """What waits, in words."""
    return KINDS[line.kind] if line.kind is not None else FOR_A_CLINICIAN


def age(hours: int) -> str:
    """35 minutes would say too much: under an hour, 1 hour, 26 hours, 3 days (72 hours and more)."""
    if hours < 1:
        return "under an hour"
    if hours < 72:
        return "1 hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"


def page_of(item: Listed) -> str:
    """Where an item of this launch's patient is seen to: its own page, or that of what it waits for."""
    if item.kind is WorkKind.SECOND_OPINION:
        id = item.subject.removesuffix("#ended")
        return url_for("consult.asked" if item.beside_the_chart else "consult.one", opinion_id=id)
    if item.kind is WorkKind.DELETION_COSIGN:
        return url_for("guarding.second", case_id=item.subject)
    if item.kind in ABOUT_A_DELETION:
        return url_for("deleting.case", case_id=item.subject)
    if item.kind is WorkKind.HARM_OPINION:
        return url_for("disclosing.opinions")
    if item.kind is WorkKind.SAFEGUARDING:
        return url_for("concern.one", hold_id=item.subject)
    if item.kind in REVIEWED:
        return url_for("reviews.review", work_id=item.id)
    if item.kind is WorkKind.CAME_BACK:
        return url_for("requests.of_patient")
    if item.kind is WorkKind.SECOND_PERSON and "/" in item.subject:
        return url_for("labels.lowering", work_id=item.id)
    if item.kind is WorkKind.SECOND_PERSON and not item.not_for_me:
        return url_for("second_person.shown", capture_id=item.subject)
    return url_for("worklist.item", work_id=item.id)


def _opens(session: ClinicalSession, item: Listed) -> bool:
    """Whether this launch leads to it: at this patient's chart, or asked for by name."""
    return item.here or (item.beside_the_chart and item.owner == session.user.reference and bool(item.subject))


def due_here(session: ClinicalSession) -> list[tuple[str, Listed, str]]:
    """What is open about this launch's patient: in words, as a line, and where it is seen to."""
    return [(kind_words(line), line, page_of(line)) for line in parts().practice.at_chart(session)]


def _whose() -> Whose:
    asked = request.args.get("whose", "")
    return Whose(asked) if asked in set(Whose) else Whose.MINE


def _kind(session: ClinicalSession) -> WorkKind | None:
    asked = request.args.get("kind", "")
    known = {kind.value for kind in offered_kinds(session)}
    return WorkKind(asked) if asked in known else None


def offered_kinds(session: ClinicalSession) -> list[WorkKind]:
    """The kinds that this person may filter by: nobody learns by filtering what a line does not say."""
    clinician = Role.CLINICIAN in session.user.roles
    return [kind for kind in WorkKind if kind not in AT_THE_DESK and (clinician or kind not in FOR_CLINICIANS)]


@worklist.app_template_filter()
def error_link(problem: tuple[str, str]) -> dict[str, str]:
    """An entry of an error summary: leads to the field that it is about."""
    field, text = problem
    return {"text": text, "href": f"#{field}"}


@worklist.get("")
@launched(Role.CLINICIAN, Role.TRIAGE)
def practice(session: ClinicalSession) -> ResponseReturnValue:
    """Everything that waits at this EHR, for whoever asks: routed without pixels and without clinical words."""
    whose, kind = _whose(), _kind(session)
    lines, counts = parts().practice.listed(session, whose, kind)
    return show(
        "worklist/list.html",
        session,
        parts().captures.patient(session),
        lines=[(kind_words(line), line, page_of(line) if _opens(session, line) else "") for line in lines],
        counts=[(each, WHOSE[each], counts[each]) for each in Whose],
        whose=whose,
        kind=kind,
        kinds=[(each, KINDS[each]) for each in offered_kinds(session)],
        people=parts().practice.clinicians(session),
        clinician=Role.CLINICIAN in session.user.roles,
        age=age,
    )


@worklist.get("/<work_id>")
@launched(Role.CLINICIAN)
def item(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """One item of this launch's patient."""
    return _item_page(session, WorkId(work_id), {}), 200


def _item_page(session: ClinicalSession, id: WorkId, problems: Mapping[str, str]) -> str:
    found = parts().practice.item(session, id)
    return show(
        "worklist/item.html",
        session,
        parts().captures.patient(session),
        item=found,
        line=parts().practice.line(session, id),
        said=KINDS[found.kind],
        takes_over=found.kind is WorkKind.UNSOLICITED and Role.CLINICIAN in session.user.roles,
        endings=parts().practice.endings(found),
        about=_about(found),
        problems=problems,
        form=request.form,
        age=age,
    )


def _about(item: WorkItem) -> tuple[str, str] | None:
    """A page that has to be looked at before the item ends here: its address, and what it is."""
    if item.kind is WorkKind.DELETION_REJECTED:
        where = url_for("deleting.case", case_id=item.subject)
        return where, "The request for permanent deletion, and what the Caldicott Guardian wrote"
    if item.kind is WorkKind.CHART_COPY:
        copy_id = item.subject.rpartition("/")[2]
        return url_for("receipt.of_copy", copy_id=copy_id), "The receipt, and the file to be filed by hand"
    if item.kind is WorkKind.BREACH and item.subject.count("/") == 1:
        kind, id = item.subject.split("/")
        return url_for(
            "deleting.hidden", kind=kind, id=id
        ), "What is known of it: when, and who has seen or received it"
    return None


@worklist.post("/<work_id>/owner")
@launched(Role.CLINICIAN, Role.TRIAGE)
def give(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Takes it (`me`), gives it to a clinician, or back to everybody (empty)."""
    same_patient(session)
    to = request.form.get("to", "")
    seen = request.form.get("owner_seen", "")
    if to == "me":
        parts().practice.take(session, WorkId(work_id), owner_seen=seen)
    else:
        parts().practice.give(session, WorkId(work_id), Reference(to) if to else None, owner_seen=seen)
    return redirect(_back(work_id), 303)


@worklist.post("/<work_id>/take-over")
@launched(Role.CLINICIAN)
def take_over(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Goes on with a picture that nobody asked for, whoever began it: it is this clinician's from now on."""
    same_patient(session)
    item = parts().practice.item(session, WorkId(work_id))
    if item.kind is not WorkKind.UNSOLICITED:
        raise Refused("This is not taken over here.", code="not-to-take-over")
    capture_id = CaptureId(item.subject)
    parts().captures.take_unsolicited(session, capture_id, owner_seen=request.form.get("owner_seen", ""))
    return redirect(url_for("capture.screen", capture_id=capture_id), 303)


@worklist.post("/<work_id>/cover")
@launched(Role.CLINICIAN, Role.TRIAGE)
def cover(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Who sees to this one item while its owner is away."""
    same_patient(session)
    by = request.form.get("by", "")
    parts().practice.cover(session, WorkId(work_id), Reference(by) if by else None)
    return redirect(_back(work_id), 303)


@worklist.post("/<work_id>/done")
@launched(Role.CLINICIAN)
def done(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Says how it ended. What is missing is marked on the same page, with what was typed."""
    same_patient(session)
    found = parts().practice.item(session, WorkId(work_id))
    outcome, words = request.form.get("outcome", ""), request.form.get("words", "")
    try:
        if found.kind is WorkKind.SOURCE and outcome == "emptied":
            parts().captures.source_emptied_for(session, CaptureId(found.subject))
        else:
            parts().practice.finish(session, found.id, outcome, words)
    except Incomplete as error:
        return _item_page(session, found.id, error.fields), 422
    return redirect(url_for(".practice", done=found.id), 303)


@worklist.get("/away")
@launched(Role.CLINICIAN, Role.TRIAGE)
def away(session: ClinicalSession) -> ResponseReturnValue:
    """Who is away, and who covers."""
    return _away_page(session, {}), 200


def _away_page(session: ClinicalSession, problems: Mapping[str, str]) -> str:
    return show(
        "worklist/away.html",
        session,
        parts().captures.patient(session),
        absences=parts().practice.absences(session),
        people=parts().practice.clinicians(session),
        problems=problems,
        form=request.form,
    )


@worklist.post("/away")
@launched(Role.CLINICIAN, Role.TRIAGE)
def set_away(session: ClinicalSession) -> ResponseReturnValue:
    """Somebody is away from a day to a day, and somebody else covers."""
    same_patient(session)
    form = request.form
    try:
        first, last = _day(form.get("first_day", ""), "first_day"), _day(form.get("last_day", ""), "last_day")
        user, by = Reference(form.get("user", "")), Reference(form.get("cover", ""))
        parts().practice.set_away(session, user, by, first, last)
    except Incomplete as error:
        return _away_page(session, error.fields), 422
    return redirect(url_for(".away"), 303)


@worklist.post("/away/end")
@launched(Role.CLINICIAN, Role.TRIAGE)
def end_away(session: ClinicalSession) -> ResponseReturnValue:
    """They are back."""
    same_patient(session)
    parts().practice.end_away(session, Reference(request.form.get("user", "")))
    return redirect(url_for(".away"), 303)


def _day(text: str, field: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise Incomplete("A day is missing.", fields={field: "Give a day."}) from error


def _back(work_id: str) -> str:
    return url_for(
        ".practice", whose=request.form.get("whose") or None, kind=request.form.get("kind") or None, _anchor=work_id
    )
