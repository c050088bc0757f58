from ipaddress import ip_address

import pytest

from connectors.protocols.egress import EgressPolicy


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address that must be refused, not bound to
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_nothing_but_public_addresses_is_allowed_by_default(address: str) -> None:
    assert not EgressPolicy().permits(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert EgressPolicy().permits(ip_address(address))


def test_an_allowed_network_is_allowed_and_its_neighbour_is_not() -> None:
    policy = EgressPolicy.of(["10.20.0.0/16", "fd12::/16"])

    assert policy.permits(ip_address("10.20.255.1"))
    assert policy.permits(ip_address("::ffff:10.20.0.1"))
    assert policy.permits(ip_address("fd12::7"))
    assert not policy.permits(ip_address("10.21.0.1"))


def test_a_wide_network_does_not_open_the_clouds_metadata() -> None:
    metadata = ip_address("169.254.169.254")

    assert not EgressPolicy.of(["0.0.0.0/0", "169.254.0.0/16"]).permits(metadata)
    assert not EgressPolicy.of(["0.0.0.0/0", "::/0"]).permits(ip_address("::ffff:169.254.169.254"))
    assert EgressPolicy.of(["169.254.169.254"]).permits(metadata)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        EgressPolicy.of(["10.0.0.1/8"])
