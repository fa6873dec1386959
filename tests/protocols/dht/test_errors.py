"""Errors say what happened."""

from __future__ import annotations

from evtorrent.protocols.dht.errors import ItemError, KrpcCode, KrpcError
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError


def test_krpc_error() -> None:
    error = KrpcError("invalid token", transaction=b"tt")
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.transaction) == (KrpcCode.PROTOCOL, b"tt")
    assert str(error) == "krpc: invalid token (203)"


def test_item_error() -> None:
    assert isinstance(ItemError("too big"), LocalProtocolError)


def test_codes_are_those_of_the_beps() -> None:
    assert {code.name: int(code) for code in KrpcCode} == {
        "GENERIC": 201,
        "SERVER": 202,
        "PROTOCOL": 203,
        "METHOD_UNKNOWN": 204,
        "VALUE_TOO_BIG": 205,
        "INVALID_SIGNATURE": 206,
        "SALT_TOO_BIG": 207,
        "CAS_MISMATCH": 301,
        "SEQUENCE_TOO_LOW": 302,
    }
