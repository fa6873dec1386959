from __future__ import annotations

import pytest
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.proxy import Socks5, Socks5Command
from evtorrent.protocols.proxy.socks5 import MAX_CREDENTIAL
from support.proxy_kit import converse, error_of, storm

OPEN = b"\x05\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90"
WITH_PASSWORD = b"\x05\x02\x01\x00\x05\x00\x00\x03\x05proxy\x00\x50"
IPV6 = b"\x05\x00\x05\x00\x00\x04" + bytes(15) + b"\x01\x00\x01"


def make() -> Socks5:
    return Socks5(("example.org", 80))


def make_with_password() -> Socks5:
    return Socks5(("example.org", 80), username="me", password="secret")


def test_without_authentication() -> None:
    machine = make()
    assert machine.data_to_send() == b"\x05\x01\x00"
    machine.receive_data(OPEN[:2])
    assert machine.data_to_send() == b"\x05\x01\x00\x03\x0bexample.org\x00\x50"
    for each in converse(make, OPEN, b"stream"):
        assert isinstance(each, Socks5) and each.bound == ("10.0.0.1", 8080)
    for each in converse(make, IPV6):
        assert isinstance(each, Socks5) and each.bound == ("::1", 1)


def test_with_a_password() -> None:
    machine = make_with_password()
    assert machine.data_to_send() == b"\x05\x02\x00\x02"
    machine.receive_data(WITH_PASSWORD[:2])
    assert machine.data_to_send() == b"\x01\x02me\x06secret"
    machine.receive_data(WITH_PASSWORD[2:4])
    assert machine.data_to_send() == b"\x05\x01\x00\x03\x0bexample.org\x00\x50"
    for each in converse(make_with_password, WITH_PASSWORD, b"stream"):
        assert isinstance(each, Socks5) and each.bound == ("proxy", 80)


def test_the_proxy_need_not_ask_for_it() -> None:
    converse(make_with_password, OPEN)


def test_an_association() -> None:
    machine = Socks5(("0.0.0.0", 0), command=Socks5Command.UDP_ASSOCIATE)
    machine.receive_data(OPEN[:2])
    assert machine.data_to_send() == b"\x05\x01\x00" + b"\x05\x03\x00\x01" + bytes(6)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"\x05\xff", "another kind of authentication"),
        (b"\x05\x02", "authentication 2, which was not offered"),
        (b"\x05\x07", "authentication 7"),
        (b"HTTP/1.0 400", "0x48"),
        (b"\x05\x00\x04\x00", "0x04"),
        (b"\x05\x00\x05\x02\x00\x01", "rules forbid"),
        (b"\x05\x00\x05\x05\x00\x01", "connection refused"),
        (b"\x05\x00\x05\x99\x00\x01", "answers 153"),
        (b"\x05\x00\x05\x00\x00\x07", "kind 7"),
    ],
)
def test_refused(answer: bytes, text: str) -> None:
    assert text in error_of(make, answer)


def test_the_password_is_wrong() -> None:
    assert "user name or password" in error_of(make_with_password, b"\x05\x02\x01\x01")
    assert "0x05" in error_of(make_with_password, b"\x05\x02\x05\x00")


def test_what_cannot_be_said() -> None:
    longest = "x" * MAX_CREDENTIAL
    Socks5(("a", 1), username=longest, password=longest)
    with pytest.raises(LocalProtocolError, match="255"):
        Socks5(("a", 1), username=longest + "x")
    with pytest.raises(LocalProtocolError, match="255"):
        Socks5(("a", 1), username="x", password=longest + "x")
    with pytest.raises(LocalProtocolError, match="name"):
        Socks5(("", 1))


def test_ten_thousand_answers() -> None:
    storm(make, [OPEN, IPV6], 5_000, seed=1)
    storm(make_with_password, [OPEN, WITH_PASSWORD], 5_000, seed=2)


@pytest.mark.soak
def test_a_million_answers() -> None:
    storm(make_with_password, [OPEN, WITH_PASSWORD, IPV6], 1_000_000, seed=3)
