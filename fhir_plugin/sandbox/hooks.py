"""Doors for tests, under `/_sandbox`: an EHR launch without a browser, and the end of all tokens.

They answer this machine only, and nothing that a web page of another site can send.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from fhir_plugin.sandbox.launching import Launcher, LaunchRefused
from fhir_plugin.sandbox.oauth.server import SmartServer


def require_this_machine() -> None:
    """403 unless the request comes from this machine, and not from another site's page in its browser."""
    try:
        local = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        local = False
    if not local:
        abort(403, "Only from this machine.")
    require_same_site()


def require_same_site() -> None:
    """403 for what another site's page sends on somebody's behalf. Programs send neither header."""
    sent_by = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if sent_by is not None:
        own = sent_by in ("same-origin", "none")
    else:
        own = origin is None or origin == request.host_url.rstrip("/")
    if not own:
        abort(403, "Not from another site's page.")


def create_hooks_blueprint(server: SmartServer, launcher: Launcher) -> Blueprint:
    """`POST /_sandbox/launch` and `POST /_sandbox/tokens/expire`."""
    blueprint = Blueprint("hooks", __name__, url_prefix="/_sandbox")
    blueprint.before_request(require_this_machine)

    @blueprint.post("/launch")
    def launch() -> Response:
        """JSON {client_id, user, patient, encounter?, intent?, need_patient_banner?, fhir_context?} ->
        {launch_url, iss, launch}."""
        asked = _json_object()
        try:
            made = launcher.open(
                client_id=_text(asked, "client_id"),
                user=_text(asked, "user"),
                patient=_optional_text(asked, "patient"),
                encounter=_optional_text(asked, "encounter"),
                banner=asked.get("need_patient_banner") is not False,
                intent=_optional_text(asked, "intent"),
                fhir_context=tuple(item for item in asked.get("fhir_context") or () if isinstance(item, dict)),
            )
        except LaunchRefused as error:
            abort(400, str(error))
        return jsonify(launch_url=made.url, iss=made.iss, launch=made.handle)

    @blueprint.post("/tokens/expire")
    def expire() -> Response:
        """JSON {refresh?: bool} or nothing -> {expired: how many access tokens}."""
        asked = _json_object() if request.data else {}
        return jsonify(expired=server.book.expire_all(refresh=asked.get("refresh") is True))

    return blueprint


def _json_object() -> dict[str, Any]:
    asked = request.get_json()
    if not isinstance(asked, dict):
        abort(400, "A JSON object is needed.")
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    found = asked.get(name)
    if not isinstance(found, str):
        abort(400, f"{name!r} is needed.")
    return found


def _optional_text(asked: dict[str, Any], name: str) -> str | None:
    return None if asked.get(name) is None else _text(asked, name)
