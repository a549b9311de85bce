"""The file in which the EHRs that may launch this app are written down, and how one is added to it.

TOML (see `smart_launch.registry`), written by people as well as by `fhir-plugin issuer add`: an entry is put at the
end, and everything that is there stays as it is, comments too. The new file takes the old one's place whole, and
only after it has been read back as a registry; two who add at once wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fhir_plugin.adapters.keys import sync_directory
from fhir_plugin.errors import Refused, Unavailable
from smart_launch import Issuer, IssuerRegistry, Misconfigured, UnknownIssuer, load_registry

Setting = str | bool | tuple[str, ...]
_MODE = 0o600


class IssuersFile:
    """The registry at `path`. `secret` gives the value for a `client_secret_ref`."""

    def __init__(self, path: Path, *, secret: Callable[[str], str]) -> None:
        self.path = path
        self._secret = secret

    def read(self) -> IssuerRegistry:
        """Every EHR that is written down; none when there is no file. Raises `Unavailable` for one that is wrong."""
        try:
            return self._load(self.path)
        except FileNotFoundError:
            return IssuerRegistry([])
        except Misconfigured as error:
            message = f"The file of registered EHRs cannot be used. {error.message}"
            raise Unavailable(message, code="issuers-file") from None

    def has_secret(self, reference: str) -> bool:
        """Whether the secret of that name is at hand."""
        try:
            return bool(self._secret(reference))
        except KeyError:
            return False

    def add(self, settings: Mapping[str, Setting]) -> Issuer:
        """Writes one more entry and returns it as the registry reads it. All or nothing, and durable.

        Raises `Refused` (`issuer-known`: its name or address is taken; `issuer-unusable`: the registry would not
        take it), `Unavailable` for a file that was wrong before, `OSError`. Nothing is changed then.
        """
        target = self.path.resolve()  # where a link leads, the link itself stays
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(target):
            known = self.read()
            name, iss = str(settings["name"]), str(settings["iss"]).rstrip("/")
            if any(issuer.name == name or issuer.fhir_base == iss for issuer in known):
                raise Refused("An EHR of that name, or at that address, is registered already.", code="issuer-known")
            before = target.read_bytes() if target.exists() else _HEAD
            text = before + (b"" if before.endswith(b"\n") or not before else b"\n") + entry_text(settings).encode()
            with _aside(target, text) as aside:
                try:
                    added = self._load(aside).named(name)
                except (Misconfigured, UnknownIssuer) as error:
                    raise Refused(error.message, code="issuer-unusable") from None
                aside.replace(target)
            sync_directory(target.parent)
        return added

    def _load(self, path: Path) -> IssuerRegistry:
        try:
            return load_registry(path, secret=self._secret)
        except UnicodeDecodeError:
            raise Misconfigured("It is not text in UTF-8.") from None


_HEAD = b"# The EHRs that may launch this app. `fhir-plugin issuer add` puts new ones at the end.\n"


def entry_text(settings: Mapping[str, Setting]) -> str:
    """One `[[issuer]]` table in TOML 1.0. What is empty is left out: that is what its absence means."""
    lines = [f"{name} = {_written(value)}" for name, value in settings.items() if value not in ("", ())]
    return "\n".join(["", "[[issuer]]", *lines, ""])


def _written(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "[" + ", ".join(_written(item) for item in value) + "]"


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One writer at a time, in this process or another. The folder itself is locked: a lock file would be one more
    name in a folder of the app's, through which root could be led elsewhere."""
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _aside(target: Path, content: bytes) -> Iterator[Path]:
    """A durable file beside the target, gone afterwards unless it took the target's place."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _leave_to_owner(file.fileno(), target)
            if target.exists():  # an app that reads it as a member of its group must still be able to
                os.fchmod(file.fileno(), _MODE | (stat.S_IMODE(target.stat().st_mode) & stat.S_IRGRP))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _leave_to_owner(descriptor: int, target: Path) -> None:
    """What root writes for an app that is not root must be readable for the app."""
    if os.geteuid() == 0:
        owner = (target if target.exists() else target.parent).stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
