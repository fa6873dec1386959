"""The session's DHT in virtual time: sockets, settings, state, nodes that others tell of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.dht import DhtSettings, MemoryStorage, verify_node_id
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.reactor.sim import Link
from evtorrent.session import AddTorrentParams, IpFilter, SessionParams, TorrentFlags
from evtorrent.session.alerts import (
    Alert,
    DhtAnnounceAlert,
    DhtBootstrapAlert,
    DhtErrorAlert,
    DhtLogAlert,
    DhtModule,
    DhtOutgoingGetPeersAlert,
    DhtPktAlert,
    DhtPktDirection,
    ExternalIpAlert,
    PeerConnectAlert,
)
from evtorrent.session.core.dht_service import dht_settings, parse_nodes
from evtorrent.session.core.external_ip import IpSource
from evtorrent.session.errors import Operation
from evtorrent.session.settings import SettingsPack
from evtorrent.session.settings_honoured import HONOURED
from support.dht_sessions import DHT, DhtPeer, DhtTown
from support.sim_swarm import PORT


@pytest.fixture
def town() -> Iterator[DhtTown]:
    town = DhtTown(3)
    town.meet()
    yield town
    town.close()


def alone(town: DhtTown, name: str = "alone", *addresses: str, **settings: Any) -> DhtPeer:
    """A session that was told of nobody."""
    host = town.world.host(name, *(addresses or ("60.80.0.1",)), link=Link(delay=0.01))
    peer = DhtPeer(host, town.content, **{**DHT, **settings})
    town.peers.append(peer)
    return peer


def knows(peer: DhtPeer, *others: DhtPeer) -> bool:
    known = {contact.address for contact in peer.node.live_nodes()}
    return known >= {other.address for other in others}


@pytest.fixture
def lookups(town: DhtTown, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that somebody looked up."""
    hosts: list[str] = []
    resolve = town.world.names.resolve

    def recorded(base: Any, host: str, *rest: Any, **how: Any) -> Any:
        hosts.append(host)
        return resolve(base, host, *rest, **how)

    monkeypatch.setattr(town.world.names, "resolve", recorded)
    return hosts


# -- running


def test_runs_while_it_is_enabled_and_a_socket_is_open(town):
    peer = alone(town, enable_dht=False)
    assert not peer.session.is_dht_running()
    peer.session.apply_settings({"enable_dht": True})
    assert peer.session.is_dht_running()
    peer.session.apply_settings({"listen_interfaces": ""})
    assert not peer.session.is_dht_running()
    peer.session.apply_settings({"listen_interfaces": f"0.0.0.0:{PORT}"})
    assert peer.session.is_dht_running()
    peer.session.apply_settings({"enable_dht": False})
    assert not peer.session.is_dht_running()


def test_one_node_for_each_socket_and_peers_are_told_that_of_their_family(town):
    peer = alone(town, "both", "60.80.0.1", "fd00::80", listen_interfaces="0.0.0.0:7001,[::]:7002")
    assert [node.is_ipv6 for node in peer.dht.nodes()] == [False, True]
    service = peer.session._core.dht
    assert (service.port_for("60.1.1.1"), service.port_for("2001:db8::1")) == (7001, 7002)
    peer.session.apply_settings({"listen_interfaces": "0.0.0.0:7001"})
    assert (service.port_for("60.1.1.1"), service.port_for("2001:db8::1")) == (7001, 0)
    assert len(peer.dht.nodes()) == 1


def test_no_messages_of_inner_operations_and_nothing_is_left_at_the_end(town):
    one, other = town.peers[:2]
    one.start()
    one.session.dht_get_peers(b"x" * 20)
    one.session.dht_put_item(b"value")
    town.run(5)
    one.session.dht_get_peers(b"y" * 20)
    one.handle.force_dht_announce()
    town.until(lambda: one.node.num_lookups)
    one.session.close()
    town.until(lambda: one.session.is_closed)
    other.session.apply_settings({"enable_dht": False})
    _, ended, failed = one.multi.info_read()
    assert [type(handle).__name__ for handle in ended] == ["SessionPresence"], "the session itself"
    assert failed == []
    assert other.multi.info_read() == (0, [], [])
    assert one.dht is None
    assert other.dht is None


# -- finding the network


def test_routers_are_asked_and_not_remembered(town):
    first = town.peers[0]
    peer = alone(town, dht_bootstrap_nodes=f"{first.address[0]}:{PORT}")
    town.wait(peer, DhtBootstrapAlert)
    town.until(lambda: knows(peer, *town.peers[1:3]))
    assert not knows(peer, first)


def test_routers_may_have_names_and_be_changed_at_any_time(town):
    town.world.names.add("router.example", town.peers[0].address[0])
    peer = alone(town)
    town.wait(peer, DhtBootstrapAlert)
    assert not peer.node.live_nodes()
    peer.session.apply_settings({"dht_bootstrap_nodes": f"router.example:{PORT}"})
    town.until(lambda: knows(peer, *town.peers[1:3]))


def test_router_without_an_address_is_an_alert(town):
    peer = alone(town, dht_bootstrap_nodes=f"unheard.example:{PORT},{town.peers[0].address[0]}:{PORT}")
    error = town.wait(peer, DhtErrorAlert)
    assert error.op is Operation.hostname_lookup
    town.until(lambda: knows(peer, *town.peers[1:3]))


def test_who_listens_on_loopback_alone_asks_nobody_outside(town, lookups):
    peer = alone(town, enable_dht=False, dht_bootstrap_nodes="router.example:6881,60.0.0.1:6881")
    peer.session.apply_settings({"listen_interfaces": "127.0.0.1:6881,[::1]:6881", "enable_dht": True})
    town.wait(peer, DhtBootstrapAlert)
    params = AddTorrentParams(info_hashes=town.content.info.info_hashes, save_path="/")
    params.dht_nodes = [("node.example", 6881)]
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    peer.session.add_torrent(params)
    town.run(600)
    assert lookups == []
    assert peer.dht.counters.messages_out == 0
    # On all interfaces it does.
    peer.session.apply_settings({"listen_interfaces": f"0.0.0.0:{PORT}"})
    town.run(10)
    assert sorted(lookups) == ["60.0.0.1", "node.example", "router.example"]


def test_nodes_the_program_knows(town):
    town.world.names.add("node.example", town.peers[1].address[0])
    peer = alone(town)
    peer.session.add_dht_node(town.peers[0].address)
    town.until(lambda: knows(peer, town.peers[0]))
    another = alone(town, "another", "60.81.0.1")
    another.session.add_dht_node(("node.example", PORT))
    town.until(lambda: knows(another, town.peers[1]))


def test_nodes_of_a_torrent_are_asked_unless_it_is_private(town):
    one, other = alone(town), alone(town, "other", "60.81.0.1")
    table = {**bencode.decode(bytes(town.content.info.info_section)), b"private": 1}
    private = TorrentInfo.from_info(bencode.encode(table))
    for peer, info in ((one, town.content.info), (other, private)):
        params = AddTorrentParams(ti=info, save_path="/", dht_nodes=[town.peers[0].address])
        params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
        peer.session.add_torrent(params)
    town.until(lambda: knows(one, town.peers[0]))
    town.run(30)
    assert not other.node.live_nodes()


def test_nodes_of_torrents_that_came_before_the_dht(town):
    peer = alone(town, enable_dht=False)
    peer.start(dht_nodes=[town.peers[0].address])
    town.run(2)
    peer.session.apply_settings({"enable_dht": True})
    town.until(lambda: knows(peer, town.peers[0]))


# -- the port message


def test_peers_tell_each_other_of_their_nodes():
    town = DhtTown(0)
    seed = town.add("seed", "60.1.0.1", is_seed=True)
    leech = alone(town, "leech", "60.2.0.1")
    seed.start()
    leech.start(peers=[seed.address])
    town.until(lambda: knows(seed, leech) and knows(leech, seed))
    for peer in (seed, leech):
        stats = peer.session.session_stats()
        assert (stats["ses.num_incoming_dht_port"], stats["ses.num_outgoing_dht_port"]) == (1, 1)
    town.close()


def test_who_has_no_dht_says_so_and_is_not_asked():
    town = DhtTown(0)
    seed = town.add("seed", "60.1.0.1", is_seed=True)
    leech = alone(town, "leech", "60.2.0.1", enable_dht=False)
    seed.start()
    leech.start(peers=[seed.address])
    town.until(lambda: leech.is_complete)
    town.run(10)
    assert not seed.node.live_nodes()
    assert seed.dht.counters.messages_out == 0
    assert seed.session.session_stats()["ses.num_outgoing_dht_port"] == 0
    town.close()


def test_only_the_first_port_of_a_peer_counts():
    town = DhtTown(0)
    seed = town.add("seed", "60.1.0.1", is_seed=True)
    leech = alone(town, "leech", "60.2.0.1")
    seed.start()
    leech.start(peers=[seed.address])
    town.wait(seed, PeerConnectAlert)
    before = seed.dht.counters.messages_out
    torrent = seed.session._core.find(town.content.info.info_hashes.v1)
    link = next(iter(torrent.swarm.links))
    for port in range(7000, 7100):
        torrent.swarm.on_port(link, port)
    town.run(1)
    assert seed.dht.counters.messages_out - before < 10
    town.close()


# -- state


def test_restart_is_online_at_once_as_the_same_node(town):
    one = town.peers[0]
    state = one.session.session_state()
    assert state.dht_state is not None
    one.session.close()
    town.until(lambda: one.session.is_closed)
    params = SessionParams({**DHT, "listen_interfaces": f"0.0.0.0:{PORT}"})
    params.dht_state = state.dht_state
    host = town.world.host("again", "60.80.0.1", link=Link(delay=0.01))
    again = DhtPeer(host, town.content, params=params)
    town.peers.append(again)
    town.until(lambda: knows(again, *town.peers[1:3]), timeout=2)
    assert again.node.node_id == state.dht_state.nids[0][1]


def test_state_survives_that_it_is_switched_off(town):
    one = town.peers[0]
    before = one.node.node_id
    nodes = {contact.address for contact in one.node.live_nodes()}
    one.session.apply_settings({"enable_dht": False})
    saved = one.session.session_state().dht_state
    assert set(saved.nodes) == nodes
    one.session.apply_settings({"enable_dht": True})
    assert one.node.node_id == before
    town.until(lambda: knows(one, *town.peers[1:]), timeout=2)


def test_state_survives_another_port(town):
    one = town.peers[0]
    before = one.node.node_id
    one.session.apply_settings({"listen_interfaces": "0.0.0.0:7777"})
    assert one.dht.addresses == [("0.0.0.0", 7777)]
    assert one.node.node_id == before
    town.until(lambda: knows(one, *town.peers[1:]), timeout=2)


def test_state_that_is_set_counts_from_the_next_start(town):
    one = town.peers[0]
    node_id = bytes(range(20))
    one.session.set_dht_state({b"node-id": [node_id + bytes(4)], b"nodes": []})
    assert one.node.node_id != node_id
    assert one.node.live_nodes()
    one.session.apply_settings({"enable_dht": False})
    one.session.apply_settings({"enable_dht": True})
    assert one.node.node_id == node_id
    assert not one.node.live_nodes()
    # From then on it is our own that is saved.
    one.session.add_dht_node(town.peers[1].address)
    town.until(lambda: knows(one, town.peers[1]))
    one.session.apply_settings({"enable_dht": False})
    one.session.apply_settings({"enable_dht": True})
    town.until(lambda: knows(one, town.peers[1]), timeout=2)


def test_storage_of_ones_own_is_used_from_the_next_start(town):
    one, other = town.peers[:2]
    made: list[MemoryStorage] = []

    def make(settings: DhtSettings) -> MemoryStorage:
        made.append(MemoryStorage(settings, rng=town.world.rng))
        return made[-1]

    one.session.set_dht_storage(make)
    assert made == []
    one.session.apply_settings({"enable_dht": False})
    one.session.apply_settings({"enable_dht": True, "dht_max_peers": 7})
    assert made[0].settings.max_peers == 7
    town.until(lambda: knows(one, other))
    other.session.dht_announce(b"x" * 20, 4000)
    town.until(lambda: made[0].statistics().peers)
    one.session.set_dht_storage(None)
    one.session.apply_settings({"enable_dht": False})
    one.session.apply_settings({"enable_dht": True})
    assert len(made) == 1


# -- settings


def test_every_setting_of_the_library_is_a_setting_of_the_session_with_its_default():
    pack = SettingsPack()
    assert dht_settings(pack) == DhtSettings()
    for field in DhtSettings.__dataclass_fields__:
        assert f"dht_{field}" in HONOURED


def test_whatever_the_session_accepts_the_library_accepts():
    for name in DhtSettings.__dataclass_fields__:
        row = HONOURED[f"dht_{name}"]
        if isinstance(row.default, bool):
            continue
        for value in (row.minimum, row.maximum):
            settings = dht_settings(SettingsPack({f"dht_{name}": value}))
            assert getattr(settings, name) == value


def test_settings_hold_at_once(town):
    one, other = town.peers[:2]
    one.session.apply_settings({"dht_search_branching": 9, "dht_upload_rate_limit": 55})
    assert one.dht.settings.search_branching == one.node.parts.settings.search_branching == 9
    assert one.dht.settings.upload_rate_limit == 55
    # Its effect, as others see it: who is read-only answers nothing.
    one.session.apply_settings({"dht_read_only": True, "dht_upload_rate_limit": 8000})
    answer = other.dht.direct_request(one.address, b"ping", {})
    town.until(lambda: answer.is_done)
    assert answer.result.values is None
    one.session.apply_settings({"dht_read_only": False})
    answer = other.dht.direct_request(one.address, b"ping", {})
    town.until(lambda: answer.is_done)
    assert answer.result.values[b"id"] == one.node.node_id


@pytest.mark.parametrize("applies", [True, False])
def test_ip_filter_holds_for_nodes_as_far_as_it_should(town, applies):
    one, other = town.peers[:2]
    ip_filter = IpFilter()
    ip_filter.add_rule(other.address[0], other.address[0], 1)
    one.session.set_ip_filter(ip_filter)
    one.session.apply_settings({"apply_filter_to_dht": applies})
    answer = other.dht.direct_request(one.address, b"ping", {})
    town.until(lambda: answer.is_done)
    assert (answer.result.values is None) == applies


def test_traffic_is_told_only_to_who_wants_to_know(town):
    one, other = town.peers[:2]
    one.session.apply_settings({"alert_mask": 0})
    assert not one.node.reports_traffic
    one.session.apply_settings({"alert_mask": int(DhtAnnounceAlert.static_category)})
    other.session.dht_announce(b"x" * 20, 4000)
    alert = town.wait(one, DhtAnnounceAlert)
    assert (alert.ip, alert.port, bytes(alert.info_hash)) == (other.address[0], 4000, b"x" * 20)


def test_whom_we_ask_for_peers_is_told(town):
    one, other = town.peers[:2]
    one.session.dht_get_peers(b"x" * 20)
    alert = town.wait(one, DhtOutgoingGetPeersAlert, lambda alert: alert.endpoint == other.address)
    assert bytes(alert.info_hash) == b"x" * 20
    assert alert.obfuscated_info_hash == alert.info_hash
    one.forget()
    one.session.apply_settings({"dht_privacy_lookups": True})
    one.session.dht_get_peers(b"x" * 20)
    veiled = town.wait(one, DhtOutgoingGetPeersAlert)
    assert veiled.obfuscated_info_hash != veiled.info_hash == alert.info_hash


def test_the_log_has_lines_of_every_module_and_every_datagram(town):
    one, other = town.peers[:2]
    one.forget()
    before = one.session.session_stats()
    one.session.dht_get_peers(b"x" * 20)
    one.session.dht_direct_request(("60.99.0.1", 1), {b"q": b"ping"})
    one.dht.add_node(("60.99.0.2", 1))
    town.run(700)  # until the secret of tokens changed twice
    lines = one.all(DhtLogAlert)
    assert {alert.module for alert in lines} >= {
        *(DhtModule.tracker, DhtModule.node, DhtModule.rpc_manager, DhtModule.traversal)
    }
    assert any("60.99.0.1:1 did not answer" in alert.log_message() for alert in lines)
    packets, after = one.all(DhtPktAlert), one.session.session_stats()
    for direction, name in ((DhtPktDirection.incoming, "in"), (DhtPktDirection.outgoing, "out")):
        mine = [alert for alert in packets if alert.direction is direction]
        assert len(mine) == after[f"dht.dht_messages_{name}"] - before[f"dht.dht_messages_{name}"]
    assert any(
        alert.node == other.address and bencode.decode(alert.pkt_buf)[b"y"] == b"r" for alert in packets
    )


def test_nobody_listens_and_nothing_is_built(town):
    one = town.peers[0]
    assert one.dht.log.on_line is not None
    one.session.apply_settings({"alert_mask": int(DhtAnnounceAlert.static_category)})
    assert (one.dht.log.on_line, one.dht.log.on_packet) == (None, None)
    heard: list[Alert] = []
    subscription = one.session.subscribe(DhtPktAlert.static_category, heard.append)
    town.until(lambda: one.dht.log.on_packet is not None)
    town.until(lambda: any(isinstance(alert, DhtPktAlert) for alert in heard))
    subscription.close()
    town.until(lambda: one.dht.log.on_packet is None)


# -- ourselves


def test_id_fits_the_address_others_see(town):
    """BEP 42: enough of the nodes asked say where our datagrams come from."""
    for index in range(10, 20):
        town.add(f"more{index}", f"60.{index}.0.1")
    one = town.peers[0]
    told = town.wait(one, ExternalIpAlert)
    assert told.external_address == one.address[0]
    assert verify_node_id(one.node.node_id, one.address[0])
    # Somebody else, as a tracker, may know better.
    for number in range(100):
        one.session._core.external_address("77.1.2.3", IpSource.TRACKER, f"tracker{number}")
    assert verify_node_id(one.node.node_id, "77.1.2.3")


def test_what_peers_say_of_our_address_makes_our_id():
    """BEP 24 and 42: behind a NAT box, of which peers tell ("yourip"), while no node has said anything yet."""
    town = DhtTown(0)
    box = town.world.nat("box", "77.1.2.3")
    host = town.world.host("inside", "192.168.1.2", link=Link(delay=0.01), nat=box)
    inside = DhtPeer(host, town.content, **DHT)
    town.peers.append(inside)
    before = inside.node.node_id
    seeds = [town.add(f"seed{n}", f"60.{n}.0.1", is_seed=True, enable_dht=False) for n in range(3)]
    for seed in seeds:
        seed.start()
    inside.start(peers=[seed.address for seed in seeds])
    told = town.wait(inside, ExternalIpAlert)
    assert told.external_address == "77.1.2.3"
    assert verify_node_id(inside.node.node_id, "77.1.2.3") and not verify_node_id(before, "77.1.2.3")
    assert inside.dht.counters.messages_in == 0
    town.close()


def test_statistics_go_on_when_the_dht_is_started_again(town):
    one = town.peers[0]
    before = one.session.session_stats()
    assert before["dht.dht_nodes"] == 2
    assert before["net.on_udp_counter"] >= before["dht.dht_messages_in"] / 256
    assert before["dht.dht_find_node_in"] > 0
    assert before["dht.dht_allocated_observers"] == one.node.num_questions
    assert before["dht.dht_bytes_out"] > before["dht.dht_messages_out"] > 0
    town.peers[1].session.dht_announce(b"x" * 20, 4000)
    town.run(5)
    stats = one.session.session_stats()
    assert (stats["dht.dht_torrents"], stats["dht.dht_peers"]) == (1, 1)
    one.session.apply_settings({"enable_dht": False})
    off = one.session.session_stats()
    assert (off["dht.dht_nodes"], off["dht.dht_torrents"]) == (0, 0)
    assert off["dht.dht_bytes_out"] >= stats["dht.dht_bytes_out"]
    one.session.apply_settings({"enable_dht": True})
    town.run(5)
    assert one.session.session_stats()["dht.dht_bytes_out"] > off["dht.dht_bytes_out"]
    one.session.apply_settings({"listen_interfaces": ""})
    assert one.session.session_stats()["net.on_udp_counter"] > off["net.on_udp_counter"] > 0


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("", []),
        ("router.example:6881", [("router.example", 6881)]),
        (" a:1 ,[::1]:25401,", [("a", 1), ("::1", 25401)]),
        ("a,a:,:5,a:0,a:65536,a:x,a:²", []),
    ],
)
def test_parse_nodes(text, nodes):
    assert parse_nodes(text) == nodes
