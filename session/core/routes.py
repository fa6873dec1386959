"""How others are reached: the chain of transports and its options, from what the services of the session say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...protocols.types import Sha1Hash

if TYPE_CHECKING:
    from ...protocols.peer.connection import PeerConnection
    from ..torrent.peer_list import KnownPeer
    from .core import Core

__all__ = ["Routes"]


class Routes:
    """Chains for `dial`."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def to_peer(
        self, base: str, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None
    ) -> tuple[str, dict[str, Any]]:
        """(chain, options) of a connection for the torrent `name`.  Any: as `dial` takes them.

        Where our handshake travels with that of the chain it is taken out of `connection`.
        """
        proxy = self._core.proxying.for_peers
        filters, options = self.on_top(name, connection, peer)
        chain = "+".join((base, *filters))
        if proxy is not None:
            chain = f"{proxy.kind}+{chain}"
            options["proxy"] = proxy
        return chain, options

    def on_top(
        self, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None
    ) -> tuple[list[str], dict[str, Any]]:
        """(filters, options) of what runs on whichever transport leads to the peer; otherwise as `to_peer`.

        Peers of an SSL torrent speak TLS and nothing else; others may be encrypted.
        """
        core = self._core
        if core.ssl_peers.is_ssl(name):
            return ["tls"], core.ssl_peers.outgoing_options(name)
        if core.encryption.wants_to_encrypt(peer):
            return ["mse"], core.encryption.outgoing_options(name, connection, peer)
        return [], {}
