"""Sessions with a DHT in a simulated world: hosts of their own, virtual time, and a node everybody begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from evtorrent.protocols.dht import Node
from evtorrent.reactor.sim import Link, SimWorld
from evtorrent.session.alerts import Alert
from support.sim_swarm import SimContent, SimPeer

A = TypeVar("A", bound=Alert)

DHT: dict[str, Any] = {
    "enable_dht": True,
    "alert_mask": -1,
    "dht_bootstrap_nodes": "",
    "dht_block_ratelimit": 10_000,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
}
"""A session with a DHT that tells everything, whose peers come over TCP."""


class DhtPeer(SimPeer):
    """A session with a DHT on a host."""

    @property
    def dht(self) -> Any:
        """The library's object; None while the DHT is off."""
        return self.session._core.dht.dht

    @property
    def node(self) -> Node:
        """Its node."""
        return self.dht.nodes()[0]

    def all(self, kind: type[A]) -> list[A]:
        """The alerts of one kind so far."""
        return [alert for alert in self.collect() if isinstance(alert, kind)]

    def forget(self) -> None:
        """Past alerts do not count any more."""
        self.collect()
        self.alerts.clear()


class DhtTown:
    """Some sessions; the first is the one the others begin with."""

    def __init__(self, count: int = 4, *, content: SimContent | None = None, **settings: Any) -> None:
        self.world = SimWorld(7)
        self.content = content or SimContent(100_000, 16_384)
        self.peers: list[DhtPeer] = []
        for index in range(count):
            self.add(f"host{index}", f"60.{index}.0.1", **settings)

    def add(self, name: str, *addresses: str, is_seed: bool = False, **settings: Any) -> DhtPeer:
        """One more session."""
        host = self.world.host(name, *addresses, link=Link(delay=0.01))
        peer = DhtPeer(host, self.content, is_seed=is_seed, **{**DHT, **settings})
        if self.peers:
            peer.session.add_dht_node(self.peers[0].address)
        self.peers.append(peer)
        return peer

    def until(self, condition: Callable[[], Any], *, timeout: float = 120.0) -> None:
        """Run until it is true."""
        assert self.world.run_until(lambda: bool(condition()), timeout=timeout), self.story()

    def run(self, seconds: float) -> None:
        """Run for so long."""
        self.world.run_for(seconds)

    def wait(self, peer: DhtPeer, kind: type[A], accept: Callable[[A], bool] = lambda alert: True) -> A:
        """The first alert of a kind that is accepted, past ones included."""
        self.until(lambda: [alert for alert in peer.all(kind) if accept(alert)])
        return next(alert for alert in peer.all(kind) if accept(alert))

    def meet(self) -> None:
        """Run until everybody knows everybody."""
        others = len(self.peers) - 1
        self.until(lambda: all(len(peer.node.live_nodes()) >= others for peer in self.peers))

    def story(self) -> list[str]:
        return [f"{peer.host}: {alert.message()}" for peer in self.peers for alert in peer.collect()][-40:]

    def close(self) -> None:
        """End everything."""
        for peer in self.peers:
            peer.session.close()
        self.until(lambda: all(peer.session.is_closed for peer in self.peers))
