"""Routes from netifaces, and from Linux's tables where it is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evtorrent.listener import gateways
from evtorrent.listener.gateways import MAX_GATEWAYS, Gateway, list_gateways

ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t0000000B\t0200000A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t00000000\t0300000A\t0002\t0\t0\t0\t00000000\t0\t0\t0
"""
IPV6_ROUTE = """fd000000000000000000000000000000 40 {z} 00 {z} 00000100 00000001 00000000 00000001     eth0
{z} 00 {z} 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
{z} 00 {z} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth1
20000000000000000000000000000000 03 {z} 00 fe800000000000000000000000000002 00000400 00000003 00000000 00000003     eth0
{z} 00 {z} 00 {z} ffffffff 00000001 00000000 00200200       lo
""".format(z="0" * 32)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Linux's tables as files of the test, and no netifaces."""
    monkeypatch.setitem(sys.modules, "netifaces", None)
    monkeypatch.setattr(gateways, "_ROUTE", tmp_path / "route")
    monkeypatch.setattr(gateways, "_IPV6_ROUTE", tmp_path / "ipv6_route")
    return tmp_path


@pytest.mark.skipif(sys.byteorder != "little", reason="the table of the test is a little-endian machine's")
def test_linux_tables(tables: Path) -> None:
    (tables / "route").write_text(ROUTE)
    (tables / "ipv6_route").write_text(IPV6_ROUTE)
    assert list_gateways() == [
        Gateway("10.0.0.1", "eth0"),
        Gateway("192.168.0.1", "wlan0"),
        Gateway("fe80::1%eth0", "eth0"),
        Gateway("fd00::1", "eth1"),
    ]


def test_a_system_that_tells_nothing(tables: Path) -> None:
    assert list_gateways() == []


def with_netifaces(monkeypatch: pytest.MonkeyPatch, answer: dict[Any, Any]) -> list[Gateway]:
    monkeypatch.setitem(sys.modules, "netifaces", SimpleNamespace(gateways=lambda: answer))
    return list_gateways()


def test_netifaces(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "default": {2: ("10.0.0.1", "eth0")},
        2: [("10.0.0.1", "eth0", True), ("10.0.0.1", "eth0", True), ("192.168.0.1", "wlan0", False)],
        10: [("fe80::1", "eth0", True), ("fe80::2%eth1", "eth1", False)],
    }
    found = with_netifaces(monkeypatch, answer)
    assert found == [
        Gateway("10.0.0.1", "eth0"),
        Gateway("192.168.0.1", "wlan0"),
        Gateway("fe80::1%eth0", "eth0"),
        Gateway("fe80::2%eth1", "eth1"),
    ]
    assert [each.is_ipv6 for each in found] == [False, False, True, True]
    assert with_netifaces(monkeypatch, {"default": {}}) == []


def test_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {2: [(f"10.0.{number}.1", "eth0", False) for number in range(MAX_GATEWAYS + 1)]}
    assert len(with_netifaces(monkeypatch, answer)) == MAX_GATEWAYS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="compares with Linux's tables")
def test_both_ways_agree_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("netifaces")
    theirs = list_gateways()
    monkeypatch.setitem(sys.modules, "netifaces", None)
    assert {(each.address, each.device) for each in list_gateways()} == {
        (each.address, each.device) for each in theirs
    }
