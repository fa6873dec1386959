"""How a peer is reached: over uTP, over TCP, or both at once, as the settings say, with what `Routes` puts on top.

With a proxy for peers no socket of ours listens, so there is none for uTP either: TCP through the proxy is all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...protocols.errors import TransportBroken
from ...protocols.transport import ChainContext, Transport, build_chain, parse_chain
from ...protocols.transport.dial import dial
from ...protocols.transport.race import Race
from ...protocols.types import Address, Sha1Hash

if TYPE_CHECKING:
    from ...protocols.peer.connection import PeerConnection
    from ..torrent.peer_list import KnownPeer
    from .core import Core

__all__ = ["dial_peer"]


def dial_peer(
    core: Core, address: Address, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None
) -> Transport:
    """A transport that connects to `address` for the torrent `name`.  With both kinds allowed uTP has the head start, as in
    libtorrent.

    Where neither is possible it is one that fails at once.
    """
    chain, options = core.routes.to_peer("tcp", name, connection, peer)
    with_tcp, with_utp = core.tuning.enable_outgoing_tcp, _may_use_utp(core, address)
    if with_tcp and not with_utp:
        return _dial_tcp(core, address, chain, options)
    ways: list[Callable[[], Transport]] = []
    if with_utp:
        ways.append(lambda: core.datagrams.dial(address))
    if with_tcp:
        ways.append(lambda: _dial_tcp(core, address, "tcp", {}))
    race = Race(core.base, ways or [_no_way], address=address)
    # What is above belongs to whichever wins: a handshake is made once.
    return build_chain(race, parse_chain(chain)[1], ChainContext(core.base, *address, options=options))


def _may_use_utp(core: Core, address: Address) -> bool:
    # Datagrams would go around the proxy.
    is_direct = core.proxying.for_peers is None
    return is_direct and core.tuning.enable_outgoing_utp and core.datagrams.can_dial(address)


def _no_way() -> Transport:
    raise TransportBroken("connect", "neither uTP nor TCP may be used")


def _dial_tcp(core: Core, address: Address, chain: str, options: dict[str, Any]) -> Transport:
    """Any: as `dial` takes them."""
    return dial(
        core.base,
        address[0],
        address[1],
        chain=chain,
        options=options,
        timeout=float(core.tuning.peer_connect_timeout),
        source=core.outgoing_source(address),
    )
