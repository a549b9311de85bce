"""What every answer carries, and what every write must bring: headers, CSRF, limits.

A page runs only scripts of its own origin plus the one that carries its nonce; nothing is kept by the
browser or named to another site; only the EHR of this launch may frame it (SMART App Launch 2.2, embedded
apps); an upload never touches the disk.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import IO, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect

FrameAncestors = Callable[[str | None], Sequence[str]]
"""Launch id (None outside a launch) to the origins that may frame its pages. Empty: nobody may."""

FORM_BYTES = 1_000_000
"""Most bytes of an ordinary form; picture routes have a limit of their own."""

_PERMISSIONS = (
    "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), payment=(), "
    "accelerometer=(), gyroscope=(), magnetometer=(), clipboard-read=()"
)
BELOW_LINK = "/p/"
"""Below it lie the pages of patients: nobody may frame them."""

_MARK = "_takes_picture_bytes"
_BELOW_LAUNCH = re.compile(r"/l/(?P<launch>[^/]+)(?:/|$)")
_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
_VIDEOS = frozenset({"video/mp4", "video/webm"})

Page = TypeVar("Page", bound=Callable[..., object])


class MemoryRequest(Request):
    """A request whose uploaded parts stay in memory: the default would spill them to a temporary file."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()


def takes_picture(page: Page) -> Page:
    """Marks a page that takes the bytes of one picture: its body may be as large as the policy lets a picture be."""
    setattr(page, _MARK, "picture")
    return page


def takes_video(page: Page) -> Page:
    """The same for a page that takes a video as well: its body may be as large as the policy lets either be."""
    setattr(page, _MARK, "video")
    return page


def protect(app: Flask, *, picture_bytes: int, frame_ancestors: FrameAncestors, video_bytes: int = 0) -> None:
    """Puts every answer of `app` under these rules. `picture_bytes`, `video_bytes`: most bytes of one."""
    most_bytes = {"picture": picture_bytes, "video": max(picture_bytes, video_bytes)}
    app.request_class = MemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=400,
        SESSION_COOKIE_NAME="__Host-csrf",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="None",
        SESSION_COOKIE_PARTITIONED=True,
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_DOMAIN=None,
        WTF_CSRF_TIME_LIMIT=None,  # the launch session expires, not the page under a clinician's hands
        WTF_CSRF_SSL_STRICT=False,  # asks for a Referer, which our pages never send; Sec-Fetch-Site stands in
    )

    @app.before_request
    def find_who_may_frame() -> None:
        # Now, while errors can still become a page: the answer must have its headers even when the database is gone,
        # and the page that says goodbye belongs to the EHR whose launch it ends.
        if request.path.startswith(BELOW_LINK):
            g.frame_ancestors = ()  # a patient's page stands alone in its tab, whatever it answers
            return
        g.frame_ancestors = frame_ancestors(None)
        launch = launch_of_request()
        if launch is not None:
            g.frame_ancestors = frame_ancestors(launch)

    @app.before_request
    def limit_body() -> None:
        page = app.view_functions.get(request.endpoint or "")
        taken = getattr(page, _MARK, None)
        if taken is not None:
            request.max_content_length = most_bytes[taken] + FORM_BYTES

    @app.before_request
    def refuse_other_sites() -> None:
        crossing = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
        if crossing and request.method not in ("GET", "HEAD", "OPTIONS"):
            raise CSRFError("This request came from another site.")

    CSRFProtect(app)

    @app.context_processor
    def nonce_for_templates() -> dict[str, object]:
        return {"csp_nonce": _nonce}

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        if "Content-Security-Policy" not in headers:
            headers["Content-Security-Policy"] = _policy(g.get("frame_ancestors", ()))
        headers.setdefault("Cache-Control", "no-store")
        headers["Cross-Origin-Opener-Policy"] = (
            "same-origin"  # in a tab of its own, whoever opened it has no hold on it
        )
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Permissions-Policy"] = _PERMISSIONS
        return response


def _form_targets() -> str:
    """Forms of this app go to this app. Only the form that signs in goes to the EHR (`g.form_action`), whose sign-in
    may pass through servers of its own: browsers hold every redirect of a form to this rule."""
    action = g.get("form_action", "")
    if not action:
        return "'self'"
    ehr = urlsplit(action)  # its origin says enough: a path may hold characters that end a directive
    return f"'self' {ehr.scheme}://{ehr.netloc} https:"


def launch_of_request() -> str | None:
    """The launch below whose path this request lies, also where no route matches (404, 405); None outside."""
    if request.view_args is not None:
        launch = request.view_args.get("launch")
        return None if launch is None else str(launch)
    found = _BELOW_LAUNCH.match(request.path)
    return found["launch"] if found else None


def _nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    return str(g.csp_nonce)


def _policy(origins: Sequence[str]) -> str:
    ancestors = " ".join(origins) or "'none'"
    script = f"'self' 'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {script}",
            "style-src 'self'",
            "img-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            *(("frame-src 'self'",) if g.get("frames_own_pages") else ()),
            f"form-action {_form_targets()}",
            "base-uri 'none'",
            f"frame-ancestors {ancestors}",
        )
    )


def readable_response(page: str | Iterator[bytes]) -> Response:
    """A whole page that we made to be sent to somebody: shown in a frame of ours, as they get it. It runs nothing,
    fetches nothing and leads nowhere."""
    response = Response(page, content_type="text/html; charset=utf-8")
    ancestors = " ".join(("'self'", *g.get("frame_ancestors", ())))
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {ancestors}; sandbox"
    )
    return response


def picture_response(content: bytes, content_type: str) -> Response:
    """Image bytes: shown, never kept, never run, never named. (In a tab, browsers style their viewer inline.)"""
    known = content_type in _PICTURES or content_type in _VIDEOS
    response = Response(content, content_type=content_type if known else "application/octet-stream")
    response.headers["Content-Disposition"] = "inline"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    )
    if content_type in _VIDEOS:
        response.headers["Content-Security-Policy"] += "; media-src 'self'"  # shown in a tab of its own
        # A player asks for the piece that it wants to show; without pieces there is no jumping forward.
        response.make_conditional(request, accept_ranges=True, complete_length=len(content))
    return response
