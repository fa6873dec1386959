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
        encryption, proxy = self._core.encryption, self._core.proxying.for_peers
        chain, options = base, {}
        if proxy is not None:
            chain = f"{proxy.kind}+{base}"
            options["proxy"] = proxy
        if encryption.wants_to_encrypt(peer):
            chain += "+mse"
            options.update(encryption.outgoing_options(name, connection))
        return chain, options
