"""Dialling through a proxy: who is connected to, which name is looked up, and how it fails."""

from __future__ import annotations

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.transport import dial, wrap_accepted
from evtorrent.protocols.transport.proxy import ProxyOptions
from support.stream_kit import Listening, accept, accepting, pump
from support.watched_platform import WatchedPlatform

ANSWERS = {
    "socks4": [(9, bytes((0, 90)) + bytes(6))],
    "socks5": [(3, b"\x05\x00"), (10, b"\x05\x00\x00\x01" + bytes(6))],
    "http_connect": [(20, b"HTTP/1.1 200 OK\r\n\r\n")],
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("target", ["192.0.2.7", "tracker.invalid"])
def test_only_the_proxy_is_looked_up_and_connected_to(kind: str, target: str) -> None:
    multi = Multi()
    watching = WatchedPlatform(multi.platform, {"proxy.invalid": "127.0.0.1"})
    with accepting() as listener:
        proxy = ProxyOptions(kind, ("proxy.invalid", listener.getsockname()[1]), username="me")
        transport = dial(
            multi,
            target,
            80,
            chain=f"{kind}+tcp",
            options={"proxy": proxy},
            platform=watching,  # type: ignore[arg-type]
        )
        user = Listening(transport)
        pump(multi, lambda: watching.connected)
        other = Listening(wrap_accepted(multi, accept(listener)))
        for size, answer in ANSWERS[kind]:
            pump(multi, lambda size=size: len(other.received) >= size)
            other.send_all(answer)
        pump(multi, lambda: user.heard)
    assert user.heard == ["connected"]
    assert watching.names == ["proxy.invalid"]
    assert [address[:2] for address in watching.connected] == [listener_address(proxy)]
    assert transport.peer_address == (target, 80)
    assert transport.query("chain") == f"{kind}+tcp"
    if target.endswith("invalid"):
        assert target.encode() in other.received
    transport.abort()
    other.transport.abort()
    multi.close()


def listener_address(proxy: ProxyOptions) -> tuple[str, int]:
    return "127.0.0.1", proxy.address[1]


def test_a_refusal_names_the_layer_and_the_cause() -> None:
    multi = Multi()
    with accepting() as listener:
        options = {"proxy": ProxyOptions("socks5", listener.getsockname())}
        user = Listening(dial(multi, "192.0.2.7", 80, chain="socks5+tcp", options=options))
        multi.perform()
        other = Listening(wrap_accepted(multi, accept(listener)))
        other.also["connected"] = lambda: other.send_all(b"\x05\xff")
        pump(multi, lambda: user.error is not None)
    assert str(user.error) == "socks5: the proxy wants another kind of authentication"
    other.transport.abort()
    multi.close()


def test_options() -> None:
    multi = Multi()
    with pytest.raises(LocalProtocolError, match="option proxy"):
        dial(multi, "192.0.2.7", 80, chain="socks5+tcp")
    with pytest.raises(LocalProtocolError, match="option proxy"):
        dial(multi, "192.0.2.7", 80, chain="http_connect+tcp", options={"proxy": "localhost"})
    with pytest.raises(LocalProtocolError, match="2 proxies"):
        dial(multi, "192.0.2.7", 80, chain="socks5+socks4+tcp")
    multi.close()


def test_the_password_is_not_shown() -> None:
    options = ProxyOptions("socks5", ("proxy", 1080), "me", "secret")
    assert repr(options) == "ProxyOptions(socks5 proxy:1080)"
