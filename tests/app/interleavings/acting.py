"""What people do in the world, with what must come of it: each act asks the app and judges the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from werkzeug.test import TestResponse

from fhir_plugin.walkthrough import answers_for
from tests.app.interleavings.browsers import CSRF_COOKIE, Browser, World
from tests.app.interleavings.ehr import UNKNOWN, Ehr
from tests.app.interleavings.model import PENDING, Capture, Page, Pending, Session, Sure
from tests.app.interleavings.people import Person, Staff
from tests.fakes.worker import picture

Action = Literal[
    "begin",
    "upload",
    "answers",
    "discard-image",
    "keep",
    "edit",
    "discard",
    "file",
    "resume",
    "reveal",
    "stay",
    "sign-out",
]
ACTIONS: tuple[Action, ...] = (
    "begin",
    "upload",
    "answers",
    "discard-image",
    "keep",
    "edit",
    "discard",
    "file",
    "resume",
    "reveal",
    "stay",
    "sign-out",
)
FREE: frozenset[Action] = frozenset({"begin", "reveal", "stay", "sign-out"})
"""What needs no capture."""
FOR_ALL: frozenset[Action] = frozenset({"stay", "sign-out"})
"""What everybody with a session may do, whatever their role."""
TROUBLED = frozenset({401, 502, 503, 504})
"""What the app may answer when its EHR is unhelpful."""


class Acting:
    """The acts of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.confirming: Capture | None = None
        self._sessions_before = 0

    @contextmanager
    def step(self) -> Iterator[None]:
        """One act, and what holds after each: every write was wanted, for the patient of its launch, by its user."""
        world = self.world
        written = {name: len(ehr.record.writes) for name, ehr in world.ehrs.items()}
        for ehr in world.ehrs.values():
            ehr.strained = False
        self.confirming = None
        yield
        for name, ehr in world.ehrs.items():
            for write in ehr.record.writes[written[name] :]:
                key = (name, write.access.person.id, write.access.user.id)
                wanted = [each for each in world.captures.values() if each.confirmed or each is self.confirming]
                if write.capture is None:
                    right = any(each.key == key for each in wanted)
                else:
                    right = any(each.id == write.capture and each.key == key for each in wanted)
                if not right:
                    world.findings.append(f"{write.reference} was written at {name}, and nobody asked for it")
                world.tally["resources written"] += 1
            ehr.record.settle()

    def writes(self) -> int:
        return sum(len(ehr.record.writes) for ehr in self.world.ehrs.values())

    def finding(self, holds: bool, says: str) -> None:
        if not holds:
            self.world.findings.append(says)

    # ------------------------------------------------------------------------------------------ way in

    def launch(self, browser: Browser, ehr: Ehr, person: Person, user: Staff, *, standalone: bool) -> Pending | None:
        """Opens the app from a chart, or by its own address; the browser now stands at the EHR's sign-in."""
        path = f"/standalone/{ehr.name}" if standalone else f"/launch?{ehr.chart(person, user)}"
        reply = browser.ask("GET", path)
        if ehr.strained:
            self.finding(reply.status_code in {303, 502, 503, 504}, f"a launch at a troubled EHR: {reply.status_code}")
        else:
            self.finding(reply.status_code == 303, f"a launch: {reply.status_code}")
        if reply.status_code != 303:
            return None
        url = reply.headers["Location"]
        state = parse_qs(urlsplit(url).query)["state"][0]
        self.finding(all(each.state != state for each in self.world.pendings), "a state was given out twice")
        assert browser.binding is not None
        pending = Pending(ehr, state, url, browser.binding, self.world.now, person, user, standalone)
        self.world.pendings.append(pending)
        return pending

    def unknown(self, browser: Browser) -> None:
        """A launch from an EHR that nobody registered: refused, and nobody is asked."""
        before = self.world.network.sent
        reply = browser.ask("GET", "/launch?" + urlencode({"iss": UNKNOWN, "launch": "handle"}))
        self.finding(reply.status_code in (400, 403), f"an unknown issuer: {reply.status_code}")
        self.finding(self.world.network.sent == before, "an unknown issuer was asked")
        self.world.tally["unknown issuer refused"] += 1

    def sign_in(self, pending: Pending, person: Person, user: Staff) -> dict[str, str]:
        """At the EHR. Without a chart, somebody chooses the patient there."""
        chooses = (person, user) if pending.standalone else None
        made, brings = pending.ehr.authorize(pending.authorize, chooses=chooses)
        pending.made.append((made, brings))
        return brings

    def come_back(self, browser: Browser, brings: dict[str, str]) -> Session | None:
        """The callback in this browser. What must come of it follows from what the world knows."""
        world = self.world
        pending = next((each for each in world.pendings if each.state == brings.get("state")), None)
        expected = self._may_exchange(browser, pending, brings)
        exchanges = {name: ehr.exchanges for name, ehr in world.ehrs.items()}
        traded = {name: len(ehr.traded) for name, ehr in world.ehrs.items()}
        spent = pending.spent if pending else False
        reply = browser.ask("GET", "/callback?" + urlencode(brings), about=None)
        tried = [name for name, ehr in world.ehrs.items() for _ in range(ehr.exchanges - exchanges[name])]
        new = [made for name, ehr in world.ehrs.items() for made in ehr.traded[traded[name] :]]
        if pending is not None and browser.binding is not None:
            pending.touched = True
        strained = pending.ehr.strained if pending else False
        self.finding(expected != "no" or not tried, f"a code was sent that must not be: {brings.keys()}")
        self.finding(expected != "yes" or strained or len(tried) == 1, f"{len(tried)} exchanges instead of one")
        self.finding(not tried or pending is None or tried == [pending.ehr.name], "a code went to another EHR")
        if tried and pending is not None:
            pending.spent = True
        if reply.status_code != 303:
            self._refused(browser, pending, reply, expected=expected, spent=spent, traded=bool(new))
            return None
        right = pending is not None and len(new) == 1 and any(made is new[0] for made, _ in pending.made)
        self.finding(right, "a session began without its own exchange")
        if not right or pending is None or browser.binding is None:
            return None
        self.finding(bool(new[0].user.job), "somebody without a role came in")
        path = urlsplit(reply.headers["Location"]).path
        session = Session(
            path.split("/")[2],
            pending.ehr,
            new[0].person,
            new[0].user,
            browser.binding,
            world.now,
            world.idle,
            world.longest,
        )
        self.finding(path.startswith(f"/l/{session.launch}/"), f"a callback ends at {path}")
        self.finding(world.session_of(session.launch) is None, "a launch id was given out twice")
        session.doubtful = strained
        for other in world.sessions:  # a shared computer: nobody works under the name of who was there before
            same_place = other.binding == session.binding and other.ehr is session.ehr
            other.signed_out |= same_place and other.user != session.user
        world.sessions.append(session)
        world.tally["callback accepted"] += 1
        return session

    def _may_exchange(self, browser: Browser, pending: Pending | None, brings: dict[str, str]) -> Sure:
        if pending is None or pending.spent or browser.binding != pending.binding:
            return "no"
        if self.world.now >= pending.begun + PENDING or "code" not in brings or "error" in brings:
            return "no"
        named = brings.get("iss")
        if named != pending.ehr.login and (named is not None or pending.ehr.names_issuer):
            return "no"
        return "maybe" if pending.touched else "yes"

    def _refused(
        self,
        browser: Browser,
        pending: Pending | None,
        reply: TestResponse,
        *,
        expected: Sure,
        spent: bool,
        traded: bool,
    ) -> None:
        tally = self.world.tally
        if pending is None:
            tally["callback refused: no such state"] += 1
        elif spent:
            tally["callback refused: replay"] += 1
        elif browser.binding is None:
            tally["callback refused: no cookie"] += 1
        elif browser.binding != pending.binding:
            tally["callback refused: another browser"] += 1
        elif self.world.now >= pending.begun + PENDING:
            tally["callback refused: late"] += 1
        elif expected == "no":
            tally["callback refused: error or another issuer"] += 1
        elif pending.ehr.strained:
            tally["callback refused: EHR in trouble"] += 1
        elif traded:
            whose = [made.user.job for made, _ in pending.made if made.traded]
            self.finding(reply.status_code == 403 and "" in whose, f"a sign-in was thrown away: {reply.status_code}")
            tally["callback refused: no role"] += 1
        else:
            own = any(not made.used for made, _ in pending.made)
            self.finding(not own or expected == "maybe" or pending.spent, f"a callback: {reply.status_code}")
            tally["callback refused: the code was not for it"] += 1

    # ------------------------------------------------------------------------------------------ pages

    def see(
        self, browser: Browser, session: Session, path: str, capture: Capture | None, *, whose: bool
    ) -> Page | None:
        """A page of a launch. `whose`: whether what the path names belongs to this launch's patient and user."""
        world = self.world
        sure = session.usable(browser.binding, world.now)
        before = self.writes()
        reply = browser.ask("GET", f"/l/{session.launch}{path}", about=session if sure != "no" else None)
        if path != "/session":  # asking how long is left is no use of it
            session.used(sure, world.now)
        session.doubtful |= session.ehr.strained and sure != "no"
        status = reply.status_code
        self.finding(self.writes() == before, f"looking at {path} wrote")
        if sure == "no":
            self.finding(status == 401, f"a page without a session: {status}")
            own = browser.binding == session.binding
            what = session.why_over(world.now) if own and session.expired(world.now) else "not its browser"
            world.tally[f"page refused: {'signed out' if session.signed_out else what}"] += 1
            return None
        if status == 401 and (sure == "maybe" or session.doubtful):
            world.tally["page refused: sign-in ended"] += 1
            return None
        if not session.clinician and path not in ("/session", "/enter", "/home"):
            self.finding(status == 403, f"a page for a clinician: {status}")
            return None
        if not whose:
            self.finding(
                status == 404 or (session.doubtful and status in TROUBLED), f"a page of somebody else: {status}"
            )
            world.tally["page refused: of another launch"] += 1
            return None
        fine = status in (200, 303) or (status in TROUBLED and session.doubtful)
        fine = fine or (capture is not None and status in (404, 410) and (capture.over or session.doubtful))
        self.finding(fine, f"{path} was answered {status}")
        world.visited.append((session, path))
        if status == 200:
            world.tally["page shown"] += 1
        return world.remember(browser, session, reply, capture)

    def page_of(self, session: Session, browser: Browser) -> Page | None:
        """The newest page of this launch that this browser has, or its timeline."""
        cookie = browser.jar.get(CSRF_COOKIE, "")
        for page in reversed(self.world.pages):
            fresh = page.corrected == session.ehr.record.corrected.get(session.person.id, 0)
            if page.session is session and page.csrf_cookie == cookie and fresh:
                return page
        return self.see(browser, session, "/", None, whose=True)

    # ------------------------------------------------------------------------------------------ posts

    def post(
        self, browser: Browser, target: Session, action: Action, *, claims: Page, csrf: Page, capture: Capture | None
    ) -> TestResponse:
        """Sends a form (or a script's upload) to a path of `target`, made of what these pages carried."""
        world = self.world
        sure = target.usable(browser.binding, world.now)
        csrf_right = bool(csrf.csrf_cookie) and browser.jar.get(CSRF_COOKIE) == csrf.csrf_cookie
        person_right = claims.session.person == target.person
        current = target.ehr.record.corrected.get(target.person.id, 0)
        capture_right = action in FREE or (capture is not None and capture.key == target.key)
        allowed = sure != "no" and csrf_right and (target.clinician or action in FOR_ALL)
        if action in ("file", "discard") and allowed and person_right and claims.corrected == current and capture_right:
            self.confirming = capture
        word = world.word(target.key if person_right else claims.session.key)
        before = self.writes()
        reply = self._send(browser, target, action, claims, csrf, capture, word, about=target if allowed else None)
        target.used(sure if csrf_right else "no", world.now)
        target.doubtful |= target.ehr.strained and allowed
        status, name = reply.status_code, f"{action} with {'its own' if person_right else 'another'} patient"
        if self.confirming is not None and capture is not None and (status < 400 or status >= 500):
            capture.confirmed = True
        if 400 <= status < 500:
            self.finding(self.writes() == before, f"{name} was refused with {status}, and wrote")
        if status >= 400 and not (allowed and person_right and capture_right):
            world.refused.add(word.encode())  # what is typed on a page of its own is kept, whatever else fails
        if not csrf_right:
            self.finding(status == 400, f"{name} with another's CSRF token: {status}")
            world.tally["post refused: CSRF"] += 1
        elif sure == "no":
            self.finding(status == 401, f"{name} without a session: {status}")
            ended = browser.binding == target.binding and target.expired(world.now)
            world.tally[
                f"post refused: {target.why_over(world.now) if ended else 'signed out or not its browser'}"
            ] += 1
        elif status == 401:
            self.finding(sure == "maybe" or target.doubtful, f"{name} in a live session: 401")
        elif action == "sign-out":
            self.finding(status in (200, 303, 409), f"signing out: {status}")
        elif not target.clinician and action not in FOR_ALL:
            self.finding(status == 403, f"{name} by {target.user.id}: {status}")
        elif not person_right:
            self.finding(
                status == 409 or (status == 404 and not capture_right) or (target.doubtful and status in TROUBLED),
                f"{name}: {status}",
            )
            world.tally[f"409 on {action}" if status == 409 else "post refused: of another"] += 1
        elif not capture_right:
            self.finding(
                status in (404, 409) or (target.doubtful and status in TROUBLED), f"{name}, another's: {status}"
            )
            world.tally["post refused: of another launch"] += 1
        else:
            self._own(reply, target, action, claims, capture, name, current)
        return reply

    def _own(
        self,
        reply: TestResponse,
        target: Session,
        action: Action,
        claims: Page,
        capture: Capture | None,
        name: str,
        current: int,
    ) -> None:
        """A post that is all its own: it works, unless the EHR is in trouble or the details changed meanwhile."""
        world, status = self.world, reply.status_code
        stale = claims.corrected != current or target.doubtful
        fine = status in (200, 201, 303)
        if status == 409:
            fine = stale or capture is not None
            world.tally["409 on changed details"] += claims.corrected != current
        fine = fine or (status in TROUBLED and target.doubtful)
        fine = fine or (action == "file" and status == 422) or (action == "reveal" and status in (400, 404))
        fine = fine or (
            action in ("discard-image", "keep", "edit") and status == 404 and capture is not None and not capture.images
        )
        fine = fine or (capture is not None and capture.over and status in (400, 404, 409, 410, 422))
        self.finding(fine, f"{name}: {status}")
        if action == "file" and status == 303:
            self.finding(
                claims.corrected == current or (capture is not None and capture.over), "filed under old details"
            )
        if action in ("file", "discard") and capture is not None and status < 600:
            capture.over |= status in (200, 303) or status >= 500

    def _send(
        self,
        browser: Browser,
        target: Session,
        action: Action,
        claims: Page,
        csrf: Page,
        capture: Capture | None,
        word: str,
        *,
        about: Session | None,
    ) -> TestResponse:
        world = self.world
        base = f"/l/{target.launch}"
        own = f"{base}/captures/{capture.id}" if capture else f"{base}/captures/none"
        image = capture.images[-1] if capture and capture.images else "none"
        form = {"csrf_token": csrf.csrf, "patient": claims.patient, "identity_seen": claims.identity}
        if action == "upload":
            headers = {
                "Content-Type": "application/octet-stream",
                "X-File-Type": "image/jpeg",
                "X-CSRFToken": csrf.csrf,
                "X-Patient": claims.patient,
                "X-Identity": claims.identity,
                "X-Requested-With": "fetch",
            }
            body = picture(f"{claims.session.person.mark} {word}")
            reply = browser.ask("PUT", f"{own}/images", about=about, headers=headers, body=body)
            if reply.status_code == 201 and capture is not None:
                capture.images.append(reply.headers["X-Image"])
            return reply
        if action in ("answers", "file", "edit", "discard-image", "keep"):
            words = f"{word}, of {claims.session.person.mark}"
            form |= answers_for(list(capture.images) if capture else [], findings=words)
        if action in ("discard", "discard-image"):
            form["because"] = "duplicate"
        if action == "reveal":
            images = target.ehr.record.images()
            form |= {"reference": images[-1][0] if images else "Media/none", "reason": "none"}
        paths = {
            "begin": f"{base}/captures",
            "answers": f"{own}/answers",
            "discard-image": f"{own}/images/{image}/discard",
            "keep": f"{own}/images/{image}/keep",
            "edit": f"{own}/images/{image}/edit",
            "stay": f"{base}/session",
            "discard": f"{own}/discard",
            "file": f"{own}/file",
            "resume": f"{own}/resume",
            "reveal": f"{base}/reveal",
            "sign-out": f"{base}/sign-out",
        }
        reply = browser.ask("POST", paths[action], about=about, form=form)
        location = urlsplit(reply.headers.get("Location", "")).path
        if action == "begin" and reply.status_code == 303:
            made = Capture(location.split("/")[4], target.key, target.person)
            self.finding(made.id not in world.captures, "a capture id was given out twice")
            world.captures[made.id] = made
        if reply.status_code == 303:
            self.finding(location.startswith(f"{base}/"), f"{action} goes on at {location}")
        if action == "sign-out" and reply.status_code in (200, 303):
            target.signed_out = True
        return reply


def without(brings: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in brings.items() if name not in names}
