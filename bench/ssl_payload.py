"""A payload whose peers need a certificate, for the case `tls`: an authority, one certificate of its for everybody, the torrent."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from evtorrent.protocols.bencode import decode, encode

from .payload import Payload

__all__ = ["SslPayload", "make_ssl_payload"]

_DAYS = 2
"""How long the certificates hold: the files of an earlier run are made anew."""


@dataclass(frozen=True, slots=True)
class SslPayload(Payload):
    """The same data as an SSL torrent."""

    @property
    def torrent(self) -> Path:
        """The .torrent file."""
        return self.folder / "ssl.torrent"

    @property
    def certificate(self) -> Path:
        """PEM of what every peer shows."""
        return self.folder / "peer.crt"

    @property
    def key(self) -> Path:
        """PEM of its key."""
        return self.folder / "peer.key"


def make_ssl_payload(plain: Payload) -> SslPayload:
    """Beside the plain torrent, of the same file."""
    payload = SslPayload(plain.folder, plain.size)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _sign("authority", root_key, root_key, is_root=True)
    payload.certificate.write_bytes(_sign("*", key, root_key, is_root=False))
    payload.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    table = decode(plain.torrent.read_bytes())
    assert isinstance(table, dict)
    info = table[b"info"]
    assert isinstance(info, dict)
    payload.torrent.write_bytes(encode({b"info": {**info, b"ssl-cert": root}}))
    return payload


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, root_key: ec.EllipticCurvePrivateKey, *, is_root: bool
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
