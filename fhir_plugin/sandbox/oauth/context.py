"""What the EHR tells an app about the launch, and the opaque handles that stand for it until it is asked for."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LaunchContext:
    """Launch context as the token response spells it (SMART App Launch 2.2, "Launch context arrives with your
    access token")."""

    patient: str | None = None
    encounter: str | None = None
    fhir_context: tuple[Mapping[str, Any], ...] = ()
    need_patient_banner: bool = True
    smart_style_url: str | None = None
    intent: str | None = None
    tenant: str | None = None

    def as_parameters(self) -> dict[str, Any]:
        """The parameters beside the access token; those that have no value are left out."""
        found: dict[str, Any] = {
            "patient": self.patient,
            "encounter": self.encounter,
            "fhirContext": [dict(item) for item in self.fhir_context] or None,
            "smart_style_url": self.smart_style_url,
            "intent": self.intent,
            "tenant": self.tenant,
        }
        shown = {name: value for name, value in found.items() if value is not None}
        shown["need_patient_banner"] = self.need_patient_banner
        return shown


@dataclass
class LaunchHandle:
    """One press of "Launch app". It carries the signed-in person, so that the authorize endpoint needs no
    cookie: inside another site's frame the EHR's own cookie would be blocked."""

    handle: str = field(repr=False)
    client_id: str
    user: str
    context: LaunchContext
    expires_at: float
    used: bool = False


class LaunchDesk:
    """Makes launch handles and honours each of them once, for the client that it was made for."""

    def __init__(self, *, lifetime: float, clock: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._handles: dict[str, LaunchHandle] = {}
        self._lock = threading.Lock()

    def open(self, *, client_id: str, user: str, context: LaunchContext) -> str:
        """A new opaque handle for the `launch` parameter."""
        now = self._clock()
        made = LaunchHandle(secrets.token_urlsafe(24), client_id, user, context, now + self._lifetime)
        with self._lock:
            self._handles = {k: h for k, h in self._handles.items() if h.expires_at > now}
            self._handles[made.handle] = made
        return made.handle

    def look_up(self, handle: str, client_id: str) -> LaunchHandle | None:
        """The launch that `handle` stands for, or None if it is unknown, used, too old or another client's."""
        found = self._handles.get(handle)
        if found is None or found.used or found.client_id != client_id or found.expires_at <= self._clock():
            return None
        return found

    def claim(self, handle: LaunchHandle) -> bool:
        """Use the handle up. False when somebody was faster."""
        with self._lock:
            if handle.used:
                return False
            handle.used = True
            return True
