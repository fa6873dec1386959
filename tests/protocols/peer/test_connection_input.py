"""Whatever a peer sends, however it is cut: events or RemoteProtocolError, and limits at their limit."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.peer import codec
from evtorrent.protocols.peer.connection import (
    MAX_EARLY_BITFIELD,
    MAX_EARLY_HAVES,
    MAX_FRAME,
    MAX_REQUEST_LENGTH,
    PeerConnection,
    ReceiveBuffer,
    State,
)
from evtorrent.protocols.peer.extensions.registry import MAX_HANDSHAKE_SIZE, ExtensionRegistry
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.protocols.peer.messages import (
    AllowedFast,
    BlocksReceived,
    CancelReceived,
    ChokeChanged,
    Event,
    ExtensionHandshake,
    ExtensionMessage,
    HandshakeReceived,
    HaveReceived,
    InterestChanged,
    MessageId,
    PiecesReceived,
    PortReceived,
    RejectReceived,
    Request,
    RequestsReceived,
    SuggestReceived,
)
from evtorrent.protocols.types import PieceIndex
from hypothesis import given, settings
from hypothesis import strategies as st
from support.connection_pair import (
    CLIENT_ID,
    EVERYTHING,
    INFO_HASH,
    NUM_PIECES,
    PIECE_LENGTH,
    SERVER_ID,
    TOTAL_SIZE,
    FlatConnection,
    handshake_of,
    opened,
    outgoing,
    take_events,
)
from support.feeding import feed_all_ways

BLOCK = Request(PieceIndex(5), 16384, 16384)
LAST = Request(PieceIndex(9), 0, 5_000)
EXTENSIONS = ("ut_pex",)

STREAM: list[tuple[bytes, Event | None]] = [
    (codec.pack_bitfield(b"\x80\x40"), PiecesReceived(0b1000000001)),
    (codec.pack_extended(0, b"d1:md6:ut_pexi7eee"), ExtensionHandshake({b"m": {b"ut_pex": 7}})),
    (codec.KEEP_ALIVE, None),
    (codec.pack_simple(MessageId.UNCHOKE), ChokeChanged(False)),
    (codec.pack_simple(MessageId.INTERESTED), InterestChanged(True)),
    (codec.pack_requests([BLOCK]), RequestsReceived([BLOCK])),
    (codec.pack_requests([LAST]), RequestsReceived([LAST])),
    (codec.pack_request(MessageId.CANCEL, LAST), CancelReceived(LAST)),
    (
        codec.pack_block_header(5, 16384, 40) + b"x" * 40,
        BlocksReceived([(PieceIndex(5), 16384, memoryview(b"x" * 40))]),
    ),
    (
        codec.pack_block_header(5, 0, 1) + b"y",
        BlocksReceived([(PieceIndex(5), 0, memoryview(b"y"))]),
    ),
    (codec.pack_have(3), HaveReceived(PieceIndex(3))),
    (codec.KEEP_ALIVE, None),
    (codec.KEEP_ALIVE, None),
    (codec.pack_index(MessageId.SUGGEST, 4), SuggestReceived(PieceIndex(4))),
    (codec.pack_index(MessageId.ALLOWED_FAST, 4), AllowedFast(PieceIndex(4))),
    (codec.pack_request(MessageId.REJECT, BLOCK), RejectReceived(BLOCK)),
    (codec.pack_port(6881), PortReceived(6881)),
    (b"\0\0\0\x05\x63abcd", None),
    (codec.pack_extended(1, b"pex"), ExtensionMessage("ut_pex", b"pex")),
    (codec.pack_extended(9, b"?"), None),
    (codec.pack_simple(MessageId.NOT_INTERESTED), InterestChanged(False)),
    (codec.pack_simple(MessageId.CHOKE), ChokeChanged(True)),
]
MESSAGES = b"".join(message for message, _ in STREAM)
EVENTS = [event for _, event in STREAM if event is not None]
SHAKE = handshake_of(SERVER_ID)
SHAKEN = HandshakeReceived(INFO_HASH, SERVER_ID, SHAKE.reserved)


def make_outgoing() -> FlatConnection:
    return FlatConnection(outgoing(registry=ExtensionRegistry(EXTENSIONS)))


def make_opened() -> FlatConnection:
    return FlatConnection(opened(registry=ExtensionRegistry(EXTENSIONS)))


class Accepting(FlatConnection):
    """An incoming connection whose owner accepts as soon as it can."""

    def __init__(self) -> None:
        super().__init__(PeerConnection(buffer=ReceiveBuffer(), registry=ExtensionRegistry(EXTENSIONS)))
        self.connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)

    def receive_data(self, data: bytes) -> None:
        super().receive_data(data)
        if self.connection.state is State.ACCEPTING:
            self.connection.accept(handshake_of(CLIENT_ID))
            self._events += take_events(self.connection)


# ---------------------------------------------------------------------------------------------- cut in every way


def test_a_handshake_however_it_is_cut() -> None:
    feed_all_ways(make_outgoing, SHAKE.pack(), [SHAKEN], trailing=b"\0\0")


def test_messages_however_they_are_cut() -> None:
    feed_all_ways(make_opened, MESSAGES, EVENTS, trailing=b"\0\0\0\x01", max_splits=len(MESSAGES))


@pytest.mark.parametrize("make", [make_outgoing, Accepting])
def test_a_handshake_and_messages_however_they_are_cut(make: Any) -> None:
    # A message cut short behind a handshake in one read: it must be kept from where it lies.
    feed_all_ways(make, SHAKE.pack() + MESSAGES, [SHAKEN, *EVENTS], max_splits=1000)


def test_three_parts_behind_a_handshake() -> None:
    data = SHAKE.pack() + codec.pack_extended(1, bytes(range(256)) * 2)
    for cut in range(69, len(data)):
        connection = make_outgoing()
        connection.receive_data(data[:cut])
        connection.receive_data(data[cut:])
        assert connection.next_event() == SHAKEN
        assert connection.next_event() == ExtensionMessage("ut_pex", bytes(range(256)) * 2)


@given(st.lists(st.sampled_from(STREAM[1:]), max_size=30), st.data())
@settings(max_examples=50)
def test_messages_cut_anywhere(parts: list[tuple[bytes, Event | None]], data: st.DataObject) -> None:
    stream = b"".join(message for message, _ in parts)
    connection = opened(registry=ExtensionRegistry(EXTENSIONS))
    heard = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        connection.receive_data(stream[:size])
        heard += take_events(connection)
        stream = stream[size:]
    told = [event for _, event in parts if event is not None]
    # Within one stretch blocks come before requests; all else keeps its order.
    data_plane = BlocksReceived | RequestsReceived
    assert [e for e in heard if not isinstance(e, data_plane)] == [
        e for e in told if not isinstance(e, data_plane)
    ]
    assert [e for e in heard if isinstance(e, BlocksReceived)] == [
        e for e in told if isinstance(e, BlocksReceived)
    ]
    assert [e for e in heard if isinstance(e, RequestsReceived)] == [
        e for e in told if isinstance(e, RequestsReceived)
    ]


# ------------------------------------------------------------------------------------------------ rules broken


def frame(kind: int, payload: bytes = b"") -> bytes:
    return (1 + len(payload)).to_bytes(4, "big") + bytes([kind]) + payload


def block_request(piece: int, begin: int, length: int, kind: int = 6) -> bytes:
    return codec.pack_request(MessageId(kind), Request(PieceIndex(piece), begin, length))


BROKEN = [
    *[
        pytest.param(
            frame(kind, b"x"), f"{MessageId(kind).name} with 1 bytes", id=f"{MessageId(kind).name}+1"
        )
        for kind in (0, 1, 2, 3, 14, 15)
    ],
    *[
        pytest.param(
            frame(kind, bytes(size)), f"{MessageId(kind).name} with {size} bytes", id=f"{kind}:{size}"
        )
        for kind, right in [(4, 4), (6, 12), (8, 12), (9, 2), (13, 4), (16, 12), (17, 4)]
        for size in (right - 1, right + 1)
    ],
    pytest.param(frame(7, bytes(8)), "PIECE with 8 bytes", id="block of nothing"),
    pytest.param(frame(7, b""), "PIECE with 0 bytes", id="block without a head"),
    pytest.param(frame(20), "EXTENDED with 0 bytes", id="extended without an id"),
    pytest.param(codec.pack_have(NUM_PIECES), "piece 10 of 10", id="have"),
    pytest.param(codec.pack_have(0xFFFFFFFF), "piece 4294967295 of 10", id="have far off"),
    pytest.param(codec.pack_index(MessageId.SUGGEST, 10), "piece 10 of 10", id="suggest"),
    pytest.param(codec.pack_index(MessageId.ALLOWED_FAST, 10), "piece 10 of 10", id="allowed fast"),
    pytest.param(codec.pack_bitfield(b"\x80"), "bitfield of 1 bytes for 10 pieces", id="short bitfield"),
    pytest.param(codec.pack_bitfield(bytes(3)), "bitfield of 3 bytes for 10 pieces", id="long bitfield"),
    pytest.param(codec.pack_bitfield(b"\xff\xff"), "spare bits", id="spare bits"),
    *[
        pytest.param(block_request(*where, kind), message, id=f"{MessageId(kind).name} {where}")
        for kind in (6, 8, 16)
        for where, message in [
            ((10, 0, 1), "piece 10 of 10"),
            ((0, 0, 0), "block of 0 bytes"),
            ((0, 0, MAX_REQUEST_LENGTH + 1), "block of 131073 bytes"),
            ((0, PIECE_LENGTH - 1, 2), r"block 32767\+2 beyond the end of piece 0"),
            ((0, 0xFFFFFFFF, 1), r"beyond the end of piece 0"),
            ((9, 0, 5_001), r"block 0\+5001 beyond the end of piece 9"),
        ]
    ],
    pytest.param(codec.pack_extended(0, b"le"), "extension handshake is no dictionary", id="handshake"),
    pytest.param(SHAKE.pack(), "message 84 with 323119475 bytes", id="handshake twice"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_a_rule_broken_ends_the_peer_however_it_is_cut(data: bytes, message: str) -> None:
    feed_all_ways(make_opened, data, RemoteProtocolError, trailing=MESSAGES)
    connection = opened()
    with pytest.raises(RemoteProtocolError, match=message):
        connection.receive_data(data)
    assert connection.state is State.CLOSED


@pytest.mark.parametrize(
    "kind", [kind for kind in MessageId if kind not in (MessageId.BITFIELD, MessageId.EXTENDED)]
)
def test_a_wrong_size_is_refused_before_the_bytes_come(kind: MessageId) -> None:
    connection = opened()
    with pytest.raises(RemoteProtocolError, match=f"{kind.name} with 900000 bytes"):
        connection.receive_data((900_001).to_bytes(4, "big") + bytes([kind]))


# ------------------------------------------------------------------------------------------------------ limits


def feed_in_parts(connection: PeerConnection, data: bytes, size: int = 100_000) -> list[Any]:
    events = []
    for start in range(0, len(data), size):
        connection.receive_data(data[start : start + size])
        events += take_events(connection)
    return events


@pytest.mark.parametrize("size", [100_000, MAX_FRAME + 100], ids=["in parts", "whole"])
def test_limit_of_a_message(size: int) -> None:
    payload = bytes(MAX_FRAME - 2)
    connection = opened(registry=ExtensionRegistry(EXTENSIONS))
    assert feed_in_parts(connection, codec.pack_extended(1, payload), size) == [
        ExtensionMessage("ut_pex", payload)
    ]
    with pytest.raises(RemoteProtocolError, match="EXTENDED with 1048576 bytes"):
        feed_in_parts(connection, codec.pack_extended(1, payload + b"x"), size)
    connection = opened()
    assert feed_in_parts(connection, frame(99, bytes(MAX_FRAME - 1)), size) == []
    with pytest.raises(RemoteProtocolError, match="message 99 with 1048576 bytes"):
        feed_in_parts(connection, frame(99, bytes(MAX_FRAME)), size)


def test_an_absurd_length_is_refused_with_its_four_bytes() -> None:
    connection = opened()
    with pytest.raises(RemoteProtocolError, match="message of 1048577 bytes"):
        connection.receive_data((MAX_FRAME + 1).to_bytes(4, "big"))


def test_limit_of_a_block_asked_for() -> None:
    connection = opened(shape=False)
    connection.set_num_pieces(1, 1 << 20, 1 << 20)
    longest = Request(PieceIndex(0), 0, MAX_REQUEST_LENGTH)
    connection.receive_data(codec.pack_requests([longest]))
    assert take_events(connection) == [RequestsReceived([longest])]
    with pytest.raises(RemoteProtocolError, match="block of 131073 bytes asked for"):
        connection.receive_data(codec.pack_requests([(0, 0, MAX_REQUEST_LENGTH + 1)]))


@pytest.mark.parametrize("size", [10_000, MAX_FRAME], ids=["in parts", "whole"])
def test_limit_of_a_block_sent(size: int) -> None:
    connection = opened()
    longest = bytes(MAX_REQUEST_LENGTH)
    assert feed_in_parts(connection, codec.pack_block_header(0, 0, len(longest)) + longest, size) == [
        BlocksReceived([(PieceIndex(0), 0, memoryview(longest))])
    ]
    with pytest.raises(RemoteProtocolError, match="PIECE with 131081 bytes"):
        feed_in_parts(connection, codec.pack_block_header(0, 0, len(longest) + 1) + longest + b"x", size)


def test_limit_of_an_extension_handshake() -> None:
    def message(size: int) -> bytes:
        head = b"d1:v65000:"
        return codec.pack_extended(0, head + b"v" * 65000 + b"e" + bytes(size - len(head) - 65001))

    connection = opened()
    connection.receive_data(message(MAX_HANDSHAKE_SIZE))
    assert [type(event) for event in take_events(connection)] == [ExtensionHandshake]
    with pytest.raises(RemoteProtocolError, match="extension handshake of 65537 bytes"):
        connection.receive_data(message(MAX_HANDSHAKE_SIZE + 1))


def test_limit_of_a_bitfield_without_metadata() -> None:
    num_pieces = MAX_EARLY_BITFIELD * 8
    connection = opened(shape=False)
    connection.receive_data(codec.pack_bitfield(b"\x80" + bytes(MAX_EARLY_BITFIELD - 1)))
    connection.set_num_pieces(num_pieces, 16384, num_pieces * 16384)
    assert take_events(connection) == [PiecesReceived(1)]
    with pytest.raises(RemoteProtocolError, match=f"bitfield of {MAX_EARLY_BITFIELD + 1} bytes"):
        opened(shape=False).receive_data(codec.pack_bitfield(bytes(MAX_EARLY_BITFIELD + 1)))


def test_limit_of_haves_without_metadata() -> None:
    connection = opened(shape=False)
    for piece in (0, MAX_EARLY_HAVES - 1, MAX_EARLY_HAVES, 0xFFFFFFFF):
        connection.receive_data(codec.pack_have(piece))
    connection.set_num_pieces(MAX_EARLY_HAVES + 1, 16384, (MAX_EARLY_HAVES + 1) * 16384)
    assert take_events(connection) == [PiecesReceived(1 | 1 << (MAX_EARLY_HAVES - 1))]


# ----------------------------------------------------------------------------------------------- any state × any


def held_bytes(connection: PeerConnection) -> int:
    """Bytes a connection keeps for its peer when its events and output were taken."""
    kept = 0
    for name in PeerConnection.__slots__:
        value = getattr(connection, name)
        if isinstance(value, bytes | int):
            kept += sys.getsizeof(value)
        elif isinstance(value, tuple):
            kept += sum(sys.getsizeof(part) for part in value)
        elif isinstance(value, list):
            assert not value, name
    return kept


HELD_LIMIT = MAX_FRAME + MAX_EARLY_BITFIELD + MAX_EARLY_HAVES // 8 + 4096

STATES = {
    "handshake, outgoing": lambda: outgoing(),
    "handshake, incoming": lambda: PeerConnection(buffer=ReceiveBuffer()),
    "accepting": lambda: _incoming(accept=False),
    "accepted": lambda: _incoming(accept=True),
    "open": lambda: opened(),
    "open, without metadata": lambda: opened(shape=False),
    "open, no capabilities": lambda: opened(capabilities=Capability(0)),
    "open, no fast": lambda: opened(capabilities=EVERYTHING & ~Capability.FAST, shape=False),
    "closed": lambda: _closed(),
}


def _incoming(*, accept: bool) -> PeerConnection:
    connection = PeerConnection(buffer=ReceiveBuffer())
    connection.receive_data(handshake_of(CLIENT_ID).pack())
    take_events(connection)
    if accept:
        connection.accept(handshake_of(SERVER_ID))
        connection.data_to_send()
    return connection


def _closed() -> PeerConnection:
    connection = opened()
    connection.close()
    return connection


any_index = st.integers(0, NUM_PIECES + 1) | st.integers(0, 0xFFFFFFFF)
any_length = st.sampled_from([0, 1, 16384, 65536]) | st.integers(0, 0xFFFFFFFF)
any_block = st.tuples(any_index, any_length, any_length)
any_message = st.one_of(
    st.sampled_from([message for message, _ in STREAM]),
    st.just(SHAKE.pack()),
    st.builds(frame, st.integers(0, 255), st.binary(max_size=20)),
    st.builds(lambda kind, piece: codec.pack_index(kind, piece), st.sampled_from([4, 13, 17]), any_index),
    st.builds(lambda kind, block: codec.pack_request(kind, block), st.sampled_from([6, 8, 16]), any_block),
    st.builds(
        lambda block, data: codec.pack_block_header(block[0], block[1], len(data)) + data,
        any_block,
        st.binary(max_size=40),
    ),
    st.builds(codec.pack_bitfield, st.binary(max_size=4)),
    st.builds(codec.pack_extended, st.integers(0, 255), st.binary(max_size=40)),
    st.binary(max_size=40),
)


def talk(connection: PeerConnection, data: bytes) -> bool:
    """Feed `data`; False when the peer broke a rule.  Only events and that may come of it."""
    before = connection.state
    try:
        connection.receive_data(data)
    except RemoteProtocolError:
        assert connection.state is State.CLOSED
        return False
    finally:
        for event in take_events(connection):
            assert isinstance(event, Event)
    assert held_bytes(connection) <= HELD_LIMIT
    if before is State.CLOSED:
        assert connection.state is State.CLOSED
    return True


@pytest.mark.parametrize("state", STATES)
def test_any_state_and_any_kind_of_message(state: str) -> None:
    connection = STATES[state]()
    for kind in range(256):
        for size in (0, 1, 2, 4, 5, 8, 12, 30):
            if not talk(connection, frame(kind, bytes(size))):
                connection = STATES[state]()


@given(st.sampled_from(list(STATES)), st.lists(any_message, max_size=8), st.booleans())
@settings(max_examples=200)
def test_any_state_and_any_messages(state: str, messages: list[bytes], joined: bool) -> None:
    connection = STATES[state]()
    for message in [b"".join(messages)] if joined else messages:
        if not talk(connection, message):
            break
        if connection.state is State.ACCEPTING:
            try:
                connection.accept(handshake_of(SERVER_ID))
                connection.data_to_send()
            except RemoteProtocolError:
                break
    try:
        connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
    except RemoteProtocolError:
        assert connection.state is State.CLOSED
    take_events(connection)


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 500))
@settings(max_examples=200)
def test_garbage_behind_a_handshake(garbage: bytes, size: int) -> None:
    connection = outgoing()
    data = SHAKE.pack() + garbage
    for start in range(0, len(data), size):
        if not talk(connection, data[start : start + size]):
            return


@given(st.binary(min_size=1, max_size=100))
def test_garbage_for_a_handshake(garbage: bytes) -> None:
    talk(PeerConnection(buffer=ReceiveBuffer()), garbage)


@pytest.mark.parametrize("state", STATES)
def test_nobody_makes_a_connection_hold_more_than_its_limit(state: str) -> None:
    for flood in (bytes(64 * 1024), frame(99, bytes(MAX_FRAME - 1)), frame(5, bytes(MAX_FRAME - 1))):
        connection = STATES[state]()
        for _ in range(4):
            for start in range(0, len(flood), 400_000):
                if not talk(connection, flood[start : start + 400_000]):
                    break
            else:
                continue
            break
