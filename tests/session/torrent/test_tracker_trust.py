"""HTTPS servers of torrents: the authority of an SSL torrent vouches for its own, and the system's for all others."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from evtorrent.session.alerts import TrackerErrorAlert, TrackerReplyAlert, UrlSeedAlert
from evtorrent.session.errors import ErrorCode
from support.certificates import server_context
from support.sessions import Content, Member
from support.ssl_torrents import SslContent, authority, star
from support.trackers import LocalTracker
from support.waiting import wait_for
from support.web_server import WebServer


@pytest.fixture
def server_of_authority(tmp_path: Path) -> ssl.SSLContext:
    """A server that the authority of the SSL torrents vouches for, and that wants to see who asks."""
    pair = authority().issue("localhost", alternative=("localhost",))
    path = tmp_path / "server.pem"
    path.write_text(pair.certificate + pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority().pem.decode())
    context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize("kind", ["ssl", "plain", "ssl without certificate", "stranger", "careless"])
def test_trackers(tmp_path: Path, server_of_authority: ssl.SSLContext, kind: str) -> None:
    context = server_context() if kind in ("stranger", "careless") else server_of_authority
    content = Content(1000) if kind == "plain" else SslContent(1000)
    with (
        LocalTracker(tls=context) as tracker,
        Member({"validate_https_trackers": kind != "careless"}) as member,
    ):
        url = tracker.https_url.replace("127.0.0.1", "localhost")
        handle = member.add(content, tmp_path / "files")
        if kind in ("ssl", "stranger"):
            handle.set_ssl_certificate_buffer(star().certificate, star().key)
        handle.add_tracker(url)
        if kind in ("ssl", "careless"):
            member.wait(TrackerReplyAlert)
            handle.scrape_tracker()
            wait_for(lambda: len(tracker.requests) == 2)
        else:
            member.wait(TrackerErrorAlert)
            assert not tracker.requests


@pytest.mark.parametrize("kind", ["ssl", "plain"])
def test_web_seeds(tmp_path: Path, server_of_authority: ssl.SSLContext, kind: str) -> None:
    content = SslContent(50_000) if kind == "ssl" else Content(50_000)
    with WebServer(tls=server_of_authority) as server, Member() as member:
        server.offer(content.info, content.data)
        handle = member.add(content, tmp_path / "files")
        if kind == "ssl":
            handle.set_ssl_certificate_buffer(star().certificate, star().key)
        handle.add_url_seed(server.url.replace("127.0.0.1", "localhost"))
        if kind == "ssl":
            member.finish(handle)
            content.assert_in(tmp_path / "files")
        else:
            assert "certificate" in member.wait(UrlSeedAlert).message()
            assert not server.requests


@pytest.mark.parametrize("is_validating", [True, False])
def test_validation_of_web_seeds_is_a_setting(tmp_path: Path, is_validating: bool) -> None:
    content = Content(50_000)
    settings = {"validate_https_trackers": is_validating}
    with WebServer(tls=server_context()) as server, Member(settings) as member:
        server.offer(content.info, content.data)
        handle = member.add(content, tmp_path, url_seeds=[server.url])
        if is_validating:
            alert = member.wait(UrlSeedAlert)
            assert "certificate" in alert.message()
            assert alert.error != ErrorCode.from_errno(1)
            assert not server.requests
        else:
            member.finish(handle)


def test_internationalized_names_are_not_asked(tmp_path: Path) -> None:
    with Member() as member:
        member.add(Content(1000), tmp_path, url_seeds=["http://bücher.localhost/"])
        assert "xn--bcher-kva.localhost" in member.wait(UrlSeedAlert).message()
