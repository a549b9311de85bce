"""What a browser may do with the sandbox's pages: a Content-Security-Policy for each, and its companions."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, g, request

_FIXED = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'self'"


def origin_source(url: str) -> str:
    """The CSP source expression for the origin of a registered URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def allow_form_action(*sources: str) -> None:
    """Let forms of this response lead to these origins, redirects included."""
    g.form_action = (*g.get("form_action", ()), *sources)


def allow_frames(*sources: str) -> None:
    """Let this response frame these origins."""
    g.frame_src = (*g.get("frame_src", ()), *sources)


def guard_pages(app: Flask) -> None:
    """Set the headers on every response outside the FHIR endpoint, which sets its own."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        if request.path.startswith("/fhir"):
            return response
        forms = " ".join(dict.fromkeys(("'self'", *g.get("form_action", ()))))
        frames = " ".join(dict.fromkeys(g.get("frame_src", ()))) or "'none'"
        policy = f"{_FIXED}; form-action {forms}; frame-src {frames}"
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Nothing goes to other sites; `no-referrer` would make browsers send `Origin: null` to ourselves.
        response.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response
