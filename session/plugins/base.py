"""What a program subclasses to extend a session: `SessionPlugin`, `TorrentPlugin`, `PeerPlugin`.

The hooks are libtorrent's (`extensions.hpp`), with its names.  One that a class does not define is never called and costs
nothing: there are no feature flags to set.  All run on the loop's thread, in the middle of things, and must not block.
Commands of handles that give nothing back (`pause`, `add_tracker`, …) are carried out right after the hook.

A hook that raises is reported by a `PluginErrorAlert`, and the session goes on: see each class.

Left out: hooks into the DHT, web seeds and the encryption of streams; `can_disconnect`, for an end is final here.  A class that
defines one of them is refused, so that none waits for a call that never comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import TYPE_CHECKING, Any

from ...protocols.bits import Bitfield
from ...protocols.peer.messages import Request
from ...protocols.types import Address, InfoHashes
from ..errors import ErrorCode
from ..flags import PeerSource
from ..status import TorrentState

if TYPE_CHECKING:
    from ..alerts.base import Alert
    from ..handle import TorrentHandle
    from ..params import AddTorrentParams
    from ..session import Session
    from .peer_handle import PeerConnectionHandle

__all__ = [
    "NO_UNCHOKE_PRIORITY",
    "UNSUPPORTED_HOOKS",
    "AddPeerFlags",
    "PeerPlugin",
    "SessionPlugin",
    "TorrentPlugin",
]

NO_UNCHOKE_PRIORITY = 2**64 - 1
"""What `SessionPlugin.get_unchoke_priority` gives for a peer it has no opinion of."""


class AddPeerFlags(IntFlag):
    """What became of a peer that was heard of (`TorrentPlugin.on_add_peer`)."""

    first_time = 1 << 1
    """It was not known before."""
    filtered = 1 << 2
    """The IP filter or the port filter forbids it; it was not added."""


class SessionPlugin:
    """Extends a session; given to `Session.add_extension` or `SessionParams(extensions=…)`.

    A hook that raises is reported; what it was asked for counts as not given.
    """

    name: str = ""
    """What reports call it; the class's name when it is empty."""

    def added(self, session: Session) -> None:
        """It is in a session now.  One that raises here is left out."""

    def abort(self) -> None:
        """The session is closing: let go of what must not outlive it."""

    def new_torrent(self, handle: TorrentHandle, userdata: Any) -> TorrentPlugin | None:
        """A torrent was added, with this `AddTorrentParams.userdata` (Any: it is the program's); what to extend it with."""
        return None

    def on_alert(self, alert: Alert) -> None:
        """An alert that `alert_mask` lets through was posted a moment ago."""

    def on_tick(self) -> None:
        """Once a tick of the session (`tick_interval`, half a second by default)."""

    def on_unknown_torrent(
        self, info_hashes: InfoHashes, peer: PeerConnectionHandle, params: AddTorrentParams
    ) -> bool:
        """A peer asks for a torrent that is not here.  Fill `params`, which has its name, and return True to add it."""
        return False

    def get_unchoke_priority(self, peer: PeerConnectionHandle) -> int:
        """The peer's turn for an optimistic slot: lower numbers come first.  Of several plug-ins the lowest counts."""
        return NO_UNCHOKE_PRIORITY

    def save_state(self) -> Mapping[str, bytes]:
        """What to find again another time, by names that begin with the plug-in's own (`Session.session_state`)."""
        return {}

    def load_state(self, state: Mapping[str, bytes]) -> None:
        """What `save_state` of all plug-ins gave, from `SessionParams.ext_state`; called before `added`."""


class TorrentPlugin:
    """Extends a torrent; made by `SessionPlugin.new_torrent`, `AddTorrentParams.extensions` or `TorrentHandle.add_extension`.

    A hook that raises is reported; where it had a choice, the session does as it would without the plug-in.  When
    `new_connection` raises, that connection ends.
    """

    name: str = ""
    """What reports call it; the class's name when it is empty."""

    extension_names: tuple[str, ...] = ()
    """Extensions of the peer wire (BEP 10) its peer plug-ins speak: they are offered to peers of this torrent.  The session
    numbers them, so that two plug-ins cannot collide."""

    def new_connection(self, peer: PeerConnectionHandle) -> PeerPlugin | None:
        """A peer comes: it is being dialled, or named this torrent in its handshake.  What to extend the connection with."""
        return None

    def on_piece_pass(self, piece: int) -> None:
        """A piece from peers is verified and on disk."""

    def on_piece_failed(self, piece: int) -> None:
        """A piece from peers has the wrong hash."""

    def tick(self) -> None:
        """Once a tick of the session, while the torrent is online."""

    def on_pause(self) -> bool:
        """The torrent is about to be paused.  True leaves it running, unless an error stops it, and asks no other plug-in."""
        return False

    def on_resume(self) -> bool:
        """The torrent is about to be resumed.  True leaves it paused, and asks no other plug-in."""
        return False

    def on_files_checked(self) -> None:
        """What is on disk is known; it can start to download."""

    def on_state(self, state: TorrentState) -> None:
        """The state shown outside is another one."""

    def on_add_peer(self, address: Address, source: PeerSource, flags: AddPeerFlags) -> None:
        """Somebody told of a peer."""


class PeerPlugin:
    """Extends one connection; made by `TorrentPlugin.new_connection`.  Web seeds have none.

    Hooks named after a message that came: True means the message is dealt with; neither the plug-ins after this one nor the session
    see it.  `sent_` hooks: the message is on its way.  A hook that raises ends this connection and no other; a
    RemoteProtocolError says that the peer is to blame, and ends it as broken rules do, without a `PluginErrorAlert`.
    """

    name: str = ""
    """What reports call it; the class's name when it is empty."""

    # ------------------------------------------------------------------------------------------------- its life

    def add_handshake(self, fields: dict[str, Any]) -> None:
        """Our extension handshake is about to leave; add to its fields (BEP 10), which are to be bencoded (hence Any)."""

    def on_connected(self) -> None:
        """A peer that was dialled is connected.  Not called for those that called."""

    def on_handshake(self, reserved: bytes) -> bool:
        """Its handshake is in; `reserved` are the 8 bytes of capabilities.  False removes the plug-in from the connection."""
        return True

    def on_extension_handshake(self, message: Mapping[bytes, Any]) -> bool:
        """Its extension handshake, decoded (Any: by the peer).  False removes the plug-in from the connection.

        A plug-in that came to a connection later is given what is known: the extensions the peer speaks.
        """
        return True

    def on_disconnect(self, error: ErrorCode) -> None:
        """The connection ended."""

    def tick(self) -> None:
        """Once a tick of the session, after the handshake."""

    def on_piece_pass(self, piece: int) -> None:
        """A piece this peer sent blocks of is verified and on disk; perhaps after the connection ended."""

    def on_piece_failed(self, piece: int) -> None:
        """A piece this peer sent blocks of has the wrong hash; perhaps after the connection ended, for just that."""

    # --------------------------------------------------------------------------------------- messages that came

    def on_choke(self) -> bool:
        """choke"""
        return False

    def on_unchoke(self) -> bool:
        """unchoke"""
        return False

    def on_interested(self) -> bool:
        """interested"""
        return False

    def on_not_interested(self) -> bool:
        """not interested"""
        return False

    def on_have(self, piece: int) -> bool:
        """have"""
        return False

    def on_dont_have(self, piece: int) -> bool:
        """lt_donthave (BEP 54)"""
        return False

    def on_bitfield(self, pieces: Bitfield) -> bool:
        """bitfield, and what peers of a magnet link said before its metadata came"""
        return False

    def on_have_all(self) -> bool:
        """have all (BEP 6)"""
        return False

    def on_have_none(self) -> bool:
        """have none (BEP 6)"""
        return False

    def on_allowed_fast(self, piece: int) -> bool:
        """allowed fast (BEP 6)"""
        return False

    def on_request(self, request: Request) -> bool:
        """request.  Who returns True answers it."""
        return False

    def on_piece(self, request: Request, data: memoryview) -> bool:
        """A block came.  `data` is valid during the call.  One that is dealt with here is off the order: others may be asked."""
        return False

    def on_cancel(self, request: Request) -> bool:
        """cancel"""
        return False

    def on_reject(self, request: Request) -> bool:
        """reject (BEP 6)"""
        return False

    def on_suggest(self, piece: int) -> bool:
        """suggest (BEP 6)"""
        return False

    def on_extended(self, name: str, payload: bytes) -> bool:
        """A message of an extension that is offered, whoever offers it (BEP 10)."""
        return False

    def on_unknown_message(self, message_id: int, payload: bytes) -> bool:
        """A message whose number means nothing to the session."""
        return False

    # --------------------------------------------------------------------------------------- messages that left

    def write_request(self, request: Request) -> bool:
        """A block is about to be asked for.  True: the plug-in asks for it itself; the block stays on order."""
        return False

    def sent_choke(self) -> None:
        """choke"""

    def sent_unchoke(self) -> None:
        """unchoke"""

    def sent_interested(self) -> None:
        """interested"""

    def sent_not_interested(self) -> None:
        """not interested"""

    def sent_have(self, piece: int) -> None:
        """have"""

    def sent_have_all(self) -> None:
        """have all (BEP 6)"""

    def sent_have_none(self) -> None:
        """have none (BEP 6)"""

    def sent_request(self, request: Request) -> None:
        """request"""

    def sent_cancel(self, request: Request) -> None:
        """cancel"""

    def sent_reject_request(self, request: Request) -> None:
        """reject (BEP 6)"""

    def sent_allow_fast(self, piece: int) -> None:
        """allowed fast (BEP 6)"""

    def sent_suggest(self, piece: int) -> None:
        """suggest (BEP 6)"""

    def sent_piece(self, request: Request) -> None:
        """A block left, as far as the transport took it."""

    def sent_payload(self, num_bytes: int) -> None:
        """So many bytes of blocks left since the last call."""


UNSUPPORTED_HOOKS = {
    "on_dht_request": "the DHT asks no plug-ins",
    "on_optimistic_unchoke": "get_unchoke_priority took its place",
    "can_disconnect": "the end of a connection is final here",
    "wrap_socket": "transports are chains of filters: see protocols/transport",
    "implemented_features": "hooks that are defined are called",
}
"""Hooks of libtorrent's that are not here, and why."""
