"""The patient's steps: information, questions, the day, and looking it all over before *Send*.

What is answered is kept at once; a page that cannot be now leads to the one that can.
"""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from fhir_plugin.capture.requests.page import Stage, Visit
from fhir_plugin.capture.requests.request import Said
from fhir_plugin.capture.requests.saying import MOST_NOTES
from fhir_plugin.web.access import public
from fhir_plugin.web.patient import door as at_the_door
from fhir_plugin.web.patient.blueprint import here, patient, shown_picture, to
from fhir_plugin.web.patient.door import door, show, visits, words_for
from fhir_plugin.web.patient.flow import (
    QUESTIONS,
    Page,
    after,
    before,
    questions,
    read,
    read_day,
    rows,
    title_of,
)
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.images import Photographer


@patient.route("/about", methods=["GET", "POST"])
@public
def about() -> ResponseReturnValue:
    """Who asks, for what, why, and what happens to it: before anything is asked (G-R3, G-R18 to G-R28)."""
    visit = here(Page.ABOUT)
    if not isinstance(visit, Visit):
        return visit
    if request.method == "POST":
        visit = visits().say(door(), Said(read=True))
        return to(after(Page.ABOUT, visit))
    words, look = words_for(visit.information)
    return show("patient/about.html", visit, words, look)


def _question(page: Page) -> ResponseReturnValue:
    visit = here(page)
    if not isinstance(visit, Visit):
        return visit
    words, look = words_for(visit.information)
    asked = questions(page, visit, words)
    errors: dict[str, str] = {}
    if request.method == "POST":
        said, errors = read(asked, request.form)
        if not errors:
            return _say(page, said)
    private_allowed = page is Page.PRIVATE and visit.details is not None and visit.details.private_allowed
    shown = show(
        "patient/question.html",
        visit,
        words,
        look,
        page=str(page),
        title=title_of(page, visit),
        previous=before(page, visit),
        questions=[_as_typed(each, request.form.get(each.name)) for each in asked],
        note=words("private.allowed") if private_allowed else "",
        errors=errors,
        problems=[{"text": text, "href": f"#{name}"} for name, text in errors.items()],
    )
    return shown, 422 if errors else 200


def _as_typed(asked: Any, typed: str | None) -> dict[str, Any]:
    return {**vars(asked), "value": asked.value if typed is None else typed}


def _say(page: Page, said: Said) -> ResponseReturnValue:
    """Keeps the answer. What must be talked about first ends here, kindly, before a byte was sent (G-R5, G-R106)."""
    visit = visits().say(door(), said)
    if visit.stage is not Stage.OPEN:
        at_the_door.mark_ended(_why_stopped(said))
        return to("start")
    return to(after(page, visit))


def _why_stopped(said: Said) -> str:
    if said.private:
        return "private"
    if said.child_view is ChildView.OBJECTS:
        return "child"
    if said.photographer is Photographer.CARE_WORKER:
        return "worker"
    if said.helper_agreed is False:
        return "unhappy"
    return "receive" if said.receive is ConsentAnswer.REFUSED else ""


def _add_questions() -> None:
    for page in QUESTIONS:

        def view(page: Page = page) -> ResponseReturnValue:
            return _question(page)

        patient.add_url_rule(f"/{page}", str(page), public(view), methods=["GET", "POST"])


_add_questions()


@patient.route("/when", methods=["GET", "POST"])
@public
def when() -> ResponseReturnValue:
    """The day that it was taken, if they know: an image of a child stays one whenever it is sent (G-R115)."""
    visit = here(Page.WHEN)
    if not isinstance(visit, Visit):
        return visit
    words, look = words_for(visit.information)
    errors: dict[str, str] = {}
    typed = {name: request.form.get(name, "").strip()[:4] for name in ("day", "month", "year")}
    typed["when"] = request.form.get("when", "")
    today = at_the_door.parts().clock.now().date()
    if request.method == "POST":
        day = {"today": today, "other": read_day(request.form)}.get(typed["when"])
        if typed["when"] not in ("today", "other", "unknown"):
            errors["when"] = words("when.missing")
        elif typed["when"] == "other" and (day is None or day > today or day.year < 1900):
            errors["taken"] = words("when.unreal")
        else:
            if day is not None:
                visit = visits().say(door(), Said(taken_on=day))
            return to(after(Page.WHEN, visit))
    elif visit.said.taken_on:
        taken = visit.said.taken_on
        typed = {"when": "today" if taken == today else "other", "day": "", "month": "", "year": ""}
        if taken != today:
            typed |= {"day": str(taken.day), "month": str(taken.month), "year": str(taken.year)}
    shown = show(
        "patient/when.html",
        visit,
        words,
        look,
        title="when.title_one" if visit.details and visit.details.most_pictures == 1 else "when.title",
        previous=before(Page.WHEN, visit),
        typed=typed,
        errors=errors,
        problems=[
            {"text": text, "href": "#taken-day" if name == "taken" else f"#{name}"} for name, text in errors.items()
        ],
    )
    return shown, 422 if errors else 200


@patient.route("/check", methods=["GET", "POST"])
@public
def check() -> ResponseReturnValue:
    """Everything once more; *Send* is the only button that sends (G-R16)."""
    visit = here(Page.CHECK)
    if not isinstance(visit, Visit):
        return visit
    words, look = words_for(visit.information)
    errors: dict[str, str] = {}
    notes = request.form.get("notes", visit.said.notes).replace("\r\n", "\n")
    if request.method == "POST" and len(notes.strip()) > MOST_NOTES:
        errors["notes"] = words("check.notes_long", most=MOST_NOTES)
    elif request.method == "POST":
        if request.form.get("only_area") == "yes":
            visits().say(door(), Said(only_area=True, notes=notes.strip()))
            visits().confirm(door())
            return to("start")
        visits().say(door(), Said(notes=notes.strip()))
        errors["only_area"] = words("check.only_area_missing")
    shown = show(
        "patient/check.html",
        visit,
        words,
        look,
        rows=rows(visit, words),
        pictures=[shown_picture(each) for each in visit.pictures],
        previous=before(Page.CHECK, visit),
        notes=notes,
        most_notes=MOST_NOTES,
        only_area=request.form.get("only_area") == "yes" or (bool(visit.said.only_area) and not errors),
        errors=errors,
        problems=[{"text": text, "href": f"#{name}"} for name, text in errors.items()],
    )
    return shown, 422 if errors else 200
