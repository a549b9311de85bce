"""What an EHR that nobody trusts yet says about itself, asked without a token, a secret or a user.

Its SMART configuration decides; its OpenID configuration, key set and CapabilityStatement are looked at where they
are offered. Nothing that it says changes what is asked next but those addresses, and each must be https, public
(unless the administrator said otherwise) and on a host that the administrator is shown.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_plugin.adapters.fhir_capability import ACCEPTED_VERSIONS
from fhir_plugin.errors import PluginError, Refused, Unavailable
from smart_launch import (
    DiscoveryError,
    Issuer,
    NotSent,
    Reply,
    ReplyTooLarge,
    SmartConfiguration,
    SmartError,
    Transport,
    TransportError,
    UnusableReply,
)
from smart_launch.addresses import is_loopback_name
from smart_launch.discovery import fetch_document, read_configuration
from smart_launch.registry import ID_TOKEN_ALGORITHMS
from smart_launch.urls import host_of, is_safe_endpoint, resolve, well_known

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 10.0, 20.0
"""An administrator waits at a prompt: shorter than for a launch."""
_STATEMENT_BYTES = 16 * 2**20
_ADDRESSES = (
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint",
    "management_endpoint",
)  # fmt: skip
_OURS_TO_MEND = {
    "insecure-url": "An EHR is reached by https only, unless it is on this machine.",
    "bad-url": "That is not the address of a FHIR server.",
    "bad-request": "That is not the address of a FHIR server.",
    "blocked-address": "That host is at a private address. Say --private-network if it is inside your own network.",
}


@dataclass(frozen=True)
class Introduction:
    """One EHR's own words, read and judged safe to show. What could not be read says why in a `..._problem`."""

    configuration: SmartConfiguration
    id_token_algorithms: frozenset[str] = frozenset()
    openid_problem: str = ""
    keys: Mapping[str, int] = field(default_factory=dict)
    """How many usable public keys there are of each kind: `RSA`, `P-256`, `P-384`, `P-521`."""
    keys_problem: str = ""
    fhir_version: str = ""
    software: str = ""
    statement_problem: str = ""
    clock_ahead: float | None = None
    """By how many seconds its clock is ahead of ours; None if it did not say."""

    @property
    def speaks_r4(self) -> bool:
        return bool(ACCEPTED_VERSIONS.match(self.fhir_version))

    def has_key_for(self, algorithm: str) -> bool:
        """Whether one of its keys could have made a signature of this algorithm."""
        return self.keys.get(_KIND_OF.get(algorithm, "RSA"), 0) > 0


_KIND_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class Conversation(Transport):
    """A transport for looking at EHRs that remembers the newest answer's status and clock."""

    def __init__(self, private_hosts: frozenset[str] = frozenset(), *, ca_bundle: Path | None = None) -> None:
        super().__init__(
            allowed_private_hosts=private_hosts,
            ca_bundle=str(ca_bundle) if ca_bundle else None,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            total_timeout=TOTAL_SECONDS,
        )
        self.status = 0
        self.date = ""

    def send(self, method: str, url: str, **options: Any) -> Reply:
        self.status, self.date = 0, ""
        reply = super().send(method, url, **options)
        self.status, self.date = reply.status, reply.headers.get("Date", "")
        return reply


def fetch_configuration(fhir_base: str, conversation: Conversation) -> Mapping[str, Any]:
    """The SMART configuration document, not judged yet.

    Raises `Refused` for an address that may not be asked or a document that is none, `Unavailable` when nothing
    usable came back this time.
    """
    if not (is_safe_endpoint(fhir_base) and _is_plain(fhir_base)) or "?" in fhir_base:
        code = "insecure-url" if _is_plain(fhir_base) and re.match(r"http://[^/@#?:]", fhir_base) else "bad-url"
        raise Refused(_OURS_TO_MEND[code], code=code)
    try:
        return fetch_document(conversation, well_known(fhir_base, "smart-configuration"), "SMART configuration")
    except SmartError as error:
        raise in_our_words(error, conversation.status) from None


def in_our_words(error: SmartError, status: int = 0) -> PluginError:
    """Who must act: the administrator (`Refused`), or nobody but time (`Unavailable`)."""
    if isinstance(error, NotSent) and error.code in _OURS_TO_MEND:
        return Refused(_OURS_TO_MEND[error.code], code=error.code)
    busy = status == 429 or status >= 500
    if isinstance(error, TransportError) and not isinstance(error, ReplyTooLarge):
        return Unavailable(f"The EHR cannot be reached ({error.code}). {error.message}", code=error.code)
    return (Unavailable if busy else Refused)(error.message, code=error.code)


def hosts_named(fhir_base: str, document: Mapping[str, Any]) -> frozenset[str]:
    """The other hosts on which the document puts its endpoints. This machine only if the EHR is on it."""
    here = is_loopback_name(host_of(fhir_base))
    found = set()
    for name in _ADDRESSES:
        value = document.get(name)
        url = _resolved(fhir_base, value) if isinstance(value, str) else ""
        if is_safe_endpoint(url) and (here or not is_loopback_name(host_of(url))):
            found.add(host_of(url))
    return frozenset(found - {host_of(fhir_base)})


def read_strictly(issuer: Issuer, document: Mapping[str, Any]) -> SmartConfiguration:
    """The document as a launch would read it. Raises `Refused` with the reason why no launch could work, or why
    nobody could read what they would trust (an address in more than plain ASCII)."""
    try:
        configuration = read_configuration(issuer, document)
    except DiscoveryError as error:
        raise Refused(error.message, code=error.code) from None
    if not configuration.authorization_endpoint:
        raise Refused("The EHR's configuration names no authorization endpoint.", code="discovery-incomplete")
    if not all(_is_plain(getattr(configuration, name)) for name in _ADDRESSES):
        raise Refused("The EHR's configuration has an address that is not in plain ASCII.", code="discovery-endpoint")
    return configuration


def look_around(
    issuer: Issuer, configuration: SmartConfiguration, conversation: Conversation, *, now: dt.datetime
) -> Introduction:
    """Everything else that the EHR publishes, asked only on hosts that this entry trusts. Never raises for an EHR
    that answers badly: the introduction says what could not be read."""
    about = Introduction(configuration, clock_ahead=_clock_ahead(conversation.date, now))
    about, jwks_uri = _openid(about, conversation)
    return _statement(_key_set(about, jwks_uri, issuer, conversation), conversation)


def _openid(about: Introduction, conversation: Conversation) -> tuple[Introduction, str]:
    configuration = about.configuration
    if not configuration.issuer:
        return replace(about, openid_problem="it names no OpenID issuer"), configuration.jwks_uri
    try:
        url = well_known(configuration.issuer, "openid-configuration")
        document = fetch_document(conversation, url, "OpenID configuration")
    except SmartError as error:
        return replace(about, openid_problem=error.message), configuration.jwks_uri
    problem = ""
    if document.get("issuer") != configuration.issuer:
        problem = "its OpenID configuration names another issuer than its SMART configuration"
    offered = document.get("id_token_signing_alg_values_supported")
    algorithms = {each for each in offered if isinstance(each, str)} if isinstance(offered, list) else set()
    named = document.get("jwks_uri")
    uri = configuration.jwks_uri or (named if isinstance(named, str) else "")
    known = frozenset(algorithms & ID_TOKEN_ALGORITHMS)
    return replace(about, openid_problem=problem, id_token_algorithms=known), uri


def _key_set(about: Introduction, uri: str, issuer: Issuer, conversation: Conversation) -> Introduction:
    if not uri:
        return replace(about, keys_problem="it publishes no key set")
    if not issuer.trusts_endpoint(uri):
        where = shown_host(host_of(uri)) or "no host at all"
        return replace(about, keys_problem=f"its key set is unsafe, or on a host that is not registered: {where}")
    try:
        entries = fetch_document(conversation, uri, "key set").get("keys")
    except SmartError as error:
        return replace(about, keys_problem=error.message)
    count: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else []:
        kind = _kind_of_usable_key(entry)
        if kind:
            count[kind] = count.get(kind, 0) + 1
    return replace(about, keys=count, keys_problem="" if count else "its key set holds no key that can be used")


def _kind_of_usable_key(entry: object) -> str:
    """`RSA` (2048 bits or more) or the curve of a public key for signatures; "" for anything else."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return ""
    names = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}.get(str(entry.get("kty")), ())
    public = {name: entry[name] for name in names if isinstance(entry.get(name), str)}
    try:
        if public.get("kty") == "EC":
            ECKey.import_key(public).public_key  # noqa: B018 - reading it is what proves the point on its curve
            return public["crv"] if public["crv"] in _KIND_OF.values() else ""
        if public.get("kty") == "RSA" and 342 <= len(public.get("n", "")) <= 2800:
            return "RSA" if RSAKey.import_key(public).public_key.key_size >= 2048 else ""
    except (JoseError, ValueError, KeyError, TypeError):
        return ""
    return ""


def _statement(about: Introduction, conversation: Conversation) -> Introduction:
    url = f"{about.configuration.fhir_base}/metadata"
    problem = ""
    statement: Any = None
    try:
        reply = conversation.send("GET", url, headers={"Accept": "application/fhir+json"}, max_bytes=_STATEMENT_BYTES)
        statement = reply.json() if reply.status == 200 else None
        if reply.status != 200:
            problem = f"asking for it gave HTTP {reply.status}"
    except (UnusableReply, TransportError) as error:
        problem = error.message
    if not isinstance(statement, dict) or statement.get("resourceType") != "CapabilityStatement":
        return replace(about, statement_problem=problem or "what came is no CapabilityStatement")
    software = statement.get("software")
    name = software.get("name") if isinstance(software, dict) else ""
    version = statement.get("fhirVersion")
    return replace(
        about,
        software=name if isinstance(name, str) else "",
        fhir_version=version if isinstance(version, str) else "",
    )


def _clock_ahead(date: str, now: dt.datetime) -> float | None:
    try:
        theirs = parsedate_to_datetime(date)
        return (theirs.replace(tzinfo=theirs.tzinfo or dt.UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def shown_host(host: str) -> str:
    """A host name as the network sees it, in plain characters, so that none can look like another."""
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = host
    return "".join(character if "!" <= character <= "~" else "?" for character in name[:253])


def _is_plain(url: str) -> bool:
    return all("!" <= character <= "~" for character in url)


def _resolved(base: str, url: str) -> str:
    try:
        return resolve(base, url)
    except ValueError:
        return ""
