from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.portmap.ssdp import IGD_1, MAX_HEADERS, MAX_SSDP, pack_search, parse_ssdp
from hypothesis import given
from hypothesis import strategies as st
from support.igd import FakeIgd


def test_search() -> None:
    assert pack_search(IGD_1) == (
        b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
        b"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
        b'MAN: "ssdp:discover"\r\nMX: 3\r\n\r\n'
    )


def test_answer() -> None:
    answer = parse_ssdp(FakeIgd().ssdp())
    assert str(answer.location) == "http://10.0.0.1:5000/rootDesc.xml"
    assert (answer.search_target, answer.server) == (IGD_1, "Scripted/1 UPnP/1.1")


def test_answers_of_the_wild() -> None:
    bare = parse_ssdp(b"http/1.0 200\nlocation :http://10.0.0.1/\nrubbish\nLOCATION: http://10.0.0.9/\n")
    assert str(bare.location) == "http://10.0.0.1/"
    assert (bare.search_target, bare.server) == ("", "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"NOTIFY * HTTP/1.1\r\nLOCATION: http://10.0.0.1/\r\n\r\n",
        b"M-SEARCH * HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nLOCATION: http://10.0.0.1/\r\n\r\n",
        b"HTTP/2 200 OK\r\nLOCATION: http://10.0.0.1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: https://10.0.0.1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: http://10.0.0.1:0/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLOCATION: //10.0.0.1/\r\n\r\n",
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_ssdp(data)


def test_limits() -> None:
    head = b"HTTP/1.1 200 OK\r\nLOCATION: http://10.0.0.1/\r\n"
    assert parse_ssdp(head.ljust(MAX_SSDP))
    with pytest.raises(RemoteProtocolError, match="SSDP answer of 2049 bytes"):
        parse_ssdp(head.ljust(MAX_SSDP + 1))
    assert parse_ssdp(head + b"a:b\n" * (MAX_HEADERS - 3))
    with pytest.raises(RemoteProtocolError, match="lines"):
        parse_ssdp(head + b"a:b\n" * (MAX_HEADERS - 2))


@given(st.binary(max_size=200), st.integers(0, 250))
def test_garbage(data: bytes, keep: int) -> None:
    for packet in (data, FakeIgd().ssdp()[:keep] + data):
        try:
            parse_ssdp(packet)
        except RemoteProtocolError:
            pass
