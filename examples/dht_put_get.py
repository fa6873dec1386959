"""Items in a DHT on loopback: a value named by its hash, and one that its owner changes while somebody follows it."""

from __future__ import annotations

from evtorrent import Multi
from evtorrent.protocols.dht import Dht, DhtSettings, MutableTorrentLink, mutable_torrent_value
from evtorrent.reactor.adapters import drive_selectors

SETTINGS = DhtSettings(restrict_routing_ips=False, restrict_search_ips=False, block_ratelimit=1000)

SECRET_KEY = bytes(range(32))
"""Keep yours secret, and make it with `os.urandom(32)`."""

FIRST, SECOND = b"\x01" * 20, b"\x02" * 20
"""Two versions of a torrent, by info-hash."""


def main() -> None:
    """Put, get, change, follow."""
    multi = Multi()
    driver = drive_selectors(multi)
    nodes = [Dht(multi, bind=[("127.0.0.1", 0)], settings=SETTINGS) for _ in range(8)]
    for node in nodes[1:]:
        node.bootstrap([nodes[0].addresses[0]])
    driver.run(until=lambda: all(len(node.nodes()[0].live_nodes()) == 7 for node in nodes))
    writer, reader = nodes[1], nodes[6]

    put = writer.put_immutable({"greeting": "hello"})
    driver.run()
    item = put.result.item
    got = reader.get_immutable(item.target)
    driver.run()
    print(f"immutable {item.target.hex()}: {got.result.item.value}")

    put = writer.put_mutable(SECRET_KEY, mutable_torrent_value(FIRST), salt=b"releases")
    driver.run()
    link = MutableTorrentLink(put.result.item.public_key, b"releases")
    print(link)

    updates: list[str] = []
    follower = reader.follow(link, lambda torrent, item: updates.append(str(torrent)), interval=0.1)
    driver.run(until=lambda: len(updates) == 1)
    writer.put_mutable(SECRET_KEY, mutable_torrent_value(SECOND), salt=b"releases", cas=True)
    driver.run(until=lambda: len(updates) == 2)
    print("followed:", " then ".join(updates))

    multi.remove_handle(follower)
    for node in nodes:
        node.close()
    driver.close()
    multi.close()


if __name__ == "__main__":
    main()
