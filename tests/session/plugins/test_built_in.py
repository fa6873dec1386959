from __future__ import annotations

import pytest
from evtorrent.session import DEFAULT_PLUGINS, PluginError
from evtorrent.session.alerts import HashFailedAlert, PeerBanAlert
from evtorrent.session.plugins.built_in import BUILT_IN, add_built_in
from support.plugins import Stage
from support.world import World

WIRE = {b"lt_donthave", b"share_mode", b"upload_only", b"ut_holepunch"}


def offered(*plugins: str) -> set[bytes]:
    stage = Stage(parts={"default_plugins": plugins})
    stage.call()
    return set(stage.numbers)


def test_by_default_all_are_there():
    assert set(DEFAULT_PLUGINS) == set(BUILT_IN)
    assert offered(*DEFAULT_PLUGINS) == WIRE | {b"ut_metadata", b"ut_pex"}


def test_those_left_out_are_not_offered_and_the_others_work():
    assert offered() == WIRE
    assert offered("ut_pex") == WIRE | {b"ut_pex"}


def test_one_left_out_may_be_added_later():
    stage = Stage(parts={"default_plugins": ()})
    stage.node.session.add_extension("ut_metadata")
    stage.node.session.add_extension("ut_metadata")
    stage.call()
    assert set(stage.numbers) == WIRE | {b"ut_metadata"}


def test_or_named_among_the_extensions():
    stage = Stage(parts={"default_plugins": (), "extensions": ["ut_pex"]})
    stage.call()
    assert set(stage.numbers) == WIRE | {b"ut_pex"}


def test_smart_ban_comes_to_downloads_that_run():
    stage = Stage(parts={"default_plugins": ()})
    assert stage.torrent.download.smart_ban is None
    stage.node.session.add_extension("smart_ban")
    assert stage.torrent.download.smart_ban is not None


def test_without_smart_ban_the_only_sender_of_a_bad_piece_is_banned_nevertheless():
    stage = Stage(parts={"default_plugins": ()}, close_redundant_connections=False)
    stage.call()
    stage.bad_piece()
    assert stage.node.alerts(HashFailedAlert)
    assert [alert.endpoint for alert in stage.node.alerts(PeerBanAlert)] == [stage.wire.sock.name]
    stage.assert_serves()


def test_a_name_a_peer_plugin_spoke_before_may_be_built_in_later():
    stage = Stage(parts={"default_plugins": ()})
    stage.extend(lambda peer: None, extension_names=("ut_pex",))
    stage.node.session.add_extension("ut_pex")
    stage.call()
    assert b"ut_pex" in stage.numbers


def test_other_names_are_refused():
    node = World().node()
    with pytest.raises(PluginError, match="'xx' is not built in"):
        add_built_in(node.core, "xx")
    with pytest.raises(PluginError):
        World().node(parts={"default_plugins": ["xx"]})
