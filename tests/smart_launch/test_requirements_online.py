"""How long access can be renewed: for the working day (`online_access`), or beyond it (`offline_access`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from smart_launch import Grant, InvalidGrant, Transport, refresh
from tests.smart_launch.test_with_an_ehr import NOW, Registered, register

HOUR = 3600


@dataclass
class Day:
    """The EHR's clock."""

    seconds: float = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def ehr(day: Day) -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(today=NOW.date(), clock=day)) as running:
        yield running


@pytest.fixture
def wire() -> Iterator[Transport]:
    sender = Transport()
    yield sender
    sender.close()


def registered(ehr: RunningSandbox, wire: Transport, *scopes: str) -> Registered:
    app = register(ehr, wire, "public")
    return replace(app, issuer=replace(app.issuer, scopes=("openid", "patient/Media.rs", *scopes)))


def renewed(app: Registered, grant: Grant) -> Grant:
    return refresh(grant, app.issuer, app.configuration, app.transport, now=NOW)


def test_online_access_ends_with_the_working_day_and_then_the_person_signs_in_again(
    ehr: RunningSandbox, wire: Transport, day: Day
) -> None:
    """SMART-R215."""
    app = registered(ehr, wire, "online_access")
    grant = app.launch().grant
    assert grant.scopes.may_refresh and grant.refresh_token
    day.seconds += 5 * HOUR
    grant = renewed(app, grant)
    day.seconds += 4 * HOUR
    with pytest.raises(InvalidGrant):
        renewed(app, grant)


def test_offline_access_goes_on(ehr: RunningSandbox, wire: Transport, day: Day) -> None:
    """SMART-R216."""
    app = registered(ehr, wire, "offline_access")
    grant = app.launch().grant
    assert grant.scopes.may_refresh
    for _ in range(3):
        day.seconds += 9 * HOUR
        grant = renewed(app, grant)
    assert grant.parameters["patient"] == "p-adult-1"


def test_without_either_there_is_nothing_to_renew(ehr: RunningSandbox, wire: Transport) -> None:
    app = registered(ehr, wire)
    grant = app.launch().grant
    assert grant.refresh_token is None and not grant.scopes.may_refresh
    with pytest.raises(InvalidGrant):
        renewed(app, grant)
