"""What the server says of itself is valid, is what it does, and is the same as the published files."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from fhir.resources.R4B.operationdefinition import OperationDefinition

from fhir_plugin.web.machines.outcome import CODES
from fhir_plugin.web.machines.pages import SCOPE
from smart_launch import Issuer, discover, request_system_grant
from tests.definitions.validator import issues
from tests.fakes.transport import Answer, ScriptedTransport
from tests.machines.conftest import BASE, TOKEN_URL, Shop
from tests.machines.records import bundle, observation, parameters, patient, photograph, report

Json = dict[str, Any]


def published(name: str) -> Any:
    return json.loads((resources.files("mappings.profiles") / "operations" / f"{name}.json").read_text("utf-8"))


def got(shop: Shop, path: str) -> Any:
    answer = shop.http.get(f"/fhir/{path}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return json.loads(answer.data)


def test_the_capability_statement_is_valid_and_the_published_one(shop: Shop) -> None:
    said = got(shop, "metadata")
    assert issues(said) == []
    assert said["implementation"]["url"] == BASE
    assert said["rest"][0]["security"]["extension"][0]["extension"] == [{"url": "token", "valueUri": TOKEN_URL}]
    del said["software"]["version"]
    assert json.dumps(said).replace(BASE, "{base}") == json.dumps(published("capability-statement"))


def test_it_names_the_operation_that_is_there(shop: Shop) -> None:
    operations = got(shop, "metadata")["rest"][0]["operation"]
    definition = got(shop, "OperationDefinition/redact")
    assert [one["definition"] for one in operations] == [f"{definition['url']}|{definition['version']}"]
    assert operations[0]["name"] == definition["code"] == "redact"
    assert definition["url"] == SCOPE
    assert definition == published("redact")
    OperationDefinition.model_validate(definition)  # R4B has the elements of R4 here


def test_every_parameter_that_comes_back_is_defined(shop: Shop) -> None:
    """And every one that is defined comes back, when there is something for it."""
    unread = {**observation(), "id": "odd-1", "meta": {"security": [{"system": "urn:x", "code": "y"}]}}
    everything = bundle(patient(), photograph(), report(), unread)
    asked = parameters(everything, mode="marked", recipient="Example Insurance", report=True)
    answer = json.loads(shop.redact(asked).data)
    assert issues({**answer, "parameter": answer["parameter"][1:]}) == []
    defined = {each["name"]: each for each in published("redact")["parameter"] if each["use"] == "out"}
    assert names(answer["parameter"], defined) == set(paths(defined.values()))
    into = {each["name"]: each for each in published("redact")["parameter"] if each["use"] == "in"}
    assert names(asked["parameter"], into) == set(paths(into.values()))


def names(given: list[Json], defined: dict[str, Json], above: str = "") -> set[str]:
    found: set[str] = set()
    for each in given:
        definition = defined[each["name"]]
        kinds = {"resource": "Resource", "part": None}
        value = next(key for key in each if key != "name")
        expected = kinds.get(value, value.removeprefix("value")[:1].lower() + value.removeprefix("value")[1:])
        assert definition.get("type") == expected, each["name"]
        found.add(above + each["name"])
        inner = {one["name"]: one for one in definition.get("part", [])}
        found |= names(each.get("part", []), inner, f"{above}{each['name']}.")
    least = {name for name, one in defined.items() if one["min"] > 0}
    assert least <= {each["name"] for each in given}
    return found


def paths(defined: Any, above: str = "") -> list[str]:
    return [
        path
        for each in defined
        for path in [above + each["name"], *paths(each.get("part", []), f"{above}{each['name']}.")]
    ]


def test_our_own_client_finds_its_way(shop: Shop) -> None:
    """Discovery, token and scope, by the SMART client of this project, over what the server really answers."""
    issuer = Issuer(
        name="ours",
        iss=BASE,
        client_id="claims",
        auth_method="private_key_jwt",
        key_id="claims-1",
        scopes=(SCOPE,),
    )
    carrier = Carrier(shop)
    configuration = discover(issuer, carrier)
    assert configuration.token_endpoint == TOKEN_URL
    grant = request_system_grant(
        issuer, configuration, carrier, scopes=(SCOPE,), key=shop.keys["claims"], now=shop.clock.now()
    )
    assert grant.scopes.includes(SCOPE)
    headers = {"Content-Type": "application/fhir+json", **grant.header_for(f"{BASE}/$redact")}
    assert shop.http.post("/fhir/$redact?purpose=insurer", json=observation(), headers=headers).status_code == 200


class Carrier(ScriptedTransport):
    """Carries requests into the app instead of the network."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self._shop = shop

    def send(self, method: str, url: str, **options: Any) -> Any:
        path = url.removeprefix("https://images.example")
        answer = self._shop.http.open(path, method=method, headers=options.get("headers"), data=options.get("form"))
        return Answer(answer.status_code, answer.data, answer.content_type).reply(url)


def test_our_codes_have_one_system() -> None:
    assert CODES.startswith("urn:fhir-plugin:")
