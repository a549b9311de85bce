"""Inferno's client suite on `smart_launch` alone: four kinds of clients, both algorithms, every check by its number."""

from __future__ import annotations

import pytest

from tests.smart_launch.inferno.checks import NUMBERS, judge
from tests.smart_launch.inferno.recorded import REFRESH_TOKEN, ClientType, Tag, authorization_details
from tests.smart_launch.inferno.tested_app import KINDS, Library

CASES = [(number, kind) for kind, client_type in KINDS.items() for number in NUMBERS[client_type]]
LAUNCHING = [kind for kind, client_type in KINDS.items() if client_type is not ClientType.BSCA]


def test_no_check_is_left_out() -> None:
    every = ["1.01", "2.01", "3.01", "4.01", *(f"5.{number:02}" for number in range(1, 13))]
    assert sorted({number for number, _ in CASES}) == every


@pytest.mark.parametrize(("number", "kind"), CASES, ids=[f"{number}-{kind}" for number, kind in CASES])
def test_inferno(library: Library, number: str, kind: str) -> None:
    verdict = judge(number, library[kind].session)
    assert verdict.problems == []
    assert verdict.result == "pass"
    discouraged = ["Providing the JWK Set directly is strongly discouraged."]
    assert verdict.warnings == (discouraged if (number, kind) == ("1.01", "RS384") else [])


_REFRESHED = {
    ("5.08-refresh", "RS384"),
    ("5.08-refresh", "ES384"),
    ("5.09-refresh", "secret"),
    ("5.10-refresh", "public"),
}


@pytest.mark.parametrize(
    ("number", "kind"), sorted(_REFRESHED), ids=[f"{number}-{kind}" for number, kind in sorted(_REFRESHED)]
)
def test_inferno_on_refresh(library: Library, number: str, kind: str) -> None:
    session = library[kind].session
    refreshed = session.tagged(Tag.TOKEN, REFRESH_TOKEN)
    assert [each.status for each in refreshed] == [200] * 6
    assert judge(number.removesuffix("-refresh"), session).result == "pass"


@pytest.mark.parametrize("kind", LAUNCHING)
def test_authorization_by_get_and_by_post(library: Library, kind: str) -> None:
    verbs = [each.verb for each in library[kind].session.tagged(Tag.AUTHORIZATION)]
    assert verbs == ["GET", "GET", "POST"]
    (posted,) = (each for each in library[kind].session.tagged(Tag.AUTHORIZATION) if each.verb == "POST")
    assert not posted.query
    assert len(str(authorization_details(posted)["scope"])) > 2000
