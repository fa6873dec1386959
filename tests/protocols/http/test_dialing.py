"""The real outside: loopback sockets, with and without TLS."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.engine.name_cache import NameCache
from evtorrent.protocols.http.dialing import PlatformPorts
from evtorrent.protocols.http.errors import HttpConnectionError
from evtorrent.protocols.http.fetch import FetchOptions
from evtorrent.protocols.http.request import HttpRequest
from evtorrent.protocols.transport.proxy import ProxyOptions
from support.certificates import HOSTNAME, client_context, server_context
from support.proxies import LocalProxy
from support.trackers import LocalTracker, run_until
from support.watched_platform import WatchedPlatform


@pytest.fixture
def multi() -> Iterator[Multi]:
    engine = Multi()
    yield engine
    engine.close()
    engine.platform.close()  # type: ignore[attr-defined]


def fetch(multi: Multi, url: str, *, verify_tls: bool = True, **options: object) -> HttpRequest:
    ports = PlatformPorts(multi.platform, options=options, verify_tls=verify_tls)
    request = HttpRequest(url, ports=ports, options=FetchOptions(completion_timeout=5.0))
    multi.add_handle(request)
    run_until(multi, lambda: request.is_done)
    return request


def test_plain(multi: Multi) -> None:
    with LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        request = HttpRequest(tracker.http_url)
        multi.add_handle(request)
        run_until(multi, lambda: request.is_done)
        assert request.error is None
        assert (request.result.body, request.result.address) == (b"hello", "127.0.0.1")


def test_the_address_to_connect_from(multi: Multi) -> None:
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5.0)
        ports = PlatformPorts(multi.platform, source=("127.0.0.9", 0))
        request = HttpRequest(f"http://127.0.0.1:{server.getsockname()[1]}/announce", ports=ports)
        multi.add_handle(request)
        run_until(multi, lambda: select.select([server], [], [], 0)[0] != [])
        sock, address = server.accept()
        seen.append(address[0])
        sock.close()
        run_until(multi, lambda: request.is_done)
    assert seen == ["127.0.0.9"]


def test_a_name_is_resolved_and_its_addresses_raced(multi: Multi) -> None:
    with LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        request = fetch(multi, f"http://localhost:{tracker.http_port}/announce")
        assert request.error is None
        assert request.result.address == "127.0.0.1"


@pytest.mark.parametrize("looks_up", [True, False])
@pytest.mark.parametrize("is_secure", [True, False])
def test_through_a_proxy(multi: Multi, looks_up: bool, is_secure: bool) -> None:
    watched = WatchedPlatform(multi.platform, {"tracker.example": "127.0.0.1"})
    ports = PlatformPorts(
        watched,  # type: ignore[arg-type]
        options={"tls_context": client_context(), "tls_server_hostname": HOSTNAME} if is_secure else None,
    )
    with (
        LocalProxy(names={"tracker.example": "127.0.0.1"}) as proxy,
        LocalTracker(tls=server_context() if is_secure else None) as tracker,
    ):
        tracker.http_answer = (200, b"hello")
        ports.proxy = ProxyOptions("socks5", proxy.address, resolves_names=looks_up)
        scheme = "https" if is_secure else "http"
        request = HttpRequest(
            f"{scheme}://tracker.example:{tracker.http_port}/announce",
            ports=ports,
            options=FetchOptions(completion_timeout=5.0),
        )
        multi.add_handle(request)
        run_until(multi, lambda: request.is_done)
        assert request.error is None, request.error
        assert request.result.body == b"hello"
        name = "tracker.example" if looks_up else "127.0.0.1"
        assert proxy.asked == [(name, tracker.http_port)]
        assert watched.names == ([] if looks_up else ["tracker.example"])
        assert watched.connected == [proxy.address]


@pytest.mark.parametrize("tells", [True, False])
def test_a_proxy_is_told_the_name_of_what_was_looked_up(multi: Multi, tells: bool) -> None:
    watched = WatchedPlatform(multi.platform, {"tracker.example": "127.0.0.1"})
    ports = PlatformPorts(watched)  # type: ignore[arg-type]
    with LocalProxy(names={"tracker.example": "127.0.0.1"}) as proxy, LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        ports.proxy = ProxyOptions("http_connect", proxy.address, resolves_names=False, tells_names=tells)
        request = HttpRequest(
            f"http://tracker.example:{tracker.http_port}/announce",
            ports=ports,
            options=FetchOptions(completion_timeout=5.0),
        )
        multi.add_handle(request)
        run_until(multi, lambda: request.is_done)
        assert request.error is None, request.error
        assert proxy.asked == [("tracker.example" if tells else "127.0.0.1", tracker.http_port)]
        assert watched.names == ["tracker.example"]


def test_names_are_looked_up_where_they_are_remembered(multi: Multi) -> None:
    watched = WatchedPlatform(multi.platform, {"tracker.example": "127.0.0.1", "proxy.example": "127.0.0.1"})
    ports = PlatformPorts(multi.platform)
    ports.look_up_in(NameCache(multi, watched))  # type: ignore[arg-type]
    with LocalProxy() as proxy, LocalTracker() as tracker:
        tracker.http_answer = (200, b"hello")
        address = ("proxy.example", proxy.address[1])
        for through in (None, ProxyOptions("socks5", address, resolves_names=False)):
            ports.proxy = through
            for _ in range(2):
                url = f"http://tracker.example:{tracker.http_port}/announce"
                request = HttpRequest(url, ports=ports, options=FetchOptions(completion_timeout=5.0))
                multi.add_handle(request)
                run_until(multi, lambda request=request: request.is_done)  # type: ignore[misc]
                assert request.error is None, request.error
        assert watched.names == ["tracker.example", "proxy.example"]


def test_refused(multi: Multi) -> None:
    with LocalTracker() as tracker:
        url = tracker.http_url
    request = fetch(multi, url)
    assert isinstance(request.error, HttpConnectionError)
    assert request.error.cause.operation == "connect"


def test_tls_with_a_trusted_certificate(multi: Multi) -> None:
    with LocalTracker(tls=server_context()) as tracker:
        tracker.http_answer = (200, b"secret")
        request = fetch(multi, tracker.https_url, tls_context=client_context())
        assert request.error is None
        assert request.result.body == b"secret"


def test_tls_verifies_by_default(multi: Multi) -> None:
    with LocalTracker(tls=server_context()) as tracker:
        request = fetch(multi, tracker.https_url)
        assert isinstance(request.error, HttpConnectionError)
        assert "certificate" in str(request.error)
        assert tracker.requests == []


def test_tls_without_verification(multi: Multi) -> None:
    with LocalTracker(tls=server_context()) as tracker:
        tracker.http_answer = (200, b"secret")
        for _ in range(2):
            request = fetch(multi, tracker.https_url, verify_tls=False)
            assert request.error is None
            assert request.result.body == b"secret"


def test_tls_under_another_context(multi: Multi) -> None:
    plain = PlatformPorts(multi.platform)
    trusting = plain.under(client_context())
    careless = PlatformPorts(multi.platform, verify_tls=False).under(ssl.create_default_context())
    with LocalTracker(tls=server_context()) as tracker:
        tracker.http_answer = (200, b"secret")
        for ports, is_trusted in ((plain, False), (trusting, True), (careless, True)):
            request = HttpRequest(tracker.https_url, ports=ports)
            multi.add_handle(request)
            run_until(multi, lambda request=request: request.is_done)
            assert (request.error is None) == is_trusted
