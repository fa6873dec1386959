"""Following a mutable torrent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evtorrent.protocols.dht import MutableItem, MutableTorrentLink, mutable_torrent_value
from evtorrent.protocols.dht.ed25519 import public_key_of
from support.dht_services import SETTINGS, Cluster

SEED = bytes(range(32))
FREE = replace(SETTINGS, restrict_routing_ips=False)
LINK = MutableTorrentLink(public_key_of(SEED), b"salt")


def put(net: Cluster, value: Any) -> None:
    handle = net.dhts[1].put_mutable(SEED, value, salt=b"salt")
    net.run()
    assert handle.result.num_success == 3


def test_each_new_torrent_is_told_once() -> None:
    net = Cluster()
    told: list[bytes] = []
    follower = net.dhts[2].follow(LINK, lambda torrent, item: told.append(torrent), interval=60)
    net.run()
    assert told == []
    put(net, mutable_torrent_value(b"1" * 20))
    net.advance(61)
    assert told == [b"1" * 20]
    net.advance(200)
    assert told == [b"1" * 20]
    put(net, b"not about a torrent")
    put(net, mutable_torrent_value(b"2" * 20))
    net.advance(61)
    assert told == [b"1" * 20, b"2" * 20]
    put(net, b"not about a torrent")
    net.advance(61)
    assert told == [b"1" * 20, b"2" * 20]
    net.multi.remove_handle(follower)
    assert net.dhts[2].nodes()[0].num_lookups == 0


def test_the_item_is_kept_alive() -> None:
    net = Cluster()
    put(net, mutable_torrent_value(b"1" * 20))
    net.dhts[2].follow(LINK, lambda torrent, item: None, interval=60)
    net.advance(10)
    newcomer = net.add(("60.9.0.1", 6881))
    newcomer.bootstrap([("60.0.0.1", 6881)])
    net.advance(100)
    assert newcomer.storage.get_mutable_item(LINK.target) is not None


def test_with_copies_enough_nobody_puts_again() -> None:
    net = Cluster(4)
    copies = [("60.7.0.1", n) for n in range(1, 4)]
    both = net.add(*copies, settings=FREE)
    both.bootstrap([("60.0.0.1", 6881)])
    put(net, b"x")
    net.advance(5)
    wide = net.dhts[2]
    for index in range(3):
        wide.add_udp_port((f"60.{8 + index}.0.1", 6881))
    wide.bootstrap([("60.0.0.1", 6881)])
    net.advance(30)
    before = wide.counters.put_out
    handle = wide.get_mutable(LINK.public_key, LINK.salt)
    net.run()
    assert handle.result.num_copies > 8, "each of our four nodes counts what it saw"
    wide.follow(LINK, lambda torrent, item: None, interval=1e6)
    net.run()
    assert wide.counters.put_out == before


def test_a_callback_that_raises_ends_it() -> None:
    net = Cluster()
    put(net, mutable_torrent_value(b"1" * 20))

    def on_update(torrent: bytes, item: MutableItem) -> None:
        raise ZeroDivisionError

    follower = net.dhts[2].follow(LINK, on_update)
    net.run()
    assert isinstance(follower.error, ZeroDivisionError)


def test_an_older_state_never_replaces_what_is_known() -> None:
    net = Cluster()
    put(net, mutable_torrent_value(b"1" * 20))
    told: list[bytes] = []
    follower: Any = net.dhts[2].follow(LINK, lambda torrent, item: told.append(torrent), interval=60)
    net.run()
    old = MutableItem.signed(b"old", SEED, sequence=0, salt=b"salt")
    newer = MutableItem.signed(b"newer", SEED, sequence=9, salt=b"salt")
    assert follower._newest(old).sequence == 1
    assert follower._newest(None).sequence == 1
    assert follower._newest(newer) is newer
    assert told == [b"1" * 20]
