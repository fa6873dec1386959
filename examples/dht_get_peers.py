"""A DHT of its own on loopback: eight nodes find each other, one announces a torrent, another finds it.

`Dht` lives on a `Multi`, so any loop drives it.  For the real network bind to ("0.0.0.0", 6881) and bootstrap from a router
you trust.
"""

from __future__ import annotations

from evtorrent import Multi
from evtorrent.protocols.dht import Dht, DhtSettings
from evtorrent.reactor.adapters import drive_selectors

LOOPBACK = ("127.0.0.1", 0)

# All nodes share one address here, which on the internet would be suspicious.
SETTINGS = DhtSettings(restrict_routing_ips=False, restrict_search_ips=False, block_ratelimit=1000)

INFO_HASH = bytes.fromhex("c12fe1c06bba254a9dc9f519b335aa7c1367a88a")


def main() -> None:
    """Start, announce, find."""
    multi = Multi()
    driver = drive_selectors(multi)
    nodes = [Dht(multi, bind=[LOOPBACK], settings=SETTINGS) for _ in range(8)]
    entry = nodes[0].addresses[0]
    for node in nodes[1:]:
        node.bootstrap([entry])
    driver.run(until=lambda: all(len(node.nodes()[0].live_nodes()) == 7 for node in nodes))

    seeder, leecher = nodes[2], nodes[5]
    announced = seeder.announce(INFO_HASH, 51413, is_seed=True)
    driver.run()  # until no handle is running
    print(f"announced to {announced.result.num_success} nodes")

    found = leecher.get_peers(INFO_HASH, on_peers=lambda peers: print("found", *peers))
    driver.run()
    print(f"{found.result.num_responses} nodes answered, peers: {found.result.peers}")

    count = leecher.get_peers(INFO_HASH, scrape=True)
    driver.run()
    print(f"about {count.result.num_seeds:.0f} seeds")

    for node in nodes:
        node.close()
    driver.close()
    multi.close()


if __name__ == "__main__":
    main()
