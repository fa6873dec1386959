"""Both sides talk: what they agree on, however the bytes are cut; garbage in any state."""

from __future__ import annotations

import random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.mse import Method, MseError
from evtorrent.protocols.mse.agreement import ANY_METHOD
from evtorrent.protocols.mse.handshake import MAX_INITIAL_PAYLOAD, MAX_PAD, blurred_skey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.mse_kit import SKEY, converse, initiator, keys_of, responder


@pytest.mark.parametrize("size", [1, 7, 96, 1 << 20])
@pytest.mark.parametrize("method", [Method.PLAINTEXT, Method.RC4])
def test_they_agree(method: Method, size: int) -> None:
    one, two = initiator(methods=method, initial_payload=b"hello"), responder()
    converse(one, two, size=size)
    assert one.is_done and two.is_done
    assert one.agreed is not None and two.agreed is not None
    assert one.agreed.method is two.agreed.method is method
    assert one.agreed.skey == two.agreed.skey == SKEY
    assert two.take_rest() == b"hello"
    assert one.take_rest() == b""
    if method is Method.RC4:
        assert one.agreed.encrypt is not None and two.agreed.decrypt is not None
        assert two.agreed.encrypt is not None and one.agreed.decrypt is not None
        assert two.agreed.decrypt.apply(one.agreed.encrypt.apply(b"there")) == b"there"
        assert one.agreed.decrypt.apply(two.agreed.encrypt.apply(b"back")) == b"back"
    else:
        assert one.agreed.encrypt is one.agreed.decrypt is two.agreed.encrypt is two.agreed.decrypt is None


@pytest.mark.parametrize("method", [Method.PLAINTEXT, Method.RC4])
def test_what_comes_right_behind_belongs_to_the_stream(method: Method) -> None:
    one, two = initiator(methods=method), responder()
    two.receive_data(one.data_to_send())
    one.receive_data(two.data_to_send())
    two.receive_data(one.data_to_send())
    assert two.is_done and two.agreed is not None
    answer, stream = two.data_to_send(), b"straight on"
    if two.agreed.encrypt is not None:
        stream = two.agreed.encrypt.apply(stream)
    one.receive_data(answer + stream)
    assert one.is_done
    assert one.take_rest() == b"straight on"


@pytest.mark.parametrize("prefer_rc4", [False, True])
def test_the_responder_chooses(prefer_rc4: bool) -> None:
    one, two = initiator(), responder(prefer_rc4=prefer_rc4)
    converse(one, two)
    assert one.agreed is not None
    assert one.agreed.method is (Method.RC4 if prefer_rc4 else Method.PLAINTEXT)


@pytest.mark.parametrize("pads", [0, MAX_PAD])
def test_pads_of_any_length(pads: int) -> None:
    def padded(seed: int):  # type: ignore[no-untyped-def]
        source = keys_of(seed)
        return lambda count: pads.to_bytes(2, "big") if count == 2 else source(count)

    one, two = initiator(methods=Method.RC4), responder()
    one, two = type(one)(SKEY, padded(1), methods=Method.RC4), type(two)(lambda _: SKEY, padded(2))
    converse(one, two)
    assert one.is_done and two.is_done


def test_a_large_initial_payload() -> None:
    payload = random.Random(3).randbytes(MAX_INITIAL_PAYLOAD)
    for method in (Method.PLAINTEXT, Method.RC4):
        one, two = initiator(methods=method, initial_payload=payload), responder()
        converse(one, two, size=4096)
        assert two.take_rest() == payload


def test_blurring_twice_gives_it_back() -> None:
    assert blurred_skey(blurred_skey(SKEY, b"secret"), b"secret") == SKEY
    assert blurred_skey(SKEY, b"secret") != SKEY


def any_input(side: int, seed: int, cut: int, garbage: bytes, size: int) -> None:
    """A handshake that is right up to byte `cut` and garbage then: an agreement or an `MseError`, nothing else."""
    one, two = initiator(seed), responder(seed + 1)
    sides = (one, two)
    victim, other = sides[side], sides[1 - side]
    fed = 0
    error: MseError | None = None
    try:
        for _ in range(3):
            if victim.is_done:
                break
            other_says = other.data_to_send()
            honest = other_says[: max(0, cut - fed)]
            fed += len(other_says)
            is_cut = len(honest) < len(other_says)
            data = honest + garbage if is_cut else honest
            for start in range(0, len(data), size):
                if victim.is_done:
                    break
                victim.receive_data(data[start : start + size])
            if is_cut or other.is_done:
                break
            other.receive_data(victim.data_to_send())
    except MseError as caught:
        error = caught
    assert error is None or (error.reason and not victim.is_done)
    assert victim.is_done == (victim.agreed is not None)
    assert len(victim.data_to_send()) <= 3000


INPUTS = {
    "side": st.integers(0, 1),
    "seed": st.integers(0, 3),
    "cut": st.integers(0, 1400),
    "garbage": st.binary(max_size=700),
    "size": st.sampled_from([1, 50, 4096]),
}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(**INPUTS)
def test_whatever_the_other_side_sends(side: int, seed: int, cut: int, garbage: bytes, size: int) -> None:
    any_input(side, seed, cut, garbage, size)


def storm(count: int, seed: int) -> None:
    """Many inputs in little time: real bytes with some of them changed, cut or doubled, fed to fresh machines."""
    rng = random.Random(seed)
    one, two = initiator(), responder()
    first = one.data_to_send()
    two.receive_data(first)
    second = two.data_to_send()
    scripts = ((responder, first), (initiator, second))
    plain = b"\x13BitTorrent protocol" + bytes(48)
    for number in range(count):
        make, data = scripts[number & 1]
        kind = rng.randrange(6)
        if kind == 0:
            data = plain[: rng.randrange(len(plain))] + rng.randbytes(rng.randrange(30))
        elif kind == 1:
            data = rng.randbytes(rng.randrange(200))
        else:
            data = bytearray(data[: rng.randrange(len(data) + 1)])
            for _ in range(rng.randrange(4)):
                if data:
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            data += rng.randbytes(rng.choice((0, 0, 30, 600)))
        machine = make()
        try:
            machine.receive_data(bytes(data))
        except RemoteProtocolError:
            assert not machine.is_done


@pytest.mark.slow
def test_ten_thousand_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_keys(monkeypatch)
    storm(10_000, seed=1)


@pytest.mark.soak
def test_a_million_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_keys(monkeypatch)
    storm(1_000_000, seed=2)


def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arithmetic costs all the time there is: of each key pair the powers are computed once."""
    powers: dict[tuple[int, int], int] = {}

    def remembered(base: int, exponent: int, modulus: int) -> int:
        key = base, exponent
        if key not in powers:
            if len(powers) > 1000:
                powers.clear()
            powers[key] = pow(base, exponent, modulus)
        return powers[key]

    monkeypatch.setattr("evtorrent.protocols.mse.key_exchange.pow", remembered, raising=False)


def test_any_method_is_both() -> None:
    assert ANY_METHOD == 3
