"""The demonstration tracker, asked by hand and by our own client."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from evtorrent.protocols.bencode import decode
from evtorrent.session.cli.demo_tracker import MAX_PEERS, MAX_TORRENTS, DemoTracker, Swarms

HASH = b"\x00\xffabcdefghijklmnopqr"


@pytest.fixture
def tracker() -> Iterator[DemoTracker]:
    with DemoTracker() as running:
        yield running


def get(tracker: DemoTracker, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", tracker.port, timeout=5)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def announce(tracker: DemoTracker, port: object, info_hash: bytes = HASH, **more: object) -> Any:
    arguments = {"port": port, "left": 1, **more}
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    status, body = get(tracker, f"/announce?info_hash={quote_from_bytes(info_hash)}&{query}")
    assert status == 200
    return decode(body)


def test_peers_find_each_other(tracker: DemoTracker) -> None:
    assert announce(tracker, 1, left=0)[b"peers"] == b""
    answer = announce(tracker, 2)
    assert answer[b"peers"] == b"\x7f\0\0\1\0\1"
    assert (answer[b"complete"], answer[b"incomplete"], answer[b"interval"]) == (1, 1, 60)
    assert announce(tracker, 2)[b"peers"] == b"\x7f\0\0\1\0\1"  # oneself is not listed
    assert announce(tracker, 1, event="stopped")[b"peers"] == b"\x7f\0\0\1\0\2"
    assert announce(tracker, 2)[b"peers"] == b""
    assert announce(tracker, 3, numwant=0)[b"peers"] == b""


def test_scrape(tracker: DemoTracker) -> None:
    announce(tracker, 1, left=0, event="completed")
    announce(tracker, 2)
    status, body = get(tracker, f"/scrape?info_hash={quote_from_bytes(HASH)}&info_hash={'x' * 20}")
    assert status == 200
    assert decode(body) == {
        b"files": {
            HASH: {b"complete": 1, b"downloaded": 1, b"incomplete": 1},
            b"x" * 20: {b"complete": 0, b"downloaded": 0, b"incomplete": 0},
        }
    }


@pytest.mark.parametrize(
    "target",
    [
        "/announce",
        "/announce?info_hash=short&port=1&left=0",
        f"/announce?info_hash={'x' * 20}&port=70000&left=0",
        f"/announce?info_hash={'x' * 20}&port=x&left=0",
        f"/announce?info_hash={'x' * 20}&port=1",
        "/scrape",
        "/scrape?info_hash=x",
    ],
)
def test_malformed_requests(tracker: DemoTracker, target: str) -> None:
    status, body = get(tracker, target)
    assert (status, decode(body)) == (200, {b"failure reason": b"malformed request"})


def test_elsewhere(tracker: DemoTracker) -> None:
    assert get(tracker, "/")[0] == 404


def test_ipv6_peers_and_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    swarms = Swarms(interval=10)
    swarms.announce(HASH, "::1", 7, left=0)
    assert swarms.announce(HASH, "1.2.3.4", 8, left=1) == (1, 1, [], [bytes(15) + b"\1\0\7"])
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 21)
    assert swarms.announce(HASH, "9.9.9.9", 9, left=1) == (0, 1, [], [])


def test_peers_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PEERS > 3
    monkeypatch.setattr("evtorrent.session.cli.demo_tracker.MAX_PEERS", 3)
    swarms = Swarms()
    for port in range(1, 5):
        swarms.announce(HASH, "1.2.3.4", port, left=1)
    assert swarms.scrape(HASH) == (0, 0, 3)
    found = swarms.announce(HASH, "1.2.3.4", 9, left=1)
    assert found is not None
    assert {peer[-1] for peer in found[2]} == {2, 3, 4}  # the eldest went


def test_torrents_at_the_limit(tracker: DemoTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_TORRENTS > 1
    monkeypatch.setattr("evtorrent.session.cli.demo_tracker.MAX_TORRENTS", 1)
    announce(tracker, 1)
    assert announce(tracker, 1, info_hash=b"y" * 20) == {b"failure reason": b"too many torrents"}
    assert b"peers" in announce(tracker, 2)


def test_close_is_repeatable_and_frees_the_port() -> None:
    tracker = DemoTracker()
    assert tracker.url == f"http://127.0.0.1:{tracker.port}/announce"
    tracker.start()
    tracker.close()
    tracker.close()
    DemoTracker(port=tracker.port).close()


@pytest.mark.interop
@pytest.mark.slow
def test_libtorrent_announces_to_it(tracker: DemoTracker, require_peer: Any, tmp_path: Any) -> None:
    lt = require_peer("libtorrent")
    session = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False})
    params = lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{HASH.hex()}&tr={tracker.url}")
    params.save_path = str(tmp_path)
    handle = session.add_torrent(params)
    wait_for(session, lambda: tracker.swarms.scrape(HASH) == (0, 0, 1))
    assert announce(tracker, 7)[b"peers"] == b"\x7f\0\0\1" + session.listen_port().to_bytes(2, "big")
    announce(tracker, 7, event="stopped")
    session.remove_torrent(handle)
    wait_for(session, lambda: tracker.swarms.scrape(HASH) == (0, 0, 0))


def wait_for(session: Any, condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        session.wait_for_alert(20)
        session.pop_alerts()
