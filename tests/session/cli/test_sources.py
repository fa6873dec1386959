from __future__ import annotations

import http.server
import threading

import pytest
from evtorrent.protocols import bencode
from evtorrent.session.cli import sources
from evtorrent.session.cli.exit_status import CommandFailed, ExitStatus
from evtorrent.session.cli.sources import load_source
from support.torrents import v1_info

V1 = str(v1_info().info_hashes.v1)
TORRENT = bencode.encode({"info": bencode.RawValue(v1_info().info_section)})


@pytest.fixture
def web():
    """A web server with one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer = TORRENT

        def do_GET(self):
            found = self.path == "/x.torrent"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(Handler.answer)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/x.torrent"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file(tmp_path):
    path = tmp_path / "x.torrent"
    path.write_bytes(TORRENT)
    assert load_source(str(path)).ti.name == "file"


@pytest.mark.parametrize("uri", [V1, f"magnet:?xt=urn:btih:{V1}", f"MAGNET:?xt=urn:btih:{V1.upper()}"])
def test_links_and_bare_hashes(uri):
    assert str(load_source(uri).info_hashes.v1) == V1


def test_a_web_address(web):
    assert load_source(web.url).ti.name == "file"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("/no/such.torrent", "cannot read /no/such.torrent: No such file"),
        ("magnet:?dn=x", "bad magnet link: a magnet link without an info-hash"),
        ("http://[", "cannot fetch"),
        ("http://127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_what_cannot_be_had_says_why(uri, words):
    with pytest.raises(CommandFailed, match=words) as failure:
        load_source(uri)
    assert failure.value.status == ExitStatus.BAD_INPUT


def test_what_is_no_torrent(tmp_path, web):
    path = tmp_path / "x.torrent"
    path.write_bytes(b"<html>")
    with pytest.raises(CommandFailed, match=r"is no valid \.torrent"):
        load_source(str(path))
    web.RequestHandlerClass.answer = b"<html>"
    with pytest.raises(CommandFailed, match=r"is no valid \.torrent"):
        load_source(web.url)
    with pytest.raises(CommandFailed, match=r"404|Not Found"):
        load_source(web.url + "x")


def test_a_page_that_is_too_long(web, monkeypatch):
    monkeypatch.setattr(sources, "_LIMITS", type(sources._LIMITS)(max_buffer_size=len(TORRENT) - 1))
    with pytest.raises(CommandFailed, match="has more than"):
        load_source(web.url)


def test_v2_links_can_be_looked_at():
    assert load_source("magnet:?xt=urn:btmh:1220" + "11" * 32).info_hashes.has_v2
