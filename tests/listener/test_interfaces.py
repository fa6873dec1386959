"""The addresses of this machine."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest
from evtorrent.listener import interfaces
from evtorrent.listener.interfaces import Interface, list_interfaces


def test_loopback_is_there_and_everything_is_well_formed(no_fd_survives: None) -> None:
    found = list_interfaces()
    assert any(each.address == "127.0.0.1" and each.prefix_length == 8 for each in found)
    names = {name for _, name in socket.if_nameindex()}
    for each in found:
        assert each.device in names
        assert ipaddress.ip_address(each.address.partition("%")[0]) in each.network


def test_ipv6_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "if_inet6"
    table.write_text(
        "fd000000000000000000000000000002 04 40 00 82     eth0\n"
        "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
    )
    monkeypatch.setattr(interfaces, "_IF_INET6", table)
    found = [each for each in list_interfaces() if ":" in each.address]
    assert found == [Interface("eth0", "fd00::2", 64), Interface("eth0", "fe80::fc:ff:fe00:1%eth0", 64)]
    assert str(found[1].network) == "fe80::/64"


def test_kernel_without_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_IF_INET6", tmp_path / "missing")
    assert all(":" not in each.address for each in list_interfaces())


def test_elsewhere_what_routes_tell(monkeypatch: pytest.MonkeyPatch, no_fd_survives: None) -> None:
    monkeypatch.setattr(interfaces, "_IS_LINUX", False)
    # Loopback stands in for the outside, so that the answer does not depend on this machine's routes.
    monkeypatch.setattr(
        interfaces, "_OUTSIDE", ((socket.AF_INET, "127.0.0.9"), (socket.AF_INET, "255.255.255.255"))
    )
    found = list_interfaces()
    assert found[0] == Interface("", "127.0.0.1", 8)
    assert found[-1] == Interface("", "127.0.0.1", 32)
    monkeypatch.setattr(socket, "has_ipv6", False)
    assert all(":" not in each.address for each in list_interfaces())
