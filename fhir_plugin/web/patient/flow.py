"""The order of the pages, the questions on them, and what a form says. Nothing here decides: `visit.missing` does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fhir_plugin.capture.requests.arrive import HELPERS
from fhir_plugin.capture.requests.page import Visit
from fhir_plugin.capture.requests.request import Asked, Said
from fhir_plugin.web.patient.wording import Words
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.images import Photographer


class Page(StrEnum):
    """Each step, in its order."""

    ABOUT = "about"
    CHILD = "child"
    PRIVATE = "private"
    AGREE = "agree"
    PHOTOS = "photos"
    TAKER = "taker"
    HELPER = "helper"
    WHEN = "when"
    CHECK = "check"


QUESTIONS = (Page.CHILD, Page.PRIVATE, Page.AGREE, Page.TAKER, Page.HELPER)
"""Pages that are nothing but questions with choices."""


def pages_of(visit: Visit) -> list[Page]:
    """The steps of this visit."""
    left_out = set()
    if visit.information.asked is not Asked.PARENT:
        left_out.add(Page.CHILD)
    if visit.said.photographer not in HELPERS:
        left_out.add(Page.HELPER)
    return [page for page in Page if page not in left_out]


def _answered(page: Page, visit: Visit) -> bool:
    said = visit.said
    return {
        Page.ABOUT: bool(said.read),
        Page.CHILD: said.child_view is not None,
        Page.PRIVATE: said.private is not None,
        Page.AGREE: said.receive is not None and said.store is not None,
        Page.PHOTOS: bool(visit.pictures),
        Page.TAKER: said.photographer is not None,
        Page.HELPER: bool(said.helper_agreed),
        Page.WHEN: said.taken_on is not None,
        Page.CHECK: False,
    }[page]


def stands_at(visit: Visit) -> Page:
    """The first step that is still to be taken: where a reload, a second tab or a new day goes on."""
    optional = (Page.WHEN,)  # may be skipped, so never something to be sent back to
    return next(page for page in pages_of(visit) if page not in optional and not _answered(page, visit))


def may_see(page: Page, visit: Visit) -> bool:
    """Whether everything before this page is answered."""
    pages = pages_of(visit)
    return page in pages and pages.index(page) <= pages.index(stands_at(visit))


def after(page: Page, visit: Visit) -> Page:
    """Where *Save and go on* leads: on, past what is answered already."""
    pages = pages_of(visit)
    later = pages[pages.index(page) + 1 :] if page in pages else pages
    return next((each for each in later if not _answered(each, visit)), Page.CHECK)


def before(page: Page, visit: Visit) -> str:
    """Where *Back* leads."""
    pages = pages_of(visit)
    place = pages.index(page)
    return str(pages[place - 1]) if place else "start"


# ----------------------------------------------------------------------------------------------------------- questions


@dataclass(frozen=True)
class Asking:
    """One question with its choices; `value`: what was said before. Nothing is chosen beforehand (G-R74)."""

    name: str
    text: str
    choices: list[dict[str, Any]]
    missing: str
    value: str = ""
    hint: str = ""


_SCOPES = ("receive", "store")


def questions(page: Page, visit: Visit, words: Words) -> list[Asking]:
    """The questions of a page, in this reader's words."""
    said = visit.said
    if page is Page.CHILD:
        views = {ChildView.AGREES: "agrees", ChildView.TOO_YOUNG: "too_young", ChildView.OBJECTS: "objects"}
        choices = [{"value": str(view), "text": words(f"child.{key}")} for view, key in views.items()]
        value = str(said.child_view or "")
        return [Asking("child_view", words("child.title"), choices, words("child.missing"), value, words("child.hint"))]
    if page is Page.PRIVATE:
        choices = _yes_no(words, "private.yes", "private.no")
        value = _as_yes_no(said.private)
        return [
            Asking("private", words("private.title"), choices, words("private.missing"), value, words("private.hint"))
        ]
    if page is Page.AGREE:
        return [
            Asking(
                scope,
                words(f"agree.{scope}"),
                _yes_no(words, f"agree.{scope}_yes", f"agree.{scope}_no"),
                words(f"agree.{scope}_missing"),
                {ConsentAnswer.GIVEN: "yes", ConsentAnswer.REFUSED: "no"}.get(
                    getattr(said, scope) or ConsentAnswer.NOT_ASKED, ""
                ),
                words("agree.store_hint") if scope == "store" else "",
            )
            for scope in _SCOPES
        ]
    if page is Page.TAKER:
        takers = (
            Photographer.PATIENT,
            Photographer.PARENT,
            Photographer.FAMILY_CARER,
            Photographer.CARE_WORKER,
            Photographer.OTHER,
        )
        if visit.information.asked is Asked.PARENT:
            takers = (takers[1], takers[0], *takers[2:])
        choices = [{"value": str(taker), "text": words(f"taker.{taker}")} for taker in takers]
        title = title_of(page, visit)
        value = str(said.photographer or "")
        return [
            Asking("photographer", words(title), choices, words("taker.missing"), value, words("taker.worker_hint"))
        ]
    if page is Page.HELPER:
        choices = _yes_no(words, "taker.agreed_yes", "taker.agreed_no")
        return [
            Asking(
                "helper_agreed",
                words("taker.agreed"),
                choices,
                words("taker.agreed_missing"),
                _as_yes_no(said.helper_agreed),
            )
        ]
    raise KeyError(page)


def _yes_no(words: Words, yes: str, no: str) -> list[dict[str, Any]]:
    return [{"value": "yes", "text": words(yes)}, {"value": "no", "text": words(no)}]


def _as_yes_no(said: bool | None) -> str:
    return "" if said is None else ("yes" if said else "no")


def title_of(page: Page, visit: Visit) -> str:
    """The key of a page's title."""
    if page in (Page.PHOTOS, Page.TAKER) and visit.details is not None and visit.details.most_pictures == 1:
        return f"{page}.title_one"
    return {Page.HELPER: "taker.agreed"}.get(page, f"{page}.title")


def read(asked: list[Asking], form: Mapping[str, str]) -> tuple[Said, dict[str, str]]:
    """What a form says, and what it leaves open: field > words. Anything that was not offered is not an answer."""
    said: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for each in asked:
        value = form.get(each.name, "")
        if value in {choice["value"] for choice in each.choices}:
            said[each.name] = _meaning(each.name, value)
        else:
            errors[each.name] = each.missing
    return Said(**said), errors


def _meaning(name: str, value: str) -> object:
    if name == "child_view":
        return ChildView(value)
    if name == "photographer":
        return Photographer(value)
    if name in _SCOPES:
        return ConsentAnswer.GIVEN if value == "yes" else ConsentAnswer.REFUSED
    return value == "yes"


def read_day(form: Mapping[str, str]) -> dt.date | None:
    """A day from three fields, however it was typed; None where it is no day."""
    typed = [form.get(name, "").strip() for name in ("day", "month", "year")]
    if not all(each.isascii() and each.isdigit() and len(each) <= 4 for each in typed):
        return None
    day, month, year = (int(each) for each in typed)
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------------- looking it over


@dataclass(frozen=True)
class Row:
    """One answer as it will be sent, and the page where it can be changed."""

    what: str
    answer: str
    page: str


def rows(visit: Visit, words: Words) -> list[Row]:
    """What was said, to be looked over."""
    said = visit.said
    found = []
    for page in pages_of(visit):
        if page in QUESTIONS:
            for each in questions(page, visit, words):
                chosen = next((str(one["text"]) for one in each.choices if one["value"] == each.value), "")
                what = each.text if page is not Page.AGREE else words(f"check.{each.name}")
                found.append(Row(what, chosen, str(page)))
        elif page is Page.WHEN:
            day = words.day(said.taken_on) if said.taken_on else words("when.unknown")
            found.append(Row(words("when.title"), day, str(page)))
    return found
