"""The register: what is hidden, destroyed and proven, destroyed and not proven, or held; searches; the audit chain."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.delete.register import Entry, Found, Part
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import ChainReport
from fhir_plugin.web.access import launched
from fhir_plugin.web.deleting import words as said
from fhir_plugin.web.deleting.places import WATCHERS, guarding, list_page, of_a_list, offices
from fhir_plugin.web.disclosing.leaves import leaf
from mappings.model.deletion import CertificateNumber
from mappings.model.people import ClinicalSession, Role

MOST: Final = 50
"""Entries on one page."""

PARTS: Final[Mapping[Part, tuple[str, str]]] = MappingProxyType(
    {
        Part.HIDDEN: ("Hidden", "Gone from ordinary view. Nothing of it has been destroyed."),
        Part.NOT_PROVEN: (
            "Destroyed, not proven",
            "Something remains, or a place could not be looked at. Each says what to ask of whom.",
        ),
        Part.HELD: ("Held", "Nothing of it is destroyed while something forbids it."),
        Part.PROVEN: ("Destroyed and proven", "Every place that this app can ask was looked at, and nothing found."),
        Part.UNDER_WAY: ("Under way", "Asked for, approved, or being destroyed now."),
        Part.NOT_DESTROYED: ("Not destroyed", "Refused, taken back, or asked for by mistake."),
    }
)
"""In the order in which somebody has to act."""


@guarding.get("/register")
@launched(*WATCHERS)
def register(session: ClinicalSession) -> ResponseReturnValue:
    """Everything at this EHR, a part at a time."""
    asked = request.args.get("part", "")
    part = Part(asked) if asked in set(Part) else Part.NOT_PROVEN
    return _page(session, offices().register.whole(session), part)


def _page(
    session: ClinicalSession,
    found: Found,
    part: Part | None,
    *,
    searched: str = "",
    problems: Mapping[str, str] = MappingProxyType({}),
    chain: ChainReport | None = None,
) -> Response:
    """`part` None: all of what was found, as the answer to a search."""
    entries = found.entries if part is None else found.of(part)
    hidden = found.hidden if part in (None, Part.HIDDEN) else ()
    size = max(len(entries) + len(hidden), 1) if part is None else MOST
    entries_leaf = leaf([Line(each) for each in entries], request.args.get("page"), size)
    hidden_leaf = leaf(hidden, request.args.get("page"), size)
    page = list_page(
        "register.html",
        session,
        counts=[(each, PARTS[each][0], found.count(each)) for each in Part] if part is not None else [],
        part=part,
        means=PARTS[part][1] if part is not None else "",
        leaf=entries_leaf,
        hidden_leaf=hidden_leaf,
        pages=hidden_leaf if part is Part.HIDDEN else entries_leaf,
        said=said,
        names={each: PARTS[each][0] for each in Part},
        searched=searched,
        problems=problems,
        typed=request.form,
        changes=Role.PRIVACY_OFFICER in session.user.roles,
        chain=chain,
    )
    return make_response(page, 422 if problems else 200)


class Line:
    """One image of a request as the register shows it; what `deleting/_parts.html` tells of its end."""

    def __init__(self, entry: Entry) -> None:
        self.case, self.item, self.last = entry.case, entry.item, entry.last
        self.part = entry.part
        self.number = next(n for n, each in enumerate(entry.case.items, start=1) if each.id == entry.item.id)
        self.state = said.STATES[entry.item.state][0]
        self.why = said.REASONS[entry.case.reason][0]
        self.places = said.places_of(entry.item)

    @property
    def to_ask(self) -> str:
        """What to ask of whom, as text to be copied into a letter: no name and no title in it."""
        proof = self.item.proof
        if proof is None:
            return ""
        remains = [f"{name}: {', '.join(each.found)}" for name, each in self.places if each.found]
        unasked = [f"{name}: not looked at" for name, each in self.places if each.unasked]
        return "\n".join((*proof.ask, *remains, *unasked))


@guarding.post("/register/search")
@launched(*WATCHERS)
def search(session: ClinicalSession) -> ResponseReturnValue:
    """By NHS number, day or certificate number. The answer comes with the POST: no address ever holds a number."""
    of_a_list(session)
    by, text = request.form.get("by", ""), " ".join(request.form.get("text", "").split())
    offices_register = offices().register
    if by == "certificate":
        number = CertificateNumber(text.replace(" ", "").upper())
        try:
            offices_register.certificate(session, number)
        except NotFound:
            return _wrong(session, "There is no certificate of this number at this EHR. Check what was typed.")
        return redirect(url_for(".certificate", number=number), 303)
    if by == "day":
        day = _day(text)
        if day is None:
            return _wrong(session, "Give the day as day, month and year, such as 23 11 2026.")
        return _page(session, offices_register.on(session, day), None, searched=f"{day.day} {day:%B} {day.year}")
    number_typed = text.replace(" ", "").replace("-", "")
    if by != "nhs-number" or not re.fullmatch(r"\d{10}", number_typed, re.ASCII):
        return _wrong(session, "An NHS number has ten digits.")
    found = offices_register.of_nhs_number(session, number_typed)
    return _page(session, found, None, searched="this NHS number")


def _wrong(session: ClinicalSession, problem: str) -> Response:
    return _page(session, Found((), ()), None, problems={"text": problem})


def _day(text: str) -> dt.date | None:
    if found := re.fullmatch(r"(\d{1,2})[ ./-](\d{1,2})[ ./-](\d{4})", text, re.ASCII):
        text = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}"
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


@guarding.post("/register/chain")
@launched(*WATCHERS)
def chain(session: ClinicalSession) -> ResponseReturnValue:
    """Looks at the whole audit chain now."""
    of_a_list(session)
    report = offices().register.chain(session)
    return _page(session, offices().register.whole(session), Part.NOT_PROVEN, chain=report)
