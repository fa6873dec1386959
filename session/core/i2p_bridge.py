"""The session on I2P: its connection to the SAM bridge, who calls, and how peers and trackers there are reached.

The bridge is `i2p_hostname` and `i2p_port`.  The session lasts as long as its own connection; one stream waits for callers
at a time, since older bridges allow no more.  What ends is begun again, after a second first, then twice as long each time,
five minutes at most.  While there is no session, nobody on I2P is dialled and no tracker there is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ...protocols.engine.ports import Timer
from ...protocols.errors import EvtorrentError, TransportBroken
from ...protocols.peer.client_id import make_peer_id
from ...protocols.sam import Destination, TunnelOptions
from ...protocols.transport import Transport, dial
from ...protocols.transport.sam import BRIDGE_PORT, SamOptions
from ...protocols.types import Address, Sha1Hash
from ..alerts import I2pAlert, ListenFailedAlert
from ..errors import ErrorCode, Operation, TorrentErrc
from ..flags import SocketType
from .i2p_caller import Caller
from .i2p_control import Control
from .i2p_errors import i2p_code
from .i2p_mixing import I2P_PATIENCE, is_i2p_torrent

if TYPE_CHECKING:
    from ...protocols.peer.connection import PeerConnection
    from ..torrent.peer_list import KnownPeer
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["I2P_PORT", "I2P_SETTINGS", "MAX_KNOWN", "I2pBridge"]

I2P_SETTINGS = frozenset({"i2p_hostname", "i2p_port"})
"""Settings that make another session."""
I2P_PORT = 6881
"""What trackers are told for a port, which there is none of: not zero, and the same for everybody."""
MAX_KNOWN = 2000
"""Destinations of peers that are remembered, so that nobody has to be asked for them."""
_FIRST_DELAY = 1.0
_MAX_DELAY = 300.0


class I2pBridge:
    """One session's way to I2P and back."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.known: OrderedDict[str, Destination] = OrderedDict()
        """Destinations by their names, those heard of last at the end."""
        self._control: Control | None = None
        self._caller: Caller | None = None
        self._retry: Timer | None = None
        self._delay = _FIRST_DELAY
        self._is_closed = False
        self.destination: Destination | None = None
        """Who we are there, while there is a session."""
        # Another one than outside: who meets us on both networks shall not see that we are the same.
        self.peer_id = make_peer_id(core.settings.get_str("peer_fingerprint"), core.platform.random_bytes(20))

    # ---------------------------------------------------------------------------------------------------- commands

    def open(self) -> None:
        """Begin, if the settings name a bridge."""
        if self.is_wanted and self._control is None and not self._is_closed:
            self._begin()

    def settings_changed(self, changed: set[str]) -> None:
        """Another bridge, or none: the session is begun anew.  What tunnels are like counts from the next one on."""
        if changed & I2P_SETTINGS and not self._is_closed:
            self._end()
            self._delay = _FIRST_DELAY
            self.open()

    def close(self) -> None:
        """End the session for good.  Repeatable."""
        self._is_closed = True
        self._end()

    def torrent_started(self, torrent: Torrent) -> None:
        """If it is on I2P and no bridge is named, nothing will come of it: say so."""
        if is_i2p_torrent(torrent) and not self.is_wanted:
            self._core.alerts.emplace(I2pAlert, ErrorCode.of(TorrentErrc.no_i2p_router))

    def remember(self, destination: Destination) -> None:
        """Somebody told who is behind a name."""
        self.known[destination.name] = destination
        self.known.move_to_end(destination.name)
        while len(self.known) > MAX_KNOWN:
            self.known.popitem(last=False)

    def dial(
        self, address: Address, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None
    ) -> Transport:
        """A transport that connects to a peer on I2P.  TransportBroken while there is no session."""
        core = self._core
        if self.destination is None:
            raise TransportBroken("connect", "there is no session on I2P")
        if address[0] == self.destination.name:
            raise TransportBroken("connect", "that is us")
        filters, options = core.routes.on_top(name, connection, peer)
        options["proxy"] = self._options(self.known.get(address[0]))
        timeout = float(core.tuning.peer_connect_timeout)
        return dial(
            core.base, *address, chain="+".join(("sam+tcp", *filters)), options=options, timeout=timeout
        )

    # ----------------------------------------------------------------------------------------------------- queries

    @property
    def is_wanted(self) -> bool:
        """The settings name a bridge."""
        return bool(self._core.settings.get_str("i2p_hostname"))

    @property
    def is_open(self) -> bool:
        """There is a session."""
        return self.destination is not None

    # ------------------------------------------------------------------------------------ from the two connections

    def session_made(self, destination: Destination) -> None:
        """The bridge made us a session."""
        core = self._core
        self._delay = _FIRST_DELAY
        self.destination = destination
        core.tracker_client.sam = self._options()
        self._listen()
        self._tell_torrents()
        for torrent in list(core.active):
            if torrent.tracking is not None:
                torrent.tracking.i2p_opened()

    def session_lost(self, error: EvtorrentError) -> None:
        """There is none, or none any more."""
        self._end()
        self._core.alerts.emplace(I2pAlert, i2p_code(error))
        self._begin_later()

    def called(self, caller: Caller) -> None:
        """Somebody called; the next one may."""
        destination = caller.transport.destination
        assert destination is not None
        self._caller = None
        self.remember(destination)
        caller.hand_over(self._core.transports, (destination.name, 0))
        self._listen()

    def call_failed(self, error: EvtorrentError) -> None:
        """Nobody can call for the moment."""
        self._caller = None
        code = i2p_code(error)
        self._core.alerts.emplace(
            ListenFailedAlert, "i2p", *self._address, Operation.sock_accept, code, SocketType.i2p
        )
        self._begin_later()

    # ----------------------------------------------------------------------------------------------------- private

    @property
    def _address(self) -> Address:
        settings = self._core.settings
        return settings.get_str("i2p_hostname"), settings.get_int("i2p_port") or BRIDGE_PORT

    def _options(self, known: Destination | None = None) -> SamOptions:
        assert self._control is not None
        timeout = float(self._core.tuning.peer_connect_timeout) * I2P_PATIENCE
        return SamOptions(self._address, self._control.session_id, known=known, timeout=timeout)

    def _begin(self) -> None:
        settings = self._core.settings
        tunnels = TunnelOptions(
            inbound_quantity=settings.get_int("i2p_inbound_quantity"),
            outbound_quantity=settings.get_int("i2p_outbound_quantity"),
            inbound_length=settings.get_int("i2p_inbound_length"),
            outbound_length=settings.get_int("i2p_outbound_length"),
            inbound_length_variance=settings.get_int("i2p_inbound_length_variance"),
            outbound_length_variance=settings.get_int("i2p_outbound_length_variance"),
        )
        self._control = Control(self._core, self, self._address, tunnels)

    def _listen(self) -> None:
        if self._control is None or self._caller is not None or not self.is_open:
            return
        self._caller = Caller(self._core, self, self._options())

    def _begin_later(self) -> None:
        if self._retry is None and not self._is_closed:
            self._retry = self._core.base.call_later(self._delay, self._on_retry)
            self._delay = min(2 * self._delay, _MAX_DELAY)

    def _on_retry(self) -> None:
        self._retry = None
        if self._control is None:
            self.open()
        else:
            self._listen()

    def _tell_torrents(self) -> None:
        for torrent in dict.fromkeys(self._core.torrents.values()):
            if torrent.peers is not None:
                torrent.peers.set_reaches_i2p(self.is_open)

    def _end(self) -> None:
        self.destination = None
        self._tell_torrents()
        self._core.tracker_client.sam = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._caller is not None:
            self._caller.close()
            self._caller = None
        if self._control is not None:
            self._control.close()
            self._control = None
