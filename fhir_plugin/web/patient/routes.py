"""Coming in by the link, and every way out of it. All forms work without scripts."""

from __future__ import annotations

from flask import request
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from fhir_plugin.capture.requests.link import LinkRefused
from fhir_plugin.capture.requests.page import Stage, Visit
from fhir_plugin.errors import Refused
from fhir_plugin.web.access import public
from fhir_plugin.web.patient import door as at_the_door
from fhir_plugin.web.patient.blueprint import patient, to
from fhir_plugin.web.patient.door import closed, door, show, visits, words_for
from fhir_plugin.web.patient.endings import stage_page
from fhir_plugin.web.patient.flow import (
    Page,
    read_day,
    stands_at,
)

FEW_TRIES = 2
"""From here on somebody who gets the date wrong is told how many tries are left."""


@patient.get("")
@public
def start() -> ResponseReturnValue:
    """What anybody with the link sees first; whoever passed the check goes on where they were."""
    visit = visits().open(door())
    if visit.stage is Stage.CHECK:
        words, look = words_for(visit.information)
        return at_the_door.with_cookie(show("patient/start.html", visit, words, look), visit.information)
    if visit.stage is Stage.OPEN:
        return _information_or_on(visit)
    return stage_page(visit)


def _information_or_on(visit: Visit) -> ResponseReturnValue:
    """The first page stays within reach: *Back* leads there, a link opened again goes on."""
    if request.args.get("first") is not None or not visit.said.read:
        words, look = words_for(visit.information)
        return show("patient/start.html", visit, words, look)
    return to(stands_at(visit))


@patient.route("/birth", methods=["GET", "POST"])
@public
def birth() -> ResponseReturnValue:
    """The date of birth in three fields: so that a forwarded link opens nothing (G-R123)."""
    visit = visits().open(door())
    if visit.stage is Stage.OPEN:
        return to(stands_at(visit))
    if visit.stage is not Stage.CHECK:
        return to("start")
    words, look = words_for(visit.information)
    if request.method == "GET":
        page = show("patient/birth.html", visit, words, look, errors={}, typed={})
        return at_the_door.with_cookie(page, visit.information)
    typed = {name: request.form.get(name, "").strip()[:4] for name in ("day", "month", "year")}
    said = read_day(request.form)
    if not any(typed.values()):
        error = words("birth.missing")
    elif said is None or said > at_the_door.parts().clock.now().date():
        error = words("birth.unreal")
    else:
        try:
            browser = visits().check_birth_date(door(), said)
        except LinkRefused:
            raise
        except Refused:
            left = visit.tries_left - 1
            error = words("birth.wrong", phone=visit.information.phone)
            if left <= FEW_TRIES:
                error += " " + words("birth.last", left=left)
        else:
            return at_the_door.remember(to("about"), browser, visit.information)
    problems = [{"text": error, "href": "#birth-day"}]
    page = show("patient/birth.html", visit, words, look, errors={"birth": error}, problems=problems, typed=typed)
    return page, 422


# ------------------------------------------------------------------------------------------------------------- ways out


@patient.route("/decline", methods=["GET", "POST"])
@public
def decline() -> ResponseReturnValue:
    """One tap, no reason (G-R67)."""
    if request.method == "POST":
        visits().decline(door())
        at_the_door.mark_ended()
    return to("start")


@patient.route("/call-me", methods=["GET", "POST"])
@public
def call_me() -> ResponseReturnValue:
    if request.method == "POST":
        visits().call_me(door())
        at_the_door.mark_ended()
    return to("start")


@patient.get("/done")
@public
def done() -> ResponseReturnValue:
    return to("start")


@patient.route("/withdraw", methods=["GET", "POST"])
@public
def withdraw() -> ResponseReturnValue:
    """Taking back what was sent: one page, two buttons (G-R30, G-R240)."""
    visit = visits().open(door())
    if visit.stage is not Stage.SENT:
        return to("start")
    if request.method == "POST":
        visits().withdraw(door())
        at_the_door.mark_ended()
        return to("start")
    words, look = words_for(visit.information)
    return show("patient/withdraw.html", visit, words, look)


@patient.route("/look", methods=["GET", "POST"])
@public
def change_look() -> ResponseReturnValue:
    """Bigger or easier words, another language: kept by this browser, and the same page again."""
    pressed = at_the_door.look_as_pressed()
    pressed |= {name: request.form[name] for name in ("size", "words", "language") if name in request.form}
    page = request.form.get("back", "start")
    back = page if page in {"start", "birth", *map(str, Page), "withdraw"} else "start"
    return at_the_door.remember_look(to(back), "&".join(f"{name}={value}" for name, value in pressed.items()))


@public
def nowhere() -> ResponseReturnValue:
    """A link that was cut off before its secret is one of those that open nothing."""
    return closed()


@patient.record
def without_secret(state: BlueprintSetupState) -> None:
    state.app.add_url_rule("/p/", "patient.nowhere", nowhere)


@patient.route("/<path:rest>", methods=["GET", "POST"])
@public
def elsewhere() -> ResponseReturnValue:
    """No such page: whoever has a link that works goes on with it."""
    return to("start")
