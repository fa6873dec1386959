"""Our DHT and libtorrent's on loopback, where all nodes share one address and that must not count against them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from evtorrent.protocols.dht import Dht, DhtSettings, Operation
from evtorrent.protocols.engine import Multi
from evtorrent.reactor.adapters import drive_selectors

LOOPBACK = ("127.0.0.1", 0)

SETTINGS = DhtSettings(
    restrict_routing_ips=False,
    restrict_search_ips=False,
    block_ratelimit=100_000,
    upload_rate_limit=100_000_000,
)

LIBTORRENT_SETTINGS = {
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_upload_rate_limit": 100_000_000,
    "dht_block_ratelimit": 100_000,
    "dht_max_infohashes_sample_count": 20,
}

PATIENCE = 20.0


class OurNodes:
    """Some of our nodes on one engine, driven by whoever waits.  Use as a context manager."""

    def __init__(self, count: int, *, settings: DhtSettings = SETTINGS) -> None:
        self.multi = Multi()
        self.driver = drive_selectors(self.multi)
        self.nodes = [Dht(self.multi, bind=[LOOPBACK], settings=settings) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for node in self.nodes:
            node.close()
        self.driver.close()
        self.multi.close()

    def address(self, index: int = 0) -> tuple[str, int]:
        return self.nodes[index].addresses[0]

    def wait(self, condition: Callable[[], Any], what: str = "it") -> Any:
        """Drive until it is true, and give it."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{what} did not come true"
            self.driver.run_once(0.01)
        return value

    def result(self, operation: Operation) -> Any:
        """Drive until it ended well, and give its result."""
        self.wait(lambda: operation.is_done, repr(operation))
        assert operation.error is None, operation.error
        return operation.result
