"""The session's association with a SOCKS 5 proxy: whole downloads over it, its end, proxies without one, changes of settings."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportClosed
from evtorrent.protocols.proxy import wrap_datagram
from evtorrent.protocols.transport.socks5_datagrams import RETRY_DELAY
from evtorrent.protocols.utp import Packet, PacketType, pack_packet
from evtorrent.reactor.net import SystemPlatform
from evtorrent.session import Operation, PeerSource, ProxyType, Session, SocketType, TorrentHandle
from evtorrent.session.alerts import Alert, DhtAnnounceAlert, PeerDisconnectedAlert, Socks5Alert
from support.dht_thread import SETTINGS as DHT
from support.proxies import LocalProxy
from support.sessions import LOOPBACK, Content, Member
from support.trackers import run_until
from support.waiting import wait_for
from support.watched_platform import WatchedPlatform

UTP_ONLY = {"enable_outgoing_tcp": False, "enable_incoming_tcp": False, "close_redundant_connections": False}


class Clock(WatchedPlatform):
    """The system's platform, with a clock that can be turned on."""

    def __init__(self) -> None:
        super().__init__(SystemPlatform())
        self.later = 0.0

    def time(self) -> float:
        now: float = self.platform.time()
        return now + self.later


class Behind:
    """A session behind a proxy, driven by whoever waits."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.multi = Multi(self.clock)  # type: ignore[arg-type]
        self.alerts: list[Alert] = []
        self.session: Session | None = None

    def begin(self, proxy: LocalProxy, **settings: Any) -> Session:
        self.session = Session(
            {
                **LOOPBACK,
                **DHT,
                **UTP_ONLY,
                "proxy_type": ProxyType.socks5,
                "proxy_hostname": proxy.address[0],
                "proxy_port": proxy.address[1],
                **settings,
            },
            multi=self.multi,
        )
        return self.session

    def all(self, kind: type[Any]) -> list[Any]:
        assert self.session is not None
        self.alerts += self.session.pop_alerts()
        return [alert for alert in self.alerts if isinstance(alert, kind)]

    def wait(self, condition: Callable[[], Any]) -> Any:
        run_until(self.multi, lambda: bool(condition()))
        return condition()

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            run_until(self.multi, lambda: self.multi.timeout() != 0)
        self.multi.close()
        self.clock.platform.close()


def send_junk(proxy: LocalProxy, seed: tuple[str, int]) -> int:
    """Datagrams nobody should believe, as many as can be told by looking at them."""
    relay, client = proxy.clients[0]
    reset = pack_packet(Packet(PacketType.RESET, 1, 0, 0, 0, 0, 0))
    good = wrap_datagram(reset, seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(good, client)
    bad = [b"", b"\0\0", b"\0\0\x01" + good[3:], b"\0\0\x80" + good[3:], good[:7], b"\0\0\0\x05" + good[4:]]
    for datagram in bad:
        relay.sendto(datagram, client)
    # Well wrapped, and worth nothing: for nobody, from a name, from nowhere.
    for data, source in (
        (b"?", seed),
        (reset, ("far.example", 9)),
        (reset, ("2001:db8::1", 9)),
        (b"d", seed),
    ):
        relay.sendto(wrap_datagram(data, source), client)
    return len(bad) + 1


@pytest.fixture
def behind() -> Iterator[Behind]:
    made = Behind()
    yield made
    made.close()


@pytest.fixture
def proxy() -> Iterator[LocalProxy]:
    with LocalProxy(names={"router.example": "127.0.0.1"}) as made:
        yield made


def only_peer(handle: TorrentHandle) -> Any:
    (peer,) = handle.get_peer_info()
    return peer


@pytest.mark.slow
def test_nothing_but_a_name_of_a_node_and_all_of_it_through_the_proxy(
    behind: Behind, proxy: LocalProxy, tmp_path: Path
) -> None:
    """No tracker: the DHT finds the peer, uTP brings the content, and both go through one association."""
    content = Content(400_000, seed=61)
    with Member(DHT, host="127.0.0.11") as node, Member({**DHT, **UTP_ONLY}, host="127.0.0.12") as seed:
        seed.session.add_dht_node(node.address)
        seed.seed(content, tmp_path / "seed")
        wait_for(lambda: node.all(DhtAnnounceAlert))
        session = behind.begin(proxy, dht_bootstrap_nodes=f"router.example:{node.address[1]}")
        proxy.names["router.example"] = "127.0.0.11"
        handle = session.add_torrent(content.params(tmp_path / "leech"))
        behind.wait(lambda: handle.status().is_finished)
        content.assert_in(tmp_path / "leech")
        peer = only_peer(handle)
        assert peer.ip == seed.address
        assert peer.socket_type is SocketType.utp
        assert peer.source & PeerSource.dht
        assert not proxy.asked and not behind.clock.names
        assert {("router.example", node.address[1]), seed.address} <= set(proxy.asked_over_udp)
        assert len(proxy.associations) == 1
        assert len(behind.clock.sent_to) == behind.clock.num_datagram_sockets == 1
        assert session.session_stats()["net.on_udp_counter"] > 0
        assert not behind.all(Socks5Alert)


@pytest.mark.slow
def test_an_association_that_ends_in_the_middle_of_a_transfer(
    behind: Behind, proxy: LocalProxy, tmp_path: Path
) -> None:
    """What ran over it ends at once and says why; after the pause there is another, and the download goes on."""
    content = Content(600_000, seed=62)
    limits = {"upload_rate_limit": 300_000, "enable_dht": False}
    with (
        Member({**UTP_ONLY, **limits}, host="127.0.0.12") as seed,
        Member(UTP_ONLY, host="127.0.0.13") as other,  # To the first one we are still connected.
    ):
        seed.seed(content, tmp_path / "seed")
        other.seed(content, tmp_path / "seed")
        session = behind.begin(proxy, enable_dht=False, min_reconnect_time=1)
        handle = session.add_torrent(content.params(tmp_path / "leech"))
        behind.wait(lambda: handle.status().state >= 3)
        handle.connect_peer(seed.address)
        behind.wait(lambda: handle.status().progress > 0)
        proxy.associations[0].shutdown(2)
        (alert,) = behind.wait(lambda: behind.all(Socks5Alert))
        assert alert.op is Operation.sock_read
        assert alert.ip == proxy.address
        assert "ended the association" in alert.message()
        (gone,) = behind.wait(lambda: behind.all(PeerDisconnectedAlert))
        assert "ended the association" in gone.message()
        assert not handle.get_peer_info()
        datagrams = session._core.datagrams
        assert not datagrams.can_dial(seed.address)
        sent = len(proxy.asked_over_udp)
        behind.multi.perform()
        assert behind.clock.num_datagram_sockets == 1 and len(proxy.asked_over_udp) == sent
        behind.clock.later += RETRY_DELAY
        assert datagrams.can_dial(seed.address)
        handle.connect_peer(other.address)
        behind.wait(lambda: handle.status().is_finished)
        content.assert_in(tmp_path / "leech")
        assert len(proxy.associations) == 2
        assert not proxy.asked


@pytest.mark.slow
@pytest.mark.parametrize("relay_host", ["127.0.0.1", "0.0.0.0"])
def test_junk_in_the_middle_of_a_transfer(
    behind: Behind, proxy: LocalProxy, tmp_path: Path, relay_host: str
) -> None:
    """Fragments, cut headers, strangers that know our port: what is under way does not notice."""
    content = Content(600_000, seed=65)
    proxy.relay_host = relay_host
    with Member({**UTP_ONLY, "upload_rate_limit": 2_000_000}, host="127.0.0.12") as seed:
        seed.seed(content, tmp_path / "seed")
        session = behind.begin(proxy)
        handle = session.add_torrent(content.params(tmp_path / "leech"))
        behind.wait(lambda: handle.status().state >= 3)
        handle.connect_peer(seed.address)
        behind.wait(lambda: handle.get_peer_info() and only_peer(handle).pid)
        relay: Any = session._core.relaying.relay
        num_bad = sum(send_junk(proxy, seed.address) for _ in range(3))
        behind.wait(lambda: handle.status().is_finished)
        behind.wait(lambda: relay.num_ignored == num_bad)
        content.assert_in(tmp_path / "leech")
        assert relay.num_unrouted >= 6
        assert len(proxy.associations) == 1
        assert not behind.all(Socks5Alert) and not behind.all(PeerDisconnectedAlert)


@pytest.mark.slow
def test_a_proxy_without_datagrams_is_told_of_and_tcp_goes_on(
    behind: Behind, proxy: LocalProxy, tmp_path: Path
) -> None:
    content = Content(100_000, seed=63)
    proxy.has_datagrams = False
    with Member({"close_redundant_connections": False}) as seed:
        seed.seed(content, tmp_path / "seed")
        session = behind.begin(proxy, enable_outgoing_tcp=True)
        handle = session.add_torrent(content.params(tmp_path / "leech"))
        behind.wait(lambda: handle.status().state >= 3)
        handle.connect_peer(seed.address)
        behind.wait(lambda: handle.status().is_finished)
        content.assert_in(tmp_path / "leech")
        assert only_peer(handle).socket_type is SocketType.socks5
        stats = session.session_stats()
        assert stats["peer.num_socks5_peers"] == 1 and not stats["peer.num_tcp_peers"]
        (alert, *_) = behind.wait(lambda: behind.all(Socks5Alert))
        assert alert.op is Operation.handshake
        assert "does not know the command" in alert.message()
        assert not proxy.asked_over_udp
        assert not behind.clock.num_datagram_sockets


@pytest.mark.slow
def test_peers_come_in_through_the_proxy(behind: Behind, proxy: LocalProxy, tmp_path: Path) -> None:
    content = Content(100_000, seed=64)
    with Member({**UTP_ONLY}, host="127.0.0.12") as seed:
        handle_there = seed.seed(content, tmp_path / "seed")
        session = behind.begin(proxy)
        handle = session.add_torrent(content.params(tmp_path / "leech"))
        session.add_dht_node(("127.0.0.12", 9))  # makes the association
        behind.wait(lambda: proxy.reached_from and handle.status().state >= 3)
        handle_there.connect_peer(proxy.reached_from[0])
        behind.wait(lambda: handle.status().is_finished)
        content.assert_in(tmp_path / "leech")
        peer = only_peer(handle)
        assert peer.source & PeerSource.incoming
        assert peer.ip == seed.address
        handle.pause()
        behind.wait(lambda: not handle.get_peer_info())
        session.apply_settings({"enable_incoming_utp": False})
        assert not session._core.datagrams._may_come(None, seed.address)


def test_changes_of_the_proxy(behind: Behind, proxy: LocalProxy) -> None:
    """The DHT moves behind it and back; with one that has no datagrams there is neither a DHT nor uTP."""
    # The address that stands for the node behind the proxy, too.
    session = behind.begin(proxy, proxy_type=ProxyType.none, listen_interfaces="0.0.0.0:0")
    core: Any = session._core
    assert core.dht.dht.addresses == core.listen_addresses
    known = core.dht.dht.nodes()[0].node_id
    session.apply_settings({"proxy_type": ProxyType.socks5})
    relay = core.relaying.relay
    assert core.dht.dht.addresses == [("0.0.0.0", 0)]
    assert not core.dht.dht.resolves_names
    behind_it = core.dht.dht.nodes()[0].node_id
    assert behind_it != known  # It would tell who is behind the proxy.
    assert not core.dht.save_state().node_ids
    assert core.dht.port_for("10.0.0.1") == 0
    assert core.datagrams.is_open and core.datagrams.can_dial(("2001:db8::1", 1), is_ssl=True)
    session.apply_settings({"proxy_hostnames": False})
    assert core.relaying.relay is not relay
    assert core.dht.dht.resolves_names
    # Peers straight on, the DHT behind the proxy all the same, as in libtorrent.
    session.apply_settings({"proxy_peer_connections": False})
    assert core.listen_addresses
    assert core.dht.dht.addresses == [("0.0.0.0", 0)]
    assert core.datagrams._port_for(("10.0.0.1", 1), False).address[1] == core.listen_addresses[0][1]
    session.apply_settings({"proxy_type": ProxyType.http, "proxy_peer_connections": True})
    assert core.relaying.relay is None
    assert not core.dht.is_running
    assert not core.datagrams.is_open
    with pytest.raises(TransportClosed, match="no association"):
        core.relaying.open_for_trackers(print, print)
    session.apply_settings({"proxy_type": ProxyType.none})
    assert core.dht.is_running
    assert core.dht.dht.addresses == core.listen_addresses
    assert core.dht.dht.nodes()[0].node_id not in (known, behind_it)


def test_a_new_proxy_ends_what_ran_over_the_old_one(behind: Behind, proxy: LocalProxy) -> None:
    session = behind.begin(proxy)
    session.add_dht_node(("127.0.0.12", 9))
    behind.wait(lambda: proxy.associations)
    transport = session._core.datagrams.dial(("127.0.0.12", 10))
    with LocalProxy() as other:
        session.apply_settings({"proxy_port": other.address[1]})
        assert transport.is_closed
        session.add_dht_node(("127.0.0.12", 9))
        behind.wait(lambda: other.asked_over_udp)
        assert set(other.asked_over_udp) == {("127.0.0.12", 9)}
        assert session._core.relaying.num_wakeups >= 0
        assert not behind.all(Socks5Alert)
        behind.close()
    behind.__init__()  # type: ignore[misc]
