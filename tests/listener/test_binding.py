"""Making listening sockets: rows L3, L4, L9, L10, L20–L25, L29, L30 of libevent's behaviour."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener import ListenerFlag
from evtorrent.listener.binding import bind_socket, resolve_numeric, undo_bind

NONE = ListenerFlag(0)
LOCAL = ("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def nothing_left(no_fd_survives: None) -> None:
    """Whatever fails, no descriptor stays."""


def is_listening(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def test_bound_socket_listens_without_blocking_or_inheriting() -> None:
    with bind_socket(LOCAL, NONE, -1) as sock:
        assert is_listening(sock)
        assert not os.get_blocking(sock.fileno())
        assert not sock.get_inheritable()
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_backlog_zero_is_refused_for_a_new_socket() -> None:
    with pytest.raises(ValueError, match="already listening"):
        bind_socket(LOCAL, NONE, 0)


def test_negative_backlog_is_128(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Recorder(socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            asked.append(backlog)
            super().listen(backlog)

    monkeypatch.setattr(socket, "socket", Recorder)
    bind_socket(LOCAL, NONE, -1).close()
    bind_socket(LOCAL, NONE, 7).close()
    assert asked == [128, 7]


def test_port_in_use_keeps_its_errno_and_leaks_nothing() -> None:
    with bind_socket(LOCAL, ListenerFlag.REUSEABLE, -1) as first:
        # L20: two live listeners collide also when both are reusable.
        with pytest.raises(OSError) as caught:
            bind_socket(first.getsockname(), ListenerFlag.REUSEABLE, -1)
        assert caught.value.errno == errno.EADDRINUSE


def test_reusable_port_binds_again_after_connections_were_closed() -> None:
    listener = bind_socket(LOCAL, ListenerFlag.REUSEABLE, -1)
    address = listener.getsockname()
    with socket.create_connection(address):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        accepted.close()  # the listening side closes first and is left in TIME_WAIT
        listener.close()
    bind_socket(address, ListenerFlag.REUSEABLE, -1).close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="balanced SO_REUSEPORT")
def test_reuseable_port_is_shared_and_does_not_imply_reuseable() -> None:
    with bind_socket(LOCAL, ListenerFlag.REUSEABLE_PORT, -1) as first:
        assert not first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        bind_socket(first.getsockname(), ListenerFlag.REUSEABLE_PORT, -1).close()
        with pytest.raises(OSError, match="in use"):
            bind_socket(first.getsockname(), NONE, -1)


def test_reuseable_port_fails_where_nothing_balances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(socket, "SO_REUSEPORT_LB", raising=False)
    with pytest.raises(OSError) as caught:
        bind_socket(LOCAL, ListenerFlag.REUSEABLE_PORT, -1)
    assert caught.value.errno == errno.EOPNOTSUPP


def test_reuseable_port_prefers_the_balancing_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    monkeypatch.setattr(socket, "SO_REUSEPORT_LB", socket.SO_REUSEPORT, raising=False)
    with bind_socket(LOCAL, ListenerFlag.REUSEABLE_PORT, -1) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def test_deferred_accept_is_one_second_and_ignored_where_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with bind_socket(LOCAL, ListenerFlag.DEFERRED_ACCEPT, -1) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) >= 1
    monkeypatch.delattr(socket, "TCP_DEFER_ACCEPT")
    bind_socket(LOCAL, ListenerFlag.DEFERRED_ACCEPT, -1).close()


@pytest.mark.parametrize(
    ("address", "flags", "code"),
    [
        (LOCAL, ListenerFlag.BIND_IPV6ONLY, errno.ENOPROTOOPT),
        (LOCAL, ListenerFlag.BIND_IPV4_AND_IPV6, errno.ENOPROTOOPT),
        ("\0evtorrent-test-deferred", ListenerFlag.DEFERRED_ACCEPT, errno.EOPNOTSUPP),
        ("\0evtorrent-test-v6only", ListenerFlag.BIND_IPV6ONLY, errno.EOPNOTSUPP),
    ],
)
def test_option_of_another_family_fails(address: Any, flags: ListenerFlag, code: int) -> None:
    with pytest.raises(OSError) as caught:
        bind_socket(address, flags, -1)
    assert caught.value.errno == code


def test_both_ipv6_flags_are_refused() -> None:
    both = ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6
    with pytest.raises(ValueError, match="exclude"):
        bind_socket(("::1", 0), both, -1)


def test_ipv6only_leaves_the_ipv4_port_free() -> None:
    # A port that is free for IPv6 may be somebody's for IPv4, so a few are tried; were the flag ignored, all would fail.
    for _ in range(20):
        with bind_socket(("::", 0), ListenerFlag.BIND_IPV6ONLY, -1) as sock:
            port = sock.getsockname()[1]
            try:
                bind_socket(("0.0.0.0", port), NONE, -1).close()
            except OSError:
                continue
            with pytest.raises(ConnectionRefusedError), socket.socket() as client:
                client.connect(("127.0.0.1", port))
            return
    pytest.fail("no port was free for IPv4")


def test_both_families_on_one_socket_take_the_ipv4_port() -> None:
    with bind_socket(("::", 0), ListenerFlag.BIND_IPV4_AND_IPV6, -1) as sock:
        port = sock.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            sock.setblocking(True)
            accepted, address = sock.accept()
            accepted.close()
        assert address[0] == "::ffff:127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            bind_socket(("0.0.0.0", port), NONE, -1)


@pytest.mark.parametrize("flag", [ListenerFlag.REUSEABLE, ListenerFlag.REUSEABLE_PORT])
def test_unix_address_cannot_be_reuseable(tmp_path: Path, flag: ListenerFlag) -> None:
    with pytest.raises(ValueError, match="unix"):
        bind_socket(tmp_path / "s", flag, -1)
    assert not (tmp_path / "s").exists()


def test_unix_path_stays_after_close_and_collides(tmp_path: Path) -> None:
    path = tmp_path / "s"
    bind_socket(path, NONE, -1).close()
    assert path.exists()
    with pytest.raises(OSError) as caught:
        bind_socket(os.fsencode(path), NONE, -1)
    assert caught.value.errno == errno.EADDRINUSE


def longest_path(folder: Path) -> str:
    """A path in `folder` that sun_path just holds, its final NUL included."""
    size = 108 if sys.platform.startswith("linux") else 104
    return str(folder / ("x" * (size - 1 - len(os.fsencode(folder)) - 1)))


def test_longest_unix_path_works_and_one_more_is_refused_not_cut(tmp_path: Path) -> None:
    folder = Path(os.path.relpath(tmp_path)) if len(os.fsencode(tmp_path)) > 90 else tmp_path
    longest = longest_path(folder)
    with bind_socket(longest, NONE, -1) as sock:
        assert sock.getsockname() == longest
    os.unlink(longest)
    with pytest.raises(OSError, match=r"address: a unix path of \d+ bytes is too long") as caught:
        bind_socket(longest + "x", NONE, -1)
    assert caught.value.errno == errno.ENAMETOOLONG
    assert not list(tmp_path.iterdir())


def test_unix_path_with_a_nul_inside_is_refused_not_cut(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"address: .*NUL"):
        bind_socket(f"{tmp_path}/a\0b", NONE, -1)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("mine")
    with pytest.raises(OSError) as caught:
        bind_socket(path, NONE, -1)
    assert caught.value.errno == errno.EADDRINUSE
    assert path.read_text() == "mine"


def test_the_file_of_a_call_that_failed_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            raise OSError(errno.ENOBUFS, "full")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", Deaf)
        with pytest.raises(OSError, match="full"):
            bind_socket(tmp_path / "s", NONE, -1)
        with pytest.raises(OSError, match="full"):
            bind_socket("\0evtorrent-test-undone", NONE, -1)
        with pytest.raises(OSError, match="full"):
            bind_socket(LOCAL, NONE, -1)
    assert not list(tmp_path.iterdir())
    undo_bind(bind_socket(tmp_path / "s", NONE, -1))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names")
def test_abstract_unix_name_leaves_no_file() -> None:
    name = f"\0evtorrent-test-{os.getpid()}"
    with bind_socket(name, NONE, -1) as sock, socket.socket(socket.AF_UNIX) as client:
        client.connect(name)
        assert sock.getsockname() == name.encode()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names")
def test_length_of_an_abstract_name_matters() -> None:
    name = f"\0evtorrent-test-{os.getpid()}-exact".encode()
    longest = name.ljust(108, b"x")
    with bind_socket(name, NONE, -1), bind_socket(name + b"\0", NONE, -1), bind_socket(longest, NONE, -1):
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(name[:-1])
        with pytest.raises(OSError) as caught:
            bind_socket(name + b"\0", NONE, -1)
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError) as caught:
        bind_socket(longest + b"x", NONE, -1)
    assert caught.value.errno == errno.ENAMETOOLONG


def test_abstract_names_are_refused_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ValueError, match="address: abstract names"):
        bind_socket("\0evtorrent-test-nowhere", NONE, -1)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        b"",
        (),
        ("127.0.0.1",),
        ("", 1),
        (None, 1),
        ("example.org", 1),
        ("127.0.0.1", -1),
        ("::1", 65536),
        ("127.0.0.1", "1"),
        ("1.2.3.4.5", 1),
        (".", 1),
        ("::1", 0, 0),
        7,
        ["127.0.0.1", 1],
        ("127.0.0.1", True),
        bytearray(b"/tmp/s"),
        "/tmp/\udfff\ud800",
    ],
    ids=repr,
)
def test_addresses_that_cannot_work_are_refused(address: Any) -> None:
    with pytest.raises(ValueError, match=r"address|surrogates"):
        bind_socket(address, NONE, -1)


def test_no_unix_sockets_on_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(OSError) as caught:
        resolve_numeric("/tmp/s")
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_ipv6_flow_and_scope_are_kept() -> None:
    assert resolve_numeric(("::1", 5, 0, 0)) == (socket.AF_INET6, ("::1", 5, 0, 0))
    assert (
        resolve_numeric(("fe80::1%1", 5)) == (socket.AF_INET6, ("fe80::1%1", 5, 0, 1))
        or resolve_numeric(("fe80::1%1", 5))[1][3] == 1
    )
    assert resolve_numeric(("127.0.0.1", 5)) == (socket.AF_INET, ("127.0.0.1", 5))
