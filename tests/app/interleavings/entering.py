"""How people come in: launches, sign-ins and callbacks, with what must come of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

from werkzeug.test import TestResponse

from tests.app.interleavings.browsers import Browser, World
from tests.app.interleavings.ehr import UNKNOWN, Ehr
from tests.app.interleavings.model import PENDING, Capture, Pending, Session, Sure
from tests.app.interleavings.people import Person, Staff


class Entering:
    """The ways in of one world, and the step around every act."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.confirming: Capture | None = None

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


def without(brings: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in brings.items() if name not in names}
