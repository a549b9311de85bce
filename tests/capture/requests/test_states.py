"""Every order of what patient, practice and clock may do: what holds whatever happened."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.page import Stage
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import LIVE, NEXT, RequestState, Said
from fhir_plugin.errors import PluginError
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import RequestId
from tests.capture.bench import SESSION
from tests.capture.requests.bench import BORN, FIRST, LAST, Asking
from tests.fakes.worker import picture

KEEPS = frozenset({RequestState.SENDING, RequestState.SENT, RequestState.OPENED, RequestState.ANSWERED})
ALLOWED = frozenset(
    {"request-state", "too-many-links", "incomplete", "duplicate-image", "too-many-images", "not-found"}
)


class Life(RuleBasedStateMachine):
    """One request; any number of browsers; a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.asking = Asking()
        self.request_id: RequestId = self.asking.prepared().request_id
        self.doors: list[Door] = []
        self.states = [RequestState.PREPARED]
        self.number = 0

    def _try(self, act: object, *values: object) -> None:
        with contextlib.suppress(PluginError):
            try:
                act(*values)  # type: ignore[operator]
            except PluginError as error:
                assert error.code.startswith(("link-", "birth-date")) or error.code in ALLOWED, error.code
                raise
        self.states.append(self._now())

    def _now(self) -> RequestState:
        return self.asking.now(self.request_id).state

    @rule()
    def make_link(self) -> None:
        def issue() -> None:
            _, door = self.asking.issue(self.asking.now(self.request_id))
            self.doors.append(door)

        self._try(issue)

    @rule()
    def cancel(self) -> None:
        request = self.asking.now(self.request_id)
        self._try(lambda: self.asking.requests.cancel(SESSION, self.request_id, seen=seen_as(request)))

    @rule(hours=st.sampled_from([1, 25, 80]))
    def wait(self, hours: int) -> None:
        self.asking.bench.clock.advance(hours=hours)
        tidy(self.asking.parts)
        self.states.append(self._now())

    @precondition(lambda self: self.doors)
    @rule(right=st.booleans(), data=st.data())
    def say_birth_date(self, right: bool, data: st.DataObject) -> None:
        door = data.draw(st.sampled_from(self.doors))

        def check() -> None:
            said = BORN if right else BORN + dt.timedelta(days=1)
            other = replace(door, browser=self.asking.visits.new_browser())
            self.doors.append(replace(other, browser=self.asking.visits.check_birth_date(other, said)))

        self._try(check)

    @precondition(lambda self: self.doors)
    @rule(said=st.sampled_from([FIRST, LAST, Said(private=True), Said(receive=ConsentAnswer.REFUSED)]), data=st.data())
    def say(self, said: Said, data: st.DataObject) -> None:
        self._try(self.asking.visits.say, data.draw(st.sampled_from(self.doors)), said)

    @precondition(lambda self: self.doors)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        self.number += 1
        door = data.draw(st.sampled_from(self.doors))
        self._try(self.asking.visits.add_picture, door, picture(str(self.number)), "image/jpeg")

    @precondition(lambda self: self.doors)
    @rule(act=st.sampled_from(["confirm", "withdraw", "decline", "call_me", "open"]), data=st.data())
    def act(self, act: str, data: st.DataObject) -> None:
        self._try(getattr(self.asking.visits, act), data.draw(st.sampled_from(self.doors)))

    @precondition(lambda self: self.doors)
    @rule()
    def go_straight_on(self) -> None:
        """Long ways are rare by chance: the next step of the straight way."""
        door = self.doors[-1]
        self.say_right(door)
        self.number += 1
        self._try(self.asking.visits.add_picture, door, picture(str(self.number)), "image/jpeg")

    def say_right(self, door: Door) -> None:
        self._try(self.asking.visits.say, door, FIRST)
        self._try(self.asking.visits.say, door, LAST)

    # ------------------------------------------------------------------------------------------- what holds

    @invariant()
    def goes_only_ways_that_there_are(self) -> None:
        for before, after in zip(self.states, self.states[1:], strict=False):
            reached, edge = {before}, {before}
            while edge:  # one act may go two ways at once: expire first, then be refused
                edge = {each for state in edge for each in NEXT[state]} - reached
                reached |= edge
            assert after in reached, (before, after)

    @invariant()
    def keeps_no_picture_of_a_request_that_is_over_or_was_stopped(self) -> None:
        if self._now() not in KEEPS:
            assert self.asking.bench.vault.items() == []

    @invariant()
    def shows_the_practice_nothing_before_it_is_sent(self) -> None:
        drafts = self.asking.bench.drafts.of(fhir_base=SESSION.fhir_base, patient=SESSION.patient_id, user=None)
        if self._now() is not RequestState.ANSWERED:
            assert all(draft.state in (DraftState.SENDING, DraftState.DISCARDED) for draft in drafts)
        else:
            assert sum(draft.state is DraftState.OPEN for draft in drafts) == 1

    @invariant()
    def at_most_one_browser_is_inside(self) -> None:
        inside = set()
        for door in self.doors:
            with contextlib.suppress(PluginError):
                if self.asking.visits.open(door).stage in (Stage.OPEN, Stage.SENT):
                    inside.add((door.secret, door.browser))
        assert len(inside) <= 1

    @invariant()
    def tells_somebody_whatever_ends_it_but_the_practice_itself(self) -> None:
        state = self._now()
        request = self.asking.now(self.request_id)
        waiting = {
            RequestState.DECLINED: {"declined"},
            RequestState.CALL_ME: {"call-me"},
            RequestState.ANSWERED: {"came-back"},
        }.get(state, set())
        assert waiting <= set(self.asking.kinds())
        if state not in LIVE:
            assert request.number == ""


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
