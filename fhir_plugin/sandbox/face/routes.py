"""HTTP for the face: sign-in, patient list, chart, raw FHIR, pictures, and launching apps."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable
from urllib.parse import quote

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from fhir_plugin.sandbox.browser_policy import allow_form_action, allow_frames, origin_source
from fhir_plugin.sandbox.face import timeline
from fhir_plugin.sandbox.face.banner import Banner, read_banner
from fhir_plugin.sandbox.fhir.json_text import write_text
from fhir_plugin.sandbox.fhir.parameters import resource_types
from fhir_plugin.sandbox.fhir.references import read_reference
from fhir_plugin.sandbox.fhir.store import FhirStore
from fhir_plugin.sandbox.hooks import require_same_site, require_this_machine
from fhir_plugin.sandbox.launching import Launch, Launcher, LaunchRefused
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.oauth.server import SmartServer
from fhir_plugin.sandbox.people import StaffMember, staff, summaries

Page = str | BaseResponse
_OPEN_TO_ALL = frozenset({"face.sign_in", "face.sign_in_form", "face.sign_in_as"})


def create_face_blueprint(
    *, server: SmartServer, store: FhirStore, launcher: Launcher, today: Callable[[], dt.date]
) -> Blueprint:
    """Every page of the EHR itself. All but sign-in ask who is there."""
    blueprint = Blueprint("face", __name__)

    @blueprint.before_request
    def know_who() -> BaseResponse | None:
        if request.method == "POST":
            require_same_site()
        g.user = staff().get(session.get("user", ""))
        if g.user is not None or request.endpoint in _OPEN_TO_ALL:
            return None
        if request.method == "GET":
            session["next"] = request.full_path
        return redirect(url_for("face.sign_in_form"))

    @blueprint.app_context_processor
    def name_them() -> dict[str, StaffMember | None]:
        return {"user_signed_in": g.get("user")}

    _add_sign_in(blueprint)
    _add_chart(blueprint, server, store, today)
    _add_pictures(blueprint, server, store)
    _add_launch(blueprint, server, store, launcher, today)
    return blueprint


def _add_sign_in(blueprint: Blueprint) -> None:
    @blueprint.get("/")
    def home() -> BaseResponse:
        return redirect(url_for("face.patients"))

    @blueprint.get("/sign-in")
    def sign_in_form() -> Page:
        return render_template("sign_in.html", staff=staff().values())

    @blueprint.post("/sign-in")
    def sign_in() -> BaseResponse:
        return _signed_in(request.form.get("user", ""))

    @blueprint.get("/sign-in/as/<user>")
    def sign_in_as(user: str) -> BaseResponse:
        require_this_machine()
        return _signed_in(user)

    @blueprint.post("/sign-out")
    def sign_out() -> BaseResponse:
        session.clear()
        return redirect(url_for("face.sign_in_form"))


def _signed_in(user: str) -> BaseResponse:
    if user not in staff():
        abort(400, "Choose one of the people.")
    waiting = str(session.get("next", ""))
    session.clear()
    session["user"] = user
    own = waiting.startswith("/") and not waiting.startswith(("//", "/\\"))
    return redirect(waiting.rstrip("?") if own else url_for("face.patients"))


def _add_chart(blueprint: Blueprint, server: SmartServer, store: FhirStore, today: Callable[[], dt.date]) -> None:
    @blueprint.get("/patients")
    def patients() -> Page:
        wanted = request.args.get("find", "").strip()
        found = [read_banner(patient, today()) for patient in store.search("Patient", {})]
        shown = sorted((b for b in found if _is_meant(b, wanted)), key=lambda banner: banner.name)
        return render_template("patients.html", patients=shown, find=wanted, summaries=summaries())

    @blueprint.get("/chart/<patient>")
    def chart(patient: str) -> Page:
        banner = _banner(store, patient, today())
        clients = server.clients.launchable()
        # A form of this page leads to the app; browsers hold form-action against the redirect too.
        allow_form_action(*(origin_source(client.launch_url) for client in clients))
        return render_template(
            "chart.html",
            patient=banner,
            summary=summaries().get(patient),
            filed=timeline.read_filed(store, patient),
            history=timeline.read_history(store, patient),
            visits=_visits(store, patient),
            related=timeline.read_related(store, patient),
            clients=clients,
        )

    @blueprint.get("/chart/<patient>/raw/<resource_type>/<id>")
    def raw(patient: str, resource_type: str, id: str) -> Page:
        banner = _banner(store, patient, today())
        versions = store.history(resource_type, id) if resource_type in resource_types() else []
        wanted = request.args.get("version", type=int)
        shown = next((v for v in versions if wanted is None or v.version == wanted), None)
        if shown is None:
            abort(404, "There is no such resource in this EHR.")
        return render_template(
            "raw.html",
            patient=banner,
            shown=shown,
            versions=versions,
            text=None if shown.deleted else write_text(shown.resource, pretty=True),
        )

    @blueprint.get("/record/<resource_type>/<id>")
    def record(resource_type: str, id: str) -> BaseResponse:
        """Where a link from outside finds a resource: its place in the chart."""
        known = resource_type in resource_types()
        found = store.read(resource_type, id) if known else None
        owner = timeline.owner_of(found, server.fhir_base) if found is not None else None
        if owner is None:
            abort(404, "There is no such resource in a chart of this EHR.")
        return redirect(url_for("face.chart", patient=owner) + f"#{quote(resource_type)}-{quote(id)}")


def _add_pictures(blueprint: Blueprint, server: SmartServer, store: FhirStore) -> None:
    @blueprint.get("/chart/<patient>/picture/<resource_type>/<id>")
    def picture(patient: str, resource_type: str, id: str) -> Response:
        """The bytes of an image as they are stored, shown as nothing but an image."""
        resource = store.read(resource_type, id) if resource_type in ("Media", "DocumentReference") else None
        if resource is None or timeline.owner_of(resource, server.fhir_base) != patient:
            abort(404, "There is no such picture in this chart.")
        attachment = timeline.read_attachment(resource)
        content_type = str(attachment.get("contentType", ""))
        content = _content(attachment)
        if content is None or content_type not in timeline.IMAGE_TYPES:
            abort(404, "This entry holds no picture that can be shown.")
        # Opened by itself: a browser styles its own image viewer inline.
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
        return Response(content, content_type=content_type, headers=policy)

    def _content(attachment: timeline.Json) -> bytes | None:
        if isinstance(data := attachment.get("data"), str):
            try:
                return base64.b64decode(data, validate=True)
            except binascii.Error:
                return None
        target = read_reference(str(attachment.get("url", "")), server.fhir_base)
        if target is None or target.resource_type != "Binary":
            return None
        found = store.binary(target.id)
        return found[0] if found is not None else None


def _add_launch(
    blueprint: Blueprint,
    server: SmartServer,
    store: FhirStore,
    launcher: Launcher,
    today: Callable[[], dt.date],
) -> None:
    def opened(patient: str, *, banner: bool) -> tuple[SandboxClient, Launch]:
        client_id = request.args.get("client", "")
        try:
            made = launcher.open(
                client_id=client_id,
                user=g.user.user,
                patient=patient,
                encounter=request.args.get("visit") or None,
                banner=banner,
            )
        except LaunchRefused as error:
            abort(404, str(error))
        client = server.clients.find(client_id)
        if client is None:
            abort(404, "This app was removed.")
        return client.registration, made

    @blueprint.get("/chart/<patient>/tab")
    def tab(patient: str) -> BaseResponse:
        """Launch in a tab of its own: the app must show who the patient is."""
        _, made = opened(patient, banner=True)
        return redirect(made.url)

    @blueprint.get("/chart/<patient>/frame")
    def frame(patient: str) -> Page:
        """Launch inside the chart: our header stays on top."""
        shown = _banner(store, patient, today())
        client, made = opened(patient, banner=False)
        urls = (client.launch_url, *client.redirect_uris)
        allow_frames("'self'", *(origin_source(url) for url in urls))
        return render_template("frame.html", patient=shown, app=client, launch_url=made.url)


def _banner(store: FhirStore, patient: str, today: dt.date) -> Banner:
    found = store.read("Patient", patient)
    if found is None:
        abort(404, "There is no such patient in this EHR.")
    return read_banner(found, today)


def _is_meant(banner: Banner, wanted: str) -> bool:
    digits = wanted.replace(" ", "")
    return wanted.casefold() in banner.name.casefold() or (
        digits.isdigit() and digits in banner.nhs_number.replace(" ", "")
    )


def _visits(store: FhirStore, patient: str) -> list[timeline.Entry]:
    visits = timeline.read_history(store, patient)
    return [entry for entry in visits if entry.resource_type == "Encounter"]
