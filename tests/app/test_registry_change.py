"""An EHR that is taken out of the registry while its people are in the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_plugin.app import create_app
from fhir_plugin.demo import start_demo
from smart_launch import IssuerRegistry
from tests.app.conftest import Browser, RecordingTransport, Shop
from tests.fakes.worker import FakeImageWorker


def test_a_session_of_an_ehr_that_is_no_longer_known_gets_words_and_no_frame(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = start_demo(tmp_path, worker=FakeImageWorker())
    try:
        own = Shop(demo, RecordingTransport(), shop.logs, tmp_path)
        browser: Browser = own.browser()
        launch = browser.launch()
        monkeypatch.setattr(demo.installation, "registry", IssuerRegistry([]))
        monkeypatch.setattr(demo.installation.records, "_registry", IssuerRegistry([]))
        demo.installation.records.forget(launch)
        demo.app.server.app = create_app(demo.installation)
        other = own.browser()
        cookie = browser.client.get_cookie("__Host-bid", domain="localhost")
        assert cookie is not None
        other.client.set_cookie("__Host-bid", cookie.value, domain="localhost", secure=True)
        answer = other.home(launch)
        assert answer.status_code == 403
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    finally:
        demo.stop()
