"""Our client against real trackers on loopback: opentracker, and the one of tests/support with its failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.tracker.announce import AnnounceEvent, AnnounceRequest, AnnounceResponse, TrackerPeer
from evtorrent.protocols.tracker.client import TrackerClient, TrackerClientSettings
from evtorrent.protocols.tracker.errors import TrackerError, TrackerFailure, TrackerUnreachable
from evtorrent.protocols.tracker.local_end import ANYWHERE, LocalEnd
from evtorrent.protocols.transport.proxy import ProxyOptions
from support.certificates import client_context, server_context
from support.proxies import LocalProxy
from support.trackers import LocalTracker, OpenTracker, run_until

HASH, OTHER_HASH = b"h" * 20, b"\x00\xff& ?=%#+" + b"z" * 11
SEED = AnnounceRequest(HASH, b"-EV0100-seedseedseed", 1001, event=AnnounceEvent.STARTED, key=1)
LEECH = replace(SEED, peer_id=b"-EV0100-leecherleech", port=1002, left=5, key=2)


class Asker:
    """A client on a real engine, asked one thing at a time."""

    def __init__(self) -> None:
        self.multi = Multi()
        self.client = TrackerClient(self.multi, user_agent="evtorrent/test")
        self.result: tuple[Any, TrackerError | None] | None = None

    def announce(self, url: str, request: AnnounceRequest) -> AnnounceResponse:
        response, error = self.ask(url, request)
        assert error is None, error
        assert isinstance(response, AnnounceResponse)
        return response

    def ask(self, url: str, what: AnnounceRequest | list[bytes], timeout: float = 10.0) -> tuple[Any, Any]:
        self.result = None
        if isinstance(what, AnnounceRequest):
            self.client.announce(url, what, self._take, timeout=timeout)
        else:
            self.client.scrape(url, what, self._take, timeout=timeout)
        run_until(self.multi, lambda: self.result is not None)
        assert self.result is not None
        return self.result

    def close(self) -> None:
        self.client.close()
        self.multi.close()
        self.multi.platform.close()  # type: ignore[attr-defined]

    def _take(self, response: Any, error: TrackerError | None) -> None:
        self.result = response, error


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.close()


@pytest.fixture(scope="module")
def opentracker(require_peer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenTracker]:
    program = require_peer("opentracker")
    folder: Path = tmp_path_factory.mktemp("opentracker")
    with OpenTracker(program, folder, [HASH, OTHER_HASH]) as running:
        yield running


@pytest.mark.interop
@pytest.mark.parametrize("scheme", ["http", "udp"])
@pytest.mark.parametrize("info_hash", [HASH, OTHER_HASH], ids=["plain", "odd"])
def test_opentracker(asker: Asker, opentracker: OpenTracker, scheme: str, info_hash: bytes) -> None:
    url = opentracker.http_url if scheme == "http" else opentracker.udp_url
    seed, leech = replace(SEED, info_hash=info_hash), replace(LEECH, info_hash=info_hash)
    asker.announce(url, seed)
    found = asker.announce(url, leech)
    assert TrackerPeer("127.0.0.1", 1001) in found.peers
    assert (found.complete, found.incomplete) == (1, 1)
    assert found.interval > 0
    assert found.tracker_address == "127.0.0.1"
    scraped, error = asker.ask(url, [info_hash])
    assert error is None
    assert (scraped[info_hash].complete, scraped[info_hash].incomplete) == (1, 1)
    for request in (seed, leech):
        asker.announce(url, replace(request, event=AnnounceEvent.STOPPED, num_want=0))
    assert asker.ask(url, [info_hash])[0][info_hash].complete == 0


@pytest.mark.interop
def test_opentracker_refuses_what_it_does_not_know(asker: Asker, opentracker: OpenTracker) -> None:
    _, error = asker.ask(opentracker.http_url, replace(SEED, info_hash=b"?" * 20))
    assert isinstance(error, TrackerFailure)
    assert "not authorized" in error.reason


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_local_tracker(asker: Asker, scheme: str) -> None:
    with LocalTracker() as tracker:
        url = tracker.http_url if scheme == "http" else tracker.udp_url
        asker.announce(url, SEED)
        assert asker.announce(url, LEECH).peers == [TrackerPeer("127.0.0.1", 1001)]
        assert asker.ask(url, [HASH, OTHER_HASH])[0][HASH].complete == 1


def test_a_restarted_udp_tracker_is_no_failure(asker: Asker) -> None:
    with LocalTracker() as tracker:
        asker.announce(tracker.udp_url, SEED)
        tracker.forget_connections()
        asker.announce(tracker.udp_url, LEECH)
        assert tracker.requests == ["udp announce"] * 2
        assert tracker.udp_url_data[-1] == b"\x02\x09/announce"


def test_redirected_to_another_tracker(asker: Asker) -> None:
    with LocalTracker() as first, LocalTracker() as second:
        first.http_location = second.http_url + "?info_hash=" + "h" * 20 + "&port=1001&left=0"
        asker.announce(first.http_url, SEED)
        assert second.swarms.scrape(HASH) == (1, 0, 0)


def test_https(asker: Asker) -> None:
    with LocalTracker(tls=server_context()) as tracker:
        _, error = asker.ask(tracker.https_url, SEED)
        assert isinstance(error, TrackerUnreachable)
        assert "certificate" in str(error)
        asker.client.settings = TrackerClientSettings(validate_https_trackers=False)
        asker.announce(tracker.https_url, SEED)
        assert tracker.swarms.scrape(HASH) == (1, 0, 0)


def test_https_under_an_authority_of_ones_own(asker: Asker) -> None:
    with LocalTracker(tls=server_context()) as tracker:
        for local in (ANYWHERE, LocalEnd("0.0.0.0"), LocalEnd("127.0.0.7")):
            for what in (SEED, [HASH]):
                asker.result = None
                if isinstance(what, AnnounceRequest):
                    asker.client.announce(
                        tracker.https_url, what, asker._take, local=local, tls_context=client_context()
                    )
                else:
                    asker.client.scrape(
                        tracker.https_url, what, asker._take, local=local, tls_context=client_context()
                    )
                run_until(asker.multi, lambda: asker.result is not None)
                assert asker.result is not None and asker.result[1] is None


@pytest.mark.parametrize("local", [ANYWHERE, LocalEnd("0.0.0.0"), LocalEnd("127.0.0.7")])
def test_udp_through_socks5(asker: Asker, local: LocalEnd) -> None:
    with LocalTracker() as tracker, LocalProxy(names={"tracker.example": "127.0.0.1"}) as proxy:
        asker.client.proxy = ProxyOptions("socks5", proxy.address)
        url = tracker.udp_url.replace("127.0.0.1", "tracker.example")
        for what in (SEED, LEECH):
            asker.result = None
            asker.client.announce(url, what, asker._take, local=local)
            run_until(asker.multi, lambda: asker.result is not None)
        assert asker.result is not None and asker.result[0].peers == [TrackerPeer("127.0.0.1", 1001)]
        assert asker.result[0].tracker_address == "127.0.0.1"
        assert {host for host, _ in proxy.asked_over_udp} == {"tracker.example"}
        assert len(proxy.associations) == 1
        asker.client.proxy = ProxyOptions("socks5", proxy.address)  # the same: nothing changes
        assert asker.ask(url, [HASH])[1] is None
        assert len(proxy.associations) == 1


def test_a_proxy_without_datagrams(asker: Asker) -> None:
    with LocalTracker() as tracker, LocalProxy() as proxy:
        proxy.has_datagrams = False
        asker.client.proxy = ProxyOptions("socks5", proxy.address)
        _, error = asker.ask(tracker.udp_url, SEED)
        assert isinstance(error, TrackerUnreachable)
        assert "does not know the command" in str(error)
        assert not tracker.requests


def test_a_name_with_two_addresses(asker: Asker) -> None:
    with LocalTracker() as tracker:
        url = tracker.udp_url.replace("127.0.0.1", "localhost")
        assert asker.announce(url, SEED).tracker_address == "127.0.0.1"


def test_nobody_listens(asker: Asker) -> None:
    with LocalTracker() as tracker:
        url = tracker.http_url
    _, error = asker.ask(url, SEED)
    assert isinstance(error, TrackerUnreachable)


def test_errors_of_a_udp_tracker(asker: Asker) -> None:
    with LocalTracker() as tracker:
        tracker.udp_error = "go away"
        _, error = asker.ask(tracker.udp_url, SEED)
        assert isinstance(error, TrackerFailure)
        assert error.reason == "go away"
