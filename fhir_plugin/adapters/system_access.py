"""Access to an EHR's record without a person: by SMART Backend Services, renewed as often as reading takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.errors import Refused, Unavailable
from fhir_plugin.ports import ClinicalRecord, Clock, Vault
from mappings.model.identifiers import FhirBase
from smart_launch import (
    ClientKey,
    Grant,
    InvalidClient,
    Issuer,
    Misconfigured,
    SmartConfiguration,
    SmartError,
    TokenError,
    Transport,
    discover,
    request_system_grant,
)

READ_ALL: Final = ("system/*.rs",)
"""Everything of one patient's record is looked for by type; nothing is written."""


class SystemAccess:
    """Tokens for this installation itself. Raises `Refused` where the EHR does not know us, `Unavailable`."""

    def __init__(
        self,
        issuer: Issuer,
        key: ClientKey | None,
        transport: Transport,
        clock: Clock,
        scopes: Sequence[str] = READ_ALL,
    ) -> None:
        self._issuer = issuer
        self._key = key
        self._transport = transport
        self._clock = clock
        self._scopes = tuple(scopes)
        self._configuration: SmartConfiguration | None = None
        self._grant: Grant | None = None

    def token(self) -> str:
        """One that is good for a while yet."""
        return self._current().access_token

    def renew(self, dead: str) -> str:
        """Another one than that which the server did not take."""
        if self._grant is not None and self._grant.access_token == dead:
            self._grant = None
        return self._current().access_token

    def granted(self, resource_type: str, interaction: str) -> bool:
        """What the granted scopes allow."""
        return self._current().scopes.allows(resource_type, interaction)

    @property
    def scopes(self) -> str:
        """As they were granted."""
        return str(self._current().scopes)

    def record(self) -> ClinicalRecord:
        """The record on that server."""
        return FhirServerRecord(
            self._transport,
            FhirBase(self._issuer.fhir_base),
            self.token,
            granted=self.granted,
            vendor=self._issuer.vendor if self._issuer.vendor != "unknown" else None,
            renew=self.renew,
        )

    def _current(self) -> Grant:
        now = self._clock.now()
        if self._grant is None or self._grant.is_expired(now):
            if self._key is None:
                raise Refused(
                    "This EHR is not registered with private_key_jwt, or the key that it names is not at hand.",
                    code="no-backend-key",
                )
            try:
                if self._configuration is None:
                    self._configuration = discover(self._issuer, self._transport)
                self._grant = request_system_grant(
                    self._issuer, self._configuration, self._transport, scopes=self._scopes, key=self._key, now=now
                )
            except (InvalidClient, Misconfigured) as error:
                raise Refused(f"The EHR does not take this client. {error.message}", code=error.code) from None
            except TokenError as error:
                raise Refused(f"The EHR gives no access. {error.message}", code=error.code) from None
            except SmartError as error:
                raise Unavailable(f"The EHR cannot be asked. {error.message}", code=error.code) from None
        return self._grant


def on_this_machine(base: str) -> bool:
    """Whether a server's address is a loopback one."""
    host = urlsplit(base).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_record(base: str, transport: Transport) -> ClinicalRecord:
    """A server that asks for no token, on this machine only: for trials. Raises `Refused`."""
    if not on_this_machine(base):
        raise Refused("Without a token only a server on this machine is asked.", code="not-this-machine")
    return FhirServerRecord(transport, FhirBase(base.rstrip("/")))


def with_what_we_keep(
    ehr: ClinicalRecord, database: Database, masters: MasterKeys, clock: Clock, vault: Vault
) -> ClinicalRecord:
    """A server's record together with what this installation keeps beside it for want of room there."""
    return CompositeRecord(ehr, CompanionRecord(database, masters, ehr.base, clock, vault))
