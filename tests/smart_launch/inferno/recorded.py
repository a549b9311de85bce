"""What a tester tells Inferno about an app, and what Inferno remembers of the requests it then gets."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.smart_launch.inferno.signatures import Fetch

AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN = "authorization_code", "client_credentials", "refresh_token"
ASYMMETRIC, SYMMETRIC, PUBLIC = "confidential_asymmetric", "confidential_symmetric", "public"


class Tag(Enum):
    """Which endpoint was asked (`tags.rb`)."""

    AUTHORIZATION = "authorization"
    TOKEN = "token"
    INTROSPECTION = "introspection"
    ACCESS = "access"


class ClientType(Enum):
    """The four kinds of clients (`client_options.rb`): OAuth flow and way of authentication."""

    ALCA = (AUTHORIZATION_CODE, ASYMMETRIC)
    ALCS = (AUTHORIZATION_CODE, SYMMETRIC)
    ALP = (AUTHORIZATION_CODE, PUBLIC)
    BSCA = (CLIENT_CREDENTIALS, ASYMMETRIC)

    @property
    def flow(self) -> str:
        return self.value[0]

    @property
    def authentication(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class Registration:
    """The inputs of a test session. Lists of URLs are comma-separated; `jwks` is a URL or the JSON itself."""

    client_type: ClientType
    client_id: str
    launch_urls: str = ""
    redirect_uris: str = ""
    jwks: str = ""
    secret: str = ""
    launch_context: str = ""
    fhir_user: str = ""
    resources: tuple[Mapping[str, Any], ...] = ()
    echoed: str = ""


@dataclass(frozen=True)
class Recorded:
    """One request and its answer. Names of headers are in lower case."""

    tag: Tag
    verb: str
    url: str
    headers: Mapping[str, str]
    body: str
    status: int
    answer_headers: Mapping[str, str]
    answer: str
    received: float = field(default_factory=time.time)
    """In Unix seconds."""

    @property
    def query(self) -> dict[str, str | list[str]]:
        """As Rack reads a query: a repeated parameter is a list."""
        return _as_rack(urlsplit(self.url).query)

    @property
    def posted(self) -> dict[str, str | list[str]]:
        """As Rack reads a form."""
        return _as_rack(self.body)

    @property
    def form(self) -> dict[str, str]:
        """As `URI.decode_www_form(...).to_h` reads a form: the last one wins."""
        return dict(parse_qsl(self.body, keep_blank_values=True))


def _as_rack(text: str) -> dict[str, str | list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


@dataclass
class Session:
    """One test session: a registered app, the handle for its EHR launches, and all that it has asked."""

    registration: Registration
    fhir_base: str
    token_url: str
    fetch: Fetch | None = None
    requests: list[Recorded] = field(default_factory=list)
    launch_key: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def client_id(self) -> str:
        return self.registration.client_id

    @property
    def launch_links(self) -> list[str]:
        """The links that the waiting dialog offers, one for each launch URL."""
        query = urlencode({"iss": self.fhir_base, "launch": self.launch_key})
        return [f"{url.strip()}?{query}" for url in self.registration.launch_urls.split(",") if url.strip()]

    def tagged(self, tag: Tag, grant_type: str | None = None) -> list[Recorded]:
        """In the order in which they came."""
        found = [each for each in self.requests if each.tag is tag]
        return found if grant_type is None else [each for each in found if each.form.get("grant_type") == grant_type]

    def authorization_of(self, code: str) -> Recorded | None:
        """The authorization request that was answered with this code."""
        for each in self.tagged(Tag.AUTHORIZATION):
            query = urlsplit(each.answer_headers.get("location", "")).query
            if dict(parse_qsl(query)).get("code") == code:
                return each
        return None


def authorization_details(request: Recorded) -> dict[str, str | list[str]]:
    """The parameters of an authorization request, from its query or, if it was posted, its body."""
    return request.query if request.verb == "GET" else request.posted
