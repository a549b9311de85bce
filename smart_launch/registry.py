"""The EHRs that may launch us. An issuer that is not written here gets no request and no secret.

One entry per FHIR base, with a client id and secret or key of its own, so that a counterfeit or broken server
never sees what belongs to another (HL7/smart-app-launch#230). Kept as TOML::

    [[issuer]]
    name = "trust-a"                             # short, stable; may be part of the redirect URI
    iss = "https://fhir.trust-a.example/r4"
    client_id = "photographs"
    auth_method = "private_key_jwt"              # or "client_secret_basic", "none"
    key_algorithm = "ES384"                      # or: key_id = "2025-11", or: client_secret_ref = "TRUST_A"
    expected_issuer = "https://login.trust-a.example"
    allowed_hosts = ["login.trust-a.example"]    # where its endpoints may live, beside the host of iss
    scopes = ["openid", "fhirUser", "user/Media.cruds"]
    frame_ancestors = ["https://ehr.trust-a.example"]
    vendor = "hapi"
    contact = "the records team, extension 1234"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from smart_launch.addresses import is_loopback_name
from smart_launch.errors import Misconfigured, UnknownIssuer
from smart_launch.scope import is_launch_scope
from smart_launch.urls import host_of, is_safe_endpoint

AuthMethod = Literal["none", "client_secret_basic", "private_key_jwt"]
AUTH_METHODS: tuple[AuthMethod, ...] = ("none", "client_secret_basic", "private_key_jwt")
KEY_ALGORITHMS = ("", "RS384", "ES384")
ID_TOKEN_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
"""What a registry entry may allow. No symmetric algorithm: a public key must never serve as a secret."""

_IDENTITY = frozenset({"openid", "fhirUser", "profile"})
_STAFF = ("user/Practitioner.", "user/PractitionerRole.")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SANDBOX_REST = re.compile(r"(?:/[A-Za-z0-9_~=+,-][A-Za-z0-9_.~=+,-]*)*/?")
_ANCESTOR = re.compile(r"https://[A-Za-z0-9*.-]+(?::\d+)?|http://(?:[a-z0-9-]+\.)*(?:localhost|127\.0\.0\.1)(?::\d+)?")


@dataclass(frozen=True)
class Issuer:
    """One registered EHR: all that is trusted about it before it is asked anything."""

    name: str
    iss: str
    """The FHIR base, as the EHR sends it in `iss`; a trailing slash does not matter."""
    client_id: str
    auth_method: AuthMethod = "none"
    client_secret: str = field(default="", repr=False)
    key_id: str = ""
    """The `kid` of our signing key for this EHR: one that stays."""
    key_algorithm: Literal["", "RS384", "ES384"] = ""
    """Instead of `key_id`: sign with whichever key of that algorithm is current, so that keys may rotate."""
    jku: str = ""
    """Where our public keys are, exactly as registered with the EHR; sent in assertions if set."""
    encode_basic: bool = False
    """Form-encode id and secret before Basic (RFC 6749 2.3.1) instead of SMART's plain join (SMART-R345)."""
    expected_issuer: str = ""
    """The OAuth issuer its configuration must name; empty: whichever it names."""
    allowed_hosts: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    privileged_scopes: tuple[str, ...] = ()
    """What a privileged launch asks for instead, for the few people whose work needs more. Empty: there is none."""
    frame_ancestors: tuple[str, ...] = ()
    vendor: str = "unknown"
    id_token_algorithms: tuple[str, ...] = ("RS256",)
    require_s256: bool = True
    """Whether its configuration must advertise S256. We send S256 in any case (client-js#174)."""
    require_nonce: bool = False
    """Whether an id_token without the nonce we sent is refused. A wrong nonce always is."""
    private_network: bool = False
    """Whether its hosts may live at private addresses: an EHR inside the organisation's own network."""
    contact: str = ""
    """Whom people of this EHR ask when they cannot go on: shown to them."""
    default_role: str = ""
    """What somebody without a known role is taken for. Sandbox only: real people have real roles."""
    sandbox: bool = False
    """For trials, never real patients."""
    prefix: bool = False
    """Whether `iss` is only a beginning (the public SMART launcher adds its settings). Sandbox only."""

    def __post_init__(self) -> None:
        problem = _problem_of(self)
        if problem:
            raise Misconfigured(f"Issuer {self.name[:63]!r}: {problem}.")

    @property
    def fhir_base(self) -> str:
        """The FHIR base without a trailing slash."""
        return self.iss.rstrip("/")

    @property
    def identity_scopes(self) -> tuple[str, ...]:
        """Those of `scopes` that tell who signs in and what their job is, and open nobody's record."""
        return tuple(each for each in self.scopes if each in _IDENTITY or each.startswith(_STAFF))

    def trusts_endpoint(self, url: str) -> bool:
        """Whether one of its endpoints may live at this URL: safe, and on a host that was registered."""
        return is_safe_endpoint(url) and host_of(url) in self.allowed_hosts | {host_of(self.iss)}


def _all_scopes(issuer: Issuer) -> tuple[str, ...]:
    return (*issuer.scopes, *issuer.privileged_scopes)


def _launch_scopes(issuer: Issuer) -> list[str]:
    return [scope for scope in _all_scopes(issuer) if scope.startswith("launch/")]


def _problem_of(issuer: Issuer) -> str:
    checks = (
        (bool(_NAME.fullmatch(issuer.name)), "name must be lower-case letters, digits and hyphens"),
        (is_safe_endpoint(issuer.iss) and "?" not in issuer.iss, "iss must be an https URL without a query"),
        (bool(issuer.client_id), "client_id is missing"),
        (issuer.auth_method in AUTH_METHODS, "auth_method must be one of " + ", ".join(AUTH_METHODS)),
        (
            issuer.auth_method != "client_secret_basic" or bool(issuer.client_secret),
            "client_secret_basic needs a secret",
        ),
        (issuer.auth_method == "client_secret_basic" or not issuer.client_secret, "a secret has no use here"),
        (
            issuer.auth_method != "private_key_jwt" or bool(issuer.key_id) != bool(issuer.key_algorithm),
            "private_key_jwt needs either a key_id or a key_algorithm",
        ),
        (issuer.key_algorithm in KEY_ALGORITHMS, "key_algorithm must be RS384 or ES384"),
        (not issuer.jku or is_safe_endpoint(issuer.jku), "jku must be an https URL"),
        (
            bool(issuer.id_token_algorithms) and set(issuer.id_token_algorithms) <= ID_TOKEN_ALGORITHMS,
            "id_token_algorithms must be asymmetric",
        ),
        (issuer.sandbox or not issuer.prefix, "only a sandbox may be matched by prefix"),
        (issuer.sandbox or not issuer.default_role, "only a sandbox may give a role to people without one"),
        (issuer.contact.isprintable() and len(issuer.contact) <= 200, "contact must be one short line"),
        (
            issuer.sandbox or not is_loopback_name(host_of(issuer.iss)),
            "an EHR on this machine must be marked as sandbox",
        ),
        (
            all(_ANCESTOR.fullmatch(ancestor) for ancestor in issuer.frame_ancestors),
            "frame_ancestors must be https origins",
        ),
        (all(scope and not re.search(r"\s", scope) for scope in _all_scopes(issuer)), "scopes is a list of words"),
        (all(map(is_launch_scope, _launch_scopes(issuer))), "a launch scope names one resource type and one role"),
    )
    return next((says for holds, says in checks if not holds), "")


class IssuerRegistry:
    """All registered EHRs. Asking it makes no request."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        self._issuers = tuple(issuers)
        for what in ("name", "fhir_base"):
            seen = [getattr(issuer, what) for issuer in self._issuers]
            if len(set(seen)) != len(seen):
                raise Misconfigured(f"Two issuers have the same {what}.")

    def __iter__(self) -> Iterator[Issuer]:
        return iter(self._issuers)

    def __len__(self) -> int:
        return len(self._issuers)

    @property
    def private_hosts(self) -> frozenset[str]:
        """The hosts of the entries with `private_network`, for `Transport(allowed_private_hosts=...)`."""
        inside = [issuer for issuer in self._issuers if issuer.private_network]
        return frozenset().union(*(issuer.allowed_hosts | {host_of(issuer.iss)} for issuer in inside))

    def find(self, iss: str) -> Issuer:
        """The entry of an `iss`, compared character by character but for a trailing slash.

        A sandbox entry with `prefix` comes back with the whole `iss`. Raises `UnknownIssuer`.
        """
        base = iss.removesuffix("/") if isinstance(iss, str) else ""
        for issuer in self._issuers:
            if issuer.fhir_base == base:
                return issuer
        for issuer in self._issuers:
            rest = base.removeprefix(issuer.fhir_base)
            if issuer.prefix and rest != base and _SANDBOX_REST.fullmatch(rest):
                return replace(issuer, iss=base)
        raise UnknownIssuer("The EHR that started this launch is not registered with this app.")

    def named(self, name: str) -> Issuer:
        """The entry of that name. Raises `UnknownIssuer`."""
        for issuer in self._issuers:
            if issuer.name == name:
                return issuer
        raise UnknownIssuer("No EHR of that name is registered with this app.")


def read_registry(text: str, *, secret: Callable[[str], str] | Mapping[str, str] | None = None) -> IssuerRegistry:
    """The registry written in a TOML text.

    `secret` gives the value for a `client_secret_ref`, so that the file itself need hold none.
    Raises `Misconfigured`, naming the entry and the line of trouble but no value.
    """
    problem = ""
    tables: Any = []
    try:
        tables = tomllib.loads(text).get("issuer", [])
    except tomllib.TOMLDecodeError:
        problem = "The issuer registry is not valid TOML."
    if not problem and not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        problem = "The issuer registry must be a list of [[issuer]] tables."
    if problem:
        raise Misconfigured(problem)
    return IssuerRegistry([_read_issuer(table, secret) for table in tables])


def load_registry(path: Path, *, secret: Callable[[str], str] | Mapping[str, str] | None = None) -> IssuerRegistry:
    """The registry written in a TOML file; see `read_registry`."""
    return read_registry(path.read_text("utf-8"), secret=secret)


def _read_issuer(table: Mapping[str, Any], secret: Callable[[str], str] | Mapping[str, str] | None) -> Issuer:
    values = dict(table)
    name = str(values.get("name", "?"))[:63]
    reference = values.pop("client_secret_ref", None)
    if reference is not None:
        values["client_secret"] = _look_up_secret(reference, secret, name)
    known = {known.name: known for known in fields(Issuer)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise Misconfigured(f"Issuer {name!r}: unknown setting {unknown[0][:40]!r}.")
    missing = sorted({"name", "iss", "client_id"} - set(values))
    if missing:
        raise Misconfigured(f"Issuer {name!r}: {missing[0]} is missing.")
    for setting, value in values.items():
        wanted = str(known[setting].type)
        if wanted.startswith(("tuple", "frozenset")):
            if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
                raise Misconfigured(f"Issuer {name!r}: {setting} must be a list of texts.")
            values[setting] = tuple(value) if wanted.startswith("tuple") else frozenset(item.lower() for item in value)
        elif not isinstance(value, bool if wanted == "bool" else str):
            raise Misconfigured(f"Issuer {name!r}: {setting} has the wrong type.")
    return Issuer(**values)


def _look_up_secret(reference: Any, secret: Callable[[str], str] | Mapping[str, str] | None, name: str) -> str:
    found = None
    if isinstance(reference, str) and secret is not None:
        try:
            found = secret(reference) if callable(secret) else secret[reference]
        except KeyError:
            found = None
    if not found:
        raise Misconfigured(f"Issuer {name!r}: the secret it refers to is not set.")
    return found
