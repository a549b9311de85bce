"""Whether an EHR and its entry fit each other, point by point. Decides only: values in, values with a reason out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from fhir_plugin.adapters.ehr_introduction import Introduction, shown_host
from smart_launch import Issuer
from smart_launch.addresses import is_loopback_name
from smart_launch.scope import parse_resource_scope
from smart_launch.urls import host_of

CLOCK_SECONDS = 60
"""A clock that is further away than this makes assertions and identity tokens fail now and then."""


class Verdict(StrEnum):
    """What became of one check."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One point, and in plain words what is so."""

    name: str
    verdict: Verdict
    says: str


def judge(issuer: Issuer, about: Introduction, *, our_key: str, our_algorithm: str, base_url: str) -> list[Check]:
    """Every point on which a launch from this EHR depends, and some that are good to know.

    `our_key` is the kid of the key that would sign for it, "" if it is not at hand; `our_algorithm` its algorithm.
    """
    return [
        _endpoints(about),
        _issuer(issuer, about),
        _pkce(about),
        _client_login(issuer, about),
        *_our_key(issuer, about, our_key, our_algorithm),
        *_where_our_keys_are(issuer, base_url),
        _identity(issuer, about),
        _launches(about),
        _scopes(about),
        *_access(issuer),
        _fhir(about),
        _base_url(issuer, base_url),
        _frames(issuer),
        *_offers(about),
        _clock(about),
    ]


def _endpoints(about: Introduction) -> Check:
    found = about.configuration
    if not found.authorization_endpoint:
        return Check("endpoints", Verdict.FAILED, "It names no authorization endpoint: nobody can sign in.")
    hosts = sorted({shown_host(host_of(url)) for url in (found.authorization_endpoint, found.token_endpoint)})
    return Check("endpoints", Verdict.OK, f"People sign in, and tokens come from: {', '.join(hosts)}.")


def _issuer(issuer: Issuer, about: Introduction) -> Check:
    named = about.configuration.issuer
    if issuer.expected_issuer and named and named != issuer.expected_issuer:
        return Check("issuer", Verdict.FAILED, "It names another OAuth issuer than the one registered.")
    if issuer.expected_issuer and not named:
        return Check("issuer", Verdict.WARNING, "It names no OAuth issuer any more; one is registered.")
    if named and not issuer.expected_issuer and not issuer.prefix:
        return Check("issuer", Verdict.WARNING, "Its OAuth issuer is not pinned: put expected_issuer in its entry.")
    return Check("issuer", Verdict.OK, "It names the issuer that is registered." if named else "It names no issuer.")


def _pkce(about: Introduction) -> Check:
    methods = about.configuration.code_challenge_methods_supported
    if "S256" not in methods:
        return Check("pkce", Verdict.FAILED, "It does not offer PKCE with S256, which SMART requires.")
    if "plain" in methods:
        return Check("pkce", Verdict.WARNING, "It offers S256, and also `plain`, which SMART forbids it to.")
    return Check("pkce", Verdict.OK, "It offers PKCE with S256.")


_CAPABILITY_OF = {
    "none": "client-public",
    "client_secret_basic": "client-confidential-symmetric",
    "private_key_jwt": "client-confidential-asymmetric",
}


def methods_offered(about: Introduction) -> frozenset[str]:
    """Our ways of proving who we are that this EHR says it takes, by its lists or by its capabilities."""
    found = about.configuration
    return frozenset(
        method
        for method, capability in _CAPABILITY_OF.items()
        if method in found.token_endpoint_auth_methods_supported or capability in found.capabilities
    )


def _client_login(issuer: Issuer, about: Introduction) -> Check:
    offered = methods_offered(about)
    if issuer.auth_method in offered:
        return Check("client-login", Verdict.OK, f"It takes {issuer.auth_method}.")
    if not about.configuration.token_endpoint_auth_methods_supported:
        return Check("client-login", Verdict.WARNING, f"It does not say that it takes {issuer.auth_method}.")
    others = ", ".join(sorted(offered)) or "nothing that we can do"
    return Check("client-login", Verdict.FAILED, f"It does not take {issuer.auth_method}; it takes {others}.")


def _our_key(issuer: Issuer, about: Introduction, our_key: str, our_algorithm: str) -> Iterator[Check]:
    if issuer.auth_method == "client_secret_basic":
        yield Check("our-key", Verdict.OK, "Its client secret is at hand.")
        return
    if issuer.auth_method == "none":
        yield Check("our-key", Verdict.INFO, "A public client has no key: anybody may say that they are this app.")
        return
    if not our_key:
        yield Check("our-key", Verdict.FAILED, "The key that its entry names is not in the secrets folder.")
        return
    yield Check("our-key", Verdict.OK, f"Our key {our_key} signs for it ({our_algorithm}).")
    algorithms = about.configuration.token_endpoint_auth_signing_alg_values_supported
    if our_algorithm in algorithms:
        yield Check("signing-algorithm", Verdict.OK, f"It takes {our_algorithm}.")
    elif algorithms:
        yield Check("signing-algorithm", Verdict.FAILED, f"It does not take {our_algorithm}, with which our key signs.")
    else:
        yield Check("signing-algorithm", Verdict.WARNING, "It does not say which signatures it takes.")


def _where_our_keys_are(issuer: Issuer, base_url: str) -> Iterator[Check]:
    """SMART-R325: a `jku` that is sent must be the address that was registered."""
    if issuer.jku and issuer.jku == f"{base_url}/.well-known/jwks.json":
        yield Check("jku", Verdict.OK, "Our signatures say where our key set is.")
    elif issuer.jku:
        yield Check("jku", Verdict.WARNING, "Its entry sends people to another key set (jku) than this app publishes.")


def _identity(issuer: Issuer, about: Introduction) -> Check:
    asks = "openid" in issuer.scopes
    if "sso-openid-connect" not in about.configuration.capabilities and not about.keys:
        says = "It offers no sign-in that says who somebody is: this app then refuses them."
        return Check("identity", Verdict.FAILED if asks else Verdict.WARNING, says)
    if about.keys_problem:
        says = f"Identity tokens cannot be verified: {_ended(about.keys_problem)}"
        return Check("identity", Verdict.FAILED if asks else Verdict.WARNING, says)
    fitting = [algorithm for algorithm in issuer.id_token_algorithms if about.has_key_for(algorithm)]
    if not fitting:
        allowed = ", ".join(issuer.id_token_algorithms)
        return Check("identity", Verdict.FAILED, f"None of its keys makes the signatures that are allowed ({allowed}).")
    if about.openid_problem:
        return Check("identity", Verdict.WARNING, f"Its keys can be used, but: {_ended(about.openid_problem)}")
    count = sum(about.keys.values())
    return Check("identity", Verdict.OK, f"{count} key{'s' * (count != 1)} to verify identity tokens ({fitting[0]}).")


def _launches(about: Introduction) -> Check:
    able = about.configuration.capabilities & {"launch-ehr", "launch-standalone"}
    if "launch-ehr" in able:
        return Check("launch", Verdict.OK, f"It says that it can do: {', '.join(sorted(able))}.")
    if able:
        return Check("launch", Verdict.WARNING, "It does not say that it can launch apps from a chart.")
    return Check("launch", Verdict.WARNING, "It does not say that it can launch apps.")


def _scopes(about: Introduction) -> Check:
    found = about.configuration
    if found.speaks_v2_scopes:
        return Check("scopes", Verdict.OK, f"Scopes of version {'1 and 2' if found.speaks_v1_scopes else '2'}.")
    if found.speaks_v1_scopes:
        return Check("scopes", Verdict.INFO, "Scopes of version 1 only: what is asked for is put in their words.")
    return Check("scopes", Verdict.WARNING, "It does not say which version of scopes it speaks.")


def _access(issuer: Issuer) -> Iterator[Check]:
    wanted = (parse_resource_scope(text) for text in issuer.scopes)
    if any(scope is not None and scope.resource_type == "*" for scope in wanted):
        says = "Every launch asks for the whole record: what the disclosure desk needs belongs into privileged_scopes."
        yield Check("access", Verdict.WARNING, says)
    if issuer.privileged_scopes:
        yield Check("access", Verdict.INFO, "Disclosure officers come in at /launch/disclosures, for the whole record.")


def _fhir(about: Introduction) -> Check:
    if about.statement_problem:
        says = f"Its CapabilityStatement could not be read: {_ended(about.statement_problem)}"
        return Check("fhir", Verdict.WARNING, says)
    if not about.speaks_r4:
        return Check("fhir", Verdict.FAILED, "It speaks neither FHIR R4 nor R5, in which this app files.")
    return Check("fhir", Verdict.OK, f"FHIR {about.fhir_version}.")


def _base_url(issuer: Issuer, base_url: str) -> Check:
    if urlsplit(base_url).scheme == "https":
        return Check("base-url", Verdict.OK, f"People reach this app at {base_url}.")
    if issuer.sandbox and is_loopback_name(host_of(base_url)):
        return Check("base-url", Verdict.OK, f"This app is on this machine only ({base_url}).")
    says = f"This app's own address is not https ({base_url}): set FHIR_PLUGIN_BASE_URL."
    return Check("base-url", Verdict.WARNING if issuer.sandbox else Verdict.FAILED, says)


def _frames(issuer: Issuer) -> Check:
    if issuer.frame_ancestors:
        return Check(
            "frames", Verdict.OK, f"Its pages at {', '.join(issuer.frame_ancestors)} may show this app in a frame."
        )
    return Check("frames", Verdict.INFO, "No page may show this app in a frame: it opens in a tab of its own.")


def _offers(about: Introduction) -> Iterator[Check]:
    found = about.configuration
    post = "authorize-post" in found.capabilities
    for name, there, yes, no in (
        ("revocation", bool(found.revocation_endpoint), "Signing out takes our access away there too.",
         "Signing out cannot take our access away there: it runs out by itself."),
        ("introspection", bool(found.introspection_endpoint), "It can be asked whether a token is still good.",
         "It cannot be asked whether a token is still good."),
        ("authorize-post", post, "Long requests go to it as a form.", "Requests go to it as an address, however long."),
    ):  # fmt: skip
        yield Check(name, Verdict.INFO, yes if there else no)


def _clock(about: Introduction) -> Check:
    if about.clock_ahead is None:
        return Check("clock", Verdict.INFO, "It did not say what time it has.")
    off = round(abs(about.clock_ahead))
    if off <= CLOCK_SECONDS:
        return Check("clock", Verdict.INFO, "Its clock and ours agree.")
    which = "ahead of" if about.clock_ahead > 0 else "behind"
    return Check("clock", Verdict.WARNING, f"Its clock is {off} seconds {which} ours: signatures with times may fail.")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."
