"""The UDP machine on scripted sockets."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken
from evtorrent.protocols.tracker.announce import AnnounceRequest, AnnounceResponse
from evtorrent.protocols.tracker.errors import TrackerTimeout, TrackerUnreachable
from evtorrent.protocols.tracker.udp import UdpTrackers
from evtorrent.protocols.tracker.udp_service import MAX_DATAGRAMS_PER_WAKEUP, UdpTrackerService
from support.http_world import AF_INET, AF_INET6, World

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881)
V4 = (AF_INET, ("10.0.0.1", 80))
V6 = (AF_INET6, ("2600::1", 80))
LINK_LOCAL = (AF_INET6, ("fe80::1%2", 80))


class Bench:
    def __init__(self) -> None:
        self.world = World()
        self.service = UdpTrackerService(
            self.world.multi, UdpTrackers(rng=Random(1)), self.world.datagram_socket
        )
        self.results: list[tuple[Any, Any]] = []

    def announce(self, *addresses: tuple[int, tuple[str, int]], timeout: float = 30.0) -> int:
        request_id = self.service.submit(
            REQUEST, addresses or [V4], lambda r, e: self.results.append((r, e)), timeout=timeout
        )
        assert not self.results
        return request_id

    def answer_all(self, family: int = AF_INET, source: Any = None) -> None:
        """Answer what was sent so far as a tracker would."""
        sock = self.world.datagrams[family]
        sent, sock.sent[:] = list(sock.sent), []
        for data, address in sent:
            action, transaction = struct.unpack_from(">II", data, 8)
            body = bytes(8) if action == 0 else struct.pack(">III", 900, 1, 2)
            sock.inbox.append((struct.pack(">II", action, transaction) + body, source or address))
        self.world.run()


def test_announce() -> None:
    bench = Bench()
    bench.announce()
    bench.world.run()
    bench.answer_all()
    bench.answer_all()
    ((response, error),) = bench.results
    assert error is None
    assert isinstance(response, AnnounceResponse)
    assert response.interval == 900
    assert bench.service.num_requests == 0
    assert bench.world.multi.timeout() == -1


def test_scrape() -> None:
    bench = Bench()
    bench.service.submit([b"h" * 20], [V4], lambda r, e: bench.results.append((r, e)), timeout=30.0)
    bench.world.run()
    bench.answer_all()
    bench.answer_all()
    assert bench.results[0][0][b"h" * 20].complete == 900


def test_link_local_addresses_keep_their_scope() -> None:
    bench = Bench()
    bench.announce(LINK_LOCAL)
    bench.world.run()
    bench.answer_all(AF_INET6, ("fe80::1", 80, 0, 2))
    bench.answer_all(AF_INET6, ("fe80::1", 80, 0, 2))
    assert bench.results[0][1] is None


def test_timeout() -> None:
    bench = Bench()
    bench.announce(timeout=20.0)
    bench.world.advance(20)
    ((_, error),) = bench.results
    assert isinstance(error, TrackerTimeout)
    assert len(bench.world.datagrams[AF_INET].sent) == 2  # sent again after 15 s


def test_full_buffer_counts_as_loss() -> None:
    bench = Bench()
    bench.announce()
    sock = bench.world.datagrams[AF_INET] = bench.world.datagram_socket(AF_INET)
    bench.service._open_socket = lambda family: sock
    sock.send_errors.append(BlockingIOError())
    bench.world.run()
    assert not sock.sent
    bench.world.advance(15)
    assert len(sock.sent) == 1


def test_send_error_tries_the_next_address() -> None:
    bench = Bench()
    bench.announce(V4, V6)
    sock = bench.world.datagram_socket(AF_INET)
    sock.send_errors.append(OSError(101, "Network is unreachable"))
    bench.service._open_socket = lambda family: (
        sock if family == AF_INET else bench.world.datagram_socket(family)
    )
    bench.world.run()
    assert [address for _, address in bench.world.datagrams[AF_INET6].sent] == [V6[1]]


def test_no_socket_to_be_had() -> None:
    bench = Bench()
    bench.world.refuses_datagram_sockets = True
    bench.announce()
    bench.world.run()
    ((_, error),) = bench.results
    assert isinstance(error, TrackerUnreachable)


def test_receive_errors_are_skipped() -> None:
    bench = Bench()
    bench.announce()
    bench.world.run()
    bench.world.datagrams[AF_INET].inbox.append(OSError(111, "Connection refused"))
    bench.answer_all()
    assert len(bench.world.datagrams[AF_INET].sent) == 1


def test_a_flood_is_taken_in_portions() -> None:
    bench = Bench()
    bench.announce()
    bench.world.run()
    inbox = bench.world.datagrams[AF_INET].inbox
    inbox.extend((b"noise", V4[1]) for _ in range(MAX_DATAGRAMS_PER_WAKEUP + 5))
    bench.world.multi.socket_action(bench.world.datagrams[AF_INET].fd, 1)
    assert len(inbox) == 5


def test_callbacks_may_ask_again() -> None:
    bench = Bench()

    def again(response: Any, error: Any) -> None:
        bench.announce()

    bench.service.submit(REQUEST, [V4], again, timeout=30.0)
    bench.world.run()
    bench.answer_all()
    bench.answer_all()
    assert bench.service.num_requests == 1
    assert len(bench.world.datagrams[AF_INET].sent) == 1


def test_callbacks_may_close() -> None:
    bench = Bench()
    bench.service.submit(REQUEST, [V4], lambda r, e: bench.service.close(), timeout=30.0)
    bench.announce()
    bench.world.run()
    bench.answer_all()
    bench.world.datagrams[AF_INET].inbox.extend([(b"x", V4[1])] * 3)
    bench.answer_all()
    assert bench.world.datagrams[AF_INET].is_closed
    assert not bench.results


def test_a_callback_that_cancels_another() -> None:
    bench = Bench()
    ids: list[int] = []
    bench.service.submit(REQUEST, [V4], lambda r, e: bench.service.cancel(ids[0]), timeout=30.0)
    ids.append(bench.announce())
    bench.world.run()
    sock = bench.world.datagrams[AF_INET]
    ((data, address),) = sock.sent
    sock.inbox.append((struct.pack(">II", 3, struct.unpack_from(">I", data, 12)[0]) + b"no", address))
    bench.world.run()
    assert not bench.results
    assert bench.service.num_requests == 0


def test_cancel_and_close() -> None:
    bench = Bench()
    request_id = bench.announce()
    bench.world.run()
    bench.service.cancel(request_id)
    bench.service.cancel(request_id)
    assert bench.world.multi.timeout() == -1
    bench.announce()
    bench.service.close()
    bench.service.close()
    assert bench.world.datagrams[AF_INET].is_closed
    bench.world.run()
    assert not bench.results
    assert bench.world.multi.timeout() == -1


def test_what_cannot_be_asked() -> None:
    bench = Bench()
    with pytest.raises(LocalProtocolError):
        bench.service.submit([], [V4], print, timeout=1.0)
    assert bench.service.num_requests == 0


class Relay:
    """A relay by hand."""

    def __init__(self, on_datagram: Any, on_lost: Any) -> None:
        self.on_datagram, self.on_lost = on_datagram, on_lost
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.is_closed = False
        self.error: Exception | None = None

    def send(self, data: Any, address: tuple[str, int]) -> bool:
        if self.error is not None:
            raise self.error
        self.sent.append((bytes(data), address))
        return True

    def close(self) -> None:
        self.is_closed = True


class TestRelay:
    NAMED = (0, ("tracker.example", 80))

    def make(self) -> tuple[Bench, list[Relay]]:
        bench, relays = Bench(), []

        def open_relay(on_datagram: Any, on_lost: Any) -> Relay:
            relays.append(Relay(on_datagram, on_lost))
            return relays[-1]

        bench.service.set_relay(open_relay)
        return bench, relays

    def test_everything_goes_through_it(self) -> None:
        bench, relays = self.make()
        bench.announce(self.NAMED)
        bench.announce(V6)
        bench.world.run()
        (relay,) = relays
        assert [address for _, address in relay.sent] == [self.NAMED[1], V6[1]]
        for body in (bytes(8), struct.pack(">III", 900, 1, 2)):
            sent, relay.sent = relay.sent, []
            for (data, _), source in zip(sent, ("10.0.0.7", V6[1][0]), strict=True):
                answer = data[8:16] + body  # action and transaction, as they were asked
                relay.on_datagram(memoryview(answer), (source, 80), bench.world.multi.time())
        bench.world.run()
        assert [error for _, error in bench.results] == [None, None]
        assert len(relays) == 1
        assert not bench.world.datagrams
        bench.service.close()
        assert relay.is_closed

    def test_it_is_lost(self) -> None:
        bench, relays = self.make()
        bench.announce(self.NAMED)
        bench.world.run()
        relays[0].on_lost(TransportBroken("socks5", "gone"))
        ((_, error),) = bench.results
        assert isinstance(error, TrackerUnreachable)

    def test_it_takes_nothing(self) -> None:
        bench, relays = self.make()
        bench.announce(self.NAMED)
        bench.world.run()
        relays[0].error = TransportBroken("socks5", "not yet again")
        bench.announce((0, ("other.example", 80)))
        bench.world.run()
        ((_, error),) = bench.results
        assert "not yet again" in str(error)

    def test_from_one_way_to_the_other(self) -> None:
        bench = Bench()
        bench.announce()
        bench.world.run()
        bench.service.set_relay(Relay)
        assert bench.results == []  # not inside
        bench.world.run()
        ((_, error),) = bench.results
        assert "the proxy was changed" in str(error)
        assert bench.world.datagrams[AF_INET].is_closed
        bench.results.clear()
        bench.announce()
        bench.world.run()
        assert len(bench.world.datagrams[AF_INET].sent) == 1
        bench.service.set_relay(None)
        bench.world.run()
        bench.results.clear()
        bench.announce()
        bench.world.run()
        bench.answer_all()
        bench.answer_all()
        assert bench.results[0][1] is None
