"""Whom the TLS of an SSL torrent takes for a peer: handshakes in memory, without sockets."""

from __future__ import annotations

import ssl

import pytest
from evtorrent.session.torrent import peer_tls
from evtorrent.session.torrent.peer_tls import Identity, PeerTls, names_of, plain_context
from support.ssl_torrents import Authority, Pair, authority, dh_params, star

NAME = "the torrent"


def identity(pair: Pair, **more: object) -> Identity:
    return Identity(pair.certificate.encode(), pair.key.encode(), **more)  # type: ignore[arg-type]


def side(pair: Pair | None = None, name: str = NAME, root: bytes | None = None) -> PeerTls:
    tls = PeerTls(authority().pem if root is None else root, lambda: name)
    if pair is not None:
        tls.set_identity(identity(pair))
    return tls


def shake_hands(
    dialled: PeerTls, called: PeerTls, *, version: ssl.TLSVersion | None = None
) -> list[ssl.SSLObject]:
    """A whole handshake, then both look at each other.  Gives (client, server)."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    assert dialled.client_context is not None and called.server_context is not None
    if version is not None:
        dialled.client_context.maximum_version = version
    client = dialled.client_context.wrap_bio(down, up, server_hostname="ab" * 20)
    server = called.server_context.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    dialled.verify(client)
    called.verify(server)
    return [client, server]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("names", [("*",), (NAME,), ("other", NAME)])
def test_certificates_that_are_good_enough(names: tuple[str, ...], version: ssl.TLSVersion) -> None:
    ends = shake_hands(side(authority().issue(*names)), side(star()), version=version)
    assert {end.version() for end in ends} == {str(version.name).replace("_", ".")}


@pytest.mark.parametrize("alternative", [("*",), ("other", NAME)])
def test_alternative_names_count(alternative: tuple[str, ...]) -> None:
    shake_hands(side(authority().issue("nobody", alternative=alternative)), side(star()))


@pytest.mark.parametrize("dialled_is_bad", [True, False])
@pytest.mark.parametrize(
    ("names", "alternative"),
    [(("other",), ()), ((NAME, "other"), ()), ((NAME.upper(),), ()), ((), ()), (("x",), ("**", NAME + "x"))],
)
def test_certificates_for_somebody_else(
    names: tuple[str, ...], alternative: tuple[str, ...], dialled_is_bad: bool
) -> None:
    bad = side(authority().issue(*names, alternative=alternative))
    ends = (bad, side(star())) if dialled_is_bad else (side(star()), bad)
    with pytest.raises(ssl.SSLCertVerificationError, match="and not for 'the torrent'"):
        shake_hands(*ends)


@pytest.mark.parametrize("dialled_is_bad", [True, False])
def test_certificates_of_another_authority(dialled_is_bad: bool) -> None:
    other = Authority()
    bad = side(other.issue("*"))
    ends = (bad, side(star())) if dialled_is_bad else (side(star()), bad)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shake_hands(*ends)


def test_before_the_name_is_known_only_a_star_is_good() -> None:
    shake_hands(side(star(), name=""), side(star()))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(side(star(), name=""), side(authority().issue(NAME)))


def test_who_shows_none_is_refused() -> None:
    called = side(star())
    assert called.server_context is not None
    nobody = plain_context(ssl.PROTOCOL_TLS_CLIENT)
    nobody.verify_mode = ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = nobody.wrap_bio(down, up)
    server = called.server_context.wrap_bio(up, down, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    client.do_handshake()
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        server.do_handshake()


def test_a_context_knows_its_torrent() -> None:
    tls, other = side(star()), side(star())
    assert tls.owns(tls.client_context) and tls.owns(tls.server_context)
    before = tls.server_context
    tls.set_identity(identity(star()))
    assert tls.server_context is not before and tls.owns(before)
    assert not tls.owns(other.client_context)
    assert not tls.owns(None)
    assert not tls.owns(ssl.create_default_context())


class Resumed:
    """What `verify` looks at, of a session that was resumed, or with a certificate that cannot be read."""

    def __init__(self, *, session_reused: bool) -> None:
        self.session_reused = session_reused

    def getpeercert(self) -> object:
        raise ValueError("no certificate that can be read")


@pytest.mark.parametrize(("is_resumed", "text"), [(True, "resumes"), (False, "can be read")])
def test_what_proves_nothing(is_resumed: bool, text: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=text):
        side(star()).verify(Resumed(session_reused=is_resumed))  # type: ignore[arg-type]


def test_sessions_are_not_resumed() -> None:
    dialled, called = side(star()), side(star())
    client, _ = shake_hands(dialled, called, version=ssl.TLSVersion.TLSv1_2)
    assert client.session is None or not client.session.has_ticket


@pytest.mark.parametrize(
    "root", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----"]
)
def test_a_root_that_is_none(root: bytes) -> None:
    tls = side(root=root)
    assert isinstance(tls.error, ssl.SSLError)
    with pytest.raises(ssl.SSLError):
        tls.set_identity(identity(star()))
    assert not tls.is_ready
    assert tls.client_context is tls.server_context is None


def test_an_identity_that_cannot_be_used_changes_nothing() -> None:
    tls = side(star())
    before = tls.client_context
    other = authority().issue("*")
    for bad in (Pair(star().certificate, other.key), Pair("", star().key), Pair(star().certificate, "x")):
        with pytest.raises(ssl.SSLError):
            tls.set_identity(identity(bad))
    with pytest.raises(ssl.SSLError):
        tls.set_identity(identity(star(), dh_params=b"nonsense"))
    assert tls.is_ready and tls.client_context is before


def test_locked_keys() -> None:
    locked = authority().issue("*", passphrase="open sesame")
    tls = side()
    assert not tls.is_ready
    for wrong in ("", "open"):
        with pytest.raises(ssl.SSLError):
            tls.set_identity(identity(locked, passphrase=wrong))
    tls.set_identity(identity(locked, passphrase="open sesame", dh_params=dh_params().encode()))
    shake_hands(tls, side(star()))
    assert "sesame" not in repr(identity(locked, passphrase="open sesame"))


def test_where_memory_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(peer_tls.os, "memfd_create")
    assert side(star()).is_ready


def test_names_in_a_certificate() -> None:
    subject = ((("countryName", "XY"),), (("commonName", "first"),), (("commonName", "last"),))
    alternative = (("DNS", "a"), ("IP Address", "127.0.0.1"), ("DNS", ""))
    assert names_of({"subject": subject, "subjectAltName": alternative}) == {"last", "a"}
    assert names_of({}) == set()
