from __future__ import annotations

import pytest
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.sam import SamError
from evtorrent.protocols.sam.errors import refusal
from evtorrent.session.core.i2p_errors import i2p_code
from evtorrent.session.errors import ErrorCode


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ("CANT_REACH_PEER", 2),
        ("I2P_ERROR", 3),
        ("INVALID_KEY", 4),
        ("INVALID_ID", 5),
        ("TIMEOUT", 6),
        ("KEY_NOT_FOUND", 7),
        ("DUPLICATED_ID", 8),
        ("PEER_NOT_FOUND", 9),
        ("SOMETHING_NEW", 9),
    ],
)
def test_results(result: str, value: int) -> None:
    error = refusal(result, "why")
    expected = ErrorCode(value, "i2p error", str(error))
    assert i2p_code(error) == expected
    assert i2p_code(TransportBroken("sam", error)) == expected


def test_who_is_no_bridge() -> None:
    error = TransportBroken("sam", SamError("a line without a word"))
    assert i2p_code(error) == ErrorCode(1, "i2p error", "a line without a word")


def test_all_else() -> None:
    error = TransportBroken("connect", ConnectionRefusedError(111, "Connection refused"))
    assert i2p_code(error).category == "system"
    assert i2p_code(TransportBroken("connect", "no")) == ErrorCode(1, "generic", "connect: no")
