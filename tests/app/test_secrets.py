"""Secrets outside the issuers file: found by name, never by path, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_plugin.adapters.secrets_folder import SecretsFolder
from fhir_plugin.app import install
from fhir_plugin.errors import Unavailable
from fhir_plugin.settings import Settings
from smart_launch import ClientKey, NotSent
from tests.smart_launch.loopback import always, answer, certificate_for, serving

ISSUERS = """
[[issuer]]
name = "basic"
iss = "https://one.example/fhir"
client_id = "app"
auth_method = "client_secret_basic"
client_secret_ref = "basic-secret"

[[issuer]]
name = "key"
iss = "https://two.example/fhir"
client_id = "app"
auth_method = "private_key_jwt"
key_id = "app-1"
private_network = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "basic-secret").write_text("canary-secret-value\n")
    (folder / "app-1.pem").write_bytes(ClientKey.generate("app-1").as_pem())
    return folder


def settings(tmp_path: Path, folder: Path | None) -> Settings:
    file = tmp_path / "issuers.toml"
    file.write_text(ISSUERS)
    return Settings(state=tmp_path / "state", issuers_file=file, secrets=folder)


def test_an_installation_finds_its_secrets_and_keys(tmp_path: Path, folder: Path) -> None:
    installation = install(settings(tmp_path, folder))
    try:
        assert installation.registry.named("basic").client_secret == "canary-secret-value"
        assert installation.client_keys.fixed == {"app-1": "ES384"}
        assert installation.registry.private_hosts == {"two.example"}
        assert "canary" not in repr(installation.registry.named("basic"))
    finally:
        installation.close()


def test_an_authority_of_the_organisation_s_own_is_trusted_instead(tmp_path: Path, folder: Path) -> None:
    context, bundle = certificate_for("127.0.0.1", tmp_path)
    codes = []
    with serving(always(answer()), tls=context) as server:
        for trusted in (Path(bundle), None):
            given = settings(tmp_path, folder).model_copy(update={"ca_bundle": trusted})
            installation = install(given)
            try:
                codes.append(str(installation.transport.send("GET", f"https://127.0.0.1:{server.port}/").status))
            except NotSent as error:
                codes.append(error.code)
            finally:
                installation.close()
    assert codes == ["200", "tls"]


def test_a_file_of_issuers_that_is_named_and_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not there"):
        install(Settings(state=tmp_path / "state", issuers_file=tmp_path / "none.toml"))


def test_a_missing_secret_names_its_issuer(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="basic"):
        install(settings(tmp_path, None))


@pytest.mark.parametrize("name", ["../issuers.toml", "/etc/hostname", "", ".", "a/b", "none-such"])
def test_a_name_is_not_a_path(folder: Path, name: str) -> None:
    (folder.parent / "issuers.toml").write_text("outside")
    with pytest.raises(KeyError):
        SecretsFolder(folder).secret(name)


def test_what_is_no_key_is_said_to_be_none(folder: Path) -> None:
    (folder / "broken.pem").write_text("canary: not a key")
    with pytest.raises(Unavailable, match=r"broken\.pem") as told:
        SecretsFolder(folder).client_keys()
    assert "canary" not in str(told.value)
