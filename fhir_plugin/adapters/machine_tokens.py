"""Access tokens for backend clients: opaque, sealed under the installation's master key, good for five minutes.

Nothing is kept: a token opens for whoever has the key, and says for itself whose it is and until when.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Final

from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.ports import Clock

LIFETIME: Final = dt.timedelta(minutes=5)
"""SMART-R250: at most five minutes."""

_BOUND: Final = ["machine-token"]
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{40,1024}")


class TokenRefused(Refused):
    """No token of ours, or not any more."""

    code = "invalid-token"


@dataclass(frozen=True)
class Access:
    """What a token says."""

    client: str
    scopes: frozenset[str]


class MachineTokens:
    """Gives and reads them."""

    def __init__(self, masters: MasterKeys, clock: Clock) -> None:
        self._masters = masters
        self._clock = clock

    def give(self, access: Access) -> str:
        """A token that is good from now on for `LIFETIME`."""
        ends = (self._clock.now() + LIFETIME).timestamp()
        said = json.dumps([access.client, sorted(access.scopes), ends]).encode()
        return base64.urlsafe_b64encode(self._masters.seal(KeyUse.MACHINES, said, bound_to=_BOUND)).decode().rstrip("=")

    def read(self, token: str) -> Access:
        """Raises `TokenRefused`, for all reasons alike."""
        try:
            if not _TOKEN.fullmatch(token):
                raise ValueError
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            client, scopes, ends = json.loads(self._masters.open(KeyUse.MACHINES, sealed, bound_to=_BOUND))
        except (ValueError, binascii.Error, Tampered):
            client, scopes, ends = "", [], 0
        if not self._clock.now().timestamp() < ends:
            raise TokenRefused("The access token is not good, or not any more: ask for another.")
        return Access(client, frozenset(scopes))
