"""Inferno's client suite on the whole app: launch link, sign-in, first page with data, and a refresh an hour later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.smart_launch.inferno.checks import NUMBERS, judge
from tests.smart_launch.inferno.mock_server import MockServer, running_mock
from tests.smart_launch.inferno.recorded import (
    AUTHORIZATION_CODE,
    REFRESH_TOKEN,
    ClientType,
    Tag,
    authorization_details,
)
from tests.smart_launch.inferno.tested_app import APP, JWKS_URL, KINDS, LAUNCH_URL, REDIRECT_URI
from tests.smart_launch.inferno.whole_app import SCOPES, WholeApp, whole_app

LAUNCHING = [kind for kind, client_type in KINDS.items() if client_type is not ClientType.BSCA]
CASES = [(number, kind) for kind in LAUNCHING for number in NUMBERS[KINDS[kind]]]
ALL_TYPES = [f"user/{name}.cruds" for name in ("Observation", "Condition", "Encounter", "Location", "Organization")]
LONG_SCOPES = (*SCOPES, *(f"{each}?category=urn:a-long-code-system|{n}" for each in ALL_TYPES for n in range(12)))
"""So many that the request for them is posted."""


@pytest.fixture(scope="module")
def ehr() -> Iterator[MockServer]:
    """The mock, with the CapabilityStatement that an EHR has: without one the app shows no pictures."""
    with running_mock() as mock:
        mock.describes_itself = True
        yield mock


@dataclass
class Apps:
    """Runs the suite once for each kind of client."""

    mock: MockServer
    until: ExitStack
    folders: pytest.TempPathFactory
    done: dict[str, WholeApp] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> WholeApp:
        if kind not in self.done:
            app = self.until.enter_context(whole_app(self.mock, kind, self.folders.mktemp(kind)))
            self.done[kind] = app
            run(app)
        return self.done[kind]


def run(app: WholeApp) -> None:
    """Both ways in, each with its first page, and an hour of work after it."""
    for way in (app.launched, app.standalone):
        surfer = app.surfer()
        page = way(surfer)
        later = app.hour_passes(surfer, page)
        for each in (page, later):
            assert each.status_code == 200, each.text
            assert '/Patient/p1">' in each.text
            assert "Osei" in each.text


@pytest.fixture(scope="module")
def apps(ehr: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apps]:
    with ExitStack() as until:
        yield Apps(ehr, until, tmp_path_factory)


@pytest.mark.parametrize(("number", "kind"), CASES, ids=[f"{number}-{kind}" for number, kind in CASES])
def test_inferno(apps: Apps, number: str, kind: str) -> None:
    app = apps[kind]
    verdict = judge(number, app.session)
    assert verdict.problems == []
    assert verdict.result == "pass"
    assert verdict.warnings == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [("5.08-refresh", "RS384"), ("5.08-refresh", "ES384"), ("5.09-refresh", "secret"), ("5.10-refresh", "public")],
)
def test_inferno_on_refresh(apps: Apps, number: str, kind: str) -> None:
    session = apps[kind].session
    refreshed = session.tagged(Tag.TOKEN, REFRESH_TOKEN)
    assert [each.status for each in refreshed] == [200, 200], "one for each launch, after its hour"
    assert judge(number.removesuffix("-refresh"), session).result == "pass"


@pytest.mark.parametrize(("number", "kind"), [("5.05", "ES384"), ("5.06", "secret"), ("5.07", "public")])
def test_a_long_request_is_posted(ehr: MockServer, tmp_path: Path, number: str, kind: str) -> None:
    with whole_app(ehr, kind, tmp_path, issuer={"scopes": LONG_SCOPES}) as app:
        app.launched()
        app.standalone()
        assert [each.verb for each in app.session.tagged(Tag.AUTHORIZATION)] == ["POST", "POST"]
        assert judge(number, app.session).result == "pass"


@pytest.mark.parametrize("kind", LAUNCHING)
def test_the_verdicts_are_the_same_at_an_ehr_that_does_not_describe_itself(
    inferno: MockServer, tmp_path: Path, kind: str
) -> None:
    with whole_app(inferno, kind, tmp_path) as app:
        for way in (app.launched, app.standalone):
            page = way()
            assert page.request is not None
            assert page.request.path.startswith("/l/"), "the launch itself went well"
            assert page.status_code in {200, 502, 503}  # how such an EHR is met is for the app to say, not for Inferno
        for number in NUMBERS[KINDS[kind]]:
            assert judge(number, app.session).result == "pass"


@pytest.mark.parametrize("kind", LAUNCHING)
def test_what_is_registered_lies_below_the_public_origin(apps: Apps, kind: str) -> None:
    app = apps[kind]
    assert app.session.launch_links[0].startswith(f"{APP}/launch?")
    assert f"{APP}/launch" == LAUNCH_URL
    used = {str(authorization_details(each)["redirect_uri"]) for each in app.session.tagged(Tag.AUTHORIZATION)}
    used |= {each.form["redirect_uri"] for each in app.session.tagged(Tag.TOKEN, AUTHORIZATION_CODE)}
    assert used == {REDIRECT_URI} == {f"{APP}/callback"}
    assert app.fetch(f"{APP}/.well-known/jwks.json") == app.fetch(JWKS_URL)
