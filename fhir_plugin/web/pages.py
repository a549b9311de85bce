"""All pages of the app, in one call: blueprints, templates, static files, errors, headers."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request, send_from_directory
from jinja2 import StrictUndefined

from fhir_plugin.web.access import public
from fhir_plugin.web.capture import capture
from fhir_plugin.web.components import nhs
from fhir_plugin.web.concern import concern
from fhir_plugin.web.consult import consult
from fhir_plugin.web.deleting.guardian_pages import guarding
from fhir_plugin.web.deleting.pages import deleting
from fhir_plugin.web.disclosing.pages import disclosing
from fhir_plugin.web.editing import editing
from fhir_plugin.web.errors import register_errors
from fhir_plugin.web.gallery import gallery
from fhir_plugin.web.home import home
from fhir_plugin.web.labels import labels
from fhir_plugin.web.patient.pages import patient
from fhir_plugin.web.policy import policy
from fhir_plugin.web.receipt import receipt
from fhir_plugin.web.requests import requests
from fhir_plugin.web.reviews import reviews
from fhir_plugin.web.second_person import second_person
from fhir_plugin.web.security import FrameAncestors, protect
from fhir_plugin.web.staying import staying
from fhir_plugin.web.style import register_style
from fhir_plugin.web.this_ehr import this_ehr
from fhir_plugin.web.words import register_words
from fhir_plugin.web.worklist import worklist

ASSETS = "assets.static"
"""The only endpoint that anybody may fetch without a launch: our own styles and scripts."""

_YEAR = 31_536_000
_WORTH_PACKING = (".css", ".js", ".svg")


def register_pages(
    app: Flask,
    *,
    picture_bytes: int,
    video_bytes: int = 0,
    frame_ancestors: FrameAncestors = lambda _launch: (),
    policy_notices: Callable[[], Sequence[str]] = lambda: (),
) -> None:
    """Adds every clinical page to `app` and puts all of `app` under the rules of `security` and `errors`.

    `picture_bytes`, `video_bytes`: most bytes of one (policy). `frame_ancestors`: which origins may frame the pages
    of a launch; nobody unless told. `policy_notices`: what every page of a launch says about the policy in force.
    """
    protect(app, picture_bytes=picture_bytes, video_bytes=video_bytes, frame_ancestors=frame_ancestors)
    register_errors(app)
    register_words(app)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["nhs"] = nhs
    app.jinja_env.globals["policy_notices"] = policy_notices
    folder = Path(__file__).parent / "static"
    app.config["ASSETS_VERSION"] = version = _version(folder)
    assets = Blueprint("assets", __name__, template_folder="templates")

    @assets.get("/assets/<version>/<path:filename>", endpoint="static")
    @public
    def asset(version: str, filename: str) -> Response:
        """Our own styles and scripts. The version is in the path, so that what a script imports carries it too."""
        response = send_from_directory(folder, filename)
        if filename.endswith(_WORTH_PACKING) and request.accept_encodings["gzip"]:
            response = _packed(response, folder / filename)
        current = version == app.config["ASSETS_VERSION"]
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if current else "no-cache"
        return response

    @app.url_defaults
    def stay_in_launch_and_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == ASSETS:
            values.setdefault("version", version)
        elif app.url_map.is_endpoint_expecting(endpoint, "launch"):
            launch = (request.view_args or {}).get("launch")
            if launch is not None:
                values.setdefault("launch", launch)

    for blueprint in (
        assets,
        home,
        gallery,
        capture,
        editing,
        receipt,
        second_person,
        staying,
        worklist,
        concern,
        policy,
        this_ehr,
        reviews,
        labels,
        consult,
        requests,
        disclosing,
        deleting,
        guarding,
        patient,
    ):
        app.register_blueprint(blueprint)
    register_style(app)


def _packed(response: Response, path: Path) -> Response:
    """The same file as gzip: a telephone on a slow network waits for a tenth of the styles. Nothing secret is in it."""
    content_type = response.content_type
    response.close()
    packed = Response(_gzip(path, path.stat().st_mtime_ns), content_type=content_type)
    packed.headers["Content-Encoding"] = "gzip"
    packed.headers["Vary"] = "Accept-Encoding"
    return packed


@lru_cache(maxsize=64)
def _gzip(path: Path, changed: int) -> bytes:  # noqa: ARG001 - a file that changed is packed anew
    return gzip.compress(path.read_bytes(), mtime=0)


def _version(folder: Path) -> str:
    """Changes when any static file does, so that browsers may keep them for a year."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
