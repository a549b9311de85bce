"""The callback: whose it is, what it may say, and what is not believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smart_launch import (
    AuthorizationError,
    LaunchExpired,
    LaunchRefused,
    StateMismatch,
    UnusableReply,
    pending_key,
    read_callback,
)
from tests.smart_launch.begun import begun
from tests.smart_launch.counterparty import BASE, COOKIE, LOGIN, NOW


def test_the_callback_finds_its_launch_by_a_key_that_is_no_secret() -> None:
    pending, _ = begun()
    assert pending_key({"state": pending.state, "code": "c"}) == pending.key
    with pytest.raises(StateMismatch):
        pending_key({"code": "c"})


def test_a_good_callback_gives_the_code() -> None:
    pending, _ = begun()
    found = read_callback(pending, {"state": pending.state, "code": "c"}, browser_secret=COOKIE, now=NOW)
    assert found.code == "c"
    assert "'c'" not in repr(found)


@pytest.mark.parametrize("change", [{"state": "other"}, {"state": ""}, {"state": "ü"}])
def test_another_state_is_refused(change: dict[str, str]) -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch):
        read_callback(pending, {"state": pending.state, "code": "c", **change}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("cookie", [None, "", "another browser"])
def test_another_browser_is_refused_even_with_the_right_state(cookie: str | None) -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch) as caught:
        read_callback(pending, {"state": pending.state, "code": "c"}, browser_secret=cookie, now=NOW)
    assert caught.value.code == "other-browser"


def test_a_slow_sign_in_has_expired() -> None:
    pending, _ = begun()
    parameters = {"state": pending.state, "code": "c"}
    read_callback(pending, parameters, browser_secret=COOKIE, now=NOW + timedelta(minutes=9, seconds=59))
    for late in (timedelta(minutes=10), timedelta(days=1), timedelta(minutes=-2)):
        with pytest.raises(LaunchExpired):
            read_callback(pending, parameters, browser_secret=COOKIE, now=NOW + late)


@pytest.mark.parametrize(
    ("published", "named", "good"),
    [
        ({}, LOGIN, True),
        ({}, None, True),
        ({}, BASE, False),
        ({}, "https://evil.example", False),
        ({"authorization_response_iss_parameter_supported": True}, LOGIN, True),
        ({"authorization_response_iss_parameter_supported": True}, None, False),
        ({"issuer": None}, f"{LOGIN}/realm", True),
        ({"issuer": None}, "https://evil.example", False),
    ],
)
def test_the_issuer_on_the_callback(published: dict[str, Any], named: str | None, good: bool) -> None:
    pending, _ = begun(**published)
    parameters = {"state": pending.state, "code": "c", **({"iss": named} if named else {})}
    if good:
        assert read_callback(pending, parameters, browser_secret=COOKIE, now=NOW).code == "c"
    else:
        with pytest.raises(StateMismatch) as caught:
            read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)
        assert caught.value.code == "other-issuer"


def test_an_oauth_error_keeps_its_code_and_nothing_else() -> None:
    pending, _ = begun()
    parameters = {
        "state": pending.state,
        "error": "access_denied",
        "error_description": "<script>canary</script>",
        "error_uri": "https://evil.example",
    }
    with pytest.raises(AuthorizationError) as caught:
        read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)
    assert caught.value.error == "access_denied"
    assert "canary" not in str(caught.value) + str(vars(caught.value))


def test_a_strange_error_code_is_bounded() -> None:
    pending, _ = begun()
    with pytest.raises(AuthorizationError) as caught:
        read_callback(
            pending,
            {"state": pending.state, "error": "<script>\n" * 50},
            browser_secret=COOKIE,
            now=NOW,
        )
    assert len(caught.value.error) <= 64
    assert not set("<>\n") & set(str(caught.value))


def test_an_error_of_a_stranger_is_not_believed() -> None:
    pending, _ = begun()
    with pytest.raises(StateMismatch):
        read_callback(pending, {"state": "x", "error": "access_denied"}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("extra", [{}, {"code": ""}])
def test_neither_code_nor_error(extra: dict[str, str]) -> None:
    pending, _ = begun()
    with pytest.raises(UnusableReply):
        read_callback(pending, {"state": pending.state, **extra}, browser_secret=COOKIE, now=NOW)


@pytest.mark.parametrize("name", ["state", "code", "iss"])
def test_repeated_parameters_are_refused(name: str) -> None:
    pending, _ = begun()
    parameters: dict[str, str | list[str]] = {"state": pending.state, "code": "c", "iss": LOGIN}
    value = str(parameters[name])
    parameters[name] = [value, value]
    with pytest.raises(LaunchRefused):
        read_callback(pending, parameters, browser_secret=COOKIE, now=NOW)
