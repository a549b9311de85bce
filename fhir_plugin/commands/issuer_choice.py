"""What the entry of a new EHR should say: what the administrator said, else what suits what the EHR offers."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from fhir_plugin.adapters.ehr_introduction import Introduction
from fhir_plugin.adapters.issuers_file import Setting
from fhir_plugin.adapters.vendor_files import recognise
from fhir_plugin.capability import DESK_SCOPES, SCOPES
from fhir_plugin.commands.issuer_checks import methods_offered

SANDBOX_CLIENT_ID = "patient-images"
"""Public sandboxes take any."""


@dataclass(frozen=True)
class Wishes:
    """What the administrator said; "" and () where they left it to us."""

    url: str
    name: str = ""
    client_id: str = ""
    auth_method: str = ""
    algorithm: str = ""
    secret_ref: str = ""
    vendor: str = ""
    frame_ancestors: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    disclosure_desk: bool = False
    contact: str = ""
    default_role: str = ""
    sandbox: bool = False
    prefix: bool = False
    private_network: bool = False

    @property
    def fhir_base(self) -> str:
        """Where it is asked: without what people copy along with it."""
        base = self.url.rstrip("/")
        return base.removesuffix("/metadata").removesuffix("/.well-known/smart-configuration").rstrip("/")

    @property
    def iss(self) -> str:
        """What its entry matches. The public SMART launcher puts a simulation's settings after `/sim/`."""
        before, found, _ = self.fhir_base.partition("/sim/")
        return before + found.rstrip("/") if self.prefix and found else self.fhir_base


def choose(wishes: Wishes, about: Introduction, hosts: Collection[str], taken: Collection[str]) -> dict[str, Setting]:
    """The settings of its entry, in the order in which they are written down. `taken`: names that are in use."""
    method = wishes.auth_method or ("private_key_jwt" if wishes.algorithm else _best_method(about))
    name = wishes.name or free_name(wishes.iss, taken)
    secret = wishes.secret_ref or re.sub(r"[^A-Z0-9]", "_", name.upper())
    return {
        "name": name,
        "iss": wishes.iss,
        "client_id": wishes.client_id or (SANDBOX_CLIENT_ID if wishes.sandbox else ""),
        "auth_method": method,
        "key_algorithm": (wishes.algorithm or _best_algorithm(about)) if method == "private_key_jwt" else "",
        "client_secret_ref": secret if method == "client_secret_basic" else "",
        "expected_issuer": "" if wishes.prefix else about.configuration.issuer,
        "allowed_hosts": tuple(sorted(hosts)),
        "scopes": wishes.scopes or SCOPES,
        "privileged_scopes": DESK_SCOPES if wishes.disclosure_desk else (),
        "id_token_algorithms": _signatures(about),
        "frame_ancestors": wishes.frame_ancestors,
        "vendor": wishes.vendor or _recognised(about),
        "contact": wishes.contact,
        "default_role": wishes.default_role or ("clinician" if wishes.sandbox else ""),
        **{flag: True for flag in ("private_network", "sandbox", "prefix") if getattr(wishes, flag)},
    }


def free_name(iss: str, taken: Collection[str]) -> str:
    """A short name made of the host (and port) of an EHR that no other EHR has."""
    wanted = re.sub(r"[^a-z0-9]+", "-", urlsplit(iss).netloc.lower()).strip("-")[:50] or "ehr"
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _best_method(about: Introduction) -> str:
    """Confidential by signature, else by secret, else public (SMART-R11, R65, R66)."""
    offered = methods_offered(about)
    return next((each for each in ("private_key_jwt", "client_secret_basic") if each in offered), "none")


def _best_algorithm(about: Introduction) -> str:
    """ES384 where it is offered: shorter and faster. RS384 is what every server that says nothing understands."""
    return "ES384" if "ES384" in about.configuration.token_endpoint_auth_signing_alg_values_supported else "RS384"


def _signatures(about: Introduction) -> tuple[str, ...]:
    """Which signatures identity tokens may have. Nothing is written for RS256, which SMART has every server do."""
    fitting = sorted(each for each in about.id_token_algorithms if about.has_key_for(each))
    return () if "RS256" in fitting or not fitting else tuple(fitting)


def _recognised(about: Introduction) -> str:
    family = recognise(about.software).name
    return "" if family == "unknown" else family
