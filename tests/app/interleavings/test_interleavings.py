"""Random interleavings of launches, callbacks, replays, expiries and posts: no page and no write is ever for another
patient than that of its launch.

An interleaving is one example of the machine: a world of its own, and up to `STEPS` acts in it. A normal run has as
many as fit into about a minute of one processor; `--exhaustive` runs 10,000.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.app.interleavings.acting import Acting, Action
from tests.app.interleavings.browsers import Workshop, World
from tests.app.interleavings.machine import Interleavings
from tests.app.interleavings.people import STAFF, TWIN, of_ehr

STEPS = 25
SAMPLED, EXHAUSTIVE, AT_ONCE = 110, 10_000, 250

HAPPENS = (
    "pictures filed",
    "callback accepted",
    "callback refused: replay",
    "callback refused: error or another issuer",
    "page shown",
    "page refused: expired",
    "page refused: not its browser",
    "page refused: signed out",
    "post refused: CSRF",
    "post refused: signed out or not its browser",
    "refresh rotated",
    "unknown issuer refused",
    "status 409",
    "status 503",
)
"""What a sampled run must have seen, or it has shown nothing."""
HAPPENS_IN_MANY = (
    *HAPPENS,
    *(f"409 on {action}" for action in ("begin", "upload", "answers", "edit", "file", "discard", "resume", "reveal")),
    "409 on changed details",
    "callback refused: EHR in trouble",
    "callback refused: another browser",
    "callback refused: late",
    "callback refused: no cookie",
    "callback refused: no role",
    "callback refused: no such state",
    "callback refused: the code was not for it",
    "page refused: of another launch",
    "page refused: lasted its longest",
    "page refused: sign-in ended",
    "post refused: expired",
    "post refused: of another launch",
    "revoked at the EHR",
)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


def run(workshop: Workshop, examples: int, *, alike: bool = False) -> Counter[str]:
    """Runs so many interleavings, and returns what happened in them. Fails with the shortest that went wrong.

    `alike`: the same ones each time, so that what a change breaks is not mistaken for bad luck.
    """

    class Counted(Interleavings):
        pass

    Counted.workshop, Counted.totals = workshop, Counter()
    rules = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=alike,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Counted, settings=rules)
    return Counted.totals


def say(totals: Counter[str], began: float) -> None:
    """What happened so far, for whoever watches a long run with `-s`."""
    lines = [f"{count:9} {name}" for name, count in sorted(totals.items())]
    took = f"--- {time.monotonic() - began:.0f} s, of which {time.process_time():.0f} s of a processor"
    sys.stderr.write("\n".join([took, *lines, ""]))
    sys.stderr.flush()


def test_no_page_and_no_write_is_for_another_patient(workshop: Workshop) -> None:
    totals = run(workshop, SAMPLED, alike=True)
    assert totals["examples"] >= SAMPLED
    assert {name for name in HAPPENS if not totals[name]} == set()


@pytest.mark.exhaustive
def test_ten_thousand_interleavings(workshop: Workshop) -> None:
    totals: Counter[str] = Counter()
    began = time.monotonic()
    while totals["examples"] < EXHAUSTIVE:
        totals += run(workshop, min(AT_ONCE, EXHAUSTIVE - totals["examples"]))
        say(totals, began)
    assert {name for name in HAPPENS_IN_MANY if not totals[name]} == set()


@pytest.mark.parametrize("action", ["answers", "file", "stay"])
def test_the_same_id_at_two_ehrs_is_two_people(workshop: Workshop, action: Action) -> None:
    """A form of `Patient/1` of one EHR, sent to a launch of the other's: refused, and nothing of it is kept."""
    world = World(workshop)
    acting, browser = Acting(world), world.browsers[0]
    sessions = []
    for name in ("north", "south"):
        twin = next(each for each in of_ehr(name) if each.id == TWIN)
        pending = acting.launch(browser, world.ehrs[name], twin, STAFF[name][0], standalone=False)
        assert pending is not None
        session = acting.come_back(browser, acting.sign_in(pending, twin, STAFF[name][0]))
        assert session is not None
        sessions.append(session)
    pages = [acting.page_of(each, browser) for each in sessions]
    assert pages[0] is not None
    assert pages[1] is not None
    acting.post(browser, sessions[1], "begin", claims=pages[1], csrf=pages[1], capture=None)
    (capture,) = world.captures.values()
    acting.post(browser, sessions[1], action, claims=pages[0], csrf=pages[1], capture=capture)
    acting.see(browser, sessions[1], f"/captures/{capture.id}", capture, whose=True)
    world.remove()
    assert world.findings == []
