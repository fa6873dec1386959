"""UDP trackers asked from several addresses, over sockets by hand."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.tracker.announce import AnnounceRequest
from evtorrent.protocols.tracker.udp import UdpTimings
from evtorrent.protocols.tracker.udp_sources import UdpSources
from support.http_world import AF_INET, Datagrams, World

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881)
TRACKER = (AF_INET, ("10.0.0.1", 80))
HERE, THERE = ("10.0.0.8", 0), ("10.0.0.9", 0)


class Bench:
    def __init__(self) -> None:
        self.world = World()
        self.opened: dict[Any, Datagrams] = {}
        self.sources = UdpSources(self.world.multi, self, Random(1))  # type: ignore[arg-type]
        self.results: list[Any] = []

    def datagram_socket(self, family: int, *, bind: Any = None) -> Datagrams:
        self.opened[bind] = Datagrams(600 + len(self.opened))
        return self.opened[bind]

    def announce(self, bind: Any) -> None:
        self.sources.at(bind).submit(REQUEST, [TRACKER], lambda r, e: self.results.append(r or e), timeout=30)
        self.world.run()

    def answer(self, bind: Any) -> list[int]:
        """Answer what was sent from there; gives the actions asked for."""
        sock, actions = self.opened[bind], []
        while sock.sent:
            data, address = sock.sent.pop(0)
            action, transaction = struct.unpack_from(">II", data, 8)
            actions.append(action)
            body = bytes(8) if action == 0 else struct.pack(">III", 900, 1, 2)
            sock.inbox.append((struct.pack(">II", action, transaction) + body, address))
            self.world.multi.socket_action(sock.fd, self.world.multi.CSELECT_IN)
            self.world.run()
        return actions


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_address_has_a_socket_and_connection_ids_of_its_own(bench: Bench) -> None:
    bench.announce(HERE)
    assert bench.answer(HERE) == [0, 1]
    bench.announce(THERE)
    assert bench.answer(THERE) == [0, 1], "an id that was given to another address is not shown"
    bench.announce(HERE)
    assert bench.answer(HERE) == [1]
    bench.announce(None)
    assert bench.answer(None) == [0, 1]
    assert len(bench.results) == 4
    assert set(bench.opened) == {HERE, THERE, None}


def test_sockets_of_addresses_that_are_none_any_more_are_closed(bench: Bench) -> None:
    for bind in (HERE, THERE):
        bench.announce(bind)
    bench.answer(HERE)
    bench.sources.retain({None})
    assert bench.opened[HERE].is_closed
    assert not bench.opened[THERE].is_closed, "an answer is waited for"
    bench.answer(THERE)
    bench.sources.retain({THERE})
    assert not bench.opened[THERE].is_closed
    bench.sources.close()
    assert bench.opened[THERE].is_closed
    assert len(bench.results) == 2


def test_timings_hold_for_all(bench: Bench) -> None:
    bench.sources.at(HERE)
    bench.sources.set_timings(UdpTimings(token_expiry=1.0))
    for bind in (HERE, THERE):
        bench.announce(bind)
        bench.answer(bind)
        bench.world.advance(2)
        bench.announce(bind)
        assert bench.answer(bind) == [0, 1], "the id is too old"


def test_with_a_relay_there_is_one_way_only(bench: Bench) -> None:
    class Relay:
        def __init__(self) -> None:
            self.sent: list[bytes] = []

        def send(self, data: Any, address: Any) -> bool:
            self.sent.append(bytes(data))
            return True

        def close(self) -> None:
            pass

    relay = Relay()
    bench.sources.set_relay(lambda on_datagram, on_lost: relay)
    bench.announce(HERE)
    bench.announce(THERE)
    assert len(relay.sent) == 1, "one connection id for both"
    assert not bench.opened
    bench.sources.set_relay(None)
    bench.world.run()
    assert len(bench.results) == 2, "nobody is asked twice, on two ways"
    bench.announce(HERE)
    assert bench.answer(HERE) == [0, 1]
