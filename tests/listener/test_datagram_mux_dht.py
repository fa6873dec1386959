"""A DHT node on a port that others use as well: datagrams that begin with "d" are its own."""

from __future__ import annotations

from evtorrent.listener import DatagramMux
from evtorrent.protocols.dht import Dht
from support.dht_loopback import LOOPBACK, SETTINGS, OurNodes


def test_a_dht_shares_its_port() -> None:
    with OurNodes(3) as ours:
        mux = DatagramMux.bind(ours.multi, LOOPBACK)
        others: list[bytes] = []
        mux.route_matching(lambda data, address: True, lambda data, address, now: others.append(bytes(data)))
        dht = Dht(ours.multi, bind=(), settings=SETTINGS)
        dht.add_port(lambda on_datagram: mux.route_first_bytes(b"d", on_datagram), mux.address)
        ours.result(dht.bootstrap([ours.address(0)]))
        pong = ours.result(ours.nodes[1].direct_request(mux.address, b"ping", {}))
        assert pong.values[b"id"] == dht.nodes()[0].node_id
        mux.send(b"not for the DHT", mux.address)
        ours.wait(lambda: others)
        assert others == [b"not for the DHT"]
        dht.close()
        mux.close()
