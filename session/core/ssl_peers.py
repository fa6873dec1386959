"""Peers of SSL torrents: whom a caller means is its server name, the info-hash in hexadecimal (SNI).

Calls on a listen socket with the suffix `s` speak TLS, calls on the others do not.  The context a call begins with trusts nobody
and has nothing to show; the torrent's own takes its place while the greeting is read, or the call ends.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from ...protocols.transport import ChainContext, Transport, build_chain
from ...protocols.types import Address, Sha1Hash
from ..torrent.peer_tls import PeerTls, plain_context

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from .core import Core

__all__ = ["SslPeers"]

_NAME_SIZE = 40
"""Hexadecimal digits of a server name that count, as in libtorrent."""


class SslPeers:
    """TLS of all SSL torrents of a session."""

    __slots__ = ("_context", "_core")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._context: ssl.SSLContext | None = None

    def is_ssl(self, name: Sha1Hash) -> bool:
        """Peers of this torrent speak TLS."""
        return self._tls_of(name) is not None

    def outgoing_options(self, name: Sha1Hash) -> dict[str, Any]:
        """Options of a chain with "tls" to a peer of the SSL torrent `name`, which is ready.  Any: as `dial` takes them."""
        tls = self._tls_of(name)
        assert tls is not None and tls.client_context is not None
        return {
            "tls_context": tls.client_context,
            "tls_server_hostname": bytes(name).hex(),
            "tls_verify": tls.verify,
        }

    def put_on_accepted(self, transport: Transport, address: Address) -> Transport:
        """What a call on an `s` endpoint is read through."""
        if self._context is None:
            self._context = plain_context(ssl.PROTOCOL_TLS_SERVER)
            self._context.sni_callback = self._on_server_name
        options = {"tls_context": self._context, "tls_verify": self._verify}
        context = ChainContext(self._core.base, *address, is_inbound=True, options=options)
        return build_chain(transport, ["tls"], context)

    def belongs_to(self, link: PeerLink, tls: PeerTls | None) -> bool:
        """The connection is as those of this torrent have to be: under its own TLS, or (None) under no TLS at all."""
        context = link.transport.query("tls_context")
        return tls.owns(context) if tls is not None else context is None

    def _on_server_name(self, sock: Any, name: str | None, _: ssl.SSLContext) -> int | None:
        # Any: the standard library types it so; it is an SSLObject here.
        try:
            wanted = Sha1Hash(bytes.fromhex((name or "")[:_NAME_SIZE]))
        except ValueError:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls = self._tls_of(wanted)
        if tls is None or tls.server_context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        sock.context = tls.server_context
        return None

    def _verify(self, tls: ssl.SSLObject) -> None:
        owner = getattr(tls.context, "tls", None)
        if owner is None:  # Nobody was named, and nobody asked.
            raise ssl.SSLCertVerificationError("the peer names no torrent")
        owner.verify(tls)

    def _tls_of(self, name: Sha1Hash) -> PeerTls | None:
        torrent = self._core.find(name)
        return torrent.tls if torrent is not None else None
