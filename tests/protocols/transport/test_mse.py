"""MSE as a filter: what it looks like on the wire, what is refused, and whose buffers are touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evtorrent.protocols.errors import LocalProtocolError, TransportBroken
from evtorrent.protocols.mse import Method
from evtorrent.protocols.transport import ChainContext, build_chain, dial, memory_pair
from evtorrent.protocols.transport.mse import SEND_SIZE, CipherBuffers, MseFilter, MseOptions
from support.engine_kit import Host, make_engine
from support.mse_kit import SKEY, find_skey, keys_of
from support.stream_kit import Listening

PLAIN = b"\x13BitTorrent protocol"
MINE = 1


class Wire:
    """A memory pair with MSE on both sides, or on the called one alone."""

    def __init__(
        self,
        methods: Method = Method.RC4,
        *,
        limit: int = 1 << 16,
        caller: dict[str, object] | None = None,
        called: dict[str, object] | None = None,
        is_raw: bool = False,
    ) -> None:
        self.multi, self.platform = make_engine()
        self.host = Host(self.multi)
        below = memory_pair(self.multi, limit)
        self.buffers = CipherBuffers()
        mine = MseOptions(
            skey=SKEY,
            methods=methods,
            random_bytes=keys_of(1),
            buffers=self.buffers,
            **(caller or {}),  # type: ignore[arg-type]
        )
        theirs = MseOptions(random_bytes=keys_of(2), **{"find_skey": find_skey, **(called or {})})  # type: ignore[arg-type]
        one = below[0]
        if not is_raw:
            one = build_chain(one, ["mse"], ChainContext(self.multi, options={"mse": mine}))  # type: ignore[assignment]
        two = build_chain(
            below[1], ["mse"], ChainContext(self.multi, is_inbound=True, options={"mse": theirs})
        )
        self.one, self.two = Listening(one), Listening(two)

    def run(self, until: Callable[[], object] = lambda: False, actions: int = 2000) -> Wire:
        for _ in range(actions):
            if until() or self.multi.timeout() != 0:
                break
            self.host.timeout()
        return self


def test_rc4_leaves_the_senders_buffer_alone_and_hides_it() -> None:
    wire = Wire().run()
    seen = bytearray()
    send = wire.one.transport.below.send  # type: ignore[attr-defined]

    def watched(data: memoryview) -> int:
        count: int = send(data)
        seen.extend(data[:count])
        return count

    wire.one.transport.below.send = watched  # type: ignore[attr-defined]
    payload = bytearray(range(256)) * 40
    before = bytes(payload)
    assert wire.one.transport.send(memoryview(payload)) == len(payload)
    wire.run()
    assert payload == before
    assert wire.two.received == before
    assert len(seen) == len(before) and seen != before
    assert wire.one.transport.is_encrypted
    assert wire.one.transport.query("mse_method") is Method.RC4
    assert wire.one.transport.query("chain") == "memory+mse"
    assert wire.one.transport.send(b"") == 0


def test_plaintext_is_plain_behind_the_handshake() -> None:
    wire = Wire(Method.PLAINTEXT).run()
    assert not wire.two.transport.is_encrypted
    assert wire.two.transport.query("mse_method") is Method.PLAINTEXT
    wire.one.send_all(b"in the open")
    assert bytes(wire.two.transport.below._in.bytes) == b"in the open"  # type: ignore[attr-defined]
    wire.run()
    assert wire.two.received == b"in the open"


@pytest.mark.parametrize("methods", [Method.RC4, Method.PLAINTEXT])
def test_the_initial_payload_is_the_beginning_of_the_stream(methods: Method) -> None:
    wire = Wire(methods, caller={"initial_payload": b"begin"}).run()
    wire.one.send_all(b" and go on")
    wire.run()
    assert wire.two.received == b"begin and go on"


def test_one_send_takes_what_it_encrypts_and_no_more() -> None:
    wire = Wire(limit=1000).run()
    wire.two.transport.suspend_reading(MINE)
    data = bytes(SEND_SIZE + 5)
    assert wire.one.transport.send(data) == SEND_SIZE
    assert wire.one.transport.send(data) == 0
    wire.two.transport.resume_reading(MINE)
    wire.run(lambda: len(wire.two.received) == SEND_SIZE)
    assert wire.one.transport.send(b"more") == 4
    wire.run()
    assert wire.two.received == bytes(SEND_SIZE) + b"more"


def test_buffers_are_used_again() -> None:
    wire = Wire(limit=1000).run()
    for _ in range(3):
        wire.one.transport.send(bytes(1500))
        assert wire.buffers._free == []
        wire.run()
        assert len(wire.buffers._free) == 1
    wire.one.transport.send(bytes(1500))
    wire.two.transport.abort()
    wire.run()
    assert len(wire.buffers._free) == 1


def test_a_pool_has_a_limit() -> None:
    pool = CipherBuffers(limit=2)
    for buffer in [pool.take() for _ in range(3)]:
        pool.give_back(buffer)
    assert len(pool._free) == 2
    assert len(pool.take()) == SEND_SIZE


def test_what_is_encrypted_leaves_after_close() -> None:
    wire = Wire(limit=100).run()
    wire.two.transport.suspend_reading(MINE)
    assert wire.one.transport.send(bytes(1000)) == 1000
    wire.one.transport.close()
    wire.run()
    wire.two.transport.resume_reading(MINE)
    wire.run()
    assert wire.two.received == bytes(1000)
    assert wire.two.is_ended
    assert len(wire.buffers._free) == 1


@pytest.mark.parametrize("call", ["send", "recv"])
def test_the_world_ends_it_inside_a_call(call: str) -> None:
    wire = Wire().run()
    wire.two.transport.abort()
    with pytest.raises(TransportBroken, match="reset"):
        if call == "send":
            wire.one.transport.send(b"x")
        else:
            wire.one.transport.recv_into(bytearray(1))
    assert wire.one.transport.is_closed


def test_a_plain_caller_is_let_through() -> None:
    wire = Wire(is_raw=True).run()
    assert wire.two.heard == []
    wire.one.send_all(PLAIN[:-1])
    wire.run()
    assert wire.two.heard == []
    wire.one.send_all(PLAIN[-1:] + b"rest")
    wire.run()
    assert wire.two.received == PLAIN + b"rest"
    assert wire.two.transport.query("mse_method") is Method.NONE
    wire.two.send_all(b"answer")
    wire.run()
    assert wire.one.received == b"answer"


def test_a_refused_caller_hears_nothing_and_the_error_names_the_layer() -> None:
    wire = Wire(is_raw=True, called={"takes_plain": False}).run()
    wire.one.send_all(PLAIN)
    wire.run()
    assert str(wire.two.error) == "mse: connections without encryption are not accepted"
    assert not wire.one.received


def test_degenerate_keys() -> None:
    wire = Wire(is_raw=True).run()
    wire.one.send_all(bytes(96))
    wire.run()
    assert str(wire.two.error) == "mse: the other side's key is degenerate"


def test_nobodys_torrent() -> None:
    wire = Wire(called={"find_skey": MseOptions().find_skey}).run()
    assert str(wire.two.error) == "mse: the encrypted handshake names no torrent of ours"
    assert wire.one.error is not None


def test_the_timeout_is_an_option() -> None:
    wire = Wire(is_raw=True, called={"timeout": 3.0}).run()
    assert wire.two.transport.query("mse_begun") is True
    wire.platform.now += 3.1
    wire.host.timeout()
    wire.run()
    assert str(wire.two.error) == "mse: timed out"
    assert wire.two.transport.query("mse_method") is None
    assert wire.two.transport.query("nothing") is None


def test_it_takes_its_option() -> None:
    multi, _ = make_engine()
    with pytest.raises(LocalProtocolError, match="option mse"):
        dial(multi, "127.0.0.1", 1, chain="tcp+mse")
    with pytest.raises(LocalProtocolError, match="option mse"):
        dial(multi, "127.0.0.1", 1, chain="tcp+mse", options={"mse": SKEY})


def test_keys_come_from_the_platform() -> None:
    multi, _ = make_engine()
    below = memory_pair(multi)[0]
    made = build_chain(below, ["mse"], ChainContext(multi, options={"mse": MseOptions(skey=SKEY)}))
    assert isinstance(made, MseFilter)
