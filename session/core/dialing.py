"""How a peer is reached: over every transport that the settings allow at once, with what `Routes` puts on top.

Peers on I2P are reached through the SAM bridge and in no other way, whatever proxy there is.  With a proxy for peers both go through
it; uTP only where the proxy has datagrams (`datagrams.py`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn, cast

from ...protocols.errors import TransportBroken, TransportError
from ...protocols.sam import is_i2p_host
from ...protocols.transport import ChainContext, Transport, build_chain
from ...protocols.transport.dial import dial
from ...protocols.transport.race import Race
from ...protocols.types import Address, Sha1Hash

if TYPE_CHECKING:
    from ...protocols.engine.ports import Platform
    from ...protocols.peer.connection import PeerConnection
    from ..torrent.peer_list import KnownPeer
    from .core import Core

__all__ = ["dial_peer"]


def dial_peer(
    core: Core, address: Address, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None
) -> Transport:
    """A transport that connects to `address` for the torrent `name`.  With several kinds allowed the first of
    `SessionParams.peer_transports`, uTP by default, has the head start, as in libtorrent.

    Where none is possible it is one that fails at once.
    """
    if is_i2p_host(address[0]):
        try:
            return core.i2p.dial(address, name, connection, peer)
        except TransportError as error:
            return Race(core.base, [partial(_raise, error)], address=address)
    transports, is_ssl = core.transports, core.ssl_peers.is_ssl(name)
    bases = transports.to_dial(address, is_ssl=is_ssl)
    if bases == ["tcp"] and not transports.has_filters_on("tcp"):
        chain, options = core.routes.to_peer("tcp", name, connection, peer)
        return dial(
            core.base,
            *address,
            chain=chain,
            options=options,
            timeout=float(core.tuning.peer_connect_timeout),
            platform=cast("Platform", core.outgoing),
        )
    ways = [partial(transports.dial, base, address, is_ssl=is_ssl) for base in bases]
    race = Race(core.base, ways or [_no_way], address=address)
    # What is above belongs to whichever wins: a handshake is made once.
    filters, options = core.routes.on_top(name, connection, peer)
    return build_chain(race, filters, ChainContext(core.base, *address, options=options))


def _raise(error: TransportError) -> NoReturn:
    raise error


def _no_way() -> NoReturn:
    raise TransportBroken("connect", "no transport is allowed that leads there")
