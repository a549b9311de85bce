"""What the grants need to know of the server that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from joserfc.jwk import RSAKey

from fhir_plugin.sandbox.oauth.context import LaunchDesk
from fhir_plugin.sandbox.oauth.tokens import Lifetimes, TokenBook


class User(Protocol):
    """A person who can sign in, as far as this server needs to know."""

    @property
    def name(self) -> str: ...

    @property
    def fhir_user(self) -> str:
        """Relative reference, e.g. `Practitioner/prac-gp`."""


class Realm(Protocol):
    """One issuer: its people, launches, codes, tokens and key."""

    users: Mapping[str, User]
    book: TokenBook
    launches: LaunchDesk
    lifetimes: Lifetimes
    signing_key: RSAKey

    @property
    def issuer(self) -> str: ...

    @property
    def fhir_base(self) -> str: ...

    def fhir_user_url(self, user: str) -> str: ...
