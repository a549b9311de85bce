"""The page `/tester`, for the browser that launched: what the app and the EHR said to each other at its last launch."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, Flask, Response, render_template, request
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Refused
from fhir_plugin.tester import shown
from fhir_plugin.tester.resources import written
from fhir_plugin.tester.validating import version_told
from fhir_plugin.tester.watching import SeenLaunch, Watch
from fhir_plugin.web.access import browser_secret, public
from smart_launch import IssuerRegistry, binding_of
from smart_launch.authorize import state_key
from smart_launch.scope import GrantedScopes

MOST_ASKED: Final = 100
_STYLE: Final = Path(__file__).parent / "static" / "tester.css"


def register_tester(app: Flask, watch: Watch, registry: IssuerRegistry) -> None:
    """Adds `/tester` to an app whose sender is `watch`'s. Raises `Refused` unless every registered EHR is a sandbox:
    what somebody's record holds is not for a page that knows no role."""
    refuse_patients(registry)
    tester = Blueprint("tester", __name__, template_folder="templates")
    asked: dict[str, str] = {}

    @tester.before_app_request
    def listen() -> None:
        if request.endpoint == "way_in.callback":
            watch.expect()

    @tester.after_app_request
    def remember(response: Response) -> Response:
        if (request.endpoint or "").startswith("way_in."):
            _remember(response, watch, asked)
        return response

    @tester.get("/tester")
    @public
    def page() -> ResponseReturnValue:
        """Of the last launch in this browser alone: its cookie says which."""
        launch = watch.last_of(binding_of(browser_secret())) if browser_secret() else None
        said, without = watch.of(launch) if launch is not None else [], watch.without_a_token()
        version = version_told(sorted([*without, *said], key=lambda one: one.number))
        return render_template(
            "tester.html",
            launch=launch,
            said=said,
            written=written(said, version),
            version=version,
            scopes=_scopes(launch) if launch is not None else [],
            without=without,
            pretty=shown.pretty,
            registry=registry,
        )

    @tester.get("/tester.css")
    @public
    def style() -> ResponseReturnValue:
        """Its own few rules."""
        return Response(_STYLE.read_bytes(), content_type="text/css; charset=utf-8")

    app.register_blueprint(tester)


def refuse_patients(registry: IssuerRegistry) -> None:
    """Raises `Refused` where an EHR that is no sandbox is registered."""
    real = [issuer.name for issuer in registry if not issuer.sandbox]
    if real:
        raise Refused(
            f"The tester's page is for sandboxes alone, and {', '.join(real)} is registered for patients.",
            code="not-sandbox",
        )


def _remember(response: Response, watch: Watch, asked: dict[str, str]) -> None:
    """What was asked for when a browser leaves for the EHR, and whose launch it was when it comes back."""
    if request.endpoint != "way_in.callback":
        query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
        if "code_challenge" in query and "state" in query:
            while len(asked) >= MOST_ASKED:
                del asked[next(iter(asked))]
            asked[state_key(query["state"][0])] = query.get("scope", [""])[0]
        return
    launch = watch.begun()
    if launch is not None:
        launch.browser = binding_of(browser_secret())
        launch.asked = asked.pop(state_key(request.args.get("state", "")), "")


def _scopes(launch: SeenLaunch) -> list[tuple[str, str]]:
    """Each scope that was asked for or granted, with what became of it."""
    granted = GrantedScopes.parse(launch.granted)
    rows = []
    for scope in launch.asked.split():
        if scope in granted or granted.includes(scope):
            rows.append((scope, "granted"))
        elif any(each.startswith(scope.partition(".")[0] + ".") for each in granted):
            rows.append((scope, "granted in part"))
        else:
            rows.append((scope, "not granted"))
    asked = set(launch.asked.split())
    rows += [(scope, "granted" if not asked else "granted, in these words") for scope in granted if scope not in asked]
    return rows
