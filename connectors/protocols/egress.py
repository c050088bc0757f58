"""Where a connector may connect to, decided on the address that the socket is opened to."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import create_connection

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
        ),
    )
)
"""Where clouds hand out credentials to whoever asks from inside."""


class EgressRefused(Exception):
    """The organisation has not allowed a connection to this address."""

    def __init__(self, host: str, addresses: Iterable[str]) -> None:
        super().__init__(f"{host} is at {', '.join(addresses)}")
        self.addresses = tuple(addresses)


@dataclass(frozen=True)
class EgressPolicy:
    """
    Public addresses are allowed; others (loopback, private, link-local, reserved) only in an allowed network.

    A cloud's metadata address is allowed only if it is named alone (`169.254.169.254/32`), never by a wider
    network.
    """

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> "EgressPolicy":
        """
        From networks as people write them: `10.20.0.0/16`, `127.0.0.1`.

        :raises ValueError: if one is not a network
        """
        return cls(tuple(ip_network(network.strip()) for network in networks))

    def permits(self, address: Address) -> bool:
        address = _embedded(address)
        if address in METADATA:
            return any(network.num_addresses == 1 and address in network for network in self.allowed)
        if any(address in network for network in self.allowed):
            return True
        return address.is_global and not (
            address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
        )


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def open_socket(host: str, port: int, policy: EgressPolicy, **options: Any) -> socket.socket:
    """
    Resolve once, judge each address, and connect to one that was judged: a name that changes its address
    between a check and a connection gains nothing.

    :raises EgressRefused: if no address of the host is allowed
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    allowed = [address for address in addresses if policy.permits(ip_address(address))]
    if not allowed:
        raise EgressRefused(host, addresses)
    for address in allowed[:-1]:
        try:
            return create_connection((address, port), **options)
        except OSError:
            continue
    return create_connection((allowed[-1], port), **options)


def _connect(connection: HTTPConnection, policy: EgressPolicy) -> socket.socket:
    # Errors as urllib3's own `_new_conn` gives them, since its pool and requests tell them apart by type.
    try:
        return open_socket(
            connection.host,
            connection.port,
            policy,
            timeout=connection.timeout,
            source_address=connection.source_address,
            socket_options=connection.socket_options,
        )
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError:
        raise LocationParseError(connection.host) from None
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connecting took too long") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


def guarded_pools(policy: EgressPolicy) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3 connection pools by scheme, whose sockets obey a policy."""

    class GuardedHttp(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, policy)

    class GuardedHttps(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, policy)

    class GuardedHttpPool(HTTPConnectionPool):
        ConnectionCls = GuardedHttp

    class GuardedHttpsPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHttps

    return {"http": GuardedHttpPool, "https": GuardedHttpsPool}
