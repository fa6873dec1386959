"""A torrent that turns out to be an SSL torrent, and the certificate the program gives for it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from ..alerts import TorrentErrorAlert, TorrentNeedCertAlert
from ..close_reason import CloseReason
from ..errors import ErrorCode, SessionError, TorrentErrc
from .link_end import LinkEnded
from .peer_tls import Identity, PeerTls

if TYPE_CHECKING:
    from .torrent import Torrent

__all__ = ["read_identity", "set_identity", "take_root_certificate", "tell_unreadable"]


def take_root_certificate(torrent: Torrent) -> None:
    """If there is a root certificate, in the parameters or the metadata, peers speak TLS from now on.

    Connections without TLS end.  A certificate that is none stops the torrent: it never goes on without one.
    """
    info = torrent.info
    root = torrent.params.root_certificate.encode() or (info.ssl_cert if info is not None else b"")
    if not root or torrent.tls is not None:
        return
    torrent.tls = PeerTls(root, lambda: torrent.info.name if torrent.info is not None else "")
    if torrent.swarm is not None:
        torrent.swarm.close_all(LinkEnded(CloseReason.protocol_blocked, "the torrent requires TLS"))
    if torrent.tls.error is not None:
        torrent.set_error(_error(torrent.tls.error))
    else:
        torrent.post(TorrentNeedCertAlert)


def read_identity(certificate: str, private_key: str, dh_params: str, passphrase: str) -> Identity:
    """From PEM files.  OSError, with the name of the file."""
    return Identity(
        Path(certificate).read_bytes(),
        Path(private_key).read_bytes(),
        Path(dh_params).read_bytes() if dh_params else b"",
        passphrase,
    )


def set_identity(torrent: Torrent, identity: Identity, shown_as: str) -> None:
    """Show this certificate to peers; what is wrong with it is posted, as is that the torrent needs none."""
    if torrent.tls is None:
        torrent.post(TorrentErrorAlert, ErrorCode.of(TorrentErrc.not_an_ssl_torrent), "")
        return
    try:
        torrent.tls.set_identity(identity)
    except (ssl.SSLError, OSError) as exc:
        torrent.post(TorrentErrorAlert, _error(exc).code, shown_as)


def tell_unreadable(torrent: Torrent, error: OSError) -> None:
    """A file of a certificate could not be read."""
    torrent.post(TorrentErrorAlert, ErrorCode.from_exception(error), str(error.filename or ""))


def _error(cause: OSError) -> SessionError:
    value = TorrentErrc.invalid_ssl_cert
    standard = ErrorCode.of(value)
    return SessionError(code=ErrorCode(standard.value, standard.category, f"{standard.message}: {cause}"))
