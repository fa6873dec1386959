"""A thousand connections on one socket: all of them get on, at the same time."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.transport.utp import UtpTransport
from evtorrent.protocols.transport.utp_port import UtpPort
from support.stream_kit import Listening, pump

MANY = 1000
SIZE = 20_000
PAYLOAD = Random(1).randbytes(SIZE + MANY)


@pytest.fixture
def multi(no_fd_survives: None) -> Iterator[Multi]:
    multi = Multi()
    yield multi
    multi.close()


@pytest.mark.slow
def test_a_thousand_connections_all_get_on(multi: Multi) -> None:
    accepted: list[Listening] = []

    def on_accept(transport: UtpTransport) -> None:
        accepted.append(Listening(transport))

    near = UtpPort.open(multi, multi.platform, rng=Random(1), bind=("127.0.0.1", 0))
    far = UtpPort.open(multi, multi.platform, rng=Random(2), bind=("127.0.0.1", 0), on_accept=on_accept)
    dialled: list[Listening] = []

    def dial(count: int) -> None:
        """As a session does: so many half open at a time, which is fewer than an endpoint lets in."""
        goal = len(dialled) + count
        dialled.extend(Listening(near.connect(far.address)) for _ in range(count))
        pump(multi, lambda: len(accepted) == goal and dialled[-1].transport.is_connected)

    tracemalloc.start()
    for _ in range(MANY // 100):
        dial(100)
    gc.collect()
    each_bytes = tracemalloc.get_traced_memory()[0] / (2 * MANY)
    tracemalloc.stop()
    assert near.num_connections == far.num_connections == MANY
    pump(multi, lambda: all(user.transport.is_connected for user in (*dialled, *accepted)))

    began = time.process_time()
    for number, user in enumerate(dialled):
        user.send_all(PAYLOAD[number : number + SIZE])
    pump(multi, lambda: any(len(user.received) == SIZE for user in accepted))
    num_begun = sum(bool(user.received) for user in accepted)
    assert num_begun > MANY // 2, "they get on side by side, not one after the other"
    pump(multi, lambda: all(len(user.received) == SIZE for user in accepted))
    each_cpu = (time.process_time() - began) / MANY
    by_address = {bytes(user.received[:32]) for user in accepted}
    assert len(by_address) == MANY, "each stream is another, and none was mixed up"
    starts = {PAYLOAD[number : number + 32]: number for number in range(MANY)}
    for user in accepted:
        number = starts[bytes(user.received[:32])]
        assert user.received == PAYLOAD[number : number + SIZE]
    print(
        f"\n{each_bytes / 1024:.1f} KiB a connection, "
        f"{each_cpu * 1e6:.0f} µs of CPU for {SIZE} bytes over each, both ends together"
    )
    near.close()
    far.close()
    assert all(user.heard[-1] == "closed" for user in (*dialled, *accepted))
