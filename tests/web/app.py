"""An app of nothing but the pages, over the double. Run it to click through: `python -m tests.web.app`."""

from __future__ import annotations

import datetime as dt
import sys

from flask import Flask, Response

from fhir_plugin.web.access import public, set_browser_secret, shut_by_default
from fhir_plugin.web.pages import register_pages
from tests.web.fake import FakeParts
from tests.web.fake_gallery import recorded
from tests.web.people import BROWSER


def page_app(parts: FakeParts) -> Flask:
    """The pages alone, with two launches for two patients."""
    app = Flask("pages", static_folder=None)
    app.secret_key = "only for tests"
    app.extensions["fhir_plugin"] = parts
    register_pages(
        app,
        picture_bytes=parts.policy.most_bytes_per_image,
        frame_ancestors=lambda launch: ("https://ehr.example",) if launch == "framed" else (),
    )

    @app.get("/enter/<launch>")
    @public
    def enter(launch: str) -> Response:
        """What a callback does at the end: binds the browser and goes home."""
        return set_browser_secret(Response(status=303, headers={"Location": f"/l/{launch}/"}), BROWSER)

    shut_by_default(app)
    return app


def furnished() -> FakeParts:
    """A record with something of every kind in it."""
    parts = FakeParts()
    parts.gallery.items = [
        recorded(1, "Forearm, left", dt.date(2026, 2, 27)),
        recorded(2, "Forearm, left", dt.date(2026, 2, 27)),
        recorded(3, "Genital area", dt.date(2026, 2, 27), category="private area"),
        recorded(4, "Face", dt.date(2025, 11, 3), ours=False),
        recorded(5, "Back", dt.date(2025, 11, 3), category="private to the patient"),
        recorded(6, "Lower leg, right", None),
    ]
    return parts


if __name__ == "__main__":
    page_app(furnished()).run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8123)
