"""From which network a request comes, as limits count it. Nothing else may use or store it."""

import ipaddress

from flask import request


def network_of_request() -> str | None:
    """Return the caller's IPv4 address, or the first 64 bits of an IPv6 one; None for this machine itself.

    What comes from loopback came through a proxy that does not say for whom, or from the demo: it is nobody's.
    """
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    length = 32 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, length), strict=False))
