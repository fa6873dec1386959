"""Two peers talk: every message, the way to a connection, and what a magnet link defers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.errors import LocalProtocolError, RemoteProtocolError
from evtorrent.protocols.peer import codec
from evtorrent.protocols.peer.connection import MAX_FRAME, PeerConnection, ReceiveBuffer, State
from evtorrent.protocols.peer.extensions.registry import ExtensionRegistry
from evtorrent.protocols.peer.handshake import Capability, Handshake
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
    UnknownMessage,
)
from evtorrent.protocols.types import PeerId, PieceIndex, Sha1Hash
from support.connection_pair import (
    CLIENT_ID,
    EVERYTHING,
    INFO_HASH,
    NUM_PIECES,
    PIECE_LENGTH,
    SERVER_ID,
    TOTAL_SIZE,
    ConnectionPair,
    handshake_of,
    opened,
    outgoing,
    take_events,
)

FIVE = PieceIndex(5)
BLOCK = Request(FIVE, 16384, 16384)
NO_FAST = EVERYTHING & ~Capability.FAST
NO_EXTENSIONS = EVERYTHING & ~Capability.EXTENSION
ALL_PIECES = (1 << NUM_PIECES) - 1


# ------------------------------------------------------------------------------------------------- the handshake


def test_a_conversation_begins() -> None:
    pair = ConnectionPair(accept=False)
    assert pair.client.state is State.HANDSHAKE
    assert pair.server_hears() == [HandshakeReceived(INFO_HASH, CLIENT_ID, handshake_of(CLIENT_ID).reserved)]
    assert pair.server.state is State.ACCEPTING
    assert not pair.server.has_data_to_send
    pair.server.accept(pair.server_handshake)
    assert pair.server.state is State.OPEN and pair.server.has_data_to_send
    assert pair.client_hears() == [HandshakeReceived(INFO_HASH, SERVER_ID, handshake_of(SERVER_ID).reserved)]
    assert pair.client.state is State.OPEN
    assert pair.client.handshake == pair.server_handshake
    assert not pair.server.has_data_to_send and pair.server.data_to_send() == []


def test_messages_behind_a_handshake_wait_for_accept() -> None:
    pair = ConnectionPair(accept=False)
    pair.client.send_have(FIVE)
    pair.client.send_interested(True)
    pair.client.send_requests([BLOCK])
    whole = b"".join(pair.client.data_to_send())
    pair.server.receive_data(whole[:-3])
    assert [type(event) for event in take_events(pair.server)] == [HandshakeReceived]
    pair.server.receive_data(whole[-3:])
    assert take_events(pair.server) == []
    pair.server.accept(pair.server_handshake)
    assert take_events(pair.server) == [
        HaveReceived(FIVE),
        InterestChanged(True),
        RequestsReceived([BLOCK]),
    ]


def test_accept_may_name_the_registry() -> None:
    pair = ConnectionPair(accept=False, extensions=("ut_pex",))
    pair.server_hears()
    pair.server.accept(pair.server_handshake, ExtensionRegistry(("a", "b", "ut_pex")))
    pair.server.send_extension_handshake({})
    pair.client_hears()
    assert pair.client.extensions.id_of("ut_pex") == 3


def test_only_a_handshake_can_be_accepted() -> None:
    pair = ConnectionPair(accept=False)
    with pytest.raises(LocalProtocolError, match="nothing to accept in state handshake"):
        pair.server.accept(pair.server_handshake)
    pair.server_hears()
    pair.server.accept(pair.server_handshake)
    with pytest.raises(LocalProtocolError, match="nothing to accept in state open"):
        pair.server.accept(pair.server_handshake)


def test_an_answer_for_another_torrent_is_refused() -> None:
    client = outgoing()
    with pytest.raises(RemoteProtocolError, match="handshake for another torrent, bbbb"):
        client.receive_data(Handshake(Sha1Hash(b"\xbb" * 20), SERVER_ID).pack())
    assert client.state is State.CLOSED


def test_a_stranger_is_refused_at_the_first_wrong_byte() -> None:
    server = PeerConnection(buffer=ReceiveBuffer())
    server.receive_data(b"\x13Bit")
    with pytest.raises(RemoteProtocolError, match="not a BitTorrent handshake"):
        server.receive_data(b"e")
    assert server.state is State.CLOSED


def test_a_bad_message_behind_a_handshake_shows_in_accept() -> None:
    pair = ConnectionPair(accept=False)
    pair.server_hears()
    pair.server.receive_data(codec.pack_have(NUM_PIECES))
    with pytest.raises(RemoteProtocolError, match="piece 10 of 10"):
        pair.server.accept(pair.server_handshake)
    assert pair.server.state is State.CLOSED


def test_an_unanswered_caller_may_say_a_message_and_no_more() -> None:
    pair = ConnectionPair(accept=False)
    pair.server_hears()
    pair.server.receive_data(bytes(MAX_FRAME - 3))
    pair.server.receive_data(bytes(3))
    assert pair.server.state is State.ACCEPTING
    with pytest.raises(RemoteProtocolError, match="more than a message sent before the handshake"):
        pair.server.receive_data(bytes(1))
    assert pair.server.state is State.CLOSED


# ----------------------------------------------------------------------------------------------- every message

CONVERSATIONS: list[tuple[str, Callable[[PeerConnection], object], list[Event]]] = [
    ("keep-alive", lambda c: c.send_keep_alive(), []),
    ("unchoke", lambda c: c.send_choke(False), [ChokeChanged(False)]),
    ("choke", lambda c: (c.send_choke(False), c.send_choke(True)), [ChokeChanged(False), ChokeChanged(True)]),
    ("interested", lambda c: c.send_interested(True), [InterestChanged(True)]),
    (
        "not interested",
        lambda c: (c.send_interested(True), c.send_interested(False)),
        [InterestChanged(True), InterestChanged(False)],
    ),
    ("have", lambda c: c.send_have(FIVE), [HaveReceived(FIVE)]),
    (
        "bitfield",
        lambda c: c.send_pieces(Bitfield(NUM_PIECES, 0b1000000011)),
        [PiecesReceived(0b1000000011)],
    ),
    (
        "have all",
        lambda c: c.send_pieces(Bitfield.full(NUM_PIECES)),
        [PiecesReceived(ALL_PIECES, MessageId.HAVE_ALL)],
    ),
    ("have none", lambda c: c.send_pieces(Bitfield(NUM_PIECES)), [PiecesReceived(0, MessageId.HAVE_NONE)]),
    (
        "requests",
        lambda c: c.send_requests([BLOCK, (0, 0, 5)]),
        [RequestsReceived([BLOCK]), RequestsReceived([Request(PieceIndex(0), 0, 5)])],
    ),
    ("cancel", lambda c: c.send_cancel(BLOCK), [CancelReceived(BLOCK)]),
    ("reject", lambda c: c.send_reject(BLOCK), [RejectReceived(BLOCK)]),
    ("suggest", lambda c: c.send_suggest(FIVE), [SuggestReceived(FIVE)]),
    ("allowed fast", lambda c: c.send_allowed_fast(FIVE), [AllowedFast(FIVE)]),
    ("port", lambda c: c.send_port(6881), [PortReceived(6881)]),
    ("port of nobody", lambda c: c.send_port(0), []),
    (
        "extension handshake",
        lambda c: c.send_extension_handshake({"v": "x"}),
        [ExtensionHandshake({b"m": {b"ut_pex": 1}, b"v": b"x"})],
    ),
]


@pytest.mark.parametrize(("say", "heard"), [pytest.param(*rest, id=name) for name, *rest in CONVERSATIONS])
def test_what_one_says_the_other_hears(say: Callable[[PeerConnection], object], heard: list[Event]) -> None:
    pair = ConnectionPair(extensions=("ut_pex",))
    say(pair.client)
    assert pair.server_hears() == heard
    say(pair.server)
    assert pair.client_hears() == heard


def test_blocks() -> None:
    pair = ConnectionPair()
    payloads = [b"a" * 16384, b"b" * 16384, b"c"]
    data = b"".join(
        codec.pack_block_header(5, index * 16384, len(payload)) + payload
        for index, payload in enumerate(payloads)
    )
    pair.client.receive_data(data)
    event = pair.client.next_event()
    assert isinstance(event, BlocksReceived)
    assert [(piece, begin, bytes(block)) for piece, begin, block in event.blocks] == [
        (5, 0, payloads[0]),
        (5, 16384, payloads[1]),
        (5, 32768, payloads[2]),
    ]
    assert pair.client.next_event() is None


def test_requests_and_blocks_of_one_read_are_two_batches() -> None:
    pair = ConnectionPair()
    block = codec.pack_block_header(1, 0, 3) + b"abc"
    request = codec.pack_requests([BLOCK])
    pair.client.receive_data(request + block + request + block + codec.KEEP_ALIVE + block)
    first = pair.client.next_event()
    assert isinstance(first, BlocksReceived) and len(first.blocks) == 3
    assert pair.client.next_event() == RequestsReceived([BLOCK, BLOCK])
    assert pair.client.next_event() is None


def test_other_messages_keep_their_place_among_batches() -> None:
    connection = opened()
    block, request = codec.pack_block_header(1, 0, 3) + b"abc", codec.pack_requests([BLOCK])
    choke = codec.pack_simple(MessageId.CHOKE)
    connection.receive_data(block + choke + request + choke + block)
    assert take_events(connection) == [
        BlocksReceived([(PieceIndex(1), 0, memoryview(b"abc"))]),
        ChokeChanged(True),
        RequestsReceived([BLOCK]),
        ChokeChanged(True),
        BlocksReceived([(PieceIndex(1), 0, memoryview(b"abc"))]),
    ]


def test_unknown_messages_are_skipped() -> None:
    connection = opened()
    unknown = b"".join(
        bytes([0, 0, 0, 3, kind, 1, 2]) for kind in range(256) if kind not in MessageId.__members__.values()
    )
    connection.receive_data(unknown + codec.pack_simple(MessageId.CHOKE))
    assert take_events(connection) == [ChokeChanged(True)]


def test_aria2_says_again_what_it_has() -> None:
    pair = ConnectionPair()
    for bits in (0b1, 0b111):
        pair.client.send_pieces(Bitfield(NUM_PIECES, bits))
    assert pair.server_hears() == [PiecesReceived(0b1), PiecesReceived(0b111)]


def test_state_of_both_sides_follows_what_is_said() -> None:
    pair = ConnectionPair()
    client, server = pair.client, pair.server
    assert (client.am_choking, client.am_interested) == (True, False)
    assert (server.peer_choking, server.peer_interested) == (True, False)
    client.send_choke(False)
    client.send_interested(True)
    pair.server_hears()
    assert (client.am_choking, client.am_interested) == (False, True)
    assert (server.peer_choking, server.peer_interested) == (False, True)
    client.send_choke(True)
    client.send_interested(False)
    pair.server_hears()
    assert (server.peer_choking, server.peer_interested) == (True, False)


def test_nothing_is_said_twice() -> None:
    pair = ConnectionPair()
    pair.client.send_choke(True)
    pair.client.send_interested(False)
    assert not pair.client.has_data_to_send


# --------------------------------------------------------------------------------------- capabilities not shared


@pytest.mark.parametrize(
    ("client", "server", "fast", "extensions"),
    [
        (EVERYTHING, EVERYTHING, True, True),
        (NO_FAST, EVERYTHING, False, True),
        (EVERYTHING, NO_FAST, False, True),
        (EVERYTHING, NO_EXTENSIONS, True, False),
        (Capability(0), EVERYTHING, False, False),
    ],
)
def test_a_capability_counts_when_both_have_it(
    client: Capability, server: Capability, fast: bool, extensions: bool
) -> None:
    pair = ConnectionPair(client=client, server=server)
    for connection in (pair.client, pair.server):
        assert connection.supports_fast is fast
        assert connection.supports_extensions is extensions
    assert pair.client.supports_dht is bool(server & Capability.DHT)
    assert pair.server.supports_dht is bool(client & Capability.DHT)


def test_nothing_is_supported_before_the_handshake() -> None:
    assert not outgoing().supports_extensions and not outgoing().supports_fast
    assert not PeerConnection(buffer=ReceiveBuffer()).supports_extensions


def test_fast_messages_are_kept_from_peers_that_do_not_know_them() -> None:
    pair = ConnectionPair(server=NO_FAST)
    pair.client.send_reject(BLOCK)
    pair.client.send_allowed_fast(FIVE)
    pair.client.send_suggest(FIVE)
    pair.client.send_pieces(Bitfield(NUM_PIECES))
    assert not pair.client.has_data_to_send
    pair.client.send_pieces(Bitfield.full(NUM_PIECES))
    assert pair.client.data_to_send() == [codec.pack_bitfield(b"\xff\xc0")]


def test_a_magnet_link_has_nothing() -> None:
    # An empty field is full as well: said as have all, every peer would take us for a seed.
    pair = ConnectionPair()
    pair.client.send_pieces(Bitfield(0))
    assert pair.client.data_to_send() == [codec.pack_simple(MessageId.HAVE_NONE)]


def test_other_messages_kept_from_peers_that_do_not_know_them() -> None:
    pair = ConnectionPair(server=Capability.FAST, extensions=("ut_pex",))
    pair.client.send_extension_handshake({})
    pair.client.send_port(6881)
    assert pair.client.send_extension("ut_pex", b"payload") is False
    assert not pair.client.has_data_to_send
    outgoing_connection = outgoing()
    outgoing_connection.send_port(6881)
    assert not outgoing_connection.has_data_to_send


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (codec.pack_simple(MessageId.HAVE_ALL), "have all"),
        (codec.pack_simple(MessageId.HAVE_NONE), "have none"),
        (codec.pack_index(MessageId.SUGGEST, 1), "suggest"),
        (codec.pack_index(MessageId.ALLOWED_FAST, 1), "allowed fast"),
        (codec.pack_request(MessageId.REJECT, BLOCK), "reject"),
    ],
)
def test_fast_messages_without_the_extension_end_the_peer(message: bytes, name: str) -> None:
    connection = opened(capabilities=NO_FAST)
    with pytest.raises(RemoteProtocolError, match=f"{name} without the fast extension"):
        connection.receive_data(message)


# -------------------------------------------------------------------------------------------------- extensions


def test_extension_messages_go_by_the_numbers_of_the_receiver() -> None:
    pair = ConnectionPair(extensions=("ut_metadata", "ut_pex"))
    pair.client.send_extension_handshake({"reqq": 7})
    pair.server.send_extension_handshake({})
    pair.server_hears()
    pair.client_hears()
    assert pair.server.extensions.request_queue == 7
    assert (pair.client.extensions.id_of("ut_pex"), pair.server.extensions.id_of("ut_pex")) == (1, 2)
    assert pair.client.send_extension("ut_pex", b"added") is True
    assert pair.server_hears() == [ExtensionMessage("ut_pex", b"added")]
    assert pair.server.send_extension("ut_metadata", memoryview(b"")) is True
    assert pair.client_hears() == [ExtensionMessage("ut_metadata", b"")]


def test_extension_messages_of_a_number_nobody_gave_are_skipped() -> None:
    connection = opened(registry=ExtensionRegistry(("ut_pex",)))
    connection.receive_data(codec.pack_extended(2, b"x") + codec.pack_extended(255, b""))
    assert take_events(connection) == []


def test_extension_messages_without_the_protocol_end_the_peer() -> None:
    connection = opened(capabilities=NO_EXTENSIONS)
    with pytest.raises(RemoteProtocolError, match="extended message without the extension protocol"):
        connection.receive_data(codec.pack_extended(0, b"de"))


@pytest.mark.parametrize("payload", [b"", b"le", b"d", b"garbage"])
def test_a_bad_extension_handshake_ends_the_peer(payload: bytes) -> None:
    connection = opened()
    with pytest.raises(RemoteProtocolError):
        connection.receive_data(codec.pack_extended(0, payload))
    assert connection.state is State.CLOSED


# --------------------------------------------------------------------------------- before the metadata is known


def early(
    *messages: bytes, shape: tuple[int, int, int] = (NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
) -> list[Event]:
    """What comes out of `messages` that came before the torrent's shape was known."""
    connection = opened(shape=False)
    connection.receive_data(b"".join(messages))
    assert take_events(connection) == []
    connection.set_num_pieces(*shape)
    return take_events(connection)


HAVE_ALL, HAVE_NONE = codec.pack_simple(MessageId.HAVE_ALL), codec.pack_simple(MessageId.HAVE_NONE)
BITFIELD = codec.pack_bitfield(b"\x80\x40")


@pytest.mark.parametrize(
    ("messages", "bits"),
    [
        pytest.param([BITFIELD], 0b1000000001, id="bitfield"),
        pytest.param([HAVE_ALL], ALL_PIECES, id="have all"),
        pytest.param([HAVE_NONE], 0, id="have none"),
        pytest.param([BITFIELD, codec.pack_have(5)], 0b1000100001, id="bitfield and have"),
        pytest.param([HAVE_NONE, codec.pack_have(0), codec.pack_have(9)], 0b1000000001, id="haves"),
        pytest.param([codec.pack_have(9)], 1 << 9, id="have alone"),
    ],
)
def test_what_a_peer_has_is_kept_for_the_metadata(messages: list[bytes], bits: int) -> None:
    assert early(*messages) == [PiecesReceived(bits)]


def test_a_peer_that_said_nothing_yet_may_say_it_later() -> None:
    assert early() == []
    connection = opened(shape=False)
    connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
    connection.receive_data(BITFIELD)
    assert take_events(connection) == [PiecesReceived(0b1000000001)]


def test_hints_before_the_metadata_are_skipped() -> None:
    hints = [codec.pack_index(kind, 1) for kind in (MessageId.SUGGEST, MessageId.ALLOWED_FAST)]
    assert early(*hints) == []


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(codec.pack_bitfield(b"\x80"), id="short bitfield"),
        pytest.param(codec.pack_bitfield(b"\x80\x41"), id="spare bits"),
        pytest.param(codec.pack_have(NUM_PIECES), id="have out of range"),
    ],
)
def test_what_does_not_fit_the_metadata_ends_the_peer(message: bytes) -> None:
    connection = opened(shape=False)
    connection.receive_data(message)
    with pytest.raises(RemoteProtocolError):
        connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
    assert connection.state is State.CLOSED
    assert take_events(connection) == []


def test_the_shape_may_be_told_again() -> None:
    connection = opened(shape=False)
    connection.receive_data(BITFIELD)
    for expected in ([PiecesReceived(0b1000000001)], []):
        connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
        assert take_events(connection) == expected


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(codec.pack_request(kind, BLOCK), id=kind.name)
        for kind in (MessageId.REQUEST, MessageId.CANCEL, MessageId.REJECT)
    ],
)
def test_blocks_named_before_the_metadata_end_the_peer(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="before the number of pieces is known"):
        opened(shape=False).receive_data(message)


def test_a_block_before_the_metadata_ends_the_peer() -> None:
    with pytest.raises(RemoteProtocolError, match="block before the number of pieces is known"):
        opened(shape=False).receive_data(codec.pack_block_header(0, 0, 3) + b"abc")


# ---------------------------------------------------------------------------------------------------- the end


def test_after_close_nothing_is_heard_and_output_stays() -> None:
    pair = ConnectionPair()
    pair.client.send_interested(True)
    pair.client.close()
    assert pair.client.state is State.CLOSED
    pair.client.receive_data(codec.pack_have(NUM_PIECES))
    assert pair.client.next_event() is None
    assert pair.server_hears() == [InterestChanged(True)]


def test_bytes_read_into_the_buffer_of_a_closed_connection_are_dropped() -> None:
    connection = opened()
    connection.receive_data(codec.pack_have(1)[:3])
    room = connection.receive_buffer()
    room[:6] = codec.pack_have(1)[3:]
    connection.close()
    connection.buffer_received(6)
    assert connection.next_event() is None


def test_an_error_is_raised_once_and_events_before_it_stay() -> None:
    connection = opened()
    block = codec.pack_block_header(1, 0, 3) + b"abc"
    bad = codec.pack_have(NUM_PIECES)
    with pytest.raises(RemoteProtocolError):
        connection.receive_data(codec.pack_have(1) + block + bad + codec.pack_have(2))
    connection.receive_data(codec.pack_have(3) + bad)
    assert take_events(connection) == [
        HaveReceived(PieceIndex(1)),
        BlocksReceived([(PieceIndex(1), 0, memoryview(b"abc"))]),
    ]


# ------------------------------------------------------------------------------------------------- the buffer


def test_connections_share_a_buffer_in_turns() -> None:
    buffer = ReceiveBuffer()
    connections = [PeerConnection(buffer=buffer, local=handshake_of(CLIENT_ID)) for _ in range(2)]
    shakes = [handshake_of(PeerId(bytes([index]) * 20)).pack() for index in range(2)]
    for half in (slice(None, 40), slice(40, None)):
        for connection, shake in zip(connections, shakes, strict=True):
            connection.receive_data(shake[half])
    for index, connection in enumerate(connections):
        (event,) = take_events(connection)
        assert event.peer_id == bytes([index]) * 20


def test_a_lent_buffer_may_come_back_empty() -> None:
    connection = opened()
    connection.receive_data(codec.pack_have(5)[:6])
    connection.receive_buffer()[:3] = b"xxx"
    connection.buffer_received(0)
    connection.receive_data(codec.pack_have(5)[6:])
    assert take_events(connection) == [HaveReceived(FIVE)]


def test_a_buffer_must_hold_more_than_a_message() -> None:
    assert len(ReceiveBuffer(MAX_FRAME + 64 * 1024).view) == MAX_FRAME + 64 * 1024
    with pytest.raises(ValueError, match="must hold a frame"):
        ReceiveBuffer(MAX_FRAME + 64 * 1024 - 1)


def test_more_than_the_buffer_holds_is_refused() -> None:
    connection = opened()
    room = len(connection.receive_buffer())
    unknown = MAX_FRAME.to_bytes(4, "big") + b"\x63" + bytes(MAX_FRAME - 1)
    connection.receive_data(unknown + bytes(room - len(unknown)))
    with pytest.raises(LocalProtocolError, match="bytes for a buffer with room for"):
        connection.receive_data(bytes(room + 1))
    assert connection.state is State.OPEN


def test_messages_of_numbers_of_nobody_can_be_sent_and_are_skipped() -> None:
    pair = ConnectionPair()
    pair.client.send_unknown(200, b"hello")
    pair.client.send_have(PieceIndex(3))
    assert pair.server_hears() == [HaveReceived(PieceIndex(3))]
    assert pair.server.counts.received[200] == 1


@pytest.mark.parametrize(("number", "size"), [(0, 0), (7, 20), (20, 1), (-1, 0), (256, 0), (200, MAX_FRAME)])
def test_other_numbers_and_sizes_are_refused(number: int, size: int) -> None:
    with pytest.raises(LocalProtocolError):
        ConnectionPair().client.send_unknown(number, bytes(size))


def test_a_subclass_may_hear_them() -> None:
    class Hearing(PeerConnection):
        __slots__ = ()

        def _handle_unknown(self, kind: int, payload: memoryview) -> None:
            self._events.append(UnknownMessage(kind, bytes(payload)))

    pair = ConnectionPair()
    pair.server.__class__ = Hearing
    pair.client.send_unknown(200, b"hello")
    assert pair.server_hears() == [UnknownMessage(200, b"hello")]


@pytest.mark.parametrize("most", [1, 100, 20_000, 1 << 30])
def test_what_is_lent_at_a_time_may_be_limited(most: int) -> None:
    """Messages longer than that are taken in several reads, and a block is the same."""
    buffer = ReceiveBuffer()
    buffer.set_most(most)
    connection = PeerConnection(buffer=buffer, local=handshake_of(SERVER_ID))
    connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
    data = bytes(range(256)) * 64
    sent = handshake_of(CLIENT_ID).pack() + codec.pack_message(99, bytes(100_000))
    sent += codec.pack_message(MessageId.PIECE, (5).to_bytes(4, "big") + bytes(4) + data)
    assert len(connection.receive_buffer()) == min(most, len(buffer.data))
    found: list[Event] = []
    blocks: list[bytes] = []
    while sent:
        room = connection.receive_buffer()
        assert 0 < len(room) <= max(most, 16_384)
        count = min(len(room), len(sent))
        room[:count], sent = sent[:count], sent[count:]
        connection.buffer_received(count)
        for event in take_events(connection):
            found.append(event)
            if isinstance(event, BlocksReceived):
                blocks += [bytes(block) for _, _, block in event.blocks]
    assert blocks == [data]
    assert connection.state is State.OPEN
    assert isinstance(found[0], HandshakeReceived)


def test_what_came_behind_a_handshake_may_be_more_than_is_lent() -> None:
    buffer = ReceiveBuffer()
    connection = PeerConnection(buffer=buffer)
    connection.receive_data(handshake_of(CLIENT_ID).pack() + codec.pack_message(99, bytes(50_000)))
    buffer.set_most(1000)
    connection.accept(handshake_of(SERVER_ID))
    assert connection.state is State.OPEN
    assert len(connection.receive_buffer()) == 1000


# ------------------------------------------------------------------------------------------------- v2 torrents (BEP 52)


def test_pieces_that_end_with_their_file() -> None:
    """Piece 2 has 100 bytes, and others follow."""
    connection = opened(shape=False)
    connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE, short_pieces={2: 100, 9: 5_000})
    good = [
        Request(PieceIndex(1), 16384, 16384),
        Request(PieceIndex(2), 0, 100),
        Request(PieceIndex(3), 0, 16384),
    ]
    connection.receive_data(codec.pack_requests(good))
    assert take_events(connection) == [RequestsReceived([request]) for request in good]
    with pytest.raises(RemoteProtocolError, match=r"block 0\+101 beyond the end of piece 2"):
        connection.receive_data(codec.pack_requests([(2, 0, 101)]))


def test_what_a_connection_is_about() -> None:
    pair = ConnectionPair(accept=False)
    assert (pair.client.torrent_name, pair.server.torrent_name) == (INFO_HASH, None)
    pair.server_hears()
    assert pair.server.torrent_name == INFO_HASH
    pair.server.accept(pair.server_handshake)
    assert pair.server.torrent_name == INFO_HASH


@pytest.mark.parametrize(
    ("data", "knows"),
    [
        (b"", False),
        (codec.pack_simple(MessageId.HAVE_NONE), False),
        (codec.pack_simple(MessageId.HAVE_ALL), True),
        (codec.pack_bitfield(b"\x80"), True),
        (codec.pack_have(7), True),
    ],
)
def test_who_has_pieces_has_the_metadata(data: bytes, *, knows: bool) -> None:
    connection = opened(shape=False)
    connection.receive_data(data)
    assert connection.knows_pieces is knows
