"""What an administrator reads about an EHR before trusting it. A stranger's text is shown as plain characters only."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fhir_plugin.adapters.ehr_introduction import Introduction, shown_host
from fhir_plugin.adapters.issuers_file import Setting, entry_text
from fhir_plugin.commands.issuer_checks import Check, Verdict, methods_offered

_LONGEST = 200


def plain(text: str) -> str:
    """At most 200 printable ASCII characters: nothing that could steer a terminal or look like something else."""
    shown = "".join(character if " " <= character <= "~" else "?" for character in text[:_LONGEST])
    return shown + ("..." if len(text) > _LONGEST else "")


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Two columns."""
    wrapper = textwrap.TextWrapper(100, subsequent_indent=" " * 19, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(f"  {name:<16} {value}") for name, value in pairs)


def found(about: Introduction) -> dict[str, Any]:
    """What the EHR says about itself, for programs."""
    configuration = about.configuration
    return {
        "fhir_version": plain(about.fhir_version),
        "software": plain(about.software),
        "issuer": plain(configuration.issuer),
        "authorization_endpoint": plain(configuration.authorization_endpoint),
        "token_endpoint": plain(configuration.token_endpoint),
        "jwks_uri": plain(configuration.jwks_uri),
        "auth_methods": _all(configuration.token_endpoint_auth_methods_supported | methods_offered(about)),
        "algorithms": _all(configuration.token_endpoint_auth_signing_alg_values_supported),
        "capabilities": _all(configuration.capabilities),
        "pkce": _all(configuration.code_challenge_methods_supported),
    }


def found_text(about: Introduction, base: str, hosts: Collection[str]) -> str:
    """What the EHR says about itself, for people."""
    said = found(about)
    configuration = about.configuration
    versions = [name for name in ("v1", "v2") if f"permission-{name}" in configuration.capabilities]
    pairs = [
        ("FHIR", " ".join(each for each in (said["fhir_version"], said["software"]) if each) or "it did not say"),
        ("OAuth issuer", said["issuer"] or "it names none"),
        ("sign-in", said["authorization_endpoint"]),
        ("tokens", said["token_endpoint"]),
        ("its keys", said["jwks_uri"] or "by its OpenID configuration"),
        ("client login", ", ".join(said["auth_methods"]) or "it did not say"),
        ("signatures", ", ".join(said["algorithms"]) or "it did not say"),
        ("PKCE", ", ".join(said["pkce"])),
        ("scopes", ", ".join(versions) or "it did not say"),
        ("capabilities", ", ".join(said["capabilities"]) or "it did not say"),
        ("hosts to trust", ", ".join(sorted(map(shown_host, hosts)))),
    ]
    return f"What {plain(base)} says about itself:\n{rows(pairs)}"


def to_register(settings: Mapping[str, Setting], base_url: str, secrets: str) -> dict[str, str]:
    """What the EHR's administrator needs to know about this app."""
    method = settings["auth_method"]
    proof = {
        "private_key_jwt": ("key_set_url", f"{base_url}/.well-known/jwks.json"),
        "client_secret_basic": ("secret_file", f"{secrets}/{settings['client_secret_ref']}"),
        "none": ("client_type", "public"),
    }[str(method)]
    desk = _asked_for(settings["privileged_scopes"])
    return {
        "launch_url": f"{base_url}/launch",
        "redirect_uri": f"{base_url}/callback",
        proof[0]: proof[1],
        "scopes": _asked_for(settings["scopes"]),
        **({"desk_launch_url": f"{base_url}/launch/disclosures", "desk_scopes": desk} if desk else {}),
    }


def _asked_for(scopes: Setting) -> str:
    return " ".join(["launch", *scopes]) if isinstance(scopes, tuple) and scopes else ""


def to_register_text(register: Mapping[str, str]) -> str:
    """The same for people."""
    words = {"key_set_url": "key set URL", "secret_file": "its secret", "redirect_uri": "redirect URI"}
    pairs = [(words.get(name, name.replace("_", " ").replace("url", "URL")), value) for name, value in register.items()]
    return f"To register this app at the EHR:\n{rows(pairs)}"


def entry_words(settings: Mapping[str, Setting]) -> str:
    """The entry as it will be written."""
    text = entry_text({name: value for name, value in settings.items() if not name.endswith("scopes")}).strip()
    return "The entry (its scopes are those below):\n" + "\n".join(f"  {line}" for line in text.splitlines())


def prefix_text(iss: str) -> str:
    """What an entry with `prefix` means."""
    return f"Every address that begins with {plain(iss)} is taken for this sandbox."


def notable_text(checks: Iterable[Check]) -> str:
    """The checks that somebody should read before saying yes; "" if there are none."""
    noted = [each for each in checks if each.verdict in (Verdict.WARNING, Verdict.FAILED)]
    return f"Look at this first:\n{checks_text(noted)}" if noted else ""


def checks_text(checks: Iterable[Check]) -> str:
    """One line a check."""
    return "\n".join(f"  {each.verdict.value:<8} {each.name:<18} {each.says}" for each in checks)


def checks_record(checks: Iterable[Check]) -> list[dict[str, str]]:
    """For programs."""
    return [{"check": each.name, "verdict": each.verdict.value, "says": each.says} for each in checks]


def _all(words: Iterable[str]) -> list[str]:
    return sorted(plain(word) for word in words)[:100]
