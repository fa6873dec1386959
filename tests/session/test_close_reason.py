from __future__ import annotations

import pytest
from evtorrent.session.close_reason import CloseReason


def test_faults_of_the_other_end_begin_at_256():
    assert CloseReason.none == 0
    assert CloseReason.encryption_error == 256
    assert all(reason >= 256 for reason in CloseReason if reason.name.startswith("invalid_"))


@pytest.mark.interop
def test_values_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    theirs = {name: int(value) for name, value in lt.close_reason_t.names.items()}
    assert {reason.name: int(reason) for reason in CloseReason} == theirs
