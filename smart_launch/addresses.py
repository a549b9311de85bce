"""Which network addresses may be talked to: the guard against requests forged through us (SSRF)."""

from __future__ import annotations

import ipaddress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Cloud metadata services that live at globally routable addresses (the others are link-local or shared).
_METADATA = frozenset({ipaddress.IPv4Address("168.63.129.16")})


def is_loopback_name(host: str) -> bool:
    """Whether a host can only mean this machine: `localhost`, `*.localhost` (RFC 6761), 127.0.0.0/8, ::1."""
    host = host.lower().rstrip(".").strip("[]")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_connect(host: str, address: str, allowed_private_hosts: frozenset[str]) -> bool:
    """Whether the host of a URL may be reached at this address.

    Public addresses: yes. Loopback: if the host itself says so, or is registered. Private ones: if the host
    is registered. Link-local, metadata, multicast and unspecified ones: only if registered as that literal
    address, so that no name can ever be pointed at them. Addresses that carry an IPv4 one are judged by it.
    """
    host = host.lower().rstrip(".").strip("[]")
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = _unwrap(given)
    registered = host in allowed_private_hosts
    here = (getattr(given, "ipv4_mapped", None) or given).is_loopback
    if is_loopback_name(host):  # a tunnel or a translator never leads to this machine, whatever it carries
        return here
    if found.is_loopback:
        return registered and here
    never_by_name = found.is_link_local or found.is_multicast or found.is_unspecified or found in _METADATA
    if never_by_name:
        return registered and host == address
    return found.is_global or registered


def _unwrap(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
