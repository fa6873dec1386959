"""Trains in one call, one by one where the kernel cannot, and what errors mean."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from evtorrent.protocols.transport import trains
from evtorrent.protocols.transport.trains import RECEIVE_BUFFER, TrainSocket

TO = ("10.0.0.2", 6)
UDP, SEGMENT, GRO = 17, 103, 104
DONT, WANT, PROBE = 0, 1, 3


class Scripted:
    """A UDP socket by hand: `sent` holds datagrams as they leave, `come` what is received."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.calls: list[tuple[Any, ...]] = []
        self.options: list[tuple[int, int, Any]] = []
        self.come: list[tuple[bytes, list[tuple[int, int, bytes]]]] = []
        self.refuses: list[OSError | None] = []
        """What the next sends raise."""
        self.option_error: OSError | None = None

    def _send(self) -> None:
        error = self.refuses.pop(0) if self.refuses else None
        if error is not None:
            raise error

    def sendto(self, data: Any, address: Any) -> int:
        self._send()
        self.calls.append(("sendto", address))
        self.sent.append(bytes(data))
        return len(data)

    def sendmsg(self, buffers: Sequence[Any], ancillary: Any, flags: int, address: Any) -> int:
        self._send()
        self.calls.append(("sendmsg", list(ancillary), address))
        ((level, kind, size),) = ancillary
        assert (level, kind) == (UDP, SEGMENT)
        (segment,) = struct.unpack("=H", size)
        whole = b"".join(buffers)
        self.sent += [whole[at : at + segment] for at in range(0, len(whole), segment)]
        return len(whole)

    def recvfrom_into(self, buffer: memoryview) -> tuple[int, Any]:
        data, _ = self.come.pop(0)
        buffer[: len(data)] = data
        return len(data), TO

    def recvmsg_into(self, buffers: list[memoryview], space: int) -> tuple[int, Any, int, Any]:
        data, ancillary = self.come.pop(0)
        buffers[0][: len(data)] = data
        return len(data), ancillary, 0, TO

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        if self.option_error is not None:
            raise self.option_error
        self.options.append((level, option, value))


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trains, "_IS_LINUX", True)


@pytest.fixture
def sock() -> Scripted:
    return Scripted()


def test_a_train_is_one_call(sock: Scripted) -> None:
    TrainSocket(sock).send([b"ab", b"c", b"de", b"f", b"g", b""], 3, 3, TO)
    assert sock.sent == [b"abc", b"def", b"g"]
    assert [call[0] for call in sock.calls] == ["sendmsg"]


@pytest.mark.parametrize("buffers", [[b"abc"], [b"ab", b"c"]])
def test_one_datagram_is_no_train(sock: Scripted, buffers: list[bytes]) -> None:
    TrainSocket(sock).send(buffers, 3, 1, TO)
    assert sock.sent == [b"abc"]
    assert sock.calls == [("sendto", TO)]


def test_sizes_are_remembered_but_not_without_end(sock: Scripted) -> None:
    train_socket = TrainSocket(sock)
    for size in (*range(2, 200), 2):
        train_socket.send([b"x", bytes(size - 1)] * 2, size, 2, TO)
    assert [len(data) for data in sock.sent[::2]] == [*range(2, 200), 2]
    assert len(train_socket._ancillary) == 64


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP])
def test_where_the_kernel_cannot_they_go_one_by_one(sock: Scripted, code: int) -> None:
    sock.refuses = [OSError(code, "no trains")]
    train_socket = TrainSocket(sock)
    for _ in range(2):
        train_socket.send([b"ab", b"c", b"de", b""], 3, 2, TO)
    assert sock.sent == [b"abc", b"de"] * 2
    assert {call[0] for call in sock.calls} == {"sendto"}


def test_other_systems_are_not_asked(sock: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trains, "_IS_LINUX", False)
    train_socket = TrainSocket(sock)
    train_socket.enable_trains()
    train_socket.send([b"ab", b"c", b"de", b""], 3, 2, TO)
    train_socket.send_whole(b"whole", TO)
    assert sock.sent == [b"abc", b"de", b"whole"]
    assert not sock.options
    assert not train_socket.has_gro


def test_a_train_too_large_for_the_path_is_cut_up_by_ip(sock: Scripted) -> None:
    """Newer kernels say so; the next train may be for another path."""
    sock.refuses = [OSError(errno.EMSGSIZE, "Message too long")]
    train_socket = TrainSocket(sock)
    for _ in range(2):
        train_socket.send([b"ab", b"c", b"de", b""], 3, 2, TO)
    assert sock.sent == [b"abc", b"de"] * 2
    assert [call[0] for call in sock.calls] == ["sendto", "sendto", "sendmsg"]


def test_a_full_kernel_takes_the_whole_train_or_nothing(sock: Scripted) -> None:
    sock.refuses = [BlockingIOError(errno.EAGAIN, "full")]
    with pytest.raises(BlockingIOError):
        TrainSocket(sock).send([b"ab", b"c"] * 2, 3, 2, TO)
    assert not sock.sent


def test_what_else_is_refused_is_raised(sock: Scripted) -> None:
    sock.refuses = [OSError(errno.ENETUNREACH, "unreachable")]
    with pytest.raises(OSError, match="unreachable"):
        TrainSocket(sock).send([b"ab", b"c"] * 2, 3, 2, TO)


def test_one_by_one_the_rest_is_lost_when_the_kernel_is_full(sock: Scripted) -> None:
    train_socket = TrainSocket(sock)
    sock.refuses = [OSError(errno.EIO, ""), BlockingIOError(errno.EAGAIN, "")]
    with pytest.raises(BlockingIOError):
        train_socket.send([b"ab", b"c"] * 3, 3, 3, TO)
    assert not sock.sent
    sock.refuses = [None, BlockingIOError(errno.EAGAIN, "")]
    train_socket.send([b"ab", b"c"] * 3, 3, 3, TO)
    assert sock.sent == [b"abc"]


def test_receiving_before_trains_are_wanted(sock: Scripted) -> None:
    sock.come = [(b"abcdef", [])]
    assert TrainSocket(sock).receive(memoryview(bytearray(10))) == (6, 6, TO)


@pytest.mark.parametrize(
    ("ancillary", "segment"),
    [
        ([], 6),
        ([(UDP, GRO, struct.pack("=i", 3))], 3),
        ([(0, 8, b"??"), (UDP, 1, b"?"), (UDP, GRO, struct.pack("=i", 4))], 4),
        ([(UDP, GRO, struct.pack("=i", 9000))], 6),
    ],
)
def test_receiving_trains(sock: Scripted, ancillary: list[tuple[int, int, bytes]], segment: int) -> None:
    train_socket = TrainSocket(sock)
    train_socket.enable_trains()
    assert train_socket.has_gro
    assert (UDP, GRO, 1) in sock.options
    assert (1, 8, RECEIVE_BUFFER) in sock.options
    sock.come = [(b"abcdef", ancillary)]
    buffer = bytearray(10)
    assert train_socket.receive(memoryview(buffer)) == (6, segment, TO)
    assert buffer[:6] == b"abcdef"


def test_an_old_kernel_gives_datagrams(sock: Scripted) -> None:
    sock.option_error = OSError(errno.ENOPROTOOPT, "before 5.0")
    train_socket = TrainSocket(sock)
    train_socket.enable_trains()
    assert not train_socket.has_gro


class Plain:
    """A socket with nothing that need not be, as simulated ones are."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: Any, address: Any) -> int:
        self.sent.append(bytes(data))
        return len(data)


def test_a_socket_without_options() -> None:
    sock = Plain()
    train_socket = TrainSocket(sock)
    train_socket.enable_trains()
    train_socket.send([b"ab", b"c"] * 2, 3, 2, TO)
    train_socket.send_whole(b"w", TO)
    train_socket.send_probe(b"p", TO)
    assert sock.sent == [b"abc", b"abc", b"w", b"p"]
    assert not train_socket.has_gro


@pytest.mark.parametrize(("is_v6", "option"), [(False, (0, 10)), (True, (41, 23))])
@pytest.mark.parametrize(("call", "how"), [("send_whole", DONT), ("send_probe", PROBE)])
@pytest.mark.parametrize("error", [None, OSError(errno.EMSGSIZE, "Message too long")])
def test_whether_routers_may_cut_it_up(
    sock: Scripted,
    is_v6: bool,
    option: tuple[int, int],
    call: str,
    how: int,
    error: OSError | None,
) -> None:
    sock.refuses = [error]
    send = getattr(TrainSocket(sock, is_v6=is_v6), call)
    if error is None:
        send(b"data", TO)
    else:
        with pytest.raises(OSError, match="too long"):
            send(b"data", TO)
    assert sock.options == [(*option, how), (*option, WANT)]
