from __future__ import annotations

import inspect

import pytest
from evtorrent.session import NO_UNCHOKE_PRIORITY, AddPeerFlags, PeerPlugin, SessionPlugin, TorrentPlugin
from evtorrent.session.plugins.base import UNSUPPORTED_HOOKS
from support.plugins import PEER_HOOKS, SESSION_HOOKS, TORRENT_HOOKS

LIBTORRENTS = {
    SessionPlugin: "new_torrent added abort on_alert on_unknown_torrent on_tick get_unchoke_priority save_state load_state",
    TorrentPlugin: "new_connection on_piece_pass on_piece_failed tick on_pause on_resume on_files_checked on_state on_add_peer",
    PeerPlugin: (
        "add_handshake on_disconnect on_connected on_handshake on_extension_handshake on_choke on_unchoke on_interested "
        "on_not_interested on_have on_dont_have on_bitfield on_have_all on_have_none on_allowed_fast on_request on_piece "
        "on_cancel on_reject on_suggest sent_have_all sent_have_none sent_reject_request sent_allow_fast sent_suggest "
        "sent_cancel sent_request sent_choke sent_unchoke sent_interested sent_not_interested sent_have sent_piece "
        "sent_payload on_extended on_unknown_message on_piece_pass on_piece_failed tick write_request"
    ),
}
"""The hooks of `extensions.hpp`, but those that are refused."""


@pytest.mark.parametrize(
    ("base", "hooks"),
    [(SessionPlugin, SESSION_HOOKS), (TorrentPlugin, TORRENT_HOOKS), (PeerPlugin, PEER_HOOKS)],
)
def test_the_hooks_are_libtorrents(base, hooks):
    assert set(hooks) == set(LIBTORRENTS[base].split())
    assert not set(hooks) & set(UNSUPPORTED_HOOKS)


@pytest.mark.parametrize("base", [SessionPlugin, TorrentPlugin, PeerPlugin])
def test_by_default_a_hook_leaves_things_as_they_are(base):
    plugin = base()
    for name in LIBTORRENTS[base].split():
        hook = getattr(plugin, name)
        result = hook(*[None] * len(inspect.signature(hook).parameters))
        if name in ("on_handshake", "on_extension_handshake"):
            assert result is True
        elif name == "get_unchoke_priority":
            assert result == NO_UNCHOKE_PRIORITY
        else:
            assert not result


def test_flags_have_libtorrents_bits():
    assert (int(AddPeerFlags.first_time), int(AddPeerFlags.filtered)) == (2, 4)
