"""Ended handles in order, and curl's numbers for how they ended."""

from __future__ import annotations

import pytest
from evtorrent.protocols.engine import Handle
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.engine.messages import MessageQueue, result_code
from evtorrent.protocols.errors import (
    EngineError,
    LocalProtocolError,
    RemoteProtocolError,
    TransportBroken,
    TransportClosed,
)
from evtorrent.protocols.http.errors import HttpConnectionError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, c.E_OK),
        (EngineError("x", 42), 42),
        (EngineError("x"), c.E_ABORTED_BY_CALLBACK),
        (TransportBroken("resolve", "no such name"), c.E_COULDNT_RESOLVE_HOST),
        (TransportBroken("connect", ConnectionRefusedError()), c.E_COULDNT_CONNECT),
        (TransportBroken("connect", TimeoutError()), c.E_OPERATION_TIMEDOUT),
        (TransportBroken("handshake", "bad certificate"), c.E_SSL_CONNECT_ERROR),
        (TransportBroken("send", BrokenPipeError()), c.E_SEND_ERROR),
        (TransportBroken("recv", ConnectionResetError()), c.E_RECV_ERROR),
        (TransportClosed("anything", "closed"), c.E_RECV_ERROR),
        (TimeoutError(), c.E_OPERATION_TIMEDOUT),
        (RemoteProtocolError("nonsense"), c.E_WEIRD_SERVER_REPLY),
        (LocalProtocolError("nonsense"), c.E_WEIRD_SERVER_REPLY),
        (KeyError("bug"), c.E_ABORTED_BY_CALLBACK),
        (HttpConnectionError(TransportBroken("connect", ConnectionRefusedError())), c.E_COULDNT_CONNECT),
    ],
)
def test_result_codes(error: BaseException | None, code: int) -> None:
    assert result_code(error) == code


def test_order_removal_and_limits() -> None:
    queue = MessageQueue()
    handles = [Handle() for _ in range(4)]
    for handle in handles:
        queue.append(handle, True)
    assert not queue.notes
    assert len(queue) == 4
    queue.discard(handles[1])
    queue.discard(handles[1])
    assert queue.take(2) == (1, [handles[0], handles[2]], [])
    assert queue.take(0) == (1, [], [])
    assert queue.take() == (0, [handles[3]], [])


def test_nobody_to_notify_nothing_collected() -> None:
    queue = MessageQueue()
    queue.enable((c.M_NOTIFY_INFO_READ, c.M_NOTIFY_EASY_DONE), True)
    queue.append(Handle(), False)
    assert not queue.notes
    queue.append(Handle(), True)
    assert [kind for kind, _ in queue.notes] == [c.M_NOTIFY_EASY_DONE]
    queue.clear()
    assert not queue.notes
    assert len(queue) == 0


def test_an_unknown_kind_changes_nothing() -> None:
    queue = MessageQueue()
    with pytest.raises(EngineError) as caught:
        queue.enable((c.M_NOTIFY_INFO_READ, 9), True)
    assert caught.value.code == c.E_MULTI_UNKNOWN_OPTION
    assert not queue.is_enabled(c.M_NOTIFY_INFO_READ)
