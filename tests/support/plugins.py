"""Plug-ins that write down what they hear or raise where they are told to, and a conversation that reaches every hook.

A `Stage` is a session in a `World` whose torrent has the first two pieces of four, and a guest, a `Wire`, whose connection is
extended by what the test says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evtorrent.protocols.bencode import encode
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.session import PeerPlugin, PluginErrorAlert, SessionPlugin, TorrentPlugin
from support.world import (
    BLOCK,
    CHOKE,
    HAVE_ALL,
    HAVE_NONE,
    INTERESTED,
    NOT_INTERESTED,
    UNCHOKE,
    Wire,
    World,
    answer,
    bitfield,
    numbers,
    request,
    torrent_of,
)

Log = list[tuple[Any, ...]]

CAPABILITIES = Capability.FAST | Capability.EXTENSION
UNKNOWN = 77
"""A number no message has."""
DONT_HAVE = 9
"""The number a guest gave lt_donthave (which the session never sends)."""


def hooks(base: type) -> list[str]:
    """Every hook of a base class."""
    return [name for name, value in vars(base).items() if callable(value) and not name.startswith("_")]


def recording(
    base: type,
    log: Log,
    *,
    only: Sequence[str] = (),
    answers: Mapping[str, Any] | None = None,
    **fields: Any,
) -> type:
    """A class of plug-ins that writes down the calls of its hooks; `answers` are what they give, or make it."""
    given = answers or {}

    def make(hook: str) -> Callable[..., Any]:
        def method(self: Any, *args: Any) -> Any:
            log.append((hook, *args))
            if hook not in given:
                return getattr(base, hook)(self, *args)
            return given[hook](*args) if callable(given[hook]) else given[hook]

        return method

    return type(
        f"Recording{base.__name__}", (base,), {hook: make(hook) for hook in only or hooks(base)} | fields
    )


def raising(base: type, *names: str, error: Exception | None = None) -> type:
    """A class of plug-ins whose hooks of these names raise."""

    def method(self: Any, *args: Any) -> Any:
        raise error if error is not None else ZeroDivisionError("oops")

    return type(f"Raising{base.__name__}", (base,), dict.fromkeys(names, method))


def for_peers(make: Callable[[Any], PeerPlugin | None], **fields: Any) -> Callable[..., TorrentPlugin]:
    """What makes a torrent plug-in that extends connections by what `make(peer)` gives."""

    def new_connection(self: Any, peer: Any) -> PeerPlugin | None:
        return make(peer)

    kind = type("ForPeers", (TorrentPlugin,), {"new_connection": new_connection} | fields)
    return lambda handle, userdata: kind()


def extended(number: int, payload: bytes) -> bytes:
    """A message of the extension protocol."""
    return (len(payload) + 2).to_bytes(4, "big") + bytes([MessageId.EXTENDED, number]) + payload


def numbered(wire: Wire) -> dict[bytes, int]:
    """The numbers the session gave its extensions, from the handshakes heard since the last call."""
    from evtorrent.protocols.bencode import decode_prefix

    found: dict[bytes, int] = {}
    for _, body in wire.heard("extended"):
        if body[0] == 0:
            found |= decode_prefix(body[1:])[0][b"m"]
    return found


class Stage:
    """A session, its torrent, and a guest."""

    HOST = "10.9.9.1"

    def __init__(
        self, *, have: Sequence[int] = (0, 1), piece_blocks: int = 2, parts: Any = None, **settings: Any
    ) -> None:
        self.world = World()
        self.node = self.world.node(parts=parts, **settings)
        self.info, self.content = torrent_of(4, piece_blocks_each=piece_blocks)
        self.torrent = self.node.add(self.info, self.content, pieces=have)
        self.world.pump()
        self.wire = self.guest(self.HOST, 1)

    def guest(self, host: str, number: int = 2) -> Wire:
        """A peer that has not called yet."""
        name = self.info.info_hashes.best()
        peer_id = b"-XX0000-%012d" % number
        return Wire(self.world, name, host=host, peer_id=peer_id, capabilities=CAPABILITIES)

    def extend(self, make: Callable[[Any], PeerPlugin | None], **fields: Any) -> None:
        """Extend the guest's connection, and no other, by what `make(peer)` gives."""
        self.torrent.handle.add_extension(
            for_peers(lambda peer: make(peer) if peer.remote[0] == self.HOST else None, **fields)
        )

    def faults(self) -> list[tuple[str, str]]:
        """(plug-in, hook) of the errors reported so far."""
        return [(alert.plugin, alert.hook) for alert in self.node.alerts(PluginErrorAlert)]

    # ---------------------------------------------------------------------------------------------- conversations

    def call(self) -> None:
        """The guest calls and says what it speaks."""
        self.wire.call(self.node)
        self.wire.say(extended(0, encode({"m": {"lt_donthave": DONT_HAVE, "xx_note": 8}})))
        self.numbers = numbered(self.wire)

    def dial(self) -> None:
        """The guest is dialled."""
        self.wire.listen()
        self.torrent.handle.connect_peer((self.HOST, 6881))
        self.world.pump()

    def talk(self) -> None:
        """Every message there is, in both directions."""
        wire, world = self.wire, self.world
        wire.say(HAVE_NONE, bitfield(0b0010, 4), numbers(MessageId.HAVE, 0), HAVE_ALL)
        wire.say(INTERESTED, request(0, 0), request(0, BLOCK), request(2, 0))
        wire.say(numbers(MessageId.CANCEL, 1, 0, BLOCK))
        wire.say(extended(self.numbers[b"lt_donthave"], (1).to_bytes(4, "big")))
        wire.say((4).to_bytes(4, "big") + bytes([UNKNOWN]) + b"huh")
        wire.say(numbers(MessageId.SUGGEST, 2), numbers(MessageId.ALLOWED_FAST, 3), UNCHOKE)
        _, piece, begin, length = wire.heard("request")[0]
        wire.say(numbers(MessageId.REJECT, piece, begin, length))
        world.advance(1)
        wire.heard()
        world.advance(30)  # What is on order is late, and cancelled.
        wire.say(CHOKE, UNCHOKE)
        for _ in range(20):
            if not answer(wire, self.content, self.info.piece_length):
                world.advance(1)
        wire.say(NOT_INTERESTED)
        world.advance(1)

    def bad_piece(self) -> None:
        """The guest sends a piece with wrong bytes."""
        self.wire.say(HAVE_ALL, UNCHOKE)
        for _ in range(20):
            if not answer(self.wire, self.content, self.info.piece_length, spoil=lambda piece: True):
                return

    def assert_serves(self, host: str = "10.9.9.7") -> None:
        """Somebody else is served, and the node's own work goes on."""
        other = self.guest(host, 7).call(self.node)
        other.say(INTERESTED, request(0, 0))
        assert other.blocks or other.heard("piece")
        assert other.blocks[0, 0] == self.content[:BLOCK]
        assert not other.is_closed
        assert not self.node.errors
        other.hang_up()


SESSION_HOOKS = hooks(SessionPlugin)
TORRENT_HOOKS = hooks(TorrentPlugin)
PEER_HOOKS = hooks(PeerPlugin)
