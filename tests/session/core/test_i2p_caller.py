"""The stream that waits for callers."""

from __future__ import annotations

from pathlib import Path

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import IncomingConnectionAlert, ListenFailedAlert
from evtorrent.session.errors import Operation
from evtorrent.session.flags import SocketType
from support.sam_bridge import SamBridge
from support.sam_kit import destination
from support.sessions import Content, Member
from support.waiting import wait_for

I2P = TorrentFlags.i2p_torrent


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"STREAM STATUS RESULT=ALREADY_ACCEPTING\n", "already accepting"),
        (b"STREAM STATUS RESULT=OK\nsomebody\n", "a destination of"),
        (b"STREAM STATUS RESULT=OK\nSTREAM STATUS RESULT=I2P_ERROR\n", "i2p error"),
    ],
)
def test_nobody_can_call(answer: bytes, text: str) -> None:
    with SamBridge() as bridge:
        bridge.answers["STREAM ACCEPT"] = answer
        with Member(bridge.settings) as member:
            alert = member.wait(ListenFailedAlert)
            assert (alert.listen_interface, alert.endpoint) == ("i2p", bridge.address)
            assert (alert.op, alert.socket_type) == (Operation.sock_accept, SocketType.i2p)
            assert alert.error.category == "i2p error" and text in alert.message()


@pytest.mark.slow
def test_it_is_tried_again() -> None:
    with SamBridge() as bridge:
        bridge.answers["STREAM ACCEPT"] = b"STREAM STATUS RESULT=ALREADY_ACCEPTING\n"
        with Member(bridge.settings) as member:
            member.wait(ListenFailedAlert)
            bridge.answers.clear()
            bridge.wait_for_sessions()
            assert bridge.count("SESSION CREATE") == 1


def test_one_after_the_other_calls(tmp_path: Path) -> None:
    content = Content()
    with SamBridge() as bridge, Member(bridge.settings) as seed:
        (name,) = bridge.wait_for_sessions()
        seed.seed(content, tmp_path / "seed", flags=I2P)
        for number in range(3):
            with Member(bridge.settings) as leech:
                bridge.wait_for_sessions(2)
                handle = leech.add(content, tmp_path / str(number), flags=I2P)
                handle.connect_peer((name, 0))
                leech.finish(handle)
        assert len(seed.all(IncomingConnectionAlert)) == 3
        assert bridge.count("STREAM ACCEPT") >= 4


def test_strangers_are_refused_while_the_session_is_paused() -> None:
    them = f"{destination(1)}\n".encode()
    with SamBridge() as bridge, Member() as member:
        member.session.pause()
        bridge.answers["STREAM ACCEPT"] = b"STREAM STATUS RESULT=OK\n" + them
        member.session.apply_settings(bridge.settings)
        wait_for(lambda: bridge.count("STREAM ACCEPT") > 2)
        bridge.answers.clear()
        assert not member.all(IncomingConnectionAlert)
