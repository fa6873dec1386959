from __future__ import annotations

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.peer.extensions.ut_pex_codec import (
    MAX_ENTRIES,
    MAX_MESSAGE_SIZE,
    PexError,
    PexFlags,
    PexMessage,
    PexPeer,
    pack_message,
    parse_message,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SEED = PexFlags.SEED
NONE = PexFlags(0)
V4, OTHER, V6 = ("1.2.3.4", 6881), ("5.6.7.8", 80), ("2001:db8::1", 6881)
C4, COTHER, C6 = b"\1\2\3\4\x1a\xe1", b"\5\6\7\x08\0\x50", b"\x20\1\x0d\xb8" + bytes(11) + b"\1\x1a\xe1"


def test_bytes() -> None:
    added = [PexPeer(V4, SEED | PexFlags.OUTGOING), PexPeer(V6, PexFlags.HOLEPUNCH)]
    payload = pack_message(added, [OTHER])
    assert decode(payload) == {
        b"added": C4,
        b"added.f": b"\x12",
        b"added6": C6,
        b"added6.f": b"\x08",
        b"dropped": COTHER,
        b"dropped6": b"",
    }
    assert parse_message(payload) == PexMessage(tuple(added), (OTHER,))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param({}, PexMessage(), id="empty"),
        pytest.param({"added": C4}, PexMessage((PexPeer(V4, NONE),)), id="no flags"),
        pytest.param(
            {"added": C4 + COTHER, "added.f": b"\2"},
            PexMessage((PexPeer(V4, SEED), PexPeer(OTHER, NONE))),
            id="too few flags",
        ),
        pytest.param(
            {"added": C4, "added.f": 7}, PexMessage((PexPeer(V4, NONE),)), id="flags of a wrong type"
        ),
        pytest.param({"added": C4 + b"\1\2"}, PexMessage((PexPeer(V4, NONE),), (), 1), id="half an endpoint"),
        pytest.param(
            {"added": C4 + C4, "added.f": b"\0\2"}, PexMessage((PexPeer(V4, NONE),), (), 1), id="twice"
        ),
        pytest.param({"added": b"\1\2\3\4\0\0"}, PexMessage((), (), 1), id="port 0"),
        pytest.param({"added": [C4], "dropped": 3}, PexMessage(), id="wrong types"),
        pytest.param({"dropped": COTHER + COTHER, "dropped6": C6}, PexMessage((), (OTHER, V6)), id="dropped"),
        pytest.param(
            {"added": C4, "added.f": b"\xff"}, PexMessage((PexPeer(V4, PexFlags(255)),)), id="all flags"
        ),
    ],
)
def test_what_peers_send(table: dict[str, object], expected: PexMessage) -> None:
    assert parse_message(encode(table)) == expected


def test_so_many_entries_are_looked_at() -> None:
    raw = b"".join(b"\1\2" + number.to_bytes(2, "big") + b"\1\1" for number in range(MAX_ENTRIES + 3))
    message = parse_message(encode({"added": raw, "dropped": raw[: MAX_ENTRIES * 6]}))
    assert len(message.added) == len(message.dropped) == MAX_ENTRIES
    assert message.num_ignored == 3


def test_size_limit() -> None:
    rest = MAX_MESSAGE_SIZE - len(encode({"x": bytes(60_000)}))
    assert parse_message(encode({"x": bytes(60_000 + rest)})) == PexMessage()
    with pytest.raises(PexError) as caught:
        parse_message(encode({"x": bytes(60_001 + rest)}))
    assert caught.value.reason == "pex_message_too_large"


@pytest.mark.parametrize("payload", [b"", b"d", b"le", b"i1e", b"d5:added", b"l" * 5000])
def test_what_is_no_dictionary_is_refused(payload: bytes) -> None:
    with pytest.raises(PexError) as caught:
        parse_message(payload)
    assert caught.value.reason == "invalid_pex_message"


@given(st.binary(max_size=120))
@settings(max_examples=300)
def test_garbage(data: bytes) -> None:
    try:
        message = parse_message(data)
    except PexError:
        return
    assert parse_message(pack_message(message.added, message.dropped)).added == message.added


HOSTS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
ADDRESSES = st.tuples(HOSTS, st.integers(1, 65535))


@given(
    st.dictionaries(ADDRESSES, st.integers(0, 31).map(PexFlags), max_size=8), st.sets(ADDRESSES, max_size=8)
)
def test_round_trip(added: dict[tuple[str, int], PexFlags], dropped: set[tuple[str, int]]) -> None:
    message = parse_message(pack_message([PexPeer(*item) for item in added.items()], dropped))
    assert dict(message.added) == added
    assert set(message.dropped) == dropped
    assert message.num_ignored == 0
