"""URLs that others give us: where an endpoint may live, and what lies inside a FHIR base."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from smart_launch.addresses import is_loopback_name

_DEFAULT_PORTS = {"https": 443, "http": 80}
_SNEAKY = re.compile(r"[\\\x00-\x20\x7f]|%2e|%2f|%5c", re.IGNORECASE)


def host_of(url: str) -> str:
    """The host in lower case, or "" if the text is no usable URL."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_safe_endpoint(url: str) -> bool:
    """Whether a URL is absolute, https (http only on this machine), free of user names and fragments."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    if any(character <= " " or character == "\x7f" or character == "\\" for character in url):
        return False
    if any("\ud800" <= character <= "\udfff" for character in url):  # half a character: no bytes can say it
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_name(host))


def resolve(base: str, url: str) -> str:
    """An endpoint, resolved against the FHIR base where it is relative (SMART-R379)."""
    return urljoin(base.rstrip("/") + "/", url)


def well_known(base: str, name: str) -> str:
    """`{base}/.well-known/{name}`, appended also where the base has a path (SMART-R29)."""
    return f"{base.rstrip('/')}/.well-known/{name}"


def is_plain_path(path: str) -> bool:
    """Whether a path says where it leads: without dot segments, encoded dots and slashes, or backslashes."""
    return not _SNEAKY.search(path) and not any(part in {".", ".."} for part in path.split("/"))


def is_within(base: str, url: str) -> bool:
    """Whether a URL lies inside a FHIR base: same scheme, host and port, and a path below its path.

    Encoded dots and slashes, dot segments and backslashes are never inside: servers differ in reading them.
    """
    try:
        inner, outer = urlsplit(url), urlsplit(base)
        ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (inner, outer)]
    except ValueError:
        return False
    if inner.username is not None or inner.password is not None:
        return False
    if (inner.scheme, inner.hostname, ports[0]) != (outer.scheme, outer.hostname, ports[1]):
        return False
    if not is_plain_path(inner.path):
        return False
    root = outer.path.rstrip("/")
    return inner.path == root or inner.path.startswith(root + "/")
