from __future__ import annotations

import pytest
from evtorrent.session import PeerPlugin, PluginError, SessionPlugin, TorrentPlugin
from evtorrent.session.plugins.base import UNSUPPORTED_HOOKS
from evtorrent.session.plugins.hooks import checked, hooks_of, table_of


class Base(PeerPlugin):
    def on_have(self, piece):
        return False


class Derived(Base):
    def tick(self):
        pass

    def on_nothing_of_ours(self):
        """A method of the program's own."""


def test_hooks_are_what_a_class_or_its_bases_define():
    assert hooks_of(PeerPlugin) == frozenset()
    assert hooks_of(Base) == {"on_have"}
    assert hooks_of(Derived) == {"on_have", "tick"}
    assert hooks_of(Derived) is hooks_of(Derived)


def test_the_table_has_who_came_first_first():
    one, two = Base(), Derived()
    table = table_of([one, two])
    assert [plugin for plugin, _ in table["on_have"]] == [one, two]
    assert [plugin for plugin, _ in table["tick"]] == [two]
    assert set(table) == {"on_have", "tick"}


@pytest.mark.parametrize("hook", sorted(UNSUPPORTED_HOOKS))
@pytest.mark.parametrize("base", [SessionPlugin, TorrentPlugin, PeerPlugin])
def test_hooks_that_would_never_be_called_are_refused(base, hook):
    kind = type("Hopeful", (base,), {hook: lambda self, *args: None})
    with pytest.raises(
        PluginError, match=rf"Hopeful\.{hook} would never be called: {UNSUPPORTED_HOOKS[hook]}"
    ):
        checked(kind(), base)


def test_a_plugin_of_another_kind_is_none():
    with pytest.raises(PluginError, match="is no TorrentPlugin"):
        checked(Base(), TorrentPlugin)
    with pytest.raises(PluginError, match="is no subclass of SessionPlugin or TorrentPlugin or PeerPlugin"):
        hooks_of(dict)
