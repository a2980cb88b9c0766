"""Where an address that somebody else names leads: whether everybody may be sent there, or it is a machine of our own.

A file's address comes from outside, and it could name this machine, the company's network or a cloud's own data
(server-side request forgery, OWASP). `exchanges` looks a host up here and connects to what was found, so that the name
cannot lead elsewhere a moment later.
"""

import asyncio
import ipaddress
import socket

# 64:ff9b::/96, behind which a translator reaches all of IPv4 (RFC 6052).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


async def public_or_own(host: str, own: str) -> tuple[str, ...]:
    """The addresses of a host that belong to the public Internet, and those that `own`, the network's own host, has as
    well: where that stands on this machine or in the company's network, its files may too. Empty for neither.

    Raises OSError when a host is not known.
    """
    found = await _addresses(host)
    inside = [address for address in found if not is_public(address)]
    shared = set(await _addresses(own)) if inside else set()
    return tuple(address for address in found if address not in inside or address in shared)


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet (IANA's special-purpose registries); one of IPv4 that is written
    in an address of IPv6 counts as itself.
    """
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address):
        inner = read.ipv4_mapped or read.sixtofour or (read.teredo[1] if read.teredo else None)
        if read in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(read) & 0xFFFFFFFF)
        read = inner or read
    return read.is_global and not read.is_multicast


async def _addresses(host: str) -> tuple[str, ...]:
    """Each once, in the order in which the system would try them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # no name at all, e.g. an empty label
        raise OSError("the name of a host cannot be read") from error
    return tuple(dict.fromkeys(str(place[4][0]) for place in found))
