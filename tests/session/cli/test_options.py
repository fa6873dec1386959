from __future__ import annotations

import socket

import click
import pytest
from evtorrent.session.cli.options import DURATION, ENDPOINT, LISTEN, RATE, SIZE


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SIZE, "64MiB", 64 << 20),
        (SIZE, "1t", 1 << 40),
        (RATE, "500k", 512_000),
        (DURATION, "1m", 60.0),
        (ENDPOINT, "10.0.0.1:6881", ("10.0.0.1", 6881)),
        (ENDPOINT, "[::1]:1", ("::1", 1)),
        (LISTEN, "6999", "0.0.0.0:6999,[::]:6999"),
        (LISTEN, "127.0.0.1:0", "127.0.0.1:0"),
    ],
)
def test_values(kind, text, value):
    assert kind.convert(text, None, None) == value
    assert kind.convert(kind.convert(text, None, None), None, None) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (SIZE, "x"),
        (RATE, "3G"),
        (DURATION, "soon"),
        (ENDPOINT, "10.0.0.1"),
        (ENDPOINT, ":6881"),
        (ENDPOINT, "10.0.0.1:0"),
        (ENDPOINT, "10.0.0.1:65536"),
        (ENDPOINT, "10.0.0.1:６"),
        (LISTEN, "65536"),
    ],
)
def test_wrong_values_are_usage_errors(kind, text):
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_a_name_is_looked_up(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: found)
    assert ENDPOINT.convert("peer.example:80", None, None) == ("192.0.2.7", 80)


def test_a_name_nobody_knows_is_a_usage_error(monkeypatch):
    def fail(*args, **kw):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(click.BadParameter, match="has no address"):
        ENDPOINT.convert("peer.example:80", None, None)
