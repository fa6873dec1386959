"""Two peer connections without a network: what one says the other hears, so that a test reads as a conversation."""

from __future__ import annotations

from typing import Any

from evtorrent.protocols.peer.connection import PeerConnection, ReceiveBuffer
from evtorrent.protocols.peer.extensions.registry import ExtensionRegistry
from evtorrent.protocols.peer.handshake import Capability, Handshake
from evtorrent.protocols.peer.messages import BlocksReceived, Event, RequestsReceived
from evtorrent.protocols.types import PeerId, Sha1Hash

INFO_HASH = Sha1Hash(b"\xaa" * 20)
CLIENT_ID = PeerId(b"-EV0100-client-12345")
SERVER_ID = PeerId(b"-EV0100-server-12345")
EVERYTHING = Capability.FAST | Capability.EXTENSION | Capability.DHT

PIECE_LENGTH = 32 * 1024
NUM_PIECES = 10
TOTAL_SIZE = 9 * PIECE_LENGTH + 5_000
"""A torrent of ten pieces, the last one shorter than a block."""


def handshake_of(peer_id: PeerId, capabilities: Capability = EVERYTHING) -> Handshake:
    return Handshake.with_capabilities(INFO_HASH, peer_id, capabilities)


def flat(events: list[Event]) -> list[Any]:
    """`events` with batches taken apart and payloads copied: the same however the bytes were cut."""
    result: list[Any] = []
    for event in events:
        if isinstance(event, BlocksReceived):
            result += [
                BlocksReceived([(piece, begin, memoryview(bytes(data)))])
                for piece, begin, data in event.blocks
            ]
        elif isinstance(event, RequestsReceived):
            result += [RequestsReceived([request]) for request in event.requests]
        else:
            result.append(event)
    return result


def take_events(connection: PeerConnection) -> list[Any]:
    events: list[Event] = []
    while (event := connection.next_event()) is not None:
        events.append(event)
    return flat(events)


class FlatConnection:
    """A connection for `feed_all_ways`: batches come apart, so that events do not depend on how the input is cut."""

    def __init__(self, connection: PeerConnection) -> None:
        self.connection = connection
        self._events: list[Any] = []

    def receive_data(self, data: bytes) -> None:
        try:
            self.connection.receive_data(data)
        finally:
            self._events += take_events(self.connection)

    def next_event(self) -> Any:
        return self._events.pop(0) if self._events else None


def outgoing(
    *,
    capabilities: Capability = EVERYTHING,
    registry: ExtensionRegistry | None = None,
    shape: bool = True,
) -> PeerConnection:
    """A connection that waits for the answer to its handshake; with `shape` it knows the torrent's pieces."""
    connection = PeerConnection(
        buffer=ReceiveBuffer(), local=handshake_of(CLIENT_ID, capabilities), registry=registry
    )
    connection.data_to_send()
    if shape:
        connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
    return connection


def opened(
    *,
    capabilities: Capability = EVERYTHING,
    registry: ExtensionRegistry | None = None,
    shape: bool = True,
) -> PeerConnection:
    """A connection whose peer has shaken hands."""
    connection = outgoing(capabilities=capabilities, registry=registry, shape=shape)
    connection.receive_data(handshake_of(SERVER_ID).pack())
    take_events(connection)
    return connection


class ConnectionPair:
    """A client that called and a server that was called.  Both share a receive buffer, as all of one loop do."""

    def __init__(
        self,
        *,
        client: Capability = EVERYTHING,
        server: Capability = EVERYTHING,
        extensions: tuple[str, ...] = (),
        shape: bool = True,
        accept: bool = True,
    ) -> None:
        buffer = ReceiveBuffer()
        self.server_handshake = handshake_of(SERVER_ID, server)
        self.client = PeerConnection(
            buffer=buffer, local=handshake_of(CLIENT_ID, client), registry=ExtensionRegistry(extensions)
        )
        self.server = PeerConnection(buffer=buffer, registry=ExtensionRegistry(tuple(reversed(extensions))))
        if shape:
            for connection in (self.client, self.server):
                connection.set_num_pieces(NUM_PIECES, PIECE_LENGTH, TOTAL_SIZE)
        if accept:
            self.server_hears()
            self.server.accept(self.server_handshake)
            self.client_hears()

    def server_hears(self) -> list[Any]:
        """Deliver what the client said, and give what the server makes of it."""
        return deliver(self.client, self.server)

    def client_hears(self) -> list[Any]:
        """Deliver what the server said, and give what the client makes of it."""
        return deliver(self.server, self.client)


def deliver(source: PeerConnection, target: PeerConnection) -> list[Any]:
    events: list[Any] = []
    for data in source.data_to_send():
        target.receive_data(data)
        events += take_events(target)
    return events
