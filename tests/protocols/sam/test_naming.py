from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.sam.naming import GenerateDestination, LookUpName
from support.proxy_kit import converse, error_of, storm
from support.sam_kit import HELLO, destination, found, private_keys

THEM, OTHER = destination(1), destination(2)
KEYS = private_keys(THEM)
MADE = HELLO + f"DEST REPLY PUB={THEM} PRIV={KEYS}\n".encode()


def look_up() -> LookUpName:
    return LookUpName("tracker.i2p")


def test_a_name() -> None:
    machine = look_up()
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == b"NAMING LOOKUP NAME=tracker.i2p\n"
    for each in converse(look_up, HELLO + found(THEM)):
        assert isinstance(each, LookUpName) and each.destination == THEM
    assert "key not found" in error_of(look_up, HELLO + b"NAMING REPLY RESULT=KEY_NOT_FOUND NAME=a\n")
    assert "without VALUE" in error_of(look_up, HELLO + b"NAMING REPLY RESULT=OK\n")


def test_a_name_that_would_be_a_command() -> None:
    machine = LookUpName("a.i2p\nDEST GENERATE")
    with pytest.raises(LocalProtocolError, match="SAM takes no NAME"):
        machine.receive_data(HELLO)


def test_new_keys() -> None:
    machine = GenerateDestination()
    machine.data_to_send()
    machine.receive_data(HELLO)
    assert machine.data_to_send() == b"DEST GENERATE SIGNATURE_TYPE=7\n"
    for each in converse(GenerateDestination, MADE):
        assert isinstance(each, GenerateDestination) and (each.destination, each.keys) == (THEM, KEYS)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"DEST REPLY RESULT=I2P_ERROR\n", "i2p error"),
        (b"DEST REPLY PUB=abcd PRIV=abcd\n", "a destination of"),
        (f"DEST REPLY PUB={THEM}\n".encode(), "without PRIV"),
        (f"DEST REPLY PUB={OTHER} PRIV={KEYS}\n".encode(), "of another destination"),
    ],
)
def test_no_keys(answer: bytes, text: str) -> None:
    assert text in error_of(GenerateDestination, HELLO + answer)


def test_ten_thousand_answers() -> None:
    storm(look_up, [HELLO + found(THEM)], 5_000, seed=1)
    storm(GenerateDestination, [MADE], 5_000, seed=2)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(look_up, [HELLO + found(THEM)], 500_000, seed=3)
    storm(GenerateDestination, [MADE], 500_000, seed=4)
