"""Peers of SSL torrents between whole sessions, and strangers who want in without being one."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from evtorrent.protocols.peer.handshake import Handshake
from evtorrent.protocols.types import PeerId, Sha1Hash
from evtorrent.session import AddTorrentParams, PeerFlags, ProxyType, SocketType, TorrentHandle
from evtorrent.session.alerts import (
    IncomingConnectionAlert,
    ListenSucceededAlert,
    PeerConnectAlert,
    PeerDisconnectedAlert,
    TrackerReplyAlert,
)
from support.proxies import LocalProxy
from support.sessions import Content, Member
from support.ssl_torrents import LISTENING, Authority, Pair, SslContent, authority, star
from support.trackers import LocalTracker
from support.waiting import wait_for

TCP_ONLY = {"enable_outgoing_utp": False, "enable_incoming_utp": False}
UTP_ONLY = {"enable_outgoing_tcp": False, "enable_incoming_tcp": False}
STAYING = {"close_redundant_connections": False}


class Peer(Member):
    """A session with a port for TLS."""

    def __init__(self, **settings: Any) -> None:
        super().__init__({**LISTENING, **TCP_ONLY, **STAYING, **settings})

    @property
    def ssl_address(self) -> tuple[str, int]:
        return "127.0.0.1", self.session.ssl_listen_port()

    def seed_secret(self, content: Content, folder: Path, pair: Pair | None = None) -> TorrentHandle:
        return certified(self.seed(content, folder), pair)

    def add_secret(self, content: Content, folder: Path, pair: Pair | None = None) -> TorrentHandle:
        return certified(self.add(content, folder), pair)


def certified(handle: TorrentHandle, pair: Pair | None = None) -> TorrentHandle:
    pair = pair or star()
    handle.set_ssl_certificate_buffer(pair.certificate, pair.key)
    return handle


@pytest.mark.slow
@pytest.mark.parametrize("over", [TCP_ONLY, UTP_ONLY])
def test_a_whole_download(tmp_path: Path, over: dict[str, Any]) -> None:
    content, is_utp = SslContent(), over is UTP_ONLY
    both = {**dict.fromkeys([*TCP_ONLY, *UTP_ONLY], True), **over}
    with Peer(**both) as seed, Peer(**both) as leech:
        theirs = seed.seed_secret(content, tmp_path / "seed", authority().issue("secret"))
        handle = leech.add_secret(content, tmp_path / "leech")
        handle.connect_peer(seed.ssl_address)
        leech.finish(handle)
        content.assert_in(tmp_path / "leech")
        kind = SocketType.utp_ssl if is_utp else SocketType.tcp_ssl
        for member, own in ((seed, theirs), (leech, handle)):
            (info,) = own.get_peer_info()
            assert info.flags & PeerFlags.ssl_socket
            assert bool(info.flags & PeerFlags.utp_socket) == is_utp
            assert member.wait(PeerConnectAlert).socket_type is kind
            counters = member.session.session_stats()
            assert counters["peer.num_ssl_utp_peers" if is_utp else "peer.num_ssl_peers"] == 1
            assert counters["peer.num_tcp_peers"] == counters["peer.num_utp_peers"] == 0
        assert seed.wait(IncomingConnectionAlert).socket_type is kind


@pytest.mark.slow
def test_through_a_proxy(tmp_path: Path) -> None:
    content = SslContent()
    with LocalProxy() as proxy, Peer() as seed:
        settings = {
            "proxy_type": ProxyType.socks5,
            "proxy_hostname": "127.0.0.1",
            "proxy_port": proxy.address[1],
        }
        with Peer(**settings) as leech:
            seed.seed_secret(content, tmp_path / "seed")
            handle = leech.add_secret(content, tmp_path / "leech")
            handle.connect_peer(seed.ssl_address)
            leech.finish(handle)
            content.assert_in(tmp_path / "leech")
            assert proxy.asked == [seed.ssl_address]
            assert leech.session.ssl_listen_port() == 0


@pytest.mark.slow
def test_a_magnet_link_with_a_root_certificate(tmp_path: Path) -> None:
    """The metadata itself comes from peers that proved themselves."""
    content = SslContent()
    with Peer() as seed, Peer() as leech:
        seed.seed_secret(content, tmp_path / "seed")
        params = AddTorrentParams(
            info_hashes=content.info.info_hashes,
            save_path=str(tmp_path / "leech"),
            root_certificate=authority().pem.decode(),
        )
        handle = certified(leech.session.add_torrent(params))
        handle.connect_peer(seed.ssl_address)
        leech.finish(handle)
        content.assert_in(tmp_path / "leech")
        assert {alert.socket_type for alert in leech.all(PeerConnectAlert)} == {SocketType.tcp_ssl}


@pytest.mark.slow
@pytest.mark.parametrize("bad", ["other name", "other authority"])
@pytest.mark.parametrize("seed_is_bad", [True, False])
def test_whoever_has_the_wrong_certificate_gets_nothing(tmp_path: Path, bad: str, seed_is_bad: bool) -> None:
    content = SslContent()
    wrong = (Authority() if bad == "other authority" else authority()).issue(
        "*" if bad == "other authority" else "another torrent"
    )
    with Peer() as seed, Peer() as leech:
        seed.seed_secret(content, tmp_path / "seed", wrong if seed_is_bad else None)
        handle = leech.add_secret(content, tmp_path / "leech", None if seed_is_bad else wrong)
        handle.connect_peer(seed.ssl_address)
        ended = leech.wait(PeerDisconnectedAlert)
        if seed_is_bad:
            assert "certificate" in ended.message().lower()
        assert handle.status().total_payload_download == 0
        assert seed.all(PeerConnectAlert) == []


@pytest.mark.slow
@pytest.mark.parametrize("to_ssl_port", [True, False])
def test_plain_and_ssl_torrents_do_not_meet(tmp_path: Path, to_ssl_port: bool) -> None:
    """An SSL torrent is not to be had over plain TCP, nor a plain one where TLS is spoken."""
    secret, plain = SslContent(), Content(100_000, name="plain")
    with Peer() as seed, Peer() as leech:
        seed.seed_secret(secret, tmp_path / "seed")
        seed.seed(plain, tmp_path / "seed")
        handle = (
            leech.add(plain, tmp_path / "leech")
            if to_ssl_port
            else leech.add_secret(secret, tmp_path / "leech")
        )
        handle.connect_peer(seed.ssl_address if to_ssl_port else seed.address)
        leech.wait(PeerDisconnectedAlert)
        assert handle.status().total_payload_download == 0
        assert seed.all(PeerConnectAlert) == []


def handshake_for(content: Content) -> bytes:
    return Handshake(Sha1Hash(content.info.info_hashes.best()), PeerId(b"-XX0000-abcdefghijkl")).pack()


@contextmanager
def caller(
    address: tuple[str, int], server_name: str | None, pair: Pair, folder: Path
) -> Iterator[ssl.SSLSocket]:
    """A stranger with a certificate, who calls."""
    path = folder / "caller.pem"
    path.write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(path)
    with socket.create_connection(address, 5) as sock:
        with context.wrap_socket(sock, server_hostname=server_name) as wrapped:
            yield wrapped


def test_who_names_another_torrent_afterwards(tmp_path: Path) -> None:
    """Proven for one torrent is not proven for another, nor good for one that is not secret."""
    secret, other, plain = SslContent(), SslContent(name="other"), Content(1000, name="plain")
    with Peer() as seed:
        for each in (secret, other):
            seed.seed_secret(each, tmp_path / "seed")
        seed.seed(plain, tmp_path / "seed")
        name = secret.info.info_hashes.best().hex()
        for wanted in (other, plain):
            with caller(seed.ssl_address, name, authority().issue("secret"), tmp_path) as sock:
                sock.sendall(handshake_for(wanted))
                assert sock.recv(100) == b""
        with caller(seed.ssl_address, name + ".example", authority().issue("secret"), tmp_path) as sock:
            sock.sendall(handshake_for(secret))
            assert (
                sock.recv(100)[:20] == b"\x13BitTorrent protocol"
            )  # libtorrent takes the first 40 digits, too


@pytest.mark.parametrize(
    "kind", ["none", "unknown", "short", "no hexadecimal", "plain", "without a certificate"]
)
def test_server_names_that_lead_nowhere(tmp_path: Path, kind: str) -> None:
    secret, plain = SslContent(), Content(1000, name="plain")
    with Peer() as seed:
        handle = seed.seed(secret, tmp_path / "seed")
        seed.seed(plain, tmp_path / "seed")
        if kind != "without a certificate":
            certified(handle)
        names = {
            "none": None,
            "unknown": "ab" * 20,
            "short": "ab" * 19,
            "no hexadecimal": "xy" * 20,
            "plain": plain.info.info_hashes.best().hex(),
            "without a certificate": secret.info.info_hashes.best().hex(),
        }
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            with caller(seed.ssl_address, names[kind], star(), tmp_path):
                pass
        wait_for(lambda: not seed.session._core.lobby.links)
        assert seed.session._core.gate.num_open == 0


def test_what_listens_is_told_apart() -> None:
    with Peer() as peer:
        kinds = {alert.socket_type: alert.port for alert in peer.all(ListenSucceededAlert)}
        plain, secret = peer.address[1], peer.ssl_address[1]
        assert kinds == {
            SocketType.tcp: plain,
            SocketType.utp: plain,
            SocketType.tcp_ssl: secret,
            SocketType.utp_ssl: secret,
        }
    with Peer(listen_interfaces="127.0.0.1:0s") as peer:
        assert peer.session.listen_port() == 0  # no port for torrents that are not secret
        assert peer.session.ssl_listen_port() > 0


@pytest.mark.slow
def test_calling_over_utp_takes_no_port_for_tls(tmp_path: Path) -> None:
    content = SslContent()
    both = {**dict.fromkeys([*TCP_ONLY, *UTP_ONLY], True), **UTP_ONLY}
    with Peer(**both) as seed, Peer(**both, listen_interfaces="127.0.0.1:0") as leech:
        seed.seed_secret(content, tmp_path / "seed")
        handle = leech.add_secret(content, tmp_path / "leech")
        handle.connect_peer(seed.ssl_address)
        leech.finish(handle)
        content.assert_in(tmp_path / "leech")


def test_no_tls_where_tls_is_spoken(tmp_path: Path) -> None:
    secret = SslContent()
    with Peer() as seed:
        seed.seed_secret(secret, tmp_path / "seed")
        with socket.create_connection(seed.ssl_address, 5) as sock:
            sock.sendall(handshake_for(secret))
            heard = b""
            with suppress(ConnectionResetError):
                while answer := sock.recv(1000):
                    heard += answer
            assert b"BitTorrent" not in heard
        wait_for(lambda: not seed.session._core.lobby.links)


def test_trackers_are_told_the_port_where_tls_is_spoken(tmp_path: Path) -> None:
    with LocalTracker() as tracker, Peer() as peer:
        for content in (SslContent(), Content(1000, name="plain")):
            certified(peer.seed(content, tmp_path / content.info.name, trackers=[tracker.http_url]))
        wait_for(lambda: len(peer.all(TrackerReplyAlert)) == 2)
        ports = {parse_qs(urlsplit(target).query)["port"][0] for target in tracker.requests}
        assert ports == {str(peer.address[1]), str(peer.ssl_address[1])}
