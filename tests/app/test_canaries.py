"""No secret is anywhere but where the standard puts it: logs, pages, URLs, disk, objects, errors, processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.app.canary_life import Life, lived
from tests.app.canary_sweep import Found, Sweep, reachable

PEOPLE = ("patient name", "NHS number", "spaced NHS number", "findings", "purpose", "advice")
"""What a page of the patient's own launch shows, or the questions that it asks."""

GIVEN = {"/launch": ("launch handle",), "/callback": ("state", "code", "description", "access token")}
"""What an EHR, or an attacker in its name, puts into the URLs that it sends a browser to."""


@pytest.fixture(scope="module", params=["client_secret_basic", "private_key_jwt"])
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with lived(tmp_path_factory.mktemp("life"), request.param) as life:
        yield life


def test_the_life_was_whole(life: Life) -> None:
    kinds = {name.split(" ")[0] for name in life.sweep.secrets}
    assert {"state", "nonce", "cookie", "code_verifier", "id_token", "CSRF", "pixels", "master", "private"} <= kinds
    assert len(life.children) >= 1 and len(life.errors) >= 10
    assert {each.answer.status_code for each in life.answers} >= {200, 201, 303, 400, 401, 403, 500, 502, 503}
    assert life.world.events.entries and life.world.lines.text
    talked = {line.split(".")[0] for line in life.world.lines.text}
    assert {"urllib3", "smart_launch", "sqlalchemy"} <= talked
    (fell,) = (each for each in life.world.events.entries if each["event"] == "unforeseen")
    assert fell["kinds"][0] == "builtins.RuntimeError" and fell["endpoint"] == "way_in.callback"
    assert any("canary_life" in line for line in fell["lines"])
    assert not any("fell over" in line for line in [*life.world.lines.text, repr(life.world.events.entries)])


def test_every_secret_was_in_play(life: Life) -> None:
    """What the EHR was asked and what browsers were shown and sent holds each, but for what never leaves us."""
    sent = [repr((each.url, dict(each.headers), each.form)).encode() + each.content for each in life.world.ehr.asked]
    shown = [each.answer.data + f"{each.asked} {each.answer.headers}".encode() for each in life.answers]
    came = [*life.given, *(token.encode() for token in life.world.ehr.id_tokens)]
    seen = {found.secret for found in life.sweep.in_bytes(b"\n".join([*sent, *shown, *came]), "traffic")}
    never = {name for name in life.sweep.secrets if name.startswith(("master key", "private key"))}
    never |= {"client secret"} if life.keyed else set()
    assert set(life.sweep.secrets) - seen == never


PLACES: dict[str, Callable[[Sweep, str | bytes, Path], list[Found]]] = {
    "a log": lambda sweep, secret, _: sweep.in_text(repr([{"event": "x", "value": secret}]), "log"),
    "a page": lambda sweep, secret, _: sweep.in_bytes(f"<p>{secret!r}</p>".encode(), "page"),
    "a URL": lambda sweep, secret, _: sweep.in_text(f"/x?y={quote(secret)}", "url"),
    "a file": lambda sweep, secret, folder: _written(sweep, secret, folder),
    "an object": lambda sweep, secret, _: sweep.in_objects(SimpleNamespace(inside=SimpleNamespace(value=secret))),
    "an error": lambda sweep, secret, _: sweep.in_errors([ValueError(f"with {secret!r}")]),
}


def _written(sweep: Sweep, secret: str | bytes, folder: Path) -> list[Found]:
    (folder / "planted").write_bytes(secret.encode("utf-16-le") if isinstance(secret, str) else secret.hex().encode())
    return sweep.in_files(folder)


@pytest.mark.parametrize("place", PLACES)
def test_each_secret_of_this_life_would_be_found(life: Life, place: str, tmp_path: Path) -> None:
    for name, secret in life.sweep.secrets.items():
        assert name in {found.secret for found in PLACES[place](life.sweep, secret, tmp_path)}


def test_nothing_is_in_a_log(life: Life) -> None:
    assert life.sweep.in_text(repr(life.world.events.entries), "structlog") == []
    assert life.sweep.in_text("\n".join(life.world.lines.text), "logging") == []


def test_nothing_is_in_a_page_but_its_own(life: Life) -> None:
    for each in life.answers:
        path = urlsplit(each.asked).path
        away = str(each.answer.headers.get("Location", "")).startswith("https://login.")
        own = ("CSRF", *PEOPLE, "pixels") if path.startswith("/l/") else ("CSRF",)
        sweep = life.sweep.without(*own, *(("state", "nonce", "launch handle") if away else ()))
        if path == "/launch":
            sweep = sweep.without("launch handle", "state", "nonce") if each.answer.status_code == 303 else sweep
        assert sweep.in_bytes(each.answer.data, path) == []


def test_nothing_is_in_a_header_but_its_own(life: Life) -> None:
    for each in life.answers:
        for name, value in each.answer.headers:
            address = urlsplit(value)
            sweep = life.sweep
            if name == "Set-Cookie":
                sweep = sweep.without({"__Host-bid": "cookie", "__Host-csrf": "CSRF cookie"}[value.partition("=")[0]])
            elif name == "Location" and value.startswith("https://login."):
                assert set(parse_qs(address.query)) & {"state", "nonce", "launch", "code_challenge"}
                sweep = sweep.without("state", "nonce", "launch handle")
            elif name == "Location" and address.path == "/launch":
                sweep = sweep.without("launch handle")
            assert sweep.in_text(value, f"{name} of {urlsplit(each.asked).path}") == []


def test_nothing_is_in_a_url_of_our_own(life: Life) -> None:
    for each in life.answers:
        path = urlsplit(each.asked).path
        sweep = life.sweep.without(*GIVEN[path]) if path in GIVEN else life.sweep
        assert sweep.in_text(each.asked, path) == []


def test_nothing_is_in_a_url_that_we_ask_for(life: Life) -> None:
    for asked in life.world.ehr.asked:
        assert life.sweep.in_text(asked.url, asked.path) == []


def test_nothing_is_on_the_disk(life: Life) -> None:
    state = life.installation.settings.state
    names = {path.name for path in state.rglob("*")}
    assert {"plugin.sqlite", "queue.sqlite"} <= names and any((state / "vault").rglob("*"))
    assert life.sweep.in_files(state) == []


def test_nothing_is_in_a_temporary_file(life: Life) -> None:
    assert life.sweep.in_files(life.temporary) == []


def test_nothing_is_in_what_an_object_says(life: Life) -> None:
    names = {type(each).__name__ for each in reachable(life.installation, life.world.app)}
    assert {"Issuer", "SmartClient", "Tokens", "MasterKeys", "ClientKey", "LaunchRecords", "WireTransport"} <= names
    assert life.sweep.in_objects(life.installation, life.world.app) == []


def test_nothing_is_in_an_error(life: Life) -> None:
    assert life.sweep.in_errors(life.errors) == []


def test_nothing_is_in_what_a_child_was_given(life: Life) -> None:
    assert life.sweep.in_processes(life.children) == []
