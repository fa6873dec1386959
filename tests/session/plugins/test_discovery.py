from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from evtorrent.session import (
    PluginError,
    Session,
    SessionParams,
    SessionPlugin,
    TorrentPlugin,
    installed_plugins,
)
from evtorrent.session.plugins.discovery import GROUP, TorrentPluginMaker, as_plugin, load_plugin
from support.plugins import Stage

SOURCE = """
from evtorrent.session import SessionPlugin, TorrentPlugin

class Keeper(SessionPlugin):
    name = "keeper"

class Picky(SessionPlugin):
    def __init__(self, argument):
        pass

class Unsupported(SessionPlugin):
    def on_dht_request(self, *args):
        pass

class OfTorrents(TorrentPlugin):
    def __init__(self, handle, userdata):
        self.handle = handle

instance = Keeper()
number = 7
"""

POINTS = """
[evtorrent.plugins]
kind = evtorrent_test_plugins:Keeper
instance = evtorrent_test_plugins:instance
of_torrents = evtorrent_test_plugins:OfTorrents
ut_pex = evtorrent_test_plugins:instance
number = evtorrent_test_plugins:number
picky = evtorrent_test_plugins:Picky
unsupported = evtorrent_test_plugins:Unsupported
missing = evtorrent_test_plugins:nothing
no_module = evtorrent_test_no_such_module:nothing
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A distribution with plug-ins is installed."""
    (tmp_path / "evtorrent_test_plugins.py").write_text(SOURCE)
    info = tmp_path / "evtorrent_test_plugins-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evtorrent-test-plugins\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("evtorrent_test_plugins", None)


def test_the_group_has_the_documented_name():
    assert GROUP == "evtorrent.plugins"


def test_what_is_installed_is_found_and_not_loaded(installed):
    assert {"kind", "instance", "of_torrents", "missing"} <= set(installed_plugins())
    assert "evtorrent_test_plugins" not in sys.modules


def test_names_lead_to_plugins_of_every_form(installed):
    assert load_plugin("kind").name == "keeper"
    assert load_plugin("kind") is not load_plugin("kind")
    assert load_plugin("instance") is load_plugin("instance")
    maker = load_plugin("of_torrents")
    assert isinstance(maker, TorrentPluginMaker)
    assert maker.name == "OfTorrents"


def test_a_name_that_is_built_in_is_never_looked_for(installed):
    assert as_plugin("ut_pex") == "ut_pex"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("number", "is no SessionPlugin"),
        ("picky", "cannot be made: .*argument"),
        ("unsupported", "on_dht_request would never be called"),
        ("missing", "cannot be loaded"),
        ("no_module", "cannot be loaded"),
        ("unheard_of", "no plug-in 'unheard_of' is built in or installed"),
    ],
)
def test_what_cannot_be_had_is_refused_and_says_why(installed, name, why):
    with pytest.raises(PluginError, match=why):
        load_plugin(name)


def test_a_session_takes_names(installed):
    stage = Stage(parts={"extensions": ["kind", "of_torrents"]})
    assert stage.node.core.plugins.names() == ["keeper", "OfTorrents"]
    assert stage.torrent.plugins.plugins[0].handle == stage.torrent.handle
    stage.node.session.add_extension("instance")
    assert stage.node.core.plugins.names()[-1] == "keeper"


def test_a_session_that_cannot_have_its_plugin_is_not_made(installed):
    with pytest.raises(PluginError, match="cannot be loaded"):
        Session(SessionParams({"listen_interfaces": ""}, extensions=["missing"]))


def test_forms_a_program_may_give():
    plugin = SessionPlugin()
    assert as_plugin(plugin) is plugin
    assert isinstance(as_plugin(SessionPlugin), SessionPlugin)
    assert isinstance(as_plugin(lambda handle, userdata: None), TorrentPluginMaker)
    assert as_plugin(TorrentPlugin).name == "TorrentPlugin"

    class CallablePlugin(SessionPlugin):
        def __call__(self):
            raise AssertionError("not a factory")

    callable_plugin = CallablePlugin()
    assert as_plugin(callable_plugin) is callable_plugin
