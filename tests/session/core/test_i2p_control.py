"""The connection that a session on I2P is."""

from __future__ import annotations

import pytest
from evtorrent.session.alerts import I2pAlert
from support.sam_bridge import BridgeSession, SamBridge
from support.sessions import Member
from support.waiting import wait_for


def control_of(bridge: SamBridge) -> BridgeSession:
    bridge.wait_for_sessions()
    (session,) = bridge.sessions.values()
    assert session.control is not None
    return session


def test_a_ping_is_answered() -> None:
    with SamBridge(version="3.3") as bridge, Member(bridge.settings) as member:
        control = control_of(bridge).control
        assert control is not None
        control.sendall(b"PING 12 34\n")
        wait_for(lambda: "PONG 12 34" in bridge.asked)
        control.sendall(b"NAMING REPLY RESULT=OK NAME=a VALUE=b\n" + b"PING\n" * 3)
        wait_for(lambda: bridge.asked.count("PONG") >= 1)
        assert not member.all(I2pAlert)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b'SESSION STATUS RESULT=I2P_ERROR MESSAGE="closed"\n', "i2p error, says the bridge: closed"),
        (b"\xff\n", "not UTF-8"),
        (b"x" * 9000, "more than"),
        (b"", "the bridge ended the session"),
    ],
)
def test_the_session_is_lost(said: bytes, text: str) -> None:
    with SamBridge() as bridge, Member(bridge.settings) as member:
        control = control_of(bridge).control
        assert control is not None
        control.sendall(said)
        if not said:
            control.shutdown(2)
        alert = member.wait(I2pAlert)
        assert text in alert.message()
        wait_for(lambda: not bridge.sessions)


@pytest.mark.slow
def test_it_is_begun_again() -> None:
    with SamBridge() as bridge, Member(bridge.settings) as member:
        first = control_of(bridge)
        assert first.control is not None
        first.control.shutdown(2)
        member.wait(I2pAlert)
        wait_for(lambda: bridge.count("SESSION CREATE") == 2)
        second = control_of(bridge)
        assert second.destination != first.destination
