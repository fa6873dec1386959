from __future__ import annotations

import copy
import errno
import os
import pickle

import pytest
from evtorrent.protocols.errors import (
    EngineError,
    EngineTypeError,
    EvtorrentError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    TransportBroken,
    TransportBusy,
    TransportClosed,
    TransportError,
)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("gone", "recv: gone"),
        (OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), f"recv: {os.strerror(errno.ECONNRESET)}"),
        (OSError("odd"), "recv: odd"),
        (ValueError("bad"), "recv: bad"),
    ],
)
def test_a_transport_error_names_operation_and_cause(cause: BaseException | str, text: str) -> None:
    error = TransportBroken("recv", cause)
    assert (error.operation, error.cause, str(error)) == ("recv", cause, text)


def test_an_engine_error_carries_a_code() -> None:
    assert EngineError("called back").code == 0
    error = EngineError("called back", 8)
    assert (str(error), error.code) == ("called back", 8)


def test_an_engine_error_has_the_arguments_of_pycurls() -> None:
    assert EngineError("called back", 8).args == (8, "called back")
    assert EngineError("called back").args == ("called back",)


@pytest.mark.parametrize("kind", [EngineError, EngineTypeError])
def test_an_engine_error_survives_copying(kind: type[EngineError]) -> None:
    for error in (kind("called back", 8), kind("called back")):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is kind
            assert (twin.args, twin.code, str(twin)) == (error.args, error.code, str(error))


def test_a_wrong_type_is_a_type_error_too() -> None:
    assert issubclass(EngineTypeError, TypeError)
    assert issubclass(EngineTypeError, EngineError)


def test_one_tree() -> None:
    for kind in (LocalProtocolError, RemoteProtocolError):
        assert issubclass(kind, ProtocolError)
    for kind in (TransportBroken, TransportBusy, TransportClosed):
        assert issubclass(kind, TransportError)
    for kind in (ProtocolError, TransportError, EngineError):
        assert issubclass(kind, EvtorrentError)
