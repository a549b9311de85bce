"""A process that dies at any call of a port: after the next run there is all of it, or nothing that says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.disclose.send import KIND, Disclosures, Making
from fhir_plugin.disclose.send import spool as spooling
from fhir_plugin.disclose.send.spool import read_whole
from fhir_plugin.ledger.engine import Engine
from mappings.model.disclosure_request import RequestState
from tests.disclose.send.bench import SendBench, at_the_desk
from tests.disclose.send.test_sent import is_truthful, now
from tests.fakes.record import FakeRecord

MOMENTS = 400
"""More than there are."""


class Died(BaseException):
    """Power cut: nothing of this process runs any more, no clean-up either."""


class Life:
    """Counts moments; dies at the one it was told, and stays dead."""

    def __init__(self, dies_at: int) -> None:
        self.left = dies_at
        self.dead = False

    def tick(self) -> None:
        self.left -= 1
        if self.dead or self.left == 0:
            self.dead = True
            raise Died


class Mortal:
    """A port whose every call is two moments: before it and after it."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or name == "transaction":
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.tick()
            result = found(*args, **kwargs)
            self._life.tick()
            return result

        return call


def dies(bench: SendBench, at: int) -> bool:
    """One worker of its own over the same stores, killed at that moment; whether it came to that."""
    life = Life(at)
    changed = {
        name: Mortal(getattr(bench.parts, name), life)
        for name in ("requests", "vault", "audit", "signer", "ledger", "holds")
    }
    record = Mortal(bench.record, life)
    plans: dict[str, Any] = {}
    engine = Engine(store=changed["ledger"], work=bench.work, clock=bench.clock, plans=plans, owner="mortal")
    parts: Any = Parts(bench.parts, {**changed, "engine": engine, "records": lambda _launch: record})
    plans[KIND] = Disclosures(parts, Making(bench.prepare, bench.writer), bench.rules)
    (intent,) = bench.ledger.due(bench.clock.now())
    try:
        engine.run(intent)
    except Died:
        return True
    return False


class Parts:
    """The parts of a bench, some in place of others."""

    def __init__(self, parts: Any, changed: dict[str, Any]) -> None:
        self._parts = parts
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._parts, name)


def revived(bench: SendBench) -> None:
    """Until it settles; then once more, which changes nothing."""
    for _ in range(4):
        bench.clock.advance(minutes=20)
        bench.engine.run_due()
    standing = (now(bench), bench.events(), bench.provenances(), bench.vault.items())
    bench.clock.advance(minutes=20)
    bench.engine.run_due()
    assert standing == (now(bench), bench.events(), bench.provenances(), bench.vault.items())


def sends(_bench: SendBench) -> RequestState:
    return RequestState.SENT


def leaks(bench: SendBench) -> RequestState:
    bench.writer.leak = b"photo-secret-2"
    return RequestState.OPEN


@pytest.mark.parametrize("our_ids", [True, False])
@pytest.mark.parametrize("case", [sends, leaks])
def test_every_end_is_truthful(
    case: Callable[[SendBench], RequestState],
    our_ids: bool,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every fourth moment, each case from another one on; with `--exhaustive` every moment."""
    monkeypatch.setattr(spooling, "PIECE", 200)
    every = 1 if pytestconfig.getoption("--exhaustive") else 4
    first = 1 if every == 1 else 1 + (2 if our_ids else 0) + (case is leaks)
    killed = 0
    for moment in range(first, MOMENTS, every):
        bench = SendBench(record=FakeRecord(our_ids=our_ids))
        wanted = case(bench)
        intent = bench.sign()
        if not dies(bench, moment):
            break
        killed += 1
        revived(bench)
        is_truthful(bench, bench.ledger.get(intent))
        assert now(bench).state is wanted, f"killed at {moment}"
        if (package := now(bench).package) is not None and package.vault_id is not None:
            pieces = read_whole(bench.vault, package.vault_id).pieces
            assert {each.vault_id for each in bench.vault.items()} == {package.vault_id, *pieces}, "and nothing else"
    assert 40 < killed * every < MOMENTS, "it was tried to its end"


def test_killed_again_and_again_it_ends_the_same() -> None:
    bench = SendBench()
    intent = bench.sign()
    for moment in range(1, 120, 7):
        bench.clock.advance(minutes=20)
        if not bench.ledger.due(bench.clock.now()) or not dies(bench, moment):
            break
    revived(bench)
    is_truthful(bench, bench.ledger.get(intent))
    assert now(bench).state is RequestState.SENT
    assert at_the_desk().patient_id == now(bench).patient
