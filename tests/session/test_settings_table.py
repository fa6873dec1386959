from __future__ import annotations

import pytest
from evtorrent.session.settings import DEFAULTS
from evtorrent.session.settings_honoured import HONOURED
from evtorrent.session.settings_table import UNSUPPORTED

OURS = {
    "announce_crypto_support",
    "auto_sequential",
    "peer_fingerprint",
    "user_agent",
    "webtorrent_stun_server",
}
"""Settings whose default is not libtorrent's: who we are, and features this version has not."""


def test_a_setting_is_honoured_or_not():
    unsupported = [name for names in UNSUPPORTED.values() for name in names]
    assert len(unsupported) == len(set(unsupported))
    assert not set(unsupported) & set(HONOURED)
    assert len(DEFAULTS) == len(unsupported) + len(HONOURED) == 267


@pytest.mark.interop
def test_names_types_and_defaults_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    theirs = lt.default_settings()
    assert set(theirs) - set(DEFAULTS) == set()
    # default_settings() leaves out the strings that are empty.
    assert all(DEFAULTS[name] == "" or name == "peer_tos" for name in set(DEFAULTS) - set(theirs))
    differing = {name for name in theirs if DEFAULTS[name] != theirs[name]}
    assert differing == OURS
    assert {name for name in theirs if type(DEFAULTS[name]) is not type(theirs[name])} == set()
