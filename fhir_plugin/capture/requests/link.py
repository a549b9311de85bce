"""The link: 256 random bits in a path, kept nowhere, open to one browser, and cheap to refuse when guessed.

An address that asks for many links that do not exist is refused without a look at anything else. A link that exists is
never refused for its address: behind one address of a mobile network there may be a whole town.
"""

from __future__ import annotations

import datetime as dt
import hmac
import ipaddress
import re

from fhir_plugin.capture.requests.parts import Door, RequestParts
from fhir_plugin.capture.requests.request import PhotoRequest, RequestState
from fhir_plugin.errors import Refused

MOST_GUESSES = 20
"""Links that do not exist, for one address in one stretch of time."""
STRETCH = dt.timedelta(minutes=15)
MOST_BIRTH_DATES = 5
"""Wrong dates of birth before a link closes."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkRefused(Refused):
    """This link opens nothing now. `code`: link-unknown, link-busy (429), link-elsewhere, link-closed, link-over,
    link-check (the date of birth comes first), link-cookie (this browser
    keeps none). `state` says how a request that is over has ended."""

    code = "link-unknown"

    def __init__(self, message: str, *, code: str | None = None, state: RequestState | None = None) -> None:
        super().__init__(message, code=code)
        self.state = state


_UNKNOWN = "This link does not work. Ring your practice."


def find(parts: RequestParts, door: Door) -> PhotoRequest:
    """The request behind the link, read outside any transaction. Raises `LinkRefused`."""
    found = None
    if _SECRET.fullmatch(door.secret):
        found = parts.requests.by_link(parts.digest("link", door.secret))
    if found is None:
        _count_guess(parts, door)
        raise LinkRefused(_UNKNOWN)
    return found


def hold(parts: RequestParts, door: Door) -> PhotoRequest:
    """The same in the open transaction, kept from others until it ends. Raises `LinkRefused` when it was replaced."""
    found = parts.requests.by_link(parts.digest("link", door.secret), for_change=True)
    if found is None:
        raise LinkRefused(_UNKNOWN)
    return found


def has_browser(door: Door) -> bool:
    """Whether this browser keeps the random value that it was given."""
    return _SECRET.fullmatch(door.browser) is not None


def is_bound_to(parts: RequestParts, request: PhotoRequest, door: Door) -> bool:
    """Whether this browser is the one that passed the check. Constant time."""
    if not request.browser_digest or not door.browser:
        return False
    return hmac.compare_digest(parts.digest("browser", door.browser), request.browser_digest)


def _network(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the 64 bits in front of an IPv6 one, which they choose freely."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)


def _count_guess(parts: RequestParts, door: Door) -> None:
    """Once refused, an address costs one reading and no writing."""
    now = parts.now
    who = parts.digest("address", _network(door.address))
    if parts.tries.count(who, since=now - STRETCH) >= MOST_GUESSES:
        raise LinkRefused("Too many links that do not work were tried. Wait, or ring your practice.", code="link-busy")
    with parts.capture.work.transaction():
        parts.tries.add(who, now=now, since=now - STRETCH)


def elsewhere() -> LinkRefused:
    return LinkRefused("This link was already opened on another phone. Ring your practice.", code="link-elsewhere")


def closed() -> LinkRefused:
    return LinkRefused("This link is closed. Ring your practice.", code="link-closed")
