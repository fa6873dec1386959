"""SSL torrents for tests: authorities, certificates signed by them, and torrents that hold an authority's certificate."""

from __future__ import annotations

import base64
import datetime
import functools
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from evtorrent.protocols.bencode import decode, encode
from evtorrent.protocols.metainfo import TorrentInfo
from support.sessions import Content

LISTENING = {"listen_interfaces": "127.0.0.1:0,127.0.0.1:0s"}
"""Settings with a port for peers of SSL torrents."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


class Authority:
    """Signs certificates of peers."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.BasicConstraints(ca=True, path_length=None)
        self.pem = self._sign(self._name, self._key.public_key(), [], usage).public_bytes(
            serialization.Encoding.PEM
        )
        """Its own certificate, for the torrent."""

    def issue(self, *common: str, alternative: tuple[str, ...] = (), passphrase: str = "") -> Pair:
        """A certificate for a peer."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common])
        usage = x509.BasicConstraints(ca=False, path_length=None)
        certificate = self._sign(subject, key.public_key(), list(alternative), usage)
        lock = (
            serialization.BestAvailableEncryption(passphrase.encode())
            if passphrase
            else serialization.NoEncryption()
        )
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        alternative: list[str],
        usage: x509.BasicConstraints,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(usage, critical=True)
        )
        if alternative:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in alternative])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@functools.cache
def authority() -> Authority:
    """The one most tests need."""
    return Authority()


@functools.cache
def star() -> Pair:
    """A certificate of `authority()` for every torrent."""
    return authority().issue("*")


@functools.cache
def dh_params() -> str:
    """PEM of the group ffdhe2048 (RFC 7919 appendix A.1), from its formula."""
    bits = 1918 + 64
    euler, term, count = 0, 1 << bits, 0
    while term:
        euler += term
        count += 1
        term //= count
    prime = (1 << 2048) - (1 << 1984) + (((euler >> 64) + 560316) << 64) - 1
    assert prime.bit_length() == 2048
    number = b"\0" + prime.to_bytes(256, "big")
    integers = b"\x02\x82" + len(number).to_bytes(2, "big") + number + b"\x02\x01\x02"
    der = b"\x30\x82" + len(integers).to_bytes(2, "big") + integers
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n"


class SslContent(Content):
    """A torrent whose peers need a certificate."""

    def __init__(self, size: int = 200_000, *, root: bytes | None = None, name: str = "secret") -> None:
        super().__init__(size, name=name)
        table = decode(bytes(self.info.info_section))
        assert isinstance(table, dict)
        table[b"ssl-cert"] = authority().pem if root is None else root
        self.info = TorrentInfo.from_info(encode(table))
