"""Who wins, who is ended, and when the next way is tried; before there is a winner nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import TransportBroken, TransportClosed
from evtorrent.protocols.mse import Method
from evtorrent.protocols.transport import WOULD_BLOCK, ChainContext, Transport, build_chain, memory_pair
from evtorrent.protocols.transport.mse import MseOptions
from evtorrent.protocols.transport.race import GRACE, HEAD_START, Race
from support.engine_kit import FakePlatform, Host, make_engine
from support.mse_kit import SKEY, find_skey, keys_of
from support.stream_kit import Listening

REFUSED = ConnectionRefusedError("refused")


class Lane(Transport):
    """A way that connects or fails when a test says so.  `calls` is what it was asked to do."""

    name = "lane"
    has_pending_input = True
    local_address = ("10.0.0.1", 5)
    peer_address = ("10.0.0.2", 6)
    family = 2
    is_connected = False
    is_closed = False

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def connect(self) -> None:
        self.is_connected = True
        self.user.on_connected(0.0)

    def fail(self, cause: OSError | str = REFUSED) -> None:
        self.is_closed = True
        self.user.on_closed(TransportBroken("connect", cause), 0.0)

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        self.calls.append("recv_into")
        return 7

    def send(self, data: Any) -> int:
        self.calls.append(("send", bytes(data)))
        return len(data)

    def sendv(self, buffers: Any) -> int:
        self.calls.append(("sendv", list(buffers)))
        return sum(map(len, buffers))

    def want_write(self, wanted: bool) -> None:
        self.calls.append(("want_write", wanted))

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        self.calls.append(("suspend", reason))

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        self.calls.append(("resume", reason))

    def shutdown_write(self) -> None:
        self.calls.append("shutdown_write")

    def close(self) -> None:
        self.is_closed, self.is_connected = True, False
        self.calls.append("close")

    def abort(self) -> None:
        self.is_closed, self.is_connected = True, False
        self.calls.append("abort")

    def query(self, name: str) -> Any:
        return "known" if name == "fact" else super().query(name)


class Course:
    """A race between lanes, and a clock."""

    def __init__(self, count: int = 2, **options: Any) -> None:
        self.multi: Multi
        self.platform: FakePlatform
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        self.lanes = [Lane() for _ in range(count)]
        self.started: list[Lane] = []
        self.race = Race(self.multi, [self._way(lane) for lane in self.lanes], **options)
        self.user = Listening(self.race)

    def _way(self, lane: Lane) -> Callable[[], Transport]:
        def start() -> Transport:
            self.started.append(lane)
            return lane

        return start

    def pass_time(self, seconds: float = 0.0) -> Course:
        self.platform.now += seconds
        self.host.timeout()
        return self

    @property
    def num_started(self) -> int:
        return len(self.started)


@pytest.fixture
def course() -> Course:
    return Course()


def test_it_needs_a_way() -> None:
    with pytest.raises(ValueError, match="at least one way"):
        Race(make_engine()[0], [])


def test_nothing_starts_inside_the_call(course: Course) -> None:
    assert course.num_started == 0
    assert course.pass_time().num_started == 1


def test_the_preferred_way_has_a_head_start(course: Course) -> None:
    course.pass_time().pass_time(HEAD_START - 0.01)
    assert course.num_started == 1
    course.pass_time(0.02)
    assert course.started == course.lanes
    assert course.user.heard == []


def test_the_first_to_connect_wins_and_the_others_end(course: Course) -> None:
    course.pass_time().pass_time(HEAD_START)
    first, second = course.lanes
    second.connect()
    assert course.user.heard == ["connected"]
    assert first.is_closed
    assert course.race.query("chain") == "lane"
    assert course.race.is_connected
    assert not course.race.is_closed
    second.user.on_readable(1.0)
    second.user.on_writable(1.0)
    assert course.user.heard == ["connected", "readable", "writable"]


def test_a_winner_in_its_head_start_leaves_the_next_untried(course: Course) -> None:
    course.pass_time()
    course.lanes[0].connect()
    course.pass_time(10 * HEAD_START)
    assert course.num_started == 1
    assert course.multi.timeout() == -1


def test_a_way_that_fails_starts_the_next_at_once(course: Course) -> None:
    course.pass_time()
    course.lanes[0].fail()
    assert course.num_started == 2
    course.lanes[1].connect()
    assert course.user.heard == ["connected"]


def test_a_way_that_cannot_start_has_lost() -> None:
    course = Course(1)

    def cannot() -> Transport:
        raise TransportBroken("connect", "no socket")

    race = Race(course.multi, [cannot, lambda: course.lanes[0], cannot])
    user = Listening(race)
    course.pass_time()
    course.lanes[0].connect()
    assert user.heard == ["connected"]
    race = Race(course.multi, [cannot, cannot])
    user = Listening(race)
    course.pass_time()
    assert user.heard == ["closed"]
    assert str(user.error) == "connect: no socket"


def test_while_one_runs_a_way_that_cannot_start_changes_nothing(course: Course) -> None:
    def cannot() -> Transport:
        raise TransportBroken("connect", "no socket")

    race = Race(course.multi, [lambda: course.lanes[0], cannot])
    user = Listening(race)
    course.pass_time().pass_time(HEAD_START).pass_time(5.0)
    assert user.heard == []
    course.lanes[0].connect()
    assert user.heard == ["connected"]
    race.on_connected(0.0)  # It has been said.
    assert user.heard == ["connected"]


def test_when_all_are_lost_so_is_the_race(course: Course) -> None:
    course.pass_time()
    course.lanes[0].fail("one")
    course.lanes[1].fail("two")
    assert course.user.heard == ["closed"]
    assert str(course.user.error) == "connect: two"
    assert course.race.is_closed
    course.pass_time(10.0)
    assert course.user.heard == ["closed"]


@pytest.mark.parametrize("cause", [REFUSED, TimeoutError("timed out")])
def test_who_is_refused_on_the_last_way_does_not_wait_long_for_the_first(
    course: Course, cause: OSError
) -> None:
    """The host answers and nobody is there: a dead peer costs a grace and not a timeout of uTP."""
    course.pass_time().pass_time(HEAD_START)
    course.lanes[1].fail(cause)
    course.pass_time(GRACE - 0.01)
    assert course.user.heard == []
    course.pass_time(0.02)
    assert course.user.heard == ["closed"]
    assert course.user.error is not None
    assert course.user.error.cause is cause
    assert course.lanes[0].is_closed


def test_in_the_grace_the_first_may_still_win(course: Course) -> None:
    course.pass_time().pass_time(HEAD_START)
    course.lanes[1].fail()
    course.lanes[0].connect()
    course.pass_time(2 * GRACE)
    assert course.user.heard == ["connected"]


def test_the_grace_is_one_however_many_fail() -> None:
    course = Course(3)
    course.pass_time().pass_time(HEAD_START).pass_time(HEAD_START)
    course.lanes[2].fail()
    course.pass_time(GRACE / 2)
    course.lanes[1].fail()
    course.pass_time(GRACE / 2 + 0.01)
    assert course.user.heard == ["closed"]


def test_what_else_goes_wrong_leaves_the_others_their_time(course: Course) -> None:
    course.pass_time().pass_time(HEAD_START)
    course.lanes[1].fail(OSError(101, "Network is unreachable"))
    course.pass_time(5.0)
    assert course.user.heard == []
    course.lanes[0].connect()
    assert course.user.heard == ["connected"]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_ended_while_it_runs(course: Course, end: str) -> None:
    course.pass_time().pass_time(HEAD_START)
    getattr(course.race, end)()
    assert all(lane.is_closed for lane in course.lanes)
    course.pass_time(10.0)
    assert course.user.heard == []
    for call in (
        lambda: course.race.recv_into(bytearray(1)),
        lambda: course.race.send(b"x"),
        lambda: course.race.sendv([b"x"]),
    ):
        with pytest.raises(TransportClosed, match="is closed"):
            call()


def test_ended_before_it_began(course: Course) -> None:
    course.race.close()
    assert course.pass_time(1.0).num_started == 0


def test_before_there_is_a_winner_nothing_moves(course: Course) -> None:
    race = course.race
    assert race.recv_into(bytearray(9)) == WOULD_BLOCK
    assert race.send(b"x") == race.sendv([b"x"]) == 0
    race.shutdown_write()
    assert not race.has_pending_input
    assert not race.is_connected
    assert race.local_address is race.peer_address is None
    assert race.family == 0
    assert race.query("chain") == "race"
    course.pass_time()
    course.lanes[0].user.on_readable(0.0)
    course.lanes[0].user.on_writable(0.0)
    assert course.user.heard == []


def test_where_it_leads_is_known() -> None:
    assert Course(address=("10.0.0.9", 1)).race.peer_address == ("10.0.0.9", 1)


def test_wishes_reach_the_winner(course: Course) -> None:
    race, lane = course.race, course.lanes[0]
    race.want_write(True)
    race.suspend_reading(1)
    race.suspend_reading(2)
    race.resume_reading(2)
    course.pass_time()
    lane.connect()
    assert lane.read_suspended == 1
    assert ("want_write", True) in lane.calls


def test_after_that_it_is_the_winner(course: Course) -> None:
    course.pass_time()
    race, lane = course.race, course.lanes[0]
    lane.connect()
    lane.calls.clear()
    assert race.recv_into(bytearray(9)) == 7
    assert race.send(b"abc") == 3
    assert race.sendv([b"d", b"e"]) == 2
    race.want_write(False)
    race.suspend_reading(4)
    race.resume_reading(4)
    race.shutdown_write()
    assert lane.calls == [
        "recv_into",
        ("send", b"abc"),
        ("sendv", [b"d", b"e"]),
        ("want_write", False),
        ("suspend", 4),
        ("resume", 4),
        "shutdown_write",
    ]
    assert race.has_pending_input
    assert (race.local_address, race.peer_address, race.family) == (("10.0.0.1", 5), ("10.0.0.2", 6), 2)
    assert race.query("fact") == "known"
    lane.fail()
    assert course.user.heard == ["connected", "closed"]
    assert race.is_closed


@pytest.mark.parametrize("end", ["close", "abort"])
def test_its_end_is_the_winners(course: Course, end: str) -> None:
    course.pass_time()
    course.lanes[0].connect()
    getattr(course.race, end)()
    assert course.lanes[0].calls[-1] == end
    assert course.race.is_closed
    assert not course.race.is_connected


def test_a_stream_over_it() -> None:
    """Encrypted on top of the race, as peers are dialled: the handshake begins when there is a winner."""
    multi, platform = make_engine()
    host = Host(multi)
    far: list[Listening] = []

    def reach() -> Transport:
        near, other = memory_pair(multi)
        context = ChainContext(multi, is_inbound=True, options={"mse": called})
        far.append(Listening(build_chain(other, ["mse"], context)))
        return near

    called = MseOptions(find_skey=find_skey, random_bytes=keys_of(2))
    caller = MseOptions(skey=SKEY, methods=Method.RC4, random_bytes=keys_of(1))
    race = Race(multi, [Lane, reach])
    one = Listening(build_chain(race, ["mse"], ChainContext(multi, "x", 1, options={"mse": caller})))
    for _ in range(9):
        platform.now += HEAD_START
        host.timeout()
    assert one.heard == ["connected"], one.error
    one.send_all(b"hello")
    far[0].send_all(b"there")
    for _ in range(4):
        host.timeout()
    assert far[0].received == b"hello"
    assert one.received == b"there"
    assert one.transport.query("chain") == "memory+mse"
