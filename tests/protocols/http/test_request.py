"""A fetch as a handle: messages of the engine, removal at any time."""

from __future__ import annotations

import pytest
from evtorrent.protocols.http.errors import HttpConnectionError, HttpStatusError, HttpUrlError
from evtorrent.protocols.http.fetch import FetchOptions, HttpResponse
from evtorrent.protocols.http.request import HttpRequest
from evtorrent.protocols.http.url import parse_url
from support.http_world import World, http

URL = "http://8.8.8.8/x"


def test_success() -> None:
    world = World()
    world.servers["8.8.8.8"] = lambda request: http(b"body")
    request = HttpRequest(URL, ports=world, options=FetchOptions(user_agent="me"))
    world.multi.add_handle(request)
    world.run()
    assert world.multi.info_read() == (0, [request], [])
    assert isinstance(request.result, HttpResponse)
    assert request.result.body == b"body"
    assert b"User-Agent: me" in world.connections[0].request


def test_streaming() -> None:
    world = World()
    world.servers["8.8.8.8"] = lambda request: http(b"body")
    parts: list[bytes] = []
    world.multi.add_handle(HttpRequest(parse_url(URL), ports=world, on_body=parts.append))
    world.run()
    assert b"".join(parts) == b"body"


def test_status_that_is_no_success() -> None:
    world = World()
    world.servers["8.8.8.8"] = lambda request: http(b"", "404 Not Found")
    request = HttpRequest(URL, ports=world)
    world.multi.add_handle(request)
    world.run()
    assert isinstance(request.error, HttpStatusError)
    assert request.error.status == 404


def test_failure() -> None:
    world = World()
    request = HttpRequest(URL, ports=world)
    world.multi.add_handle(request)
    world.run()
    _, succeeded, ((failed, _, words),) = world.multi.info_read()
    assert (succeeded, failed) == ([], request)
    assert "refused" in words
    assert isinstance(request.error, HttpConnectionError)


def test_a_url_that_cannot_be_fetched() -> None:
    with pytest.raises(HttpUrlError):
        HttpRequest("udp://x:1/")


@pytest.mark.parametrize("steps", range(8))
def test_removed_at_any_moment(steps: int) -> None:
    world = World()
    world.servers["8.8.8.8"] = lambda request: http(b"body")
    request = HttpRequest(URL, ports=world)
    world.multi.add_handle(request)
    for _ in range(steps):
        world.multi.socket_action(-1, 0)
    world.multi.remove_handle(request)
    world.run()
    assert all(connection.is_cut for connection in world.connections)
    assert world.multi.timeout() == -1


def test_exceptions_of_the_callback_fail_the_request_only() -> None:
    class Oops(Exception):
        pass

    def on_body(data: bytes) -> None:
        raise Oops

    world = World()
    world.servers["8.8.8.8"] = lambda request: http(b"body")
    request, other = HttpRequest(URL, ports=world, on_body=on_body), HttpRequest(URL, ports=world)
    world.multi.add_handle(request)
    world.multi.add_handle(other)
    world.run()
    assert isinstance(request.error, Oops)
    assert other.result.body == b"body"
