"""HTTP for the authorization server: discovery, authorize with its pages, token, introspect, revoke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError
from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request

from fhir_plugin.sandbox.browser_policy import allow_form_action, origin_source
from fhir_plugin.sandbox.oauth import discovery, scopes
from fhir_plugin.sandbox.oauth.context import LaunchContext
from fhir_plugin.sandbox.oauth.flows import Approval, SmartCodeGrant, settle_scope
from fhir_plugin.sandbox.oauth.server import SmartServer
from fhir_plugin.sandbox.oauth.standalone import Interaction, Interactions


class Ward(Protocol):
    """What the pages of a standalone launch show: people to sign in as, patients to choose from."""

    def staff(self) -> list[dict[str, str]]:
        """Each with id, name and role."""

    def patients(self) -> list[dict[str, str]]:
        """Each with id, name, born and nhs_number."""

    def current_encounter(self, patient: str) -> str | None:
        """The id of the newest encounter of that patient."""

    def launch_context(self, patient: str | None, encounter: str | None) -> LaunchContext:
        """The context of a launch that happens outside the EHR's own pages."""


def create_oauth_blueprint(server: SmartServer, ward: Ward) -> Blueprint:
    """All endpoints of the authorization server. Pages use the templates of the sandbox's face."""
    blueprint = Blueprint("oauth", __name__)
    _add_discovery(blueprint, server)
    _add_authorize(blueprint, server, ward)
    _add_back_channel(blueprint, server)

    @blueprint.after_request
    def keep_private(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Pragma"] = "no-cache"
        return response

    return blueprint


def _add_discovery(blueprint: Blueprint, server: SmartServer) -> None:
    def publish(path: str, build: Callable[[SmartServer], dict[str, Any]]) -> None:
        def view() -> Response:
            response = jsonify(build(server))
            response.headers["Cache-Control"] = "public, max-age=300"
            response.headers["Access-Control-Allow-Origin"] = "*"
            return response

        blueprint.add_url_rule(path, endpoint=build.__name__, view_func=view)

    publish("/fhir/.well-known/smart-configuration", discovery.smart_configuration)
    publish("/oauth/.well-known/openid-configuration", discovery.openid_configuration)
    publish("/oauth/jwks", discovery.public_keys)


def _add_authorize(blueprint: Blueprint, server: SmartServer, ward: Ward) -> None:
    waiting = Interactions(lifetime=server.lifetimes.interaction, clock=server.book.clock)

    @blueprint.errorhandler(OAuth2Error)
    def refuse(error: OAuth2Error) -> Response:
        """To the client if its redirect URI is proven, else to the person, never anywhere else."""
        if error.redirect_uri:
            location = _with_parameters(error.redirect_uri, [*error.get_body(), ("iss", server.issuer)])
            return Response(status=302, headers={"Location": location})
        page = render_template("refused.html", code=error.error, text=error.get_error_description() or "Refused.")
        return make_response(page, error.status_code)

    def check(parameters: dict[str, list[str]] | None, user: str | None) -> SmartCodeGrant:
        grant: SmartCodeGrant = server.get_consent_grant(parameters, end_user=user)
        return grant

    def approve(grant: SmartCodeGrant, approval: Approval) -> Response:
        grant.request.approval = approval
        response: Response = server.create_authorization_response(grant.request, grant_user=approval.user, grant=grant)
        if response.status_code == 302:
            location = _with_parameters(response.headers["Location"], [("iss", server.issuer)])
            response.headers["Location"] = location
        return response

    def settled(grant: SmartCodeGrant, context: LaunchContext, *, ehr_launch: bool) -> str:
        try:
            return settle_scope(grant.request.scope, context, ehr_launch=ehr_launch)
        except OAuth2Error as error:
            error.redirect_uri = grant.redirect_uri
            error.state = grant.request.payload.state
            raise

    @blueprint.route("/oauth/authorize", methods=["GET", "POST"])
    def authorize() -> Response | str:
        """SMART App Launch 2.2, "Request authorization code". An EHR launch needs no cookie here: its handle
        says who is signed in. A standalone launch gets a sign-in page."""
        values = request.form if request.method == "POST" else request.args
        handle = server.launches.look_up(values.get("launch", ""), values.get("client_id", ""))
        grant = check(None, handle.user if handle is not None else None)
        if handle is not None:
            scope = settled(grant, handle.context, ehr_launch=True)
            return approve(grant, Approval(handle.user, scope, handle.context, handle))
        name = waiting.open(values.to_dict(flat=False))
        return _page("authorize_sign_in.html", grant, interaction=name, staff=ward.staff())

    @blueprint.post("/oauth/authorize/sign-in")
    def sign_in() -> Response | str:
        name, interaction = _interaction(waiting)
        user = request.form.get("user", "")
        if user not in server.users:
            abort(400, "Choose one of the people.")
        interaction.user = user
        grant = check(dict(interaction.parameters), user)
        needs_patient = _needs_patient(grant)
        return _page(
            "authorize_choose.html",
            grant,
            interaction=name,
            user=server.users[user],
            patients=ward.patients() if needs_patient else None,
            requested=grant.request.scope.split(),
        )

    @blueprint.post("/oauth/authorize/allow")
    def allow() -> Response | str:
        _, interaction = _interaction(waiting)
        user = interaction.user
        if user is None:
            abort(400, "Sign in first.")
        grant = check(dict(interaction.parameters), user)
        patient = request.form.get("patient")
        if patient is not None and patient not in {row["id"] for row in ward.patients()}:
            abort(400, "Choose one of the patients.")
        if patient is None and _needs_patient(grant):
            abort(400, "Choose a patient.")
        waiting.close(request.form.get("interaction", ""))
        asked = scopes.parse(grant.request.scope).plain
        encounter = None
        if patient is not None and any(text.startswith("launch/encounter") for text in asked):
            encounter = ward.current_encounter(patient)
        context = ward.launch_context(patient, encounter)
        return approve(grant, Approval(user, settled(grant, context, ehr_launch=False), context))

    @blueprint.post("/oauth/authorize/refuse")
    def say_no() -> Response:
        _, interaction = _interaction(waiting)
        waiting.close(request.form.get("interaction", ""))
        grant = check(dict(interaction.parameters), interaction.user)
        raise AccessDeniedError(redirect_uri=grant.redirect_uri, state=grant.request.payload.state)


def _add_back_channel(blueprint: Blueprint, server: SmartServer) -> None:
    def answer(make: Callable[[], Response]) -> Response:
        try:
            return make()
        except InvalidRequestError as error:
            response: Response = server.handle_response(*error())
            return response

    @blueprint.post("/oauth/token")
    def token() -> Response:
        return answer(server.create_token_response)

    @blueprint.post("/oauth/introspect")
    def introspect() -> Response:
        return answer(lambda: server.create_endpoint_response("introspection"))

    @blueprint.post("/oauth/revoke")
    def revoke() -> Response:
        return answer(lambda: server.create_endpoint_response("revocation"))


def _interaction(waiting: Interactions) -> tuple[str, Interaction]:
    name = request.form.get("interaction", "")
    found = waiting.find(name)
    if found is None:
        abort(400, "This sign-in is too old or was used before. Start again from the app.")
    return name, found


def _needs_patient(grant: SmartCodeGrant) -> bool:
    granted = scopes.parse(grant.request.scope)
    return granted.at_level("patient") or any(
        text.startswith(("launch/patient", "launch/encounter")) for text in granted.plain
    )


def _page(template: str, grant: SmartCodeGrant, **values: Any) -> Response:
    # Browsers hold form-action against the redirect that follows the form, so the app's origin is named.
    allow_form_action(origin_source(grant.redirect_uri or ""))
    return make_response(render_template(template, app_name=grant.request.client.registration.name, **values))


def _with_parameters(uri: str, parameters: list[tuple[str, str]]) -> str:
    found = urlsplit(uri)
    added = urlencode([(name, value) for name, value in parameters if value is not None])
    return found._replace(query=f"{found.query}&{added}" if found.query else added).geturl()
