from __future__ import annotations

import pytest
from evtorrent.protocols.tracker.announce import AnnounceRequest
from evtorrent.protocols.tracker.announce_choices import AnnounceChoices

REQUEST = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, redundant=7)


def test_nothing_chosen_changes_nothing() -> None:
    assert AnnounceChoices().apply(REQUEST) == REQUEST


def test_what_is_chosen_is_told() -> None:
    choices = AnnounceChoices("198.51.100.9", 4711, supports_crypto=True, report_redundant_bytes=False)
    told = choices.apply(REQUEST)
    assert (told.ip, told.port, told.supportcrypto, told.redundant) == ("198.51.100.9", 4711, True, None)
    assert (told.info_hash, told.peer_id) == (REQUEST.info_hash, REQUEST.peer_id)


def test_an_address_that_the_torrent_has_goes_first() -> None:
    request = AnnounceRequest(b"h" * 20, b"p" * 20, 6881, ip="203.0.113.1", supportcrypto=True)
    told = AnnounceChoices("198.51.100.9").apply(request)
    assert (told.ip, told.supportcrypto) == ("203.0.113.1", True)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        AnnounceChoices(announce_port=port)
