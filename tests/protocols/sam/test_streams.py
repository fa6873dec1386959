from __future__ import annotations

import pytest
from evtorrent.protocols.sam.streams import AcceptStream, ConnectStream
from support.feeding import feed_all_ways
from support.proxy_kit import converse, error_of, storm
from support.sam_kit import HELLO, destination, found

THEM, OTHER = destination(1), destination(2)
OK = b"STREAM STATUS RESULT=OK\n"
BY_NAME = HELLO + found(THEM, THEM.name) + OK
CALLED = HELLO + OK + f"{THEM}\n".encode()


def by_name() -> ConnectStream:
    return ConnectStream("me", THEM.name)


def accept() -> AcceptStream:
    return AcceptStream("me")


def test_to_a_destination() -> None:
    machine = ConnectStream("me", THEM)
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == f"STREAM CONNECT ID=me DESTINATION={THEM} SILENT=false\n".encode()
    for each in converse(lambda: ConnectStream("me", THEM), HELLO + OK, b"\x13BitTorrent"):
        assert isinstance(each, ConnectStream) and each.destination == THEM


def test_to_a_name() -> None:
    machine = by_name()
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == f"NAMING LOOKUP NAME={THEM.name}\n".encode()
    machine.receive_data(found(THEM))
    assert machine.data_to_send().startswith(b"STREAM CONNECT ID=me DESTINATION=")
    for each in converse(by_name, BY_NAME, b"\x13BitTorrent"):
        assert isinstance(each, ConnectStream) and each.destination == THEM
    converse(lambda: ConnectStream("me", "tracker.i2p"), BY_NAME)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"NAMING REPLY RESULT=KEY_NOT_FOUND NAME=x\n", "key not found"),
        (found(OTHER), "another one's"),
        (found(THEM) + b'STREAM STATUS RESULT=CANT_REACH_PEER MESSAGE="gone"\n', "cant reach peer"),
        (found(THEM) + b"STREAM STATUS RESULT=TIMEOUT\n", "timeout"),
        (found(THEM) + b"STREAM STATUS RESULT=INVALID_ID\n", "invalid id"),
        (found(THEM) + b"STREAM STATUS RESULT=PEER_NOT_FOUND\n", "peer not found"),
        (found(THEM) + b"SESSION STATUS RESULT=OK\n", "STREAM STATUS expected"),
    ],
)
def test_refused(answer: bytes, text: str) -> None:
    assert text in error_of(by_name, HELLO + answer)


@pytest.mark.parametrize("behind", [b"", b" FROM_PORT=0 TO_PORT=80", b"\r"])
def test_somebody_calls(behind: bytes) -> None:
    machine = accept()
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == b"STREAM ACCEPT ID=me SILENT=false\n"
    assert not machine.is_patient
    machine.receive_data(OK)
    assert machine.is_patient
    machine.receive_data(str(THEM).encode() + behind + b"\n\x13Bit")
    assert machine.is_done and not machine.is_patient
    assert machine.take_rest() == b"\x13Bit"
    for each in converse(accept, CALLED, b"\n\n"):
        assert isinstance(each, AcceptStream) and each.destination == THEM


def test_the_line_of_a_caller_however_it_is_cut() -> None:
    def make() -> object:
        machine = accept()
        machine.receive_data(HELLO + OK)

        def feed(chunk: bytes) -> list[str]:
            if machine.is_done:
                return []
            machine.receive_data(chunk)
            return [machine.destination.name] if machine.destination else []

        return feed

    feed_all_ways(make, f"{THEM} FROM_PORT=1\n".encode(), [THEM.name], trailing=b"\x13")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"STREAM STATUS RESULT=ALREADY_ACCEPTING\n", "already accepting"),
        (b"STREAM STATUS RESULT=INVALID_ID\n", "invalid id"),
        (OK + b'STREAM STATUS RESULT=I2P_ERROR MESSAGE="closed"\n', "i2p error, says the bridge: closed"),
        (OK + b"STREAM STATUS RESULT=OK\n", "no destination"),
        (OK + b"somebody\n", "a destination of 6 bytes"),
        (OK + b"\xff\n", "not UTF-8"),
    ],
)
def test_nobody_calls(answer: bytes, text: str) -> None:
    assert text in error_of(accept, HELLO + answer)


def test_ten_thousand_answers() -> None:
    storm(by_name, [BY_NAME], 5_000, seed=1)
    storm(accept, [CALLED], 5_000, seed=2)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(by_name, [BY_NAME], 500_000, seed=3)
    storm(accept, [CALLED], 500_000, seed=4)
