"""Who is counted for guesses at links: the address that our own proxies saw, and never one that a visitor claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fhir_plugin.app import create_app, install
from fhir_plugin.capture.requests.link import MOST_GUESSES
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry

PROXY = "198.51.100.1"


def statuses(state: Path, proxies: int, chains: list[str]) -> list[int]:
    settings = Settings(state=state, base_url="https://app.example", trusted_proxies=proxies)
    installation = install(settings, registry=IssuerRegistry([]), client_keys={})
    try:
        client = create_app(installation).test_client()
        return [
            client.get(
                f"/p/{'a' * 43}",
                base_url="https://app.example",
                headers={"X-Forwarded-For": chain},
                environ_base={"REMOTE_ADDR": PROXY},
            ).status_code
            for chain in chains
        ]
    finally:
        installation.close()


GUESSER = ["192.0.2.1"] * (MOST_GUESSES + 1)


def test_behind_one_proxy_each_address_has_a_limit_of_its_own(tmp_path: Path) -> None:
    assert statuses(tmp_path, 1, [*GUESSER, "192.0.2.2"]) == [404] * MOST_GUESSES + [429, 404]


def test_what_a_visitor_claims_in_front_of_our_proxies_is_not_believed(tmp_path: Path) -> None:
    claims = [f"203.0.113.{number}, 192.0.2.1" for number in range(MOST_GUESSES + 1)]
    assert statuses(tmp_path, 1, claims)[-1] == 429


def test_behind_two_proxies_the_second_to_last_is_counted(tmp_path: Path) -> None:
    chains = [f"{each}, 198.51.100.2" for each in [*GUESSER, "192.0.2.2"]]
    assert statuses(tmp_path, 2, chains) == [404] * MOST_GUESSES + [429, 404]


def test_without_the_setting_the_header_is_not_believed(tmp_path: Path) -> None:
    claims = [f"203.0.113.{number}" for number in range(MOST_GUESSES + 1)]
    assert statuses(tmp_path, 0, claims) == [404] * MOST_GUESSES + [429]


@pytest.mark.parametrize("number", ["-1", "9", "many"])
def test_a_number_that_no_network_has_is_refused(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PLUGIN_TRUSTED_PROXIES", number)
    with pytest.raises(ValidationError):
        Settings()
