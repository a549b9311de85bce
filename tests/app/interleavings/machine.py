"""Every act that people, thieves, clocks and EHRs may do, in any order that Hypothesis thinks of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.app.interleavings.acting import ACTIONS, Acting, Action
from tests.app.interleavings.browsers import Browser, Workshop, World
from tests.app.interleavings.ehr import Ehr, Trouble
from tests.app.interleavings.entering import without
from tests.app.interleavings.model import Capture, Page, Pending, Session
from tests.app.interleavings.people import STAFF, TWIN, Person, of_ehr

T = TypeVar("T")
PICK = st.integers(0, 47)
EHRS = st.sampled_from(("north", "south"))
LAST: tuple[Action, ...] = ("file", "file", "file", "discard", "discard-image")
CHARTS = {name: (*of_ehr(name), *(each for each in of_ehr(name) if each.id == TWIN)) for name in ("north", "south")}
"""Whose chart may be open: the two who share an id more often than others."""
ON_DUTY = {name: (staff[0], staff[0], staff[0], *staff[1:]) for name, staff in STAFF.items()}
BUSY_DAY = 8 * 3600
SECONDS = st.sampled_from((5, 25, 61, 200, 400, 400, 590, 700, 700, 1500, 1500, 1820, 1820, 6 * 3600, BUSY_DAY))


class Interleavings(RuleBasedStateMachine):
    """One example: a world of its own."""

    workshop: Workshop
    totals: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.workshop)
        self.acting = Acting(self.world)

    def teardown(self) -> None:
        self.world.remove()
        for ehr in self.world.ehrs.values():
            self.world.tally["refresh rotated"] += ehr.rotated
            self.world.tally["revoked at the EHR"] += ehr.revoked
            self.world.tally["codes traded"] += len(ehr.traded)
            self.world.tally["pictures filed"] += sum(
                1 for write in ehr.record.writes if write.reference.startswith("Media/") and write.capture
            )
        self.world.tally["examples"] += 1
        self.world.tally["requests to the app"] += self.world.requests
        self.world.tally["requests to the EHRs"] += self.world.network.sent
        self.totals.update(self.world.tally)

    @invariant()
    def nothing_was_found(self) -> None:
        assert not self.world.findings, "; ".join(self.world.findings)

    # ------------------------------------------------------------------------------------------ choosing

    def browser(self, pick: int) -> Browser:
        return self.world.browsers[pick % len(self.world.browsers)]

    def holder(self, session: Session, pick: int) -> Browser:
        """Whoever has its cookie, if anybody still has."""
        return self.world.holder(session) or self.browser(pick)

    def session(self, pick: int) -> Session:
        """Mostly one that still lives, as far as its clock goes, and often one that nobody has signed out."""
        alive = [each for each in self.world.sessions if not each.expired(self.world.now)]
        signed_in = [each for each in alive if not each.signed_out]
        choices = (self.world.sessions, alive, signed_in, signed_in)[pick % 4]
        return of(choices or self.world.sessions, pick // 4)

    def pending(self, pick: int) -> Pending:
        """Mostly one that is still open."""
        fresh = [each for each in self.world.pendings if not each.spent]
        return of(fresh if fresh and pick % 4 else self.world.pendings, pick // 4)

    def owner(self, pending: Pending, pick: int) -> Browser:
        return next((each for each in self.world.browsers if each.binding == pending.binding), self.browser(pick))

    def capture_of(self, session: Session, pick: int) -> Capture | None:
        own = [each for each in self.world.captures.values() if each.key == session.key and not each.over]
        return of(own, pick) if own else None

    def count(self, name: str) -> None:
        self.world.tally["steps"] += 1
        self.world.tally[f"rule {name}"] += 1

    # ------------------------------------------------------------------------------------------ way in

    @initialize(first=PICK, second=PICK)
    def two_charts_are_open(self, first: int, second: int) -> None:
        """Two launches in one browser, which is what goes wrong in the field; in another one somebody signs in."""
        browser = self.browser(0)
        for pick in (first, second):
            ehr = self.world.ehrs["north" if pick % 3 else "south"]
            self._open(browser, ehr, of(CHARTS[ehr.name], pick // 3), STAFF[ehr.name][0])
        ehr = self.world.ehrs["south" if first % 2 else "north"]
        with self.acting.step():
            self.acting.launch(self.browser(1), ehr, of(CHARTS[ehr.name], second), STAFF[ehr.name][0], standalone=False)

    def _open(self, browser: Browser, ehr: Ehr, person: Person, user: object) -> Session | None:
        staff = next(each for each in STAFF[ehr.name] if each == user)
        with self.acting.step():
            pending = self.acting.launch(browser, ehr, person, staff, standalone=False)
        if pending is None:
            return None
        with self.acting.step():
            return self.acting.come_back(browser, self.acting.sign_in(pending, person, staff))

    @rule(who=PICK, name=EHRS, whom=PICK, staff=PICK)
    def open_chart(self, who: int, name: str, whom: int, staff: int) -> None:
        self.count("open a chart")
        user = of(ON_DUTY[name], staff)
        self._open(self.browser(who), self.world.ehrs[name], of(CHARTS[name], whom), user)

    @rule(who=PICK, name=st.sampled_from(("north", "south", "north", "south", "nowhere")), whom=PICK, staff=PICK)
    def launch(self, who: int, name: str, whom: int, staff: int) -> None:
        """As far as the EHR's sign-in: from a chart, or standalone."""
        with self.acting.step():
            if name == "nowhere":
                self.count("launch from an unknown EHR")
                self.acting.unknown(self.browser(who))
                return
            standalone = whom % 3 == 0
            self.count("launch, standalone" if standalone else "launch")
            ehr, person, user = self.world.ehrs[name], of(CHARTS[name], whom), of(STAFF[name], staff)
            self.acting.launch(self.browser(who), ehr, person, user, standalone=standalone)

    @precondition(lambda self: self.world.pendings)
    @rule(which=PICK, whom=PICK, staff=PICK, elsewhere=st.sampled_from((False, False, True)))
    def come_back(self, which: int, whom: int, staff: int, elsewhere: bool) -> None:
        self.count("callback in another browser" if elsewhere else "callback")
        pending = self.pending(which)
        name = pending.ehr.name
        with self.acting.step():
            brings = self.acting.sign_in(pending, of(CHARTS[name], whom), of(STAFF[name], staff))
            owner = self.owner(pending, which)
            strangers = [each for each in self.world.browsers if each is not owner]
            self.acting.come_back(of(strangers, whom) if elsewhere else owner, brings)

    @precondition(lambda self: any(each.made for each in self.world.pendings))
    @rule(which=PICK, again=PICK, elsewhere=st.booleans())
    def replay(self, which: int, again: int, elsewhere: bool) -> None:
        """A callback's address once more: from the history, or stolen."""
        self.count("callback replayed")
        pending = of([each for each in self.world.pendings if each.made], which)
        _, brings = of(pending.made, again)
        browser = self.browser(again) if elsewhere else self.owner(pending, which)
        with self.acting.step():
            self.acting.come_back(browser, dict(brings))

    @precondition(lambda self: self.world.pendings)
    @rule(
        which=PICK,
        other=PICK,
        kind=st.sampled_from(
            ("other code", "other code", "other iss", "base as iss", "error", "error and code", "no code", "no state")
        ),
    )
    def bad_callback(self, which: int, other: int, kind: str) -> None:
        """Errors, and what an attacker would mix: the code of one launch with the state of another."""
        self.count(f"callback with {kind}")
        pending = self.pending(which)
        elsewhere = next(each for each in self.world.ehrs.values() if each is not pending.ehr)
        with self.acting.step():
            brings = self.acting.sign_in(pending, pending.person, pending.user)
            match kind:
                case "other code":
                    stolen = self.pending(other)
                    brings["code"] = self.acting.sign_in(stolen, stolen.person, stolen.user)["code"]
                case "other iss":
                    brings = {**brings, "iss": elsewhere.login}
                case "base as iss":
                    brings = {**brings, "iss": elsewhere.base}
                case "error":
                    brings = {**without(brings, "code"), "error": "access_denied"}
                case "error and code":
                    brings = {**brings, "error": "access_denied"}
                case "no code":
                    brings = without(brings, "code")
                case _:
                    brings = without(brings, "state")
            self.acting.come_back(self.owner(pending, which), brings)

    # ------------------------------------------------------------------------------------------ world

    @rule(seconds=SECONDS, which=PICK)
    def time_passes(self, seconds: int, which: int) -> None:
        if seconds == BUSY_DAY and self.world.sessions:
            self._a_busy_day(self.session(which))
            return
        self.count("time passes" if seconds < 3600 else "hours pass")
        self.world.clock.advance(seconds=seconds)

    def _a_busy_day(self, session: Session) -> None:
        """Somebody uses a launch every quarter of an hour, until the longest that it may last is over."""
        self.count("a busy day")
        browser = self.holder(session, 0)
        until = session.created + session.longest + session.idle
        while self.world.now < until and session.usable(browser.binding, self.world.now) != "no":
            self.world.clock.advance(seconds=min(session.idle.total_seconds() / 2, 900))
            with self.acting.step():
                self.acting.see(browser, session, "/captures/sites?q=arm", None, whose=True)

    @rule(
        name=EHRS,
        what=st.sampled_from(
            ("refusing", "silent", "busy", "refuses", "another-patient", "die early", "details", "well")
        ),
        calm=st.integers(0, 8),
        lasts=st.sampled_from((1, 1, 2, 4, 30)),
        whom=PICK,
    )
    def ehr_changes(self, name: str, what: str, calm: int, lasts: int, whom: int) -> None:
        """It is down for a while, or answers otherwise than before; or all is well again."""
        self.count(f"EHR: {what}")
        ehr = self.world.ehrs[name]
        match what:
            case "refusing" | "silent" | "busy":
                troubles: dict[str, Trouble] = {"refusing": "refusing", "silent": "silent", "busy": "busy"}
                ehr.trouble, ehr.calm, ehr.troubled = troubles[what], calm, lasts
            case "refuses" | "another-patient":
                ehr.refreshing = "refuses" if what == "refuses" else "another-patient"
            case "die early":
                ehr.die_early()
            case "details":
                ehr.record.correct(of(CHARTS[name], whom))
                self.world.clock.advance(seconds=61)  # a page may show what the EHR said a minute ago
            case _:
                ehr.troubled, ehr.refreshing = 0, "rotates"

    @rule(
        what=st.sampled_from(("restart", "worker", "worker", "worker", "lose", "swap", "swap", "swap")),
        who=PICK,
        other=PICK,
    )
    def app_changes(self, what: str, who: int, other: int) -> None:
        """A new process over the same state, the worker's round, or browsers whose cookies go astray."""
        self.count(f"app: {what}")
        one, two = self.browser(who), self.browser(other)
        match what:
            case "restart":
                self.world.restart()
            case "worker":
                with self.acting.step():
                    self.world.installation.resume()
            case "lose":
                one.jar = {}
            case _:
                one.jar, two.jar = two.jar, one.jar

    # ------------------------------------------------------------------------------------------ pages

    @precondition(lambda self: self.world.sessions)
    @rule(which=PICK, what=PICK, foreign=st.booleans())
    def look(self, which: int, what: int, foreign: bool) -> None:
        """Any page of a launch, in its own browser; `foreign`: with ids that may be another launch's."""
        self.count("page with any ids" if foreign else "page")
        session = self.session(which)
        self._look(session, self.holder(session, what), what, foreign=foreign)

    @precondition(lambda self: self.world.sessions)
    @rule(which=PICK, who=PICK, what=PICK)
    def look_from_anywhere(self, which: int, who: int, what: int) -> None:
        """Any page of any launch, in any browser."""
        self.count("page in any browser")
        self._look(self.session(which), self.browser(who), what, foreign=False)

    def _look(self, session: Session, browser: Browser, what: int, *, foreign: bool) -> None:
        captures = [each for each in self.world.captures.values() if foreign or each.key == session.key]
        images = [each for each in session.ehr.record.images() if foreign or each[1] == session.person]
        with self.acting.step():
            if what % 3 == 1 and captures:
                capture = of(captures, what // 3)
                whose = capture.key == session.key
                image = of(capture.images, what) if capture.images else "none"
                kinds = ("thumbnail", "picture", "edit", "preview")
                pages = ("", "/receipt", *(f"/images/{image}/{kind}" for kind in kinds if capture.images))
                path = f"/captures/{capture.id}{of(pages, what)}"
                self.acting.see(browser, session, path, capture, whose=whose)
            elif what % 3 == 2 and images:
                reference, owner = of(images, what // 3)
                whose = owner == session.person
                path = f"/images/{reference}{of(('', '/picture', '/thumbnail'), what // 9)}"
                self.acting.see(browser, session, path, Capture("", session.key, owner, over=True), whose=whose)
            else:
                path = of(("/", "/?by=site", "/captures/sites?q=arm", "/session", "/enter", "/home"), what // 3)
                self.acting.see(browser, session, path, None, whose=True)

    @precondition(lambda self: self.world.visited)
    @rule(which=PICK, who=PICK, stranger=st.booleans())
    def back(self, which: int, who: int, stranger: bool) -> None:
        """An address from the history: back, reload, or a link that somebody passed on."""
        self.count("back or reload")
        session, path = of(self.world.visited, which)
        browser = self.browser(who) if stranger else self.holder(session, who)
        gone = Capture("", session.key, session.person, over=True)
        with self.acting.step():
            self.acting.see(browser, session, path, gone, whose=True)

    # ------------------------------------------------------------------------------------------ posts

    @precondition(lambda self: self.world.sessions)
    @rule(which=PICK, what=PICK, upto=st.sampled_from((4, 1, 2, 3, 4)), last=st.sampled_from(LAST))
    def work(self, which: int, what: int, upto: int, last: Action) -> None:
        """As a clinician works: begin, add a picture, answer, file; or stops anywhere on the way."""
        plan: tuple[Action, ...] = ("begin", "upload", "answers", last)
        self.count(f"work, up to {plan[upto - 1]}")
        self._work(self.session(which), what, plan[:upto])

    def _work(self, session: Session, what: int, plan: Sequence[Action]) -> None:
        browser = self.holder(session, what)
        capture = self.capture_of(session, what) if what % 3 else None
        for action in plan if capture is None else plan[1:]:
            known = set(self.world.captures)
            with self.acting.step():
                page = self.acting.page_of(session, browser)
                if page is None:
                    return
                self.acting.post(browser, session, action, claims=page, csrf=page, capture=capture)
            if action == "begin":
                new = [each for id, each in self.world.captures.items() if id not in known]
                if not new:
                    return
                capture = new[0]

    @precondition(lambda self: self.world.pages)
    @rule(which=PICK, action=st.sampled_from(ACTIONS), claims=PICK, whose=st.sampled_from(("target", "claims", "any")))
    def cross(self, which: int, action: Action, claims: int, whose: str) -> None:
        """A form that was made for one launch, sent to the path of any other, in that one's browser with its token."""
        self.count("crossed post")
        target = self.session(which)
        foreign = [each for each in self.world.pages if each.session.person != target.person]
        page = of(foreign if foreign and claims % 4 else self.world.pages, claims // 4)
        browser = self.holder(target, claims)
        with self.acting.step():
            token = self.acting.page_of(target, browser)
            capture = self._some_capture(target, page, whose, claims)
            self.acting.post(browser, target, action, claims=page, csrf=token or page, capture=capture)

    @precondition(lambda self: self.world.pages)
    @rule(which=PICK, action=st.sampled_from(ACTIONS), claims=PICK, csrf=PICK, who=PICK)
    def forge(self, which: int, action: Action, claims: int, csrf: int, who: int) -> None:
        """The same from any browser, with the token of any page."""
        self.count("forged post")
        target, page = self.session(which), of(self.world.pages, claims)
        token = page if csrf % 2 else of(self.world.pages, csrf // 2)
        with self.acting.step():
            capture = self._some_capture(target, page, "any", who)
            self.acting.post(self.browser(who), target, action, claims=page, csrf=token, capture=capture)

    @precondition(lambda self: self.world.pages)
    @rule(which=PICK, action=st.sampled_from(ACTIONS))
    def send_again(self, which: int, action: Action) -> None:
        """An old page of a launch is still open, and somebody presses its button."""
        self.count("post from an old page")
        page = of(self.world.pages, which)
        with self.acting.step():
            capture = self._some_capture(page.session, page, "target", which)
            browser = self.holder(page.session, which)
            self.acting.post(browser, page.session, action, claims=page, csrf=page, capture=capture)

    def _some_capture(self, target: Session, page: Page, whose: str, pick: int) -> Capture | None:
        captures = list(self.world.captures.values())
        if whose != "any":
            key = target.key if whose == "target" else page.session.key
            captures = [each for each in captures if each.key == key]
        return of(captures, pick) if captures else None


def of(things: Sequence[T], pick: int) -> T:
    """One of them."""
    return things[pick % len(things)]
