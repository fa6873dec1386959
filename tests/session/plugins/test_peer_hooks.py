"""Peer plug-ins: every hook is called, may deal with what came, and may raise without harm to others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.connection import PeerConnection
from evtorrent.session import PeerPlugin, PluginErrorAlert
from evtorrent.session.alerts import PeerDisconnectedAlert, PeerErrorAlert
from evtorrent.session.plugins import sending
from evtorrent.session.plugins.sending import ObservedConnection
from evtorrent.session.torrent.peer_link import _HANDLERS
from support.plugins import PEER_HOOKS, Stage, extended, numbered, raising, recording
from support.world import BLOCK, CHOKE, HAVE_ALL, INTERESTED, UNCHOKE, answer, block, numbers, request

QUIET = {"close_redundant_connections": False, "allowed_fast_set_size": 10}
ONLY_DIALLED = {"on_connected"}
ONLY_FULL, ONLY_EMPTY = {"sent_have_all"}, {"sent_have_none"}
ONLY_BAD = {"on_piece_failed"}
NEVER_SENT = {"sent_suggest"}
"""The session suggests nothing; `test_sending` tells it of what is sent by other means."""
STAYS = {"add_handshake", "on_disconnect"}
"""A plug-in that raises here does not end its connection."""


def run(kind: type, hook: str) -> Stage:
    """A conversation in which `hook` is called."""
    have = range(4) if hook in ONLY_FULL else () if hook in ONLY_EMPTY else (0, 1)
    stage = Stage(have=have, **QUIET)
    stage.extend(lambda peer: kind())
    if hook in ONLY_DIALLED:
        stage.dial()
        return stage
    stage.call()
    if hook in ONLY_BAD:
        stage.bad_piece()
    elif hook not in ONLY_FULL | ONLY_EMPTY and not stage.wire.is_closed:
        try_to_talk(stage)
    return stage


def try_to_talk(stage: Stage) -> None:
    """As far as the guest is listened to."""
    try:
        stage.talk()
    except (AssertionError, IndexError):
        assert stage.wire.is_closed
    if not stage.wire.is_closed:
        stage.wire.hang_up()


@pytest.mark.parametrize("hook", sorted(set(PEER_HOOKS) - NEVER_SENT))
def test_every_hook_is_called_and_one_that_raises_ends_its_connection_only(hook: str) -> None:
    stage = run(raising(PeerPlugin, hook), hook)
    assert stage.faults()[0] == ("RaisingPeerPlugin", hook)
    first = stage.node.alerts(PluginErrorAlert)[0]
    assert first.error == "ZeroDivisionError: oops"
    assert "in method" in first.traceback
    assert first.handle == stage.torrent.handle
    if hook not in STAYS:
        assert len(stage.faults()) == 1
        assert not stage.torrent.swarm.links
        if hook != "on_piece_failed":  # For that its peer is banned, before.
            ends = [str(alert.error) for alert in stage.node.alerts(PeerDisconnectedAlert)]
            assert ends == [f"plug-in RaisingPeerPlugin failed in {hook}"]
    if hook in ONLY_EMPTY:  # It has nothing to serve.
        assert not stage.node.errors
    else:
        stage.assert_serves()


def test_a_conversation_in_the_order_it_happens() -> None:
    log: list = []
    stage = Stage(**QUIET, send_buffer_low_watermark=2 * BLOCK)
    kind = recording(PeerPlugin, log)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.talk()
    stage.wire.hang_up()
    names = [entry[0] for entry in log]
    assert names[:3] == ["on_handshake", "add_handshake", "sent_allow_fast"]
    assert names[-1] == "on_disconnect"
    assert log.index(("on_have_none",)) < log.index(("on_have", 0)) < log.index(("on_have_all",))
    assert ("on_bitfield", {1}) in [
        (name, {*args[0].indices()}) for name, *args in log if name == "on_bitfield"
    ]
    assert ("on_request", request_of(0, BLOCK)) in log
    assert ("sent_piece", request_of(0, BLOCK)) in log
    assert ("sent_payload", 2 * BLOCK) in log
    assert ("sent_reject_request", request_of(2, 0)) in log
    assert ("on_dont_have", 1) in log
    assert ("on_unknown_message", 77, b"huh") in log
    assert [args for name, *args in log if name == "on_piece_pass"] == [[2], [3]]
    assert stage.torrent.is_seed
    assert not stage.faults()


def request_of(piece: int, begin: int) -> tuple[int, int, int]:
    return piece, begin, BLOCK


TAKEN = {
    "on_choke": lambda link: not link.connection.peer_choking,
    "on_unchoke": lambda link: link.connection.peer_choking,
    "on_interested": lambda link: link.connection.am_choking and not link.is_interested,
    "on_have_all": lambda link: not link.is_seed,
    "on_have": lambda link: not link.pieces & 1,
    "on_bitfield": lambda link: not link.pieces & 2,
    "on_dont_have": lambda link: link.pieces == 0b1111,
    "on_allowed_fast": lambda link: not link.requester.allowed_fast,
}


@pytest.mark.parametrize("hook", sorted(TAKEN))
def test_what_a_plugin_deals_with_the_session_does_not_see(hook: str) -> None:
    log: list = []
    kind = recording(PeerPlugin, log, only=[hook], answers={hook: True})
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    (link,) = stage.torrent.swarm.links
    if hook == "on_bitfield":
        stage.wire.say(b"\0\0\0\x02\x05\x40")
    elif hook == "on_have":
        stage.wire.say(numbers(4, 0))
    else:
        stage.wire.say(HAVE_ALL, INTERESTED, numbers(17, 3))
    if hook == "on_dont_have":
        stage.wire.say(extended(stage.numbers[b"lt_donthave"], bytes(4)))
    if hook in ("on_choke", "on_unchoke"):
        stage.wire.say(UNCHOKE)
    if hook == "on_choke":
        stage.wire.say(CHOKE)
    assert len(log) == 1
    assert TAKEN[hook](link)


def test_of_two_plugins_the_second_does_not_hear_what_the_first_dealt_with() -> None:
    log: list = []
    first = recording(
        PeerPlugin, log, only=["on_have"], answers={"on_have": lambda piece: piece == 1}, name="first"
    )
    second = recording(PeerPlugin, log, only=["on_have"])
    stage = Stage(**QUIET)
    stage.extend(lambda peer: first())
    stage.extend(lambda peer: second())
    stage.call()
    stage.wire.say(numbers(4, 1), numbers(4, 2))
    assert log == [("on_have", 1), ("on_have", 2), ("on_have", 2)]


def test_a_request_that_is_dealt_with_is_not_served() -> None:
    kind = recording(
        PeerPlugin, [], only=["on_request"], answers={"on_request": lambda asked: asked.begin == 0}
    )
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(INTERESTED, request(0, 0), request(0, BLOCK))
    assert [begin for _, _, begin, _ in stage.wire.heard("piece")] == [BLOCK]


def test_a_block_that_is_dealt_with_is_off_the_order_and_comes_from_others() -> None:
    log: list = []
    kind = recording(
        PeerPlugin, log, only=["on_piece"], answers={"on_piece": lambda asked, data: len(log) == 1}
    )
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(HAVE_ALL, UNCHOKE)
    for _ in range(10):
        answer(stage.wire, stage.content, stage.info.piece_length)
    asked = [entry[1][:2] for entry in log]
    assert asked.count(asked[0]) == 2  # Asked for again, as it was off the order.
    assert stage.torrent.is_seed


def test_a_block_nobody_asked_for_may_be_dealt_with() -> None:
    kind = recording(PeerPlugin, [], only=["on_piece"], answers={"on_piece": True})
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(block(3, 5, b"abc"), block(4_000_000_000, 0, b"abc"))
    assert not stage.wire.is_closed
    assert not stage.node.errors


def test_requests_a_plugin_writes_itself_are_not_sent_and_stay_on_order() -> None:
    kind = recording(
        PeerPlugin, [], only=["write_request"], answers={"write_request": lambda asked: asked.piece == 2}
    )
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(HAVE_ALL, UNCHOKE)
    assert {piece for _, piece, _, _ in stage.wire.heard("request")} == {3}
    (link,) = stage.torrent.swarm.links
    assert len(link.requester.on_order) == 4


def test_a_plugin_may_blame_the_peer() -> None:
    kind = raising(PeerPlugin, "on_have", error=RemoteProtocolError("no such thing"))
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(numbers(4, 1))
    assert stage.wire.is_closed
    assert not stage.faults()
    assert "no such thing" in stage.node.alerts(PeerErrorAlert)[0].message()


@pytest.mark.parametrize("hook", ["on_handshake", "on_extension_handshake"])
def test_a_plugin_that_has_nothing_to_do_with_a_peer_leaves(hook: str) -> None:
    log: list = []
    kind = recording(PeerPlugin, log, answers={hook: False})
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    log.clear()
    stage.talk()
    assert not log
    assert not stage.wire.is_closed


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"m": {"xx": 1}}, "extension_names"),
        ({"x": object()}, "object"),
        ({"x": b"y" * 40_000}, "more than peers accept"),
    ],
)
def test_fields_that_cannot_be_sent_are_left_out(fields: dict, why: str) -> None:
    kind = recording(
        PeerPlugin, [], only=["add_handshake"], answers={"add_handshake": lambda ours: ours.update(fields)}
    )
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.wire.call(stage.node)
    ((_, body),) = stage.wire.heard("extended")
    assert "x" not in {key.decode() for key in decode(body[1:])}
    assert b"ut_metadata" in decode(body[1:])[b"m"]
    (fault,) = stage.node.alerts(PluginErrorAlert)
    assert fault.hook == "add_handshake"
    assert why in fault.error
    stage.assert_serves()


def test_fields_of_the_handshake_are_added() -> None:
    kind = recording(
        PeerPlugin, [], only=["add_handshake"], answers={"add_handshake": lambda ours: ours.update(x=3)}
    )
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.wire.call(stage.node)
    ((_, body),) = stage.wire.heard("extended")
    assert decode(body[1:])[b"x"] == 3


def test_links_pay_only_for_the_hooks_there_are() -> None:
    stage = Stage(**QUIET)
    kind = recording(PeerPlugin, [], only=["on_have"])
    stage.extend(lambda peer: kind())
    stage.call()
    stage.guest("10.9.9.3", 3).call(stage.node)
    extended_link, plain = stage.torrent.swarm.links
    assert plain.plugins is None
    assert plain.handlers is _HANDLERS
    changed = [each for each in _HANDLERS if extended_link.handlers[each] is not _HANDLERS[each]]
    assert [each.__name__ for each in changed] == ["HaveReceived"]
    assert type(extended_link.connection) is type(plain.connection) is PeerConnection


def test_a_connection_is_observed_while_somebody_listens() -> None:
    stage = Stage(**QUIET)
    kind = recording(
        PeerPlugin,
        [],
        only=["sent_have", "on_extension_handshake"],
        answers={"on_extension_handshake": False},
    )
    stage.extend(lambda peer: kind())
    stage.wire.call(stage.node)
    (link,) = stage.torrent.swarm.links
    assert type(link.connection) is ObservedConnection
    stage.wire.say(extended(0, encode({"m": {}})))
    assert type(link.connection) is PeerConnection
    assert link.handlers is _HANDLERS
    stage.assert_serves()


def test_after_it_raised_a_plugin_hears_of_the_end_only() -> None:
    log: list = []

    def fail() -> bool:
        raise KeyError("x")

    kind = recording(PeerPlugin, log, answers={"on_interested": fail})
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind())
    stage.call()
    stage.wire.say(INTERESTED, HAVE_ALL, request(0, 0), UNCHOKE)
    names = [entry[0] for entry in log]
    assert names[names.index("on_interested") + 1 :] == ["on_disconnect"]


def test_extensions_of_plugins_are_offered_to_peers_of_their_torrent() -> None:
    log: list = []
    kind = recording(PeerPlugin, log, only=["on_extended"], answers={"on_extended": True})
    stage = Stage(**QUIET)
    stage.extend(lambda peer: kind(), extension_names=("xx_note",))
    stage.call()
    assert b"xx_note" in stage.numbers
    stage.wire.say(extended(stage.numbers[b"xx_note"], b"hello"))
    assert log == [("on_extended", "xx_note", b"hello")]
    other = stage.node.seed(*other_torrent())
    stranger = stage.guest("10.9.9.4", 4)
    stranger.handshake = type(stranger.handshake).with_capabilities(
        other.info.info_hashes.best(), stranger.handshake.peer_id, stranger.handshake.capabilities
    )
    assert b"xx_note" not in numbered(stranger.call(stage.node))
    stranger.say(extended(stage.numbers[b"xx_note"], b"hello"))
    assert len(log) == 1


def other_torrent():
    from support.disk import make_torrent

    return make_torrent(3 * BLOCK, BLOCK, name="other", seed=5)


def calls_into_plugins(blocks: int) -> int:
    """Calls of functions of `session/plugins` while a piece of so many blocks comes in and another goes out."""
    stage = Stage(have=(), piece_blocks=blocks, **QUIET)
    stage.call()
    stage.wire.say(HAVE_ALL, INTERESTED)
    count, home = 0, str(Path(sending.__file__).parent)

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(home)

    sys.setprofile(note)
    try:
        stage.wire.say(UNCHOKE)
        while answer(stage.wire, stage.content, stage.info.piece_length):
            pass
        stage.wire.say(*(request(0, block * BLOCK) for block in range(blocks)))
    finally:
        sys.setprofile(None)
    assert stage.torrent.is_seed
    assert stage.torrent.meters is not None
    assert len(stage.wire.heard("piece")) == blocks
    return count


def test_without_plugins_a_block_costs_no_call_of_theirs() -> None:
    few, many = calls_into_plugins(2), calls_into_plugins(32)
    assert few == many <= 8  # One a piece, and one for the change of state.
