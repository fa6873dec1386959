"""Torrents that turn out to be SSL torrents, and the certificates programs give for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.types import InfoHashes
from evtorrent.session import (
    AddTorrentParams,
    CloseReason,
    ErrorFile,
    TorrentErrc,
    TorrentFlags,
    TorrentHandle,
)
from evtorrent.session.alerts import (
    AddTorrentAlert,
    PeerDisconnectedAlert,
    TorrentErrorAlert,
    TorrentNeedCertAlert,
)
from support.ssl_torrents import SslContent, authority, star
from support.world import Node, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def node(world: World) -> Node:
    return world.node()


def add(node: Node, content: Any, **fields: Any) -> TorrentHandle:
    handle = node.session.add_torrent(content.params(Path("/nowhere"), **fields))
    node.world.pump()
    return handle


def errors(node: Node) -> list[tuple[int, str]]:
    return [(alert.error.value, alert.filename) for alert in node.alerts(TorrentErrorAlert)]


def test_it_is_told_after_the_torrent_was_added(node: Node) -> None:
    handle = add(node, SslContent())
    (alert,) = node.alerts(TorrentNeedCertAlert)
    assert alert.handle == handle
    assert alert.message() == "secret needs SSL certificate"
    kinds = [type(each) for each in node.seen]
    assert kinds.index(AddTorrentAlert) < kinds.index(TorrentNeedCertAlert)


def test_nobody_is_dialled_before_there_is_a_certificate(world: World, node: Node) -> None:
    dialled: list[Any] = []
    world.listening["10.9.9.1", 6881] = lambda sock, address: dialled.append(sock)
    handle = add(node, SslContent())
    handle.connect_peer(("10.9.9.1", 6881))
    world.advance(3)
    assert not dialled
    handle.set_ssl_certificate_buffer(star().certificate, star().key.encode())
    world.advance(3)
    assert dialled and bytes(dialled[0].inbox).startswith(
        b"\x16\x03"
    )  # a TLS handshake, and nothing before it
    assert not errors(node)


def test_a_bad_root_stops_the_torrent_for_good(world: World, node: Node) -> None:
    dialled: list[Any] = []
    world.listening["10.9.9.1", 6881] = lambda sock, address: dialled.append(sock)
    handle = add(node, SslContent(root=b"nonsense"))
    assert errors(node) == [(TorrentErrc.invalid_ssl_cert, "")]
    assert not node.alerts(TorrentNeedCertAlert)
    assert handle.status().errc.value == TorrentErrc.invalid_ssl_cert
    assert handle.status().error_file == ErrorFile.ssl_ctx
    handle.set_ssl_certificate_buffer(star().certificate, star().key)
    handle.clear_error()
    handle.resume()
    handle.connect_peer(("10.9.9.1", 6881))
    world.advance(3)
    assert not dialled


def test_a_torrent_that_needs_none(node: Node, tmp_path: Path) -> None:
    from support.sessions import Content

    handle = add(node, Content(1000))
    handle.set_ssl_certificate_buffer(star().certificate, star().key)
    assert errors(node) == [(TorrentErrc.not_an_ssl_torrent, "")]
    assert not node.alerts(TorrentNeedCertAlert)


def test_certificates_in_files(node: Node, tmp_path: Path) -> None:
    locked = authority().issue("*", passphrase="pass")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text(locked.certificate)
    key.write_text(locked.key)
    handle = add(node, SslContent())
    handle.set_ssl_certificate(str(certificate), str(tmp_path / "missing.pem"))
    handle.set_ssl_certificate(str(certificate), str(key), "", "wrong")
    handle.set_ssl_certificate(str(certificate), str(key), str(certificate), "pass")
    assert errors(node) == [
        (2, str(tmp_path / "missing.pem")),
        (TorrentErrc.invalid_ssl_cert, str(certificate)),
        (TorrentErrc.invalid_ssl_cert, str(certificate)),
    ]
    torrent = node.core.torrents[handle.info_hash()]
    assert torrent.tls is not None and not torrent.tls.is_ready
    handle.set_ssl_certificate(str(certificate), str(key), passphrase="pass")
    assert torrent.tls.is_ready
    assert not torrent.error  # what is wrong with a certificate does not stop it


def test_the_parameters_may_bring_the_root(node: Node) -> None:
    content = SslContent()
    params = AddTorrentParams(
        info_hashes=InfoHashes(content.info.info_hashes.v1),
        save_path="/nowhere",
        root_certificate=authority().pem.decode(),
        flags=TorrentFlags(0),
    )
    node.session.add_torrent(params)
    node.world.pump()
    assert len(node.alerts(TorrentNeedCertAlert)) == 1


def test_metadata_that_brings_a_root_ends_plain_connections(world: World, node: Node) -> None:
    content = SslContent(1000)
    world.listening["10.9.9.1", 6881] = lambda sock, address: None
    params = AddTorrentParams(
        info_hashes=InfoHashes(content.info.info_hashes.v1), save_path="/nowhere", flags=TorrentFlags(0)
    )
    handle = node.session.add_torrent(params)
    handle.connect_peer(("10.9.9.1", 6881))
    world.advance(1)
    torrent = node.core.torrents[handle.info_hash()]
    assert torrent.swarm is not None and len(torrent.swarm.links) == 1
    assert not node.alerts(TorrentNeedCertAlert)
    torrent.metadata_received(content.info)
    world.advance(1)
    assert len(node.alerts(TorrentNeedCertAlert)) == 1
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.reason is CloseReason.protocol_blocked
    assert "requires TLS" in alert.message()
    assert not torrent.swarm.links
