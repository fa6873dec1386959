"""TLS between the peers of an SSL torrent: its root certificate, ours, and whom we take for a peer.

As in libtorrent: the metadata holds the certificate of an authority (`ssl-cert`).  Every peer shows a certificate signed by that
authority and no other, whose name is the torrent's or "*": one of the DNS names among its alternative names, or the most
specific common name.  Both sides show one and both look.

Left out: resumption of TLS sessions, which would carry what was proved for one torrent over to another.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["ANY_TORRENT", "Identity", "PeerTls", "names_of", "plain_context"]

ANY_TORRENT = "*"
"""The name of a certificate that is good for every torrent of its authority."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, as PEM."""

    certificate: bytes
    private_key: bytes
    dh_params: bytes = b""
    """Parameters of Diffie-Hellman for TLS 1.2; b"" leaves them to OpenSSL."""
    passphrase: str = ""
    """Of the private key."""

    def __repr__(self) -> str:
        return f"Identity({len(self.certificate)} bytes)"  # without the key


class PeerTls:
    """The TLS of one SSL torrent.  Without an identity it connects to nobody and nobody can connect."""

    __slots__ = ("_client", "_name", "_root", "_server", "_web", "error")

    def __init__(self, root: bytes, name: Callable[[], str]) -> None:
        """`root` is PEM.  `name` gives the torrent's name, "" while it is not known."""
        self._root = root.decode("ascii", "ignore")
        self._name = name
        self._client: ssl.SSLContext | None = None
        self._server: ssl.SSLContext | None = None
        self._web: ssl.SSLContext | None = None
        self.error: ssl.SSLError | None = None
        """What is wrong with the root certificate; it is never ready then."""
        try:
            self._new_context(ssl.PROTOCOL_TLS_CLIENT)
        except ssl.SSLError as exc:
            self.error = exc

    @property
    def is_ready(self) -> bool:
        """It has a certificate to show."""
        return self._server is not None

    @property
    def client_context(self) -> ssl.SSLContext | None:
        """For what we dial."""
        return self._client

    @property
    def server_context(self) -> ssl.SSLContext | None:
        """For who dials us."""
        return self._server

    @property
    def web_context(self) -> ssl.SSLContext:
        """For HTTPS servers, whose names are those of hosts; signed by the same authority, and shown our certificate."""
        if self._web is None:
            self._web = self._new_web_context(None)
        return self._web

    def set_identity(self, identity: Identity) -> None:
        """Show this one from now on.  ssl.SSLError when it cannot be used; then the one before stays."""
        client, server = (
            self._new_context(ssl.PROTOCOL_TLS_CLIENT),
            self._new_context(ssl.PROTOCOL_TLS_SERVER),
        )
        for context in (client, server):
            _load(context, identity)
        self._client, self._server, self._web = client, server, self._new_web_context(identity)

    def owns(self, context: object) -> bool:
        """A connection under `context` proved itself to this torrent."""
        return isinstance(context, _PeerContext) and context.tls is self

    def verify(self, tls: ssl.SSLObject) -> None:
        """The handshake is done and the certificate signed by the right authority: look whom it is for.  ssl.SSLError."""
        if tls.session_reused:
            raise ssl.SSLCertVerificationError("the peer resumes a session, which proves nothing")
        try:
            names = names_of(tls.getpeercert() or {})
        except ValueError as exc:
            raise ssl.SSLCertVerificationError(f"the peer's certificate: {exc}") from exc
        wanted = self._name()
        if ANY_TORRENT not in names and (not wanted or wanted not in names):
            shown = ", ".join(sorted(names)) or "nobody"
            raise ssl.SSLCertVerificationError(
                f"the peer's certificate is for {shown} and not for {wanted!r}"
            )

    def _new_context(self, protocol: int) -> _PeerContext:
        context = plain_context(protocol)
        context.tls = self
        try:
            context.load_verify_locations(cadata=self._root)
        except ValueError as exc:  # what the standard library says of nothing at all
            raise ssl.SSLError(str(exc)) from exc
        return context

    def _new_web_context(self, identity: Identity | None) -> ssl.SSLContext:
        context = plain_context(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody
        if self.error is None:
            context = self._new_context(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = True
        if identity is not None:
            _load(context, identity)
        return context


class _PeerContext(ssl.SSLContext):
    """A context that knows whose it is."""

    tls: PeerTls | None = None


def plain_context(protocol: int) -> _PeerContext:
    """A context that demands a certificate and trusts nobody yet."""
    context = _PeerContext(protocol)
    context.check_hostname = False  # `verify` looks at names; the server name is an info-hash
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    return context


def names_of(certificate: Any) -> set[str]:
    """Whom a certificate, as `getpeercert` gives it, is for.  (Any: the standard library types its values so.)"""
    names = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    common = [
        value
        for relative in certificate.get("subject", ())
        for kind, value in relative
        if kind == "commonName"
    ]
    return (names | set(common[-1:])) - {""}


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    def passphrase() -> str:
        return identity.passphrase  # a function, or OpenSSL would ask at the terminal for one that is empty

    with ExitStack() as files:
        certificate = files.enter_context(_as_file(identity.certificate))
        key = files.enter_context(_as_file(identity.private_key))
        context.load_cert_chain(certificate, key, passphrase)
        if identity.dh_params:
            context.load_dh_params(files.enter_context(_as_file(identity.dh_params)))


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path for OpenSSL, which the standard library lets read files only; in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:  # only its owner may look into it
        path = os.path.join(folder, "pem")
        with open(path, "wb") as file:
            file.write(content)
        yield path
