from __future__ import annotations

import socket

import pytest
from evtorrent.protocols.types import Sha1Hash
from evtorrent.session import IpFilter, PeerSource, TorrentFlags
from evtorrent.session.alerts import (
    ExternalIpAlert,
    ListenFailedAlert,
    ListenSucceededAlert,
    PeerDisconnectedAlert,
)
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.core.core import disk_settings, tracker_settings
from evtorrent.session.core.external_ip import IpSource
from evtorrent.session.core.port_mapping import PortMapping
from evtorrent.session.flags import SocketType
from evtorrent.session.settings import SettingsPack
from evtorrent.session.torrent.peer_link import ReadBlock
from support.extension_wire import ExtensionWire
from support.world import HAVE_ALL, UNCHOKE, Wire, World, answer, block, torrent_of


@pytest.fixture
def world():
    return World()


# -- listening


def test_listening_is_reported(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0")
    alerts = node.alerts(ListenSucceededAlert)
    assert [alert.socket_type for alert in alerts] == [SocketType.tcp, SocketType.utp]
    assert {(alert.address, alert.port) for alert in alerts} == {("127.0.0.1", node.core.listen_port)}
    assert node.core.listen_port > 0
    assert node.core.is_listening
    node.session.close()
    world.pump()
    assert not node.core.is_listening


def test_listening_that_fails_is_reported(world):
    node = world.node(listen_interfaces="203.0.113.7:6881", max_retry_port_bind=0)
    (alert,) = node.alerts(ListenFailedAlert)
    assert alert.error.value
    assert node.core.listen_port == 0
    assert not node.core.is_listening
    node.session.close()
    world.pump()


def test_listening_changes_with_the_settings(world, no_fd_survives):
    node = world.node()
    assert node.core.listen_port == 0
    node.session.apply_settings({"listen_interfaces": "127.0.0.1:0"})
    assert node.core.listen_port
    node.session.apply_settings({"listen_interfaces": ""})
    assert not node.core.is_listening
    node.session.close()
    world.pump()


def poke_sockets(node):
    """Real ones; those of the world have higher numbers."""
    for fd, _ in node.multi._sockets.wanted():
        if fd < 1000:
            node.multi.socket_action(fd, 1)


def test_a_real_connection_is_admitted(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", node.core.listen_port), 5) as sock:
        for _ in range(100):
            poke_sockets(node)
            if node.core.lobby.links:
                break
        assert [link.address for link in node.core.lobby.links] == [sock.getsockname()]
        node.session.close()
        world.pump()
    assert node.core.gate.num_open == 0


def test_without_incoming_tcp_a_connection_is_refused(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0", enable_incoming_tcp=False)
    assert node.core.is_listening  # Others may come over uTP.
    with socket.create_connection(("127.0.0.1", node.core.listen_port), 5) as sock:
        poke_sockets(node)
        sock.settimeout(5)
        assert sock.recv(1) == b""
        assert not node.core.lobby.links
        assert node.core.gate.num_open == 0
        node.session.close()
        world.pump()


# -- torrents


def test_torrents_are_found_by_name(world):
    node = world.node()
    info, _ = torrent_of(2)
    torrent = node.add(info, start=False)
    assert node.core.find(info.info_hashes.best()) is torrent
    assert node.core.find(Sha1Hash(bytes(20))) is None
    node.core.remove(torrent)
    assert node.core.find(info.info_hashes.best()) is None
    node.core.remove(torrent)
    assert torrent.removed


def test_the_name_of_another_torrent_is_not_taken_away(world):
    node = world.node()
    info, _ = torrent_of(2)
    old = node.add(info, start=False)
    node.core.remove(old)
    new = node.add(info, start=False)
    node.core.remove(old)
    assert node.core.find(info.info_hashes.best()) is new


def test_changes_are_collected_once(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0], start=False)
    torrent.status_changed = False
    torrent.touch()
    torrent.touch()
    assert list(node.core.dirty) == [torrent]


# -- settings


def test_settings_reach_those_they_concern(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0], trackers=["udp://10.1.1.1:80"])
    world.pump()
    node.session.apply_settings(
        {
            "alert_mask": 1,
            "alert_queue_size": 7,
            "max_queued_disk_bytes": 12345,
            "file_pool_size": 3,
            "user_agent": "other/1",
            "handshake_timeout": 3,
            "announce_to_all_tiers": True,
            "connection_speed": 1,
            "upload_rate_limit": 9999,
        }
    )
    core = node.core
    assert core.alerts.mask == 1
    assert core.alerts.set_size_limit(1) == 7
    assert core.disk.settings.max_queued_disk_bytes == 12345
    assert core.disk.files.limit == 3
    assert core.tracker_client.user_agent == "other/1"
    assert core.tuning.handshake_timeout == 3
    assert core.connection_speed == 1
    assert core.classes.pool.get(0).up.limit == 9999
    assert torrent.tracking.trackers.list.settings.announce_to_all_tiers


def test_parts_of_the_settings():
    settings = SettingsPack({"hashing_threads": 3, "stop_tracker_timeout": 2, "ssrf_mitigation": False})
    assert disk_settings(settings).hashing_threads == 3
    assert tracker_settings(settings).stop_tracker_timeout == 2.0
    assert tracker_settings(settings).ssrf_mitigation is False


def test_buffer_sizes_are_set_on_peers(world):
    node = world.node(recv_socket_buffer_size=5000, send_socket_buffer_size=6000)
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    (link,) = torrent.swarm.links
    options = link.transport.query("socket").options
    assert (socket.SOL_SOCKET, socket.SO_RCVBUF, 5000) in options
    assert (socket.SOL_SOCKET, socket.SO_SNDBUF, 6000) in options


def test_outgoing_ports_are_used_in_turn(world):
    node = world.node(outgoing_port=7000, num_outgoing_ports=2)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    for number in range(4):
        torrent.connect_peer((f"10.7.0.{number + 1}", 6881), PeerSource.tracker)
    torrent.connect_peer(("fd00::1", 6881), PeerSource.tracker)
    world.pump()
    sources = node.platform.sources
    assert sources == [*[("0.0.0.0", port) for port in (7000, 7001, 7002, 7000)], ("::", 7001)]


# -- filters and addresses


def test_a_filter_ends_what_it_forbids_and_keeps_it_out(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    rules = IpFilter()
    rules.add_rule("10.9.9.0", "10.9.9.255", 1)
    node.session.set_ip_filter(rules)
    world.pump()
    assert wire.is_closed
    assert node.alerts(PeerDisconnectedAlert)[-1].reason is CloseReason.blocked
    assert Wire(world, info.info_hashes.best()).call(node, handshake=False).is_closed
    torrent.peers_found([("10.9.9.7", 6881)], PeerSource.tracker)
    assert not torrent.swarm.links
    assert not Wire(world, info.info_hashes.best(), host="10.8.8.8").call(node).is_closed


def test_a_torrent_the_filter_does_not_hold_for(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    torrent.flags &= ~TorrentFlags.apply_ip_filter
    rules = IpFilter()
    rules.add_rule("10.9.9.0", "10.9.9.255", 1)
    node.session.set_ip_filter(rules)
    world.pump()
    assert not wire.is_closed


def blocking(first, last):
    rules = IpFilter()
    rules.add_rule(first, last, 1)
    return rules


def test_a_filter_makes_torrents_forget_what_it_forbids(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    paused = node.add(torrent_of(2, name="paused")[0])
    open_to_all = node.add(torrent_of(2, name="open")[0])
    world.pump()
    open_to_all.flags &= ~TorrentFlags.apply_ip_filter
    paused.pause()
    for each in (torrent, paused, open_to_all):
        each.peers.add(("10.9.9.7", 6881), PeerSource.tracker, world.now)
        each.peers.add(("10.8.8.8", 6881), PeerSource.tracker, world.now)
    node.session.set_ip_filter(blocking("10.9.9.0", "10.9.9.255"))
    assert [address[0] for address in torrent.peers.addresses()] == ["10.8.8.8"]
    assert [address[0] for address in paused.peers.addresses()] == ["10.8.8.8"]
    assert len(open_to_all.peers.addresses()) == 2
    assert not torrent.peers.banned()
    node.session.set_ip_filter(IpFilter())
    assert not Wire(world, info.info_hashes.best()).call(node).is_closed
    torrent.peers.check_invariant()
    world.check()


def test_trackers_pass_the_filter_only_if_asked(world):
    node = world.node(apply_ip_filter_to_trackers=True)
    rules = IpFilter()
    rules.add_rule("10.1.1.0", "10.1.1.255", 1)
    node.session.set_ip_filter(rules)
    assert not node.core._may_ask_tracker("10.1.1.1")
    assert node.core._may_ask_tracker("10.2.1.1")
    node.session.apply_settings({"apply_ip_filter_to_trackers": False})
    assert node.core._may_ask_tracker("10.1.1.1")


def test_our_address_is_told_once_and_ranks_peers(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    heard: list[str] = []
    node.core.on_external_address.append(heard.append)
    node.core.external_address("198.51.100.7", IpSource.TRACKER, "tracker.example")
    node.core.external_address("198.51.100.7", IpSource.PEER, "203.0.113.5")
    assert heard == ["198.51.100.7"]
    assert [alert.external_address for alert in node.alerts(ExternalIpAlert)] == ["198.51.100.7"]
    torrent.peers.add(("203.0.113.5", 1000), PeerSource.tracker, world.now)
    rank = torrent.peers.find(("203.0.113.5", 1000)).rank
    late = node.add(torrent_of(3, name="late")[0])
    late.peers.add(("203.0.113.5", 1000), PeerSource.tracker, world.now)
    assert late.peers.find(("203.0.113.5", 1000)).rank == rank


def test_extension_fields(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0", max_allowed_in_request_queue=77)
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    (link,) = torrent.swarm.links
    fields = node.core.extension_fields(link)
    assert fields == {
        "v": node.core.settings["user_agent"],
        "reqq": 77,
        "p": node.core.listen_port,
        "yourip": bytes([10, 9, 9, 1]),
    }
    address, link.address = link.address, ("memory", 1)
    assert "yourip" not in node.core.extension_fields(link)
    link.address = address
    node.session.close()
    world.pump()


# -- the disk


def test_a_congested_disk_stops_reading_and_takes_up_again(world):
    node = world.node(max_queued_disk_bytes=20_000)
    info, content = torrent_of(4)
    torrent = node.add(info)
    other = node.add(torrent_of(2, name="other")[0])
    world.pump()
    node.platform.holds_disk = True
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    other_wire = Wire(world, other.info_hashes.best(), host="10.9.9.2").call(node)
    *first, last = wire.heard("request")
    for _, piece, begin, length in first:
        start = piece * info.piece_length + begin
        wire.send(block(piece, begin, content[start : start + length]))
    world.pump()
    (link,) = torrent.swarm.links
    assert link.transport.read_suspended & ReadBlock.DISK
    assert not any(link.transport.read_suspended for link in other.swarm.links)  # It owes nothing.
    assert node.core.disk.is_congested
    assert wire.heard("request") == []
    node.platform.holds_disk = False
    world.pump()
    _, piece, begin, length = last
    start = piece * info.piece_length + begin
    wire.say(block(piece, begin, content[start : start + length]))
    while answer(wire, content, info.piece_length):
        pass
    assert not any(link.transport.read_suspended for link in [*torrent.swarm.links, *other.swarm.links])
    assert torrent.is_seed
    assert not other_wire.is_closed


def test_a_torrent_stopped_while_the_disk_is_congested(world):
    node = world.node(max_queued_disk_bytes=20_000)
    info, content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    node.platform.holds_disk = True
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length)
    torrent.pause()
    node.core.lively[torrent] = None
    node.core.back_pressure.hold()
    node.platform.holds_disk = False
    world.pump()
    assert torrent.have.count() == 4
    world.check()


# -- the end


def test_close_ends_everything_and_may_be_repeated(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    node.core.close()
    node.core.close()
    world.pump()
    assert wire.is_closed
    assert torrent.removed
    assert not node.core.torrents
    assert node.multi.timeout() == -1
    assert not node.multi.waitfds()


def test_a_core_that_never_started_can_be_closed(world):
    from evtorrent.session.core.core import Core

    node = world.node()
    core = Core(node.multi, SettingsPack(), node.core.alerts)
    assert core.listen_port == 0
    assert not core.is_listening
    core.close()
    assert core.closed


def test_begin_closing_without_torrents_calls_back_at_once(world):
    node = world.node()
    told = []
    node.core.begin_closing(lambda: told.append(1))
    assert told == [1]


def test_a_dht_node_is_of_no_use_yet(world):
    node = world.node()
    info, content = torrent_of(2)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(b"\0\0\0\x03\x09\x1a\xe1")
    assert not wire.is_closed


def test_a_removed_torrent_is_no_news(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    node.session.remove_torrent(torrent.handle)
    world.pump()
    assert torrent not in node.core.dirty


# -- port mapping


class SlowGateways(PortMapping):
    """Mappings that are gone when a test says so, and a gateway that gave another port."""

    def __init__(self, core):
        super().__init__(core, interfaces=list, gateways=list)
        self.told = None
        self.aborted = False

    def external_port(self, port):
        return port and port + 1

    def close(self, on_closed):
        self.told = on_closed

    def abort(self):
        self.aborted = True


def test_the_port_to_tell_is_the_one_the_gateway_gave(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0")
    node.core.port_mapping = SlowGateways(node.core)
    assert node.core.listen_port == node.core.local_port + 1 == node.session.listen_port() + 1
    node.core.close()
    world.pump()


def test_the_end_waits_for_the_gateways(world):
    node = world.node()
    mapping = node.core.port_mapping = SlowGateways(node.core)
    node.session.close()
    world.pump()
    assert not node.session.is_closed
    assert not mapping.aborted
    mapping.told()
    world.pump()
    assert node.session.is_closed
    assert mapping.aborted


def test_the_end_waits_for_the_gateways_no_longer_than_for_trackers(world):
    node = world.node(stop_tracker_timeout=3)
    node.core.port_mapping = SlowGateways(node.core)
    node.session.close()
    world.advance(2.5)
    assert not node.session.is_closed
    world.advance(1)
    assert node.session.is_closed


def test_endpoints_for_the_local_network_are_not_mapped(world, no_fd_survives):
    node = world.node(listen_interfaces="127.0.0.1:0,127.0.0.2:0l")
    (port,) = node.core.listen_ports()
    assert (port.host, port.port, port.has_datagrams) == ("127.0.0.1", node.core.local_port, True)
    node.session.close()
    world.pump()


def test_what_peers_say_of_our_address_is_put_to_the_vote(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    for number, host in enumerate(("203.0.113.1", "203.0.113.2", "203.0.113.3")):
        said = bytes([198, 51, 100, 9 if number == 1 else 7])
        ExtensionWire(world, torrent, host=host).meet(node, yourip=said)
    ExtensionWire(world, torrent, host="2001:db8::5").meet(
        node, yourip=bytes.fromhex("20010db9" + "00" * 11 + "07")
    )
    seen = [alert.external_address for alert in node.alerts(ExternalIpAlert)]
    assert seen == ["198.51.100.7", "2001:db9::7"]
    assert node.core.external.known == seen
    assert torrent.peers.rank_of(("203.0.113.9", 1)) is not None


def test_several_connections_of_one_address_may_be_allowed_later(world):
    node = world.node()
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    first, second, third = (
        Wire(world, torrent.info_hashes.best(), peer_id=f"-XX0000-{n:012}".encode()) for n in range(3)
    )
    assert not first.call(node).is_closed
    assert second.call(node).is_closed
    node.session.apply_settings({"allow_multiple_connections_per_ip": True})
    assert not third.call(node).is_closed
    assert not first.is_closed
    torrent.peers.check_invariant()


def test_what_is_read_of_a_peer_at_a_time_is_a_setting(world):
    node = world.node(max_peer_recv_buffer_size=20_000)
    info, content = torrent_of(8)
    torrent = node.add(info)
    world.pump()

    def reads_of_whole_pieces(host):
        wire = Wire(world, info.info_hashes.best(), host=host, peer_id=host.ljust(20).encode()).call(node)
        wire.say(HAVE_ALL, UNCHOKE)
        before = node.core.statistics()["net.on_read_counter"]
        asked = wire.heard("request")
        wire.say(*[block(p, at, content[p * info.piece_length + at :][:n]) for _, p, at, n in asked])
        wire.hang_up()
        return node.core.statistics()["net.on_read_counter"] - before, len(asked)

    reads, blocks = reads_of_whole_pieces("10.9.9.1")
    assert reads >= blocks >= 8 > 0
    node.session.apply_settings({"max_peer_recv_buffer_size": 1 << 20})
    reads, blocks = reads_of_whole_pieces("10.9.9.2")
    assert reads <= 3 < blocks
    assert torrent.have.count()
