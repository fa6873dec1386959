"""Encryption of peer connections (MSE) as the settings say, with libtorrent's meaning of each.

`out_enc_policy`: forced: only encrypted; disabled: only plain; enabled: encrypted first, and a peer that does not answer to
that is tried again at once without.  What worked last is remembered with the peer.
`in_enc_policy`: forced: plain connections are refused; disabled: encrypted ones are; enabled: both are welcome.
`allowed_enc_level` says what the stream may be behind the handshake, and `prefer_rc4` what we choose of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...protocols.mse import Method
from ...protocols.mse.key_exchange import hash_of_skey
from ...protocols.transport import ChainContext, Transport, build_chain
from ...protocols.transport.mse import CipherBuffers, MseOptions
from ...protocols.types import Sha1Hash
from ..flags import EncPolicy, PeerFlags

if TYPE_CHECKING:
    from ...protocols.peer.connection import PeerConnection
    from ..torrent.peer_link import PeerLink
    from ..torrent.peer_list import KnownPeer
    from .core import Core

__all__ = ["Encryption", "encryption_flags"]


class Encryption:
    """Which connections of a session are encrypted, and how."""

    __slots__ = ("_buffers", "_core", "_names")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._buffers = CipherBuffers()
        self._names: dict[bytes, Sha1Hash] = {}
        """By what a caller names a torrent with."""

    def torrent_added(self, name: Sha1Hash) -> None:
        """A caller may ask for this torrent."""
        self._names[hash_of_skey(name)] = name

    def torrent_removed(self, name: Sha1Hash) -> None:
        """It is not ours any more."""
        self._names.pop(hash_of_skey(name), None)

    def put_on_accepted(self, transport: Transport) -> Transport:
        """What an accepted connection is read through; itself when encryption is disabled."""
        policy = self._core.tuning.in_enc_policy
        if policy == EncPolicy.disabled:
            return transport
        options = MseOptions(
            find_skey=self._names.get,
            methods=self._methods,
            prefer_rc4=self._core.tuning.prefer_rc4,
            takes_plain=policy == EncPolicy.enabled,
            timeout=float(self._core.mixing.handshake_timeout(str((transport.peer_address or ("", 0))[0]))),
            buffers=self._buffers,
        )
        context = ChainContext(self._core.base, is_inbound=True, options={"mse": options})
        return build_chain(transport, ["mse"], context)

    def wants_to_encrypt(self, peer: KnownPeer | None) -> bool:
        """The next connection to `peer` shall be encrypted."""
        policy = self._core.tuning.out_enc_policy
        if policy == EncPolicy.enabled:
            return peer is None or peer.encrypts
        return policy == EncPolicy.forced

    def outgoing_options(
        self, name: Sha1Hash, connection: PeerConnection, peer: KnownPeer | None = None
    ) -> dict[str, Any]:
        """Options of a chain with "mse"; our BitTorrent handshake goes within that of MSE.  Any: as `dial` takes them."""
        options = MseOptions(
            skey=name,
            methods=self._methods,
            initial_payload=b"".join(connection.data_to_send()),
            timeout=float(self._core.mixing.handshake_timeout(peer.address[0] if peer is not None else "")),
            buffers=self._buffers,
        )
        return {"mse": options}

    def handshake_done(self, link: PeerLink) -> None:
        """An outgoing connection works: the next one to this peer begins like it."""
        if link.outgoing and link.peer is not None:
            link.peer.encrypts = link.transport.query("mse_method") is not None

    def attempt_ended(self, link: PeerLink) -> bool:
        """A connection ended before its handshake: an outgoing one may have to begin the other way next time.

        True when that may be at once: what failed was encryption and not the peer.
        """
        if self._core.tuning.out_enc_policy != EncPolicy.enabled or not link.outgoing or link.peer is None:
            return False
        transport = link.transport
        if transport.query("mse_begun") and transport.query("mse_method") is None:
            link.peer.encrypts = False
            return True
        if link.is_connected:
            link.peer.encrypts = True
        return False

    @property
    def _methods(self) -> Method:
        return Method(self._core.tuning.allowed_enc_level)


def encryption_flags(link: PeerLink) -> PeerFlags:
    """How a connection is encrypted, for `PeerInfo`."""
    return _FLAGS.get(link.transport.query("mse_method"), PeerFlags(0))


_FLAGS = {Method.RC4: PeerFlags.rc4_encrypted, Method.PLAINTEXT: PeerFlags.plaintext_encrypted}
