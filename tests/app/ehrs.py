"""EHRs that are nowhere: what they publish, and a conversation with them that needs no network."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from requests.structures import CaseInsensitiveDict

from fhir_plugin.adapters.ehr_introduction import Conversation
from smart_launch.errors import TransportError
from smart_launch.transport import Reply

BASE = "https://fhir.trust-a.example/r4"
LOGIN = "https://login.trust-a.example"
_SIGNING = RSAKey.generate_key(2048, {"kid": "theirs", "use": "sig", "alg": "RS256"})

Document = Mapping[str, Any] | bytes | int | TransportError
"""What an address answers with: JSON, bytes, a bare status, or nothing at all."""


def published(base: str = BASE, login: str = LOGIN, **changes: Any) -> dict[str, Document]:
    """What a good EHR publishes, by address. `changes` are to its SMART configuration; None leaves a thing out."""
    smart = {
        "issuer": login,
        "jwks_uri": f"{login}/jwks",
        "authorization_endpoint": f"{login}/authorize",
        "token_endpoint": f"{login}/token",
        "revocation_endpoint": f"{login}/revoke",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": [
            "launch-ehr", "sso-openid-connect", "client-confidential-asymmetric", "client-confidential-symmetric",
            "permission-patient", "permission-user", "permission-v2",
        ],
    }  # fmt: skip
    return {
        f"{base}/.well-known/smart-configuration": {
            name: value for name, value in {**smart, **changes}.items() if value is not None
        },
        f"{login}/.well-known/openid-configuration": {
            "issuer": login,
            "jwks_uri": f"{login}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        },
        f"{login}/jwks": {"keys": [_SIGNING.as_dict(private=False)]},
        f"{base}/metadata": {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "HAPI FHIR Server", "version": "7"},
        },
    }


def elliptic_key() -> dict[str, Any]:
    """A public key that makes ES384 signatures."""
    return {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "curve", "use": "sig"}


class Written(Conversation):
    """Answers from `documents`; anything else is not there. `asked` are the addresses, in order."""

    def __init__(self, documents: Mapping[str, Document], *, ahead: float = 0) -> None:
        super().__init__()
        self.documents = dict(documents)
        self.asked: list[str] = []
        self.private_hosts: frozenset[str] = frozenset()
        self._ahead = ahead

    def begin(self, private_hosts: frozenset[str] = frozenset(), *, ca_bundle: Path | None = None) -> Written:
        """Stands in for `Conversation`."""
        self.private_hosts = private_hosts
        return self

    def send(self, method: str, url: str, **options: Any) -> Reply:
        assert method == "GET" and "Authorization" not in (options.get("headers") or {})
        self.asked.append(url)
        self.status, self.date = 0, ""
        found = self.documents.get(url, 404)
        if isinstance(found, TransportError):
            raise found
        self.status = found if isinstance(found, int) else 200
        self.date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._ahead), usegmt=True)
        body = b"" if isinstance(found, int) else found if isinstance(found, bytes) else json.dumps(found).encode()
        return Reply(self.status, CaseInsensitiveDict({"Date": self.date}), body, url)
