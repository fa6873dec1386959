from __future__ import annotations

import pytest
from evtorrent.session import (
    PeerClassSocket,
    PeerClassTypeFilter,
    SocketType,
    default_peer_class_filter,
    global_peer_class_filter,
)
from evtorrent.session.core.peer_class_filter import default_type_filter, socket_kind

TCP, UTP = PeerClassSocket.tcp_socket, PeerClassSocket.utp_socket


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.1.1",
        "169.254.0.1",
        "127.0.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.1.2.3",
    ],
)
def test_local_peers(host: str) -> None:
    assert default_peer_class_filter().access(host) == 0b100
    assert global_peer_class_filter().access(host) == 1


@pytest.mark.parametrize("host", ["1.2.3.4", "172.32.0.1", "11.0.0.0", "2001:db8::1", "fec0::1"])
def test_all_others(host: str) -> None:
    assert default_peer_class_filter().access(host) == 1


def test_a_new_one_changes_nothing() -> None:
    kinds = PeerClassTypeFilter()
    assert all(kinds.apply(kind, 0xFFFFFFFF) == 0xFFFFFFFF for kind in PeerClassSocket)
    assert all(kinds.apply(kind, 0) == 0 for kind in PeerClassSocket)


def test_classes_are_added_and_taken_away_by_kind() -> None:
    kinds = PeerClassTypeFilter()
    kinds.add(UTP, 4)
    kinds.disallow(UTP, 0)
    assert kinds.apply(UTP, 0b11) == 0b10010
    assert kinds.apply(TCP, 0b11) == 0b11
    kinds.disallow(UTP, 4)
    assert kinds.apply(UTP, 0b11) == 0b10010, "what is added is not taken away"
    kinds.remove(UTP, 4)
    kinds.allow(UTP, 0)
    assert kinds.apply(UTP, 0b10011) == 0b11


def test_copies_are_equal_and_apart() -> None:
    kinds = default_type_filter()
    other = kinds.copy()
    assert other == kinds
    other.add(PeerClassTypeFilter.ssl_utp_socket, 31)
    assert other != kinds
    assert kinds != 7


def test_tcp_is_in_its_class() -> None:
    kinds = default_type_filter()
    assert [kinds.apply(kind, 0) for kind in PeerClassSocket] == [2, 0, 2, 0, 2]


@pytest.mark.parametrize("number", [-1, 32])
def test_classes_that_cannot_be_named(number: int) -> None:
    kinds = PeerClassTypeFilter()
    for change in (kinds.add, kinds.remove, kinds.allow, kinds.disallow):
        with pytest.raises(ValueError):
            change(TCP, number)
    with pytest.raises(ValueError):
        kinds.apply(9, 0)


def test_every_socket_counts_as_something() -> None:
    assert socket_kind(SocketType.tcp) is socket_kind(SocketType.socks5) is TCP
    assert socket_kind(SocketType.utp) is UTP
    assert socket_kind(SocketType.http_ssl) is PeerClassSocket.ssl_tcp_socket
    assert socket_kind(SocketType.utp_ssl) is PeerClassSocket.ssl_utp_socket
    assert socket_kind(SocketType.i2p) is PeerClassSocket.i2p_socket
