from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.sam.errors import RouterError, SamError
from evtorrent.protocols.sam.keeping import SessionKeeper
from evtorrent.protocols.sam.line import MAX_LINE
from support.feeding import feed_all_ways
from support.mutation import mutate


def make() -> object:
    keeper = SessionKeeper()
    return lambda chunk: list(keeper.receive_data(chunk))


def test_a_ping_is_answered() -> None:
    said = b"PING\nPING 12 34\nNAMING REPLY RESULT=OK NAME=a VALUE=b\n"
    feed_all_ways(make, said, list(b"PONG\nPONG 12 34\n"), trailing=b"PONG?")


def test_the_session_ends() -> None:
    feed_all_ways(make, b'SESSION STATUS RESULT=I2P_ERROR MESSAGE="closed"\n', RouterError, trailing=b"\n")
    feed_all_ways(make, b"\xff\n", SamError)


def test_the_longest_line() -> None:
    keeper = SessionKeeper()
    assert keeper.receive_data(b"PING ".ljust(MAX_LINE, b"x")) == b""
    assert len(keeper.receive_data(b"\n")) == MAX_LINE + 1
    with pytest.raises(SamError, match="more than"):
        keeper.receive_data(b"PING ".ljust(MAX_LINE + 1, b"x"))


SAMPLES = [
    b"PING 1\n",
    b'SESSION STATUS RESULT=I2P_ERROR MESSAGE="a"\n',
    b"NAMING REPLY RESULT=OK NAME=a VALUE=b\n",
]


def storm(count: int, seed: int) -> None:
    rng = Random(seed)
    for _ in range(count):
        keeper = SessionKeeper()
        try:
            answer = keeper.receive_data(mutate(rng, SAMPLES, [b"\n", b'"', b"=", b"\xff"]))
        except RemoteProtocolError:
            continue
        assert not answer or answer.startswith(b"PONG")


def test_ten_thousand_lines() -> None:
    storm(10_000, 1)


@pytest.mark.soak
def test_a_million_lines() -> None:
    storm(1_000_000, 2)
