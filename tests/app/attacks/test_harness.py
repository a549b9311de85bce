"""The EHR of these tests behaves unless told otherwise, and their judge does see what it looks for."""

from __future__ import annotations

import logging

import pytest
import structlog
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import SECRETS
from tests.app.attacks.expect import Refusal, assert_refused, assert_told_nobody


def test_a_good_launch_works(world: World) -> None:
    visitor = world.visitor()
    page = visitor.home()
    assert page.status_code == 200
    assert SECRETS["patient name"] in page.text
    assert [asked.url for asked in world.ehr.asked if asked.writes] == []


def test_the_judge_sees_a_launch_that_was_kept(world: World) -> None:
    kept, visitor = world.kept(), world.visitor()
    visitor.launched()
    assert world.kept() != kept
    answer = visitor.get("/callback")
    with pytest.raises(AssertionError):
        assert_refused(visitor, answer, Refusal(401, "x", "", ""), kept)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_the_judge_sees_a_secret_in_a_page_a_header_or_a_log(world: World, name: str) -> None:
    visitor = world.visitor()
    secret = SECRETS[name]
    quiet = visitor.get("/")
    assert_told_nobody(visitor, quiet)
    for body, headers in ((secret, Headers()), ("", Headers({"X-Told": secret}))):
        told = TestResponse([body.encode()], "200 OK", headers, request=quiet.request)
        with pytest.raises(AssertionError, match=name):
            assert_told_nobody(visitor, told)
    structlog.get_logger("x").debug("said", value=secret)
    with pytest.raises(AssertionError, match=name):
        assert_told_nobody(visitor, quiet)
    world.events.entries.clear()
    logging.getLogger("urllib3").debug("said %s", secret)
    with pytest.raises(AssertionError, match=name):
        assert_told_nobody(visitor, quiet)
