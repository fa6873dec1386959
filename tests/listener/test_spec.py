"""`listen_interfaces`: the cases of libtorrent's test_string.cpp, and round trips."""

from __future__ import annotations

import pytest
from evtorrent.listener.spec import MAX_ELEMENTS, ListenInterface, format_interfaces, parse_interfaces
from hypothesis import given
from hypothesis import strategies as st

I = ListenInterface  # noqa: E741


@pytest.mark.parametrize(
    ("text", "found", "bad", "printed"),
    [
        (
            "  a:4,b:35, c : 1000s, d: 351 ,e \t:42,foobar:1337s\n\r,[2001::1]:6881",
            [
                I("a", 4),
                I("b", 35),
                I("c", 1000, True),
                I("d", 351),
                I("e", 42),
                I("foobar", 1337, True),
                I("2001::1", 6881),
            ],
            [],
            "a:4,b:35,c:1000s,d:351,e:42,foobar:1337s,[2001::1]:6881",
        ),
        ("[2001:ffff::1]:6882s", [I("2001:ffff::1", 6882, True)], [], "[2001:ffff::1]:6882s"),
        ("127.0.0.1:6882", [I("127.0.0.1", 6882)], [], "127.0.0.1:6882"),
        ("  nic\r\n:\t 12\r s ", [I("nic", 12, True)], [], "nic:12s"),
        ("nic:99999999999999999999999", [], ["nic:99999999999999999999999"], ""),
        ("nic:65536", [], ["nic:65536"], ""),
        ("nic:65535", [I("nic", 65535)], [], "nic:65535"),
        ("nic:  -3", [], ["nic:  -3"], ""),
        ("nic:  ", [], ["nic:"], ""),
        ("nic :", [], ["nic :"], ""),
        ("nic ", [], ["nic"], ""),
        ("nic s", [], ["nic s"], ""),
        ("nic:\u0661", [], ["nic:\u0661"], ""),  # a digit of another script is none
        ("127.0.0.1:0", [I("127.0.0.1", 0)], [], "127.0.0.1:0"),
        ("127.0.0.1:1234s", [I("127.0.0.1", 1234, True)], [], "127.0.0.1:1234s"),
        ("127.0.0.1:1234l", [I("127.0.0.1", 1234, False, True)], [], "127.0.0.1:1234l"),
        ("127.0.0.1:1234ls", [I("127.0.0.1", 1234, True, True)], [], "127.0.0.1:1234sl"),
        ("[aaaa::1", [], ["[aaaa::1"], ""),
        ("[aaaa::1]", [], ["[aaaa::1]"], ""),
        ("[aaaa::1]:", [], ["[aaaa::1]:"], ""),
        ("[aaaa::1]:s", [], ["[aaaa::1]:s"], ""),
        ("[aaaa::1] :6881", [], ["[aaaa::1] :6881"], ""),
        ("[aaaa::1]:6881", [I("aaaa::1", 6881)], [], "[aaaa::1]:6881"),
        ("[aaaa::1,foobar:0", [I("foobar", 0)], ["[aaaa::1"], "foobar:0"),
        ("foo:,bar", [], ["foo:", "bar"], ""),
        ('"abc,.",bar', [], ["abc,.", "bar"], ""),
        ('"', [], ['"'], ""),
        ("foo,bar,0.0.0.0:6881", [I("0.0.0.0", 6881)], ["foo", "bar"], "0.0.0.0:6881"),
        ("", [], [], ""),
        (" , ,", [], [], ""),
        ('"eth0:1",eth1:2', [I("eth0", 1), I("eth1", 2)], [], "eth0:1,eth1:2"),
    ],
)
def test_as_libtorrent(text: str, found: list[ListenInterface], bad: list[str], printed: str) -> None:
    assert parse_interfaces(text) == (found, bad)
    assert format_interfaces(found) == printed
    assert parse_interfaces(printed) == (found, [])


@pytest.mark.parametrize(
    ("device", "is_address"),
    [("0.0.0.0", True), ("::", True), ("fe80::1%eth0", True), ("eth0", False), ("1.2.3", False), ("", False)],
)
def test_addresses_and_devices(device: str, is_address: bool) -> None:
    assert ListenInterface(device, 1).is_address is is_address


def test_number_of_elements_is_limited() -> None:
    found, bad = parse_interfaces(",".join(f"eth{index}:1" for index in range(MAX_ELEMENTS + 1)))
    assert len(found) == MAX_ELEMENTS
    assert bad == [f"eth{MAX_ELEMENTS}:1"]


_devices = st.one_of(
    st.ip_addresses().map(str), st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1, max_size=15)
)
_interfaces = st.builds(ListenInterface, _devices, st.integers(0, 65535), st.booleans(), st.booleans())


@given(st.lists(_interfaces, max_size=8))
def test_round_trip(interfaces: list[ListenInterface]) -> None:
    assert parse_interfaces(format_interfaces(interfaces)) == (interfaces, [])


@given(st.text('a1:[],"ls \t'))
def test_any_text_gives_values(text: str) -> None:
    found, bad = parse_interfaces(text)
    assert all(0 <= each.port <= 65535 for each in found)
    assert all(element in text for element in bad)
