"""Announces and scrapes by URL, in a world without sockets."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.tracker.announce import (
    MAX_SCRAPE_HASHES,
    AnnounceEvent,
    AnnounceRequest,
    TrackerPeer,
)
from evtorrent.protocols.tracker.client import (
    TrackerCall,
    TrackerClient,
    TrackerClientSettings,
)
from evtorrent.protocols.tracker.errors import (
    InvalidTrackerResponse,
    NoI2pRouter,
    ScrapeNotAvailable,
    TrackerError,
    TrackerFailure,
    TrackerHttpStatus,
    TrackerRefused,
    TrackerSkipped,
    TrackerTimeout,
    TrackerUnreachable,
)
from evtorrent.protocols.tracker.local_end import LocalEnd
from evtorrent.protocols.transport.proxy import ProxyOptions
from evtorrent.protocols.transport.sam import SamOptions
from support.http_world import AF_INET, AF_INET6, World, http
from support.i2p_tracker import I2pTracker
from support.sam_bridge import BridgeSession, SamBridge
from support.sam_kit import destination
from support.trackers import run_until

HASH = b"h" * 20
REQUEST = AnnounceRequest(HASH, b"p" * 20, 6881)
HTTP_URL = "http://t/announce"
UDP_URL = "udp://t:80/announce?key=1"
ANSWER = http(encode({"interval": 900, "peers": b"\1\2\3\4\0\x50"}))


class Desk:
    """A client in a world where the tracker `t` is 8.8.8.8 and answers as `answer` says."""

    def __init__(self, **options: Any) -> None:
        self.world = World()
        self.world.names["t"] = ["8.8.8.8"]
        self.answer: bytes | None = ANSWER
        self.world.servers["8.8.8.8"] = lambda request: self.answer
        self.client = TrackerClient(self.world.multi, user_agent="me/1", ports=self.world, **options)
        self.results: list[tuple[Any, TrackerError | None]] = []

    def announce(
        self, url: str = HTTP_URL, request: AnnounceRequest = REQUEST, **options: Any
    ) -> TrackerCall:
        before = len(self.results)
        call = self.client.announce(url, request, self.take, **options)
        assert len(self.results) == before, "on_done inside announce"
        return call

    def scrape(self, url: str = HTTP_URL, hashes: tuple[bytes, ...] = (HASH,), **options: Any) -> TrackerCall:
        return self.client.scrape(url, hashes, self.take, **options)

    def take(self, response: Any, error: TrackerError | None) -> None:
        self.results.append((response, error))

    def response(self) -> Any:
        self.world.run()
        ((response, error),) = self.results
        assert error is None, error
        return response

    def error(self, *, after: float = 0.0) -> TrackerError:
        self.world.advance(after)
        ((response, error),) = self.results
        assert response is None
        assert error is not None
        assert self.client.num_running == 0
        return error

    def answer_udp(self, body: bytes, family: int = AF_INET) -> None:
        """Answer a connect, then the request with `body`."""
        self.world.run()
        sock = self.world.datagrams[family]
        for payload in (bytes(8), body):
            data, address = sock.sent.pop()
            action, transaction = struct.unpack_from(">II", data, 8)
            sock.inbox.append((struct.pack(">II", action, transaction) + payload, address))
            self.world.run()


class TestHttp:
    def test_announce(self) -> None:
        desk = Desk()
        call = desk.announce(f"  {HTTP_URL}?pass=1 ")
        response = desk.response()
        assert response.peers == [TrackerPeer("1.2.3.4", 80)]
        assert response.tracker_address == "8.8.8.8"
        request = desk.world.connections[0].request
        target = request.split()[1].decode()
        assert parse_qs(urlsplit(target).query)["pass"] == ["1"]
        assert b"User-Agent: me/1\r\n" in request
        assert call.is_over
        call.cancel()
        assert desk.client.num_running == 0
        assert desk.world.multi.timeout() == -1

    def test_scrape(self) -> None:
        desk = Desk()
        desk.answer = http(encode({"files": {HASH: {"complete": 3}}}))
        desk.scrape()
        assert desk.response()[HASH].complete == 3
        assert desk.world.connections[0].request.startswith(b"GET /scrape?info_hash=hhh")

    @pytest.mark.parametrize("agent", ["other/2", ""])
    def test_another_name_for_this_question(self, agent: str) -> None:
        desk = Desk()
        desk.announce(user_agent=agent)
        desk.response()
        desk.results.clear()
        desk.answer = http(encode({"files": {}}))
        desk.scrape(user_agent=agent)
        desk.response()
        for connection in desk.world.connections:
            heads = [line for line in connection.request.split(b"\r\n") if line.startswith(b"User-Agent")]
            assert heads == ([b"User-Agent: " + agent.encode()] if agent else [])

    def test_scrape_in_time(self) -> None:
        desk = Desk()
        desk.answer = None
        desk.scrape(timeout=3.0)
        assert isinstance(desk.error(after=3), TrackerTimeout)

    def test_failure_of_the_tracker(self) -> None:
        desk = Desk()
        desk.answer = http(encode({"failure reason": "no"}))
        desk.announce()
        assert isinstance(desk.error(), TrackerFailure)

    def test_status(self) -> None:
        desk = Desk()
        desk.answer = http(b"", "410 Gone")
        desk.announce()
        error = desk.error()
        assert isinstance(error, TrackerHttpStatus)
        assert error.is_final

    @pytest.mark.parametrize("answer", [http(b"<html>"), b"garbage\r\n\r\n"])
    def test_not_an_answer(self, answer: bytes) -> None:
        desk = Desk()
        desk.answer = answer
        desk.announce()
        assert isinstance(desk.error(), InvalidTrackerResponse)

    def test_answer_at_the_limit(self) -> None:
        body = encode({"peers": b"\1\2\3\4\0\x50"})
        desk = Desk(settings=TrackerClientSettings(tracker_maximum_response_length=len(body)))
        desk.answer = http(body)
        desk.announce()
        desk.response()
        desk = Desk(settings=TrackerClientSettings(tracker_maximum_response_length=len(body) - 1))
        desk.answer = http(body)
        desk.announce()
        assert isinstance(desk.error(), InvalidTrackerResponse)

    def test_unreachable(self) -> None:
        desk = Desk()
        desk.world.servers.clear()
        desk.announce()
        assert isinstance(desk.error(), TrackerUnreachable)

    @pytest.mark.parametrize(("event", "seconds"), [(AnnounceEvent.NONE, 30), (AnnounceEvent.STOPPED, 5)])
    def test_timeouts(self, event: AnnounceEvent, seconds: int) -> None:
        desk = Desk(settings=TrackerClientSettings(tracker_receive_timeout=100))
        desk.answer = None
        desk.announce(request=AnnounceRequest(HASH, HASH, 1, event=event))
        desk.world.advance(seconds - 1)
        assert not desk.results
        assert isinstance(desk.error(after=1), TrackerTimeout)

    def test_own_timeout(self) -> None:
        desk = Desk()
        desk.answer = None
        desk.announce(timeout=2.0)
        assert isinstance(desk.error(after=2), TrackerTimeout)

    def test_family(self) -> None:
        desk = Desk()
        desk.world.names["t"] = ["2600::1", "8.8.8.8"]
        desk.announce(local=LocalEnd("0.0.0.0"))
        desk.response()
        assert desk.world.dialled == [("tcp", ["8.8.8.8"])]

    def test_family_of_a_name_that_is_not_found(self) -> None:
        desk = Desk()
        desk.world.names["t"] = OSError(-2, "unknown")
        desk.announce(local=LocalEnd("0.0.0.0"))
        assert isinstance(desk.error(), TrackerUnreachable)


class TestLocalEnd:
    @pytest.mark.parametrize("url", [HTTP_URL, UDP_URL])
    def test_out_of_reach(self, url: str) -> None:
        desk = Desk()
        desk.announce(url, local=LocalEnd("2600::1"))
        error = desk.error()
        assert isinstance(error, TrackerSkipped)
        assert not error.is_final
        assert str(error) == "no address of t can be reached from 2600::1"
        assert not desk.world.dialled and not desk.world.datagrams

    def test_the_addresses_that_can_be_reached(self) -> None:
        desk = Desk()
        desk.world.names["t"] = ["2600::9", "8.8.8.8"]
        desk.announce(local=LocalEnd("8.8.8.1"))
        desk.response()
        assert desk.world.dialled == [("tcp", ["8.8.8.8"])]

    def test_an_unknown_name_is_no_skip(self) -> None:
        desk = Desk()
        desk.world.names["t"] = []
        desk.announce(local=LocalEnd("8.8.8.1"))
        assert isinstance(desk.error(), TrackerRefused)

    def test_sockets_of_lost_addresses_are_closed(self) -> None:
        desk = Desk()
        desk.announce(UDP_URL, local=LocalEnd("8.8.8.1"))
        desk.answer_udp(struct.pack(">III", 900, 1, 2))
        desk.response()
        desk.client.retain([LocalEnd("8.8.8.1")])
        assert not desk.world.datagrams[AF_INET].is_closed
        desk.client.retain([LocalEnd("::")])
        assert desk.world.datagrams[AF_INET].is_closed


class TestQueue:
    def make(self, limit: int) -> Desk:
        desk = Desk(settings=TrackerClientSettings(max_concurrent_http_announces=limit))
        desk.answer = None
        return desk

    def test_at_the_limit(self) -> None:
        desk = self.make(2)
        for _ in range(3):
            desk.announce()
        desk.world.run()
        assert (len(desk.world.connections), desk.client.num_queued, desk.client.num_running) == (2, 1, 3)
        desk.world.connections[0].send(ANSWER)
        desk.world.run()
        assert (len(desk.world.connections), desk.client.num_queued, desk.client.num_running) == (3, 0, 2)

    def test_udp_does_not_wait(self) -> None:
        desk = self.make(1)
        desk.announce()
        desk.announce(UDP_URL)
        desk.world.run()
        assert desk.world.datagrams[AF_INET].sent

    def test_cancelled_while_waiting(self) -> None:
        desk = self.make(1)
        first, second, third = desk.announce(), desk.announce(), desk.announce()
        second.cancel()
        assert desk.client.num_queued == 1
        desk.world.run()
        first.cancel()
        desk.world.run()
        assert len(desk.world.connections) == 2
        desk.world.connections[1].send(ANSWER)
        desk.world.run()
        assert third.is_over
        assert len(desk.results) == 1

    def test_time_begins_when_it_is_asked(self) -> None:
        desk = self.make(1)
        desk.announce(timeout=5.0)
        desk.announce(timeout=5.0)
        desk.world.advance(5)
        assert len(desk.results) == 1
        desk.world.advance(5)
        assert len(desk.results) == 2


class TestUdp:
    def test_announce(self) -> None:
        desk = Desk()
        desk.announce(UDP_URL)
        desk.world.run()
        desk.answer_udp(struct.pack(">III", 900, 1, 2) + b"\1\2\3\4\0\x50")
        response = desk.response()
        assert response.peers == [TrackerPeer("1.2.3.4", 80)]
        assert response.tracker_address == "8.8.8.8"
        assert desk.client.num_running == 0

    def test_url_data_is_sent_along(self) -> None:
        desk = Desk()
        desk.announce(UDP_URL)
        desk.world.run()
        (data, address) = desk.world.datagrams[AF_INET].sent[0]
        answer = struct.pack(">II", 0, struct.unpack_from(">I", data, 12)[0]) + bytes(8)
        desk.world.datagrams[AF_INET].inbox.append((answer, address))
        desk.world.run()
        assert desk.world.datagrams[AF_INET].sent[-1][0][98:] == b"\x02\x0f/announce?key=1"

    def test_scrape(self) -> None:
        desk = Desk()
        desk.scrape(UDP_URL)
        desk.answer_udp(struct.pack(">III", 3, 2, 1))
        assert desk.response()[HASH].complete == 3

    def test_ipv4_first(self) -> None:
        desk = Desk()
        desk.world.names["t"] = ["2600::1", "8.8.8.8", "8.8.8.8"]
        desk.announce(UDP_URL)
        desk.world.run()
        assert AF_INET6 not in desk.world.datagrams
        desk.world.advance(15)
        assert len(desk.world.datagrams[AF_INET6].sent) == 1

    def test_family(self) -> None:
        desk = Desk()
        desk.world.names["t"] = ["8.8.8.8", "2600::1"]
        desk.announce(UDP_URL, local=LocalEnd("::"))
        desk.answer_udp(struct.pack(">III", 900, 1, 2), AF_INET6)
        assert desk.response().tracker_address == "2600::1"

    def test_timeout(self) -> None:
        desk = Desk()
        desk.announce(UDP_URL)
        assert isinstance(desk.error(after=30), TrackerTimeout)

    def test_timeout_while_resolving(self) -> None:
        desk = Desk()
        desk.world.names["t"] = None
        desk.announce(UDP_URL, timeout=3.0)
        assert isinstance(desk.error(after=3), TrackerTimeout)

    def test_unknown_name(self) -> None:
        desk = Desk()
        desk.world.names["t"] = OSError(-2, "Name or service not known")
        desk.announce(UDP_URL)
        assert str(desk.error()) == "resolve: Name or service not known"

    def test_url_too_long_for_a_packet(self) -> None:
        desk = Desk()
        desk.announce("udp://t:80/" + "x" * 2000)
        assert isinstance(desk.error(), TrackerRefused)

    def test_no_url_data_without_a_path(self) -> None:
        desk = Desk()
        desk.announce("udp://t:80")
        desk.answer_udp(struct.pack(">III", 900, 1, 2))
        desk.response()

    def test_expiry_of_connection_ids_may_be_changed(self) -> None:
        desk = Desk()
        desk.client.settings = TrackerClientSettings(udp_tracker_token_expiry=5)
        desk.announce(UDP_URL)
        desk.answer_udp(struct.pack(">III", 900, 1, 2))
        for seconds, action in ((4, 1), (1, 0)):
            desk.world.advance(seconds)
            desk.announce(UDP_URL)
            desk.world.run()
            data, _ = desk.world.datagrams[AF_INET].sent[-1]
            assert struct.unpack_from(">I", data, 8) == (action,)

    def test_transactions_come_from_the_platform(self) -> None:
        desk = Desk()
        desk.announce(UDP_URL)
        desk.world.run()
        assert desk.world.num_random == 2
        (data, _) = desk.world.datagrams[AF_INET].sent[0]
        assert struct.unpack_from(">I", data, 12) == (2,)


class TestRefused:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://t/announce",
            "udp://t/announce",
            "http://t:0/announce",
            "http:///announce",
            "wss://t/",
            "http://t/\r\nX: y",
        ],
    )
    def test_urls(self, url: str) -> None:
        desk = Desk()
        desk.announce(url)
        assert isinstance(desk.error(), TrackerRefused)

    @pytest.mark.parametrize("scheme", ["http", "udp"])
    def test_internationalized_names(self, scheme: str) -> None:
        desk = Desk()
        desk.announce(f"{scheme}://bücher.example:80/announce")
        assert "xn--bcher-kva.example is an internationalized name" in str(desk.error())
        desk.client.settings = TrackerClientSettings(allow_idna=True)
        desk.results.clear()
        desk.announce(f"{scheme}://bücher.example:80/announce")
        assert "internationalized" not in str(desk.error(after=60.0))

    def test_arguments_that_are_ours(self) -> None:
        desk = Desk()
        desk.announce("http://t/announce?info_hash=x")
        assert isinstance(desk.error(), TrackerRefused)
        desk = Desk(settings=TrackerClientSettings(ssrf_mitigation=False))
        desk.announce("http://t/announce?info_hash=x")
        desk.response()

    def test_loopback_wants_a_trackers_path(self) -> None:
        desk = Desk()
        desk.world.servers["127.0.0.1"] = lambda request: desk.answer
        desk.announce("http://127.0.0.1/admin?x")
        assert isinstance(desk.error(), TrackerRefused)
        desk.results.clear()
        desk.announce("http://127.0.0.1/announce")
        desk.response()
        desk.results.clear()
        desk.answer = http(encode({"files": {}}))
        desk.scrape("http://127.0.0.1/announce")
        assert desk.response() == {}
        desk = Desk(settings=TrackerClientSettings(ssrf_mitigation=False))
        desk.world.servers["127.0.0.1"] = lambda request: ANSWER
        desk.announce("http://127.0.0.1/admin?x")
        desk.response()

    def test_redirects_inwards(self) -> None:
        desk = Desk()
        desk.answer = http(b"", "302 Found", "Location: http://10.0.0.1/announce")
        desk.announce()
        assert isinstance(desk.error(), TrackerRefused)

    @pytest.mark.parametrize("url", [HTTP_URL, UDP_URL])
    def test_ip_filter(self, url: str) -> None:
        desk = Desk(is_allowed=lambda host: host != "8.8.8.8")
        desk.announce(url)
        assert isinstance(desk.error(), TrackerRefused)

    def test_no_scrape_url(self) -> None:
        desk = Desk()
        desk.scrape("http://t/a")
        assert isinstance(desk.error(), ScrapeNotAvailable)

    @pytest.mark.parametrize("count", [0, MAX_SCRAPE_HASHES + 1])
    @pytest.mark.parametrize("url", [HTTP_URL, UDP_URL])
    def test_wrong_number_of_torrents_in_a_scrape(self, url: str, count: int) -> None:
        desk = Desk()
        with pytest.raises(LocalProtocolError):
            desk.scrape(url, (HASH,) * count)
        assert desk.client.num_running == 0

    def test_settings(self) -> None:
        for wrong in ({"max_concurrent_http_announces": 0}, {"tracker_maximum_response_length": 0}):
            with pytest.raises(ValueError):
                TrackerClientSettings(**wrong)


class TestEnd:
    @pytest.mark.parametrize("url", [HTTP_URL, UDP_URL, "nonsense"])
    @pytest.mark.parametrize("steps", range(6))
    def test_cancel_at_any_moment(self, url: str, steps: int) -> None:
        desk = Desk()
        call = desk.announce(url)
        for _ in range(steps):
            desk.world.multi.socket_action(-1, 0)
        was_over = call.is_over
        call.cancel()
        call.cancel()
        desk.world.run()
        assert len(desk.results) == was_over
        assert desk.client.num_running == 0
        assert desk.world.multi.timeout() == -1

    def test_close(self) -> None:
        desk = Desk(settings=TrackerClientSettings(max_concurrent_http_announces=1))
        for url in (HTTP_URL, HTTP_URL, UDP_URL, "nonsense"):
            desk.announce(url)
        desk.client.close()
        desk.client.close()
        desk.world.run()
        assert not desk.results
        assert (desk.client.num_running, desk.client.num_queued) == (0, 0)
        assert desk.world.multi.timeout() == -1
        with pytest.raises(LocalProtocolError):
            desk.announce()


def test_udp_does_not_go_around_a_proxy() -> None:
    desk = Desk()
    desk.client.proxy = ProxyOptions("http_connect", ("proxy", 1080))
    assert desk.client.proxy is not None
    desk.announce(UDP_URL)
    error = desk.error()
    assert isinstance(error, TrackerRefused)
    assert "UDP does not go through the proxy" in str(error)
    assert not desk.world.datagrams


I2P_URL = "http://tracker.i2p/announce"


def test_without_a_router_trackers_on_i2p_are_not_asked() -> None:
    desk = Desk()
    desk.announce(I2P_URL)
    error = desk.error()
    assert isinstance(error, NoI2pRouter)
    assert "no i2p router" in str(error)
    assert not desk.world.dialled


def test_udp_does_not_lead_to_i2p() -> None:
    desk = Desk()
    desk.client.sam = SamOptions(("127.0.0.1", 1), "me")
    desk.announce("udp://tracker.i2p:80/announce")
    assert "UDP does not lead to I2P" in str(desk.error())


def test_a_call_that_is_refused() -> None:
    desk = Desk()
    call = desk.client.refuse(desk.take, TrackerRefused("no"))
    assert not desk.results and not call.is_over
    assert str(desk.error()) == "no"
    assert call.is_over
    desk.client.refuse(desk.take, TrackerRefused("no")).cancel()
    desk.world.run()
    assert len(desk.results) == 1
    assert desk.client.num_running == 0


@pytest.mark.parametrize("is_compact", [True, False])
def test_a_tracker_on_i2p(is_compact: bool) -> None:
    multi = Multi()
    results: list[Any] = []
    us, them = destination(1), destination(2)
    with SamBridge() as bridge, I2pTracker(is_compact=is_compact) as tracker:
        bridge.sessions["me"] = BridgeSession(us)
        bridge.offer("tracker.i2p", tracker.address)
        client = TrackerClient(multi, user_agent="me/1")
        client.sam = SamOptions(bridge.address, "me")
        for who in (them, us):
            request = replace(REQUEST, ip=f"{who}.i2p")
            client.announce(I2P_URL, request, lambda *result: results.append(result))
            count = len(results)
            run_until(multi, lambda count=count: len(results) > count)
        client.scrape(I2P_URL, [HASH], lambda *result: results.append(result))
        run_until(multi, lambda: len(results) == 3)
        client.close()
    (_, first), (second, error), (scraped, _) = results
    assert first is None and error is None
    known = None if is_compact else them
    assert second.peers == [TrackerPeer(them.name, 0, None if is_compact else b"x" * 20, known)]
    assert scraped[HASH].complete == 3
    assert tracker.requests[0]["host"] == "tracker.i2p"
    multi.close()
    multi.platform.close()  # type: ignore[attr-defined]
