"""Dialling through a SAM bridge: who is connected to, what it is asked, and how it fails."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import LocalProtocolError
from evtorrent.protocols.sam import AcceptStream, CreateSession, LookUpName
from evtorrent.protocols.transport import ChainContext, build_chain, dial, memory_pair, wrap_accepted
from evtorrent.protocols.transport.sam import SamFilter, SamOptions
from support.sam_kit import HELLO, destination, found
from support.stream_kit import Listening, accept, accepting, pump
from support.watched_platform import WatchedPlatform

THEM = destination(1)
OK = b"STREAM STATUS RESULT=OK\n"


@pytest.mark.parametrize("target", [THEM.name, str(THEM), "tracker.i2p."])
def test_only_the_bridge_is_looked_up_and_connected_to(target: str) -> None:
    multi = Multi()
    watching = WatchedPlatform(multi.platform, {"bridge.invalid": "127.0.0.1"})
    with accepting() as listener:
        bridge = SamOptions(("bridge.invalid", listener.getsockname()[1]), "me")
        transport = dial(multi, target, 0, chain="sam+tcp", options={"proxy": bridge}, platform=watching)  # type: ignore[arg-type]
        user = Listening(transport)
        pump(multi, lambda: watching.connected)
        other = Listening(wrap_accepted(multi, accept(listener)))
        pump(multi, lambda: b"HELLO" in other.received)
        other.send_all(HELLO)
        if target != str(THEM):
            pump(multi, lambda: f"NAMING LOOKUP NAME={target.rstrip('.')}\n".encode() in other.received)
            other.send_all(found(THEM))
        pump(multi, lambda: f"STREAM CONNECT ID=me DESTINATION={THEM}".encode() in other.received)
        other.send_all(OK + b"first")
        pump(multi, lambda: user.received)
    assert user.heard == ["connected", "readable"]
    assert bytes(user.received) == b"first"
    assert watching.names == ["bridge.invalid"]
    assert transport.peer_address == (THEM.name, 0)
    assert transport.query("chain") == "sam+tcp"
    assert transport.query("i2p_destination") == THEM
    assert transport.query("i2p") is True
    assert transport.query("socket") is not None
    transport.abort()
    other.transport.abort()
    multi.close()


def over_memory(
    multi: Multi, options: SamOptions, host: str = "x.i2p"
) -> tuple[SamFilter, Listening, Listening]:
    """(filter, its user, the bridge's side)."""
    near, far = memory_pair(multi)
    top = build_chain(near, ["sam"], ChainContext(multi, host, options={"proxy": options}))
    assert isinstance(top, SamFilter)
    return top, Listening(top), Listening(far)


def test_whom_the_name_means_may_be_known_already() -> None:
    multi = Multi()
    top, user, bridge = over_memory(multi, SamOptions(("b", 1), "me", known=THEM), THEM.name)
    assert top.peer_address == (THEM.name, 0)
    bridge.send_all(HELLO + OK)
    pump(multi, lambda: user.heard)
    assert b"NAMING" not in bridge.received
    top.abort()
    bridge.transport.abort()
    multi.close()


def test_a_refusal_names_the_layer_and_the_cause() -> None:
    multi = Multi()
    top, user, bridge = over_memory(multi, SamOptions(("b", 1), "me"))
    assert top.peer_address == ("x.i2p", 0)
    assert top.query("i2p_destination") is None
    bridge.send_all(HELLO + b"NAMING REPLY RESULT=KEY_NOT_FOUND NAME=x.i2p\n")
    pump(multi, lambda: user.error is not None)
    assert str(user.error) == "sam: key not found, says the bridge"
    bridge.transport.abort()
    multi.close()


class Deadlines:
    """A base on which timers are counted."""

    def __init__(self, multi: Multi) -> None:
        self._multi = multi
        self.delays: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._multi, name)

    def call_later(self, delay: float, callback: Any, *args: Any) -> Any:
        self.delays.append(delay)
        return self._multi.call_later(0.02, callback, *args)


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_bridge_that_says_nothing_is_given_up_but_not_one_where_nobody_calls(is_waiting: bool) -> None:
    multi = Multi()
    near, far = memory_pair(multi)
    base = Deadlines(multi)
    options = SamOptions(("b", 1), exchange=AcceptStream("me"), timeout=7.0)
    top = build_chain(near, ["sam"], ChainContext(base, options={"proxy": options}))  # type: ignore[arg-type]
    user, bridge = Listening(top), Listening(far)
    bridge.send_all(HELLO + OK if is_waiting else HELLO)
    late: list[None] = []
    pump(multi, lambda: b"ACCEPT" in bridge.received)
    multi.call_later(0.1, late.append, None)
    pump(multi, lambda: late)
    assert base.delays == [7.0]
    assert (user.error is None) is is_waiting
    if is_waiting:
        bridge.send_all(f"{THEM}\n".encode())
        pump(multi, lambda: user.heard == ["connected"])
        assert top.peer_address == (THEM.name, 0)
        assert top.query("i2p_destination") == THEM
    else:
        assert str(user.error) == "sam: timed out"
    top.abort()
    far.abort()
    multi.close()


def test_the_connection_of_a_session() -> None:
    multi = Multi()
    top, user, bridge = over_memory(multi, SamOptions(("b", 1), exchange=CreateSession("me")), "")
    bridge.send_all(HELLO + b"SESSION STATUS RESULT=OK DESTINATION=x\n" + found(THEM, "ME"))
    pump(multi, lambda: user.heard)
    assert top.destination == THEM
    assert top.peer_address == ("", 0)
    top.abort()
    bridge.transport.abort()
    multi.close()


def test_a_lookup_leads_to_nobody() -> None:
    multi = Multi()
    top, user, bridge = over_memory(multi, SamOptions(("b", 1), exchange=LookUpName("x.i2p")), "")
    bridge.send_all(HELLO + found(THEM))
    pump(multi, lambda: user.heard)
    assert top.query("i2p_destination") is None
    top.abort()
    bridge.transport.abort()
    multi.close()


def test_options() -> None:
    multi = Multi()
    bridge = SamOptions(("bridge", 7656), "secret")
    assert repr(bridge) == "SamOptions(bridge:7656)"
    with pytest.raises(LocalProtocolError, match="option proxy"):
        dial(multi, "x.i2p", 0, chain="sam+tcp")
    with pytest.raises(LocalProtocolError, match="option proxy"):
        dial(multi, "x.i2p", 0, chain="sam+tcp", options={"proxy": "bridge"})
    with pytest.raises(LocalProtocolError, match="is not on I2P"):
        over_memory(multi, bridge, "192.0.2.1")
    multi.close()
