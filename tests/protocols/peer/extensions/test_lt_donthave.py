from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer.extensions.lt_donthave import pack_dont_have, parse_dont_have
from evtorrent.protocols.peer.messages import ExtensionMessage
from hypothesis import given
from hypothesis import strategies as st
from support.connection_pair import ConnectionPair


@given(st.integers(0, 2**32 - 1))
def test_round_trip(piece: int) -> None:
    assert parse_dont_have(pack_dont_have(piece)) == piece


@given(st.binary(max_size=20))
def test_garbage(data: bytes) -> None:
    if len(data) == 4:
        assert parse_dont_have(memoryview(data)) == int.from_bytes(data, "big")
    else:
        with pytest.raises(RemoteProtocolError):
            parse_dont_have(data)


def test_a_conversation() -> None:
    pair = ConnectionPair(extensions=("lt_donthave", "upload_only"))
    pair.client.send_extension_handshake({})
    pair.server_hears()
    assert pair.server.send_extension("lt_donthave", pack_dont_have(3))
    assert pair.client_hears() == [ExtensionMessage("lt_donthave", b"\0\0\0\3")]
