"""The patient's side of every request: who stands at the door, in which language, and what the browser may keep.

The address of a page holds the link's secret and nothing else; pages are framed by nobody, kept nowhere and named to
nobody. Somebody whom we do not know, or whose link is over, gets one and the same page: see `closed`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from flask import Response, current_app, g, make_response, render_template, request, session, url_for

from fhir_plugin.capture.requests.link import has_browser
from fhir_plugin.capture.requests.page import Information, Picture, Visit
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import Asked
from fhir_plugin.policy.choices import PersonalDevice, SecondaryUse
from fhir_plugin.policy.contents import GuidanceLink, PolicyPack
from fhir_plugin.ports import Clock
from fhir_plugin.web.patient.wording import FIRST, Languages, Words, shipped
from mappings.model.identifiers import ImageId
from mappings.model.images import Geometry

COOKIE = "__Secure-visit"
LOOK = "__Secure-look"
_A_YEAR = 365 * 24 * 3600
_AUDIENCE = {Asked.PATIENT: "", Asked.PARENT: "parent", Asked.COMPETENT_CHILD: "young"}


class VisitsDoor(Protocol):
    """What the pages need of `fhir_plugin.capture.requests.visit.Visits`."""

    def open(self, door: Door) -> Visit: ...
    def new_browser(self) -> str: ...
    def check_birth_date(self, door: Door, said: dt.date) -> str: ...
    def decline(self, door: Door, words: str = "") -> None: ...
    def call_me(self, door: Door, words: str = "") -> None: ...
    def say(self, door: Door, said: Any) -> Visit: ...
    def add_picture(self, door: Door, content: bytes, declared_type: str) -> Picture: ...
    def remove_picture(self, door: Door, image_id: ImageId) -> None: ...
    def edit(self, door: Door, image_id: ImageId, geometry: Geometry) -> Picture: ...
    def thumbnail(self, door: Door, image_id: ImageId) -> tuple[bytes, str]: ...
    def preview(self, door: Door, image_id: ImageId, *, quarter_turns: int = 0) -> bytes: ...
    def confirm(self, door: Door) -> Visit: ...
    def withdraw(self, door: Door) -> Visit: ...


class PatientParts(Protocol):
    @property
    def visits(self) -> VisitsDoor: ...
    @property
    def policy(self) -> PolicyPack: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True)
class Practice:
    """Whom to ring. `name` empty: not known, because the link is not."""

    name: str
    phone: str
    privacy_url: str = ""
    privacy_version: str = ""
    emergency: str = ""


@dataclass(frozen=True)
class Look:
    """How this browser wants its pages: what was needed when the request was made, until somebody presses otherwise."""

    large: bool
    easy: bool
    has_easy: bool
    others: Mapping[str, str]
    page: str


def parts() -> PatientParts:
    return cast(PatientParts, current_app.extensions["fhir_plugin"])


def visits() -> VisitsDoor:
    return parts().visits


def languages() -> Languages:
    """The languages of this app: those that are shipped, unless the app was given others."""
    return cast(Languages, current_app.extensions.get("patient_languages") or shipped())


def door() -> Door:
    """Who asks."""
    return Door(_secret(), request.cookies.get(COOKIE, ""), request.remote_addr or "")


def keep_secret(secret: str) -> None:
    """The secret of this request's path, for `door` and `at`."""
    g.patient_secret = secret


def _secret() -> str:
    return str(g.get("patient_secret", ""))


def at(page: str, **values: Any) -> str:
    """The address of one page below this link."""
    return url_for(f"patient.{page}", secret=_secret(), **values)


# ------------------------------------------------------------------------------------------------- what is remembered


def remember(response: Response, browser: str, information: Information) -> Response:
    """This browser's own cookie. Lax, not Strict: a link that is opened twice from a mail page still knows it."""
    left = information.expires - parts().clock.now() + information.policy.withdraw_window + dt.timedelta(days=1)
    response.set_cookie(
        COOKIE,
        browser,
        max_age=max(60, int(left.total_seconds())),
        path=_path(),
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


def with_cookie(page: str, information: Information) -> Response:
    """The page, and with it the cookie for a browser that has none: before the check, so that it outlives an answer
    that is lost. Nothing changes on the server, for messengers fetch pages, too."""
    response = make_response(page)
    return response if has_browser(door()) else remember(response, visits().new_browser(), information)


def remember_look(response: Response, value: str) -> Response:
    """Size, words and language, as pressed."""
    response.set_cookie(LOOK, value, max_age=_A_YEAR, path="/p/", secure=True, httponly=True, samesite="Lax")
    return response


def _path() -> str:
    return urlsplit(at("start")).path


def look_as_pressed() -> dict[str, str]:
    """What was pressed on this browser; what it does not know is left out."""
    known = {"size": ("large", "usual"), "words": ("easy", "usual"), "language": tuple(languages().tags)}
    pressed = dict(each.split("=", 1) for each in request.cookies.get(LOOK, "").split("&") if "=" in each)
    return {name: value for name, value in pressed.items() if value in known.get(name, ())}


def mark_ended(why: str = "") -> None:
    """This browser ended it: it may see how, whether or not it had passed the check."""
    session["ended"] = [*session.get("ended", []), _mark()][-5:]
    session["stopped"] = [_mark(), why]


def ended_here(visit: Visit) -> bool:
    return visit.mine or _mark() in session.get("ended", [])


def stopped_here() -> str:
    """Why this browser's visit was stopped, as a section of the words; empty for any other end."""
    mark, why = session.get("stopped") or ("", "")
    return str(why) if mark == _mark() else ""


def _mark() -> str:
    """Of this link, for this browser's own cookie: says nothing to anybody else."""
    return _secret()[:12]


# ------------------------------------------------------------------------------------------------------------- pages


def words_for(information: Information | None) -> tuple[Words, Look]:
    """The words for who was asked, in the language that they need, else the one that they pressed or the browser's."""
    pressed = look_as_pressed()
    known = languages()
    needs = information.needs if information else None
    wanted = [pressed.get("language", ""), needs.language if needs else ""]
    tag = known.choose([each for each in wanted if each], [tag for tag, _ in request.accept_languages])
    easy = _pressed(pressed.get("words"), "easy", needs is not None and needs.easy_read)
    look = Look(
        large=_pressed(pressed.get("size"), "large", needs is not None and needs.large_print),
        easy=easy,
        has_easy=known.has_easy(tag),
        others={each: name for each, name in known.names().items() if each != tag},
        page=(request.endpoint or "").removeprefix("patient."),
    )
    audience = _AUDIENCE[information.asked] if information else ""
    return known.words(tag, audience=audience, easy=easy), look


def _pressed(value: str | None, name: str, needed: bool) -> bool:
    return needed if value is None else value == name


def show(template: str, visit: Visit, words: Words, look: Look, **values: Any) -> str:
    """One page of somebody's link."""
    information = visit.information
    policy = information.policy
    practice = Practice(
        information.practice,
        information.phone,
        **privacy_of(policy),
        emergency=said_by(policy, "not_for_emergencies") if own_words(words) else "",
    )
    return _render(template, words, look, practice, visit=visit, asked=asked(visit, words), **values)


def closed() -> Response:
    """The page for a link that opens nothing: unknown, expired, cancelled, replaced or used up, all alike.

    Alike, because whoever guesses or finds a link must not learn whether a practice ever asked somebody; the patient
    needs the same in every case: it is not your fault, ring us. So the number here is the installation's own.
    """
    words, look = words_for(None)
    policy, phone = parts().policy, installation_phone()
    practice = Practice(words("every.practice"), phone, **privacy_of(policy))
    what = words("closed.what", phone=phone) if phone else words("closed.what_unknown")
    look = replace(look, page="start")  # the same bytes, wherever below the link somebody is
    return said(words, look, practice, words("closed.title"), [words("closed.why"), what], 404)


def installation_phone() -> str:
    """The number for whoever cannot be told which practice asked; empty where the pack has none."""
    return said_by(parts().policy, "telephone")


def said(
    words: Words,
    look: Look,
    practice: Practice,
    title: str,
    texts: list[str],
    status: int = 200,
    **values: Any,
) -> Response:
    """A calm page with nothing to fill in."""
    page = _render("patient/said.html", words, look, practice, title=title, texts=texts, **values)
    return make_response(page, status)


def practice_of(visit: Visit) -> Practice:
    information = visit.information
    return Practice(information.practice, information.phone, **privacy_of(information.policy))


def privacy_of(policy: PolicyPack) -> dict[str, str]:
    """The organisation's privacy notice and its version, where the pack names them (G-R12, G-R15)."""
    names = {"privacy_url": "privacy_notice_url", "privacy_version": "privacy_notice_version"}
    return {ours: said_by(policy, theirs) for ours, theirs in names.items()}


def _render(template: str, words: Words, look: Look, practice: Practice, **values: Any) -> str:
    # Whatever happens after a button of the look: the same page again, unless that page only takes forms.
    return render_template(
        template, w=words, look=look, practice=practice, at=partial(at), look_at=at("change_look"), **values
    )


# -------------------------------------------------------------------------------------------------------- in our words


@dataclass(frozen=True)
class Question:
    """What the practice asks for, as the page says it. Before the check only `looked_at` is known."""

    looked_at: str
    expires: dt.datetime
    who: str = ""
    area: str = ""
    why: str = ""
    alternatives: str = ""
    most: int = 1
    private_allowed: bool = False
    kept_for: str = ""
    more: tuple[str, ...] = ()
    """The organisation's own words, where they are in the page's language."""
    leaflets: tuple[GuidanceLink, ...] = ()
    foreign: str = ""
    """The language of what the pack says, where the page has another one."""


def asked(visit: Visit, words: Words) -> Question:
    """The request in the words of its page."""
    information, details = visit.information, visit.details
    looked_at = within(words, information.look_within)
    if details is None:
        return Question(looked_at, information.expires)
    own = own_words(words)
    return Question(
        looked_at,
        information.expires,
        who=words("about.who_asks", practice=information.practice),
        area=details.area,
        why=details.purpose,
        alternatives=details.alternatives,
        most=details.most_pictures,
        private_allowed=details.private_allowed,
        kept_for=kept_for(information.policy, child=details.child, own=own),
        leaflets=leaflets(information.policy, information.asked),
        foreign="" if own else FIRST,
        more=organisations_words(information.policy, parent=information.asked is Asked.PARENT) if own else (),
    )


def within(words: Words, time: dt.timedelta) -> str:
    """How soon we look: in hours up to two days, then in days."""
    hours = max(1, round(time.total_seconds() / 3600))
    if hours == 1:
        return words("every.within_hour")
    if hours <= 48:
        return words("every.within_hours", hours=hours)
    return words("every.within_days", days=round(hours / 24))


def own_words(words: Words) -> bool:
    """Whether the pack's own words are in the page's language: packs are written in the first one."""
    return words.tag.split("-", 1)[0] == "en"


def said_by(policy: PolicyPack, name: str) -> str:
    """What the pack says under `wording`; empty where it says nothing."""
    return str(getattr(policy.wording, name)).strip()


def organisations_words(policy: PolicyPack, *, parent: bool) -> tuple[str, ...]:
    """What the pack says about a photo, in full: also who sees it and how it is kept and destroyed (G-R6, G-R14)."""
    names = ["who_sees", "kept_only_if", "storage_and_deletion", "record_kept", "purpose", "code_of_conduct"]
    names += ["face_to_face", "other_routes", "no_pressure", "no_effect_on_care", "only_area", "private_first"]
    names += ["safe_sending", "copies", "withdraw"]
    if policy.secondary_explained and policy.secondary_use is not SecondaryUse.NEVER:
        names.append("secondary_use")
    if policy.personal_device is not PersonalDevice.FORBIDDEN:
        names.append("own_device")
    texts = [said_by(policy, name) for name in [*(["parents"] if parent else []), *names, "emergency"]]
    return tuple(text for text in texts if text)


def kept_for(policy: PolicyPack, *, child: bool, own: bool) -> str:
    """How long an image is kept, as the pack tells patients (X17, G-R24). `own`: the page has the pack's language;
    in another one it is said only where the pack asks for that: better in English than not at all."""
    return policy.told_how_long(child=child) if own or policy.retention_text_required else ""


_READS = {
    Asked.PATIENT: ("patient", "carer"),
    Asked.COMPETENT_CHILD: ("patient",),
    Asked.PARENT: ("parent",),
}
"""Whoever helps a patient with the photo reads on the patient's page, and a child's page is the child's alone."""


def leaflets(policy: PolicyPack, asked_of: Asked) -> tuple[GuidanceLink, ...]:
    """What the pack gives these readers to read (G-R33)."""
    return tuple(each for each in policy.guidance if each.audience in _READS[asked_of])


_REFUSED = {
    "video": "video",
    "too-large": "too_large",
    "too-many-bytes": "too_large",
    "too-many-pixels": "too_large",
    "damaged": "damaged",
    "truncated": "damaged",
    "empty-file": "damaged",
    "too-many-images": "full",
    "not-an-image": "not_picture",
    "executable": "not_picture",
    "archive": "not_picture",
    "pdf": "not_picture",
    "svg": "not_picture",
    "text": "not_picture",
}


def refused_in_words(words: Words, code: str) -> str:
    """Why a file cannot be added, and what to do."""
    return words(f"refused.{_REFUSED.get(code, 'other')}")
