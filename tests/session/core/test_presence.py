from __future__ import annotations

from evtorrent.protocols.engine import Multi
from evtorrent.session.core.presence import SessionPresence
from support.engine_kit import FakePlatform


def engine_with(presence: SessionPresence) -> Multi:
    multi = Multi(FakePlatform())
    multi.add_handle(presence)
    multi.socket_action(multi.SOCKET_TIMEOUT, 0)
    return multi


def test_a_session_counts_as_running_until_it_ends() -> None:
    ended: list[str] = []
    presence = SessionPresence(lambda: ended.append("ended"))
    multi = engine_with(presence)
    assert multi.socket_action(multi.SOCKET_TIMEOUT, 0) == (0, 1)
    presence.finish()
    assert multi.socket_action(multi.SOCKET_TIMEOUT, 0) == (0, 0)
    _, finished, failed = multi.info_read()
    assert (finished, failed) == ([presence], [])
    multi.close()


def test_the_end_of_the_engine_ends_the_session() -> None:
    ended: list[str] = []
    multi = engine_with(SessionPresence(lambda: ended.append("ended")))
    multi.close()
    assert ended == ["ended"]
