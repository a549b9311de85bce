"""Launch URLs that an attacker makes (smart-client D1, D2, D4): no stranger is asked, nothing strange passed on."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.app.attacks.conftest import ORIGIN, World
from tests.app.attacks.ehr import BASE, CLIENT, EVIL, LOGIN, OTHER_BASE, OTHER_LOGIN, SECRETS, Said, with_query
from tests.app.attacks.expect import Refusal, assert_refused

UNKNOWN = Refusal(403, "This EHR is not known to the app", "Open the app only from the chart", "unknown-issuer")
MALFORMED = "This link cannot open the app"
HANDLE = SECRETS["launch handle"]

LOOK_ALIKES = {
    "another host": f"{EVIL}/r4",
    "a host that begins like it": "https://fhir.ehr.example.evil.example/r4",
    "a host that ends like it": "https://evil-fhir.ehr.example/r4",
    "its name in capitals": "https://FHIR.EHR.EXAMPLE/r4",
    "a scheme in capitals": "HTTPS://fhir.ehr.example/r4",
    "http": "http://fhir.ehr.example/r4",
    "its port": "https://fhir.ehr.example:443/r4",
    "another port": "https://fhir.ehr.example:8443/r4",
    "an empty port": "https://fhir.ehr.example:/r4",
    "a user name": "https://a@fhir.ehr.example/r4",
    "its name as a user name": "https://fhir.ehr.example@evil.example/r4",
    "its name and a password": "https://fhir.ehr.example:r4@evil.example/",
    "a backslash": "https://fhir.ehr.example\\@evil.example/r4",
    "a backslash for a slash": "https://fhir.ehr.example\\r4",
    "a trailing dot": "https://fhir.ehr.example./r4",
    "a soft hyphen": "https://fhir.ehr\u00ad.example/r4",
    "a full-width letter": "https://fhir.ehr.exampl\uff45/r4",
    "a Cyrillic letter": "https://fhir.еhr.example/r4",
    "its Punycode": "https://xn--fhir-ehr.example/r4",
    "another full stop": "https://fhir\u3002ehr\u3002example/r4",
    "a double slash": "https://fhir.ehr.example//r4",
    "a double slash at its end": f"{BASE}//",
    "a dot segment": "https://fhir.ehr.example/./r4",
    "two dots": "https://fhir.ehr.example/x/../r4",
    "two dots behind": f"{BASE}/../r4",
    "an encoded slash": "https://fhir.ehr.example%2Fr4",
    "an encoded letter": "https://fhir.ehr.example/%72%34",
    "encoded dots": f"{BASE}/%2e%2e/r4",
    "a longer path": f"{BASE}/Patient",
    "a shorter path": "https://fhir.ehr.example",
    "a path in capitals": "https://fhir.ehr.example/R4",
    "a query": f"{BASE}?x=y",
    "an empty query": f"{BASE}?",
    "a fragment": f"{BASE}#x",
    "a path parameter": f"{BASE};x",
    "a blank before": f" {BASE}",
    "a blank behind": f"{BASE} ",
    "a line break": f"{BASE}\r\nX-Told: 1",
    "a null": f"{BASE}\x00",
    "a byte order mark": f"\ufeff{BASE}",
    "two addresses": f"{BASE},{EVIL}",
    "no scheme": "fhir.ehr.example/r4",
    "no scheme but slashes": "//fhir.ehr.example/r4",
    "a letter missing": "https://fhir.ehr.exampl/r4",
    "its name in the registry": "ehr",
}
INSIDE = {
    "this machine": "http://127.0.0.1/fhir",
    "this machine by name": "http://localhost:5432/",
    "this machine in IPv6": "http://[::1]/fhir",
    "this machine mapped into IPv6": "http://[::ffff:127.0.0.1]/fhir",
    "this machine as a number": "http://2130706433/",
    "this machine in octal": "http://0177.0.0.1/",
    "this machine in hexadecimal": "http://0x7f.1/",
    "every address": "http://0.0.0.0/",
    "a private network": "https://10.0.0.7/fhir",
    "a cloud's secrets": "http://169.254.169.254/latest/meta-data/iam",
    "a cloud's secrets by name": "http://metadata.google.internal/computeMetadata/v1/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp": "ftp://127.0.0.1/",
    "dict": "dict://127.0.0.1:11211/stat",
    "a socket": "unix:///var/run/docker.sock",
    "script": "javascript:alert(1)",
    "data": "data:application/json,{}",
    "ourselves": ORIGIN,
    "our own launch": f"{ORIGIN}/launch",
}


@pytest.mark.parametrize("name", [*LOOK_ALIKES, *INSIDE])
def test_an_unknown_iss_asks_nobody(world: World, name: str) -> None:
    iss = {**LOOK_ALIKES, **INSIDE}[name]
    visitor, kept, waiting = world.visitor(), world.kept(), world.waiting()
    answer = visitor.launch(iss=iss)
    assert_refused(visitor, answer, UNKNOWN, kept)
    assert world.ehr.asked == []
    assert world.waiting() == waiting
    assert "evil.example" not in answer.text + str(answer.headers)
    assert not [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith("__Host-bid=")]


LAUNCHES: dict[str, tuple[list[tuple[str, str]], Refusal]] = {
    "nothing": ([], Refusal(400, MALFORMED, "bookmark", "no-launch")),
    "no iss": ([("launch", HANDLE)], Refusal(400, MALFORMED, "bookmark", "no-launch")),
    "empty iss": ([("iss", ""), ("launch", HANDLE)], Refusal(400, MALFORMED, "bookmark", "no-launch")),
    "no launch": ([("iss", BASE)], Refusal(400, MALFORMED, "bookmark", "no-launch")),
    "two iss": (
        [("iss", BASE), ("iss", EVIL), ("launch", HANDLE)],
        Refusal(400, MALFORMED, "bookmark", "repeated-parameter"),
    ),
    "two launches": (
        [("iss", BASE), ("launch", HANDLE), ("launch", "x")],
        Refusal(400, MALFORMED, "bookmark", "repeated-parameter"),
    ),
    "endless launch": (
        [("iss", BASE), ("launch", "x" * 20_000)],
        Refusal(400, MALFORMED, "bookmark", "parameter-too-long"),
    ),
}


@pytest.mark.parametrize("name", LAUNCHES)
def test_a_launch_url_that_is_none(world: World, name: str) -> None:
    fields, expected = LAUNCHES[name]
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.get(with_query("/launch", fields)), expected, kept)
    assert world.ehr.asked == []


SMUGGLED = {
    "redirect_uri": f"{EVIL}/callback",
    "client_id": "evil",
    "state": "fixed-by-an-attacker",
    "nonce": "fixed-by-an-attacker",
    "code_challenge": "fixed-by-an-attacker",
    "code_challenge_method": "plain",
    "response_type": "token",
    "response_mode": "query",
    "scope": "system/*.cruds",
    "aud": EVIL,
    "next": EVIL,
    "return_to": EVIL,
    "login_hint": "evil",
    "prompt": "none",
}


def test_no_parameter_of_a_launch_url_but_iss_and_launch_is_passed_on(world: World) -> None:
    answer = world.visitor().launch(**SMUGGLED)
    assert answer.status_code == 303
    address = urlsplit(str(answer.headers["Location"]))
    fields = parse_qs(address.query, strict_parsing=True)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{LOGIN}/authorize"
    assert all(len(values) == 1 for values in fields.values())
    assert set(fields) == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "aud"),
        *("code_challenge", "code_challenge_method", "launch", "nonce"),
    }
    assert fields["redirect_uri"] == [f"{ORIGIN}/callback"]
    assert (fields["client_id"], fields["aud"], fields["response_type"]) == ([CLIENT], [BASE], ["code"])
    assert fields["code_challenge_method"] == ["S256"]
    assert not {value for values in fields.values() for value in values} & set(SMUGGLED.values())


HANDLES = [
    "a&redirect_uri=https://evil.example",
    "a#b",
    "a\r\nLocation: https://evil.example",
    "é\u2028",
    "%26x=y",
    "a;b",
]


@pytest.mark.parametrize("handle", HANDLES)
def test_a_launch_handle_stays_one_parameter(world: World, handle: str) -> None:
    answer = world.visitor().launch(launch=handle)
    address = str(answer.headers["Location"])
    assert parse_qs(urlsplit(address).query)["launch"] == [handle]
    assert urlsplit(address).fragment == "" and "\n" not in address and "\r" not in address
    assert len(answer.headers.getlist("Location")) == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "app.example.evil.example", "evil.example:443", "app.example@evil.example"]
)
def test_the_host_that_a_request_claims_is_not_believed(world: World, host: str) -> None:
    visitor = world.visitor()
    visitor.client.environ_base["HTTP_X_FORWARDED_HOST"] = host
    visitor.client.environ_base["HTTP_FORWARDED"] = f"host={host}"
    visitor.client.environ_base["HTTP_HOST"] = host
    answer = visitor.launch()
    assert "evil.example" not in str(answer.headers)
    if answer.status_code == 303 and str(answer.headers["Location"]).startswith(LOGIN):
        assert parse_qs(urlsplit(str(answer.headers["Location"])).query)["redirect_uri"] == [f"{ORIGIN}/callback"]


@pytest.mark.parametrize(
    "name", ["nobody", "EHR", "ehr%2f..", "..%2fehr", "%2e%2e", quote(BASE, safe=""), "ehr ", "ehr%00", "é", "x" * 5000]
)
def test_a_standalone_launch_at_an_ehr_that_nobody_registered(world: World, name: str) -> None:
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.get(f"/standalone/{name}")
    assert answer.status_code in (403, 404)
    assert world.ehr.asked == [] and world.kept() == kept
    assert EVIL not in answer.text


def test_an_ehr_cannot_send_codes_or_secrets_to_another(world: World) -> None:
    """A registered EHR that turns evil names another's token endpoint, to be given its codes (mix-up, D2)."""
    evil = {
        "issuer": OTHER_LOGIN,
        "authorization_endpoint": f"{OTHER_LOGIN}/authorize",
        "token_endpoint": f"{LOGIN}/token",
        "code_challenge_methods_supported": ["S256"],
    }
    world.ehr.answers[f"{OTHER_BASE}/.well-known/smart-configuration"] = Said(200, evil)
    visitor, kept = world.visitor(), world.kept()
    expected = Refusal(502, "Your EHR's sign-in cannot be used", "service desk", "discovery-endpoint")
    assert_refused(visitor, visitor.launch(iss=OTHER_BASE), expected, kept)
