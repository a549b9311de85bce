"""What people do in the world, with what must come of it: each act asks the app and judges the answer."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from fhir_plugin.walkthrough import answers_for
from tests.app.interleavings.browsers import CSRF_COOKIE, Browser
from tests.app.interleavings.entering import Entering
from tests.app.interleavings.model import Capture, Page, Session
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


class Acting(Entering):
    """The acts of one world."""

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
