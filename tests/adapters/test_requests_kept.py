"""Kept requests after an upgrade, and when one cannot be read: every other patient's goes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from fhir_plugin.adapters.photo_requests import _Clear
from fhir_plugin.adapters.tables import photo_requests
from fhir_plugin.app import install
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.request import PhotoRequest, RequestState, Said
from fhir_plugin.capture.requests.request_json import request_from_json, request_to_json
from fhir_plugin.errors import Tampered
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from mappings.model.identifiers import RequestId
from smart_launch import IssuerRegistry
from tests.capture.bench import SESSION
from tests.capture.requests.bench import Asking


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = install(Settings(state=tmp_path), registry=IssuerRegistry([]), client_keys={})
    yield made
    made.close()


def keep(installation: Installation, name: str, **changed: Any) -> PhotoRequest:
    """One whose link has lapsed."""
    now = installation.clock.now()
    request = replace(
        Asking().prepared(),
        request_id=RequestId(name),
        created=now - dt.timedelta(days=4),
        expires=now - dt.timedelta(days=1),
        state=RequestState.SENT,
        links=1,
        **changed,
    )
    installation.request_parts.requests.add(request)
    return request


def seal_anew(installation: Installation, request_id: str, words: dict[str, Any]) -> None:
    """As another version of this app sealed it."""
    store: Any = installation.request_parts.requests
    where = photo_requests.c.id == request_id
    with installation.database.writing() as connection:
        row = connection.execute(sa.select(photo_requests).where(where)).one()
        sealed = store._rows.seal(_Clear(dict(row._mapping)), words)
        connection.execute(photo_requests.update().where(where).values(sealed=sealed))


def test_one_that_cannot_be_read_stops_no_other_patients(installation: Installation) -> None:
    damaged, whole = keep(installation, "damaged"), keep(installation, "whole")
    words = request_to_json(damaged) | {"said": "Amy wrote this"}
    seal_anew(installation, "damaged", words)
    with capture_logs() as logged:
        installation.resume()
    requests = installation.request_parts.requests
    assert requests.get(whole.request_id).state is RequestState.EXPIRED
    with pytest.raises(Tampered) as raised:
        requests.get(damaged.request_id)
    told = {"event": "request-not-tidied", "request": "damaged", "kind": "Tampered", "log_level": "error"}
    assert told in logged
    assert "Amy" not in f"{logged} {raised.value} {raised.value!r}"
    assert [each.request_id for each in requests.of_patient(damaged.fhir_base, damaged.patient)] == ["whole"]
    assert requests.unreadable(damaged.fhir_base, damaged.patient) == 1
    assert installation.requests.unreadable(SESSION) == 1


def test_what_an_older_version_did_not_know_is_what_the_newer_one_says_by_default(installation: Installation) -> None:
    request = keep(installation, "older", verified=True)
    words = request_to_json(request)
    for name in ("verified", "link_closed"):
        del words[name]
    del words["said"]["child_view"]
    seal_anew(installation, "older", words)
    read = installation.request_parts.requests.get(request.request_id)
    assert read == replace(request, verified=False, said=Said())


def test_what_is_not_known_by_default_or_at_all_is_not_a_request() -> None:
    words = request_to_json(Asking().prepared())
    with pytest.raises(TypeError):
        request_from_json({name: each for name, each in words.items() if name != "patient"})
    with pytest.raises(ValueError, match="other fields"):
        request_from_json({**words, "new": 1})


def test_an_outbox_that_cannot_be_read_stops_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_now: dt.datetime) -> int:
        raise PermissionError("the folder")

    monkeypatch.setattr(installation.request_parts.messages, "forget_expired", broken)
    keep(installation, "whole")
    with capture_logs() as logged:
        assert tidy(installation.request_parts) == 1
    assert logged == [{"event": "outbox-not-tidied", "kind": "PermissionError", "log_level": "error"}]
