"""Many connections on one socket: turns, deadlines, who is taken in, full kernels, ends."""

from __future__ import annotations

import errno
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.engine.ports import READ, WRITE
from evtorrent.protocols.errors import TransportBroken, TransportClosed
from evtorrent.protocols.transport import utp_port as utp_port_module
from evtorrent.protocols.transport.trains import TrainSocket
from evtorrent.protocols.transport.utp import UtpTransport
from evtorrent.protocols.transport.utp_port import RECEIVE_LIMIT, UtpPort, send_train
from evtorrent.protocols.utp import (
    IPV6_OVERHEAD,
    Packet,
    PacketType,
    Train,
    UtpSettings,
    pack_packet,
    parse_packet,
)
from evtorrent.protocols.utp import endpoint as endpoint_module
from support.engine_kit import Host, make_engine
from support.stream_kit import Listening
from support.utp_ports import DELAY, Ports

DATA = Random(4).randbytes(300_000)
AF_INET6 = 10
STRANGER = ("10.0.0.66", 66)


@pytest.fixture
def ports() -> Ports:
    return Ports()


# -- the way of packets


def test_many_connections_share_a_socket(ports: Ports) -> None:
    pairs = [ports.meet() for _ in range(20)]
    assert ports.near.num_connections == ports.far.num_connections == 20
    for number, (one, two) in enumerate(pairs):
        one.send_all(DATA[number * 1000 : number * 1000 + 5000])
        two.send_all(DATA[number * 500 : number * 500 + 3000])
    ports.run(lambda: all(len(two.received) == 5000 and len(one.received) == 3000 for one, two in pairs))
    for number, (one, two) in enumerate(pairs):
        assert two.received == DATA[number * 1000 : number * 1000 + 5000]
        assert one.received == DATA[number * 500 : number * 500 + 3000]


def test_what_came_in_one_wake_up_is_answered_once(ports: Ports) -> None:
    one, two = ports.meet()
    ports.run_for(2.0)
    ports.network.sent.clear()
    one.send_all(bytes(50_000))
    ports.run(lambda: len(two.received) == 50_000)
    kinds = [parse_packet(data).kind for data in ports.network.sent]
    assert kinds.count(PacketType.DATA) > 30
    assert kinds.count(PacketType.STATE) <= kinds.count(PacketType.DATA)
    packets = [parse_packet(data) for data in ports.network.sent]
    assert sum(len(packet.payload) for packet in packets) == 50_000


def test_a_turn_inside_a_turn_is_none(ports: Ports) -> None:
    one, two = ports.meet()
    ports.run_for(2.0)
    turned: list[float] = []

    def turn() -> None:
        turned.append(ports.platform.now)
        ports.far.turn(ports.platform.now)

    two.also["readable"] = turn
    one.send_all(b"x")
    ports.run(lambda: turned)
    assert two.received == b"x"
    assert not ports.errors


def test_connections_take_turns(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one turn sends has a bound; who is left comes before those that had theirs."""
    pairs = [ports.meet() for _ in range(4)]
    ports.run_for(2.0)
    monkeypatch.setattr(utp_port_module, "TURN_BYTES", 1)
    ports.network.sent.clear()
    for one, _ in pairs:
        one.send_all(DATA[:20_000])
    ports.run(lambda: all(len(two.received) == 20_000 for _, two in pairs))
    ids = [pair[0].transport.query("utp_connection").send_id for pair in pairs]
    packets = [parse_packet(data) for data in ports.network.sent]
    order = [packet.connection_id for packet in packets if packet.payload]
    starts = [index for index, each in enumerate(order) if index == 0 or order[index - 1] != each]
    assert [order[index] for index in starts[:4]] == ids


def test_a_lossy_network(ports: Ports) -> None:
    ports = Ports(loss=0.05, duplicates=0.05, reordering=0.1, settings=UtpSettings(min_timeout=0.1))
    one, two = ports.meet()
    one.send_all(DATA)
    ports.run(lambda: len(two.received) == len(DATA))
    assert two.received == DATA


# -- who may come


def test_without_on_accept_nobody_comes(ports: Ports) -> None:
    user = Listening(ports.far.connect(ports.near.address))
    ports.run(lambda: user.error is not None)
    assert isinstance(user.error, TransportBroken)
    assert isinstance(user.error.cause, TimeoutError)
    assert user.error.operation == "connect"
    assert ports.near.endpoint.num_dropped_syns == 3


def test_strangers_are_asked_about(ports: Ports) -> None:
    asked: list[Any] = []

    def accepts(address: Any) -> bool:
        asked.append(address)
        return len(asked) > 1

    door = ports.network.open_port(rng=Random(5), accepts=accepts, on_accept=ports._accepted)
    user = Listening(ports.near.connect(door.address))
    ports.run(lambda: user.transport.is_connected)
    assert asked == [ports.near.address] * 2
    assert ports.platform.now - 1000.0 >= 3.0, "the SYN had to be sent again"


def test_nobody_is_told_of_who_does_not_speak_again(ports: Ports) -> None:
    syn = pack_packet(Packet(PacketType.SYN, 9, 1, 0, 1 << 20, 1, 0))
    ports.network.inject(syn, STRANGER, ports.far.address)
    assert ports.far.num_connections == 1
    ports.run_for(20.0)
    assert ports.far.num_connections == 0
    assert not ports.users


def test_strays_are_reset(ports: Ports) -> None:
    ports.network.inject(
        pack_packet(Packet(PacketType.DATA, 9, 1, 0, 1, 5, 6, payload=b"x")), STRANGER, ports.far.address
    )
    assert [parse_packet(data).kind for data in ports.network.sent] == [PacketType.RESET]


def test_there_is_a_limit_to_connections(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "MAX_CONNECTIONS", 1)
    ports.dial()
    with pytest.raises(TransportBroken, match="too many uTP connections") as caught:
        ports.dial()
    assert isinstance(caught.value.cause, OSError)
    assert caught.value.cause.errno == errno.EADDRNOTAVAIL


# -- users


def test_a_user_that_raises_in_on_accept_is_reported_and_the_others_are_served(ports: Ports) -> None:
    bug = KeyError("bug")

    def refuse(transport: UtpTransport) -> None:
        raise bug

    door = ports.network.open_port(rng=Random(5), on_accept=refuse)
    user, other = Listening(ports.near.connect(door.address)), ports.dial()
    ports.run(lambda: other.transport.is_connected and ports.errors)
    assert ports.errors == [bug]
    assert user.transport.is_connected


def test_what_a_user_does_to_another_connection_leaves_at_once(ports: Ports) -> None:
    (one, two), (three, four) = ports.meet(), ports.meet()
    ports.run_for(2.0)
    two.also["readable"] = lambda: four.transport.send(b"gossip")
    one.send_all(b"x")
    ports.run(lambda: three.received)
    assert three.received == b"gossip"


# -- full kernels and broken ways


def test_while_the_kernel_is_full_everything_waits(ports: Ports) -> None:
    one, two = ports.meet()
    ports.run_for(2.0)
    ports.network.is_full = True
    one.send_all(DATA)
    ports.run_for(0.005)
    waiting = list(ports.network.waiting)
    assert len(waiting) == 1
    sent = len(ports.network.sent)
    ports.run_for(0.1)
    assert len(ports.network.sent) == sent
    ports.network.drain()
    ports.run(lambda: len(two.received) == len(DATA))
    assert two.received == DATA


def test_a_kernel_that_is_full_again_half_way(ports: Ports) -> None:
    one, two = ports.meet()
    ports.run_for(2.0)
    ports.network.is_full = True
    one.transport.send(b"first")
    ports.run_for(0.001)
    two.transport.send(b"second")
    three = ports.dial()
    ports.run_for(0.001)
    real, count = ports.network.send, 0

    def one_only(*args: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        ports.network.is_full = count == 1
        real(*args, **options)

    ports.network.send = one_only  # type: ignore[method-assign]
    ports.network.drain()
    assert count == 1
    assert ports.network.waiting, "who could not send asks again"
    ports.network.drain()
    ports.run(lambda: two.received == b"first" and one.received == b"second")
    ports.run(lambda: three.transport.is_connected)


def test_the_backlog_has_an_end(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utp_port_module, "MAX_BACKLOG", 2)
    ports.network.is_full = True
    users = [ports.dial() for _ in range(3)]
    ports.run_for(0.001)
    for user in users:
        user.transport.abort()
    assert ports.near.num_lost_trains > 0
    ports.network.drain()


def test_a_way_that_is_broken_is_like_loss(ports: Ports) -> None:
    one, two = ports.meet()
    ports.run_for(2.0)
    ports.network.is_broken = True
    one.send_all(b"hello")
    ports.run_for(0.3)
    assert one.error is None
    ports.network.is_broken = False
    ports.run(lambda: two.received == b"hello")


def test_a_probe_that_the_system_refuses_costs_nothing(ports: Ports) -> None:
    """A first link narrower than Ethernet says so at once: no loss, no second try of that size."""
    ports = Ports(mtu=1400)
    ports.network.first_mtu = 1400
    one, two = ports.meet()
    connection = one.transport.query("utp_connection")
    one.send_all(DATA)
    least = connection.controller.window
    ports.run(lambda: len(two.received) == len(DATA))
    assert two.received == DATA
    assert 1400 - 48 - 20 <= connection.packet_size <= 1400 - 48
    assert connection.controller.window > 4 * least


def test_who_refuses_a_probe_that_is_none_any_more(ports: Ports) -> None:
    one, _ = ports.meet()
    connection = one.transport.query("utp_connection")
    before = connection.packet_size
    connection.probe_refused(ports.platform.now)
    assert connection.packet_size == before
    assert not connection.outgoing.num_lost


# -- ends


def test_closing_the_port_ends_everything(ports: Ports) -> None:
    one, two = ports.meet()
    dialling = ports.dial()
    one.transport.send(b"never read")
    ports.near.close()
    ports.near.close()
    for user in (one, dialling):
        assert user.heard[-1] == "closed"
        assert isinstance(user.error, TransportClosed)
    assert ports.near.num_connections == 0
    with pytest.raises(TransportClosed, match="the port is closed"):
        ports.near.connect(ports.far.address)
    ports.run(lambda: two.error is not None)
    assert isinstance(two.error, TransportBroken)
    assert isinstance(two.error.cause, ConnectionResetError)
    one.transport.abort()
    one.transport.want_write(True)
    ports.near.turn(ports.platform.now)
    assert not ports.errors


def test_closing_a_port_leaves_no_timer(ports: Ports) -> None:
    ports.meet()
    ports.dial()
    ports.near.close()
    ports.far.close()
    ports.run_for(2 * DELAY)  # What was under way arrives.
    assert ports.multi.timeout() == -1


def test_closing_the_port_of_a_connection_that_lingers(ports: Ports) -> None:
    """Its user is gone, its last bytes are under way; the peer hears that it ended all the same."""
    one, two = ports.meet()
    one.transport.send(b"last words")
    one.transport.close()
    ports.run(lambda: two.is_ended)
    ports.far.abort(two.transport)
    ports.near.close()
    assert ports.near.num_connections == 0


def test_closing_the_port_of_one_that_ended_and_was_not_looked_at_yet(ports: Ports) -> None:
    ports.dial().transport.close()
    ports.near.close()
    ports.run_for(1.0)
    assert not ports.network.sent


def test_a_user_that_ends_others_when_the_port_closes(ports: Ports) -> None:
    users = [ports.dial() for _ in range(3)]
    users[0].also["closed"] = users[1].transport.abort
    ports.near.close()
    assert [user.heard for user in users] == [["closed"], [], ["closed"]]


def test_a_deadline_of_one_that_ended_a_moment_ago(ports: Ports) -> None:
    """Both are due in one action: the end was not looked at before."""
    ports.network.lets_pass = lambda data, address: False
    user = ports.dial()
    ports.run_for(1.0)
    ports.multi.call_later(1.0, user.transport.close)
    ports.platform.now += 3.0
    ports.host.timeout()
    assert len(ports.network.sent) == 1
    ports.run_for(0.0)
    assert ports.near.num_connections == 0
    assert ports.multi.timeout() == -1


def connected_and_reset(ports: Ports, user: Listening) -> None:
    """The answer and a reset come in one wake-up."""
    connection = user.transport.query("utp_connection")
    caught: list[bytes] = []
    ports.network.lets_pass = lambda data, address: address != ports.near.address or caught.append(data)
    ports.run(lambda: caught)
    now = ports.platform.now
    reset = pack_packet(Packet(PacketType.RESET, connection.recv_id, 1, 0, 1, 5, 6))
    for data in (caught[0], reset):
        ports.near.receive(memoryview(data), len(data), ports.far.address, now)
    ports.near.turn(now)


def test_connected_and_reset_in_one_wake_up(ports: Ports) -> None:
    user = ports.dial()
    connected_and_reset(ports, user)
    assert user.heard == ["connected", "closed"]


def test_who_closes_when_connected_does_not_hear_of_the_reset(ports: Ports) -> None:
    user = ports.dial()
    user.also["connected"] = user.transport.close
    connected_and_reset(ports, user)
    assert user.heard == ["connected"]
    assert ports.near.num_connections == 0


def test_who_raises_when_connected_and_was_reset(ports: Ports) -> None:
    bug, user = KeyError("bug"), ports.dial()

    def fail() -> None:
        raise bug

    user.also["connected"] = fail
    connected_and_reset(ports, user)
    ports.run(lambda: ports.errors)
    assert ports.errors == [bug]
    assert user.heard == ["connected", "closed"]
    assert user.error is not None
    assert user.error.cause is bug


def test_a_deadline_that_moved_is_kept_later(ports: Ports) -> None:
    """An earlier deadline finds out that there is a later one: nothing happens too early, and nothing is forgotten."""
    one, two = ports.meet()
    ports.network.lets_pass = lambda data, address: address != ports.far.address
    one.transport.send(b"x")
    ports.run(lambda: one.error is not None)
    assert isinstance(one.error, TransportBroken)
    assert isinstance(one.error.cause, TimeoutError)
    assert ports.platform.now - 1000.0 > 0.5 * (1 + 2 + 4)
    assert two.error is None


# -- a socket of its own


class OwnSocket:
    """A UDP socket by hand."""

    def __init__(self, name: Any = ("127.0.0.1", 7)) -> None:
        self.name = name
        self.sent: list[tuple[bytes, Any]] = []
        self.come: list[bytes | OSError] = []
        self.refuses: list[OSError] = []
        self.is_closed = False
        self.num_reads = 0

    def fileno(self) -> int:
        return 55

    def getsockname(self) -> Any:
        return self.name

    def sendto(self, data: Any, address: Any) -> int:
        if self.refuses:
            raise self.refuses.pop(0)
        self.sent.append((bytes(data), address))
        return len(data)

    def recvfrom_into(self, buffer: memoryview) -> tuple[int, Any]:
        self.num_reads += 1
        if not self.come:
            raise BlockingIOError
        item = self.come.pop(0)
        if isinstance(item, OSError):
            raise item
        buffer[: len(item)] = item
        return len(item), STRANGER

    def close(self) -> None:
        self.is_closed = True


class Own:
    """A port with such a socket."""

    def __init__(self, bind: Any = ("127.0.0.1", 0), **options: Any) -> None:
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        self.sock = OwnSocket(("::1", 7, 0, 0) if ":" in bind[0] else ("127.0.0.1", 7))
        self.bound: list[Any] = []
        self.platform.datagram_socket = self._open  # type: ignore[method-assign]
        self.port = UtpPort.open(self.multi, self.platform, rng=Random(1), bind=bind, **options)  # type: ignore[arg-type]

    def _open(self, family: int, *, bind: Any = None, group: Any = None) -> OwnSocket:
        self.bound.append((family, bind))
        return self.sock

    def ready(self, mask: int) -> None:
        self.multi.socket_action(
            55, self.multi.CSELECT_IN * bool(mask & READ) | self.multi.CSELECT_OUT * bool(mask & WRITE)
        )


SYN = pack_packet(Packet(PacketType.SYN, 9, 1, 0, 1 << 20, 1, 0))


@pytest.mark.parametrize(("bind", "family"), [(("127.0.0.1", 0), 2), (("::1", 0), AF_INET6)])
def test_opened_and_closed(bind: Any, family: int) -> None:
    own = Own(bind)
    assert own.bound == [(family, bind)]
    assert own.port.address == (bind[0], 7)
    assert own.port.family == family
    own.host.timeout()
    assert own.host.take_sockets() == [("IN", 55, None)]
    if family == AF_INET6:
        assert own.port.endpoint._overhead == IPV6_OVERHEAD
    own.port.close()
    assert own.sock.is_closed
    assert own.host.take_sockets() == [("REMOVE", 55, None)]
    own.port._own.call_when_writable(lambda: None)  # type: ignore[union-attr]
    own.port._own.close()  # type: ignore[union-attr]


def test_what_comes_is_answered_in_the_same_action() -> None:
    own = Own(on_accept=lambda transport: None)
    own.sock.come = [SYN, b"", ConnectionRefusedError(111, "said ICMP"), SYN]
    own.ready(READ)
    ((answer, address),) = own.sock.sent
    assert address == STRANGER
    assert parse_packet(answer).kind is PacketType.STATE


def test_one_wake_up_takes_a_bounded_number() -> None:
    own = Own()
    own.sock.come = [b""] * (3 * RECEIVE_LIMIT)
    own.ready(READ)
    assert own.sock.num_reads == RECEIVE_LIMIT


def test_a_full_socket_is_tried_when_it_has_room() -> None:
    own = Own()
    own.sock.refuses = [BlockingIOError(11, "full")]
    own.port.connect(STRANGER)
    own.host.timeout()
    assert not own.sock.sent
    assert own.host.take_sockets() == [("INOUT", 55, None)]
    own.ready(WRITE)
    ((data, _),) = own.sock.sent
    assert parse_packet(data).kind is PacketType.SYN
    assert own.host.take_sockets() == [("IN", 55, None)]


# -- send_train


@pytest.mark.parametrize(
    ("error", "expected"),
    [(BlockingIOError(11, ""), False), (OSError(errno.ENOBUFS, ""), False), (None, True)],
)
def test_sending_a_train(error: OSError | None, expected: bool) -> None:
    sock = OwnSocket()
    sock.refuses = [error] if error is not None else []
    assert send_train(TrainSocket(sock), Train([b"ab", b"c"], 3, 1), STRANGER) is expected
    assert sock.sent == ([(b"abc", STRANGER)] if expected else [])


@pytest.mark.parametrize("kind", ["may_fragment", "is_probe"])
def test_sending_what_is_larger_than_usual(kind: str) -> None:
    sock = OwnSocket()
    count = 2 if kind == "may_fragment" else 1
    train = Train([b"ab", b"c"] * count, 3, count, **{kind: True})
    assert send_train(TrainSocket(sock), train, STRANGER)
    assert sock.sent == [(b"abc", STRANGER)] * count


def test_a_refusal_carries_its_cause() -> None:
    sock = OwnSocket()
    sock.refuses = [OSError(errno.ENETUNREACH, "Network is unreachable")]
    with pytest.raises(TransportBroken, match="send: Network is unreachable"):
        send_train(TrainSocket(sock), Train([b"ab", b"c"], 3, 1), STRANGER)


def test_the_way_to_all_of_them_is_gone(ports: Ports) -> None:
    """Users hear why at once, peers nothing, no timer is left, and the port goes on with others."""
    one, two = ports.meet()
    dialling, lingering = ports.dial(), ports.meet()[0]
    ports.dial().transport.close()
    lingering.transport.send(b"last words")
    lingering.transport.close()
    one.transport.send(b"never read")
    ports.network.sent.clear()
    error = TransportBroken("recv", "the proxy ended the association")
    ports.near.drop_all(error)
    assert one.error is dialling.error is error
    assert ports.near.num_connections == 0
    assert not ports.network.sent
    ports.run_for(2 * DELAY)
    assert two.error is None
    ports.far.close()
    ports.run_for(2 * DELAY)
    assert ports.multi.timeout() == -1
    assert not ports.errors


def test_it_goes_on_with_others(ports: Ports) -> None:
    ports.meet()
    ports.near.drop_all(TransportBroken("recv", "gone"))
    one, two = ports.meet()
    one.send_all(DATA[:50_000])
    ports.run(lambda: len(two.received) == 50_000)


def test_dropped_by_a_user_in_the_middle_of_a_turn(ports: Ports) -> None:
    (one, two), (_, other) = ports.meet(), ports.meet()
    two.also["readable"] = lambda: ports.far.drop_all(TransportBroken("recv", "gone"))
    one.send_all(bytes(5000))
    ports.run(lambda: two.error is not None)
    assert other.error is not None
    ports.near.close()
    ports.run_for(2 * DELAY)
    assert ports.multi.timeout() == -1
    assert not ports.errors


def test_what_a_proxy_puts_around_packets_counts(ports: Ports) -> None:
    port = UtpPort(ports.multi, ports.near._port, ("0.0.0.0", 0), rng=Random(1), overhead=58)
    connection = port.connect(ports.far.address).connection
    assert connection.packet_size == 1280 - 58 - 20
    port.close()
