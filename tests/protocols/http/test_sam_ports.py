"""Servers on I2P, through a bridge on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.http.fetch import FetchOptions
from evtorrent.protocols.http.request import HttpRequest
from evtorrent.protocols.http.sam_ports import SamPorts
from evtorrent.protocols.transport.sam import SamOptions
from support.certificates import server_context
from support.sam_bridge import BridgeSession, SamBridge
from support.trackers import LocalTracker, run_until
from support.watched_platform import WatchedPlatform


@pytest.fixture
def multi() -> Iterator[Multi]:
    engine = Multi()
    yield engine
    engine.close()
    engine.platform.close()  # type: ignore[attr-defined]


def fetch(multi: Multi, bridge: SamBridge, url: str) -> tuple[HttpRequest, WatchedPlatform]:
    bridge.sessions["me"] = BridgeSession(bridge.new_destination())
    watching = WatchedPlatform(multi.platform, {})
    ports = SamPorts(watching, SamOptions(bridge.address, "me"))  # type: ignore[arg-type]
    request = HttpRequest(url, ports=ports, options=FetchOptions(completion_timeout=10.0))
    multi.add_handle(request)
    run_until(multi, lambda: request.is_done)
    return request, watching


def test_a_server_there(multi: Multi) -> None:
    with SamBridge() as bridge, LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        short = bridge.offer("server.i2p", ("127.0.0.1", tracker.http_port))
        for host in ("server.i2p", short):
            request, watching = fetch(multi, bridge, f"http://{host}/announce")
            assert request.error is None
            assert (request.result.body, request.result.address) == (b"hello", short)
            assert watching.connected == [bridge.address]
            assert not watching.names


def test_tls_is_spoken_with_the_server(multi: Multi) -> None:
    with SamBridge() as bridge, LocalTracker(tls=server_context()) as tracker:
        bridge.offer("server.i2p", ("127.0.0.1", tracker.http_port))
        request, _ = fetch(multi, bridge, "https://server.i2p/announce")
        assert "certificate" in str(request.error)
        assert not tracker.requests


@pytest.mark.parametrize("location", ["http://example.org/announce", "http://127.0.0.1/announce"])
def test_nobody_leads_outside(multi: Multi, location: str) -> None:
    with SamBridge() as bridge, LocalTracker() as tracker:
        tracker.http_location = location
        bridge.offer("server.i2p", ("127.0.0.1", tracker.http_port))
        request, watching = fetch(multi, bridge, "http://server.i2p/announce")
        assert "is not on I2P" in str(request.error)
        assert watching.connected == [bridge.address]
        assert not watching.names


def test_nobody_there(multi: Multi) -> None:
    with SamBridge() as bridge:
        request, _ = fetch(multi, bridge, "http://nobody.i2p/announce")
        assert "key not found" in str(request.error)
