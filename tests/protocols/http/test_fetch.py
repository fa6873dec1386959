"""Whole fetches in a world without sockets: redirects, deadlines, addresses, limits."""

from __future__ import annotations

import base64

import pytest
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.http.addresses import AddressGuard
from evtorrent.protocols.http.errors import (
    HttpConnectionError,
    HttpError,
    HttpProtocolError,
    HttpRefused,
    HttpStatusError,
    HttpTimeout,
    HttpTooLarge,
    HttpUrlError,
)
from evtorrent.protocols.http.fetch import FetchOptions, HttpFetch, HttpResponse
from evtorrent.protocols.http.url import parse_url
from support.http_world import World, http


class Client:
    """One fetch in a world where `a` is 8.8.8.8, `b` is 9.9.9.9 and `inside` is 10.0.0.1."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.world.names.update(
            a=["8.8.8.8"], b=["9.9.9.9"], inside=["10.0.0.1"], localhost=["::1", "127.0.0.1"]
        )
        self.results: list[tuple[HttpResponse | None, HttpError | None]] = []

    def fetch(self, url: str = "http://a/announce", on_body: object = None, **options: object) -> HttpFetch:
        fetch = HttpFetch(
            self.world.multi,
            self.world,
            parse_url(url),
            lambda response, error: self.results.append((response, error)),
            options=FetchOptions(**options),  # type: ignore[arg-type]
            on_body=on_body,  # type: ignore[arg-type]
        )
        fetch.start()
        assert not self.results, "on_done inside start"
        return fetch

    def get(self, url: str = "http://a/announce", **options: object) -> HttpResponse:
        self.fetch(url, **options)
        self.world.run()
        ((response, error),) = self.results
        assert error is None, error
        assert response is not None
        self.check_clean()
        return response

    def fail(self, url: str = "http://a/announce", *, after: float = 0.0, **options: object) -> HttpError:
        self.fetch(url, **options)
        self.world.advance(after)
        ((response, error),) = self.results
        assert response is None
        assert error is not None
        self.check_clean()
        return error

    def check_clean(self) -> None:
        """No timer and no connection is left."""
        self.world.run()
        assert self.world.multi.timeout() == -1
        assert all(c.is_cut or c.transport.is_closed for c in self.world.connections)


def test_get() -> None:
    client = Client()
    client.world.servers["8.8.8.8"] = lambda request: http(b"body", "200 Fine", "X-Y: z")
    response = client.get(user_agent="agent/1", headers=(("Range", "bytes=0-"),))
    assert (response.status, response.reason, response.body) == (200, "Fine", b"body")
    assert response.headers["x-y"] == "z"
    assert str(response.url) == "http://a/announce"
    assert response.address == "8.8.8.8"
    assert response.is_success
    response.raise_for_status()
    (connection,) = client.world.connections
    assert b"User-Agent: agent/1\r\n" in connection.request
    assert b"Range: bytes=0-\r\n" in connection.request
    assert client.world.dialled == [("tcp", ["8.8.8.8"])]


def test_https_goes_over_tls() -> None:
    client = Client()
    client.world.servers["8.8.8.8"] = lambda request: http(b"")
    assert client.get("https://a/").status == 200
    assert client.world.dialled == [("tcp+tls", ["8.8.8.8"])]


def test_every_status_is_a_response() -> None:
    client = Client()
    client.world.servers["8.8.8.8"] = lambda request: http(b"sorry", "503 Busy")
    response = client.get()
    assert (response.status, response.body, response.is_success) == (503, b"sorry", False)
    with pytest.raises(HttpStatusError, match="503 Busy"):
        response.raise_for_status()


def test_all_admitted_addresses_are_given_to_the_dialler() -> None:
    client = Client()
    client.world.names["a"] = ["8.8.8.8", "2600::1", "127.0.0.1"]
    client.world.servers["8.8.8.8"] = lambda request: http(b"")
    client.get("http://a/other", guard=AddressGuard(loopback_path="/announce"))
    assert client.world.dialled == [("tcp", ["8.8.8.8", "2600::1"])]


class TestRedirects:
    def redirecting(self, *steps: tuple[str, str]) -> Client:
        """A client in a world whose servers redirect as told: (host, location)."""
        client = Client()
        answers = {host: http(b"moved", "302 Found", f"Location: {location}") for host, location in steps}
        for host, answer in answers.items():
            client.world.servers[host] = lambda request, answer=answer: answer  # type: ignore[misc]
        return client

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_followed(self, status: int) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(
            b"", f"{status} Moved", "Location: http://b:81/x"
        )
        client.world.servers["9.9.9.9"] = lambda request: http(b"there")
        response = client.get()
        assert (response.body, str(response.url), response.address) == (b"there", "http://b:81/x", "9.9.9.9")

    @pytest.mark.parametrize(
        "answer", [http(b"", "302 Found"), http(b"", "304 Not Modified", "Location: /x")]
    )
    def test_not_one(self, answer: bytes) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: answer
        assert client.get().status in (302, 304)

    def test_circle(self) -> None:
        client = self.redirecting(("8.8.8.8", "http://b/"), ("9.9.9.9", "http://a/announce"))
        assert "circle" in str(client.fail())

    def test_number_at_the_limit(self) -> None:
        def serve(request: bytes) -> bytes:
            number = int(request.split()[1][1:])
            return http(b"end") if number == 0 else http(b"", "302 Found", f"Location: /{number - 1}")

        client = Client()
        client.world.servers["8.8.8.8"] = serve
        assert client.get("http://a/5").body == b"end"
        client = Client()
        client.world.servers["8.8.8.8"] = serve
        assert "more than 5" in str(client.fail("http://a/6"))

    def test_no_downgrade(self) -> None:
        assert isinstance(self.redirecting(("8.8.8.8", "http://b/")).fail("https://a/"), HttpRefused)

    def test_upgrade(self) -> None:
        client = self.redirecting(("8.8.8.8", "https://b/"))
        client.world.servers["9.9.9.9"] = lambda request: http(b"safe")
        assert client.get().body == b"safe"

    def test_never_inwards(self) -> None:
        client = self.redirecting(("8.8.8.8", "http://inside/announce"))
        client.world.servers["10.0.0.1"] = lambda request: http(b"secret")
        assert isinstance(client.fail(), HttpRefused)
        assert client.world.dialled == [("tcp", ["8.8.8.8"])]

    def test_outwards(self) -> None:
        client = self.redirecting(("10.0.0.1", "http://b/"))
        client.world.servers["9.9.9.9"] = lambda request: http(b"public")
        assert client.get("http://inside/").body == b"public"

    @pytest.mark.parametrize("location", ["ftp://b/", "http://[/", "http://b/\x7f"])
    def test_nowhere(self, location: str) -> None:
        assert isinstance(self.redirecting(("8.8.8.8", location)).fail(), (HttpUrlError, HttpProtocolError))

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            ("/next", b"us:er"),
            ("http://b/", None),
            ("http://new:one@b/", b"new:one"),
            ("http://n:o@a/x", b"n:o"),
        ],
    )
    def test_passwords_stay_with_their_server(self, location: str, expected: bytes | None) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: (
            http(b"") if b"GET /announce " not in request else http(b"", "302 Found", f"Location: {location}")
        )
        client.world.servers["9.9.9.9"] = lambda request: http(b"")
        client.get("http://us:er@a/announce")
        first, second = client.world.connections
        assert b"Authorization: Basic " + base64.b64encode(b"us:er") in first.request
        if expected is None:
            assert b"Authorization" not in second.request
        else:
            assert b"Authorization: Basic " + base64.b64encode(expected) in second.request


class TestFailures:
    def test_name_lookup(self) -> None:
        client = Client()
        client.world.names["a"] = OSError(-2, "Name or service not known")
        error = client.fail()
        assert isinstance(error, HttpConnectionError)
        assert str(error) == "resolve: Name or service not known"

    def test_no_address_may_be_asked(self) -> None:
        error = Client().fail("http://localhost/x", guard=AddressGuard(loopback_path="/announce"))
        assert isinstance(error, HttpRefused)
        client = Client()
        client.world.names["a"] = []
        assert isinstance(client.fail(), HttpRefused)

    def test_refused_connection(self) -> None:
        error = Client().fail()
        assert isinstance(error, HttpConnectionError)
        assert error.cause.operation == "connect"

    def test_a_dialler_that_cannot(self) -> None:
        client = Client()

        def dial(*_: object) -> None:
            raise TransportBroken("connect", "no such chain")

        client.world.dial = dial  # type: ignore[assignment, method-assign]
        assert str(client.fail()) == "connect: no such chain"

    def test_not_http(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: b"SSH-2.0-OpenSSH\r\n\r\n"
        assert isinstance(client.fail(), HttpProtocolError)

    def test_end_before_the_answer(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"
        assert isinstance(client.fail(), HttpProtocolError)

    def test_reset(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: None
        client.fetch()
        client.world.run()
        client.world.connections[0].transport.abort()
        client.world.run()
        ((_, error),) = client.results
        assert isinstance(error, HttpConnectionError)

    def test_reset_while_sending(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: None
        fetch = client.fetch("http://a/" + "x" * 1000)
        while not client.world.connections or not client.world.connections[0].request:
            client.world.multi.socket_action(-1, 0)
        client.world.connections[0].transport.abort()
        fetch.on_writable(client.world.now)
        ((_, error),) = client.results
        assert isinstance(error, HttpConnectionError)
        client.check_clean()

    def test_a_spurious_wake_up(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: None
        fetch = client.fetch()
        client.world.run()
        fetch.on_readable(client.world.now)
        assert not client.results
        client.world.connections[0].send(http(b"after all"))
        client.world.run()
        assert client.results[0][0] is not None

    def test_body_at_the_limit(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"12345")
        assert client.get(max_body=5).body == b"12345"
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"123456")
        assert isinstance(client.fail(max_body=5), HttpTooLarge)


class TestTime:
    def test_while_resolving(self) -> None:
        client = Client()
        client.world.names["a"] = None
        error = client.fail(after=30)
        assert isinstance(error, HttpTimeout)
        assert error.doing == "resolving"

    def test_while_waiting(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: None
        client.fetch()
        client.world.advance(9)
        assert not client.results
        client.world.advance(1)
        ((_, error),) = client.results
        assert isinstance(error, HttpTimeout)
        assert error.doing == "waiting"
        client.check_clean()

    def test_bytes_keep_it_alive_until_the_deadline(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: None
        client.fetch()
        client.world.run()
        transport = client.world.connections[0].transport
        transport.send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
        for _ in range(5):
            client.world.advance(5)
            assert not client.results
            transport.send(b"x")
        client.world.advance(5)
        ((_, error),) = client.results
        assert isinstance(error, HttpTimeout)
        assert error.doing == "receiving"
        assert client.world.now == 1030

    def test_redirects_share_the_deadline(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"", "302 Found", "Location: http://b/")
        client.world.names["b"] = None
        assert isinstance(client.fail(after=30), HttpTimeout)


class TestCancel:
    @pytest.mark.parametrize("steps", range(8))
    def test_at_any_moment(self, steps: int) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"body")
        fetch = client.fetch()
        for _ in range(steps):
            client.world.multi.socket_action(-1, 0)
        if client.results:
            return
        fetch.cancel()
        fetch.cancel()
        client.check_clean()
        assert not client.results

    def test_from_inside_the_body(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"body")
        parts: list[bytes] = []

        def on_body(data: bytes) -> None:
            parts.append(data)
            fetch.cancel()

        fetch = client.fetch(on_body=on_body)
        client.world.run()
        assert len(parts) == 1
        assert not client.results


class TestStreaming:
    def test_body_comes_in_parts(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"x" * 1000)
        parts: list[bytes] = []
        response = client.get(on_body=parts.append, max_body=None)
        assert b"".join(parts) == b"x" * 1000
        assert len(parts) > 1
        assert response.body == b""

    def test_error_bodies_are_collected_within_limits(self) -> None:
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"no", "404 Not Found")
        parts: list[bytes] = []
        assert client.get(on_body=parts.append, max_body=None).body == b"no"
        assert not parts

    def test_error_body_at_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("evtorrent.protocols.http.fetch.DEFAULT_MAX_BODY", 3)
        client = Client()
        client.world.servers["8.8.8.8"] = lambda request: http(b"1234", "404 Not Found")
        assert isinstance(client.fail(on_body=print, max_body=None), HttpTooLarge)


def test_a_post_follows_no_redirect() -> None:
    client = Client()
    client.world.servers["8.8.8.8"] = lambda request: http(b"", "302 Found", "Location: http://b/")
    assert isinstance(client.fail(post=b"body"), HttpRefused)
    assert client.world.connections[0].request.endswith(b"\r\n\r\nbody")
    assert len(client.world.dialled) == 1


def test_a_post() -> None:
    client = Client()
    client.world.servers["8.8.8.8"] = lambda request: http(request[:5])
    assert client.get(post=b"body").body == b"POST "
