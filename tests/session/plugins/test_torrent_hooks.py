"""Torrent plug-ins: hooks, vetoes, what comes late, and what raises."""

from __future__ import annotations

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.session import (
    AddPeerFlags,
    IpFilter,
    PeerPlugin,
    PeerSource,
    PluginError,
    PluginErrorAlert,
    TorrentFlags,
    TorrentPlugin,
)
from evtorrent.session.alerts import PeerBlockedAlert, PieceFinishedAlert, TorrentPausedAlert
from evtorrent.session.plugins.torrent_hooks import NO_PLUGINS
from evtorrent.session.status import TorrentState
from support.plugins import (
    DONT_HAVE,
    TORRENT_HOOKS,
    Stage,
    extended,
    for_peers,
    numbered,
    raising,
    recording,
)
from support.world import HAVE_ALL, UNCHOKE, World, answer, torrent_of


def extend(stage: Stage, kind: type) -> None:
    stage.torrent.handle.add_extension(lambda handle, userdata: kind())


def live(stage: Stage) -> None:
    """Everything a torrent plug-in hears of."""
    stage.torrent.handle.connect_peer(("10.7.7.7", 6881), PeerSource.pex)
    stage.call()
    stage.wire.say(HAVE_ALL, UNCHOKE)
    for _ in range(20):
        if not answer(stage.wire, stage.content, stage.info.piece_length):
            stage.world.advance(1)
    stage.torrent.handle.force_recheck()
    stage.world.pump()
    stage.torrent.handle.pause()
    stage.torrent.handle.resume()
    stage.world.advance(1)


def spoil(stage: Stage) -> None:
    stage.call()
    stage.bad_piece()


def test_a_torrents_life_as_its_plugin_hears_it():
    log: list = []
    stage = Stage(close_redundant_connections=False)
    extend(stage, recording(TorrentPlugin, log))
    live(stage)
    names = [entry[0] for entry in log]
    assert log[0] == ("on_add_peer", ("10.7.7.7", 6881), PeerSource.pex, AddPeerFlags.first_time)
    assert ("on_piece_pass", 2) in log
    assert ("on_piece_pass", 3) in log
    assert ("on_state", TorrentState.seeding) in log
    assert ("on_state", TorrentState.checking_files) in log
    assert names.count("on_files_checked") == 1
    assert names.index("on_pause") < names.index("on_resume")
    assert "tick" in names
    (peer,) = {entry[1] for entry in log if entry[0] == "new_connection" and entry[1].remote[0] == stage.HOST}
    assert peer.torrent() == stage.torrent.handle


def test_bad_pieces_are_told():
    log: list = []
    stage = Stage()
    extend(stage, recording(TorrentPlugin, log, only=["on_piece_failed"]))
    spoil(stage)
    assert {entry[0] for entry in log} == {"on_piece_failed"}


@pytest.mark.parametrize("hook", TORRENT_HOOKS)
def test_a_hook_that_raises_is_reported_and_the_torrent_goes_on(hook):
    stage = Stage(close_redundant_connections=False)
    extend(stage, raising(TorrentPlugin, hook))
    if hook == "on_piece_failed":
        spoil(stage)
    elif hook == "new_connection":
        stage.wire.call(stage.node)
        assert stage.wire.is_closed
    else:
        live(stage)
        assert stage.torrent.is_seed
        assert stage.node.alerts(PieceFinishedAlert)
    assert set(stage.faults()) == {("RaisingTorrentPlugin", hook)}
    assert stage.node.alerts(PluginErrorAlert)[0].handle == stage.torrent.handle
    assert not stage.node.errors
    if hook != "new_connection":
        stage.assert_serves()


def test_whose_connections_a_plugin_fails_for_is_up_to_it():
    """One peer's `new_connection` raises: the others do not notice."""
    stage = Stage()

    def make(peer):
        if peer.remote[0] == stage.HOST:
            raise LookupError("nobody")

    stage.torrent.handle.add_extension(for_peers(make))
    stage.wire.call(stage.node)
    assert stage.wire.is_closed
    stage.assert_serves()


@pytest.mark.parametrize("made", ["a word", 7, TorrentPlugin()])
def test_what_is_no_peer_plugin_ends_the_connection(made):
    stage = Stage()
    stage.extend(lambda peer: made)
    stage.wire.call(stage.node)
    assert stage.wire.is_closed
    assert stage.faults() == [("ForPeers", "new_connection")]
    stage.assert_serves()


def test_a_plugin_may_keep_a_torrent_running_but_not_against_an_error():
    stage = Stage()
    log: list = []
    extend(stage, recording(TorrentPlugin, log, only=["on_pause"], answers={"on_pause": True}))
    extend(stage, recording(TorrentPlugin, log, only=["on_pause"], name="second"))
    stage.torrent.handle.pause()
    stage.world.pump()
    assert len(log) == 1
    assert not stage.torrent.flags & TorrentFlags.paused
    assert not stage.node.alerts(TorrentPausedAlert)
    stage.assert_serves()
    stage.torrent.set_error(PluginError("something"))
    assert stage.torrent.flags & TorrentFlags.paused
    assert stage.torrent.swarm is None


def test_a_torrent_kept_running_when_it_is_ready_goes_on():
    world = World()
    node = world.node()
    kind = recording(TorrentPlugin, [], only=["on_pause"], answers={"on_pause": True})
    info, content = torrent_of(2)
    torrent = node.add(
        info,
        content,
        flags=TorrentFlags.default_flags | TorrentFlags.stop_when_ready,
        extensions=[lambda handle, userdata: kind()],
    )
    world.pump()
    assert torrent.is_seed
    assert torrent in node.core.active


def test_a_plugin_may_keep_a_torrent_paused():
    stage = Stage()
    extend(stage, recording(TorrentPlugin, [], only=["on_resume"], answers={"on_resume": True}))
    stage.torrent.handle.pause()
    stage.torrent.handle.resume()
    stage.world.pump()
    assert stage.torrent.swarm is None


def test_what_a_hook_commands_is_done_when_the_hook_is_through():
    stage = Stage()
    seen: list = []

    def pause(piece):
        stage.torrent.handle.pause()
        seen.append(stage.torrent.swarm is not None)

    extend(stage, recording(TorrentPlugin, [], only=["on_piece_pass"], answers={"on_piece_pass": pause}))
    stage.call()
    stage.wire.say(HAVE_ALL, UNCHOKE)
    answer(stage.wire, stage.content, stage.info.piece_length)
    assert seen == [True] * len(seen) != []
    assert stage.torrent.swarm is None
    assert not stage.node.errors


def test_a_plugin_may_remove_its_torrent_from_a_peers_hook():
    stage = Stage()

    class Leaver(PeerPlugin):
        def on_have_all(self):
            stage.node.session.remove_torrent(stage.torrent.handle)
            return False

    stage.extend(lambda peer: Leaver())
    stage.call()
    stage.wire.say(HAVE_ALL)
    assert stage.wire.is_closed
    assert not stage.torrent.handle.is_valid()
    assert not stage.node.errors


def test_peers_the_filter_forbids_are_told_as_such():
    stage = Stage()
    log: list = []
    extend(stage, recording(TorrentPlugin, log, only=["on_add_peer"]))
    forbidden = IpFilter()
    forbidden.add_rule("10.6.6.6", "10.6.6.6", 1)
    stage.node.session.set_ip_filter(forbidden)
    for _ in range(2):
        stage.torrent.peers_found([("10.6.6.6", 6881), ("10.6.6.7", 6881)], PeerSource.tracker)
    flags = [(entry[1][0][-1], entry[3]) for entry in log]
    assert flags == [
        ("6", AddPeerFlags.filtered),
        ("7", AddPeerFlags.first_time),
        ("6", AddPeerFlags.filtered),
        ("7", AddPeerFlags(0)),
    ]
    assert len(stage.node.alerts(PeerBlockedAlert)) == 2
    log.clear()
    stage.wire.call(stage.node)
    assert log == [("on_add_peer", stage.wire.sock.name, PeerSource.incoming, AddPeerFlags.first_time)]


def test_a_plugin_that_comes_late_gets_the_connections_there_are():
    stage = Stage()
    stage.call()
    log: list = []
    kind = recording(PeerPlugin, log, only=["on_handshake", "on_extension_handshake", "on_have"])
    stage.extend(lambda peer: kind(), extension_names=("xx_late",))
    stage.world.pump()
    assert log == [("on_extension_handshake", {b"m": {b"lt_donthave": DONT_HAVE, b"xx_note": 8}})]
    assert b"xx_late" in numbered(stage.wire)  # A second handshake.
    stage.wire.say(b"\0\0\0\x05\x04\0\0\0\x01")
    assert log[-1] == ("on_have", 1)
    assert not stage.wire.is_closed


def test_a_late_plugin_that_is_not_willing_leaves_and_strangers_hear_nothing():
    stage = Stage()
    stage.call()
    silent = stage.guest("10.9.9.8", 8).call(stage.node)
    silent.heard()
    kind = recording(
        PeerPlugin, [], only=["on_extension_handshake"], answers={"on_extension_handshake": False}
    )
    stage.extend(lambda peer: kind())
    stage.world.pump()
    (link, _) = stage.torrent.swarm.links
    assert link.plugins.plugins == []
    assert silent.heard() == []


def test_connections_being_dialled_get_a_late_plugin_too():
    stage = Stage()
    stage.world.black_holes.add("10.1.1.1")
    stage.torrent.handle.connect_peer(("10.1.1.1", 6881))
    log: list = []
    kind = recording(PeerPlugin, log, only=["on_connected", "on_disconnect"])
    stage.torrent.handle.add_extension(for_peers(lambda peer: kind()))
    stage.torrent.handle.pause()
    stage.world.pump()
    assert [entry[0] for entry in log] == ["on_disconnect"]


@pytest.mark.parametrize(
    "names",
    ["xx_note", ("x" * 65,), ("",), (7,), None, tuple(f"xx_{number}" for number in range(256))],
)
def test_names_that_cannot_be_offered_are_refused(names):
    stage = Stage()
    kind = type("Bad", (TorrentPlugin,), {"extension_names": names})
    with pytest.raises(PluginError, match="Bad: "):
        extend(stage, kind)
    assert stage.torrent.plugins is NO_PLUGINS
    stage.assert_serves()


def test_a_name_may_be_offered_by_several_and_be_built_in():
    stage = Stage()
    for _ in range(2):
        extend(stage, type("Two", (TorrentPlugin,), {"extension_names": ("ut_pex", "xx_two")}))
    stage.call()
    assert {b"ut_pex", b"xx_two"} <= set(stage.numbers)


@pytest.mark.parametrize("made", ["a word", PeerPlugin()])
def test_what_is_no_torrent_plugin_is_refused(made):
    stage = Stage()
    with pytest.raises(PluginError):
        stage.torrent.handle.add_extension(lambda handle, userdata: made)
    assert stage.torrent.plugins is NO_PLUGINS


def test_what_makes_it_may_give_nothing_or_raise():
    stage = Stage()
    stage.torrent.handle.add_extension(lambda handle, userdata: None)
    with pytest.raises(PluginError, match="raised"):
        stage.torrent.handle.add_extension(lambda handle, userdata: 1 // 0)
    assert [hook for _, hook in stage.faults()] == ["add_extension"]
    stage.assert_serves()


def test_params_bring_plugins_and_userdata():
    world = World()
    node = world.node()
    given: list = []

    def make(handle, userdata):
        given.append((handle.name(), userdata))
        return TorrentPlugin()

    def fail(handle, userdata):
        raise ValueError("no")

    info, content = torrent_of(2)
    torrent = node.seed(info, content, extensions=[make, fail, lambda *_: "a word"], userdata=5)
    assert given == [("t", 5)]
    assert len(torrent.plugins.plugins) == 1
    assert [alert.hook for alert in node.alerts(PluginErrorAlert)] == ["extensions"] * 2


def test_peers_speak_to_a_plugin_by_the_number_it_was_given():
    log: list = []
    stage = Stage()
    kind = recording(PeerPlugin, log, only=["on_extended"])
    stage.extend(lambda peer: kind(), extension_names=("xx_note",))
    stage.call()
    stage.wire.say(extended(stage.numbers[b"xx_note"], encode({"a": 1})))
    assert log == [("on_extended", "xx_note", b"d1:ai1ee")]
