"""From which network a request comes, as limits count it. Nothing else may use or store it."""

import ipaddress

from flask import request

IPV6_BITS = 56
"""Of an IPv6 address, what one household is commonly given; it can use all of the 256 networks of 64 bits in it."""


def network_of_request() -> str | None:
    """Return the network of the caller; None for this machine itself.

    What comes from loopback came through a proxy that does not say for whom, or from the demo: it is nobody's.
    """
    address = parse_address(request.remote_addr or "")
    return None if address is None or address.is_loopback else network_of(str(address))


def network_of(written: str) -> str:
    """Return what one subscriber has: an IPv4 address, or the network of an IPv6 one; no address as it is written."""
    address = parse_address(written)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, IPV6_BITS), strict=False))
    return written if address is None else str(address)


def parse_address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address without its zone, an IPv4 one that was written as IPv6 as what it is; None where it is none."""
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
