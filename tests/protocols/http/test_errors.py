"""The words of the HTTP errors."""

from __future__ import annotations

from evtorrent.protocols.errors import RemoteProtocolError, TransportBroken
from evtorrent.protocols.http.errors import (
    HttpConnectionError,
    HttpError,
    HttpStatusError,
    HttpTimeout,
    HttpTooLarge,
    HttpUrlError,
)


def test_words() -> None:
    assert str(HttpStatusError(503, "Busy")) == "HTTP status 503 Busy"
    assert str(HttpStatusError(503)) == "HTTP status 503"
    assert str(HttpTimeout("connecting")) == "timed out while connecting"
    assert str(HttpConnectionError(TransportBroken("connect", "refused"))) == "connect: refused"


def test_tree() -> None:
    for kind in (HttpTooLarge, HttpUrlError):
        assert issubclass(kind, HttpError)
        assert issubclass(kind, RemoteProtocolError)
