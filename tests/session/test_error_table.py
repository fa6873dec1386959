from __future__ import annotations

import pytest
from evtorrent.session.error_table import LIBTORRENT_MESSAGES, TorrentErrc


def test_every_value_has_a_text_of_its_own():
    assert {int(value) for value in TorrentErrc} == set(LIBTORRENT_MESSAGES)
    assert len(TorrentErrc) > 150


@pytest.mark.interop
def test_the_table_is_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    category = lt.libtorrent_category()
    differing = {
        value.name: (category.message(int(value)), LIBTORRENT_MESSAGES[value])
        for value in TorrentErrc
        if category.message(int(value)) != LIBTORRENT_MESSAGES[value]
    }
    assert differing == {}
