"""Session plug-ins: hooks, state, alerts, and what raises."""

from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes
from evtorrent.session import (
    NO_UNCHOKE_PRIORITY,
    USER_ALERT_ID,
    AlertCategory,
    PluginError,
    PluginErrorAlert,
    SaveStateFlags,
    SessionPlugin,
    TorrentFlags,
    TorrentPlugin,
    read_session_params,
    write_session_params_buf,
)
from evtorrent.session.alerts import Alert, TorrentFinishedAlert, alert
from support.plugins import SESSION_HOOKS, Stage, raising, recording
from support.world import INTERESTED, World, torrent_of


def live(kind: type, **settings) -> Stage:
    """A session with the plug-in in which all of its hooks are called."""
    stage = Stage(
        parts={"extensions": [kind()]}, unchoke_slots_limit=2, num_optimistic_unchoke_slots=1, **settings
    )
    stage.call()
    stage.wire.say(INTERESTED)
    stage.world.advance(16)
    stranger = stage.guest("10.9.9.5", 5)
    stranger.handshake = type(stranger.handshake).with_capabilities(
        type(stranger.handshake.info_hash)(bytes(20)),
        stranger.handshake.peer_id,
        stranger.handshake.capabilities,
    )
    stranger.call(stage.node)
    stage.node.session.session_state()
    return stage


def end(stage: Stage) -> None:
    stage.node.session.close()
    stage.world.advance(1)
    stage.node.session.close()
    stage.world.pump()


def test_a_sessions_life_as_its_plugin_hears_it():
    log: list = []
    stage = live(recording(SessionPlugin, log))
    names = [entry[0] for entry in log]
    assert log[:2] == [("load_state", {}), ("added", stage.node.session)]
    assert ("new_torrent", stage.torrent.handle, None) in log
    assert ("on_unknown_torrent", InfoHashes(bytes(20))) in [entry[:2] for entry in log]
    assert {"on_tick", "on_alert", "get_unchoke_priority", "save_state"} <= set(names)
    assert "abort" not in names
    end(stage)
    assert [entry[0] for entry in log].count("abort") == 1


@pytest.mark.parametrize("hook", SESSION_HOOKS)
def test_a_hook_that_raises_is_reported_and_the_session_goes_on(hook):
    stage = live(raising(SessionPlugin, hook))
    if hook == "abort":
        end(stage)
    else:
        stage.assert_serves()
    assert ("RaisingSessionPlugin", hook) in stage.faults()
    assert {each for _, each in stage.faults()} == {hook}
    assert not stage.node.errors


def test_one_that_raises_as_it_is_added_is_left_out():
    log: list = []
    stage = Stage()
    kind = recording(SessionPlugin, log, answers={"added": lambda session: 1 // 0})
    stage.node.session.add_extension(kind())
    stage.world.advance(1)
    assert [entry[0] for entry in log] == ["load_state", "added"]
    assert [hook for _, hook in stage.faults()] == ["added"]


def test_a_plugin_may_use_the_session_as_it_is_added():
    stage = Stage()
    found: list = []

    class Looker(SessionPlugin):
        def added(self, session):
            found.extend(session.get_torrents())

    stage.node.session.add_extension(Looker)
    assert found == [stage.torrent.handle]


def test_a_function_makes_the_plugins_of_torrents_to_come():
    stage = Stage()
    made: list = []

    def make(handle, userdata):
        made.append((handle, userdata))
        return TorrentPlugin() if userdata else None

    stage.node.session.add_extension(make)
    assert made == []
    torrents = [
        stage.node.seed(*torrent_of(count, name=f"t{count}"), userdata=userdata)
        for count, userdata in ((2, "yes"), (3, None))
    ]
    assert made == [(torrents[0].handle, "yes"), (torrents[1].handle, None)]
    assert len(torrents[0].plugins.plugins) == 1
    assert torrents[1].plugins.extension_names == frozenset()
    assert "make" in stage.node.core.plugins.names()[0]


def test_a_torrent_nobody_knows_may_be_added_by_a_plugin():
    world = World()
    info, _ = torrent_of(2)

    class Adder(SessionPlugin):
        def on_unknown_torrent(self, info_hashes, peer, params):
            params.save_path = "/disk"
            params.flags &= ~(TorrentFlags.auto_managed | TorrentFlags.paused)
            return peer.torrent() is None

    node = world.node(parts={"extensions": [Adder]})
    from support.world import Wire

    wire = Wire(world, info.info_hashes.best()).call(node)
    (handle,) = node.session.get_torrents()
    assert handle.info_hashes() == InfoHashes(info.info_hashes.v1)
    assert not wire.is_closed
    assert len(handle.get_peer_info()) == 1


def test_a_torrent_a_plugin_wants_and_that_cannot_be_added_is_reported():
    log: list = []
    kind = recording(SessionPlugin, log, only=["on_unknown_torrent"], answers={"on_unknown_torrent": True})
    stage = live(kind)
    assert len(log) == 1
    assert stage.faults() == [("RecordingSessionPlugin", "on_unknown_torrent")]  # There is no save path.


def test_state_is_saved_and_found_again():
    class Keeper(SessionPlugin):
        name = "keeper"

        def __init__(self):
            self.seen: dict = {}

        def load_state(self, state):
            self.seen.update(state)

        def save_state(self):
            return {"keeper.count": b"%d" % (int(self.seen.get("keeper.count", b"0")) + 1)}

    world = World()
    session = world.node(parts={"extensions": [Keeper()]}).session
    saved = write_session_params_buf(session.session_state())
    assert not session.session_state(SaveStateFlags.save_settings).ext_state
    params = read_session_params(saved)
    assert params.ext_state == {"keeper.count": b"1"}
    from evtorrent.session import Session

    node = world.node()
    params.extensions = [Keeper()]
    params.settings["listen_interfaces"] = ""
    again = Session(params, multi=node.multi)
    assert again.session_state().ext_state == {"keeper.count": b"2"}
    again.close()
    world.advance(1)


@pytest.mark.parametrize("state", [None, {"a": 1}, {1: b""}, "text"])
def test_state_of_another_type_is_reported_and_left_out(state):
    kind = recording(SessionPlugin, [], only=["save_state"], answers={"save_state": lambda: state})
    stage = Stage(parts={"extensions": [kind]})
    assert stage.node.session.session_state().ext_state == {}
    assert [hook for _, hook in stage.faults()] == ["save_state"]


def test_alerts_are_heard_when_what_posted_them_is_through():
    log: list = []
    stage = Stage(parts={"extensions": [recording(SessionPlugin, log, only=["on_alert"])]}, have=range(4))
    assert any(isinstance(entry[1], Alert) for entry in log)
    log.clear()
    stage.node.session.apply_settings({"alert_mask": int(AlertCategory.error)})
    stage.torrent.post(TorrentFinishedAlert)
    stage.world.pump()
    assert log == []  # The mask does not let it through.


def test_an_on_alert_that_raises_does_not_hear_of_that():
    stage = Stage(parts={"extensions": [raising(SessionPlugin, "on_alert")]})
    stage.node.forget_alerts()
    stage.torrent.post(TorrentFinishedAlert)
    stage.world.pump()
    assert [type(each) for each in stage.node.session.pop_alerts()] == [
        TorrentFinishedAlert,
        PluginErrorAlert,
    ]


@pytest.mark.parametrize("lowest", [1, 3])
def test_optimistic_slots_go_where_plugins_want_them(lowest):
    def rank(peer):
        return 0 if peer.remote[0] == f"10.9.9.{lowest}" else NO_UNCHOKE_PRIORITY

    kind = recording(SessionPlugin, [], only=["get_unchoke_priority"], answers={"get_unchoke_priority": rank})
    stage = Stage(parts={"extensions": [kind]}, unchoke_slots_limit=0, num_optimistic_unchoke_slots=1)
    wires = [stage.guest(f"10.9.9.{number}", number).call(stage.node).say(INTERESTED) for number in (1, 2, 3)]
    stage.node.session.apply_settings({"unchoke_slots_limit": 1})
    stage.world.advance(16)
    assert [bool(wire.heard("unchoke")) for wire in wires] == [lowest == number for number in (1, 2, 3)]


def test_a_priority_that_is_no_number_is_reported():
    kind = recording(
        SessionPlugin, [], only=["get_unchoke_priority"], answers={"get_unchoke_priority": "high"}
    )
    stage = live(kind)
    assert {hook for _, hook in stage.faults()} == {"get_unchoke_priority"}


def test_a_plugin_may_close_the_session_from_a_hook():
    class Closer(SessionPlugin):
        def added(self, session):
            self.session = session

        def on_tick(self):
            self.session.close()

    stage = Stage(parts={"extensions": [Closer]})
    stage.world.advance(3)
    assert stage.node.session.is_closed
    assert not stage.node.errors


@alert(USER_ALERT_ID + 1, AlertCategory.status)
class GreetingAlert(Alert):
    """One of a program's own."""

    text: str

    def message(self):
        return f"hello {self.text}"


def test_plugins_post_alerts_of_their_own():
    stage = Stage()
    stage.node.session.post_alert(GreetingAlert("you"))
    assert [str(each) for each in stage.node.alerts(GreetingAlert)] == ["hello you"]
    assert stage.node.alerts(GreetingAlert)[0].what() == "greeting_alert"
    with pytest.raises(ValueError, match="begin at 10000"):
        stage.node.session.post_alert(PluginErrorAlert("", "", "", ""))


@pytest.mark.parametrize("given", [7, TorrentPlugin(), "no such plug-in", object()])
def test_what_is_no_plugin_is_refused(given):
    stage = Stage()
    with pytest.raises(PluginError):
        stage.node.session.add_extension(given)
    with pytest.raises(PluginError):
        World().node(parts={"extensions": [given]})
    stage.assert_serves()
