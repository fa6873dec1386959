"""Announces of whole sessions in virtual time: when, as what, and who never."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session import AddTorrentParams, TorrentFlags
from evtorrent.session.alerts import DhtAnnounceAlert, DhtGetPeersAlert, DhtReplyAlert, PeerConnectAlert
from evtorrent.session.core.dht_announcing import MAX_ANNOUNCES
from evtorrent.session.flags import PeerSource
from support.dht_sessions import DhtPeer, DhtTown
from support.sim_swarm import PORT, SimContent
from support.sim_tracker import SimTracker


@pytest.fixture
def town() -> Iterator[DhtTown]:
    town = DhtTown(4)
    town.meet()
    yield town
    town.close()


def heard(town: DhtTown, content: SimContent | None = None) -> list[DhtAnnounceAlert]:
    """Announces of the town's torrent at all nodes."""
    name = (content or town.content).info.info_hashes.v1
    return [alert for peer in town.peers for alert in peer.all(DhtAnnounceAlert) if alert.info_hash == name]


def asked(town: DhtTown, name: Any) -> bool:
    return any(alert.info_hash == name for peer in town.peers for alert in peer.all(DhtGetPeersAlert))


def forget(town: DhtTown) -> None:
    for peer in town.peers:
        peer.forget()


def add_some(peer: DhtPeer, count: int, *, auto_managed: bool = False, **fields: Any) -> list[Any]:
    handles = []
    for index in range(count):
        table = {"name": f"t{index}", "length": 5, "piece length": 16_384, "pieces": bytes(20), **fields}
        info = TorrentInfo.from_info(bencode.encode(table))
        params = AddTorrentParams(ti=info, save_path="/")
        if not auto_managed:
            params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
        handles.append(peer.session.add_torrent(params))
    return handles


def test_torrent_that_starts_is_announced_and_found(town):
    seed, leech = town.peers[1], town.peers[3]
    seed.is_seed = False
    seed.start()
    town.until(lambda: len(heard(town)) == 3)
    assert {(alert.ip, alert.port) for alert in heard(town)} == {seed.address}
    assert seed.handle.status().announcing_to_dht
    leech.start()
    found = town.wait(leech, DhtReplyAlert)
    assert (found.handle, found.num_peers, found.url) == (leech.handle, 1, "")
    town.wait(leech, PeerConnectAlert)
    assert [peer.source & PeerSource.dht for peer in leech.handle.get_peer_info()] == [PeerSource.dht]


def test_metadata_and_content_of_a_magnet_link_come_by_the_dht_alone(town):
    seed = town.add("seed", "60.90.0.1", is_seed=True)
    town.meet()
    seed.start()
    town.until(lambda: heard(town))
    params = AddTorrentParams(info_hashes=town.content.info.info_hashes, save_path="/")
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    handle = town.peers[2].session.add_torrent(params)
    town.until(lambda: handle.status().is_seeding, timeout=60)


def test_announced_every_interval_and_a_new_interval_counts_at_once():
    town = DhtTown(2, dht_announce_interval=600)
    town.meet()
    one, other = town.peers
    one.start()
    town.until(lambda: other.all(DhtAnnounceAlert))
    other.forget()
    town.run(590)
    assert not other.all(DhtAnnounceAlert)
    town.run(20)
    assert len(other.all(DhtAnnounceAlert)) == 1
    other.forget()
    town.run(100)
    one.session.apply_settings({"dht_announce_interval": 90})
    town.run(5)
    assert len(other.all(DhtAnnounceAlert)) == 1
    town.run(90)
    assert len(other.all(DhtAnnounceAlert)) == 2
    town.close()


def test_force_announces_at_once(town):
    one = town.peers[0]
    one.start()
    town.until(lambda: len(heard(town)) == 3)
    town.run(5)
    forget(town)
    one.handle.force_dht_announce()
    town.run(5)
    assert len(heard(town)) == 3
    town.run(5)
    assert len(heard(town)) == 3, "once"


def test_force_while_an_announce_is_under_way_announces_once_more(town):
    one = town.peers[0]
    one.start()
    town.until(lambda: one.node.num_lookups)
    one.handle.force_dht_announce()
    town.run(10)
    assert len(heard(town)) == 6


def test_who_is_complete_is_announced_again_as_a_seed():
    town = DhtTown(3)
    seed = town.add("seed", "60.90.0.1", is_seed=True)
    leech = town.peers[0]
    town.meet()
    seed.start()
    town.until(lambda: heard(town))
    leech.start()
    town.until(lambda: leech.is_complete)
    town.run(5)
    told = [alert for alert in heard(town) if alert.ip == leech.host.addresses[0]]
    assert len(told) == 2 * 3, "to all others as a peer, and as a seed"
    # Seeds are told of peers only, and both are seeds now.
    result: list[Any] = []
    name = bytes(town.content.info.info_hashes.v1)
    town.peers[1].dht.get_peers(name, noseed=True, on_peers=result.append)
    town.run(5)
    assert result == []
    town.peers[1].dht.get_peers(name, on_peers=result.append)
    town.run(5)
    assert {peer for peers in result for peer in peers} == {seed.address, leech.address}
    town.close()


def test_who_found_nobody_tries_again_soon():
    town = DhtTown(1)
    lonely = town.peers[0]
    lonely.start()
    town.run(20)
    other = town.add("other", "60.70.0.1")
    town.until(lambda: other.all(DhtAnnounceAlert), timeout=60)
    town.close()


@pytest.mark.parametrize("utp", [False, True])
def test_port_is_where_peers_reach_us(utp, monkeypatch):
    """With uTP the port our datagrams come from, which a NAT may have changed; else the one of TCP."""
    town = DhtTown(2, enable_incoming_utp=utp)
    town.meet()
    one, other = town.peers
    one.start()
    asked: list[Any] = []
    answer = other.node.receive_datagram

    def recorded(data: Any, *rest: Any, **how: Any) -> None:
        asked.append(bencode.decode(bytes(data)))
        answer(data, *rest, **how)

    monkeypatch.setattr(other.node, "receive_datagram", recorded)
    alert = town.wait(other, DhtAnnounceAlert)
    assert (alert.ip, alert.port) == one.address == (one.host.addresses[0], PORT)
    announce = next(table[b"a"] for table in asked if table.get(b"q") == b"announce_peer")
    assert announce.get(b"implied_port", 0) == utp
    assert announce[b"port"] == PORT
    town.close()


def test_port_is_the_one_that_was_chosen(town):
    """Also with uTP, where it would otherwise be the one our datagrams come from."""
    one, other = town.peers[:2]
    one.session.apply_settings({"announce_port": 4711})
    one.start()
    alert = town.wait(other, DhtAnnounceAlert)
    assert (alert.ip, alert.port) == (one.host.addresses[0], 4711)


def test_hybrid_torrent_is_announced_under_both_names(town):
    one = town.peers[0]
    info_hashes = type(town.content.info.info_hashes)(v1=b"1" * 20, v2=b"2" * 32)
    params = AddTorrentParams(info_hashes=info_hashes, save_path="/")
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    one.session.add_torrent(params)
    town.run(10)
    told = {bytes(alert.info_hash) for peer in town.peers for alert in peer.all(DhtAnnounceAlert)}
    assert told == {b"1" * 20, b"2" * 20}


def test_private_torrent_is_never_announced_nor_asked_for(town):
    one = town.peers[0]
    (handle,) = add_some(one, 1, private=1)
    handle.force_dht_announce()
    town.run(60)
    assert not asked(town, handle.info_hashes().v1)
    assert not handle.status().announcing_to_dht
    assert not any(peer.all(DhtAnnounceAlert) for peer in town.peers)


def test_disable_dht_is_obeyed_at_once(town):
    one = town.peers[0]
    one.start()
    town.until(lambda: len(heard(town)) == 3)
    forget(town)
    one.handle.set_flags(TorrentFlags.disable_dht)
    town.run(2)
    one.handle.force_dht_announce()
    town.run(1000)
    assert not heard(town)
    assert not one.handle.status().announcing_to_dht
    one.handle.unset_flags(TorrentFlags.disable_dht)
    town.run(10)
    assert len(heard(town)) == 3


def test_magnet_link_that_turns_out_private_leaves_the_dht(town):
    leech, other = town.peers[:2]
    table = bencode.decode(bytes(town.content.info.info_section))
    info = TorrentInfo.from_info(bencode.encode({**table, b"private": 1}))
    params = AddTorrentParams(info_hashes=info.info_hashes, save_path="/")
    params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
    leech.handle = leech.session.add_torrent(params)
    assert info.info_hashes.v1 is not None
    other.session.dht_announce(info.info_hashes.v1, 4000)
    town.until(lambda: leech.node.lookup_status(now=0.0))
    torrent = leech.session._core.find(info.info_hashes.v1)
    assert torrent is not None
    torrent.metadata_received(info)
    town.run(2)
    assert leech.handle.status().has_metadata
    assert leech.handle.status().announcing_to_dht is False
    assert leech.node.num_lookups == 0
    forget(town)
    leech.handle.force_dht_announce()
    town.run(910)
    assert not leech.all(DhtReplyAlert)
    assert not asked(town, info.info_hashes.v1)


def test_active_dht_limit_goes_by_the_queue():
    town = DhtTown(2, active_dht_limit=2, active_downloads=-1, active_limit=-1)
    town.meet()
    handles = add_some(town.peers[0], 4, auto_managed=True)
    town.run(10)
    assert [handle.status().announcing_to_dht for handle in handles] == [True, True, False, False]
    handles[0].unset_flags(TorrentFlags.auto_managed)
    handles[0].pause()
    town.run(40)
    assert [handle.status().announcing_to_dht for handle in handles] == [False, True, True, False]
    town.peers[0].session.apply_settings({"active_dht_limit": -1})
    town.run(10)
    assert [handle.status().announcing_to_dht for handle in handles] == [False, True, True, True]
    town.close()


def test_a_few_at_a_time_and_all_in_the_end(town):
    one = town.peers[0]
    count = 3 * MAX_ANNOUNCES
    add_some(one, count)
    most = 0

    def all_announced() -> bool:
        nonlocal most
        searches = one.node.lookup_status(now=one.multi.time())
        most = max(most, sum(each.kind == "announce" for each in searches))
        return len({bytes(a.info_hash) for a in town.peers[1].all(DhtAnnounceAlert)}) == count

    town.until(all_announced, timeout=300)
    assert most == MAX_ANNOUNCES


def test_use_dht_as_fallback_asks_the_tracker_alone_while_it_works():
    town = DhtTown(2, use_dht_as_fallback=True, ssrf_mitigation=False)
    town.meet()
    tracker = SimTracker(town.world.host("tracker", "60.99.0.1"), interval=120)
    with_tracker, other = town.peers
    with_tracker.start(tracker.url)
    town.until(lambda: with_tracker.handle.trackers()[0].verified)
    other.forget()
    town.run(30)
    assert not with_tracker.handle.status().announcing_to_dht
    with_tracker.session.apply_settings({"use_dht_as_fallback": False})
    town.until(lambda: other.all(DhtAnnounceAlert))
    town.close()


def test_torrent_that_stops_is_forgotten(town):
    one = town.peers[0]
    one.start()
    town.until(lambda: one.node.num_lookups)
    one.handle.pause()
    town.run(2)
    assert one.node.num_lookups == 0
    assert not heard(town)
    one.handle.resume()
    town.until(lambda: len(heard(town)) == 3)
