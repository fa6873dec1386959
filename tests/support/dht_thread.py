"""A small DHT on loopback in a thread of its own, for commands that wait."""

from __future__ import annotations

from typing import Any, Self

from support.sessions import Member
from support.waiting import wait_for

SETTINGS: dict[str, Any] = {
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_block_ratelimit": 10_000,
}
"""Nodes that share a network without being suspicious."""


class DhtThreads:
    """Sessions at 127.0.0.1, 127.0.0.2, …, that know each other.  Use as a context manager."""

    def __init__(self, count: int = 3, **settings: Any) -> None:
        self.members = [
            Member({**SETTINGS, **settings}, host=f"127.0.0.{index + 1}") for index in range(count)
        ]

    def __enter__(self) -> Self:
        first, *others = self.members
        for member in others:
            member.session.add_dht_node(first.address)
        wait_for(
            lambda: all(
                member.session.session_stats()["dht.dht_nodes"] == len(others) for member in self.members
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.session.close()

    @property
    def entry(self) -> str:
        """HOST:PORT of a node."""
        host, port = self.members[0].address
        return f"{host}:{port}"
