"""The settings of proxies, and that nothing goes around one: every socket and every lookup is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.transport.proxy import ProxyOptions
from evtorrent.reactor.net import SystemPlatform
from evtorrent.session import EncPolicy, IpFilter, ProxyType, Session, SocketType
from evtorrent.session.alerts import PeerDisconnectedAlert, TrackerErrorAlert
from evtorrent.session.errors import Operation
from support.dht_thread import SETTINGS as DHT
from support.proxies import PASSWORD, USER, LocalProxy
from support.sessions import LOOPBACK, Content, Member
from support.socket_audit import SocketAudit
from support.trackers import LocalTracker, run_until
from support.watched_platform import WatchedPlatform
from support.web_server import WebServer
from support.world import World, torrent_of

KINDS = {
    ProxyType.socks4: "",
    ProxyType.socks5: "",
    ProxyType.socks5_pw: PASSWORD,
    ProxyType.http: "",
    ProxyType.http_pw: PASSWORD,
}

SOCKET_TYPES = {
    ProxyType.socks4: SocketType.socks5,
    ProxyType.http: SocketType.http,
    ProxyType.http_pw: SocketType.http,
}


def settings_for(kind: ProxyType, address: tuple[str, int]) -> dict[str, Any]:
    return {
        "proxy_type": kind,
        "proxy_hostname": address[0],
        "proxy_port": address[1],
        "proxy_username": USER,
        "proxy_password": PASSWORD,
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_download_goes_through_the_proxy_and_nothing_around_it(
    tmp_path: Path, kind: ProxyType
) -> None:
    content = Content(100_000)
    watched = WatchedPlatform(SystemPlatform(), {"proxy.example": "127.0.0.1"})
    multi = Multi(watched)  # type: ignore[arg-type]
    has_datagrams = kind in (ProxyType.socks5, ProxyType.socks5_pw)
    names = dict.fromkeys(("tracker.example", "router.example"), "127.0.0.1")
    with (
        LocalProxy(password=KINDS[kind], names=names) as proxy,
        LocalTracker() as tracker,
        Member({**DHT, "close_redundant_connections": False}) as seed,
        SocketAudit() as audit,
    ):
        seed.seed(content, tmp_path / "seed", trackers=[tracker.http_url])
        run_until(multi, lambda: bool(tracker.requests))
        udp_port = int(urlsplit(tracker.udp_url).port or 0)
        trackers = [
            f"http://tracker.example:{tracker.http_port}/announce",
            f"udp://tracker.example:{udp_port}/announce",
        ]
        session = Session(
            {
                **LOOPBACK,
                **settings_for(kind, ("proxy.example", proxy.address[1])),
                **DHT,
                "close_redundant_connections": False,
                "enable_outgoing_tcp": not has_datagrams,  # so that uTP carries it, however slow this machine is
                "dht_bootstrap_nodes": f"router.example:{seed.address[1]}",
                "announce_to_all_tiers": True,
                # What else would speak on the network: none of it does while no socket of ours listens.
                "enable_lsd": True,
                "enable_upnp": True,
                "enable_natpmp": True,
            },
            multi=multi,
        )
        handle = session.add_torrent(
            content.params(tmp_path / "leech", trackers=trackers, tracker_tiers=[0, 1])
        )
        run_until(multi, lambda: handle.status().is_finished)
        content.assert_in(tmp_path / "leech")
        assert session.listen_port() == 0
        run_until(multi, lambda: ("tracker.example", tracker.http_port) in proxy.asked)
        (peer,) = handle.get_peer_info()
        assert peer.socket_type == (SocketType.utp if has_datagrams else SOCKET_TYPES[kind])
        assert session.is_dht_running() == has_datagrams
        if has_datagrams:
            run_until(multi, lambda: "udp announce" in tracker.requests)
            run_until(multi, lambda: session.session_stats()["dht.dht_messages_in"] > 0)
            through = set(proxy.asked_over_udp)
            assert {
                ("tracker.example", udp_port),
                ("router.example", seed.address[1]),
                seed.address,
            } <= through
            assert watched.num_datagram_sockets == len(watched.sent_to) == len(proxy.associations) == 1
        else:
            assert seed.address in proxy.asked
            assert watched.num_datagram_sockets == 0 and not watched.sent_to
            refused = [alert for alert in session.pop_alerts() if isinstance(alert, TrackerErrorAlert)]
            assert any("UDP does not go through the proxy" in alert.message() for alert in refused)
        assert set(watched.names) == {"proxy.example"}
        assert set(watched.connected) == {proxy.address}
        assert watched.num_stream_sockets == len(watched.connected)
        # What the platform was not asked for would be seen by the interpreter.
        assert audit.names <= {"127.0.0.1"}
        connected = {("socket.connect", proxy.address)}
        assert {each for each in audit.contacts if each[0] != "socket.sendmsg"} - connected == {
            ("socket.sendto", relay) for relay in watched.sent_to
        }
        assert {address for _, address in audit.contacts} == watched.sent_to | {proxy.address}
        session.close()
        run_until(multi, lambda: not multi.timeout() == 0)
    multi.close()
    watched.platform.close()


@pytest.mark.slow
def test_web_seeds_are_asked_through_the_proxy(tmp_path: Path) -> None:
    content = Content(100_000)
    watched = WatchedPlatform(SystemPlatform(), {})
    multi = Multi(watched)  # type: ignore[arg-type]
    with LocalProxy(names={"web.example": "127.0.0.1"}) as proxy, WebServer() as server:
        server.offer(content.info, content.data)
        port = int(server.url.rpartition(":")[2].strip("/"))
        session = Session(
            {**LOOPBACK, **settings_for(ProxyType.socks5, proxy.address), "ssrf_mitigation": True},
            multi=multi,
        )
        session.set_ip_filter(IpFilter())  # knows nothing of names
        url = f"http://web.example:{port}/"
        handle = session.add_torrent(content.params(tmp_path, url_seeds=[url]))
        run_until(multi, lambda: handle.status().is_finished)
        content.assert_in(tmp_path)
        assert not watched.names
        assert set(watched.connected) == {proxy.address}
        assert proxy.asked and set(proxy.asked) == {("web.example", port)}
        session.close()
        run_until(multi, lambda: not multi.timeout() == 0)
    multi.close()
    watched.platform.close()


@pytest.fixture
def world() -> World:
    return World()


def test_only_what_is_asked_for_goes_through_it(world: World) -> None:
    node = world.node(**settings_for(ProxyType.socks5_pw, ("10.0.0.99", 1080)))
    proxying = node.core.proxying
    expected = ProxyOptions("socks5", ("10.0.0.99", 1080), USER, PASSWORD)
    assert proxying.for_peers == proxying.for_trackers == node.core.tracker_client.proxy == expected
    node.session.apply_settings({"socks5_udp_send_local_ep": True})
    assert proxying.for_dht is not None and proxying.for_dht.tells_udp_port
    node.session.apply_settings({"socks5_udp_send_local_ep": False})
    node.session.apply_settings({"proxy_peer_connections": False, "proxy_hostnames": False})
    assert proxying.for_peers is None
    assert proxying.for_trackers is not None and not proxying.for_trackers.resolves_names
    node.session.apply_settings({"proxy_tracker_connections": False, "proxy_peer_connections": True})
    assert proxying.for_trackers is node.core.tracker_client.proxy is None
    assert proxying.for_peers is not None
    node.session.apply_settings({"proxy_type": ProxyType.none})
    assert proxying.for_peers is None


def test_names_and_passwords_go_only_to_kinds_that_take_them(world: World) -> None:
    node = world.node()
    for kind, (name, user, password) in {
        ProxyType.socks4: ("socks4", USER, PASSWORD),
        ProxyType.socks5: ("socks5", "", ""),
        ProxyType.http: ("http_connect", "", ""),
        ProxyType.http_pw: ("http_connect", USER, PASSWORD),
    }.items():
        node.session.apply_settings(settings_for(kind, ("10.0.0.99", 1080)))
        proxy = node.core.proxying.for_peers
        assert proxy is not None
        assert (proxy.kind, proxy.username, proxy.password) == (name, user, password)


def test_a_proxy_without_a_name_reaches_nobody(world: World) -> None:
    info, _ = torrent_of(2)
    node = world.node(proxy_type=ProxyType.socks5, proxy_port=6881)
    torrent = node.add(info)
    world.pump()
    dialled: list[Any] = []
    world.listening["10.9.9.1", 6881] = lambda sock, address: dialled.append(sock)
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(2)
    assert not dialled
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.op is Operation.connect


@pytest.mark.parametrize("policy", [EncPolicy.forced, EncPolicy.disabled])
def test_chain_and_source(world: World, policy: EncPolicy) -> None:
    node = world.node(
        out_enc_policy=policy, outgoing_port=7000, **settings_for(ProxyType.http, ("2001:db8::1", 8080))
    )
    info, _ = torrent_of(2)
    torrent = node.add(info)
    world.pump()
    dialled: list[Any] = []
    world.listening["2001:db8::1", 8080] = lambda sock, address: dialled.append(sock)
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(1)
    (link,) = torrent.swarm.links
    suffix = "+mse" if policy is EncPolicy.forced else ""
    assert link.transport.query("chain") == f"http_connect+tcp{suffix}"
    assert node.platform.sources == [("::", 7000)]
    assert bytes(dialled[0].inbox).startswith(b"CONNECT 10.9.9.1:6881 HTTP/1.1\r\n")


def test_a_refusal_is_told(world: World) -> None:
    node = world.node(min_reconnect_time=1000, **settings_for(ProxyType.http, ("10.0.0.99", 8080)))
    info, _ = torrent_of(2)
    torrent = node.add(info)
    world.pump()
    world.listening["10.0.0.99", 8080] = lambda sock, address: sock.send(b"HTTP/1.1 403 No\r\n\r\n")
    torrent.swarm.add_peers([("10.9.9.1", 6881)], 1)
    world.advance(1)
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.op is Operation.connect
    assert "the proxy refuses: 403 No" in alert.message()


def test_a_name_that_only_the_proxy_knows_passes_the_filter(world: World) -> None:
    node = world.node()
    node.session.set_ip_filter(IpFilter())
    assert node.core._may_ask_tracker("tracker.example")
