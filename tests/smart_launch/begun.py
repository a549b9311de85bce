"""A launch that has begun."""

from __future__ import annotations

from typing import Any

from smart_launch import Issuer, PendingLaunch, SmartConfiguration, begin_launch
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import COOKIE, NOW, REDIRECT, a_configuration, an_issuer


def configuration_of(at: Issuer, **changes: Any) -> SmartConfiguration:
    return read_configuration(at, a_configuration(**changes))


def begun(
    at: Issuer | None = None, *, launch: str | None = "handle", privileged: bool = False, **changes: Any
) -> tuple[PendingLaunch, str]:
    issuer = at or an_issuer()
    return begin_launch(
        issuer,
        configuration_of(issuer, **changes),
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch=launch,
        privileged=privileged,
    )
