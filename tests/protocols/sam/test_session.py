from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.sam.session import CreateSession, TunnelOptions
from support.proxy_kit import converse, error_of, storm
from support.sam_kit import HELLO, destination, found, private_keys

US = destination(1)
CREATED = b"SESSION STATUS RESULT=OK DESTINATION=" + private_keys(US).encode() + b"\n"
GOOD = HELLO + CREATED + found(US, "ME")


def make() -> CreateSession:
    return CreateSession("me")


def test_what_is_said() -> None:
    machine = CreateSession("me", tunnels=TunnelOptions(1, 2, 0, 4, -1, 2))
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == (
        b"SESSION CREATE STYLE=STREAM ID=me DESTINATION=TRANSIENT SIGNATURE_TYPE=7 i2cp.leaseSetEncType=4,0 "
        b"inbound.quantity=1 outbound.quantity=2 inbound.length=0 outbound.length=4 "
        b"inbound.lengthVariance=-1 outbound.lengthVariance=2\n"
    )
    machine.receive_data(CREATED)
    assert machine.data_to_send() == b"NAMING LOOKUP NAME=ME\n"
    for each in converse(make, GOOD, b"PING\n"):
        assert isinstance(each, CreateSession) and each.destination == US


def test_keys_of_before() -> None:
    machine = CreateSession("me", keys=private_keys(US))
    machine.data_to_send()
    machine.receive_data(HELLO)
    said = machine.data_to_send()
    assert b"SIGNATURE_TYPE" not in said
    assert f" DESTINATION={private_keys(US)} ".encode() in said


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"SESSION STATUS RESULT=DUPLICATED_ID\n", "duplicated id"),
        (b"SESSION STATUS RESULT=DUPLICATED_DEST\n", "duplicated dest"),
        (b"SESSION STATUS RESULT=INVALID_KEY\n", "invalid key"),
        (b'SESSION STATUS RESULT=I2P_ERROR MESSAGE="router is down"\n', "i2p error, says the bridge: router"),
        (b"STREAM STATUS RESULT=OK\n", "SESSION STATUS expected"),
        (CREATED + b"NAMING REPLY RESULT=INVALID_KEY NAME=ME\n", "invalid key"),
        (CREATED + b"NAMING REPLY RESULT=OK NAME=ME\n", "without VALUE"),
        (CREATED + b"NAMING REPLY RESULT=OK NAME=ME VALUE=abcd\n", "a destination of 3 bytes"),
    ],
)
def test_refused(answer: bytes, text: str) -> None:
    assert text in error_of(make, HELLO + answer)


def test_tunnels_have_limits() -> None:
    TunnelOptions(16, 16, 7, 7, 7, -7)
    TunnelOptions(1, 1, 0, 0)
    for wrong in ((0, 1), (1, 17), (1, 1, -1), (1, 1, 1, 8), (1, 1, 1, 1, 8), (1, 1, 1, 1, 0, -8)):
        with pytest.raises(LocalProtocolError):
            TunnelOptions(*wrong)


def test_ten_thousand_answers() -> None:
    storm(make, [GOOD], 10_000, seed=1)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(make, [GOOD, HELLO + CREATED], 1_000_000, seed=2)
