"""What `Clock` promises."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.ports import Clock
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["system", "fake"])
def test_an_instant_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == dt.timedelta(0)


def test_the_fake_moves_only_when_told() -> None:
    clock = FakeClock()
    before = clock.now()
    clock.advance(hours=1, seconds=-1)
    assert clock.now() - before == dt.timedelta(seconds=3599)
    assert clock.now() == clock.now()
