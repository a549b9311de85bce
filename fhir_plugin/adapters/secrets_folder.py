"""Secrets kept outside the issuers file, one file each, as container platforms mount them."""

from __future__ import annotations

import re
from pathlib import Path

from fhir_plugin.errors import Unavailable
from smart_launch import ClientKey, Misconfigured

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class SecretsFolder:
    """`secret(name)` is the text of the file `name`; `client_keys()` are the keys in `<kid>.pem`, by kid.

    A file that is not there is no secret (KeyError), so the registry can say which issuer lacks it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return "SecretsFolder()"

    def secret(self, name: str) -> str:
        """Raises KeyError when there is none of that name."""
        if self._folder is None or not _NAME.fullmatch(name):
            raise KeyError(name)
        try:
            return (self._folder / name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise KeyError(name) from None

    def client_keys(self) -> dict[str, ClientKey]:
        """The app's private keys for `private_key_jwt` (RSA or P-384). Raises `Unavailable` for one that is none."""
        keys: dict[str, ClientKey] = {}
        for path in sorted(self._folder.glob("*.pem")) if self._folder is not None else ():
            try:
                keys[path.stem] = ClientKey.from_pem(path.read_bytes(), kid=path.stem)
            except (OSError, Misconfigured) as error:
                message = f"The client key {path.name} cannot be used: it must be an RSA or P-384 key in PEM."
                raise Unavailable(message, code="client-key-unreadable") from error
        return keys
