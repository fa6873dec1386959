"""Conversations with UDP trackers, on virtual time and without a network."""

from __future__ import annotations

import struct
from random import Random

import pytest
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken
from evtorrent.protocols.tracker.announce import AnnounceRequest, ScrapeEntry, TrackerPeer
from evtorrent.protocols.tracker.errors import (
    InvalidTrackerResponse,
    TrackerFailure,
    TrackerTimeout,
    TrackerUnreachable,
)
from evtorrent.protocols.tracker.udp import (
    MAX_IDLE_ADDRESSES,
    UdpAnnounced,
    UdpEvent,
    UdpFailed,
    UdpScraped,
    UdpTimings,
    UdpTrackers,
)
from hypothesis import given
from hypothesis import strategies as st

HASH = b"h" * 20
REQUEST = AnnounceRequest(HASH, b"p" * 20, 6881)
A, B, V6 = ("10.0.0.1", 80), ("10.0.0.2", 80), ("2001:db8::1", 80)


class Conversation:
    """A machine, a clock, and the tracker's side of the wire in the hands of the test."""

    def __init__(self, **timings: float) -> None:
        self.machine = UdpTrackers(rng=Random(1), timings=UdpTimings(**timings))  # type: ignore[arg-type]
        self.now = 1000.0
        self.connection = 0xAAAA

    def announce(self, *addresses: tuple[str, int], timeout: float = 1e9, url_data: bytes = b"") -> int:
        return self.machine.send_announce(
            REQUEST, addresses or (A,), now=self.now, timeout=timeout, url_data=url_data
        )

    def scrape(self, *hashes: bytes) -> int:
        return self.machine.send_scrape(hashes, [A], now=self.now, timeout=100.0)

    def sent(self) -> list[tuple[int, int, bytes, tuple[str, int]]]:
        """(action, transaction, packet, address) of what goes out."""
        return [
            (*struct.unpack_from(">II", data, 8), data, address)
            for data, address in self.machine.datagrams_to_send(now=self.now)
        ]

    def sent_actions(self) -> list[int]:
        return [action for action, *_ in self.sent()]

    def answer(self, action: int, transaction: int, body: bytes = b"", address: tuple[str, int] = A) -> None:
        self.machine.receive_datagram(struct.pack(">II", action, transaction) + body, address, now=self.now)

    def answer_connect(self) -> None:
        """Whatever connect request went out gets a fresh connection id."""
        ((action, transaction, _, address),) = self.sent()
        assert action == 0
        self.connection += 1
        self.answer(0, transaction, struct.pack(">Q", self.connection), address)

    def events(self) -> list[UdpEvent]:
        return list(iter(self.machine.next_event, None))

    def wait(self) -> float:
        """Go to the next deadline and handle it; how long that was."""
        deadline = self.machine.next_timeout()
        assert deadline is not None
        waited, self.now = deadline - self.now, deadline
        self.machine.handle_timeout(now=self.now)
        return waited


ANNOUNCED = struct.pack(">III", 1800, 2, 3) + b"\1\2\3\4\0\x50"


def test_normal_announce() -> None:
    talk = Conversation()
    request_id = talk.announce(url_data=b"/announce")
    talk.answer_connect()
    ((action, transaction, packet, address),) = talk.sent()
    assert (action, address) == (1, A)
    assert packet[:8] == struct.pack(">Q", talk.connection)
    assert packet.endswith(b"/announce")
    talk.answer(1, transaction, ANNOUNCED)
    (event,) = talk.events()
    assert isinstance(event, UdpAnnounced)
    assert event.request_id == request_id
    assert event.response.peers == [TrackerPeer("1.2.3.4", 80)]
    assert (event.response.complete, event.response.incomplete) == (3, 2)
    assert event.response.tracker_address == A[0]
    assert talk.machine.next_timeout() is None
    assert talk.machine.num_requests == 0


def test_ipv6_answers_are_read_as_such() -> None:
    talk = Conversation()
    talk.announce(V6)
    talk.answer_connect()
    ((_, transaction, _, _),) = talk.sent()
    talk.answer(1, transaction, struct.pack(">III", 1800, 2, 3) + bytes(15) + b"\1\0\x50", V6)
    (event,) = talk.events()
    assert isinstance(event, UdpAnnounced)
    assert event.response.peers == [TrackerPeer("::1", 80)]


def test_scrape() -> None:
    talk = Conversation()
    request_id = talk.scrape(HASH, b"x" * 20)
    talk.answer_connect()
    ((action, transaction, _, _),) = talk.sent()
    assert action == 2
    talk.answer(2, transaction, struct.pack(">IIIIII", 1, 2, 3, 4, 5, 6))
    assert talk.events() == [
        UdpScraped(request_id, {HASH: ScrapeEntry(1, 3, 2), b"x" * 20: ScrapeEntry(4, 6, 5)})
    ]


def test_bep_15_connect_times_out() -> None:
    talk = Conversation()
    talk.announce()
    assert talk.sent_actions() == [0]
    waits = []
    for _ in range(3):
        waits.append(talk.wait())
        assert talk.sent_actions() == [0]
    assert waits == [15, 30, 60]


def test_bep_15_announce_times_out() -> None:
    talk = Conversation()
    talk.announce()
    talk.now += 1
    talk.answer_connect()
    actions = talk.sent_actions()
    times = []
    for _ in range(4):
        talk.wait()
        times.append(talk.now - 1001)
        actions += talk.sent_actions()
    assert times == [15, 45, 105, 225]  # 107 s in the BEP's example, whose announce leaves a second later
    assert actions == [1, 1, 1, 0, 0]  # the connection id had expired


def test_bep_15_multiple_requests_share_a_connection_id() -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    talk.announce()
    talk.now += 59
    talk.scrape(HASH)
    assert talk.sent_actions() == [1, 1, 2]
    talk.now += 1
    talk.scrape(HASH)
    assert talk.sent_actions() == [0]


def test_requests_wait_for_one_connect() -> None:
    talk = Conversation()
    talk.announce()
    talk.announce()
    talk.now += 5
    talk.scrape(HASH)
    talk.answer_connect()
    assert talk.sent_actions() == [1, 1, 2]


def test_a_late_joiner_repeats_the_connect_at_most_every_interval() -> None:
    talk = Conversation()
    talk.announce()
    ((_, first, _, _),) = talk.sent()
    talk.now += 15
    talk.scrape(HASH)
    ((_, second, _, _),) = talk.sent()
    assert first == second


def test_retransmissions_at_the_limit() -> None:
    talk = Conversation(max_retransmits=2)
    request_id = talk.announce()
    for _ in range(3):
        assert talk.sent_actions() == [0]
        assert not talk.events()
        talk.wait()
    (event,) = talk.events()
    assert isinstance(event, UdpFailed)
    assert event.request_id == request_id
    assert isinstance(event.error, TrackerTimeout)
    assert talk.sent_actions() == []


def test_deadline_is_shared_by_the_addresses() -> None:
    talk = Conversation()
    talk.announce(A, B, timeout=30)
    assert [address for *_, address in talk.sent()] == [A]
    assert talk.wait() == 15
    assert [address for *_, address in talk.sent()] == [B]
    assert talk.wait() == 15
    (event,) = talk.events()
    assert isinstance(event, UdpFailed)
    assert isinstance(event.error, TrackerTimeout)


def test_second_address_answers() -> None:
    talk = Conversation()
    request_id = talk.announce(A, B, timeout=30)
    talk.sent()
    talk.wait()
    talk.answer_connect()
    ((_, transaction, _, _),) = talk.sent()
    talk.answer(1, transaction, ANNOUNCED, B)
    (event,) = talk.events()
    assert event.request_id == request_id
    assert isinstance(event, UdpAnnounced)
    assert event.response.tracker_address == B[0]


def test_send_error_goes_on_to_the_next_address() -> None:
    talk = Conversation()
    talk.announce(A, B)
    talk.sent()
    talk.machine.receive_error(A, OSError(101, "Network is unreachable"), now=talk.now)
    assert [address for *_, address in talk.sent()] == [B]
    talk.machine.receive_error(B, OSError("odd"), now=talk.now)
    (event,) = talk.events()
    assert isinstance(event, UdpFailed)
    assert isinstance(event.error, TrackerUnreachable)
    assert str(event.error) == "send: odd"
    talk.machine.receive_error(B, OSError("again"), now=talk.now)
    assert not talk.events()


def test_error_in_answer_to_connect_fails_who_waits() -> None:
    talk = Conversation()
    talk.announce()
    talk.scrape(HASH)
    ((_, transaction, _, _),) = talk.sent()
    talk.answer(3, transaction, b"go away")
    events = talk.events()
    assert [str(event.error) for event in events if isinstance(event, UdpFailed)] == [
        "tracker failure: go away"
    ] * 2


def test_error_with_a_fresh_connection_id_is_the_trackers_word() -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    ((_, transaction, _, _),) = talk.sent()
    talk.answer(3, transaction, b"unregistered")
    (event,) = talk.events()
    assert isinstance(event, UdpFailed)
    assert isinstance(event.error, TrackerFailure)
    assert event.error.reason == "unregistered"


def test_error_with_a_cached_connection_id_gets_a_second_chance() -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    talk.sent()
    first, second = talk.announce(), talk.announce()
    (_, one, _, _), (_, two, _, _) = talk.sent()
    talk.answer(3, one, b"connection id mismatch")
    talk.answer(3, two, b"connection id mismatch")
    assert not talk.events()
    talk.answer_connect()
    (_, one, packet, _), (_, two, _, _) = talk.sent()
    assert packet[:8] == struct.pack(">Q", talk.connection)
    talk.answer(1, one, ANNOUNCED)
    talk.answer(3, two, b"still no")
    answered, failed = talk.events()
    assert (answered.request_id, failed.request_id) == (first, second)
    assert isinstance(failed, UdpFailed)


def test_a_newer_connection_id_is_not_thrown_away() -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    talk.sent()
    late = talk.announce()
    ((_, transaction, _, _),) = talk.sent()
    talk.now += 60  # the id expires, somebody else gets a new one
    talk.scrape(HASH)
    talk.answer_connect()
    talk.sent()
    talk.answer(3, transaction, b"old id")
    ((action, transaction, packet, _),) = talk.sent()
    assert (action, packet[:8]) == (1, struct.pack(">Q", talk.connection))
    talk.answer(1, transaction, ANNOUNCED)
    assert [event.request_id for event in talk.events()] == [late]


@pytest.mark.parametrize("body", [b"", ANNOUNCED + b"x"])
def test_malformed_answer(body: bytes) -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    ((_, transaction, _, _),) = talk.sent()
    talk.answer(1, transaction, body)
    (event,) = talk.events()
    assert isinstance(event, UdpFailed)
    assert isinstance(event.error, InvalidTrackerResponse)


def test_what_is_no_answer_is_ignored() -> None:
    talk = Conversation()
    talk.announce()
    ((_, connect, _, _),) = talk.sent()
    talk.machine.receive_datagram(b"short", A, now=talk.now)
    talk.answer(0, connect, bytes(8), B)  # not asked
    talk.answer(0, connect ^ 1, bytes(8))  # not our transaction
    talk.answer(1, connect, bytes(8))  # not the action
    talk.answer(0, connect, bytes(7))  # too short for a connection id
    assert talk.machine.num_ignored == 5
    talk.answer(0, connect, bytes(8))
    ((_, announce, _, _),) = talk.sent()
    talk.answer(0, connect, bytes(8))  # a second time
    talk.answer(2, announce, ANNOUNCED)  # a scrape's answer to an announce
    talk.scrape(HASH)
    ((_, scrape, _, _),) = talk.sent()
    talk.answer(1, scrape, ANNOUNCED)
    assert talk.machine.num_ignored == 8
    assert not talk.events()


def test_an_answer_before_anything_was_asked_of_the_address() -> None:
    talk = Conversation()
    talk.announce()
    (request,) = talk.machine._requests.values()
    talk.answer(1, request.transaction, ANNOUNCED)  # the connect is still under way
    assert talk.machine.num_ignored == 1


def test_an_answer_from_an_address_given_up() -> None:
    talk = Conversation()
    talk.announce(A, B, timeout=30)
    talk.answer_connect()
    ((_, transaction, _, _),) = talk.sent()
    talk.wait()
    talk.answer(1, transaction, ANNOUNCED)
    assert talk.machine.num_ignored == 1
    assert not talk.events()


def test_cancel() -> None:
    talk = Conversation()
    first, second = talk.announce(), talk.announce()
    talk.machine.cancel(first)
    talk.machine.cancel(first)
    assert talk.machine.num_requests == 1
    talk.answer_connect()
    assert len(talk.sent()) == 1
    talk.machine.cancel(second)
    assert talk.machine.next_timeout() is None
    talk.machine.handle_timeout(now=talk.now + 1000)
    assert not talk.events()


def test_close() -> None:
    talk = Conversation()
    talk.announce()
    talk.machine.close()
    assert talk.machine.num_requests == 0
    assert talk.sent() == []
    assert talk.machine.next_timeout() is None


def test_requests_that_cannot_be_made() -> None:
    talk = Conversation()
    with pytest.raises(LocalProtocolError):
        talk.announce(url_data=bytes(2000))
    with pytest.raises(LocalProtocolError):
        talk.scrape()
    with pytest.raises(LocalProtocolError):
        talk.machine.send_announce(REQUEST, [], now=0.0, timeout=1.0)
    assert talk.machine.num_requests == 0


def test_idle_addresses_at_the_limit() -> None:
    talk = Conversation()
    for number in range(MAX_IDLE_ADDRESSES + 2):
        talk.machine.cancel(talk.announce((f"10.1.{number >> 8}.{number & 255}", 80)))
    talk.announce(A)
    assert len(talk.machine._endpoints) <= 2


def test_addresses_with_a_connection_id_are_kept_while_it_lasts() -> None:
    talk = Conversation()
    talk.announce(B)
    talk.answer_connect()
    talk.sent()
    for number in range(MAX_IDLE_ADDRESSES + 1):
        talk.machine.cancel(talk.announce((f"10.1.{number >> 8}.{number & 255}", 80)))
    talk.sent()
    talk.announce(B)
    assert talk.sent_actions() == [1]


def test_transactions_differ() -> None:
    class Repeating(Random):
        """Gives every number three times."""

        def __init__(self) -> None:
            super().__init__(0)
            self.calls = 0

        def getrandbits(self, k: int) -> int:
            self.calls += 1
            return self.calls // 3

    machine = UdpTrackers(rng=Repeating())
    for address in (A, B):
        machine.send_announce(REQUEST, [address], now=0.0, timeout=10.0)
    assert len(machine._transactions) == 2


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("announce"), st.integers(0, 2)),
        st.tuples(st.just("scrape"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 40)),
        st.tuples(st.just("cancel"), st.integers(1, 6)),
        st.tuples(st.just("answer"), st.integers(0, 5)),
        st.tuples(st.just("noise"), st.integers(0, 40)),
        st.tuples(st.just("error"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_any_state_any_input(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: each request ends exactly once, and nothing is left behind."""
    talk = Conversation(max_retransmits=2)
    rng = Random(3)
    open_requests: set[int] = set()
    for what, number in steps:
        if what == "announce":
            open_requests.add(talk.announce(*[(A,), (A, B), (V6,)][number], timeout=50))
        elif what == "scrape":
            open_requests.add(talk.scrape(HASH))
        elif what == "wait":
            talk.now += number
            talk.machine.handle_timeout(now=talk.now)
        elif what == "cancel":
            talk.machine.cancel(number)
            open_requests.discard(number)
        elif what == "error":
            talk.machine.receive_error(A, OSError(1, "x"), now=talk.now)
        elif what == "noise":
            talk.machine.receive_datagram(rng.randbytes(number), A, now=talk.now)
        else:
            for action, transaction, _, address in talk.sent():
                talk.answer(3 if number == 3 else action, transaction, bytes(12 if number else 4), address)
        for event in talk.events():
            open_requests.remove(event.request_id)
    while talk.machine.num_requests:
        talk.wait()
    open_requests -= {event.request_id for event in talk.events()}
    assert not open_requests
    assert not talk.machine._transactions
    assert not any(endpoint.waiting for endpoint in talk.machine._endpoints.values())
    assert talk.machine.next_timeout() is None


NAMED = ("tracker.example", 80)


def test_a_tracker_that_a_proxy_looks_up() -> None:
    """Its address is known only from its answers, and so is which kind of peers they hold."""
    talk = Conversation()
    talk.announce(NAMED)
    ((_, transaction, _, address),) = talk.sent()
    assert address == NAMED
    talk.answer(0, transaction, struct.pack(">Q", 7), ("10.9.9.9", 81))  # another port
    talk.answer(0, transaction ^ 1, struct.pack(">Q", 7), ("10.9.9.9", 80))
    assert talk.machine.num_ignored == 2
    talk.answer(0, transaction, struct.pack(">Q", 7), ("10.9.9.9", 80))
    ((action, transaction, _, address),) = talk.sent()
    assert (action, address) == (1, NAMED)
    answer = struct.pack(">III", 1800, 2, 3) + bytes(15) + b"\1\0\x50"
    talk.answer(1, transaction, answer, ("2001:db8::9", 81))
    talk.answer(1, transaction ^ 1, answer, ("2001:db8::9", 80))
    assert talk.events() == []
    talk.answer(1, transaction, answer, ("2001:db8::9", 80))
    (event,) = talk.events()
    assert isinstance(event, UdpAnnounced)
    assert event.response.peers == [TrackerPeer("::1", 80)]
    assert event.response.tracker_address == "2001:db8::9"


def test_a_numeric_tracker_is_not_answered_for_by_others() -> None:
    talk = Conversation()
    talk.announce(A)
    talk.announce(NAMED)
    (_, transaction, _, _), _ = talk.sent()
    talk.answer(0, transaction, struct.pack(">Q", 7), B)
    assert talk.machine.num_ignored == 1
    assert talk.sent() == []


def test_names_are_forgotten_like_addresses() -> None:
    talk = Conversation()
    for number in range(MAX_IDLE_ADDRESSES + 2):
        talk.machine.cancel(talk.announce((f"t{number}.example", 80)))
    talk.announce(A)
    assert len(talk.machine._named) <= MAX_IDLE_ADDRESSES
    talk.machine.close()
    assert not talk.machine._named


def test_the_way_to_all_of_them_breaks() -> None:
    talk = Conversation()
    first, second = talk.announce(A, B), talk.announce(NAMED)
    talk.machine.receive_loss(TransportBroken("socks5", "gone"), now=talk.now)
    events = talk.events()
    assert [event.request_id for event in events] == [first, second]
    for event in events:
        assert isinstance(event, UdpFailed)
        assert isinstance(event.error, TrackerUnreachable)
        assert str(event.error) == "socks5: gone"
    assert talk.machine.num_requests == 0


def test_connection_ids_do_not_go_from_one_way_to_another() -> None:
    talk = Conversation()
    talk.announce()
    talk.answer_connect()
    talk.sent()
    talk.machine.receive_loss(TransportBroken("send", "changed"), now=talk.now)
    talk.announce()
    assert talk.sent_actions() == [0]
